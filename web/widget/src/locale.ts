/*
 * Which language the widget speaks. `language` names the texts, `tag` is what times and dates are written in.
 */

export type Language = "en" | "ko" | "zh";

export interface Locale {
  language: Language;
  tag: string;
}

const ENGLISH: Locale = { language: "en", tag: "en" };

/* Every kind of Chinese reads the Chinese texts. */
function localeOf(tag: string): Locale | undefined {
  const language = tag.trim().toLowerCase().split(/[-_]/)[0];
  switch (language) {
    case "en":
    case "ko":
    case "zh":
      try {
        return { language, tag: new Intl.Locale(tag.trim().replaceAll("_", "-")).toString() };
      } catch {
        return { language, tag: language };
      }
    default:
      return undefined;
  }
}

/* The first wish that there are texts for, else English. */
export function pickLocale(wishes: ReadonlyArray<string | null | undefined>): Locale {
  for (const wish of wishes) {
    const locale = wish ? localeOf(wish) : undefined;
    if (locale) {
      return locale;
    }
  }
  return ENGLISH;
}

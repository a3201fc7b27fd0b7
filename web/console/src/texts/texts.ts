/*
 * The console's words in the agent's language. English comes with the page; the others are fetched when they
 * are chosen. A language's file has exactly the keys of the English one: the compiler sees to it.
 */
import { signal } from "@preact/signals";
import { en } from "./en.ts";

export type Texts = typeof en;
export type Language = "en" | "ko" | "zh";

/** In their own names, as a chooser shows them. */
export const LANGUAGES: ReadonlyArray<readonly [Language, string]> = [
  ["en", "English"],
  ["ko", "한국어"],
  ["zh", "简体中文"],
];

/** The words shown now, and the language they are in. */
export const texts = signal<Texts>(en);
export const locale = signal<string>("en");

/** The first of the browser's languages that the console speaks. */
export function browserLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const found = LANGUAGES.find(([language]) => tag.toLowerCase().split("-")[0] === language);
    if (found !== undefined) {
      return found[0];
    }
  }
  return "en";
}

/** Dates follow the region that the browser asks for, as long as it is the same language. */
export function dateLocale(language: Language, wanted: readonly string[]): string {
  return wanted.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
}

async function load(language: Language): Promise<Texts> {
  switch (language) {
    case "en":
      return en;
    case "ko":
      return (await import("./ko.ts")).ko;
    case "zh":
      return (await import("./zh.ts")).zh;
  }
}

let wantedLanguage: Language = "en";

/** Changes the words of the whole page. When two changes cross, the later one wins. */
export async function setLanguage(language: Language): Promise<void> {
  wantedLanguage = language;
  const loaded = await load(language);
  if (wantedLanguage === language) {
    texts.value = loaded;
    locale.value = dateLocale(language, navigator.languages);
    document.documentElement.lang = language;
  }
}

/* How this browser shows the console to this agent: kept here, not on the desk. */
import { effect, signal } from "@preact/signals";
import { keep, readChoice, readKept } from "../../lib/kept.ts";
import { browserLanguage, LANGUAGES, type Language, setLanguage } from "../../texts/texts.ts";

export type Theme = "auto" | "light" | "dark";

export interface Settings {
  theme: Theme;
  language: Language;
  sound: boolean;
  desktop: boolean;
  singleKeys: boolean;
  factsShown: boolean;
}

function readSwitch(key: string, otherwise: boolean): boolean {
  const kept = readKept(key);
  return kept === undefined ? otherwise : kept === "on";
}

function readLanguage(): Language {
  const kept = readKept("language");
  const chosen = LANGUAGES.find(([language]) => language === kept);
  return chosen?.[0] ?? browserLanguage(navigator.languages);
}

export const settings = signal<Settings>({
  theme: readChoice("theme", ["auto", "light", "dark"]),
  language: readLanguage(),
  sound: readSwitch("sound", true),
  desktop: readSwitch("desktop", false),
  singleKeys: readSwitch("singleKeys", true),
  factsShown: readSwitch("factsShown", true),
});

export function change(some: Partial<Settings>): void {
  settings.value = { ...settings.value, ...some };
  for (const [key, value] of Object.entries(some)) {
    keep(key, typeof value === "boolean" ? (value ? "on" : "off") : value);
  }
}

/** Makes theme and language what the settings say, now and whenever they change. */
export function applySettings(): () => void {
  return effect(() => {
    const { theme, language } = settings.value;
    if (theme === "auto") {
      document.documentElement.removeAttribute("data-theme");
    } else {
      document.documentElement.setAttribute("data-theme", theme);
    }
    void setLanguage(language);
  });
}

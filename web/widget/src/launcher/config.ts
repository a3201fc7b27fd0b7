/*
 * What the page asks for, read from the script element or from Desk("boot", …). Read at the border: whatever does
 * not make sense is left out with a line in the console, and the page goes on.
 */

import { formatColor, parseColor, type Rgb } from "@deskbell/ui/color";
import { type Locale, pickLocale } from "../locale.ts";

/* Sites are named like this on the desk. */
const SITE = /^[a-z0-9-]{1,64}$/;

export const DEFAULT_ACCENT: Rgb = [29, 91, 216];

export interface Settings {
  site?: string;
  locale?: string;
  color?: string;
}

export function settingsOf(script: HTMLScriptElement | null): Settings {
  const { site, locale, color } = script?.dataset ?? {};
  return {
    ...(site !== undefined && { site }),
    ...(locale !== undefined && { locale }),
    ...(color !== undefined && { color }),
  };
}

/* Settings from a page's own script can be anything. */
export function parseSettings(value: unknown): Settings {
  const settings: Settings = {};
  if (typeof value === "object" && value !== null) {
    for (const name of ["site", "locale", "color"] as const) {
      const part: unknown = Reflect.get(value, name);
      if (typeof part === "string") {
        settings[name] = part;
      }
    }
  }
  return settings;
}

export function isSite(site: string | undefined): site is string {
  return site !== undefined && SITE.test(site);
}

export function localeFor(wish: string | undefined): Locale {
  return pickLocale([wish, document.documentElement.lang, ...navigator.languages]);
}

/* Any colour that CSS knows: a canvas tells what it is in numbers, and keeps the default for what is none. */
export function accentFor(color: string | undefined): Rgb {
  if (color === undefined) {
    return DEFAULT_ACCENT;
  }
  const exact = parseColor(color);
  if (exact) {
    return exact;
  }
  const context = document.createElement("canvas").getContext("2d");
  if (!context) {
    return DEFAULT_ACCENT;
  }
  context.fillStyle = formatColor(DEFAULT_ACCENT);
  context.fillStyle = color;
  return parseColor(context.fillStyle) ?? DEFAULT_ACCENT;
}

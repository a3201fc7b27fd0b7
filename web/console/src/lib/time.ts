/*
 * Times in words. All times are milliseconds since 1970 on the desk's clock; `now` is the desk's clock too
 * (see lib/clock.ts), so that a wrong clock on the agent's machine never shows a negative wait.
 */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** After this long a wait is due, and after the next late: most people leave after three minutes. */
export const WAIT_DUE_MS = MINUTE;
export const WAIT_LATE_MS = 3 * MINUTE;

/** How a wait is shown; it only ever gets worse. */
export type WaitStep = "fresh" | "due" | "late";

export function waitStep(waitedMs: number): WaitStep {
  if (waitedMs >= WAIT_LATE_MS) {
    return "late";
  }
  return waitedMs >= WAIT_DUE_MS ? "due" : "fresh";
}

/** Words of a language that short spans need. */
export interface SpanWords {
  days(n: number): string;
  hoursAndMinutes(hours: number, minutes: number): string;
}

/** A wait as a stop-watch: 0:07, 12:30; from an hour on in words. */
export function formatWait(waitedMs: number, words: SpanWords): string {
  const ms = Math.max(0, waitedMs);
  if (ms < HOUR) {
    const seconds = Math.floor(ms / SECOND) % 60;
    return `${Math.floor(ms / MINUTE)}:${String(seconds).padStart(2, "0")}`;
  }
  if (ms < DAY) {
    return words.hoursAndMinutes(Math.floor(ms / HOUR), Math.floor(ms / MINUTE) % 60);
  }
  return words.days(Math.floor(ms / DAY));
}

/** The start of the local day that holds `at`. */
export function dayOf(at: number): number {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Whole local days from `at` to `now`; 0 is today. Counts dates, so a day of 23 or 25 hours is one day. */
export function daysBetween(at: number, now: number): number {
  return Math.round((dayOf(now) - dayOf(at)) / DAY);
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(
  locale: string,
  name: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const key = `${locale} ${name}`;
  let found = formatters.get(key);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(locale, options);
    formatters.set(key, found);
  }
  return found;
}

/** 14:02, or as the language writes it. */
export function formatClock(at: number, locale: string): string {
  return formatter(locale, "clock", { hour: "numeric", minute: "2-digit" }).format(at);
}

/** Date and time in full, for titles. */
export function formatFull(at: number, locale: string): string {
  return formatter(locale, "full", { dateStyle: "medium", timeStyle: "short" }).format(at);
}

/** So long after it the time of day says enough, midnight or not. */
const SAME_NIGHT_MS = 12 * HOUR;

/** As short as a list needs: the time of today or this night, the weekday of the last six days, else the date. */
export function formatListTime(at: number, now: number, locale: string): string {
  const days = daysBetween(at, now);
  if (days <= 0 || now - at < SAME_NIGHT_MS) {
    return formatClock(at, locale);
  }
  if (days < 7) {
    return formatter(locale, "weekday", { weekday: "short" }).format(at);
  }
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return sameYear
    ? formatter(locale, "date", { day: "numeric", month: "short" }).format(at)
    : formatter(locale, "year", { day: "numeric", month: "short", year: "numeric" }).format(at);
}

/** The heading of a day in a conversation. */
export function formatDay(
  at: number,
  now: number,
  locale: string,
  words: { today: string; yesterday: string },
): string {
  const days = daysBetween(at, now);
  if (days === 0) {
    return words.today;
  }
  if (days === 1) {
    return words.yesterday;
  }
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return sameYear
    ? formatter(locale, "day", { weekday: "long", day: "numeric", month: "long" }).format(at)
    : formatter(locale, "dayYear", { day: "numeric", month: "long", year: "numeric" }).format(at);
}

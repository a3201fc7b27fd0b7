/*
 * Times as people read them, in their language and time zone. Times are milliseconds since 1970.
 */

export interface Clock {
  /* "14:05", "오후 2:05" */
  time(at: number): string;
  /* "Today", "어제", "Tuesday", "3 March", "3 March 2025": as short as it stays clear. */
  day(at: number, now: number): string;
  /* Day and time, for tooltips and screen readers. */
  full(at: number): string;
}

const DAY_MS = 86_400_000;

/* Days are counted between local midnights, so that a change to summer time does not move them. */
function dayNumber(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS;
}

export function isSameDay(a: number, b: number): boolean {
  return dayNumber(a) === dayNumber(b);
}

/* Newer locale data writes AM and PM into Korean times; nobody in Korea does. */
function localize(text: string, locale: string): string {
  return locale.startsWith("ko") ? text.replace("AM", "오전").replace("PM", "오후") : text;
}

function capitalize(text: string, locale: string): string {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}

export function makeClock(locale: string): Clock {
  const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat(locale, options);
  const time = format({ timeStyle: "short" });
  const weekday = format({ weekday: "long" });
  const dayOfYear = format({ day: "numeric", month: "long" });
  const dayWithYear = format({ day: "numeric", month: "long", year: "numeric" });
  const full = format({ dateStyle: "long", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

  return {
    time: (at) => localize(time.format(at), locale),
    full: (at) => localize(full.format(at), locale),
    day: (at, now) => {
      const ago = dayNumber(now) - dayNumber(at);
      if (ago === 0 || ago === 1) {
        return capitalize(relative.format(-ago, "day"), locale);
      }
      if (ago > 1 && ago < 7) {
        return capitalize(weekday.format(at), locale);
      }
      const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
      return (sameYear ? dayOfYear : dayWithYear).format(at);
    },
  };
}

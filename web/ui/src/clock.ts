/*
 * Times as people read them, in their language and time zone. Times are milliseconds since 1970.
 */

export interface Clock {
  /* "14:05", "오후 2:05" */
  time(at: number): string;
  /* "Today", "어제", "Tuesday", "3 March", "3 March 2025": as short as it stays clear. */
  day(at: number, now: number): string;
}

/* How the language calls the last two days; asking Intl for them takes longer than drawing a window. */
export interface DayNames {
  today: string;
  yesterday: string;
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

/* A formatter takes milliseconds to make, more than all the rest of a window: each is made when it is first needed. */
function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

export function makeClock(locale: string, names: DayNames): Clock {
  const formatter = (options: Intl.DateTimeFormatOptions): (() => Intl.DateTimeFormat) =>
    lazy(() => new Intl.DateTimeFormat(locale, options));
  const time = formatter({ timeStyle: "short" });
  const weekday = formatter({ weekday: "long" });
  const dayOfYear = formatter({ day: "numeric", month: "long" });
  const dayWithYear = formatter({ day: "numeric", month: "long", year: "numeric" });

  return {
    time: (at) => localize(time().format(at), locale),
    day: (at, now) => {
      const ago = dayNumber(now) - dayNumber(at);
      if (ago === 0 || ago === 1) {
        return ago === 0 ? names.today : names.yesterday;
      }
      if (ago > 1 && ago < 7) {
        return weekday().format(at);
      }
      const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
      return (sameYear ? dayOfYear() : dayWithYear()).format(at);
    },
  };
}

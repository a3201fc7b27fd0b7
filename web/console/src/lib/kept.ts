/*
 * What this browser keeps between visits. A browser may refuse storage or hold what an older version wrote;
 * then the default counts, and nothing breaks.
 */

const PREFIX = "deskbell.console.";

export function readKept(key: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a text, or forgets it when there is none. */
export function keep(key: string, value: string | undefined): void {
  try {
    if (value === undefined) {
      localStorage.removeItem(PREFIX + key);
    } else {
      localStorage.setItem(PREFIX + key, value);
    }
  } catch {
    // Full or forbidden: the page goes on without.
  }
}

/** The keys kept below a prefix, without it. */
export function keptKeys(prefix: string): string[] {
  try {
    const whole = PREFIX + prefix;
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(whole))
      .map((key) => key.slice(whole.length));
  } catch {
    return [];
  }
}

/** One of the allowed values, else the first of them. */
export function readChoice<T extends string>(key: string, allowed: readonly [T, ...T[]]): T {
  const kept = readKept(key);
  return allowed.find((value) => value === kept) ?? allowed[0];
}

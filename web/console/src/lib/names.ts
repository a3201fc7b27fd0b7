/* What to call people, and how their avatars look. */

/** How many avatar tints the style sheet has. */
const TINTS = 6;

/** Up to two letters; scripts without capitals give their first sign. Counts signs, not UTF-16 units. */
export function initials(name: string): string {
  const words = name
    .trim()
    .split(/\s+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word));
  const first = firstSign(words[0] ?? "");
  if (words.length < 2 || !/\p{Lu}|\p{Ll}/u.test(first)) {
    return first.toLocaleUpperCase();
  }
  return (first + firstSign(words[words.length - 1] ?? "")).toLocaleUpperCase();
}

function firstSign(word: string): string {
  return /[\p{L}\p{N}]/u.exec(word)?.[0] ?? "";
}

/** Always the same tint for the same person. */
export function tintOf(key: string | number): number {
  const text = String(key);
  let sum = 0;
  for (let i = 0; i < text.length; i += 1) {
    sum = (sum * 31 + text.charCodeAt(i)) % 9973;
  }
  return sum % TINTS;
}

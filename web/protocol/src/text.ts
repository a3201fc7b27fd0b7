/**
 * What may be typed: characters are counted as the desk counts them.
 */
import { BLANK, VISITOR_COMMAND_POST_TEXT_MAX_CHARS } from "./gen/limits.ts";

export * from "./gen/limits.ts";

/** Of a message, the visitor's and the agent's alike. */
export const MAX_TEXT_CHARS = VISITOR_COMMAND_POST_TEXT_MAX_CHARS;

/** Unicode code points. */
export function countChars(text: string): number {
  let count = 0;
  for (const _ of text) {
    count++;
  }
  return count;
}

/** Does every character show nothing? The desk refuses such a message. */
export function isBlank(text: string): boolean {
  return BLANK.test(text);
}

/** The first characters of a text, at most max; whole characters only. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : Array.from(text).slice(0, max).join("");
}

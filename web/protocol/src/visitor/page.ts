/**
 * What the desk is told of the page, within what it takes.
 */
import {
  VISITOR_COMMAND_HELLO_LANGUAGE_MAX_CHARS,
  VISITOR_COMMAND_HELLO_PAGE_MAX_CHARS,
  VISITOR_COMMAND_HELLO_REFERRER_MAX_CHARS,
  VISITOR_COMMAND_HELLO_TITLE_MAX_CHARS,
} from "../gen/limits.ts";
import { clip } from "../text.ts";

export interface PageFacts {
  readonly page?: string;
  readonly title?: string;
  readonly referrer?: string;
  readonly language?: string;
}

export function documentFacts(): PageFacts {
  return {
    page: location.href,
    title: document.title,
    referrer: document.referrer,
    language: navigator.language,
  };
}

const LIMITS = [
  ["page", VISITOR_COMMAND_HELLO_PAGE_MAX_CHARS],
  ["title", VISITOR_COMMAND_HELLO_TITLE_MAX_CHARS],
  ["referrer", VISITOR_COMMAND_HELLO_REFERRER_MAX_CHARS],
  ["language", VISITOR_COMMAND_HELLO_LANGUAGE_MAX_CHARS],
] as const;

/** Without what is empty, and cut to what the desk takes. */
export function sendable(facts: PageFacts): PageFacts {
  const out: { -readonly [K in keyof PageFacts]: PageFacts[K] } = {};
  for (const [name, max] of LIMITS) {
    // A zero character would be refused, and with it the whole hello.
    const text = facts[name]?.replaceAll("\0", "");
    if (text) {
      out[name] = clip(text, max);
    }
  }
  return out;
}

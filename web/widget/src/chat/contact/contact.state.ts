/*
 * Asking how to reach the visitor: once, when nobody is there to answer what was written, and only until an address
 * is known or the visitor does not want to.
 */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Person } from "../../contract.ts";

export type ContactStep = "hidden" | "asking" | "done";

export interface ContactInput {
  readonly online: ReadonlySignal<boolean>;
  readonly hasWritten: ReadonlySignal<boolean>;
  readonly email: ReadonlySignal<string | undefined>;
}

export interface ContactState {
  readonly step: ReadonlySignal<ContactStep>;
  /* Why the last try did not work. */
  readonly problem: ReadonlySignal<"wrong" | "failed" | undefined>;
  save(name: string, email: string): Promise<void>;
  skip(): void;
}

const EMAIL_MAX_CHARS = 254;
const NAME_MAX_CHARS = 100;

/* Good enough to catch a slip; only a mail that arrives proves more. */
function looksLikeEmail(text: string): boolean {
  return text.length <= EMAIL_MAX_CHARS && /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(text);
}

/* `identify` tells the desk; false when that did not work. */
export function makeContact(
  input: ContactInput,
  identify: (person: Person) => Promise<boolean>,
): ContactState {
  const skipped = signal(false);
  const saved = signal(false);
  const problem = signal<"wrong" | "failed" | undefined>(undefined);
  const step = computed<ContactStep>(() => {
    if (saved.value) {
      return "done";
    }
    const known = input.email.value !== undefined;
    return !input.online.value && input.hasWritten.value && !known && !skipped.value
      ? "asking"
      : "hidden";
  });
  return {
    step,
    problem,
    async save(name, email) {
      const person: Person = { email: email.trim() };
      if (!looksLikeEmail(email.trim())) {
        problem.value = "wrong";
        return;
      }
      const trimmed = [...name.trim()].slice(0, NAME_MAX_CHARS).join("");
      if (trimmed !== "") {
        person.name = trimmed;
      }
      const done = await identify(person);
      problem.value = done ? undefined : "failed";
      saved.value = done;
    },
    skip() {
      skipped.value = true;
    },
  };
}

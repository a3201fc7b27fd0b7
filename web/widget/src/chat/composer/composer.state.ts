/*
 * What the visitor is writing. Text is never cut: what is too long stays and says by how much. It survives the way
 * to another page of the site.
 */

import { countChars, isBlank } from "@deskbell/protocol/text";
import { computed, type ReadonlySignal, signal } from "@preact/signals";

/* Limit of the desk, in characters as it counts them. */
export const TEXT_MAX_CHARS = 8000;
/* From here on the number of characters left is shown. */
const COUNT_FROM_CHARS = 7500;
/* So long without a key is no longer typing. */
const TYPING_END_MS = 4000;

export interface ComposerState {
  readonly draft: ReadonlySignal<string>;
  /* Characters left, negative when too long; undefined while there is plenty. */
  readonly left: ReadonlySignal<number | undefined>;
  readonly canSend: ReadonlySignal<boolean>;
  write(text: string): void;
  /* Gives the text away if it can be sent. */
  submit(): boolean;
  stop(): void;
}

export interface ComposerLine {
  send(text: string): void;
  /* May be called at each key. */
  typing(on: boolean): void;
}

export interface DraftStore {
  load(): string;
  save(text: string): void;
}

/* Of this tab. Storage may be switched off: then a draft lives as long as the page. */
export function sessionDraft(key: string): DraftStore {
  return {
    load() {
      try {
        return sessionStorage.getItem(key) ?? "";
      } catch {
        return "";
      }
    },
    save(text) {
      try {
        if (text === "") {
          sessionStorage.removeItem(key);
        } else {
          sessionStorage.setItem(key, text);
        }
      } catch {
        /* The page has it. */
      }
    },
  };
}

export function makeComposer(line: ComposerLine, store: DraftStore): ComposerState {
  const draft = signal(store.load());
  let typing = false;
  let ending: ReturnType<typeof setTimeout> | undefined;

  const left = computed(() => {
    const text = draft.value.trim();
    /* A character is one or two units: most texts need no counting. */
    if (text.length < COUNT_FROM_CHARS) {
      return undefined;
    }
    const count = countChars(text);
    return count < COUNT_FROM_CHARS ? undefined : TEXT_MAX_CHARS - count;
  });
  const canSend = computed(() => !isBlank(draft.value) && (left.value ?? 0) >= 0);

  function set(text: string): void {
    draft.value = text;
    store.save(text);
  }

  function endTyping(): void {
    clearTimeout(ending);
    if (typing) {
      typing = false;
      line.typing(false);
    }
  }

  return {
    draft,
    left,
    canSend,
    write(text) {
      set(text);
      if (isBlank(text)) {
        endTyping();
        return;
      }
      clearTimeout(ending);
      ending = setTimeout(endTyping, TYPING_END_MS);
      typing = true;
      line.typing(true);
    },
    submit() {
      if (!canSend.value) {
        return false;
      }
      const text = draft.value.trim();
      set("");
      /* The message says by itself that its writer has ended. */
      clearTimeout(ending);
      typing = false;
      line.send(text);
      return true;
    },
    stop: endTyping,
  };
}

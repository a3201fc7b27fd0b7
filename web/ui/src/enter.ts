/*
 * Tells the Enter that sends from the Enter that ends a word of an input method.
 *
 * What browsers do when Enter confirms a word:
 *   Chrome, Firefox   keydown with isComposing, then compositionend; Korean ones on some systems send a second, plain
 *                     keydown, and for that one people expect the message to go
 *   Safari            compositionend first, then keydown without isComposing but with key code 229 (or, in some
 *                     versions, 13): nothing but its closeness in time tells that it belongs to the word
 */

export interface EnterKey {
  key: string;
  keyCode: number;
  isComposing: boolean;
  shiftKey: boolean;
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  timeStamp: number;
}

/* A person needs longer than this from the end of a word to the next key. */
const SAME_KEY_MS = 50;
const KEY_CODE_COMPOSING = 229;

export class EnterGuard {
  #composing = false;
  #endedAt = Number.NEGATIVE_INFINITY;
  #enterSeen = false;

  compositionStart(): void {
    this.#composing = true;
    this.#enterSeen = false;
  }

  compositionEnd(event: { timeStamp: number }): void {
    this.#composing = false;
    this.#endedAt = event.timeStamp;
  }

  /* To be asked for every keydown, in order. */
  sends(event: EnterKey): boolean {
    const enter = event.key === "Enter";
    if (this.#composing || event.isComposing || event.keyCode === KEY_CODE_COMPOSING) {
      this.#enterSeen = enter || event.key === "Process" || event.key === "Unidentified";
      return false;
    }
    if (!enter || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) {
      return false;
    }
    return this.#enterSeen || event.timeStamp - this.#endedAt > SAME_KEY_MS;
  }
}

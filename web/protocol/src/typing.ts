/**
 * "… is typing": what is sent of one's own typing, and how long another's is shown.
 */
import type { Environment } from "./environment.ts";

/** While it goes on it is told so often. */
export const TYPING_REPEAT_MS = 3_000;
/** Without another word it has ended. */
export const TYPING_ENDS_MS = 5_000;

/** One's own: says when to send. */
export class OwnTyping {
  readonly #environment: Environment;
  readonly #send: (on: boolean) => void;
  #sentAt = 0;
  #isOn = false;

  constructor(environment: Environment, send: (on: boolean) => void) {
    this.#environment = environment;
    this.#send = send;
  }

  /** At each key, and with false when the field is left or emptied. */
  set(on: boolean): void {
    const now = this.#environment.now();
    const isDue = !this.#isOn || Math.abs(now - this.#sentAt) >= TYPING_REPEAT_MS;
    if (on ? isDue : this.#isOn && now - this.#sentAt < TYPING_ENDS_MS) {
      this.#sentAt = now;
      this.#send(on);
    }
    this.#isOn = on;
  }

  /** It has ended without a word: the message was sent, or the connection is gone. */
  reset(): void {
    this.#isOn = false;
  }
}

/** Another's: ends by itself. */
export class OtherTyping {
  readonly #environment: Environment;
  readonly #onEnd: () => void;
  #cancelTimer: (() => void) | undefined;

  constructor(environment: Environment, onEnd: () => void) {
    this.#environment = environment;
    this.#onEnd = onEnd;
  }

  get isOn(): boolean {
    return this.#cancelTimer !== undefined;
  }

  /** True: it has begun or ended. onEnd is not called for an end that is told here. */
  set(on: boolean): boolean {
    const was = this.isOn;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (on) {
      this.#cancelTimer = this.#environment.after(TYPING_ENDS_MS, () => {
        this.#cancelTimer = undefined;
        this.#onEnd();
      });
    }
    return was !== on;
  }
}

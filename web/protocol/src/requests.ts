/**
 * Commands that wait for their answer: each has a ref, and ends with the event that repeats it, with
 * the end of the connection, or with time.
 */
import type { Environment } from "./environment.ts";
import type { Refusal, Result } from "./result.ts";

export const ANSWER_TIMEOUT_MS = 10_000;

interface Waiting<E> {
  readonly finish: (result: Result<E>) => void;
  readonly cancelTimer: () => void;
}

const lost = (error: "offline" | "timeout"): Refusal => ({ error, text: "" });

export class Requests<E> {
  readonly #environment: Environment;
  readonly #waiting = new Map<number, Waiting<E>>();
  #lastRef = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** send gets the ref to use and says whether there is a connection. */
  ask(send: (ref: number) => boolean): Promise<Result<E>> {
    const ref = ++this.#lastRef;
    if (!send(ref)) {
      return Promise.resolve({ ok: false, refusal: lost("offline") });
    }
    return new Promise((resolve) => {
      const cancelTimer = this.#environment.after(ANSWER_TIMEOUT_MS, () =>
        this.#finish(ref, { ok: false, refusal: lost("timeout") }),
      );
      this.#waiting.set(ref, { finish: resolve, cancelTimer });
    });
  }

  answer(ref: number | undefined, event: E): void {
    this.#finish(ref, { ok: true, value: event });
  }

  refuse(ref: number | undefined, refusal: Refusal): void {
    this.#finish(ref, { ok: false, refusal });
  }

  /** The connection is gone. */
  drop(): void {
    for (const ref of [...this.#waiting.keys()]) {
      this.#finish(ref, { ok: false, refusal: lost("offline") });
    }
  }

  #finish(ref: number | undefined, result: Result<E>): void {
    const waiting = ref === undefined ? undefined : this.#waiting.get(ref);
    if (ref !== undefined && waiting) {
      this.#waiting.delete(ref);
      waiting.cancelTimer();
      waiting.finish(result);
    }
  }
}

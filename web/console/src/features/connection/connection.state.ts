/*
 * The line above everything: a short break is not worth a word, a longer one is told at once, and its end for
 * as long as it takes to read it.
 */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Desk } from "../../desk/desk.state.ts";

export type LineState = { kind: "none" } | { kind: "lost" } | { kind: "back"; newMessages: number };

/** A break shorter than this is not told. */
export const LOST_AFTER_MS = 1200;
export const BACK_SHOWN_MS = 5000;

const NONE: LineState = { kind: "none" };

export class ConnectionLineState {
  readonly #line = signal<LineState>(NONE);
  readonly line: ReadonlySignal<LineState> = this.#line;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #down = false;

  /** Follows the desk; the returned function ends it. */
  follow(desk: Desk): () => void {
    const stop = effect(() => {
      const { phase } = desk.connection.value;
      const back = desk.caughtUp.value;
      if (!desk.ready.value) {
        return;
      }
      if (back !== undefined && this.#down) {
        this.#comeBack(back.newMessages);
      } else if (phase !== "online" && back === undefined) {
        this.#goDown();
      }
    });
    return () => {
      stop();
      clearTimeout(this.#timer);
    };
  }

  #goDown(): void {
    if (!this.#down) {
      this.#down = true;
      this.#later(LOST_AFTER_MS, { kind: "lost" });
    }
  }

  #comeBack(newMessages: number): void {
    this.#down = false;
    const told = this.#line.peek().kind === "lost";
    clearTimeout(this.#timer);
    if (told || newMessages > 0) {
      this.#line.value = { kind: "back", newMessages };
      this.#later(BACK_SHOWN_MS, NONE);
    }
  }

  #later(ms: number, line: LineState): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#line.value = line;
    }, ms);
  }
}

/**
 * The desk's events in the order of their numbers, each once and without gaps: live ones as they
 * come, missed ones by asking for them.
 */
import type { AgentEventWelcome } from "../gen/agent.ts";
import type { DeskEvent } from "../gen/values.ts";

export interface FeedHandlers {
  /** Ask for events after this number; answer with page or gone. */
  readonly ask: (after: number) => void;
  readonly onEvent: (event: DeskEvent) => void;
  /** What was known cannot be continued: everything has to be read again. */
  readonly onReload: () => void;
  /** Nothing is missing any more. */
  readonly onCaughtUp: () => void;
}

/** Live events that are kept while earlier ones are asked for; beyond that they are asked for too. */
export const MAX_AHEAD = 1_000;

export class Feed {
  readonly #handlers: FeedHandlers;
  /** Last event that was passed on; undefined: nothing is known yet. */
  #last: number | undefined;
  /** Highest number that is known to exist. */
  #known = 0;
  readonly #ahead = new Map<number, DeskEvent>();
  #isAsking = false;
  #isBehind = false;

  constructor(handlers: FeedHandlers) {
    this.#handlers = handlers;
  }

  get last(): number {
    return this.#last ?? 0;
  }

  welcome({ event, oldest }: AgentEventWelcome): void {
    this.#isAsking = false;
    this.#known = event;
    const canContinue = this.#last !== undefined && this.#last <= event && this.#last + 1 >= oldest;
    if (!canContinue) {
      this.#reload();
    }
    this.#isBehind = true;
    this.#advance();
  }

  live(event: DeskEvent): void {
    this.#take([event]);
    this.#advance();
  }

  page(items: readonly DeskEvent[], last: number): void {
    const before = this.#last;
    this.#isAsking = false;
    this.#known = Math.max(this.#known, last);
    this.#take(items);
    if (this.#last === before && items.length === 0 && this.last < this.#known) {
      // The desk says there are more but gives none.
      this.#reload();
    }
    this.#advance();
  }

  gone(): void {
    this.#isAsking = false;
    this.#reload();
    this.#advance();
  }

  /** The question was not answered; ask again when it may help. */
  unanswered(): void {
    this.#isAsking = false;
  }

  again(): void {
    this.#advance();
  }

  #reload(): void {
    this.#last = this.#known;
    this.#ahead.clear();
    this.#isBehind = true;
    this.#handlers.onReload();
  }

  #take(events: readonly DeskEvent[]): void {
    for (const event of events) {
      this.#known = Math.max(this.#known, event.event);
      if (event.event > this.last && this.#ahead.size < MAX_AHEAD) {
        this.#ahead.set(event.event, event);
      }
    }
  }

  #advance(): void {
    if (this.#last === undefined) {
      return;
    }
    for (let next = this.#next(); next; next = this.#next()) {
      this.#ahead.delete(next.event);
      this.#last = next.event;
      this.#handlers.onEvent(next);
    }
    if (this.last < this.#known) {
      this.#isBehind = true;
      if (!this.#isAsking) {
        this.#isAsking = true;
        this.#handlers.ask(this.last);
      }
    } else if (this.#isBehind) {
      this.#isBehind = false;
      this.#handlers.onCaughtUp();
    }
  }

  #next(): DeskEvent | undefined {
    return this.#ahead.get(this.last + 1);
  }
}

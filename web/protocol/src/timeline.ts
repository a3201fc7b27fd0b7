/**
 * The messages of a conversation in the order of their numbers, whatever order they come in.
 *
 * Shown is only what has no gap before it; what lies behind a gap waits until the gap is filled.
 */
import type { Author, ErrorCode, Line, Message } from "./gen/values.ts";

export class Timeline {
  readonly #messages = new Map<number, Message>();
  readonly #from: number;
  /** Without gaps: numbers above first - 1 up to last. */
  #first = 0;
  #last: number;
  /** Highest number that is known to exist. */
  #known: number;

  /** Holds numbers above from, and older ones once they are added in one piece with the rest. */
  constructor(from = 0) {
    this.#from = from;
    this.#last = from;
    this.#known = from;
  }

  /** Lowest number of the part without gaps; 0 when it is empty. */
  get first(): number {
    return this.#first;
  }

  /** Highest number of the part without gaps; from when it is empty. */
  get last(): number {
    return this.#last;
  }

  /** Is there something after last that is not here yet? */
  get missing(): boolean {
    return this.#known > this.#last;
  }

  get messages(): readonly Message[] {
    const shown: Message[] = [];
    for (let number = this.#first; number > 0 && number <= this.#last; number++) {
      const message = this.#messages.get(number);
      if (message) {
        shown.push(message);
      }
    }
    return shown;
  }

  /** A message with this number exists. */
  expect(number: number): void {
    this.#known = Math.max(this.#known, number);
  }

  /** Any order, doubles are dropped. True: the part without gaps has changed. */
  add(messages: readonly Message[]): boolean {
    const { first, last } = { first: this.#first, last: this.#last };
    for (const message of messages) {
      if (!this.#messages.has(message.number)) {
        this.#messages.set(message.number, message);
        this.expect(message.number);
      }
    }
    while (this.#messages.has(this.#last + 1)) {
      this.#last++;
    }
    if (this.#first === 0 && this.#last > this.#from) {
      this.#first = this.#from + 1;
    }
    while (this.#first > 1 && this.#messages.has(this.#first - 1)) {
      this.#first--;
    }
    return first !== this.#first || last !== this.#last;
  }

  clear(): void {
    this.#messages.clear();
    this.#first = 0;
    this.#last = this.#from;
    this.#known = this.#from;
  }
}

/** Of one's own side's messages. */
export type Delivery = "waiting" | "stored" | "delivered" | "read" | "refused";

/** One line of a conversation as it is shown. */
export interface ThreadItem {
  /** Stays the same when a waiting message becomes a stored one. */
  readonly key: string;
  /** Absent: not stored yet. */
  readonly number?: number;
  readonly id?: string;
  readonly author: Author;
  readonly agent?: number;
  /** The agent's. */
  readonly name?: string;
  /** Of system lines. */
  readonly line?: Line;
  readonly text: string;
  /** The desk's time, or this clock's while it waits. */
  readonly at: number;
  readonly delivery?: Delivery;
  /** Of refused. */
  readonly reason?: ErrorCode;
}

/** A message of one's own that is not stored yet. */
export interface WaitingMessage {
  readonly id: string;
  readonly text: string;
  readonly at: number;
  readonly refused?: ErrorCode;
}

/** How far the other side has got. */
export interface Receipts {
  readonly delivered: number;
  readonly read: number;
}

function delivery(number: number, receipts: Receipts): Delivery {
  if (number <= receipts.read) {
    return "read";
  }
  return number <= receipts.delivered ? "delivered" : "stored";
}

/** Stored messages, then those that wait; own is one's own side. */
export function threadItems(
  messages: readonly Message[],
  waiting: readonly WaitingMessage[],
  own: "visitor" | "agent",
  receipts: Receipts,
): readonly ThreadItem[] {
  const keyOf = (author: Author, id: string) => `${author}:${id}`;
  const items: ThreadItem[] = messages.map((message) => {
    const key = message.id ? keyOf(message.author, message.id) : `#${message.number}`;
    return message.author === own
      ? { ...message, key, delivery: delivery(message.number, receipts) }
      : { ...message, key };
  });
  const stored = new Set(items.map((item) => item.key));
  for (const { id, text, at, refused } of waiting) {
    const key = keyOf(own, id);
    if (!stored.has(key)) {
      const item = { key, id, author: own, text, at };
      items.push(
        refused
          ? { ...item, delivery: "refused", reason: refused }
          : { ...item, delivery: "waiting" },
      );
    }
  }
  return items;
}

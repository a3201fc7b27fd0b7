/*
 * All conversations this console knows, and the lists they stand in. A change costs a few searches however
 * many there are, and only the lists it touches are computed again.
 */
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { belongs, byChange, byWait, type Extent, isWaiting, readPart, VIEWS } from "./lists.ts";
import { Sorted } from "./sorted.ts";
import type { Conversation, View } from "./types.ts";

interface Entry {
  conversation: Conversation;
  /** The event it is true at. */
  asOf: number;
}

interface List {
  sorted: Sorted<Conversation>;
  version: Signal<number>;
}

const makeList = (compare: (a: Conversation, b: Conversation) => number): List => ({
  sorted: new Sorted(compare),
  version: signal(0),
});

export class Known {
  /** Who waits for anybody, longest first. */
  readonly waiting: ReadonlySignal<readonly Conversation[]>;
  readonly #entries = new Map<number, Entry>();
  readonly #watched = new Map<number, Signal<Conversation | undefined>>();
  readonly #waiting = makeList(byWait);
  readonly #views: Readonly<Record<View, List>> = {
    mine: makeList(byWait),
    unassigned: makeList(byWait),
    all: makeList(byChange),
    closed: makeList(byChange),
  };
  /** Whose view "mine" is. */
  #me = 0;

  constructor() {
    this.waiting = computed(() => {
      void this.#waiting.version.value;
      return [...this.#waiting.sorted.items];
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Forgets everything; from now on it is this agent who looks. */
  reset(me: number): void {
    this.#me = me;
    this.#entries.clear();
    for (const list of [this.#waiting, ...Object.values(this.#views)]) {
      list.sorted.clear();
      list.version.value += 1;
    }
    for (const watched of this.#watched.values()) {
      watched.value = undefined;
    }
  }

  get(id: number): Entry | undefined {
    return this.#entries.get(id);
  }

  /** The conversation as it is known; whoever reads it hears of its changes and of no others. */
  watch(id: number): Conversation | undefined {
    let watched = this.#watched.get(id);
    if (watched === undefined) {
      watched = signal(this.#entries.get(id)?.conversation);
      this.#watched.set(id, watched);
    }
    return watched.value;
  }

  put(conversation: Conversation, asOf: number): void {
    const id = conversation.conversation;
    const before = this.#entries.get(id)?.conversation;
    this.#entries.set(id, { conversation, asOf });
    const watched = this.#watched.get(id);
    if (watched !== undefined) {
      watched.value = conversation;
    }
    for (const view of VIEWS) {
      const inIt = (c: Conversation): boolean => belongs(c, view, this.#me);
      move(this.#views[view], before, conversation, inIt);
    }
    move(this.#waiting, before, conversation, isWaiting);
  }

  /** The members of a list as far as it has been read. */
  members(view: View, extent: Extent): readonly Conversation[] {
    const list = this.#views[view];
    void list.version.value;
    return readPart(list.sorted.items, extent);
  }
}

function move(
  list: List,
  before: Conversation | undefined,
  after: Conversation,
  inIt: (c: Conversation) => boolean,
): void {
  const was = before !== undefined && inIt(before) && list.sorted.delete(before);
  const is = inIt(after);
  if (is) {
    list.sorted.add(after);
  }
  if (was || is) {
    list.version.value += 1;
  }
}

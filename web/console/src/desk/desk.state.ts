/*
 * What this console knows of the desk: conversations, lists, counts, agents, who is typing. The only part
 * besides conversation.state.ts that speaks to the client; screens read its signals.
 *
 * Everything is true as of one event number (`asOf`). Answers to questions carry the number they are true at:
 * one that is ahead of the events waits until they have been heard, one that is behind never overwrites what
 * a later event has told. So live pushes, catching up and paging end in the same picture.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { Known } from "./known.ts";
import {
  type Counts,
  type Extent,
  guessBefore,
  recount,
  VIEWS,
  withMessage,
  withReceipt,
} from "./lists.ts";
import type {
  Agent,
  AgentClient,
  AgentNotice,
  ConnectionStatus,
  Conversation,
  DeskEvent,
  Facts,
  Line,
  Message,
  OutboxEntry,
  Result,
  Status,
  View,
} from "./types.ts";

/** The client as far as the console uses it; tests and the preview bring their own. */
export type DeskClient = Pick<
  AgentClient,
  | "connection"
  | "me"
  | "agents"
  | "outbox"
  | "subscribe"
  | "start"
  | "stop"
  | "list"
  | "open"
  | "history"
  | "take"
  | "assign"
  | "close"
  | "reopen"
  | "setStatus"
  | "post"
  | "retry"
  | "discard"
  | "read"
  | "typing"
>;

/** How a list stands. */
export interface ListState extends Extent {
  loading: boolean;
  failed: boolean;
  /** Where the next page begins. */
  next?: string;
}

/** A message that somebody may have to be told of. */
export interface Arrival {
  conversation: Conversation;
  message: Message;
  /** Heard while catching up: several may come at once. */
  late: boolean;
}

/** What came while the connection was away. */
export interface CaughtUp {
  newMessages: number;
}

const PAGE = 100;
/** Lists that are worked off are read ahead up to here, so that who waits longest is among them. */
const READ_AHEAD = 1000;
/** More conversations than this are not kept: the lists begin anew. */
const MAX_KNOWN = 20_000;
/** An answer that is ahead of the events is taken after this long all the same. */
const HOLD_MS = 2000;

const UNREAD: ListState = { complete: false, loading: false, failed: false };

export class Desk {
  readonly client: DeskClient;
  readonly connection: Signal<ConnectionStatus>;
  readonly me: Signal<Agent | undefined>;
  readonly agents: Signal<ReadonlyMap<number, Agent>>;
  readonly outbox: Signal<readonly OutboxEntry[]>;
  readonly counts = signal<Counts>({ mine: 0, unassigned: 0, all: 0 });
  /** False until the first answer of the desk. */
  readonly ready = signal(false);
  /** Set when a lost connection is back and nothing is missing any more. */
  readonly caughtUp = signal<CaughtUp | undefined>(undefined);
  /** Counts up with each reload; what was read before is to be forgotten. */
  readonly epoch = signal(0);
  readonly typing = signal<ReadonlyMap<number, ReadonlySet<number>>>(new Map());

  readonly lists: Readonly<Record<View, Signal<ListState>>> = {
    mine: signal(UNREAD),
    unassigned: signal(UNREAD),
    all: signal(UNREAD),
    closed: signal(UNREAD),
  };
  readonly members: Readonly<Record<View, ReadonlySignal<readonly Conversation[]>>>;
  /** Who waits for anybody, longest first. */
  readonly waiting: ReadonlySignal<readonly Conversation[]>;

  /** Called for each message as it is heard, in order. */
  onArrival: (arrival: Arrival) => void = () => {};
  /** Called for each message of any conversation, for what shows messages. */
  onMessage: (conversation: number, message: Message) => void = () => {};

  readonly #known = new Known();
  readonly #lines = new Map<number, Line>();
  readonly #asking = new Set<number>();
  readonly #held: Array<{ asOf: number; run: () => void }> = [];
  #asOf = 0;
  #wasAway = false;
  #catchingUp = false;
  #newWhileAway = 0;
  #unsubscribe: (() => void) | undefined;

  constructor(client: DeskClient) {
    this.client = client;
    this.connection = signal(client.connection);
    this.me = signal(client.me);
    this.agents = signal(client.agents);
    this.outbox = signal(client.outbox);
    const membersIn = (view: View): ReadonlySignal<readonly Conversation[]> =>
      computed(() => this.#known.members(view, this.lists[view].value));
    this.members = {
      mine: membersIn("mine"),
      unassigned: membersIn("unassigned"),
      all: membersIn("all"),
      closed: membersIn("closed"),
    };
    this.waiting = this.#known.waiting;
  }

  start(): void {
    this.#unsubscribe = this.client.subscribe((notice) => batch(() => this.#hear(notice)));
    this.client.start();
  }

  stop(): void {
    this.client.stop();
    this.#unsubscribe?.();
  }

  /** The conversation as it is known; reading it subscribes to its changes. */
  conversation(id: number): Conversation | undefined {
    return this.#known.watch(id);
  }

  /** How many a list has: counted when all of it has been read, else as the desk told. */
  count(view: "mine" | "unassigned" | "all"): number {
    const { complete } = this.lists[view].value;
    return complete ? this.members[view].value.length : this.counts.value[view];
  }

  /** Reads the next page of a list; while one is under way, or nothing is left, does nothing. */
  async more(view: View): Promise<void> {
    const list = this.lists[view];
    const { loading, complete, next } = list.value;
    if (loading || complete || !this.ready.value) {
      return;
    }
    const epoch = this.epoch.value;
    list.value = { ...list.value, loading: true, failed: false };
    const page = next === undefined ? { limit: PAGE } : { limit: PAGE, before: next };
    const answer = await this.client.list(view, page);
    if (epoch !== this.epoch.value) {
      return;
    }
    if (!answer.ok) {
      list.value = { ...list.value, loading: false, failed: true };
      return;
    }
    const { items, event } = answer.value;
    this.#whenHeard(event, () => {
      this.#merge(items, event);
      const last = items[items.length - 1] ?? list.value.floor;
      list.value = {
        loading: false,
        failed: false,
        complete: answer.value.next === undefined,
        ...(last === undefined ? {} : { floor: last }),
        ...(answer.value.next === undefined ? {} : { next: answer.value.next }),
      };
      this.#readAhead(view);
    });
  }

  /** One conversation and its visitor's facts, fresh from the desk. */
  async open(id: number): Promise<Result<Facts>> {
    const answer = await this.client.open(id);
    if (!answer.ok) {
      return answer;
    }
    const { conversation, event, facts } = answer.value;
    this.#whenHeard(event, () => this.#merge([conversation], event));
    return { ok: true, value: facts };
  }

  async setStatus(status: Status): Promise<Result<void>> {
    return this.client.setStatus(status);
  }

  #hear(notice: AgentNotice): void {
    switch (notice.type) {
      case "connection":
        this.#hearConnection();
        break;
      case "reload":
        this.#reload(notice.welcome);
        break;
      case "event":
        this.#hearEvent(notice.event);
        break;
      case "caught_up":
        this.#hearCaughtUp();
        break;
      case "agents":
        this.me.value = this.client.me;
        this.agents.value = new Map(this.client.agents);
        break;
      case "typing":
        this.#hearTyping(notice.conversation, notice.agent ?? 0, notice.on);
        break;
      case "stored":
        this.onMessage(notice.conversation, notice.message);
        break;
      case "outbox":
        this.outbox.value = [...this.client.outbox];
        break;
    }
  }

  #hearConnection(): void {
    const { connection } = this.client;
    this.connection.value = connection;
    if (this.ready.value && connection.phase === "offline") {
      this.#wasAway = true;
      this.#catchingUp = true;
      this.caughtUp.value = undefined;
    }
  }

  #hearCaughtUp(): void {
    if (this.#wasAway) {
      this.caughtUp.value = { newMessages: this.#newWhileAway };
    }
    this.#wasAway = false;
    this.#catchingUp = false;
    this.#newWhileAway = 0;
    for (const view of VIEWS) {
      if (this.lists[view].value.failed) {
        void this.more(view);
      }
    }
  }

  #reload(welcome: { event: number; mine: number; unassigned: number; all: number }): void {
    this.me.value = this.client.me;
    this.agents.value = new Map(this.client.agents);
    this.counts.value = { mine: welcome.mine, unassigned: welcome.unassigned, all: welcome.all };
    this.#asOf = welcome.event;
    this.#forget();
    this.ready.value = true;
    void this.more("unassigned");
    void this.more("mine");
  }

  #forget(): void {
    this.#known.reset(this.me.value?.agent ?? 0);
    this.#lines.clear();
    this.#asking.clear();
    this.#held.length = 0;
    for (const view of VIEWS) {
      this.lists[view].value = UNREAD;
    }
    this.epoch.value += 1;
  }

  #hearEvent(event: DeskEvent): void {
    this.#asOf = event.event;
    switch (event.kind) {
      case "message":
        if (event.conversation !== undefined && event.message !== undefined) {
          this.#hearMessage(event.event, event.conversation, event.message);
        }
        break;
      case "conversation":
        if (event.changed !== undefined) {
          this.#hearChanged(event.event, event.changed);
        }
        break;
      case "receipt": {
        const known = this.#known.get(event.conversation ?? 0);
        if (known !== undefined && event.receipt !== undefined) {
          this.#known.put(withReceipt(known.conversation, event.receipt), event.event);
        }
        break;
      }
      case "agent":
        break;
    }
    this.#releaseHeld();
    if (this.#known.size > MAX_KNOWN) {
      this.#forget();
      void this.more("unassigned");
      void this.more("mine");
    }
  }

  #hearMessage(asOf: number, id: number, message: Message): void {
    if (message.line !== undefined) {
      this.#lines.set(id, message.line);
    }
    const known = this.#known.get(id);
    this.onMessage(id, message);
    this.#hearTyping(id, message.author === "visitor" ? 0 : (message.agent ?? 0), false);
    if (message.author === "visitor" && this.#catchingUp) {
      this.#newWhileAway += 1;
    }
    if (known === undefined) {
      void this.#ask(id, message);
      return;
    }
    this.#known.put(withMessage(known.conversation, message), asOf);
    this.#tell(id, message);
  }

  #hearChanged(asOf: number, changed: Conversation): void {
    const before = this.#known.get(changed.conversation);
    if (before !== undefined && before.asOf >= asOf) {
      return;
    }
    const was = before?.conversation ?? guessBefore(changed, this.#lines.get(changed.conversation));
    this.#lines.delete(changed.conversation);
    this.counts.value = recount(this.counts.value, was, changed, this.me.value?.agent ?? 0);
    this.#known.put(changed, asOf);
  }

  /** A message of a conversation that no list has shown yet: it is on top now, so it has to be known. */
  async #ask(id: number, message: Message): Promise<void> {
    if (!this.#asking.has(id)) {
      this.#asking.add(id);
      await this.open(id);
      this.#asking.delete(id);
    }
    batch(() => this.#tell(id, message));
  }

  #tell(id: number, message: Message): void {
    const known = this.#known.get(id);
    if (known !== undefined && message.author === "visitor") {
      this.onArrival({ conversation: known.conversation, message, late: this.#catchingUp });
    }
  }

  #hearTyping(conversation: number, who: number, on: boolean): void {
    if (
      this.typing.value.get(conversation)?.has(who) === on ||
      (!on && !this.typing.value.has(conversation))
    ) {
      return;
    }
    const next = new Map(this.typing.value);
    const people = new Set(next.get(conversation));
    if (on) {
      people.add(who);
    } else {
      people.delete(who);
    }
    if (people.size === 0) {
      next.delete(conversation);
    } else {
      next.set(conversation, people);
    }
    this.typing.value = next;
  }

  #merge(items: readonly Conversation[], asOf: number): void {
    for (const item of items) {
      const known = this.#known.get(item.conversation);
      if (known === undefined || known.asOf <= asOf) {
        this.#known.put(item, asOf);
      }
    }
  }

  #whenHeard(asOf: number, run: () => void): void {
    if (asOf <= this.#asOf) {
      batch(run);
      return;
    }
    const held = { asOf, run };
    this.#held.push(held);
    setTimeout(() => this.#release(held), HOLD_MS);
  }

  #releaseHeld(): void {
    for (const held of this.#held.filter((one) => one.asOf <= this.#asOf)) {
      this.#release(held);
    }
  }

  #release(held: { asOf: number; run: () => void }): void {
    const at = this.#held.indexOf(held);
    if (at >= 0) {
      this.#held.splice(at, 1);
      batch(held.run);
    }
  }

  #readAhead(view: View): void {
    const wanted = view === "mine" || view === "unassigned";
    if (wanted && this.members[view].value.length < READ_AHEAD) {
      void this.more(view);
    }
  }
}

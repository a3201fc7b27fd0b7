/**
 * The visitor's side of a conversation: everything the widget shows is in one immutable state.
 *
 * Whatever is lost, repeated or out of order on the way, the state shows each message once and in
 * order, and one's own messages with how far they have really got.
 */
import { Connection, type ConnectionStatus } from "../connection.ts";
import { browserEnvironment, type Environment } from "../environment.ts";
import { VISITOR_COMMAND_POST_TEXT_MAX_CHARS } from "../gen/limits.ts";
import type { Message, Site, State } from "../gen/values.ts";
import {
  decodeVisitorEvent,
  encodeVisitorCommand,
  VISITOR_SUBPROTOCOL,
  type VisitorCommand,
  type VisitorEvent,
  type VisitorEventMessages,
  type VisitorEventRefused,
  type VisitorEventStored,
  type VisitorEventWelcome,
} from "../gen/visitor.ts";
import { Listeners } from "../listeners.ts";
import { Outbox } from "../outbox.ts";
import { Requests } from "../requests.ts";
import type { PostResult, Result } from "../result.ts";
import { localStore, type Store } from "../store.ts";
import { countChars, isBlank } from "../text.ts";
import { type ThreadItem, Timeline, threadItems } from "../timeline.ts";
import { OtherTyping, OwnTyping } from "../typing.ts";
import {
  forgetIdentity,
  IDENTITY_KEY,
  type Identity,
  READ_KEY,
  readIdentity,
  readRead,
  writeIdentity,
  writeRead,
} from "./identity.ts";
import { documentFacts, type PageFacts, sendable } from "./page.ts";

export interface VisitorClientOptions {
  /** "wss://desk.example/ws/visitor" */
  readonly url: string;
  /** Key of the site (data-site). */
  readonly site: string;
  /** Default: localStore(`deskbell.${site}.`). */
  readonly store?: Store;
  /** Asked at each hello. Default: of this document. */
  readonly page?: () => PageFacts;
  readonly environment?: Environment;
}

export interface VisitorState {
  readonly connection: ConnectionStatus;
  /** Name and welcome text, once known. */
  readonly site?: Site | undefined;
  /** Somebody is there to answer. Absent: not known yet. */
  readonly deskOnline?: boolean | undefined;
  /** Everything the desk has is shown. */
  readonly caughtUp: boolean;
  /** Absent: there is none yet. */
  readonly conversation?: State | undefined;
  /** Who has it. */
  readonly agentName?: string | undefined;
  readonly agentTyping?: { readonly name?: string | undefined } | undefined;
  readonly items: readonly ThreadItem[];
  /** Agents' messages above what was read, in any tab. */
  readonly unread: number;
  readonly name?: string | undefined;
  readonly email?: string | undefined;
}

/** What the desk has told of itself and the conversation; kept over a lost connection. */
type Known = Pick<
  VisitorState,
  "site" | "deskOnline" | "conversation" | "agentName" | "name" | "email"
>;

const HISTORY_LIMIT = 200;
const ASK_AGAIN_MS = 2_000;
/** A visitor has one conversation, and so the outbox one lane. */
const LANE = 0;

export class VisitorClient {
  readonly #site: string;
  readonly #store: Store;
  readonly #page: () => PageFacts;
  readonly #environment: Environment;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #requests: Requests<VisitorEvent>;
  readonly #ownTyping: OwnTyping;
  readonly #agentTyping: OtherTyping;
  readonly #timeline = new Timeline();
  readonly #listeners = new Listeners<VisitorState>();
  #known: Known = {};
  /** Whom the desk knows this connection as. */
  #identity: Identity | undefined;
  #typist: string | undefined;
  #receipts = { delivered: 0, read: 0 };
  #read = 0;
  /** On this connection: hello is answered and so is what came after it. */
  #hasPage = false;
  #isAsking = false;
  #cancelAsking = () => {};
  #sentDelivered = 0;
  #sentRead = 0;
  /** Made when somebody looks; undefined: out of date. */
  #items: readonly ThreadItem[] | undefined;
  #state: VisitorState | undefined;
  #stopListening = () => {};

  constructor(options: VisitorClientOptions) {
    const environment = options.environment ?? browserEnvironment();
    this.#site = options.site;
    this.#store = options.store ?? localStore(`deskbell.${options.site}.`);
    this.#page = options.page ?? documentFacts;
    this.#environment = environment;
    this.#connection = new Connection(
      options.url,
      VISITOR_SUBPROTOCOL,
      {
        onOpen: () => this.#hello(),
        onText: (text) => this.#onText(text),
        onStatus: () => this.#onStatus(),
      },
      environment,
    );
    this.#outbox = new Outbox({
      store: this.#store,
      environment,
      send: ({ id, text }) => this.#sendPost({ type: "post", id, text }),
      onChange: () => this.#changed(true),
    });
    this.#requests = new Requests(environment);
    this.#ownTyping = new OwnTyping(environment, (on) => this.#sendOnline({ type: "typing", on }));
    this.#agentTyping = new OtherTyping(environment, () => this.#changed());
  }

  /** Has this browser talked to the desk before? Writes nothing. */
  static isKnown(store: Store): boolean {
    return readIdentity(store) !== undefined;
  }

  get state(): VisitorState {
    this.#items ??= threadItems(
      this.#timeline.messages,
      this.#outbox.entries,
      "visitor",
      this.#receipts,
    );
    this.#state ??= {
      ...this.#known,
      connection: this.#connection.status,
      caughtUp: this.#hasPage && !this.#timeline.missing,
      agentTyping: this.#agentTyping.isOn ? { name: this.#typist } : undefined,
      items: this.#items,
      unread: this.#countUnread(),
    };
    return this.#state;
  }

  subscribe(listener: (state: VisitorState) => void): () => void {
    return this.#listeners.add(listener);
  }

  start(): void {
    const { phase } = this.#connection.status;
    if (phase !== "stopped") {
      this.#connection.start();
      return;
    }
    this.#identity = readIdentity(this.#store);
    this.#read = readRead(this.#store);
    this.#outbox.start();
    this.#stopListening = this.#store.onChange((key) => this.#onStoreChange(key));
    this.#connection.start();
  }

  /** Nothing is left running. start goes on where it was. */
  stop(): void {
    this.#stopListening();
    this.#stopListening = () => {};
    this.#connection.stop();
    this.#outbox.stop();
    this.#changed(true);
  }

  post(text: string): PostResult {
    if (isBlank(text)) {
      return { ok: false, reason: "blank" };
    }
    if (countChars(text) > VISITOR_COMMAND_POST_TEXT_MAX_CHARS) {
      return { ok: false, reason: "too_long" };
    }
    this.#ownTyping.reset();
    // The desk takes no zero characters, and nobody can type one.
    return { ok: true, id: this.#outbox.add({ lane: LANE, text: text.replaceAll("\0", "") }) };
  }

  /** Sends a refused message once more. */
  retry(id: string): void {
    this.#outbox.retry(id);
  }

  /** Forgets a refused message. */
  discard(id: string): void {
    this.#outbox.discard(id);
  }

  /** Call at each key; with false when the field is left or emptied. */
  typing(on: boolean): void {
    this.#ownTyping.set(on);
  }

  /** Everything shown has been seen, in a visible window. */
  read(): void {
    const { last } = this.#timeline;
    if (last > this.#read) {
      this.#read = last;
      writeRead(this.#store, last);
      this.#sendRead();
      this.#changed();
    }
  }

  async identify(who: { name?: string; email?: string }): Promise<Result<void>> {
    const result = await this.#requests.ask((ref) =>
      this.#sendOnline({ type: "identify", ref, ...who }),
    );
    if (!result.ok) {
      return result;
    }
    this.#known = { ...this.#known, ...who };
    this.#changed();
    return { ok: true, value: undefined };
  }

  #countUnread(): number {
    return this.#timeline.messages.filter(
      (message) => message.author === "agent" && message.number > this.#read,
    ).length;
  }

  #changed(hasNewItems = false): void {
    if (hasNewItems) {
      this.#items = undefined;
    }
    this.#state = undefined;
    this.#listeners.tell(this.state);
  }

  #send(command: VisitorCommand): boolean {
    return this.#connection.send(encodeVisitorCommand(command));
  }

  /** The desk always answers it. */
  #sendPost(command: VisitorCommand): boolean {
    const isSent = this.#send(command);
    this.#connection.awaitAnswer();
    return isSent;
  }

  #sendOnline(command: VisitorCommand): boolean {
    return this.#connection.isOnline && this.#send(command);
  }

  #hello(): void {
    this.#send({
      type: "hello",
      site: this.#site,
      ...this.#identity,
      after: this.#timeline.last,
      ...sendable(this.#page()),
    });
  }

  #onStatus(): void {
    if (!this.#connection.isOnline) {
      this.#hasPage = false;
      this.#isAsking = false;
      this.#cancelAsking();
      this.#sentDelivered = 0;
      this.#sentRead = 0;
      this.#outbox.offline();
      this.#ownTyping.reset();
      this.#agentTyping.set(false);
      this.#requests.drop();
    }
    this.#changed();
  }

  #onStoreChange(key: string | undefined): void {
    const read = readRead(this.#store);
    if ((key === undefined || key === READ_KEY) && read > this.#read) {
      this.#read = read;
      this.#changed();
    }
    const identity = readIdentity(this.#store);
    if (
      (key === undefined || key === IDENTITY_KEY) &&
      identity &&
      identity.visitor !== this.#identity?.visitor
    ) {
      // Another tab was the first to become somebody: be the same.
      this.#become(identity);
      this.#connection.retry(0);
    }
  }

  #become(identity: Identity | undefined): void {
    this.#identity = identity;
    this.#timeline.clear();
    this.#receipts = { delivered: 0, read: 0 };
    this.#read = readRead(this.#store);
    const { site, deskOnline } = this.#known;
    this.#known = { site, deskOnline };
    this.#changed(true);
  }

  #onText(text: string): void {
    const event = decodeVisitorEvent(text);
    if (event) {
      this.#onEvent(event);
    }
  }

  #onEvent(event: VisitorEvent): void {
    switch (event.type) {
      case "welcome":
        this.#onWelcome(event);
        break;
      case "messages":
        this.#onMessages(event);
        break;
      case "message":
        this.#add([event.message]);
        break;
      case "stored":
        this.#onStored(event);
        break;
      case "receipt":
        this.#onReceipt(event.delivered, event.read);
        break;
      case "typing":
        this.#typist = event.name;
        this.#agentTyping.set(event.on);
        this.#changed();
        break;
      case "online":
        this.#known = { ...this.#known, deskOnline: event.on };
        this.#changed();
        break;
      case "state":
        this.#known = {
          ...this.#known,
          conversation: event.state,
          agentName: event.agent_name,
        };
        this.#changed();
        break;
      case "done":
        this.#requests.answer(event.ref, event);
        break;
      case "refused":
        this.#onRefused(event);
        break;
      case "pong":
        break;
      default:
        event satisfies never;
    }
  }

  #onWelcome(event: VisitorEventWelcome): void {
    if (event.token !== undefined && !this.#adopt(event.visitor, event.token)) {
      return;
    }
    if (event.last < this.#timeline.last) {
      // The desk has been set back to an older state: what it has now is what counts.
      this.#timeline.clear();
      this.#receipts = { delivered: 0, read: 0 };
      this.#read = Math.min(this.#read, event.last);
    }
    this.#timeline.expect(event.last);
    this.#known = {
      site: event.site,
      deskOnline: event.online,
      conversation: event.state,
      agentName: event.agent_name,
      name: event.name,
      email: event.email,
    };
    this.#connection.welcomed();
    this.#onReceipt(event.delivered, event.read);
    this.#outbox.online();
    this.#changed(true);
  }

  /** A new visitor. False: another tab was faster, this connection is given up for its visitor. */
  #adopt(visitor: string, token: string): boolean {
    const other = readIdentity(this.#store);
    if (other && other.visitor !== visitor && other.visitor !== this.#identity?.visitor) {
      this.#become(other);
      this.#connection.retry(0);
      return false;
    }
    this.#identity = { visitor, token };
    writeIdentity(this.#store, this.#identity);
    return true;
  }

  #onMessages(event: VisitorEventMessages): void {
    const before = this.#timeline.last;
    this.#requests.answer(event.ref, event);
    this.#isAsking = false;
    // Not while #add runs: whether to ask again is decided here.
    this.#hasPage = false;
    this.#add(event.items);
    this.#hasPage = !event.more;
    // A page that brings nothing will not bring more the next time.
    if (event.more || (this.#timeline.missing && this.#timeline.last > before)) {
      void this.#askHistory();
    }
    this.#changed();
  }

  async #askHistory(): Promise<void> {
    if (this.#isAsking) {
      return;
    }
    this.#isAsking = true;
    const result = await this.#requests.ask((ref) =>
      this.#sendOnline({
        type: "history",
        ref,
        after: this.#timeline.last,
        limit: HISTORY_LIMIT,
      }),
    );
    if (!result.ok && this.#connection.isOnline) {
      this.#cancelAsking = this.#environment.after(
        result.refusal.retry_after_ms ?? ASK_AGAIN_MS,
        () => {
          this.#isAsking = false;
          void this.#askHistory();
        },
      );
    }
  }

  /** Takes messages in, and whatever follows from them. */
  #add(messages: readonly Message[]): void {
    const hasChanged = this.#timeline.add(messages);
    for (const { author, id } of messages) {
      if (author === "visitor" && id !== undefined) {
        this.#outbox.stored(id);
      }
      if (author === "agent") {
        this.#agentTyping.set(false);
      }
    }
    if (hasChanged) {
      this.#sendDelivered();
    }
    if (this.#hasPage && this.#timeline.missing) {
      void this.#askHistory();
    }
    this.#changed(true);
  }

  #onStored({ id, number, at }: VisitorEventStored): void {
    const entry = this.#outbox.stored(id);
    if (entry) {
      this.#add([{ number, id, author: "visitor", text: entry.text, at }]);
      return;
    }
    // Another tab's answer came first: the message itself is on its way, or history has it.
    this.#timeline.expect(number);
    if (this.#hasPage && this.#timeline.missing) {
      void this.#askHistory();
    }
  }

  #onReceipt(delivered: number, read: number): void {
    this.#receipts = {
      delivered: Math.max(this.#receipts.delivered, delivered),
      read: Math.max(this.#receipts.read, read),
    };
    this.#changed(true);
  }

  #onRefused(event: VisitorEventRefused): void {
    const { error, id, retry_after_ms } = event;
    if (id !== undefined) {
      this.#outbox.refused(id, error, retry_after_ms);
    } else if (event.ref !== undefined) {
      this.#requests.refuse(event.ref, event);
    } else if (!this.#connection.isOnline) {
      this.#onHelloRefused(event);
    }
  }

  #onHelloRefused({ error, retry_after_ms }: VisitorEventRefused): void {
    if (error === "bad_token" && this.#identity) {
      // The desk does not know this visitor any more: come as the one another tab has become, or as
      // a new one.
      const other = readIdentity(this.#store);
      if (other?.visitor === this.#identity.visitor) {
        forgetIdentity(this.#store);
      }
      this.#become(readIdentity(this.#store));
      this.#connection.retry(0);
    } else if (error === "rate_limited" || error === "busy" || error === "internal") {
      this.#connection.retry(retry_after_ms ?? 0);
    } else {
      this.#connection.end(error);
    }
  }

  #sendDelivered(): void {
    const { last, messages } = this.#timeline;
    const isNew = (message: Message) =>
      message.author !== "visitor" && message.number > this.#sentDelivered;
    if (messages.some(isNew) && this.#sendOnline({ type: "delivered", number: last })) {
      this.#sentDelivered = last;
    }
    this.#sendRead();
  }

  #sendRead(): void {
    const number = Math.min(this.#read, this.#timeline.last);
    if (number > this.#sentRead && this.#sendOnline({ type: "read", number })) {
      this.#sentRead = number;
    }
  }
}

/**
 * The console's side of the desk: the desk's events in order, answers to what is asked, and the
 * agent's own messages on their way.
 *
 * It keeps no conversations: that is the console's business, which hears of each change.
 */
import { Connection, type ConnectionStatus } from "../connection.ts";
import { browserEnvironment, type Environment } from "../environment.ts";
import {
  AGENT_SUBPROTOCOL,
  type AgentCommand,
  type AgentEvent,
  type AgentEventConversation,
  type AgentEventConversations,
  type AgentEventMessages,
  type AgentEventPresence,
  type AgentEventRefused,
  type AgentEventStored,
  type AgentEventTyping,
  type AgentEventWelcome,
  decodeAgentEvent,
  encodeAgentCommand,
} from "../gen/agent.ts";
import {
  AGENT_COMMAND_EVENTS_LIMIT_MAX,
  AGENT_COMMAND_POST_TEXT_MAX_CHARS,
} from "../gen/limits.ts";
import type { Agent, DeskEvent, Message, Status, View } from "../gen/values.ts";
import { Listeners } from "../listeners.ts";
import { Outbox, type OutboxEntry } from "../outbox.ts";
import { Requests } from "../requests.ts";
import type { PostResult, Result } from "../result.ts";
import { localStore, type Store } from "../store.ts";
import { countChars, isBlank } from "../text.ts";
import { OtherTyping, OwnTyping } from "../typing.ts";
import { Feed } from "./feed.ts";

export interface AgentClientOptions {
  /** "wss://desk.example/ws/agent"; the session's cookie is the log-in. */
  readonly url: string;
  /** Of messages on their way. Default: localStore("deskbell.console."). */
  readonly store?: Store;
  readonly environment?: Environment;
}

export type AgentNotice =
  /** client.connection has changed. */
  | { readonly type: "connection" }
  /** The first welcome, or too far behind to continue: list again, forget the rest. */
  | { readonly type: "reload"; readonly welcome: AgentEventWelcome }
  /** In order, without gaps, each once. */
  | { readonly type: "event"; readonly event: DeskEvent }
  /** Nothing is missing any more: after each welcome, and after each gap. */
  | { readonly type: "caught_up" }
  /** client.me or client.agents has changed. */
  | { readonly type: "agents" }
  /** agent absent: the visitor. For each beginning there is an end. */
  | {
      readonly type: "typing";
      readonly conversation: number;
      readonly agent?: number | undefined;
      readonly on: boolean;
    }
  /** One's own message is on disk. */
  | { readonly type: "stored"; readonly conversation: number; readonly message: Message }
  /** client.outbox has changed, in this tab or another. */
  | { readonly type: "outbox" };

const ASK_AGAIN_MS = 2_000;

export class AgentClient {
  readonly #environment: Environment;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #requests: Requests<AgentEvent>;
  readonly #feed: Feed;
  readonly #listeners = new Listeners<AgentNotice>();
  readonly #agents = new Map<number, Agent>();
  readonly #ownTyping = new Map<number, OwnTyping>();
  readonly #otherTyping = new Map<string, OtherTyping>();
  /** By conversation: read while there was no connection. */
  readonly #unsentReads = new Map<number, number>();
  #welcome: AgentEventWelcome | undefined;
  #myNumber: number | undefined;
  #sentDelivered = 0;
  #lastFromVisitor = 0;
  #cancelAsking = () => {};
  #isStarted = false;

  constructor(options: AgentClientOptions) {
    const environment = options.environment ?? browserEnvironment();
    this.#environment = environment;
    this.#connection = new Connection(
      options.url,
      AGENT_SUBPROTOCOL,
      {
        onOpen: () => void this.#send({ type: "hello" }),
        onText: (text) => this.#onText(text),
        onStatus: () => this.#onStatus(),
      },
      environment,
    );
    this.#outbox = new Outbox({
      store: options.store ?? localStore("deskbell.console."),
      environment,
      send: (entry) => this.#sendEntry(entry),
      onChange: () => this.#tell({ type: "outbox" }),
      // Another agent may have used this browser before.
      isOwn: (entry) => entry.owner === this.#myNumber,
    });
    this.#requests = new Requests(environment);
    this.#feed = new Feed({
      ask: (after) => void this.#askEvents(after),
      onEvent: (event) => this.#onDeskEvent(event),
      onReload: () => this.#onReload(),
      onCaughtUp: () => this.#tell({ type: "caught_up" }),
    });
  }

  get connection(): ConnectionStatus {
    return this.#connection.status;
  }

  /** Who is logged in, once known. */
  get me(): Agent | undefined {
    return this.#myNumber === undefined ? undefined : this.#agents.get(this.#myNumber);
  }

  /** By number; removed ones included, presence up to date. */
  get agents(): ReadonlyMap<number, Agent> {
    return this.#agents;
  }

  /** Waiting and refused messages, oldest first; lane is the conversation. */
  get outbox(): readonly OutboxEntry[] {
    return this.#outbox.entries;
  }

  subscribe(listener: (notice: AgentNotice) => void): () => void {
    return this.#listeners.add(listener);
  }

  start(): void {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#outbox.start();
    }
    this.#connection.start();
  }

  /** Nothing is left running. start goes on where it was. */
  stop(): void {
    this.#isStarted = false;
    this.#connection.stop();
    this.#outbox.stop();
  }

  list(
    view: View,
    page: { before?: string; limit?: number } = {},
  ): Promise<Result<AgentEventConversations>> {
    return this.#ask({ type: "list", view, ...page }, (event) =>
      event.type === "conversations" ? event : undefined,
    );
  }

  open(conversation: number): Promise<Result<AgentEventConversation>> {
    return this.#ask({ type: "open", conversation }, (event) =>
      event.type === "conversation" ? event : undefined,
    );
  }

  /** The first after `after`, or the last before `before`. */
  history(
    conversation: number,
    page: { after?: number; before?: number; limit?: number },
  ): Promise<Result<AgentEventMessages>> {
    return this.#ask({ type: "history", conversation, ...page }, (event) =>
      event.type === "messages" ? event : undefined,
    );
  }

  /** Refused taken: refusal.agent has it. */
  take(conversation: number): Promise<Result<void>> {
    return this.#do({ type: "take", conversation });
  }

  /** To an agent, or without one back to the queue. */
  assign(conversation: number, agent?: number): Promise<Result<void>> {
    return this.#do({ type: "assign", conversation, ...(agent === undefined ? {} : { agent }) });
  }

  close(conversation: number): Promise<Result<void>> {
    return this.#do({ type: "close", conversation });
  }

  reopen(conversation: number): Promise<Result<void>> {
    return this.#do({ type: "reopen", conversation });
  }

  setStatus(status: Status): Promise<Result<void>> {
    return this.#do({ type: "status", status });
  }

  /** seen: number of the last message the agent has seen. Goes through the outbox. */
  post(conversation: number, text: string, seen: number): PostResult {
    if (isBlank(text)) {
      return { ok: false, reason: "blank" };
    }
    if (countChars(text) > AGENT_COMMAND_POST_TEXT_MAX_CHARS) {
      return { ok: false, reason: "too_long" };
    }
    this.#ownTyping.get(conversation)?.reset();
    const owner = this.#myNumber === undefined ? {} : { owner: this.#myNumber };
    const id = this.#outbox.add({
      lane: conversation,
      text: text.replaceAll("\0", ""),
      seen,
      ...owner,
    });
    return { ok: true, id };
  }

  /** Sends a refused message after all: what was seen meanwhile, or although something is unseen. */
  retry(id: string, how: { seen?: number; force?: boolean } = {}): void {
    this.#outbox.retry(id, how);
  }

  /** Forgets a refused message. */
  discard(id: string): void {
    this.#outbox.discard(id);
  }

  /** The agent has seen everything up to number, in a visible window. */
  read(conversation: number, number: number): void {
    if (!this.#sendOnline({ type: "read", conversation, number })) {
      const before = this.#unsentReads.get(conversation) ?? 0;
      this.#unsentReads.set(conversation, Math.max(before, number));
    }
  }

  /** Call at each key; with false when the field is left or emptied. */
  typing(conversation: number, on: boolean): void {
    let own = this.#ownTyping.get(conversation);
    if (!own) {
      own = new OwnTyping(
        this.#environment,
        (isOn) => void this.#sendOnline({ type: "typing", conversation, on: isOn }),
      );
      this.#ownTyping.set(conversation, own);
    }
    own.set(on);
  }

  #tell(notice: AgentNotice): void {
    this.#listeners.tell(notice);
  }

  #send(command: AgentCommand): boolean {
    return this.#connection.send(encodeAgentCommand(command));
  }

  #sendOnline(command: AgentCommand): boolean {
    return this.#connection.isOnline && this.#send(command);
  }

  /** What the desk always answers. */
  #sendAsking(command: AgentCommand): boolean {
    const isSent = this.#sendOnline(command);
    this.#connection.awaitAnswer();
    return isSent;
  }

  #sendEntry({ id, lane, text, seen, force }: OutboxEntry): boolean {
    return this.#sendAsking({
      type: "post",
      id,
      conversation: lane,
      text,
      seen: seen ?? 0,
      ...(force ? { force } : {}),
    });
  }

  async #ask<T>(
    command: AgentCommand,
    pick: (event: AgentEvent) => T | undefined,
  ): Promise<Result<T>> {
    const result = await this.#requests.ask((ref) => this.#sendAsking({ ...command, ref }));
    if (!result.ok) {
      return result;
    }
    const value = pick(result.value);
    return value === undefined
      ? { ok: false, refusal: { error: "internal", text: "" } }
      : { ok: true, value };
  }

  async #do(command: AgentCommand): Promise<Result<void>> {
    const result = await this.#ask(command, (event) => (event.type === "done" ? event : undefined));
    return result.ok ? { ok: true, value: undefined } : result;
  }

  #onStatus(): void {
    if (!this.#connection.isOnline) {
      this.#outbox.offline();
      this.#requests.drop();
      this.#cancelAsking();
      this.#feed.unanswered();
      for (const typing of this.#ownTyping.values()) {
        typing.reset();
      }
      this.#endTyping(() => true);
    }
    this.#tell({ type: "connection" });
  }

  #onText(text: string): void {
    const event = decodeAgentEvent(text);
    if (event) {
      this.#onEvent(event);
    }
  }

  #onEvent(event: AgentEvent): void {
    switch (event.type) {
      case "welcome":
        this.#onWelcome(event);
        break;
      case "conversations":
      case "conversation":
      case "messages":
      case "done":
        this.#requests.answer(event.ref, event);
        break;
      case "events":
        this.#feed.page(event.items, event.last);
        this.#sendDelivered();
        this.#requests.answer(event.ref, event);
        break;
      case "desk_event":
        this.#feed.live(event.event);
        this.#sendDelivered();
        break;
      case "stored":
        this.#onStored(event);
        break;
      case "typing":
        this.#onTyping(event);
        break;
      case "presence":
        this.#onPresence(event);
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

  #onWelcome(welcome: AgentEventWelcome): void {
    this.#welcome = welcome;
    this.#myNumber = welcome.agent.agent;
    this.#agents.clear();
    for (const agent of [...welcome.agents, welcome.agent]) {
      this.#agents.set(agent.agent, agent);
    }
    this.#sentDelivered = 0;
    this.#connection.welcomed();
    this.#tell({ type: "agents" });
    this.#feed.welcome(welcome);
    for (const [conversation, number] of this.#unsentReads) {
      this.#sendOnline({ type: "read", conversation, number });
    }
    this.#unsentReads.clear();
    this.#outbox.online();
    this.#tell({ type: "outbox" });
  }

  async #askEvents(after: number): Promise<void> {
    const result = await this.#requests.ask((ref) =>
      this.#sendOnline({ type: "events", ref, after, limit: AGENT_COMMAND_EVENTS_LIMIT_MAX }),
    );
    if (result.ok || !this.#connection.isOnline) {
      return;
    }
    if (result.refusal.error === "gone") {
      this.#feed.gone();
      return;
    }
    this.#feed.unanswered();
    this.#cancelAsking();
    this.#cancelAsking = this.#environment.after(
      result.refusal.retry_after_ms ?? ASK_AGAIN_MS,
      () => this.#feed.again(),
    );
  }

  #onReload(): void {
    // What was not delivered before will be listed now, and is here.
    this.#lastFromVisitor = this.#feed.last;
    if (this.#welcome) {
      this.#tell({ type: "reload", welcome: this.#welcome });
    }
    this.#sendDelivered();
  }

  #onDeskEvent(event: DeskEvent): void {
    if (event.kind === "agent" && event.agent) {
      this.#agents.set(event.agent.agent, event.agent);
      this.#tell({ type: "agents" });
    }
    const { message, conversation } = event;
    if (event.kind === "message" && message && conversation !== undefined) {
      if (message.author === "visitor") {
        this.#lastFromVisitor = event.event;
      }
      this.#endTyping(
        (key) =>
          key === typingKey(conversation, message.author === "agent" ? message.agent : undefined),
      );
      if (message.author === "agent" && message.id && message.agent === this.#myNumber) {
        this.#outbox.stored(message.id);
      }
    }
    this.#tell({ type: "event", event });
  }

  #sendDelivered(): void {
    const event = this.#feed.last;
    const isNew = this.#lastFromVisitor > this.#sentDelivered;
    if (isNew && event > 0 && this.#sendOnline({ type: "delivered", event })) {
      this.#sentDelivered = event;
    }
  }

  #onStored({ id, conversation, number, at }: AgentEventStored): void {
    const entry = this.#outbox.stored(id);
    const me = this.me;
    if (entry && me) {
      const message: Message = {
        number,
        id,
        author: "agent",
        agent: me.agent,
        name: me.name,
        text: entry.text,
        at,
      };
      this.#tell({ type: "stored", conversation, message });
    }
  }

  #onTyping({ conversation, agent, on }: AgentEventTyping): void {
    const key = typingKey(conversation, agent);
    let typing = this.#otherTyping.get(key);
    if (!typing) {
      typing = new OtherTyping(this.#environment, () =>
        this.#tell({ type: "typing", conversation, agent, on: false }),
      );
      this.#otherTyping.set(key, typing);
    }
    if (typing.set(on)) {
      this.#tell({ type: "typing", conversation, agent, on });
    }
    if (!on) {
      this.#otherTyping.delete(key);
    }
  }

  #endTyping(isMeant: (key: string) => boolean): void {
    for (const [key, typing] of [...this.#otherTyping]) {
      if (isMeant(key)) {
        this.#otherTyping.delete(key);
        if (typing.set(false)) {
          const [conversation, agent] = key.split(" ").map(Number);
          this.#tell({
            type: "typing",
            conversation: conversation ?? 0,
            agent: agent === 0 ? undefined : agent,
            on: false,
          });
        }
      }
    }
  }

  #onPresence({ agent, status, connected }: AgentEventPresence): void {
    const known = this.#agents.get(agent);
    if (known) {
      this.#agents.set(agent, { ...known, status, connected });
      this.#tell({ type: "agents" });
    }
  }

  #onRefused(event: AgentEventRefused): void {
    if (event.id !== undefined) {
      this.#outbox.refused(event.id, event.error, event.retry_after_ms, event.number);
    } else if (event.ref !== undefined) {
      this.#requests.refuse(event.ref, event);
    } else if (!this.#connection.isOnline) {
      this.#onHelloRefused(event);
    }
  }

  #onHelloRefused({ error, retry_after_ms }: AgentEventRefused): void {
    if (error === "rate_limited" || error === "busy" || error === "internal") {
      this.#connection.retry(retry_after_ms ?? 0);
    } else {
      this.#connection.end(error);
    }
  }
}

/** 0 stands for the visitor: agents' numbers begin with 1. */
function typingKey(conversation: number, agent: number | undefined): string {
  return `${conversation} ${agent ?? 0}`;
}

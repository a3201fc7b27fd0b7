/* A desk client for tests: answers are queued by the test, notices are sent by the test. */
import type { DeskClient } from "./desk.state.ts";
import type {
  Agent,
  AgentNotice,
  Conversation,
  DeskEvent,
  Facts,
  Message,
  OutboxEntry,
  Result,
  View,
} from "./types.ts";

export const ANNA: Agent = {
  agent: 1,
  name: "Anna",
  email: "anna@example.com",
  role: "owner",
  status: "online",
  connected: true,
  removed: false,
};
export const BO: Agent = { ...ANNA, agent: 2, name: "Bo", email: "bo@example.com", role: "agent" };

type Call = readonly [name: string, ...args: unknown[]];

export class FakeClient implements DeskClient {
  connection: DeskClient["connection"] = { phase: "stopped", attempts: 0 };
  me: Agent | undefined = ANNA;
  agents: ReadonlyMap<number, Agent> = new Map([
    [1, ANNA],
    [2, BO],
  ]);
  outbox: readonly OutboxEntry[] = [];
  /** What was asked of the desk, in order. */
  readonly calls: Call[] = [];
  /** What the desk has: `list`, `open` and `history` answer from here, as of `event`. */
  conversations: Conversation[] = [];
  messages: Message[] = [];
  facts: Facts = {};
  event = 0;
  /** Set: answers are refused with it. */
  refuse: "offline" | "taken" | "not_found" | undefined;
  #listener: (notice: AgentNotice) => void = () => {};
  #lastId = 0;

  subscribe(listener: (notice: AgentNotice) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  start(): void {
    this.calls.push(["start"]);
  }

  stop(): void {
    this.calls.push(["stop"]);
  }

  /** The first answer of the desk, and after "too far behind" another. */
  welcome(counts = { mine: 0, unassigned: 0, all: 0 }): void {
    this.setPhase("online");
    const agents = [...this.agents.values()];
    const oldest = 1;
    this.notice({
      type: "reload",
      welcome: { type: "welcome", agent: ANNA, agents, event: this.event, oldest, ...counts },
    });
    this.notice({ type: "caught_up" });
  }

  setPhase(phase: DeskClient["connection"]["phase"]): void {
    this.connection = { phase, attempts: 0 };
    this.notice({ type: "connection" });
  }

  notice(notice: AgentNotice): void {
    this.#listener(notice);
  }

  /** The next desk event. */
  happens(event: Omit<DeskEvent, "event">): void {
    this.event += 1;
    this.notice({ type: "event", event: { event: this.event, ...event } });
  }

  called(name: string): Call[] {
    return this.calls.filter(([one]) => one === name);
  }

  #answer<T>(value: T): Promise<Result<T>> {
    const error = this.refuse;
    return Promise.resolve(
      error === undefined
        ? { ok: true, value }
        : { ok: false, refusal: { error, text: "", agent: 2 } },
    );
  }

  list(view: View, page: { before?: string; limit?: number } = {}): ReturnType<DeskClient["list"]> {
    this.calls.push(["list", view, page]);
    const all = this.conversations
      .filter((c) => memberOf(c, view))
      .sort((a, b) => b.changed_at - a.changed_at || b.conversation - a.conversation);
    const from = page.before === undefined ? 0 : Number(page.before);
    const to = from + (page.limit ?? 50);
    const next = to < all.length ? { next: String(to) } : {};
    const items = all.slice(from, to);
    return this.#answer({ type: "conversations", view, items, event: this.event, ...next });
  }

  open(id: number): ReturnType<DeskClient["open"]> {
    this.calls.push(["open", id]);
    const conversation = this.conversations.find((c) => c.conversation === id);
    if (conversation === undefined) {
      return Promise.resolve({ ok: false, refusal: { error: "not_found", text: "" } });
    }
    const { facts, event } = this;
    return this.#answer({ type: "conversation", conversation, facts, event });
  }

  history(
    conversation: number,
    page: { after?: number; before?: number; limit?: number },
  ): ReturnType<DeskClient["history"]> {
    this.calls.push(["history", conversation, page]);
    const limit = page.limit ?? 100;
    const { before, after = 0 } = page;
    const all = this.messages.filter((m) =>
      before === undefined ? m.number > after : m.number < before,
    );
    const items = before === undefined ? all.slice(0, limit) : all.slice(-limit);
    return this.#answer({
      type: "messages",
      conversation,
      items,
      more: items.length < all.length,
    });
  }

  #done(...call: Call): Promise<Result<void>> {
    this.calls.push(call);
    return this.#answer(undefined);
  }

  take(conversation: number): Promise<Result<void>> {
    return this.#done("take", conversation);
  }

  assign(conversation: number, agent?: number): Promise<Result<void>> {
    return this.#done("assign", conversation, agent);
  }

  close(conversation: number): Promise<Result<void>> {
    return this.#done("close", conversation);
  }

  reopen(conversation: number): Promise<Result<void>> {
    return this.#done("reopen", conversation);
  }

  setStatus(status: "online" | "away"): Promise<Result<void>> {
    return this.#done("setStatus", status);
  }

  post(conversation: number, text: string, seen: number): ReturnType<DeskClient["post"]> {
    this.calls.push(["post", conversation, text, seen]);
    this.#lastId += 1;
    const id = String(this.#lastId).padStart(32, "0");
    this.setOutbox([...this.outbox, { id, lane: conversation, text, at: Date.now(), seen }]);
    return { ok: true, id };
  }

  setOutbox(outbox: readonly OutboxEntry[]): void {
    this.outbox = outbox;
    this.notice({ type: "outbox" });
  }

  retry(id: string, how?: { seen?: number; force?: boolean }): void {
    this.calls.push(["retry", id, how]);
  }

  discard(id: string): void {
    this.calls.push(["discard", id]);
    this.setOutbox(this.outbox.filter((entry) => entry.id !== id));
  }

  read(conversation: number, number: number): void {
    this.calls.push(["read", conversation, number]);
  }

  typing(conversation: number, on: boolean): void {
    this.calls.push(["typing", conversation, on]);
  }
}

function memberOf(c: Conversation, view: View): boolean {
  switch (view) {
    case "mine":
      return c.state === "open" && c.agent === ANNA.agent;
    case "unassigned":
      return c.state === "open" && c.agent === undefined;
    case "all":
      return c.state === "open";
    case "closed":
      return c.state === "closed";
    default:
      return false;
  }
}

/** Lets everything that waits for an answer go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i += 1) {
    await Promise.resolve();
  }
}

/*
 * The opened conversation and those opened before it: their messages, drafts, answers held back, and how far
 * the agent has seen them. With desk.state.ts the only part that speaks to the client.
 *
 * A thread that is kept stays in step: every message the desk tells of goes into it. So opening it again shows
 * it at once. After a reload of the desk all are forgotten and the opened one is asked for anew.
 */

import { Timeline, threadItems } from "@deskbell/protocol/agent";
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Desk } from "../../desk/desk.state.ts";
import type {
  Conversation,
  Facts,
  Message,
  OutboxEntry,
  Refusal,
  Result,
} from "../../desk/types.ts";
import type { Drafts } from "./drafts.ts";
import { buildEntries, type Entry } from "./entries.ts";
import type { HeldAnswer } from "./HeldAnswers.tsx";

export type ThreadPhase = "loading" | "ready" | "missing" | "failed";

interface Thread {
  timeline: Timeline;
  /** Came before the first page was here. */
  early: Message[];
  phase: ThreadPhase;
  facts: Facts | undefined;
  /** The first message is here. */
  complete: boolean;
  loadingEarlier: boolean;
  /** The visitor's messages above it were new when the thread was opened. */
  newAfter: number | undefined;
  /** The highest number that has been on the screen. */
  seen: number;
  /** The highest number that the desk was told of. */
  told: number;
}

const PAGE = 50;
const MAX_THREADS = 30;
/** After the visitor's last message; several in a row are one question. */
const FACTS_DELAY_MS = 1000;

export class ConversationState {
  readonly opened = signal<number | undefined>(undefined);
  /** Counts up when the cursor is to be in the answer. */
  readonly focusAsked = signal(0);
  readonly draft = signal("");
  readonly phase: ReadonlySignal<ThreadPhase>;
  readonly facts: ReadonlySignal<Facts | undefined>;
  readonly complete: ReadonlySignal<boolean>;
  readonly loadingEarlier: ReadonlySignal<boolean>;
  readonly entries: ReadonlySignal<readonly Entry[]>;
  readonly held: ReadonlySignal<readonly HeldAnswer[]>;

  readonly #desk: Desk;
  readonly #drafts: Drafts;
  readonly #threads = new Map<number, Thread>();
  readonly #version: Signal<number> = signal(0);
  #factsTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(desk: Desk, drafts: Drafts) {
    this.#desk = desk;
    this.#drafts = drafts;
    desk.onMessage = (conversation, message) => this.#hear(conversation, message);
    this.phase = computed(() => this.#thread()?.phase ?? "loading");
    this.facts = computed(() => this.#thread()?.facts);
    this.complete = computed(() => this.#thread()?.complete ?? false);
    this.loadingEarlier = computed(() => this.#thread()?.loadingEarlier ?? false);
    this.entries = computed(() => this.#buildEntries());
    this.held = computed(() => this.#buildHeld());
  }

  /** Shows a conversation; `answer` puts the cursor into its answer. */
  open(conversation: number | undefined, answer: boolean): void {
    if (this.opened.value !== conversation) {
      this.#leave();
      this.opened.value = conversation;
      this.draft.value = conversation === undefined ? "" : this.#drafts.get(conversation);
      if (conversation !== undefined) {
        this.#enter(conversation);
      }
    }
    if (answer) {
      this.focusAsked.value += 1;
    }
  }

  /** Asks again for what could not be loaded, or for everything after a reload of the desk. */
  refresh(): void {
    const conversation = this.opened.value;
    if (conversation !== undefined) {
      this.#threads.delete(conversation);
      this.#enter(conversation);
    }
  }

  /** Forgets all threads: the desk was reloaded. */
  forget(): void {
    this.#threads.clear();
    this.refresh();
  }

  async earlier(): Promise<void> {
    const conversation = this.opened.value;
    const thread = this.#thread();
    const first = thread?.timeline.first ?? 0;
    if (conversation === undefined || thread === undefined || first === 0) {
      return;
    }
    if (thread.complete || thread.loadingEarlier || thread.phase !== "ready") {
      return;
    }
    thread.loadingEarlier = true;
    this.#changed();
    const answer = await this.#desk.client.history(conversation, { before: first, limit: PAGE });
    thread.loadingEarlier = false;
    if (answer.ok) {
      thread.timeline.add(answer.value.items);
      thread.complete = !answer.value.more;
    }
    this.#changed();
  }

  /** Everything up to a number has been on the screen. Told to the desk once the page is looked at. */
  see(number: number): void {
    const thread = this.#thread();
    if (thread !== undefined && number > thread.seen) {
      thread.seen = number;
    }
    this.tellRead();
  }

  /** To be called when the page comes into sight, too. */
  tellRead(): void {
    const conversation = this.opened.peek();
    const thread = conversation === undefined ? undefined : this.#threads.get(conversation);
    if (conversation === undefined || thread === undefined || thread.seen <= thread.told) {
      return;
    }
    if (document.visibilityState === "visible") {
      thread.told = thread.seen;
      const known = this.#desk.conversation(conversation)?.agent_read ?? 0;
      if (thread.seen > known) {
        this.#desk.client.read(conversation, thread.seen);
      }
    }
  }

  write(text: string): void {
    const conversation = this.opened.value;
    if (conversation === undefined) {
      return;
    }
    this.draft.value = text;
    this.#drafts.set(conversation, text);
    this.#desk.client.typing(conversation, text.trim() !== "");
  }

  /** An answer was begun there and left. Of the opened one the field itself tells. */
  hasDraft(conversation: number): boolean {
    return conversation !== this.opened.value && this.#drafts.get(conversation).trim() !== "";
  }

  send(): void {
    const conversation = this.opened.value;
    const thread = this.#thread();
    if (conversation === undefined || thread === undefined) {
      return;
    }
    // While the messages are on their way, what was read before a reload counts.
    const read = this.#desk.conversation(conversation)?.agent_read ?? 0;
    const seen = Math.max(thread.seen, read);
    const sent = this.#desk.client.post(conversation, this.draft.value, seen);
    if (sent.ok) {
      thread.newAfter = undefined;
      this.write("");
      this.#drafts.flush();
      this.#changed();
    }
  }

  /** Sends an answer that was held back. A closed conversation is opened for it first. */
  async sendAnyway(id: string): Promise<Result<void>> {
    const entry = this.#desk.outbox.value.find((one) => one.id === id);
    if (entry?.refused === "closed") {
      const opened = await this.#desk.client.reopen(entry.lane);
      if (!opened.ok) {
        return opened;
      }
    }
    this.#desk.client.retry(id, { force: true });
    this.focusAsked.value += 1;
    return { ok: true, value: undefined };
  }

  /** Takes an answer that was held back into the field, before what stands there. */
  edit(id: string): void {
    const entry = this.#desk.outbox.value.find((one) => one.id === id);
    if (entry !== undefined) {
      const rest = this.draft.value;
      this.write(rest.trim() === "" ? entry.text : `${entry.text}\n${rest}`);
      this.#desk.client.discard(id);
      this.focusAsked.value += 1;
    }
  }

  discard(id: string): void {
    this.#desk.client.discard(id);
    this.focusAsked.value += 1;
  }

  /** Writes drafts that are not written yet: the page may go away. */
  flush(): void {
    this.#drafts.flush();
  }

  #thread(): Thread | undefined {
    void this.#version.value;
    return this.#threads.get(this.opened.value ?? 0);
  }

  #changed(): void {
    this.#version.value += 1;
  }

  #enter(conversation: number): void {
    const kept = this.#threads.get(conversation);
    const known = this.#desk.conversation(conversation);
    const newAfter = markAfter(known);
    if (kept !== undefined && kept.phase === "ready") {
      this.#threads.delete(conversation);
      this.#threads.set(conversation, kept);
      kept.newAfter = newAfter;
    } else {
      this.#threads.set(conversation, freshThread(newAfter));
      this.#dropOldest();
      void this.#load(conversation, known?.last);
    }
    this.#changed();
  }

  #leave(): void {
    clearTimeout(this.#factsTimer);
    const conversation = this.opened.peek();
    if (conversation !== undefined) {
      this.#drafts.flush();
      this.#desk.client.typing(conversation, false);
    }
  }

  /** When the last number is known, messages and facts are asked for at once, else one after the other. */
  async #load(conversation: number, last: number | undefined): Promise<void> {
    const thread = this.#threads.get(conversation);
    if (thread === undefined) {
      return;
    }
    const { client } = this.#desk;
    const page = (before: number) => client.history(conversation, { before, limit: PAGE });
    const early = last === undefined ? undefined : page(last + 1);
    const [facts, first] = await Promise.all([this.#desk.open(conversation), early]);
    const now = this.#desk.conversation(conversation)?.last ?? 0;
    const answer = facts.ok ? (first ?? (await page(now + 1))) : undefined;
    if (this.#threads.get(conversation) !== thread) {
      return;
    }
    if (!facts.ok || answer === undefined || !answer.ok) {
      thread.phase = phaseOf(facts.ok ? answer : facts);
      this.#changed();
      return;
    }
    const { items } = answer.value;
    thread.facts = facts.value;
    thread.timeline = new Timeline((items[0]?.number ?? 1) - 1);
    thread.timeline.add([...items, ...thread.early]);
    thread.timeline.expect(this.#desk.conversation(conversation)?.last ?? 0);
    thread.early = [];
    thread.complete = !answer.value.more;
    thread.phase = "ready";
    this.#changed();
    void this.#fillGap(conversation, thread);
  }

  /** Messages came while the page was under way, and some between are missing. */
  async #fillGap(conversation: number, thread: Thread): Promise<void> {
    while (thread.timeline.missing && this.#threads.get(conversation) === thread) {
      const after = thread.timeline.last;
      const answer = await this.#desk.client.history(conversation, { after, limit: PAGE });
      if (!answer.ok || !thread.timeline.add(answer.value.items)) {
        return;
      }
      this.#changed();
    }
  }

  #hear(conversation: number, message: Message): void {
    const thread = this.#threads.get(conversation);
    if (thread === undefined) {
      return;
    }
    if (thread.phase !== "ready") {
      thread.early.push(message);
      return;
    }
    thread.timeline.add([message]);
    this.#changed();
    if (message.author === "visitor" && conversation === this.opened.peek()) {
      this.#refreshFacts(conversation, thread);
    }
    if (thread.timeline.missing) {
      void this.#fillGap(conversation, thread);
    }
  }

  /** Whoever writes may be on another page by now. */
  #refreshFacts(conversation: number, thread: Thread): void {
    clearTimeout(this.#factsTimer);
    this.#factsTimer = setTimeout(async () => {
      const facts = await this.#desk.open(conversation);
      if (facts.ok) {
        thread.facts = facts.value;
        this.#changed();
      }
    }, FACTS_DELAY_MS);
  }

  #dropOldest(): void {
    for (const conversation of this.#threads.keys()) {
      if (this.#threads.size <= MAX_THREADS) {
        return;
      }
      if (conversation !== this.opened.value) {
        this.#threads.delete(conversation);
      }
    }
  }

  #waiting(conversation: number): OutboxEntry[] {
    return this.#desk.outbox.value.filter((entry) => entry.lane === conversation);
  }

  /** While the messages are on their way, an answer that was already sent stands here alone. */
  #buildEntries(): readonly Entry[] {
    const thread = this.#thread();
    const conversation = this.opened.value;
    const hasList = thread?.phase === "ready" || thread?.phase === "loading";
    if (thread === undefined || conversation === undefined || !hasList) {
      return [];
    }
    const known = this.#desk.conversation(conversation);
    const waiting = this.#waiting(conversation).filter((entry) => entry.refused === undefined);
    const items = threadItems(thread.timeline.messages, waiting, "agent", {
      delivered: known?.visitor_delivered ?? 0,
      read: known?.visitor_read ?? 0,
    });
    const me = this.#desk.me.value?.agent ?? 0;
    const { newAfter } = thread;
    return buildEntries(items, newAfter === undefined ? { me } : { me, newAfter });
  }

  #buildHeld(): readonly HeldAnswer[] {
    const conversation = this.opened.value;
    const thread = this.#thread();
    if (conversation === undefined || thread === undefined) {
      return [];
    }
    const held: HeldAnswer[] = [];
    for (const entry of this.#waiting(conversation)) {
      const { id, text, refused } = entry;
      if (refused !== undefined) {
        const unseen = refused === "stale" ? this.#unseen(thread, entry) : [];
        held.push({ id, text, reason: refused, unseen });
      }
    }
    return held;
  }

  /** What the visitor wrote after the agent had last looked. */
  #unseen(thread: Thread, entry: OutboxEntry): string[] {
    const seen = entry.seen ?? 0;
    return thread.timeline.messages
      .filter((message) => message.author === "visitor" && message.number > seen)
      .map((message) => message.text);
  }
}

/** What is new is marked only where something old stands above it. */
function markAfter(known: Conversation | undefined): number | undefined {
  return known !== undefined && known.unread > 0 && known.agent_read > 1
    ? known.agent_read
    : undefined;
}

function freshThread(newAfter: number | undefined): Thread {
  return {
    timeline: new Timeline(),
    early: [],
    phase: "loading",
    facts: undefined,
    complete: false,
    loadingEarlier: false,
    newAfter,
    seen: 0,
    told: 0,
  };
}

function phaseOf(failed: { ok: false; refusal: Refusal } | { ok: true } | undefined): ThreadPhase {
  return failed !== undefined && !failed.ok && failed.refusal.error === "not_found"
    ? "missing"
    : "failed";
}

/*
 * The list at the side: which rows it has, which of them the keyboard is on. Rows are made from what the desk
 * knows; nothing here speaks to it.
 */
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Desk } from "../../desk/desk.state.ts";
import { isWaiting } from "../../desk/lists.ts";
import { agentName, givenName, visitorName } from "../../desk/names.ts";
import type { Agent, Conversation, View } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";

/** One conversation as a row or a card shows it. */
export interface InboxItem {
  kind: "card" | "row";
  conversation: number;
  visitor: string;
  name: string;
  /** Empty when the visitor gave none. */
  given: string;
  text: string;
  at: number;
  waitingSince?: number;
  unread: number;
  /** An answer was begun and left. */
  draft: boolean;
  agent?: { agent: number; name: string };
}

/** In front of the other lists stand this many waiting chats; the rest are one press away. */
const MAX_AHEAD = 3;
/** A chat whose wait began with it shows its first message, one that was opened again the last. */
const SAME_MOMENT_MS = 2000;

/** What a waiting chat asks. */
export function askedText(c: Conversation): string {
  const isFirst = (c.waiting_since ?? 0) - c.created_at < SAME_MOMENT_MS;
  return isFirst && c.first_text !== "" ? c.first_text : c.last_text;
}

/** The last words, with who said them when it was not the visitor. */
export function lastText(c: Conversation, me: number, agents: ReadonlyMap<number, Agent>): string {
  if (c.last_author !== "agent") {
    return c.last_text;
  }
  const { lastByYou, lastBy } = texts.value;
  const mine = c.agent === undefined || c.agent === me;
  return mine ? lastByYou(c.last_text) : lastBy(agentName(agents, c.agent), c.last_text);
}

export function kindOf(c: Conversation): InboxItem["kind"] {
  return isWaiting(c) ? "card" : "row";
}

export function itemOf(
  c: Conversation,
  me: number,
  agents: ReadonlyMap<number, Agent>,
  draft: boolean,
): InboxItem {
  const kind = kindOf(c);
  const item: InboxItem = {
    kind,
    conversation: c.conversation,
    visitor: c.visitor.visitor,
    name: visitorName(c),
    given: givenName(c),
    text: kind === "card" ? askedText(c) : lastText(c, me, agents),
    at: c.changed_at,
    unread: c.unread,
    draft,
  };
  if (c.waiting_since !== undefined && c.state === "open") {
    item.waitingSince = c.waiting_since;
  }
  if (c.agent !== undefined && c.agent !== me) {
    item.agent = { agent: c.agent, name: agentName(agents, c.agent) };
  }
  return item;
}

export class InboxState {
  readonly view = signal<View>("mine");
  /** Waiting chats that stand in front of every list but their own. */
  readonly ahead: ReadonlySignal<readonly Conversation[]>;
  /** How many more are waiting. */
  readonly aheadMore: ReadonlySignal<number>;
  readonly rows: ReadonlySignal<readonly Conversation[]>;
  /** All that j and k lead through, in order. */
  readonly order: ReadonlySignal<readonly number[]>;
  /** Something is unread in it. */
  readonly unreadViews: ReadonlySignal<ReadonlySet<View>>;
  /** What the title counts: unread conversations of one's own, and everybody who waits. */
  readonly attention: ReadonlySignal<number>;
  /** The row that Tab leads to. */
  readonly current: ReadonlySignal<number | undefined>;
  readonly #desk: Desk;
  readonly #focused = signal<number | undefined>(undefined);

  constructor(desk: Desk) {
    this.#desk = desk;
    this.ahead = computed(() =>
      this.view.value === "unassigned" ? [] : desk.waiting.value.slice(0, MAX_AHEAD),
    );
    this.aheadMore = computed(() => {
      const all = Math.max(desk.waiting.value.length, 0);
      return this.view.value === "unassigned" ? 0 : Math.max(0, all - MAX_AHEAD);
    });
    this.rows = computed(() => {
      const ahead = new Set(this.ahead.value.map((one) => one.conversation));
      const members = desk.members[this.view.value].value;
      return ahead.size === 0 ? members : members.filter((c) => !ahead.has(c.conversation));
    });
    this.order = computed(() =>
      [...this.ahead.value, ...this.rows.value].map((one) => one.conversation),
    );
    this.unreadViews = computed(() => {
      const unread = new Set<View>();
      for (const view of ["mine", "unassigned"] as const) {
        if (desk.members[view].value.some((c) => c.unread > 0)) {
          unread.add(view);
        }
      }
      return unread;
    });
    this.attention = computed(
      () => desk.members.mine.value.filter((c) => c.unread > 0).length + desk.waiting.value.length,
    );
    this.current = computed(() => {
      const order = this.order.value;
      const focused = this.#focused.value;
      return focused !== undefined && order.includes(focused) ? focused : order[0];
    });
  }

  /** A conversation as its row shows it; made only for rows in sight. */
  itemOf(c: Conversation, draft: boolean): InboxItem {
    return itemOf(c, this.#desk.me.value?.agent ?? 0, this.#desk.agents.value, draft);
  }

  focus(conversation: number): void {
    this.#focused.value = conversation;
  }

  /** Moves the keyboard's row; gives the one to focus. From outside the list it begins at the opened one. */
  move(by: 1 | -1, inList: boolean, opened: number | undefined): number | undefined {
    const order = this.order.value;
    const from = inList ? this.current.value : opened;
    const at = from === undefined ? -1 : order.indexOf(from);
    const to = at < 0 ? 0 : Math.min(order.length - 1, Math.max(0, at + by));
    const target = order[to];
    this.#focused.value = target;
    return target;
  }
}

/*
 * The four lists of the inbox, computed from what is known of conversations. Pure: no signals, no socket.
 *
 * A list is read in pages by last change, newest first, and every change moves a conversation to the top. So
 * what has been read of a list is exactly: all members down to the last one of the last page (its floor).
 * Live events only ever change what is above; nothing has to be inserted by hand.
 */
import type { Conversation, DeskEvent, Message, Receipt, View } from "./types.ts";

/** Place in the server's order. */
export interface Place {
  changed_at: number;
  conversation: number;
}

/** How far a list has been read. */
export interface Extent {
  /** The last one read; absent while nothing has been. */
  floor?: Place;
  /** Nothing is left below the floor. */
  complete: boolean;
}

export const VIEWS: readonly View[] = ["mine", "unassigned", "all", "closed"];

export function belongs(c: Conversation, view: View, me: number): boolean {
  switch (view) {
    case "mine":
      return c.state === "open" && c.agent === me;
    case "unassigned":
      return c.state === "open" && c.agent === undefined;
    case "all":
      return c.state === "open";
    case "closed":
      return c.state === "closed";
  }
}

/** Newest change first; equal times by number, newest first, as the server does. */
export function byChange(a: Place, b: Place): number {
  return b.changed_at - a.changed_at || b.conversation - a.conversation;
}

/** Waiting ones first, longest wait on top; then the rest by last change. */
export function byWait(a: Conversation, b: Conversation): number {
  if (a.waiting_since !== undefined && b.waiting_since !== undefined) {
    return a.waiting_since - b.waiting_since || a.conversation - b.conversation;
  }
  if (a.waiting_since !== undefined || b.waiting_since !== undefined) {
    return a.waiting_since !== undefined ? -1 : 1;
  }
  return byChange(a, b);
}

/** Open, and nobody has it, and the visitor has no answer. */
export function isWaiting(c: Conversation): boolean {
  return c.state === "open" && c.agent === undefined && c.waiting_since !== undefined;
}

/** Of all known members of a list those that have been read, in their order. */
export function readPart(members: readonly Conversation[], extent: Extent): Conversation[] {
  const { floor, complete } = extent;
  if (complete) {
    return [...members];
  }
  return floor === undefined ? [] : members.filter((c) => byChange(c, floor) <= 0);
}

const LIST_TEXT_CHARS = 200;

/** What a message does to the list entry of its conversation; a repeated one does nothing. */
export function withMessage(c: Conversation, message: Message): Conversation {
  if (message.number <= c.last) {
    return c;
  }
  const moved = { ...c, last: message.number, changed_at: Math.max(c.changed_at, message.at) };
  if (message.author === "system") {
    return moved;
  }
  const text = [...message.text].slice(0, LIST_TEXT_CHARS).join("");
  const next = { ...moved, last_text: text, last_author: message.author };
  if (message.author === "visitor") {
    return {
      ...next,
      unread: c.unread + 1,
      waiting_since: c.waiting_since ?? message.at,
      first_text: c.first_text === "" ? text : c.first_text,
    };
  }
  const { waiting_since: _, ...answered } = next;
  return message.author === "agent" ? answered : next;
}

/** Receipts never go backwards. `unread` is exact once everything is read, else as it was. */
export function withReceipt(c: Conversation, receipt: Receipt): Conversation {
  const agentRead = Math.max(c.agent_read, receipt.agent_read);
  return {
    ...c,
    visitor_delivered: Math.max(c.visitor_delivered, receipt.visitor_delivered),
    visitor_read: Math.max(c.visitor_read, receipt.visitor_read),
    agent_read: agentRead,
    unread: agentRead >= c.last ? 0 : Math.min(c.unread, c.last - agentRead),
  };
}

/** How many conversations the open lists have. */
export interface Counts {
  mine: number;
  unassigned: number;
  all: number;
}

function countsOf(c: Conversation | undefined, me: number): Counts {
  const one = (view: View): number => (c !== undefined && belongs(c, view, me) ? 1 : 0);
  return { mine: one("mine"), unassigned: one("unassigned"), all: one("all") };
}

/** The counts after a conversation went from one state to another; never below zero. */
export function recount(
  counts: Counts,
  before: Conversation | undefined,
  after: Conversation,
  me: number,
): Counts {
  const was = countsOf(before, me);
  const is = countsOf(after, me);
  return {
    mine: Math.max(0, counts.mine - was.mine + is.mine),
    unassigned: Math.max(0, counts.unassigned - was.unassigned + is.unassigned),
    all: Math.max(0, counts.all - was.all + is.all),
  };
}

/**
 * The state before an event of a conversation that was not known here, as far as it can be told: from the
 * system line that came with it, or undefined for one that is new.
 */
export function guessBefore(after: Conversation, line: Message["line"]): Conversation | undefined {
  const { agent: _, ...unassigned } = after;
  if (after.state === "closed" || line === "closed") {
    return { ...after, state: "open" };
  }
  switch (line) {
    case "reopened":
      return { ...after, state: "closed" };
    case "joined":
      return unassigned;
    case "assigned":
      return after;
    case undefined:
      return after.last <= NEW_MESSAGES ? undefined : after;
  }
}

/** A new conversation has the welcome message and the visitor's first. */
const NEW_MESSAGES = 2;

/** The event's conversation, whichever kind it is. */
export function conversationOf(event: DeskEvent): number | undefined {
  return event.kind === "conversation" ? event.changed?.conversation : event.conversation;
}

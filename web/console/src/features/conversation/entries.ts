/*
 * What stands in a conversation's column: messages in groups, days, system lines and the mark before what is
 * new. Pure.
 */
import type { Delivery, Line, ThreadItem } from "../../desk/types.ts";
import { dayOf } from "../../lib/time.ts";

export interface DayEntry {
  kind: "day";
  key: string;
  at: number;
}

export interface NewEntry {
  kind: "new";
  key: string;
}

export interface LineEntry {
  kind: "line";
  key: string;
  number: number;
  line: Line;
  /** The agent it is about; absent for an assignment back to the queue. */
  name?: string;
  you: boolean;
  at: number;
}

export interface BubbleEntry {
  kind: "bubble";
  key: string;
  /** Absent while it is not stored. */
  number?: number;
  author: "visitor" | "agent" | "site";
  /** Of an agent. */
  name?: string;
  you: boolean;
  text: string;
  at: number;
  /** Only for answers of agents. */
  delivery?: Delivery;
  /** First and last of a group by one author within a short time. */
  first: boolean;
  last: boolean;
}

export type Entry = DayEntry | NewEntry | LineEntry | BubbleEntry;

export interface EntryFrame {
  /** The agent who looks. */
  me: number;
  /** The visitor's messages above this number are new; absent when nothing is to be marked. */
  newAfter?: number;
}

const GROUP_MS = 5 * 60_000;

function bubbleOf(item: ThreadItem, author: BubbleEntry["author"], frame: EntryFrame): BubbleEntry {
  const bubble: BubbleEntry = {
    kind: "bubble",
    key: item.key,
    author,
    you: author === "agent" && (item.number === undefined || item.agent === frame.me),
    text: item.text,
    at: item.at,
    first: true,
    last: true,
  };
  if (item.number !== undefined) {
    bubble.number = item.number;
  }
  if (item.name !== undefined) {
    bubble.name = item.name;
  }
  if (author === "agent" && item.delivery !== undefined) {
    bubble.delivery = item.delivery;
  }
  return bubble;
}

function lineOf(item: ThreadItem, frame: EntryFrame): LineEntry {
  const entry: LineEntry = {
    kind: "line",
    key: item.key,
    number: item.number ?? 0,
    line: item.line ?? "joined",
    you: item.agent === frame.me,
    at: item.at,
  };
  if (item.name !== undefined) {
    entry.name = item.name;
  }
  return entry;
}

function sameGroup(a: BubbleEntry, b: BubbleEntry): boolean {
  const oneAuthor = a.author === b.author && a.you === b.you && (a.you || a.name === b.name);
  return oneAuthor && Math.abs(b.at - a.at) < GROUP_MS;
}

/** Items in the order they are to stand in. */
export function buildEntries(items: readonly ThreadItem[], frame: EntryFrame): Entry[] {
  const entries: Entry[] = [];
  let day = Number.NaN;
  let marked = frame.newAfter === undefined;
  for (const item of items) {
    if (dayOf(item.at) !== day) {
      day = dayOf(item.at);
      entries.push({ kind: "day", key: `d${item.key}`, at: item.at });
    }
    if (!marked && item.author === "visitor" && (item.number ?? 0) > (frame.newAfter ?? 0)) {
      marked = true;
      entries.push({ kind: "new", key: "new" });
    }
    if (item.author === "system") {
      entries.push(lineOf(item, frame));
      continue;
    }
    const bubble = bubbleOf(item, item.author, frame);
    const before = entries[entries.length - 1];
    if (before?.kind === "bubble" && sameGroup(before, bubble)) {
      before.last = false;
      bubble.first = false;
    }
    entries.push(bubble);
  }
  return entries;
}

/*
 * From messages to what stands on the screen: days, the mark of what is new, lines of the desk, and bubbles in groups.
 */

import type { ThreadItem } from "@deskbell/protocol/visitor";
import { isSameDay } from "@deskbell/ui/clock";

export interface Bubble {
  item: ThreadItem;
  /* First and last of a group: the same author without a long pause or anything between. */
  first: boolean;
  last: boolean;
  /* Time and state stand below it: at the end of a group and wherever the state changes. */
  meta: boolean;
}

export type Row =
  | { kind: "day"; key: string; at: number }
  | { kind: "new"; key: string }
  | { kind: "line"; key: string; item: ThreadItem }
  | { kind: "bubble"; key: string; bubble: Bubble };

/* A longer pause begins a new group. */
const GROUP_MS = 5 * 60_000;

function sameGroup(a: ThreadItem | undefined, b: ThreadItem | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.author === b.author &&
    a.author !== "system" &&
    a.name === b.name &&
    Math.abs(b.at - a.at) < GROUP_MS &&
    isSameDay(a.at, b.at)
  );
}

/* The site's greeting before anything was said: it has no time yet. */
function isGreeting(item: ThreadItem, items: readonly ThreadItem[]): boolean {
  return item.author === "site" && item.number === undefined && items.length === 1;
}

/* `newFrom` is the number of the first message that was not seen yet; the mark stands above it. */
export function makeRows(items: readonly ThreadItem[], newFrom?: number): Row[] {
  const rows: Row[] = [];
  const isNew = (item: ThreadItem | undefined): boolean =>
    newFrom !== undefined && item?.number === newFrom;
  items.forEach((item, i) => {
    const before = items[i - 1];
    const after = items[i + 1];
    const timed = !isGreeting(item, items);
    if (timed && (!before || !isSameDay(before.at, item.at))) {
      rows.push({ kind: "day", key: `day ${item.key}`, at: item.at });
    }
    if (isNew(item)) {
      rows.push({ kind: "new", key: "new" });
    }
    if (item.author === "system") {
      rows.push({ kind: "line", key: item.key, item });
      return;
    }
    const first = !sameGroup(before, item) || isNew(item);
    const last = !sameGroup(item, after) || isNew(after);
    const changes = item.delivery !== after?.delivery || item.delivery === "refused";
    rows.push({
      kind: "bubble",
      key: item.author === "site" ? "welcome" : item.key,
      bubble: { item, first, last, meta: timed && (last || changes) },
    });
  });
  return rows;
}

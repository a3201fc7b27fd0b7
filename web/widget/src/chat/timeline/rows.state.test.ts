import type { ThreadItem } from "@deskbell/protocol/visitor";
import { describe, expect, it } from "vitest";
import { makeRows, type Row } from "./rows.state.ts";

const NOON = new Date("2026-11-22T12:00:00").getTime();
const MINUTE = 60_000;

function item(
  number: number,
  author: ThreadItem["author"],
  minutes: number,
  more: Partial<ThreadItem> = {},
): ThreadItem {
  return { key: String(number), number, author, at: NOON + minutes * MINUTE, text: "x", ...more };
}

/* A row in a few letters: D day, N new, L line, and for bubbles [ first, ] last, m with meta. */
function sketch(rows: Row[]): string {
  return rows
    .map((row) => {
      if (row.kind === "bubble") {
        const { first, last, meta, item } = row.bubble;
        return `${first ? "[" : ""}${item.number ?? "?"}${meta ? "m" : ""}${last ? "]" : ""}`;
      }
      return { day: "D", new: "N", line: "L" }[row.kind];
    })
    .join(" ");
}

describe("makeRows", () => {
  it("gives nothing for nothing", () => {
    expect(makeRows([])).toEqual([]);
  });

  it("groups one author's messages and puts the time below the last", () => {
    const rows = makeRows([item(1, "agent", 0), item(2, "agent", 1), item(3, "agent", 2)]);
    expect(sketch(rows)).toBe("D [1 2 3m]");
  });

  it("parts authors, agents of different names, and long pauses", () => {
    const rows = makeRows([
      item(1, "site", 0),
      item(2, "agent", 0, { name: "Mina" }),
      item(3, "agent", 1, { name: "Jun" }),
      item(4, "agent", 5.99, { name: "Jun" }),
      item(5, "agent", 11, { name: "Jun" }),
    ]);
    expect(sketch(rows)).toBe("D [1m] [2m] [3 4m] [5m]");
  });

  it("parts a group at the desk's own line", () => {
    const rows = makeRows([item(1, "visitor", 0), item(2, "system", 0), item(3, "visitor", 0)]);
    expect(sketch(rows)).toBe("D [1m] L [3m]");
  });

  it("begins each day with its name", () => {
    const rows = makeRows([item(1, "agent", 11 * 60 + 59), item(2, "agent", 12 * 60)]);
    expect(sketch(rows)).toBe("D [1m] D [2m]");
  });

  it("marks the first new message and parts the group there", () => {
    const list = [item(1, "agent", 0), item(2, "agent", 0), item(3, "agent", 0)];
    expect(sketch(makeRows(list, 2))).toBe("D [1m] N [2 3m]");
    expect(sketch(makeRows(list, 4))).toBe("D [1 2 3m]");
  });

  it("does not take messages without a number for new ones", () => {
    const { number: _, ...waiting } = item(2, "visitor", 0, { delivery: "waiting" });
    expect(sketch(makeRows([waiting]))).toBe("D [?m]");
  });

  it("shows the state of own messages wherever it changes, and below each failed one", () => {
    const rows = makeRows([
      item(1, "visitor", 0, { delivery: "read" }),
      item(2, "visitor", 0, { delivery: "read" }),
      item(3, "visitor", 0, { delivery: "stored" }),
      item(4, "visitor", 0, { delivery: "refused" }),
      item(5, "visitor", 0, { delivery: "refused" }),
    ]);
    expect(sketch(rows)).toBe("D [1 2m 3m 4m 5m]");
  });

  it("shows a greeting without time until something is said", () => {
    const { number: _, ...greeting } = item(1, "site", 0);
    expect(sketch(makeRows([greeting]))).toBe("[?]");
    expect(sketch(makeRows([greeting, item(2, "visitor", 0)]))).toBe("D [?m] [2m]");
  });

  it("keeps the greeting's key when the desk stores it", () => {
    const { number: _, ...greeting } = item(1, "site", 0, { key: "a" });
    const stored = item(1, "site", 0, { key: "b" });
    expect(makeRows([greeting])[0]?.key).toBe(makeRows([stored])[1]?.key);
  });

  it("gives every row a key of its own", () => {
    const rows = makeRows(
      [item(1, "agent", 0), item(2, "system", 1), item(3, "agent", 24 * 60)],
      3,
    );
    expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
  });
});

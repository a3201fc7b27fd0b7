import { describe, expect, test } from "vitest";
import type { ThreadItem } from "../../desk/types.ts";
import { type BubbleEntry, buildEntries, type Entry, type EntryFrame } from "./entries.ts";

const NOON = new Date("2026-11-22T12:00").getTime();
const frame: EntryFrame = { me: 1 };
const visitor = (number: number, at = NOON + number): ThreadItem => ({
  key: `v${number}`,
  number,
  author: "visitor",
  text: `v${number}`,
  at,
});
const agent = (number: number, who = 1): ThreadItem => ({
  key: `a${number}`,
  number,
  author: "agent",
  agent: who,
  name: `Agent ${who}`,
  text: `a${number}`,
  at: NOON + number,
  delivery: "stored",
});
const bubbles = (entries: Entry[]): BubbleEntry[] =>
  entries.filter((entry) => entry.kind === "bubble");
const kinds = (entries: Entry[]): string => entries.map((entry) => entry.kind).join(" ");

describe("a conversation's column", () => {
  test("opens each day with its date, which ends a group", () => {
    const before = NOON - 86_400_000;
    const entries = buildEntries([visitor(1, before), visitor(2, before + 1), visitor(3)], frame);
    expect(kinds(entries)).toBe("day bubble bubble day bubble");
    expect(bubbles(entries).map((b) => b.first)).toEqual([true, false, true]);
  });

  test("groups one author within five minutes", () => {
    const late = NOON + 5 * 60_000 + 5;
    const items = [
      visitor(1),
      visitor(2),
      agent(3),
      agent(4, 2),
      visitor(5, NOON + 5),
      visitor(6, late),
    ];
    const got = bubbles(buildEntries(items, frame)).map((b) => `${b.first} ${b.last}`);
    expect(got).toEqual([
      "true false",
      "false true",
      "true true",
      "true true",
      "true true",
      "true true",
    ]);
  });

  test("puts a waiting answer into the group of its author", () => {
    const waiting: ThreadItem = {
      key: "w",
      author: "agent",
      text: "soon",
      at: NOON + 9,
      delivery: "waiting",
    };
    const got = bubbles(buildEntries([visitor(1), agent(2), waiting], frame));
    expect(got.map((b) => [b.text, b.you, b.delivery, b.first])).toEqual([
      ["v1", false, undefined, true],
      ["a2", true, "stored", true],
      ["soon", true, "waiting", false],
    ]);
  });

  test("marks the first new message of the visitor, once", () => {
    const items = [visitor(1), agent(2), agent(3), visitor(4), visitor(5)];
    expect(kinds(buildEntries(items, { ...frame, newAfter: 2 }))).toBe(
      "day bubble bubble bubble new bubble bubble",
    );
    expect(kinds(buildEntries(items, { ...frame, newAfter: 5 }))).not.toContain("new");
  });

  test("puts system lines between, and they end a group", () => {
    const line: ThreadItem = {
      key: "l",
      number: 2,
      author: "system",
      line: "assigned",
      text: "",
      at: NOON + 2,
      agent: 2,
      name: "Bo",
    };
    const entries = buildEntries([visitor(1), line, visitor(3)], frame);
    expect(entries[2]).toMatchObject({ kind: "line", line: "assigned", name: "Bo", you: false });
    expect(bubbles(entries).map((b) => b.first)).toEqual([true, true]);
  });
});

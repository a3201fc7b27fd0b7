import { describe, expect, it } from "vitest";
import type { Author, Message } from "../src/gen/values.ts";
import { Timeline, threadItems } from "../src/timeline.ts";

const message = (number: number, author: Author = "agent", id?: string): Message => ({
  number,
  author,
  text: `text ${number}`,
  at: number,
  ...(id ? { id } : {}),
});

const numbers = (timeline: Timeline) => timeline.messages.map((one) => one.number);

describe("Timeline", () => {
  it("shows what it has in order, each once", () => {
    const timeline = new Timeline();
    expect(timeline.add([message(2), message(1)])).toBe(true);
    expect(timeline.add([message(1), message(2)])).toBe(false);
    expect(timeline.add([message(3)])).toBe(true);
    expect(numbers(timeline)).toEqual([1, 2, 3]);
    expect([timeline.first, timeline.last]).toEqual([1, 3]);
  });

  it("keeps the first of two with the same number", () => {
    const timeline = new Timeline();
    timeline.add([message(1)]);
    timeline.add([{ ...message(1), text: "other" }]);
    expect(timeline.messages[0]?.text).toBe("text 1");
  });

  it("holds back what lies behind a gap", () => {
    const timeline = new Timeline();
    timeline.add([message(1)]);
    expect(timeline.add([message(3), message(4)])).toBe(false);
    expect(numbers(timeline)).toEqual([1]);
    expect(timeline.missing).toBe(true);
    expect(timeline.add([message(2)])).toBe(true);
    expect(numbers(timeline)).toEqual([1, 2, 3, 4]);
    expect(timeline.missing).toBe(false);
  });

  it("knows that something is missing before it has seen it", () => {
    const timeline = new Timeline();
    timeline.expect(2);
    expect(timeline.missing).toBe(true);
    timeline.add([message(1), message(2)]);
    expect(timeline.missing).toBe(false);
  });

  it("begins in the middle and grows to both sides", () => {
    const timeline = new Timeline(10);
    expect([timeline.first, timeline.last]).toEqual([0, 10]);
    timeline.add([message(11), message(12)]);
    expect([timeline.first, timeline.last]).toEqual([11, 12]);
    expect(timeline.add([message(8)])).toBe(false);
    expect(timeline.add([message(9), message(10)])).toBe(true);
    expect(numbers(timeline)).toEqual([8, 9, 10, 11, 12]);
  });

  it("is empty after clear", () => {
    const timeline = new Timeline();
    timeline.add([message(1), message(3)]);
    timeline.clear();
    expect(numbers(timeline)).toEqual([]);
    expect(timeline.missing).toBe(false);
  });
});

describe("threadItems", () => {
  const id = (n: number) => n.toString().padStart(32, "0");

  it("tells how far one's own messages have got, and only those", () => {
    const messages = [
      message(1, "site"),
      message(2, "visitor", id(2)),
      message(3, "agent", id(3)),
      message(4, "visitor", id(4)),
      message(5, "visitor", id(5)),
    ];
    const items = threadItems(messages, [], "visitor", { delivered: 4, read: 2 });
    expect(items.map((item) => item.delivery)).toEqual([
      undefined,
      "read",
      undefined,
      "delivered",
      "stored",
    ]);
  });

  it("puts what waits behind what is stored, under a key that stays", () => {
    const none = { delivered: 0, read: 0 };
    const waiting = [{ id: id(9), text: "hello", at: 1 }];
    const before = threadItems([message(1)], waiting, "visitor", none);
    expect(before[1]).toMatchObject({ text: "hello", delivery: "waiting", author: "visitor" });
    const stored = [message(1), message(2, "visitor", id(9))];
    const after = threadItems(stored, waiting, "visitor", none);
    expect(after).toHaveLength(2);
    expect(after[1]).toMatchObject({ delivery: "stored", number: 2, key: before[1]?.key });
  });

  it("says why a message was refused", () => {
    const waiting = [{ id: id(9), text: "hello", at: 1, refused: "closed" as const }];
    const items = threadItems([], waiting, "agent", { delivered: 0, read: 0 });
    expect(items[0]).toMatchObject({ delivery: "refused", reason: "closed" });
  });

  it("does not let a visitor take an agent's key", () => {
    const messages = [message(1, "agent", id(1)), message(2, "visitor", id(1))];
    const items = threadItems(messages, [], "visitor", { delivered: 0, read: 0 });
    expect(new Set(items.map((item) => item.key)).size).toBe(2);
  });
});

import { describe, expect, test } from "vitest";
import {
  belongs,
  byChange,
  byWait,
  guessBefore,
  isWaiting,
  readPart,
  recount,
  withMessage,
  withReceipt,
} from "./lists.ts";
import { conversation, message } from "./testing.ts";

const ME = 1;

describe("a list", () => {
  const mine = conversation(1, { agent: ME });
  const theirs = conversation(2, { agent: 2 });
  const free = conversation(3);
  const closed = conversation(4, { state: "closed", agent: ME });

  test("has the members it is named for", () => {
    const of = (view: "mine" | "unassigned" | "all" | "closed") =>
      [mine, theirs, free, closed].filter((c) => belongs(c, view, ME)).map((c) => c.conversation);
    expect(of("mine")).toEqual([1]);
    expect(of("unassigned")).toEqual([3]);
    expect(of("all")).toEqual([1, 2, 3]);
    expect(of("closed")).toEqual([4]);
  });

  test("shows nothing before its first page was read", () => {
    expect(readPart([free], { complete: false })).toEqual([]);
    expect(readPart([free], { complete: true })).toEqual([free]);
  });

  test("shows what is at or above its floor, and what comes live", () => {
    const known = [40, 30, 20, 10].map((at) => conversation(at, { changed_at: at }));
    const floor = { changed_at: 20, conversation: 20 };
    const shown = readPart(known, { floor, complete: false });
    expect(shown.map((c) => c.conversation)).toEqual([40, 30, 20]);
    const live = [conversation(50, { changed_at: 50 }), ...known];
    expect(readPart(live, { floor, complete: false })[0]?.conversation).toBe(50);
  });

  test("breaks ties of time by number, as the desk does", () => {
    const known = [conversation(1, { changed_at: 5 }), conversation(2, { changed_at: 5 })];
    expect(known.sort(byChange).map((c) => c.conversation)).toEqual([2, 1]);
  });

  test("of one's own work has who waits longest on top", () => {
    const known = [
      conversation(1, { agent: ME, changed_at: 90 }),
      conversation(2, { agent: ME, changed_at: 50, waiting_since: 50 }),
      conversation(3, { agent: ME, changed_at: 99, waiting_since: 20 }),
      conversation(4, { agent: ME, changed_at: 95 }),
    ];
    expect(known.sort(byWait).map((c) => c.conversation)).toEqual([3, 2, 4, 1]);
  });
});

test("waiting is who is open, has nobody and no answer", () => {
  const known = [
    conversation(1, { waiting_since: 30 }),
    conversation(2, { waiting_since: 10 }),
    conversation(3, { waiting_since: 5, agent: 2 }),
    conversation(4, { waiting_since: 5, state: "closed" }),
    conversation(5),
  ];
  expect(known.filter(isWaiting).map((c) => c.conversation)).toEqual([1, 2]);
});

describe("a message", () => {
  test("of the visitor counts as unread and starts the wait once", () => {
    const first = withMessage(conversation(1, { last: 1 }), message(2, "visitor", "a", 100));
    expect(first).toMatchObject({ last: 2, unread: 1, waiting_since: 100, first_text: "a" });
    const second = withMessage(first, message(3, "visitor", "b", 200));
    expect(second).toMatchObject({ last: 3, unread: 2, waiting_since: 100, first_text: "a" });
    expect(second.last_text).toBe("b");
  });

  test("of an agent ends the wait", () => {
    const waiting = conversation(1, { last: 2, unread: 1, waiting_since: 100 });
    const answered = withMessage(waiting, message(3, "agent", "hello", 3000));
    expect(answered).not.toHaveProperty("waiting_since");
    expect(answered).toMatchObject({ unread: 1, last_author: "agent", changed_at: 3000 });
  });

  test("of the system changes no words", () => {
    const before = conversation(1, { last: 2, last_text: "x", waiting_since: 1 });
    const after = withMessage(before, { ...message(3, "system", "", 300), line: "joined" });
    expect(after).toMatchObject({ last: 3, last_text: "x", waiting_since: 1 });
  });

  test("that is known already changes nothing", () => {
    const before = conversation(1, { last: 3, unread: 1 });
    expect(withMessage(before, message(3, "visitor", "again", 1))).toBe(before);
  });

  test("is cut for the list by whole characters", () => {
    const after = withMessage(conversation(1), message(1, "visitor", "🙂".repeat(300), 1));
    expect(after.last_text).toBe("🙂".repeat(200));
  });
});

test("receipts never go backwards, and reading all leaves nothing unread", () => {
  const before = conversation(1, { last: 9, unread: 4, visitor_read: 5, agent_read: 3 });
  const back = withReceipt(before, { visitor_delivered: 1, visitor_read: 4, agent_read: 2 });
  expect(back).toMatchObject({ visitor_read: 5, agent_read: 3, unread: 4 });
  expect(withReceipt(before, { visitor_delivered: 9, visitor_read: 9, agent_read: 9 }).unread).toBe(
    0,
  );
  expect(withReceipt(before, { visitor_delivered: 9, visitor_read: 9, agent_read: 8 }).unread).toBe(
    1,
  );
});

describe("counts", () => {
  const counts = { mine: 3, unassigned: 2, all: 9 };
  test("follow a conversation from list to list", () => {
    const free = conversation(1);
    const mine = conversation(1, { agent: ME });
    const closed = conversation(1, { agent: ME, state: "closed" });
    expect(recount(counts, undefined, free, ME)).toEqual({ mine: 3, unassigned: 3, all: 10 });
    expect(recount(counts, free, mine, ME)).toEqual({ mine: 4, unassigned: 1, all: 9 });
    expect(recount(counts, mine, closed, ME)).toEqual({ mine: 2, unassigned: 2, all: 8 });
    expect(recount(counts, closed, mine, ME)).toEqual({ mine: 4, unassigned: 2, all: 10 });
  });
  test("never fall below nothing", () => {
    const none = { mine: 0, unassigned: 0, all: 0 };
    expect(recount(none, conversation(1), conversation(1, { state: "closed" }), ME)).toEqual(none);
  });
});

describe("the state before an event of an unknown conversation", () => {
  test("is told by the line that came with it", () => {
    const closed = conversation(1, { agent: 2, state: "closed", last: 8 });
    const taken = conversation(1, { agent: 2, last: 8 });
    expect(guessBefore(closed, "closed")).toMatchObject({ state: "open", agent: 2 });
    expect(guessBefore(taken, "reopened")).toMatchObject({ state: "closed" });
    expect(guessBefore(taken, "joined")).not.toHaveProperty("agent");
  });
  test("is closing when it is closed, and nothing when it is new", () => {
    expect(guessBefore(conversation(1, { state: "closed", last: 8 }), undefined)?.state).toBe(
      "open",
    );
    expect(
      guessBefore(conversation(1, { last: 2, created_at: 5, changed_at: 9 }), undefined),
    ).toBeUndefined();
  });
});

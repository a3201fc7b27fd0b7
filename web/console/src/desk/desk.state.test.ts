import { beforeEach, describe, expect, test, vi } from "vitest";
import { type Arrival, Desk } from "./desk.state.ts";
import { FakeClient, settle } from "./fake-client.ts";
import { conversation, message } from "./testing.ts";

let client: FakeClient;
let desk: Desk;

beforeEach(() => {
  client = new FakeClient();
  desk = new Desk(client);
  desk.start();
});

const ids = (view: "mine" | "unassigned" | "all" | "closed"): number[] =>
  desk.members[view].value.map((c) => c.conversation);

describe("lists", () => {
  test("of work are read at once, the others when they are looked at", async () => {
    client.conversations = [conversation(1), conversation(2, { agent: 1 })];
    client.welcome({ mine: 1, unassigned: 1, all: 2 });
    await settle();
    expect(client.called("list").map(([, view]) => view)).toEqual(["unassigned", "mine"]);
    expect([ids("unassigned"), ids("mine"), ids("all")]).toEqual([[1], [2], []]);
    await desk.more("all");
    expect(ids("all")).toEqual([2, 1]);
  });

  test("are read page by page, each page once", async () => {
    client.conversations = Array.from({ length: 250 }, (_, i) =>
      conversation(i + 1, { agent: 2, changed_at: i + 1 }),
    );
    client.welcome({ mine: 0, unassigned: 0, all: 250 });
    await Promise.all([desk.more("all"), desk.more("all")]);
    expect(ids("all").length).toBe(100);
    await desk.more("all");
    await desk.more("all");
    await desk.more("all");
    expect(ids("all").length).toBe(250);
    expect(client.called("list").filter(([, view]) => view === "all").length).toBe(3);
    expect(desk.lists.all.value.complete).toBe(true);
  });

  test("read ahead what is to be worked off", async () => {
    client.conversations = Array.from({ length: 250 }, (_, i) =>
      conversation(i + 1, { changed_at: i + 1, waiting_since: i + 1 }),
    );
    client.welcome({ mine: 0, unassigned: 250, all: 250 });
    await settle();
    await settle();
    expect(ids("unassigned").length).toBe(250);
    expect(ids("unassigned")[0]).toBe(1);
  });

  test("say so when they cannot be read, and try again when the desk is back", async () => {
    client.welcome();
    await settle();
    client.refuse = "offline";
    await desk.more("closed");
    expect(desk.lists.closed.value).toMatchObject({ failed: true, loading: false });
    client.refuse = undefined;
    client.conversations = [conversation(7, { state: "closed" })];
    client.notice({ type: "caught_up" });
    await settle();
    expect(ids("closed")).toEqual([7]);
  });
});

describe("live events", () => {
  beforeEach(async () => {
    client.conversations = [conversation(1, { last: 2, waiting_since: 5 })];
    client.welcome({ mine: 0, unassigned: 1, all: 1 });
    await settle();
  });

  test("move a conversation from list to list, and the counts with it", () => {
    client.happens({ kind: "conversation", changed: conversation(1, { agent: 1, last: 3 }) });
    expect([ids("unassigned"), ids("mine")]).toEqual([[], [1]]);
    expect([desk.count("mine"), desk.count("unassigned"), desk.count("all")]).toEqual([1, 0, 1]);
  });

  test("put a new conversation on top", () => {
    const fresh = conversation(9, { last: 2, changed_at: 9999, waiting_since: 1 });
    client.happens({ kind: "conversation", changed: fresh });
    expect(desk.waiting.value.map((c) => c.conversation)).toEqual([9, 1]);
    expect(desk.count("all")).toBe(2);
  });

  test("of a conversation that no list has shown bring it in", async () => {
    client.conversations.push(conversation(5, { agent: 1, last: 8, changed_at: 50 }));
    client.happens({
      kind: "message",
      conversation: 5,
      message: message(8, "visitor", "again", 50),
    });
    await settle();
    expect(client.called("open")).toEqual([["open", 5]]);
    expect(ids("mine")).toEqual([5]);
  });

  test("that an answer already knew of change nothing", async () => {
    client.conversations = [conversation(1, { last: 4, unread: 3 })];
    client.event = 10;
    await desk.open(1);
    expect(desk.conversation(1)?.last).toBe(2);
    client.event = 7;
    const event = { kind: "message", conversation: 1 } as const;
    client.happens({ ...event, message: message(3, "visitor", "a", 20) });
    client.happens({ ...event, message: message(4, "visitor", "b", 30) });
    expect(desk.conversation(1)).toMatchObject({ last: 4, unread: 2 });
    client.happens({ kind: "agent" });
    expect(desk.conversation(1)).toMatchObject({ last: 4, unread: 3 });
  });

  test("tell of each message of a visitor once", () => {
    const arrivals: Arrival[] = [];
    desk.onArrival = (arrival) => arrivals.push(arrival);
    const event = { kind: "message", conversation: 1 } as const;
    client.happens({ ...event, message: message(3, "visitor", "a", 20) });
    client.happens({ ...event, message: message(4, "agent", "b", 30) });
    expect(arrivals.map((arrival) => arrival.message.text)).toEqual(["a"]);
    expect(arrivals[0]?.late).toBe(false);
  });

  test("end the typing of who wrote", () => {
    client.notice({ type: "typing", conversation: 1, on: true });
    client.notice({ type: "typing", conversation: 1, agent: 2, on: true });
    client.happens({
      kind: "message",
      conversation: 1,
      message: message(3, "visitor", "a", 20),
    });
    expect([...(desk.typing.value.get(1) ?? [])]).toEqual([2]);
  });
});

describe("a lost connection", () => {
  beforeEach(async () => {
    client.conversations = [conversation(1, { last: 2 })];
    client.welcome();
    await settle();
  });

  test("comes back with the number of new messages", () => {
    client.setPhase("offline");
    client.setPhase("connecting");
    client.setPhase("online");
    const event = { kind: "message", conversation: 1 } as const;
    client.happens({ ...event, message: message(3, "visitor", "a", 20) });
    client.happens({ ...event, message: message(4, "agent", "b", 20) });
    client.happens({ ...event, message: message(5, "visitor", "c", 20) });
    expect(desk.caughtUp.value).toBeUndefined();
    client.notice({ type: "caught_up" });
    expect(desk.caughtUp.value).toEqual({ newMessages: 2 });
  });

  test("for too long makes everything be read anew", async () => {
    client.setPhase("offline");
    client.conversations = [conversation(3, { waiting_since: 1 })];
    client.event = 900;
    client.welcome({ mine: 0, unassigned: 1, all: 1 });
    await settle();
    expect(ids("unassigned")).toEqual([3]);
    expect(desk.conversation(1)).toBeUndefined();
    expect(desk.epoch.value).toBe(2);
  });

  test("does not let an old answer into the new picture", async () => {
    const slow = desk.more("all");
    client.conversations = [];
    client.welcome();
    await slow;
    await settle();
    expect(ids("all")).toEqual([]);
  });
});

test("an answer ahead of the events is taken after a while all the same", async () => {
  vi.useFakeTimers();
  client.welcome();
  client.conversations = [conversation(1, { state: "closed" })];
  client.event = 5;
  const reading = desk.more("closed");
  await reading;
  expect(ids("closed")).toEqual([]);
  vi.advanceTimersByTime(3000);
  expect(ids("closed")).toEqual([1]);
  vi.useRealTimers();
});

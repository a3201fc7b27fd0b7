import { beforeEach, describe, expect, it } from "vitest";
import {
  MAX_FAILURES,
  Outbox,
  type OutboxEntry,
  PAUSE_MS,
  RESEND_AFTER_MS,
} from "../src/outbox.ts";
import { FakeWorld } from "../src/testing.ts";

/** A tab with an outbox, and what it has sent. */
function tabOf(world: FakeWorld, isOwn?: (entry: OutboxEntry) => boolean) {
  const sent: string[] = [];
  let changes = 0;
  const outbox: Outbox = new Outbox({
    store: world.tab(),
    environment: world,
    send: (entry) => {
      sent.push(entry.text);
      return true;
    },
    onChange: () => {
      changes++;
    },
    ...(isOwn ? { isOwn } : {}),
  });
  outbox.start();
  const texts = () => outbox.entries.map((entry) => entry.text);
  return { outbox, sent, texts, changes: () => changes };
}

const post = (text: string, lane = 0) => ({ lane, text });

describe("Outbox", () => {
  let world: FakeWorld;

  beforeEach(() => {
    world = new FakeWorld();
  });

  it("keeps what is added and sends it when the connection is there", () => {
    const tab = tabOf(world);
    tab.outbox.add(post("one"));
    expect(tab.sent).toEqual([]);
    tab.outbox.online();
    expect(tab.sent).toEqual(["one"]);
  });

  it("sends one after the other, in the order in which they were typed", () => {
    const tab = tabOf(world);
    const ids = ["one", "two", "three"].map((text) => tab.outbox.add(post(text)));
    tab.outbox.online();
    for (const id of ids) {
      expect(tab.sent.at(-1)).toBe(tab.texts()[0]);
      tab.outbox.stored(id);
    }
    expect(tab.sent).toEqual(["one", "two", "three"]);
    expect(tab.texts()).toEqual([]);
  });

  it("keeps the order when the clock goes back", () => {
    const tab = tabOf(world);
    tab.outbox.add(post("one"));
    world.advance(-60_000);
    tab.outbox.add(post("two"));
    expect(tab.texts()).toEqual(["one", "two"]);
    expect(tabOf(world).texts()).toEqual(["one", "two"]);
  });

  it("sends in several lanes at a time", () => {
    const tab = tabOf(world);
    tab.outbox.online();
    tab.outbox.add(post("a1", 1));
    tab.outbox.add(post("a2", 1));
    tab.outbox.add(post("b1", 2));
    expect(tab.sent).toEqual(["a1", "b1"]);
  });

  it("survives a reload", () => {
    const before = tabOf(world);
    before.outbox.add(post("one"));
    before.outbox.stop();
    const after = tabOf(world);
    expect(after.texts()).toEqual(["one"]);
    after.outbox.online();
    expect(after.sent).toEqual(["one"]);
  });

  it("sends again after a lost connection what was not answered", () => {
    const tab = tabOf(world);
    const id = tab.outbox.add(post("one"));
    tab.outbox.online();
    tab.outbox.offline();
    tab.outbox.online();
    expect(tab.sent).toEqual(["one", "one"]);
    tab.outbox.stored(id);
    tab.outbox.offline();
    tab.outbox.online();
    expect(tab.sent).toEqual(["one", "one"]);
  });

  it("sends again when a living connection does not answer", () => {
    const tab = tabOf(world);
    tab.outbox.online();
    tab.outbox.add(post("one"));
    world.advance(RESEND_AFTER_MS - 1);
    expect(tab.sent).toHaveLength(1);
    world.advance(1);
    expect(tab.sent).toHaveLength(2);
  });

  it("waits when there are too many at once, and goes on in order", () => {
    const tab = tabOf(world);
    const first = tab.outbox.add(post("one"));
    tab.outbox.add(post("two"));
    tab.outbox.online();
    tab.outbox.refused(first, "rate_limited", 3_000);
    expect(tab.outbox.entries[0]?.refused).toBeUndefined();
    world.advance(2_999);
    expect(tab.sent).toEqual(["one"]);
    world.advance(1);
    expect(tab.sent).toEqual(["one", "one"]);
    tab.outbox.stored(first);
    expect(tab.sent).toEqual(["one", "one", "two"]);
  });

  it.each(["busy", "not_ready", "rate_limited"] as const)(
    "waits a while after %s without a time",
    (error) => {
      const tab = tabOf(world);
      const id = tab.outbox.add(post("one"));
      tab.outbox.online();
      tab.outbox.refused(id, error);
      world.advance(PAUSE_MS - 1);
      expect(tab.sent).toHaveLength(1);
      world.advance(1);
      expect(tab.sent).toHaveLength(2);
    },
  );

  it("lets nothing block the rest for ever", () => {
    const tab = tabOf(world);
    const first = tab.outbox.add(post("one"));
    tab.outbox.add(post("two"));
    tab.outbox.online();
    for (let i = 0; i < MAX_FAILURES; i++) {
      tab.outbox.refused(first, "internal");
      world.advance(PAUSE_MS);
    }
    expect(tab.outbox.entries[0]?.refused).toBe("internal");
    expect(tab.sent).toEqual(["one", "one", "one", "two"]);
  });

  it("keeps a refused message until somebody decides, also over a reload", () => {
    const tab = tabOf(world);
    const id = tab.outbox.add(post("one"));
    tab.outbox.online();
    tab.outbox.refused(id, "stale", undefined, 7);
    expect(tab.outbox.entries[0]).toMatchObject({ refused: "stale", last: 7 });
    tab.outbox.stop();
    const again = tabOf(world);
    again.outbox.online();
    expect(again.outbox.entries[0]).toMatchObject({ refused: "stale", last: 7 });
    expect(again.sent).toEqual([]);
    again.outbox.retry(id, { force: true });
    expect(again.sent).toEqual(["one"]);
    expect(again.outbox.entries[0]).toMatchObject({ force: true });
    expect(again.outbox.entries[0]?.refused).toBeUndefined();
  });

  it("forgets only refused messages", () => {
    const tab = tabOf(world);
    const id = tab.outbox.add(post("one"));
    tab.outbox.discard(id);
    expect(tab.texts()).toEqual(["one"]);
    tab.outbox.refused(id, "closed");
    tab.outbox.discard(id);
    expect(tab.texts()).toEqual([]);
    expect(tabOf(world).texts()).toEqual([]);
  });

  it("shows in every tab what waits and what is done", () => {
    const one = tabOf(world);
    const two = tabOf(world);
    const id = one.outbox.add(post("hello"));
    expect(two.texts()).toEqual(["hello"]);
    one.outbox.refused(id, "closed");
    expect(two.outbox.entries[0]?.refused).toBe("closed");
    one.outbox.retry(id);
    expect(two.outbox.entries[0]?.refused).toBeUndefined();
    one.outbox.stored(id);
    expect(two.texts()).toEqual([]);
    expect(two.changes()).toBe(4);
  });

  it("shows its message until its own answer comes, though another tab knew earlier", () => {
    const one = tabOf(world);
    const two = tabOf(world);
    one.outbox.online();
    const id = one.outbox.add(post("hello"));
    two.outbox.stored(id);
    expect(one.texts()).toEqual(["hello"]);
    expect(one.outbox.stored(id)).toMatchObject({ text: "hello" });
    expect(one.texts()).toEqual([]);
  });

  it("does not wait for an answer that will not come", () => {
    const one = tabOf(world);
    const two = tabOf(world);
    one.outbox.online();
    two.outbox.stored(one.outbox.add(post("a")));
    one.outbox.offline();
    expect(one.texts()).toEqual([]);
    one.outbox.online();
    two.outbox.stored(one.outbox.add(post("b")));
    world.advance(RESEND_AFTER_MS);
    expect(one.texts()).toEqual([]);
    expect(one.sent).toEqual(["a", "b"]);
  });

  it("leaves another tab's messages alone for a while, then sends them", () => {
    const one = tabOf(world);
    const two = tabOf(world);
    two.outbox.online();
    one.outbox.add(post("hello"));
    world.advance(RESEND_AFTER_MS - 1);
    expect(two.sent).toEqual([]);
    world.advance(1);
    expect(two.sent).toEqual(["hello"]);
  });

  it("does not let a message of a gone tab hold up its own", () => {
    const one = tabOf(world);
    const two = tabOf(world);
    two.outbox.online();
    const id = one.outbox.add(post("first"));
    two.outbox.add(post("second"));
    expect(two.sent).toEqual(["first"]);
    two.outbox.stored(id);
    expect(two.sent).toEqual(["first", "second"]);
  });

  it("keeps and does not send what another agent typed", () => {
    const mine = (owner: number) => (entry: OutboxEntry) => entry.owner === owner;
    const first = tabOf(world, mine(1));
    first.outbox.add({ ...post("secret", 5), owner: 1 });
    first.outbox.stop();
    const second = tabOf(world, mine(2));
    second.outbox.online();
    expect(second.texts()).toEqual([]);
    expect(second.sent).toEqual([]);
    second.outbox.stop();
    expect(tabOf(world, mine(1)).texts()).toEqual(["secret"]);
  });

  it("ignores what it cannot read in the store", () => {
    const store = world.tab();
    const id = "0".repeat(32);
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      '{"id":"x"}',
      `{"id":"${id}","lane":-1,"text":"","at":0}`,
    ]) {
      store.set(`outbox.${id}`, text);
      expect(tabOf(world).texts()).toEqual([]);
    }
    store.set(`outbox.${id}`, `{"id":"${id}","lane":0,"text":"ok","at":0}`);
    expect(tabOf(world).texts()).toEqual(["ok"]);
    store.set("outbox.other", `{"id":"${id}","lane":0,"text":"wrong place","at":0}`);
    expect(tabOf(world).texts()).toEqual(["ok"]);
  });

  it("leaves nothing behind when it is stopped", () => {
    const tab = tabOf(world);
    tab.outbox.online();
    const id = tab.outbox.add(post("one"));
    tab.outbox.add(post("two", 2));
    tab.outbox.refused(id, "busy");
    tab.outbox.stop();
    expect(world.leftovers).toBe(0);
  });
});

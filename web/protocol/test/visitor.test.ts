import { beforeEach, describe, expect, it } from "vitest";
import { ANSWER_TIMEOUT_MS } from "../src/requests.ts";
import { type FakeSocket, FakeWorld } from "../src/testing.ts";
import { TYPING_ENDS_MS, TYPING_REPEAT_MS } from "../src/typing.ts";
import { VisitorClient } from "../src/visitor/client.ts";

const VISITOR = "a".repeat(32);
const OTHER = "b".repeat(32);
const TOKEN = "c".repeat(64);
const SITE = { name: "Lamp shop", welcome: "Hello!" };

const welcome = (more: object = {}) => ({
  type: "welcome",
  visitor: VISITOR,
  site: SITE,
  online: true,
  last: 0,
  delivered: 0,
  read: 0,
  ...more,
});
const message = (number: number, more: object = {}) => ({
  number,
  author: "agent",
  text: `text ${number}`,
  at: 1000 + number,
  ...more,
});
const page = (numbers: number[], more = false) => ({
  type: "messages",
  items: numbers.map((number) => message(number)),
  more,
});

describe("VisitorClient", () => {
  let world: FakeWorld;

  beforeEach(() => {
    world = new FakeWorld();
  });

  const newTab = () =>
    new VisitorClient({
      url: "wss://desk/ws/visitor",
      site: "demo",
      store: world.tab(),
      page: () => ({ page: "https://shop/", title: "", language: "ko" }),
      environment: world,
    });

  /** A tab that is known to the desk and caught up with these messages. */
  const onlineTab = (numbers: number[] = [], more: object = {}) => {
    const tab = newTab();
    tab.start();
    answerHello(world.socket, numbers, { token: TOKEN, ...more });
    return tab;
  };

  const answerHello = (socket: FakeSocket, numbers: number[], more: object = {}) => {
    socket.open();
    socket.receive(welcome({ last: Math.max(0, ...numbers), ...more }));
    socket.receive(page(numbers));
  };

  const texts = (tab: VisitorClient) => tab.state.items.map((item) => item.text);
  const deliveries = (tab: VisitorClient) => tab.state.items.map((item) => item.delivery);

  const reconnect = (numbers: number[], more: object = {}) => {
    world.socket.end();
    world.advance(1_000);
    world.socket.open();
    const hello = world.socket.take();
    world.socket.receive(welcome({ last: Math.max(0, ...numbers), ...more }));
    world.socket.receive(page(numbers));
    return hello;
  };

  describe("hello", () => {
    it("touches neither network nor storage before start", () => {
      const tab = newTab();
      expect(world.sockets).toHaveLength(0);
      expect(world.tab().keys()).toEqual([]);
      expect(tab.state).toMatchObject({ items: [], unread: 0, caughtUp: false });
      expect(VisitorClient.isKnown(world.tab())).toBe(false);
    });

    it("tells of the page what is not empty", () => {
      newTab().start();
      world.socket.open();
      expect(world.socket.take()).toEqual([
        { type: "hello", site: "demo", after: 0, page: "https://shop/", language: "ko" },
      ]);
    });

    it("keeps who the visitor is, and says it the next time", () => {
      onlineTab().stop();
      expect(VisitorClient.isKnown(world.tab())).toBe(true);
      newTab().start();
      world.socket.open();
      expect(world.socket.take()).toMatchObject([{ visitor: VISITOR, token: TOKEN }]);
    });

    it("shows what the desk knows", () => {
      const tab = onlineTab([1], { state: "open", agent_name: "Mina", name: "Kim", online: false });
      expect(tab.state).toMatchObject({
        site: SITE,
        deskOnline: false,
        conversation: "open",
        agentName: "Mina",
        name: "Kim",
        caughtUp: true,
      });
    });

    it("comes as a new visitor when the desk does not know it any more", () => {
      const tab = onlineTab([1, 2]);
      tab.stop();
      const again = newTab();
      again.start();
      world.socket.open();
      world.socket.receive({ type: "refused", error: "bad_token", text: "" });
      world.advance(1_000);
      world.socket.open();
      expect(world.socket.take()).toEqual([
        { type: "hello", site: "demo", after: 0, page: "https://shop/", language: "ko" },
      ]);
    });

    it("stops where the site may not be used", () => {
      const tab = newTab();
      tab.start();
      world.socket.open();
      world.socket.receive({ type: "refused", error: "bad_site", text: "" });
      world.advance(100_000);
      expect(tab.state.connection).toMatchObject({ phase: "ended", reason: "bad_site" });
      expect(world.sockets).toHaveLength(1);
    });

    it("comes back when the desk says it may", () => {
      const tab = newTab();
      tab.start();
      world.socket.open();
      world.socket.receive({
        type: "refused",
        error: "rate_limited",
        text: "",
        retry_after_ms: 5_000,
      });
      world.advance(4_999);
      expect(world.sockets).toHaveLength(1);
      world.advance(1);
      expect(world.sockets).toHaveLength(2);
      expect(tab.state.connection.phase).toBe("connecting");
    });

    it("is one visitor in two tabs that begin at the same time", () => {
      const one = newTab();
      const two = newTab();
      one.start();
      const first = world.socket;
      two.start();
      const second = world.socket;
      first.open();
      second.open();
      first.receive(welcome({ token: TOKEN }));
      second.receive(welcome({ visitor: OTHER, token: "d".repeat(64) }));
      world.advance(1_000);
      expect(second.isReleased).toBe(true);
      world.socket.open();
      expect(world.socket.take()).toMatchObject([{ visitor: VISITOR, token: TOKEN }]);
    });
  });

  describe("messages", () => {
    it("are shown in order, each once, whatever comes twice", () => {
      const tab = onlineTab([1, 2]);
      world.socket.receive({ type: "message", message: message(3) });
      world.socket.receive({ type: "message", message: message(3) });
      world.socket.receive({ type: "message", message: message(2) });
      expect(texts(tab)).toEqual(["text 1", "text 2", "text 3"]);
    });

    it("are read page by page after hello", () => {
      const tab = newTab();
      tab.start();
      world.socket.open();
      world.socket.receive(welcome({ last: 5, token: TOKEN }));
      world.socket.take();
      world.socket.receive(page([1, 2], true));
      expect(tab.state.caughtUp).toBe(false);
      expect(world.socket.take()).toMatchObject([
        { type: "delivered", number: 2 },
        { type: "history", after: 2 },
      ]);
      world.socket.receive({ ...page([3, 4], true), ref: 1 });
      expect(world.socket.take()).toMatchObject([
        { type: "delivered" },
        { type: "history", after: 4 },
      ]);
      world.socket.receive({ ...page([5]), ref: 2 });
      expect(tab.state.caughtUp).toBe(true);
      expect(texts(tab)).toHaveLength(5);
    });

    it("behind a gap wait until the gap is filled", () => {
      const tab = onlineTab([1]);
      world.socket.take();
      world.socket.receive({ type: "message", message: message(3) });
      world.socket.receive({ type: "message", message: message(4) });
      expect(texts(tab)).toEqual(["text 1"]);
      expect(tab.state.caughtUp).toBe(false);
      expect(world.socket.take()).toMatchObject([{ type: "history", after: 1, ref: 1 }]);
      world.socket.receive({ ...page([2, 3, 4]), ref: 1 });
      expect(texts(tab)).toHaveLength(4);
      expect(tab.state.caughtUp).toBe(true);
    });

    it("are asked for again when the question is refused or not answered", async () => {
      onlineTab([1]);
      world.socket.receive({ type: "message", message: message(3) });
      world.socket.take();
      world.socket.receive({
        type: "refused",
        ref: 1,
        error: "busy",
        text: "",
        retry_after_ms: 500,
      });
      await world.settle();
      world.advance(500);
      expect(world.socket.take()).toMatchObject([{ type: "history", after: 1, ref: 2 }]);
      world.advance(ANSWER_TIMEOUT_MS);
      await world.settle();
      world.advance(2_000);
      expect(world.socket.take()).toMatchObject([{ type: "history", after: 1, ref: 3 }]);
    });

    it("are not asked for without end when the desk has none to give", () => {
      onlineTab([1]);
      world.socket.receive({ type: "message", message: message(3) });
      world.socket.take();
      world.socket.receive({ ...page([]), ref: 1 });
      expect(world.socket.take()).toEqual([]);
    });

    it("that were missed while away come after the next hello", () => {
      const tab = onlineTab([1, 2]);
      expect(reconnect([3])).toMatchObject([{ type: "hello", after: 2 }]);
      expect(texts(tab)).toHaveLength(3);
    });

    it("are read anew when the desk was set back to an older state", () => {
      const tab = onlineTab([1, 2, 3]);
      world.socket.end();
      world.advance(1_000);
      world.socket.open();
      world.socket.receive(welcome({ last: 1 }));
      world.socket.take();
      world.socket.receive(page([]));
      expect(tab.state.caughtUp).toBe(false);
      world.socket.receive({ type: "message", message: message(2, { text: "new 2" }) });
      expect(world.socket.take()).toMatchObject([{ type: "history", after: 0 }]);
      world.socket.receive({ ...page([1]), ref: 1 });
      expect(texts(tab)).toEqual(["text 1", "new 2"]);
    });
  });

  describe("posting", () => {
    const stored = (id: string, number: number) => ({ type: "stored", id, number, at: 2000 });
    const idOf = (result: ReturnType<VisitorClient["post"]>) => (result.ok ? result.id : "");

    it("refuses blank and too long texts at once", () => {
      const tab = onlineTab();
      expect(tab.post(" \n")).toEqual({ ok: false, reason: "blank" });
      expect(tab.post("a".repeat(8001))).toEqual({ ok: false, reason: "too_long" });
      expect(tab.post("😀".repeat(8000)).ok).toBe(true);
    });

    it("shows the true state of a message all the way", () => {
      const tab = onlineTab();
      const id = idOf(tab.post("hello"));
      expect(deliveries(tab)).toEqual(["waiting"]);
      const { key } = tab.state.items[0] ?? {};
      world.socket.receive(stored(id, 1));
      expect(deliveries(tab)).toEqual(["stored"]);
      world.socket.receive({ type: "receipt", delivered: 1, read: 0 });
      expect(deliveries(tab)).toEqual(["delivered"]);
      world.socket.receive({ type: "receipt", delivered: 1, read: 1 });
      expect(deliveries(tab)).toEqual(["read"]);
      world.socket.receive({ type: "receipt", delivered: 0, read: 0 });
      expect(deliveries(tab)).toEqual(["read"]);
      expect(tab.state.items[0]?.key).toBe(key);
    });

    it("before there is a connection waits for one", () => {
      const tab = newTab();
      tab.start();
      tab.post("early");
      expect(deliveries(tab)).toEqual(["waiting"]);
      answerHello(world.socket, [], { token: TOKEN });
      expect(world.socket.take()).toMatchObject([
        { type: "hello" },
        { type: "post", text: "early" },
      ]);
    });

    it("survives a reload and is then sent", () => {
      const tab = onlineTab();
      world.socket.end();
      tab.post("unsent");
      tab.stop();
      const again = newTab();
      again.start();
      expect(texts(again)).toEqual(["unsent"]);
      expect(deliveries(again)).toEqual(["waiting"]);
      answerHello(world.socket, []);
      expect(world.socket.take()).toMatchObject([
        { type: "hello" },
        { type: "post", text: "unsent" },
      ]);
    });

    it("ends up once when the answer to a stored message was lost", () => {
      const tab = onlineTab();
      const id = idOf(tab.post("hello"));
      const own = message(1, { author: "visitor", id, text: "hello" });
      world.socket.end();
      expect(deliveries(tab)).toEqual(["waiting"]);
      world.advance(1_000);
      world.socket.open();
      world.socket.receive(welcome({ last: 1 }));
      expect(world.socket.take()).toMatchObject([{ type: "hello" }, { type: "post", id }]);
      world.socket.receive({ type: "messages", items: [own], more: false });
      expect(deliveries(tab)).toEqual(["stored"]);
      world.socket.receive(stored(id, 1));
      expect(texts(tab)).toEqual(["hello"]);
      reconnect([]);
      expect(world.socket.take()).toEqual([]);
    });

    it("fills what came between by asking", () => {
      const tab = onlineTab();
      const id = idOf(tab.post("hello"));
      world.socket.take();
      world.socket.receive(stored(id, 2));
      expect(world.socket.take()).toMatchObject([{ type: "history", after: 0 }]);
      world.socket.receive({ ...page([1]), ref: 1 });
      expect(texts(tab)).toEqual(["text 1", "hello"]);
    });

    it("waits when it was too fast, and shows what was refused for good", () => {
      const tab = onlineTab();
      const one = idOf(tab.post("one"));
      world.socket.take();
      world.socket.receive({
        type: "refused",
        id: one,
        error: "rate_limited",
        text: "",
        retry_after_ms: 700,
      });
      expect(deliveries(tab)).toEqual(["waiting"]);
      world.advance(700);
      expect(world.socket.take()).toMatchObject([{ type: "post", id: one }]);
      world.socket.receive({ type: "refused", id: one, error: "forbidden", text: "" });
      expect(tab.state.items[0]).toMatchObject({ delivery: "refused", reason: "forbidden" });
      tab.retry(one);
      expect(world.socket.take()).toMatchObject([{ type: "post", id: one }]);
      world.socket.receive({ type: "refused", id: one, error: "forbidden", text: "" });
      tab.discard(one);
      expect(tab.state.items).toEqual([]);
    });

    it("is seen in all tabs, once", () => {
      const one = onlineTab();
      const first = world.socket;
      const two = newTab();
      two.start();
      const second = world.socket;
      answerHello(second, []);
      const id = idOf(one.post("hello"));
      expect(deliveries(two)).toEqual(["waiting"]);
      second.receive({
        type: "message",
        message: message(1, { author: "visitor", id, text: "hello" }),
      });
      first.receive(stored(id, 1));
      expect(texts(one)).toEqual(["hello"]);
      expect(texts(two)).toEqual(["hello"]);
      expect([...deliveries(one), ...deliveries(two)]).toEqual(["stored", "stored"]);
    });

    it("shows its message all the time, though another tab's answer came first", () => {
      const one = onlineTab();
      const first = world.socket;
      const id = idOf(one.post("hello"));
      world.tab().remove(`outbox.${id}`);
      expect(deliveries(one)).toEqual(["waiting"]);
      first.receive(stored(id, 1));
      expect(deliveries(one)).toEqual(["stored"]);
    });

    it("asks for a message of which it hears only that it is stored", () => {
      onlineTab();
      world.socket.take();
      world.socket.receive(stored("f".repeat(32), 1));
      expect(world.socket.take()).toMatchObject([{ type: "history", after: 0 }]);
    });
  });

  describe("receipts", () => {
    it("tell the desk once what has arrived", () => {
      onlineTab([1, 2]);
      expect(world.socket.take().slice(1)).toEqual([{ type: "delivered", number: 2 }]);
      world.socket.receive({ type: "message", message: message(2) });
      expect(world.socket.take()).toEqual([]);
      world.socket.receive({ type: "message", message: message(3) });
      expect(world.socket.take()).toEqual([{ type: "delivered", number: 3 }]);
    });

    it("count as unread what an agent wrote, until it is read in any tab", () => {
      const one = onlineTab([1, 2]);
      const first = world.socket;
      const two = newTab();
      two.start();
      answerHello(world.socket, [1, 2]);
      expect([one.state.unread, two.state.unread]).toEqual([2, 2]);
      first.take();
      one.read();
      expect(first.take()).toEqual([{ type: "read", number: 2 }]);
      expect([one.state.unread, two.state.unread]).toEqual([0, 0]);
      one.read();
      expect(first.take()).toEqual([]);
      one.stop();
      two.stop();
      const three = newTab();
      three.start();
      answerHello(world.socket, [1, 2]);
      expect(three.state.unread).toBe(0);
    });

    it("tell after a reconnect what was read meanwhile", () => {
      const tab = onlineTab([1, 2]);
      world.socket.end();
      tab.read();
      world.advance(1_000);
      answerHello(world.socket, [3]);
      expect(world.socket.take().slice(1)).toEqual([
        { type: "delivered", number: 3 },
        { type: "read", number: 2 },
      ]);
    });
  });

  describe("typing", () => {
    it("of the visitor is told now and then", () => {
      const tab = onlineTab();
      world.socket.take();
      tab.typing(true);
      tab.typing(true);
      expect(world.socket.take()).toEqual([{ type: "typing", on: true }]);
      world.advance(TYPING_REPEAT_MS);
      tab.typing(true);
      tab.typing(false);
      tab.typing(false);
      expect(world.socket.take()).toEqual([
        { type: "typing", on: true },
        { type: "typing", on: false },
      ]);
    });

    it("of the agent ends by itself, or with a message", () => {
      const tab = onlineTab();
      world.socket.receive({ type: "typing", on: true, name: "Mina" });
      expect(tab.state.agentTyping).toEqual({ name: "Mina" });
      world.advance(TYPING_ENDS_MS);
      expect(tab.state.agentTyping).toBeUndefined();
      world.socket.receive({ type: "typing", on: true });
      world.socket.receive({ type: "message", message: message(1) });
      expect(tab.state.agentTyping).toBeUndefined();
    });
  });

  it("gives its name to the desk and knows it when that is done", async () => {
    const tab = onlineTab();
    world.socket.take();
    const done = tab.identify({ name: "Kim" });
    expect(world.socket.take()).toEqual([{ type: "identify", ref: 1, name: "Kim" }]);
    world.socket.receive({ type: "done", ref: 1 });
    expect(await done).toEqual({ ok: true, value: undefined });
    expect(tab.state.name).toBe("Kim");
    world.socket.end();
    expect(await tab.identify({ name: "Lee" })).toMatchObject({
      ok: false,
      refusal: { error: "offline" },
    });
  });

  it("gives one and the same picture until something changes", () => {
    const tab = onlineTab([1]);
    const { state } = tab;
    expect(tab.state).toBe(state);
    let told = 0;
    const leave = tab.subscribe(() => {
      told++;
    });
    world.socket.receive({ type: "online", on: false });
    expect(tab.state).not.toBe(state);
    expect(tab.state.items).toBe(state.items);
    expect(told).toBe(1);
    leave();
    world.socket.receive({ type: "online", on: true });
    expect(told).toBe(1);
  });

  it("does not mind nonsense", () => {
    const tab = onlineTab([1]);
    for (const text of ["", "{", '{"type":"later"}', '{"type":"message"}']) {
      world.socket.receive(text);
    }
    expect(tab.state.connection.phase).toBe("online");
    expect(texts(tab)).toEqual(["text 1"]);
  });

  it("leaves nothing behind when it is stopped", () => {
    const tab = onlineTab([1]);
    tab.post("x");
    world.socket.receive({ type: "typing", on: true });
    world.socket.receive({ type: "message", message: message(9) });
    void tab.identify({ name: "x" });
    tab.stop();
    expect(world.leftovers).toBe(0);
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import { AgentClient, type AgentNotice } from "../src/agent/client.ts";
import { ANSWER_TIMEOUT_MS } from "../src/requests.ts";
import { FakeWorld } from "../src/testing.ts";
import { TYPING_ENDS_MS } from "../src/typing.ts";

const MINA = {
  agent: 1,
  name: "Mina",
  email: "mina@shop",
  role: "owner",
  status: "online",
  connected: true,
  removed: false,
};
const KIM = { ...MINA, agent: 2, name: "Kim", email: "kim@shop", role: "agent" };

const welcome = (event: number, more: object = {}) => ({
  type: "welcome",
  agent: MINA,
  agents: [MINA, KIM],
  event,
  oldest: 1,
  mine: 0,
  unassigned: 0,
  all: 0,
  ...more,
});
const deskEvent = (event: number, message: object = {}) => ({
  event,
  kind: "message",
  conversation: 5,
  message: { number: event, author: "visitor", text: `text ${event}`, at: event, ...message },
});
const live = (event: number, message?: object) => ({
  type: "desk_event",
  event: deskEvent(event, message),
});

describe("AgentClient", () => {
  let world: FakeWorld;
  let client: AgentClient;
  let notices: AgentNotice[];

  beforeEach(() => {
    world = new FakeWorld();
    notices = [];
    client = new AgentClient({
      url: "wss://desk/ws/agent",
      store: world.tab(),
      environment: world,
    });
    client.subscribe((notice) => void notices.push(notice));
  });

  const goOnline = (event = 10, more: object = {}) => {
    client.start();
    world.socket.open();
    world.socket.receive(welcome(event, more));
    world.socket.take();
  };
  const reconnect = (event: number, more: object = {}) => {
    world.socket.end();
    world.advance(1_000);
    world.socket.open();
    world.socket.take();
    notices = [];
    world.socket.receive(welcome(event, more));
  };
  const events = () =>
    notices.flatMap((notice) => (notice.type === "event" ? [notice.event.event] : []));
  const types = () => notices.map((notice) => notice.type);

  it("says hello and learns who is there", () => {
    client.start();
    expect(world.socket.subprotocol).toBe("deskbell.agent.1");
    world.socket.open();
    expect(world.socket.take()).toEqual([{ type: "hello" }]);
    world.socket.receive(welcome(10));
    expect(client.me).toEqual(MINA);
    expect(client.agents.get(2)).toEqual(KIM);
    expect(types().filter((type) => type !== "connection")).toEqual([
      "agents",
      "reload",
      "caught_up",
      "outbox",
    ]);
  });

  describe("desk events", () => {
    it("come in order, each once", () => {
      goOnline(10);
      for (const event of [11, 12, 12, 11, 13, 9]) {
        world.socket.receive(live(event));
      }
      expect(events()).toEqual([11, 12, 13]);
    });

    it("behind a gap wait until the gap is filled", () => {
      goOnline(10);
      notices = [];
      world.socket.receive(live(12));
      world.socket.receive(live(14));
      expect(events()).toEqual([]);
      expect(world.socket.take()).toMatchObject([{ type: "events", after: 10 }]);
      world.socket.receive({ type: "events", ref: 1, items: [deskEvent(11)], last: 14 });
      expect(events()).toEqual([11, 12]);
      expect(world.socket.take()).toMatchObject([
        { type: "events", after: 12 },
        { type: "delivered" },
      ]);
      world.socket.receive({
        type: "events",
        ref: 2,
        items: [deskEvent(13), deskEvent(14)],
        last: 14,
      });
      expect(events()).toEqual([11, 12, 13, 14]);
      expect(types().at(-1)).toBe("caught_up");
    });

    it("that were missed while away are read page by page, with live ones between", () => {
      goOnline(10);
      reconnect(13);
      expect(types()).not.toContain("reload");
      expect(world.socket.take()).toMatchObject([{ type: "events", after: 10, ref: 1 }]);
      world.socket.receive(live(14));
      expect(events()).toEqual([]);
      world.socket.receive({
        type: "events",
        ref: 1,
        items: [deskEvent(11), deskEvent(12)],
        last: 14,
      });
      expect(types()).not.toContain("caught_up");
      world.socket.receive({ type: "events", ref: 2, items: [deskEvent(13)], last: 14 });
      expect(events()).toEqual([11, 12, 13, 14]);
      expect(types().at(-1)).toBe("caught_up");
    });

    it("need no asking when nothing was missed", () => {
      goOnline(10);
      reconnect(10);
      expect(world.socket.take()).toEqual([]);
      expect(types()).toContain("caught_up");
      expect(types()).not.toContain("reload");
    });

    it.each([
      ["the desk no longer keeps", { oldest: 12 }, 20, true],
      ["the desk just keeps", { oldest: 11 }, 20, false],
      ["a desk set back to an older state never had", {}, 3, true],
    ])("that %s make everything be read anew or not", (_name, more, event, mustReload) => {
      goOnline(10);
      reconnect(event, more);
      expect(types().includes("reload")).toBe(mustReload);
      world.socket.take();
      if (mustReload) {
        world.socket.receive(live(event + 1));
        expect(events()).toEqual([event + 1]);
      }
    });

    it("that are gone when asked for make everything be read anew", async () => {
      goOnline(10);
      reconnect(13);
      world.socket.receive({ type: "refused", ref: 1, error: "gone", text: "" });
      await world.settle();
      expect(types()).toContain("reload");
      expect(types().at(-1)).toBe("caught_up");
      world.socket.receive(live(14));
      expect(events()).toEqual([14]);
    });

    it("are asked for again when the question was refused or not answered", async () => {
      goOnline(10);
      reconnect(13);
      world.socket.take();
      world.socket.receive({
        type: "refused",
        ref: 1,
        error: "busy",
        text: "",
        retry_after_ms: 300,
      });
      await world.settle();
      world.advance(300);
      expect(world.socket.take()).toMatchObject([{ type: "events", after: 10, ref: 2 }]);
      world.advance(ANSWER_TIMEOUT_MS);
      await world.settle();
      world.advance(2_000);
      expect(world.socket.take()).toMatchObject([{ type: "events", after: 10, ref: 3 }]);
    });

    it("of visitors are told as delivered, once", () => {
      goOnline(10);
      world.socket.take();
      world.socket.receive(live(11));
      world.socket.receive(live(12, { author: "agent", agent: 2 }));
      world.socket.receive(live(12));
      world.socket.receive(live(13));
      expect(world.socket.take()).toEqual([
        { type: "delivered", event: 11 },
        { type: "delivered", event: 13 },
      ]);
    });

    it("of agents change who is there", () => {
      goOnline(10);
      world.socket.receive({
        type: "desk_event",
        event: { event: 11, kind: "agent", agent: { ...KIM, name: "Kim Lee" } },
      });
      world.socket.receive({ type: "presence", agent: 2, status: "away", connected: false });
      expect(client.agents.get(2)).toMatchObject({
        name: "Kim Lee",
        status: "away",
        connected: false,
      });
    });
  });

  describe("questions", () => {
    it("get their own answers in whatever order", async () => {
      goOnline();
      const take = client.take(5);
      const list = client.list("mine", { limit: 20 });
      expect(world.socket.take()).toEqual([
        { type: "take", conversation: 5, ref: 1 },
        { type: "list", view: "mine", limit: 20, ref: 2 },
      ]);
      const page = { type: "conversations", ref: 2, view: "mine", items: [], event: 10 };
      world.socket.receive(page);
      world.socket.receive({ type: "refused", ref: 1, error: "taken", text: "", agent: 2 });
      expect(await list).toEqual({ ok: true, value: page });
      expect(await take).toMatchObject({ ok: false, refusal: { error: "taken", agent: 2 } });
    });

    it("end when there is no connection, none any more, or no answer", async () => {
      expect(await client.take(5)).toMatchObject({ ok: false, refusal: { error: "offline" } });
      goOnline();
      const late = client.open(5);
      world.advance(ANSWER_TIMEOUT_MS);
      expect(await late).toMatchObject({ ok: false, refusal: { error: "timeout" } });
      const lost = client.history(5, { before: 10 });
      world.socket.end();
      expect(await lost).toMatchObject({ ok: false, refusal: { error: "offline" } });
    });

    it("leave out an absent agent: back to the queue", async () => {
      goOnline();
      const done = client.assign(5);
      expect(world.socket.take()).toEqual([{ type: "assign", conversation: 5, ref: 1 }]);
      world.socket.receive({ type: "done", ref: 1 });
      expect(await done).toEqual({ ok: true, value: undefined });
    });
  });

  describe("posting", () => {
    const post = (text: string) => {
      const result = client.post(5, text, 7);
      return result.ok ? result.id : "";
    };

    it("goes through the outbox and tells the stored message", () => {
      goOnline();
      const id = post("hello");
      expect(client.outbox).toMatchObject([{ lane: 5, text: "hello", seen: 7 }]);
      expect(world.socket.take()).toEqual([
        { type: "post", id, conversation: 5, text: "hello", seen: 7 },
      ]);
      world.socket.receive({ type: "stored", id, conversation: 5, number: 8, at: 99 });
      expect(client.outbox).toEqual([]);
      expect(notices.at(-1)).toEqual({
        type: "stored",
        conversation: 5,
        message: { number: 8, id, author: "agent", agent: 1, name: "Mina", text: "hello", at: 99 },
      });
    });

    it("is held back when the visitor wrote meanwhile, until the agent decides", () => {
      goOnline();
      const id = post("hello");
      world.socket.take();
      world.socket.receive({ type: "refused", id, error: "stale", text: "", number: 9 });
      expect(client.outbox).toMatchObject([{ refused: "stale", last: 9 }]);
      client.retry(id, { seen: 9, force: true });
      expect(world.socket.take()).toEqual([
        { type: "post", id, conversation: 5, text: "hello", seen: 9, force: true },
      ]);
    });

    it("is done when its own message comes as an event before the answer", () => {
      goOnline(10);
      const id = post("hello");
      world.socket.receive(live(11, { author: "agent", agent: 1, id }));
      expect(client.outbox).toEqual([]);
    });

    it("survives a reload, and is not sent in another agent's name", () => {
      goOnline();
      world.socket.end();
      post("mine");
      client.stop();
      client = new AgentClient({
        url: "wss://desk/ws/agent",
        store: world.tab(),
        environment: world,
      });
      client.start();
      world.socket.open();
      world.socket.receive(welcome(10, { agent: KIM }));
      expect(world.socket.take()).toEqual([{ type: "hello" }, { type: "delivered", event: 10 }]);
      expect(client.outbox).toEqual([]);
      client.stop();
      client.start();
      world.socket.open();
      world.socket.receive(welcome(10));
      expect(world.socket.take()).toMatchObject([
        { type: "hello" },
        { type: "post", text: "mine" },
      ]);
    });
  });

  it("tells after a reconnect what was read meanwhile", () => {
    goOnline();
    world.socket.end();
    client.read(5, 3);
    client.read(5, 2);
    world.advance(1_000);
    world.socket.open();
    world.socket.receive(welcome(10));
    expect(world.socket.take()).toEqual([
      { type: "hello" },
      { type: "read", conversation: 5, number: 3 },
    ]);
  });

  it("tells for each beginning of typing its end", () => {
    goOnline();
    const typing = (more: object) =>
      world.socket.receive({ type: "typing", conversation: 5, ...more });
    const told = () => {
      const all = notices.flatMap((notice) =>
        notice.type === "typing" ? [[notice.agent, notice.on]] : [],
      );
      notices = [];
      return all;
    };
    notices = [];
    typing({ on: true });
    typing({ on: true });
    world.advance(TYPING_ENDS_MS);
    expect(told()).toEqual([
      [undefined, true],
      [undefined, false],
    ]);
    typing({ on: true });
    typing({ on: true, agent: 2 });
    world.socket.receive(live(11));
    expect(told()).toEqual([
      [undefined, true],
      [2, true],
      [undefined, false],
    ]);
    world.socket.end();
    expect(told()).toEqual([[2, false]]);
    expect(world.leftovers).toBe(3); // the next try, the waker, the store's listener
  });

  it("stops for good when the session has ended", () => {
    goOnline();
    world.socket.end(4401);
    expect(client.connection).toMatchObject({ phase: "ended", reason: "not_logged_in" });
  });

  it("leaves nothing behind when it is stopped", () => {
    goOnline();
    client.post(5, "x", 0);
    client.typing(5, true);
    world.socket.receive({ type: "typing", conversation: 5, on: true });
    world.socket.receive(live(15));
    void client.take(1);
    client.stop();
    expect(world.leftovers).toBe(0);
  });
});

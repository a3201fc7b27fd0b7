import { beforeEach, describe, expect, it } from "vitest";
import {
  ANSWER_AFTER_MS,
  Connection,
  HELLO_TIMEOUT_MS,
  MAX_BACKOFF_MS,
  MIN_BACKOFF_MS,
  PING_AFTER_MS,
  PONG_TIMEOUT_MS,
  STABLE_AFTER_MS,
} from "../src/connection.ts";
import { FakeWorld } from "../src/testing.ts";

const HELLO = { type: "hello" };
const PING = { type: "ping" };

describe("Connection", () => {
  let world: FakeWorld;
  let connection: Connection;
  let phases: string[];

  beforeEach(() => {
    world = new FakeWorld();
    phases = [];
    connection = new Connection(
      "ws://desk/ws",
      "deskbell.1",
      {
        onOpen: () => void connection.send(JSON.stringify(HELLO)),
        onText: (text) => {
          if (text === "welcome") {
            connection.welcomed();
          }
        },
        onStatus: () => void phases.push(connection.status.phase),
      },
      world,
    );
  });

  const goOnline = () => {
    world.socket.open();
    world.socket.receive("welcome");
  };

  it("opens nothing before start", () => {
    expect(world.sockets).toHaveLength(0);
    expect(world.leftovers).toBe(0);
  });

  it("says hello when the socket opens and is online when it is answered", () => {
    connection.start();
    expect(world.socket.url).toBe("ws://desk/ws");
    expect(world.socket.subprotocol).toBe("deskbell.1");
    world.socket.open();
    expect(world.socket.take()).toEqual([HELLO]);
    expect(connection.status.phase).toBe("connecting");
    world.socket.receive("welcome");
    expect(phases).toEqual(["connecting", "online"]);
  });

  it("gives up a connection that is taken and never answered", () => {
    connection.start();
    world.socket.open();
    world.advance(HELLO_TIMEOUT_MS - 1);
    expect(connection.status.phase).toBe("connecting");
    world.advance(1);
    expect(connection.status).toMatchObject({ phase: "offline", attempts: 1 });
    expect(world.socket.isReleased).toBe(true);
    world.advance(MIN_BACKOFF_MS);
    expect(world.sockets).toHaveLength(2);
  });

  it("gives up a connection that never opens", () => {
    connection.start();
    world.advance(HELLO_TIMEOUT_MS);
    expect(connection.status.phase).toBe("offline");
  });

  it("hears nothing of a socket it has let go", () => {
    connection.start();
    const old = world.socket;
    world.advance(HELLO_TIMEOUT_MS);
    old.open();
    old.receive("welcome");
    old.end(4401);
    expect(connection.status.phase).toBe("offline");
  });

  it.each([
    [0, [250, 250, 250, 250, 250, 250, 250, 250]],
    [0.999999, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]],
  ])("backs off with full jitter (chance %d)", (chance, waits) => {
    world.chance = chance;
    connection.start();
    for (const wait of waits) {
      const count = world.sockets.length;
      world.socket.end();
      const { retryAt } = connection.status;
      expect(Math.round((retryAt ?? 0) - world.now())).toBe(wait);
      world.advance(wait - 1);
      expect(world.sockets).toHaveLength(count);
      world.advance(2);
      expect(world.sockets).toHaveLength(count + 1);
    }
  });

  it("does not storm a desk that answers hello and drops at once", () => {
    world.chance = 0.999999;
    connection.start();
    for (let i = 0; i < 8; i++) {
      goOnline();
      world.socket.end();
      world.advance(MAX_BACKOFF_MS);
    }
    goOnline();
    world.socket.end();
    expect((connection.status.retryAt ?? 0) - world.now()).toBeGreaterThan(MAX_BACKOFF_MS / 2);
  });

  it("forgets failures once a connection has held for a while", () => {
    world.chance = 0.999999;
    connection.start();
    for (let i = 0; i < 5; i++) {
      world.socket.end();
      world.advance(MAX_BACKOFF_MS);
    }
    goOnline();
    world.advance(STABLE_AFTER_MS);
    world.socket.end();
    expect(connection.status.attempts).toBe(1);
  });

  it("tries at once when it is woken", () => {
    connection.start();
    world.chance = 0.999999;
    for (let i = 0; i < 6; i++) {
      world.advance(1_000);
      world.socket.end();
      world.wake();
    }
    expect(world.sockets).toHaveLength(7);
    expect(connection.status.phase).toBe("connecting");
  });

  it("does not let being woken again and again make a storm", () => {
    connection.start();
    for (let i = 0; i < 100; i++) {
      world.socket.end();
      world.wake();
      world.advance(1);
    }
    expect(world.sockets).toHaveLength(1);
  });

  it("asks after silence and stays when it is answered", () => {
    connection.start();
    goOnline();
    world.socket.take();
    world.advance(PING_AFTER_MS - 1);
    expect(world.socket.take()).toEqual([]);
    world.advance(1);
    expect(world.socket.take()).toEqual([PING]);
    world.socket.receive("pong");
    world.advance(PONG_TIMEOUT_MS);
    expect(connection.status.phase).toBe("online");
    world.advance(PING_AFTER_MS);
    expect(world.socket.take()).toEqual([PING]);
  });

  it("does not ask while there is something to hear", () => {
    connection.start();
    goOnline();
    world.socket.take();
    for (let i = 0; i < 10; i++) {
      world.advance(PING_AFTER_MS - 1_000);
      world.socket.receive("something");
    }
    expect(world.socket.take()).toEqual([]);
  });

  it("is dead when a ping gets no answer", () => {
    connection.start();
    goOnline();
    world.advance(PING_AFTER_MS + PONG_TIMEOUT_MS - 1);
    expect(connection.status.phase).toBe("online");
    world.advance(1);
    expect(connection.status.phase).toBe("offline");
    expect(world.socket.isReleased).toBe(true);
  });

  it("asks sooner while something wants an answer", () => {
    connection.start();
    goOnline();
    world.socket.take();
    connection.awaitAnswer();
    world.advance(ANSWER_AFTER_MS - 1);
    connection.awaitAnswer();
    expect(world.socket.take()).toEqual([]);
    world.advance(1);
    expect(world.socket.take()).toEqual([PING]);
    connection.awaitAnswer();
    world.advance(PONG_TIMEOUT_MS - 1);
    expect(connection.status.phase).toBe("online");
    world.advance(1);
    expect(connection.status.phase).toBe("offline");
  });

  it("does not ask when the answer has come", () => {
    connection.start();
    goOnline();
    world.socket.take();
    connection.awaitAnswer();
    world.advance(ANSWER_AFTER_MS - 1);
    world.socket.receive("answer");
    world.advance(PING_AFTER_MS - 1);
    expect(world.socket.take()).toEqual([]);
    world.advance(1);
    expect(world.socket.take()).toEqual([PING]);
  });

  it("makes sure of the connection when the page comes back", () => {
    connection.start();
    goOnline();
    world.socket.take();
    world.wake();
    expect(world.socket.take()).toEqual([PING]);
    world.advance(PONG_TIMEOUT_MS);
    expect(connection.status.phase).toBe("offline");
  });

  it("stops for good when the session has ended, until it is started again", () => {
    connection.start();
    goOnline();
    world.socket.end(4401);
    expect(connection.status).toMatchObject({ phase: "ended", reason: "not_logged_in" });
    world.wake();
    world.advance(MAX_BACKOFF_MS * 10);
    expect(world.sockets).toHaveLength(1);
    expect(world.leftovers).toBe(0);
    connection.start();
    expect(world.sockets).toHaveLength(2);
  });

  it("comes back after every other close", () => {
    connection.start();
    for (const code of [1000, 1001, 1006, 1009, 1011, 1013, 4400]) {
      goOnline();
      world.socket.end(code);
      expect(connection.status.phase).toBe("offline");
      world.advance(MAX_BACKOFF_MS);
      expect(connection.status.phase).toBe("connecting");
    }
  });

  it("waits as long as it is told to", () => {
    connection.start();
    world.socket.open();
    connection.retry(60_000);
    world.advance(59_999);
    expect(world.sockets).toHaveLength(1);
    world.advance(1);
    expect(world.sockets).toHaveLength(2);
  });

  it.each(["connecting", "online", "offline", "ended"])(
    "leaves nothing behind when it is stopped while %s",
    (phase) => {
      connection.start();
      if (phase === "online") {
        goOnline();
      } else if (phase === "offline") {
        world.socket.end();
      } else if (phase === "ended") {
        world.socket.end(4401);
      }
      expect(connection.status.phase).toBe(phase);
      connection.stop();
      expect(connection.status.phase).toBe("stopped");
      expect(world.leftovers).toBe(0);
      expect(connection.send("x")).toBe(false);
    },
  );

  it("counts a socket that may not be opened as a failure", () => {
    const open = world.openSocket.bind(world);
    world.openSocket = () => {
      throw new Error("insecure");
    };
    connection.start();
    expect(connection.status).toMatchObject({ phase: "offline", attempts: 1 });
    world.openSocket = open;
    world.advance(MIN_BACKOFF_MS);
    expect(connection.status.phase).toBe("connecting");
  });
});

/**
 * The whole of it against a model of the desk and a network that breaks at every point: after
 * storing and before the answer, between two pages, in the middle of hello. Whatever happens, in the
 * end every tab shows exactly what the desk has, and the desk has every text once, in order.
 */
import { describe, expect, it } from "vitest";
import type { VisitorCommand } from "../src/gen/visitor.ts";
import { type FakeSocket, FakeWorld } from "../src/testing.ts";
import { VisitorClient } from "../src/visitor/client.ts";

const VISITOR = "a".repeat(32);
const TOKEN = "c".repeat(64);
const PAGE = 3;

/** Chance that can be repeated (a linear congruential generator). */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

interface Stored {
  readonly number: number;
  readonly id?: string;
  readonly author: "visitor" | "agent";
  readonly text: string;
  readonly at: number;
}

class ModelDesk {
  readonly messages: Stored[] = [];
  readonly #ready = new Set<FakeSocket>();

  /** Events go through send, which may lose them together with the connection. */
  handle(
    socket: FakeSocket,
    command: VisitorCommand,
    send: (to: FakeSocket, event: object) => void,
  ) {
    switch (command.type) {
      case "hello":
        this.#ready.add(socket);
        send(socket, {
          type: "welcome",
          visitor: VISITOR,
          ...(command.visitor ? {} : { token: TOKEN }),
          site: { name: "", welcome: "" },
          online: true,
          last: this.messages.length,
          delivered: 0,
          read: 0,
        });
        send(socket, this.#page(command.after));
        break;
      case "history":
        send(socket, { ...this.#page(command.after), ref: command.ref });
        break;
      case "post":
        this.#post(socket, command.id, command.text, send);
        break;
      case "ping":
        send(socket, { type: "pong" });
        break;
      default:
        break;
    }
  }

  answer(text: string, send: (to: FakeSocket, event: object) => void): void {
    const message = { number: this.messages.length + 1, author: "agent" as const, text, at: 1 };
    this.messages.push(message);
    for (const socket of this.#ready) {
      send(socket, { type: "message", message });
    }
  }

  drop(socket: FakeSocket): void {
    this.#ready.delete(socket);
  }

  #page(after: number): object {
    const items = this.messages.slice(after, after + PAGE);
    return { type: "messages", items, more: after + PAGE < this.messages.length };
  }

  #post(
    socket: FakeSocket,
    id: string,
    text: string,
    send: (to: FakeSocket, event: object) => void,
  ) {
    let message = this.messages.find((one) => one.id === id);
    if (!message) {
      message = { number: this.messages.length + 1, id, author: "visitor", text, at: 1 };
      this.messages.push(message);
      for (const other of this.#ready) {
        if (other !== socket) {
          send(other, { type: "message", message });
        }
      }
    }
    send(socket, { type: "stored", id, number: message.number, at: message.at });
  }
}

/** What is on its way between the desk and one socket, in both directions. */
class Network {
  readonly #world: FakeWorld;
  readonly #desk: ModelDesk;
  readonly #roll: (sides: number) => number;
  readonly #toClient: { socket: FakeSocket; event: object }[] = [];
  readonly #open = new Set<FakeSocket>();
  #seen = 0;
  /** One event in so many breaks its connection; 0: none. */
  breaksOneIn = 0;

  constructor(world: FakeWorld, desk: ModelDesk, roll: (sides: number) => number) {
    this.#world = world;
    this.#desk = desk;
    this.#roll = roll;
  }

  readonly send = (socket: FakeSocket, event: object): void => {
    this.#toClient.push({ socket, event });
  };

  step(): void {
    for (const socket of this.#world.sockets.slice(this.#seen)) {
      this.#seen++;
      this.#open.add(socket);
      socket.open();
    }
    for (const socket of [...this.#open]) {
      if (socket.isReleased) {
        this.#close(socket);
        continue;
      }
      for (const command of socket.take()) {
        this.#desk.handle(socket, command as VisitorCommand, this.send);
      }
    }
    for (const { socket, event } of this.#toClient.splice(0)) {
      if (this.breaksOneIn > 0 && this.#roll(this.breaksOneIn) === 0) {
        this.#close(socket);
        socket.end();
      } else if (this.#open.has(socket)) {
        socket.receive(event);
      }
    }
  }

  #close(socket: FakeSocket): void {
    this.#open.delete(socket);
    this.#desk.drop(socket);
  }
}

describe("against a model of the desk", () => {
  it.each(Array.from({ length: 20 }, (_, seed) => [seed + 1]))(
    "ends up with everything once (seed %d)",
    async (seed) => {
      const roll = dice(seed);
      const world = new FakeWorld();
      const desk = new ModelDesk();
      const network = new Network(world, desk, roll);
      const newTab = () => {
        const tab = new VisitorClient({
          url: "wss://desk",
          site: "demo",
          store: world.tab(),
          page: () => ({}),
          environment: world,
        });
        tab.start();
        return tab;
      };
      const tabs = [newTab()];
      const settle = async (ms: number) => {
        world.advance(ms);
        network.step();
        await world.settle();
      };
      await settle(10);
      await settle(10);
      tabs.push(newTab());
      const posted: string[] = [];
      network.breaksOneIn = 4 + roll(12);
      for (let step = 0; step < 150; step++) {
        const which = roll(tabs.length);
        const what = roll(12);
        if (what < 3) {
          posted.push(`${which}: text ${posted.length}`);
          tabs[which]?.post(posted.at(-1) ?? "");
        } else if (what < 5) {
          desk.answer(`answer ${step}`, network.send);
        } else if (what === 5) {
          tabs[which]?.stop();
          tabs[which] = newTab();
        } else if (what === 6) {
          world.wake();
        }
        await settle(roll(3) === 0 ? roll(12_000) : roll(50));
      }
      network.breaksOneIn = 0;
      for (let i = 0; i < 400; i++) {
        await settle(250);
      }
      const stored = desk.messages.flatMap((one) => (one.author === "visitor" ? [one.text] : []));
      expect(new Set(stored).size).toBe(stored.length);
      expect([...stored].sort()).toEqual([...posted].sort());
      for (const tab of tabs) {
        expect(tab.state.caughtUp).toBe(true);
        expect(tab.state.items.map((item) => item.text)).toEqual(
          desk.messages.map((one) => one.text),
        );
        tab.stop();
      }
      expect(world.leftovers).toBe(0);
    },
  );
});

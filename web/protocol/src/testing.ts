/**
 * A world that tests drive by hand: a clock that stands still until it is moved, sockets whose other
 * end is the test, and one storage that several tabs share.
 */
import type { Environment, Socket, SocketHandlers } from "./environment.ts";
import type { Store } from "./store.ts";

/** The desk's end of a connection. */
export class FakeSocket implements Socket {
  readonly url: string;
  readonly subprotocol: string;
  /** The client has let go of it. */
  isReleased = false;
  #isOpen = false;
  #isClosed = false;
  #sent: unknown[] = [];
  readonly #handlers: SocketHandlers;

  constructor(url: string, subprotocol: string, handlers: SocketHandlers) {
    this.url = url;
    this.subprotocol = subprotocol;
    this.#handlers = handlers;
  }

  send(text: string): void {
    if (this.#isOpen && !this.#isClosed) {
      const command: unknown = JSON.parse(text);
      this.#sent.push(command);
    }
  }

  close(): void {
    this.isReleased = true;
    this.#isClosed = true;
  }

  /** What the client has sent since it was asked the last time. */
  take(): unknown[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** The desk takes the connection. */
  open(): void {
    this.#isOpen = true;
    this.#handlers.onOpen();
  }

  /** The desk sends an event, or any text. */
  receive(event: object | string): void {
    this.#handlers.onText(typeof event === "string" ? event : JSON.stringify(event));
  }

  /** The connection ends. */
  end(code = 1006): void {
    this.#isClosed = true;
    this.#handlers.onClose(code);
  }
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

interface StoreListener {
  readonly tab: object;
  readonly hear: (key: string | undefined) => void;
}

export class FakeWorld implements Environment {
  /** What random gives. */
  chance = 0;
  readonly sockets: FakeSocket[] = [];
  #now = 1_700_000_000_000;
  #timers: Timer[] = [];
  #order = 0;
  #ids = 0;
  readonly #wakers = new Set<() => void>();
  readonly #texts = new Map<string, string>();
  readonly #storeListeners = new Set<StoreListener>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, order: this.#order++, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  random(): number {
    return this.chance;
  }

  /** 000…01, 000…02, and so on. */
  randomId(): string {
    return (++this.#ids).toString(16).padStart(32, "0");
  }

  openSocket(url: string, subprotocol: string, handlers: SocketHandlers): Socket {
    const socket = new FakeSocket(url, subprotocol, handlers);
    this.sockets.push(socket);
    return socket;
  }

  onWake(run: () => void): () => void {
    this.#wakers.add(run);
    return () => void this.#wakers.delete(run);
  }

  /** The newest socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) {
      throw new Error("no socket was opened");
    }
    return socket;
  }

  /** Timers and listeners that are still there. */
  get leftovers(): number {
    return this.#timers.length + this.#wakers.size + this.#storeListeners.size;
  }

  /** Lets time pass, and everything happen that is due meanwhile. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers
        .filter((timer) => timer.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!due) {
        break;
      }
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
  }

  /** Lets promises go on that have been settled. */
  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) {
      await Promise.resolve();
    }
  }

  wake(): void {
    for (const run of [...this.#wakers]) {
      run();
    }
  }

  /** A tab's view of the storage: it hears what the others change, not what it changes itself. */
  tab(): Store {
    const self = {};
    const tellOthers = (key: string) => {
      for (const { tab, hear } of [...this.#storeListeners]) {
        if (tab !== self) {
          hear(key);
        }
      }
    };
    return {
      get: (key) => this.#texts.get(key),
      set: (key, text) => {
        this.#texts.set(key, text);
        tellOthers(key);
      },
      remove: (key) => {
        if (this.#texts.delete(key)) {
          tellOthers(key);
        }
      },
      keys: () => [...this.#texts.keys()],
      onChange: (hear) => {
        const listener = { tab: self, hear };
        this.#storeListeners.add(listener);
        return () => void this.#storeListeners.delete(listener);
      },
    };
  }
}

/**
 * What a client needs of the world: clock, chance, sockets, and to be woken. Tests bring their own.
 */
export interface SocketHandlers {
  onOpen(): void;
  onText(text: string): void;
  /** Once, and last. */
  onClose(code: number): void;
}

export interface Socket {
  send(text: string): void;
  close(): void;
}

export interface Environment {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs once, after so many milliseconds; the result takes it back. */
  after(ms: number, run: () => void): () => void;
  /** From 0 to below 1. */
  random(): number;
  /** 128 random bits in hex. */
  randomId(): string;
  openSocket(url: string, subprotocol: string, handlers: SocketHandlers): Socket;
  /** Runs whenever trying again may have become worth it; the result ends that. */
  onWake(run: () => void): () => void;
}

function openSocket(url: string, subprotocol: string, handlers: SocketHandlers): Socket {
  const socket = new WebSocket(url, subprotocol);
  socket.onopen = () => handlers.onOpen();
  socket.onclose = (event) => handlers.onClose(event.code);
  socket.onmessage = (event) => {
    const data: unknown = event.data;
    if (typeof data === "string") {
      handlers.onText(data);
    }
  };
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) {
        socket.send(text);
      }
    },
    close() {
      socket.close();
    },
  };
}

function onWake(run: () => void): () => void {
  const onVisible = () => {
    if (document.visibilityState === "visible") {
      run();
    }
  };
  addEventListener("online", run);
  addEventListener("pageshow", run);
  document.addEventListener("visibilitychange", onVisible);
  return () => {
    removeEventListener("online", run);
    removeEventListener("pageshow", run);
    document.removeEventListener("visibilitychange", onVisible);
  };
}

export function browserEnvironment(): Environment {
  return {
    now: () => Date.now(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    randomId: () =>
      Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
        byte.toString(16).padStart(2, "0"),
      ).join(""),
    openSocket,
    onWake,
  };
}

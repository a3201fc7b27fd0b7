/**
 * One connection to the desk that comes back by itself.
 *
 *     stopped -> connecting -> online -> offline -> connecting ...
 *                connecting -> offline
 *     any but stopped -> ended (only start leaves it)       any -> stopped
 *
 * Connecting ends with the answer to hello, not with the open socket: a desk that takes connections
 * and never answers is as good as none. No timer, socket or listener is left when stopped or ended.
 */
import type { Environment, Socket } from "./environment.ts";
import type { ErrorCode } from "./gen/values.ts";

export type Phase = "stopped" | "connecting" | "online" | "offline" | "ended";

export interface ConnectionStatus {
  readonly phase: Phase;
  /** Failed tries in a row. */
  readonly attempts: number;
  /** offline: when the next try comes, by Environment.now. */
  readonly retryAt?: number;
  /** ended: why. */
  readonly reason?: ErrorCode;
}

export interface ConnectionHandlers {
  /** The socket is open: say hello. */
  onOpen(): void;
  onText(text: string): void;
  /** The status has changed. */
  onStatus(): void;
}

/** From opening the socket to the answer to hello. */
export const HELLO_TIMEOUT_MS = 10_000;
/** After so much silence a ping is sent, ... */
export const PING_AFTER_MS = 25_000;
/** ... and without any word after it the connection is given up. */
export const PONG_TIMEOUT_MS = 6_000;
/** What wants an answer is waited for so long before a ping asks whether the connection still lives. */
export const ANSWER_AFTER_MS = 4_000;
/** A connection that held for so long makes earlier failures forgotten. */
export const STABLE_AFTER_MS = 10_000;
export const MIN_BACKOFF_MS = 250;
export const MAX_BACKOFF_MS = 15_000;

/** The session has ended (docs/protocol.md, close codes). */
const CLOSE_SESSION_ENDED = 4401;
const PING = '{"type":"ping"}';

export class Connection {
  readonly #url: string;
  readonly #subprotocol: string;
  readonly #handlers: ConnectionHandlers;
  readonly #environment: Environment;
  #status: ConnectionStatus = { phase: "stopped", attempts: 0 };
  #socket: Socket | undefined;
  #isOpen = false;
  /** The one timer: hello, silence, answer, pong or the next try. */
  #cancelTimer = () => {};
  /** It stands for an answer or a pong, sooner than any silence. */
  #isAwaiting = false;
  #stopWaking = () => {};
  #openedAt = 0;
  #onlineAt = 0;
  #heardAt = 0;
  #heardCount = 0;

  constructor(
    url: string,
    subprotocol: string,
    handlers: ConnectionHandlers,
    environment: Environment,
  ) {
    this.#url = url;
    this.#subprotocol = subprotocol;
    this.#handlers = handlers;
    this.#environment = environment;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  get isOnline(): boolean {
    return this.#status.phase === "online";
  }

  start(): void {
    const { phase } = this.#status;
    if (phase === "stopped" || phase === "ended") {
      this.#stopWaking = this.#environment.onWake(() => this.#wake());
      this.#open(0);
    }
  }

  stop(): void {
    if (this.#status.phase !== "stopped") {
      this.#rest({ phase: "stopped", attempts: 0 });
    }
  }

  /** Trying again is of no use. */
  end(reason: ErrorCode): void {
    if (this.#status.phase !== "stopped") {
      this.#rest({ phase: "ended", attempts: this.#status.attempts, reason });
    }
  }

  /** Hello was answered. */
  welcomed(): void {
    if (this.#status.phase === "connecting" && this.#isOpen) {
      this.#onlineAt = this.#environment.now();
      this.#heardAt = this.#onlineAt;
      this.#watchSilence(PING_AFTER_MS);
      this.#set({ phase: "online", attempts: this.#status.attempts });
    }
  }

  /** Gives this connection up and tries again, not before so many milliseconds. */
  retry(notBeforeMs: number): void {
    if (this.#socket) {
      this.#lose(notBeforeMs);
    }
  }

  /** False when there is no open socket; true promises nothing. */
  send(text: string): boolean {
    if (this.#isOpen) {
      this.#socket?.send(text);
    }
    return this.#isOpen;
  }

  /**
   * Something was sent that is always answered. On a network that has gone without a word the sender
   * should not see it wait for longer than need be.
   */
  awaitAnswer(): void {
    if (this.isOnline && !this.#isAwaiting) {
      const heardBefore = this.#heardCount;
      this.#timer(ANSWER_AFTER_MS, () => {
        if (this.#heardCount === heardBefore) {
          this.#probe();
        } else {
          this.#checkSilence();
        }
      });
      this.#isAwaiting = true;
    }
  }

  #set(status: ConnectionStatus): void {
    this.#status = status;
    this.#handlers.onStatus();
  }

  #timer(ms: number, run: () => void): void {
    this.#cancelTimer();
    this.#isAwaiting = false;
    this.#cancelTimer = this.#environment.after(ms, run);
  }

  #open(attempts: number): void {
    this.#openedAt = this.#environment.now();
    this.#timer(HELLO_TIMEOUT_MS, () => this.#lose(0));
    this.#status = { phase: "connecting", attempts };
    try {
      this.#socket = this.#connect();
    } catch {
      // Forbidden by the page, for example an insecure address on a secure page.
      this.#lose(0);
      return;
    }
    this.#handlers.onStatus();
  }

  #connect(): Socket {
    const isMine = () => this.#socket === socket;
    const socket: Socket = this.#environment.openSocket(this.#url, this.#subprotocol, {
      onOpen: () => {
        if (isMine()) {
          this.#isOpen = true;
          this.#handlers.onOpen();
        }
      },
      onText: (text) => {
        if (isMine()) {
          this.#heardAt = this.#environment.now();
          this.#heardCount++;
          this.#handlers.onText(text);
        }
      },
      onClose: (code) => {
        if (isMine() && code === CLOSE_SESSION_ENDED) {
          this.end("not_logged_in");
        } else if (isMine()) {
          this.#lose(0);
        }
      },
    });
    return socket;
  }

  /** Lets go of the socket without waiting for it: on a dead network its close takes minutes. */
  #release(): void {
    const socket = this.#socket;
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    this.#socket = undefined;
    this.#isOpen = false;
    socket?.close();
  }

  #rest(status: ConnectionStatus): void {
    this.#release();
    this.#stopWaking();
    this.#stopWaking = () => {};
    this.#set(status);
  }

  #lose(notBeforeMs: number): void {
    const now = this.#environment.now();
    const wasStable = this.isOnline && now - this.#onlineAt >= STABLE_AFTER_MS;
    const attempts = wasStable ? 1 : this.#status.attempts + 1;
    this.#release();
    // Full jitter, so that the clients of a desk that comes back do not come all at once.
    const most = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(attempts, 10));
    const wait = MIN_BACKOFF_MS + this.#environment.random() * (most - MIN_BACKOFF_MS);
    const delay = Math.max(wait, notBeforeMs);
    this.#timer(delay, () => this.#open(attempts));
    this.#set({ phase: "offline", attempts, retryAt: now + delay });
  }

  #watchSilence(ms: number): void {
    this.#timer(ms, () => this.#checkSilence());
  }

  #checkSilence(): void {
    const silence = this.#environment.now() - this.#heardAt;
    if (silence >= 0 && silence < PING_AFTER_MS) {
      this.#watchSilence(PING_AFTER_MS - silence);
    } else {
      this.#probe();
    }
  }

  #probe(): void {
    const heardBefore = this.#heardCount;
    this.send(PING);
    this.#timer(PONG_TIMEOUT_MS, () => {
      if (this.#heardCount === heardBefore) {
        this.#lose(0);
      } else {
        this.#watchSilence(PING_AFTER_MS);
      }
    });
    this.#isAwaiting = true;
  }

  /** The network or the page is back: try at once, or make sure that the connection still lives. */
  #wake(): void {
    const { phase, attempts } = this.#status;
    if (phase === "online") {
      this.#probe();
    } else if (phase === "offline" && this.#environment.now() - this.#openedAt >= MIN_BACKOFF_MS) {
      this.#open(attempts);
    }
  }
}

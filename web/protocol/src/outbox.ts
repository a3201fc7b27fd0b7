/**
 * Messages on their way: kept in the store from the moment they are typed until the desk has them on
 * disk, so that neither a lost connection nor a reload loses or doubles one.
 *
 * Each lane (a conversation) sends one message at a time and the next when it is answered: that keeps
 * their order whatever is refused for a while. Sending the same message again is harmless, the desk
 * stores it once for each id.
 *
 * Tabs share the store, one key for each message, so that no tab writes over what another one adds.
 * A tab leaves another's messages alone for a while and then sends them too, in case that tab is gone.
 */
import { type Check, int, isBool, isId, record, text } from "./check.ts";
import type { Environment } from "./environment.ts";
import { VISITOR_COMMAND_POST_TEXT_MAX_CHARS } from "./gen/limits.ts";
import { type ErrorCode, isErrorCode } from "./gen/values.ts";
import type { Store } from "./store.ts";

export interface OutboxEntry {
  readonly id: string;
  /** The conversation; 0 for a visitor's only one. */
  readonly lane: number;
  readonly text: string;
  /** When it was typed; each later than the one before. */
  readonly at: number;
  /** The agent who typed it. */
  readonly owner?: number;
  /** Number of the last message the agent had seen. */
  readonly seen?: number;
  readonly force?: boolean;
  /** Refused for good; retry or discard. */
  readonly refused?: ErrorCode;
  /** stale: number of the last message. */
  readonly last?: number;
}

export interface OutboxOptions {
  readonly store: Store;
  readonly environment: Environment;
  /** Hands it to the connection; false when there is none. */
  readonly send: (entry: OutboxEntry) => boolean;
  /** The entries have changed. */
  readonly onChange: () => void;
  /** Others' are kept and not sent. Default: all are one's own. */
  readonly isOwn?: (entry: OutboxEntry) => boolean;
}

/** Without an answer for so long, over a connection that lives, it is sent again. */
export const RESEND_AFTER_MS = 10_000;
/** When the desk does not say for how long to wait. */
export const PAUSE_MS = 2_000;
/** The desk may fail with a message so often before it counts as refused. */
export const MAX_FAILURES = 3;

const PREFIX = "outbox.";

const isEntry: Check<OutboxEntry> = /* @__PURE__ */ record<OutboxEntry>(
  { id: isId, lane: int(0), text: text(VISITOR_COMMAND_POST_TEXT_MAX_CHARS), at: int(0) },
  {
    owner: int(1),
    seen: int(0),
    force: isBool,
    refused: isErrorCode,
    last: int(0),
  },
);

function parse(json: string | undefined): OutboxEntry | undefined {
  try {
    const value: unknown = JSON.parse(json ?? "");
    return isEntry(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #entries = new Map<string, OutboxEntry>();
  /** By lane: what waits for its answer. */
  readonly #sent = new Map<number, { readonly id: string; readonly cancelTimer: () => void }>();
  /** Another tab's, and until when they are left to it. */
  readonly #foreign = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  /** Another tab knows that it is stored; shown here until the answer to this tab comes. */
  readonly #goneElsewhere = new Set<string>();
  #isOnline = false;
  #pausedUntil = 0;
  #cancelPump = () => {};
  #stopListening = () => {};
  #lastAt = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Reads what is kept and listens to other tabs. */
  start(): void {
    const { store } = this.#options;
    for (const key of store.keys()) {
      this.#load(key);
    }
    this.#stopListening = store.onChange((key) => this.#onStoreChange(key));
  }

  stop(): void {
    this.offline();
    this.#stopListening();
    this.#stopListening = () => {};
    this.#entries.clear();
    this.#foreign.clear();
    this.#failures.clear();
    this.#pausedUntil = 0;
  }

  /** One's own, oldest first. */
  get entries(): readonly OutboxEntry[] {
    const isOwn = this.#options.isOwn ?? (() => true);
    return [...this.#entries.values()]
      .filter(isOwn)
      .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  add(message: Omit<OutboxEntry, "id" | "at">): string {
    const { environment } = this.#options;
    const newest = this.entries.at(-1)?.at ?? 0;
    this.#lastAt = Math.max(environment.now(), this.#lastAt + 1, newest + 1);
    const entry = { ...message, id: environment.randomId(), at: this.#lastAt };
    this.#keep(entry);
    this.#changed();
    return entry.id;
  }

  /** The desk has it, or another tab says so: the entry that was, if there was one. */
  stored(id: string): OutboxEntry | undefined {
    const entry = this.#entries.get(id);
    if (entry) {
      this.#options.store.remove(PREFIX + id);
      this.#forget(entry);
      this.#changed();
    }
    return entry;
  }

  /** The desk does not take it: now, or never. */
  refused(id: string, error: ErrorCode, retryAfterMs?: number, last?: number): void {
    const entry = this.#entries.get(id);
    if (!entry) {
      return;
    }
    this.#unsend(entry);
    if (this.#isForNow(entry, error)) {
      this.#pausedUntil = this.#options.environment.now() + (retryAfterMs ?? PAUSE_MS);
    } else {
      this.#keep({ ...entry, refused: error, ...(last === undefined ? {} : { last }) });
    }
    this.#changed();
  }

  /** Sends a refused message after all. */
  retry(id: string, how: Pick<OutboxEntry, "seen" | "force"> = {}): void {
    const entry = this.#entries.get(id);
    if (entry?.refused) {
      const { refused: _refused, last: _last, ...rest } = entry;
      this.#failures.delete(id);
      this.#keep({ ...rest, ...how });
      this.#changed();
    }
  }

  /** Forgets a refused message. */
  discard(id: string): void {
    if (this.#entries.get(id)?.refused) {
      this.stored(id);
    }
  }

  /** The desk has answered hello: everything that waits goes out. */
  online(): void {
    this.#isOnline = true;
    this.#foreign.clear();
    this.#pump();
  }

  offline(): void {
    this.#isOnline = false;
    this.#cancelPump();
    for (const { cancelTimer } of this.#sent.values()) {
      cancelTimer();
    }
    this.#sent.clear();
    // No answer will come: what the desk has is shown when it is caught up with.
    for (const id of [...this.#goneElsewhere]) {
      this.stored(id);
    }
  }

  #isForNow(entry: OutboxEntry, error: ErrorCode): boolean {
    if (error === "internal") {
      const failures = (this.#failures.get(entry.id) ?? 0) + 1;
      this.#failures.set(entry.id, failures);
      return failures < MAX_FAILURES;
    }
    return error === "rate_limited" || error === "busy" || error === "not_ready";
  }

  #changed(): void {
    this.#pump();
    this.#options.onChange();
  }

  #keep(entry: OutboxEntry): void {
    this.#entries.set(entry.id, entry);
    this.#options.store.set(PREFIX + entry.id, JSON.stringify(entry));
  }

  #forget(entry: OutboxEntry): void {
    this.#entries.delete(entry.id);
    this.#foreign.delete(entry.id);
    this.#failures.delete(entry.id);
    this.#goneElsewhere.delete(entry.id);
    this.#unsend(entry);
  }

  #unsend(entry: OutboxEntry): void {
    const sent = this.#sent.get(entry.lane);
    if (sent?.id === entry.id) {
      sent.cancelTimer();
      this.#sent.delete(entry.lane);
    }
  }

  /** What the store has under this key; true: something has changed. */
  #load(key: string): boolean {
    if (!key.startsWith(PREFIX)) {
      return false;
    }
    const known = this.#entries.get(key.slice(PREFIX.length));
    const entry = parse(this.#options.store.get(key));
    if (entry && PREFIX + entry.id === key) {
      if (!known) {
        this.#foreign.set(entry.id, this.#options.environment.now() + RESEND_AFTER_MS);
      }
      this.#entries.set(entry.id, entry);
      return true;
    }
    if (known && this.#sent.get(known.lane)?.id === known.id && !known.refused) {
      this.#goneElsewhere.add(known.id);
      return false;
    }
    if (known) {
      this.#forget(known);
    }
    return known !== undefined;
  }

  #onStoreChange(key: string | undefined): void {
    const keys = new Set(key === undefined ? this.#options.store.keys() : [key]);
    if (key === undefined) {
      for (const id of this.#entries.keys()) {
        keys.add(PREFIX + id);
      }
    }
    let hasChanged = false;
    for (const one of keys) {
      hasChanged = this.#load(one) || hasChanged;
    }
    if (hasChanged) {
      this.#changed();
    }
  }

  /** Sends the head of each lane that may go, and comes back when the next one may. */
  #pump(): void {
    this.#cancelPump();
    this.#cancelPump = () => {};
    if (!this.#isOnline) {
      return;
    }
    const now = this.#options.environment.now();
    let next = this.#pausedUntil > now ? this.#pausedUntil : Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes()) {
      const head = lane[0];
      if (!head || this.#sent.has(head.lane) || this.#pausedUntil > now) {
        continue;
      }
      // Left to its tab, unless one of this tab's own waits behind it.
      const until = lane.every((entry) => this.#foreign.has(entry.id))
        ? (this.#foreign.get(head.id) ?? 0)
        : 0;
      if (until > now) {
        next = Math.min(next, until);
      } else {
        this.#send(head);
      }
    }
    if (next < Number.POSITIVE_INFINITY) {
      this.#cancelPump = this.#options.environment.after(next - now, () => this.#pump());
    }
  }

  #lanes(): Iterable<readonly OutboxEntry[]> {
    const lanes = new Map<number, OutboxEntry[]>();
    for (const entry of this.entries) {
      if (!entry.refused) {
        lanes.set(entry.lane, [...(lanes.get(entry.lane) ?? []), entry]);
      }
    }
    return lanes.values();
  }

  #send(entry: OutboxEntry): void {
    if (!this.#options.send(entry)) {
      return;
    }
    const cancelTimer = this.#options.environment.after(RESEND_AFTER_MS, () => {
      this.#sent.delete(entry.lane);
      if (this.#goneElsewhere.has(entry.id)) {
        this.stored(entry.id);
      }
      this.#pump();
    });
    this.#sent.set(entry.lane, { id: entry.id, cancelTimer });
  }
}

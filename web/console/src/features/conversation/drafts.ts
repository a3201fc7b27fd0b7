/*
 * Answers begun and not sent, one for each conversation, kept in this browser. They belong to the agent who
 * wrote them: another one who logs in here does not see them. The oldest go when there are too many.
 */
import { keep, keptKeys, readKept } from "../../lib/kept.ts";

const MAX_DRAFTS = 200;
const WRITE_DELAY_MS = 300;

export class Drafts {
  readonly #prefix: string;
  readonly #unwritten = new Map<number, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(agent: number) {
    this.#prefix = `draft.${agent}.`;
  }

  get(conversation: number): string {
    return this.#unwritten.get(conversation) ?? this.#read(conversation)?.text ?? "";
  }

  /** Keeps a draft a moment later: a key press is not to wait for the disk. */
  set(conversation: number, text: string): void {
    this.#unwritten.set(conversation, text);
    this.#timer ??= setTimeout(() => this.flush(), WRITE_DELAY_MS);
  }

  /** Writes what is not written yet; to be called when the page may go away. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [conversation, text] of this.#unwritten) {
      const blank = text.trim() === "";
      const kept = JSON.stringify({ at: Date.now(), text });
      keep(this.#prefix + conversation, blank ? undefined : kept);
    }
    this.#unwritten.clear();
    this.#dropOldest();
  }

  #read(conversation: string | number): { at: number; text: string } | undefined {
    const kept = readKept(this.#prefix + conversation);
    if (kept === undefined) {
      return undefined;
    }
    try {
      const value: unknown = JSON.parse(kept);
      return isDraft(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  #dropOldest(): void {
    const keys = keptKeys(this.#prefix);
    if (keys.length <= MAX_DRAFTS) {
      return;
    }
    const byAge = keys.map((key) => ({ key, at: this.#read(key)?.at ?? 0 }));
    byAge.sort((a, b) => a.at - b.at);
    for (const { key } of byAge.slice(0, keys.length - MAX_DRAFTS)) {
      keep(this.#prefix + key, undefined);
    }
  }
}

function isDraft(value: unknown): value is { at: number; text: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "at" in value &&
    typeof value.at === "number" &&
    "text" in value &&
    typeof value.text === "string"
  );
}

/**
 * What became of a command that waits for an answer.
 */
import type { ErrorCode } from "./gen/values.ts";

export interface Refusal {
  /** As the desk says, or: no connection now, no answer in time. */
  readonly error: ErrorCode | "offline" | "timeout";
  /** For people, in English; empty when the desk did not say it. */
  readonly text: string;
  /** taken: who has it. */
  readonly agent?: number;
  /** stale: number of the last message. */
  readonly number?: number;
  readonly retry_after_ms?: number;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

export type PostResult =
  | { readonly ok: true; readonly id: string }
  | { readonly ok: false; readonly reason: "blank" | "too_long" };

/**
 * Who this browser is to the desk, and how far it has read; shared by all tabs.
 */
import { type Check, int, isId, isSecret, record } from "../check.ts";
import type { Store } from "../store.ts";

export interface Identity {
  readonly visitor: string;
  readonly token: string;
}

export const IDENTITY_KEY = "identity";
export const READ_KEY = "read";

const isIdentity: Check<Identity> = /* @__PURE__ */ record<Identity>(
  { visitor: isId, token: isSecret },
  {},
);
const isNumber = /* @__PURE__ */ int(0);

export function readIdentity(store: Store): Identity | undefined {
  try {
    const value: unknown = JSON.parse(store.get(IDENTITY_KEY) ?? "");
    return isIdentity(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function writeIdentity(store: Store, identity: Identity): void {
  store.set(IDENTITY_KEY, JSON.stringify(identity));
}

export function forgetIdentity(store: Store): void {
  store.remove(IDENTITY_KEY);
  store.remove(READ_KEY);
}

/** Number of the last message that was read, in any tab. */
export function readRead(store: Store): number {
  const number = Number(store.get(READ_KEY) ?? 0);
  return isNumber(number) ? number : 0;
}

export function writeRead(store: Store, number: number): void {
  store.set(READ_KEY, String(number));
}

/*
 * Who sits here: nobody yet, the first owner to be, an agent. Decides which page is shown before there is a
 * desk, and keeps the one-time token out of the address bar.
 */
import { signal } from "@preact/signals";
import type { Api } from "../api/http.ts";
import type { Agent } from "../desk/types.ts";
import { setupToken } from "./route.ts";

export type SessionPhase =
  | { kind: "starting" }
  | { kind: "setup"; token: string }
  | { kind: "noOwner" }
  | { kind: "logIn"; ended: boolean }
  | { kind: "unreachable" }
  | { kind: "in"; me: Agent };

export class SessionState {
  readonly phase = signal<SessionPhase>({ kind: "starting" });
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Takes a token out of the address at once, so that it is in no history and on no screen. */
  takeToken(): string | undefined {
    const token = setupToken(location.hash);
    if (location.hash.startsWith("#setup=")) {
      history.replaceState(null, "", location.pathname);
    }
    return token;
  }

  async start(token: string | undefined): Promise<void> {
    this.phase.value = { kind: "starting" };
    const me = await this.#api.me();
    if (me.ok) {
      this.enter(me.value);
    } else if (me.failure.error !== "not_logged_in") {
      this.phase.value = { kind: "unreachable" };
    } else {
      await this.#decide(token);
    }
  }

  async #decide(token: string | undefined): Promise<void> {
    const needed = await this.#api.setupNeeded();
    if (!needed.ok) {
      this.phase.value = { kind: "unreachable" };
    } else if (!needed.value) {
      this.phase.value = { kind: "logIn", ended: false };
    } else {
      this.phase.value = token === undefined ? { kind: "noOwner" } : { kind: "setup", token };
    }
  }

  enter(me: Agent): void {
    this.phase.value = { kind: "in", me };
  }

  /** The desk has ended the session, from here or from elsewhere. */
  leave(ended: boolean): void {
    this.phase.value = { kind: "logIn", ended };
  }
}

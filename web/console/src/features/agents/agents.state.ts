/*
 * Agents and their sessions, for the agents page and one's own settings. Who there is comes from the desk's
 * events; changes go over HTTP and come back as events.
 */
import { signal } from "@preact/signals";
import type { Api, Failure } from "../../api/http.ts";
import type { Role, Session } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";
import { showToast } from "../../ui/toasts.state.ts";
import { type Errors, failureText, looksLikeEmail, passwordError } from "../auth/auth.state.ts";

/** What is being asked in a dialog. */
export type AgentsDialog =
  | { kind: "add" }
  | { kind: "password"; agent: number; name: string; own: boolean }
  | { kind: "sessions"; agent: number; name: string; own: boolean }
  | { kind: "remove"; agent: number; name: string };

export interface NewAgent {
  name: string;
  email: string;
  role: Role;
  password: string;
}

const NOBODY: NewAgent = { name: "", email: "", role: "agent", password: "" };

export interface PasswordFields {
  old: string;
  password: string;
}

export class AgentsState {
  readonly dialog = signal<AgentsDialog | undefined>(undefined);
  readonly added = signal<NewAgent>(NOBODY);
  readonly passwords = signal<PasswordFields>({ old: "", password: "" });
  readonly errors = signal<Errors & { old?: string }>({});
  readonly busy = signal(false);
  /** Of the agent of the dialog; undefined while they are being asked for. */
  readonly sessions = signal<readonly Session[] | undefined>(undefined);
  readonly sessionsFailed = signal(false);
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  show(dialog: AgentsDialog | undefined): void {
    this.dialog.value = dialog;
    this.errors.value = {};
    this.added.value = NOBODY;
    this.passwords.value = { old: "", password: "" };
    this.busy.value = false;
    this.sessions.value = undefined;
    if (dialog?.kind === "sessions") {
      void this.loadSessions(dialog.agent);
    }
  }

  async add(): Promise<void> {
    const t = texts.value;
    const { name, email, role, password } = this.added.value;
    const errors: Errors = {};
    if (name.trim() === "") {
      errors.name = t.nameNeeded;
    }
    if (!looksLikeEmail(email)) {
      errors.email = t.emailNeeded;
    }
    const weak = passwordError(password);
    if (weak !== undefined) {
      errors.password = weak;
    }
    if (this.#stopsAt(errors)) {
      return;
    }
    const request = { name: name.trim(), email: email.trim(), role, password };
    const answer = await this.#whileBusy(this.#api.addAgent(request));
    if (answer.ok) {
      this.show(undefined);
      showToast(t.agentAdded(request.name));
    } else if (answer.failure.error === "exists") {
      this.errors.value = { email: t.emailExists };
    } else {
      this.#tell(answer.failure);
    }
  }

  async setPassword(): Promise<void> {
    const dialog = this.dialog.value;
    if (dialog?.kind !== "password") {
      return;
    }
    const t = texts.value;
    const { old, password } = this.passwords.value;
    const errors: Errors & { old?: string } = {};
    if (dialog.own && old === "") {
      errors.old = t.passwordNeeded;
    }
    const weak = passwordError(password);
    if (weak !== undefined) {
      errors.password = weak;
    }
    if (this.#stopsAt(errors)) {
      return;
    }
    const request = dialog.own ? { old_password: old, password } : { password };
    const answer = await this.#whileBusy(this.#api.setPassword(dialog.agent, request));
    if (answer.ok) {
      this.show(undefined);
      showToast(t.passwordSet);
    } else if (answer.failure.error === "bad_login") {
      this.errors.value = { old: t.badOldPassword };
    } else {
      this.#tell(answer.failure);
    }
  }

  async remove(): Promise<void> {
    const dialog = this.dialog.value;
    if (dialog?.kind !== "remove") {
      return;
    }
    const answer = await this.#whileBusy(this.#api.removeAgent(dialog.agent));
    if (answer.ok) {
      this.show(undefined);
      showToast(texts.value.agentRemoved(dialog.name));
    } else {
      this.#tell(answer.failure);
    }
  }

  async loadSessions(agent: number): Promise<void> {
    this.sessionsFailed.value = false;
    const answer = await this.#api.sessions(agent);
    if (answer.ok) {
      this.sessions.value = [...answer.value].sort((a, b) => b.seen_at - a.seen_at);
    } else {
      this.sessionsFailed.value = true;
    }
  }

  async endSession(session: number): Promise<void> {
    const answer = await this.#api.endSession(session);
    if (answer.ok) {
      this.sessions.value = this.sessions.value?.filter((one) => one.session !== session);
      showToast(texts.value.sessionEndedToast);
    } else {
      showToast(failureText(answer.failure));
    }
  }

  /** Ends all sessions of an agent but the one that asks. */
  async endSessions(agent: number): Promise<void> {
    const answer = await this.#api.endSessions(agent);
    if (answer.ok) {
      this.sessions.value = this.sessions.value?.filter((one) => one.current);
      showToast(texts.value.sessionsEndedToast);
    } else {
      showToast(failureText(answer.failure));
    }
  }

  #stopsAt(errors: Errors & { old?: string }): boolean {
    this.errors.value = errors;
    return this.busy.value || Object.keys(errors).length > 0;
  }

  async #whileBusy<T>(call: Promise<T>): Promise<T> {
    this.busy.value = true;
    try {
      return await call;
    } finally {
      this.busy.value = false;
    }
  }

  #tell(failure: Failure): void {
    this.errors.value = { form: failureText(failure) };
  }
}

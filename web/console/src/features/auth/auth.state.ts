/*
 * Coming in: the first owner, logging in, and what was typed wrong. Passwords stay in these fields and the
 * request; nothing here keeps them.
 */
import { signal } from "@preact/signals";
import type { Api, Failure } from "../../api/http.ts";
import type { Agent } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";

export const MIN_PASSWORD = 10;
const MINUTE_S = 60;
/** Up to here a wait is told in seconds. */
const SECONDS_UP_TO = 90;

export interface Errors {
  name?: string;
  email?: string;
  password?: string;
  /** Not about one field. */
  form?: string;
}

/** A refusal in words. */
export function failureText(failure: Failure): string {
  const t = texts.value;
  switch (failure.error) {
    case "bad_login":
      return t.badLogin;
    case "rate_limited": {
      const seconds = Math.max(1, failure.retryAfterSeconds ?? MINUTE_S);
      return seconds > SECONDS_UP_TO
        ? t.tooManyTriesMinutes(Math.ceil(seconds / MINUTE_S))
        : t.tooManyTries(seconds);
    }
    case "unreachable":
      return t.unreachable;
    case "forbidden":
      return t.onlyOwner;
    default:
      return t.failed;
  }
}

/** Two signs around an @: more is for the mail server to judge. */
export function looksLikeEmail(email: string): boolean {
  return /^[^\s@]+@[^\s@]+$/.test(email.trim());
}

export function passwordError(password: string): string | undefined {
  return [...password].length < MIN_PASSWORD ? texts.value.passwordShort : undefined;
}

export class LogInState {
  readonly email = signal("");
  readonly password = signal("");
  readonly errors = signal<Errors>({});
  readonly busy = signal(false);
  readonly #api: Api;
  readonly #onIn: (agent: Agent) => void;

  constructor(api: Api, onIn: (agent: Agent) => void) {
    this.#api = api;
    this.#onIn = onIn;
  }

  async submit(): Promise<void> {
    const t = texts.value;
    const errors: Errors = {};
    if (this.email.value.trim() === "") {
      errors.email = t.emailNeeded;
    }
    if (this.password.value === "") {
      errors.password = t.passwordNeeded;
    }
    this.errors.value = errors;
    if (this.busy.value || Object.keys(errors).length > 0) {
      return;
    }
    this.busy.value = true;
    const email = this.email.value.trim();
    const answer = await this.#api.logIn({ email, password: this.password.value });
    this.busy.value = false;
    if (answer.ok) {
      this.password.value = "";
      this.#onIn(answer.value);
    } else {
      this.errors.value = { form: failureText(answer.failure) };
    }
  }
}

export class SetupState {
  readonly name = signal("");
  readonly email = signal("");
  readonly password = signal("");
  readonly errors = signal<Errors>({});
  readonly busy = signal(false);
  readonly #api: Api;
  readonly #token: string;
  readonly #onIn: (agent: Agent) => void;

  constructor(api: Api, token: string, onIn: (agent: Agent) => void) {
    this.#api = api;
    this.#token = token;
    this.#onIn = onIn;
  }

  #check(): Errors {
    const t = texts.value;
    const errors: Errors = {};
    if (this.name.value.trim() === "") {
      errors.name = t.nameNeeded;
    }
    if (!looksLikeEmail(this.email.value)) {
      errors.email = t.emailNeeded;
    }
    const password = passwordError(this.password.value);
    if (password !== undefined) {
      errors.password = password;
    }
    return errors;
  }

  async submit(): Promise<void> {
    this.errors.value = this.#check();
    if (this.busy.value || Object.keys(this.errors.value).length > 0) {
      return;
    }
    this.busy.value = true;
    const answer = await this.#api.setUp({
      token: this.#token,
      name: this.name.value.trim(),
      email: this.email.value.trim(),
      password: this.password.value,
    });
    this.busy.value = false;
    if (answer.ok) {
      this.password.value = "";
      this.#onIn(answer.value);
      return;
    }
    const t = texts.value;
    const { error } = answer.failure;
    const form =
      error === "bad_token"
        ? t.setupBadToken
        : error === "exists"
          ? t.setupExists
          : failureText(answer.failure);
    this.errors.value = { form };
  }
}

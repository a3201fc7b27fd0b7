/*
 * The desk's HTTP interface (src/desk/proto/schema/http.json): logging in, agents, sessions. Every call gives
 * either the checked answer or why not; nothing is thrown.
 */
import {
  type AgentAddRequest,
  type AgentPasswordRequest,
  isAgentResponse,
  isErrorResponse,
  isMeResponse,
  isOkResponse,
  isSessionsResponse,
  isSetupStateResponse,
  type LoginRequest,
  type SetupRequest,
} from "@deskbell/protocol/http";
import type { Agent, ErrorCode, Session } from "../desk/types.ts";
import { setServerDate } from "../lib/clock.ts";

/** Why a call failed. "unreachable": no answer, or none that this console understands. */
export interface Failure {
  error: ErrorCode | "unreachable";
  retryAfterSeconds?: number;
}

export type Outcome<T> = { ok: true; value: T } | { ok: false; failure: Failure };

const TIMEOUT_MS = 15_000;

type Check<T> = (value: unknown) => value is T;
type Method = "GET" | "POST" | "DELETE";

async function call<T>(
  method: Method,
  path: string,
  check: Check<T>,
  body?: object,
): Promise<Outcome<T>> {
  const init: RequestInit = {
    method,
    credentials: "same-origin",
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
  if (method !== "GET") {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body ?? {});
  }
  try {
    const response = await fetch(`/api${path}`, init);
    setServerDate(response.headers.get("Date"));
    const answer: unknown = await response.json();
    if (response.ok && check(answer)) {
      return { ok: true, value: answer };
    }
    return { ok: false, failure: readFailure(response, answer) };
  } catch {
    return { ok: false, failure: { error: "unreachable" } };
  }
}

function readFailure(response: Response, answer: unknown): Failure {
  if (response.ok || !isErrorResponse(answer)) {
    return { error: "unreachable" };
  }
  const seconds = answer.retry_after_s ?? Number(response.headers.get("Retry-After") ?? Number.NaN);
  return Number.isFinite(seconds)
    ? { error: answer.error, retryAfterSeconds: seconds }
    : { error: answer.error };
}

function pick<T, U>(outcome: Outcome<T>, part: (value: T) => U): Outcome<U> {
  return outcome.ok ? { ok: true, value: part(outcome.value) } : outcome;
}

/** The calls as an object, so that tests and the preview can put another in its place. */
export interface Api {
  me(): Promise<Outcome<Agent>>;
  setupNeeded(): Promise<Outcome<boolean>>;
  setUp(request: SetupRequest): Promise<Outcome<Agent>>;
  logIn(request: LoginRequest): Promise<Outcome<Agent>>;
  logOut(): Promise<Outcome<unknown>>;
  addAgent(request: AgentAddRequest): Promise<Outcome<Agent>>;
  removeAgent(agent: number): Promise<Outcome<unknown>>;
  setPassword(agent: number, request: AgentPasswordRequest): Promise<Outcome<unknown>>;
  sessions(agent: number): Promise<Outcome<readonly Session[]>>;
  endSession(session: number): Promise<Outcome<unknown>>;
  endSessions(agent: number): Promise<Outcome<unknown>>;
}

export const api: Api = {
  me: async () => pick(await call("GET", "/me", isMeResponse), (answer) => answer.agent),
  setupNeeded: async () =>
    pick(await call("GET", "/setup", isSetupStateResponse), (answer) => answer.needed),
  setUp: async (request) =>
    pick(await call("POST", "/setup", isMeResponse, request), (answer) => answer.agent),
  logIn: async (request) =>
    pick(await call("POST", "/login", isMeResponse, request), (answer) => answer.agent),
  logOut: () => call("POST", "/logout", isOkResponse),
  addAgent: async (request) =>
    pick(await call("POST", "/agents", isAgentResponse, request), (answer) => answer.agent),
  removeAgent: (agent) => call("DELETE", `/agents/${agent}`, isOkResponse),
  setPassword: (agent, request) => call("POST", `/agents/${agent}/password`, isOkResponse, request),
  sessions: async (agent) =>
    pick(await call("GET", `/agents/${agent}/sessions`, isSessionsResponse), (a) => a.sessions),
  endSession: (session) => call("DELETE", `/sessions/${session}`, isOkResponse),
  endSessions: (agent) => call("DELETE", `/agents/${agent}/sessions`, isOkResponse),
};

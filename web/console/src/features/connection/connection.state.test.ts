import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Desk } from "../../desk/desk.state.ts";
import { FakeClient, settle } from "../../desk/fake-client.ts";
import { message } from "../../desk/testing.ts";
import { BACK_SHOWN_MS, ConnectionLineState, LOST_AFTER_MS } from "./connection.state.ts";

let client: FakeClient;
let state: ConnectionLineState;
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  client = new FakeClient();
  const desk = new Desk(client);
  state = new ConnectionLineState();
  stop = state.follow(desk);
  desk.start();
  client.setPhase("connecting");
  client.welcome();
  await settle();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

test("the first connecting is not a break", () => {
  vi.advanceTimersByTime(60_000);
  expect(state.line.value).toEqual({ kind: "none" });
});

test("a short break is not worth a word", () => {
  client.setPhase("offline");
  vi.advanceTimersByTime(LOST_AFTER_MS - 1);
  client.setPhase("online");
  client.notice({ type: "caught_up" });
  vi.advanceTimersByTime(60_000);
  expect(state.line.value).toEqual({ kind: "none" });
});

test("a longer one is told, and its end for as long as it takes to read", () => {
  client.setPhase("offline");
  vi.advanceTimersByTime(LOST_AFTER_MS);
  expect(state.line.value).toEqual({ kind: "lost" });
  client.setPhase("connecting");
  client.setPhase("offline");
  vi.advanceTimersByTime(30_000);
  expect(state.line.value).toEqual({ kind: "lost" });
  client.setPhase("online");
  expect(state.line.value).toEqual({ kind: "lost" });
  client.notice({ type: "caught_up" });
  expect(state.line.value).toEqual({ kind: "back", newMessages: 0 });
  vi.advanceTimersByTime(BACK_SHOWN_MS);
  expect(state.line.value).toEqual({ kind: "none" });
});

test("new messages are told even after a short break", () => {
  client.setPhase("offline");
  client.setPhase("online");
  client.happens({ kind: "message", conversation: 1, message: message(1, "visitor", "a", 1) });
  client.notice({ type: "caught_up" });
  expect(state.line.value).toEqual({ kind: "back", newMessages: 1 });
});

test("a second break is told like the first", () => {
  for (let i = 0; i < 2; i += 1) {
    client.setPhase("offline");
    vi.advanceTimersByTime(LOST_AFTER_MS);
    expect(state.line.value).toEqual({ kind: "lost" });
    client.setPhase("online");
    client.notice({ type: "caught_up" });
    expect(state.line.value.kind).toBe("back");
  }
});

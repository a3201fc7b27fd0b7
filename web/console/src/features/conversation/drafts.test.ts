// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Drafts } from "./drafts.ts";

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test("a draft survives the page, one for each conversation", () => {
  const drafts = new Drafts(1);
  drafts.set(7, "half an ans");
  drafts.set(8, "안녕하");
  drafts.flush();
  const next = new Drafts(1);
  expect([next.get(7), next.get(8), next.get(9)]).toEqual(["half an ans", "안녕하", ""]);
});

test("a draft is written by itself within half a second", () => {
  new Drafts(1).set(7, "x");
  expect(localStorage.length).toBe(0);
  vi.advanceTimersByTime(500);
  expect(new Drafts(1).get(7)).toBe("x");
});

test("what was deleted or sent is forgotten", () => {
  const drafts = new Drafts(1);
  drafts.set(7, "x");
  drafts.flush();
  drafts.set(7, "");
  expect(drafts.get(7)).toBe("");
  drafts.flush();
  expect(new Drafts(1).get(7)).toBe("");
  expect(localStorage.length).toBe(0);
});

test("another agent at the same browser does not see it", () => {
  const drafts = new Drafts(1);
  drafts.set(7, "mine");
  drafts.flush();
  expect(new Drafts(2).get(7)).toBe("");
});

test("garbage in the storage is no draft", () => {
  localStorage.setItem("deskbell.console.draft.1.7", "{");
  localStorage.setItem("deskbell.console.draft.1.8", '{"text":5}');
  expect([new Drafts(1).get(7), new Drafts(1).get(8)]).toEqual(["", ""]);
});

test("of too many the oldest goes", () => {
  const drafts = new Drafts(1);
  for (let conversation = 1; conversation <= 201; conversation += 1) {
    vi.advanceTimersByTime(1);
    drafts.set(conversation, `d${conversation}`);
    drafts.flush();
  }
  expect([drafts.get(1), drafts.get(2), drafts.get(201)]).toEqual(["", "d2", "d201"]);
});

test("storage that refuses breaks nothing", () => {
  const refuse = vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
    throw new DOMException("full", "QuotaExceededError");
  });
  const drafts = new Drafts(1);
  drafts.set(7, "x");
  expect(() => drafts.flush()).not.toThrow();
  refuse.mockRestore();
});

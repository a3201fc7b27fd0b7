import { describe, expect, it } from "vitest";
import { type Check, int, list, oneOf, record, text } from "../src/check.ts";
import { decodeAgentEvent } from "../src/gen/agent.ts";
import { isMeResponse } from "../src/gen/http.ts";
import { isMessage } from "../src/gen/values.ts";
import { decodeVisitorEvent } from "../src/gen/visitor.ts";
import { clip, countChars, isBlank, MAX_TEXT_CHARS } from "../src/text.ts";

const ID = "0123456789abcdef0123456789abcdef";
const MESSAGE = { number: 1, author: "agent", text: "hello", at: 5 };

describe("checks", () => {
  it.each([
    [int(1, 3), [1, 2, 3], [0, 4, 1.5, Number.NaN, "1", null, undefined, true]],
    [int(0), [0, Number.MAX_SAFE_INTEGER], [-1, 2 ** 53, Number.POSITIVE_INFINITY]],
    [text(2), ["", "ab", "😀😀"], ["abcde", 1, null, undefined]],
    [oneOf("a", "b"), ["a", "b"], ["c", "", 0, undefined]],
    [list(int(0), 2), [[], [1, 2]], [[1, 2, 3], ["1"], {}, null]],
  ] as [Check<unknown>, unknown[], unknown[]][])("%# hold and refuse", (check, good, bad) => {
    for (const value of good) {
      expect(check(value)).toBe(true);
    }
    for (const value of bad) {
      expect(check(value)).toBe(false);
    }
  });

  it("want every required field and check optional ones that are there", () => {
    expect(isMessage(MESSAGE)).toBe(true);
    expect(isMessage({ ...MESSAGE, id: ID, line: "closed", agent: 3 })).toBe(true);
    for (const name of Object.keys(MESSAGE)) {
      expect(isMessage({ ...MESSAGE, [name]: undefined })).toBe(false);
    }
    for (const wrong of [
      { id: "X" },
      { line: "sung" },
      { agent: 0 },
      { name: null },
      { author: "" },
    ]) {
      expect(isMessage({ ...MESSAGE, ...wrong })).toBe(false);
    }
    for (const wrong of [null, undefined, 1, "x", []]) {
      expect(isMessage(wrong)).toBe(false);
    }
  });

  it("do not mind fields that a newer desk has added", () => {
    expect(isMessage({ ...MESSAGE, mood: "good" })).toBe(true);
    expect(isMeResponse({ agent: {} })).toBe(false);
  });

  it("do not compile with a table that does not match its type", () => {
    interface Pair {
      readonly a: number;
      readonly b?: string;
    }
    // @ts-expect-error b is missing
    record<Pair>({ a: int(0) }, {});
    // @ts-expect-error a is a number
    record<Pair>({ a: text(1) }, { b: text(1) });
    // @ts-expect-error b is optional
    record<Pair>({ a: int(0), b: text(1) }, {});
  });
});

describe("decoders", () => {
  it("give events of the protocol", () => {
    expect(decodeVisitorEvent('{"type":"pong"}')).toEqual({ type: "pong" });
    expect(decodeVisitorEvent(JSON.stringify({ type: "message", message: MESSAGE }))).toEqual({
      type: "message",
      message: MESSAGE,
    });
    expect(decodeAgentEvent('{"type":"done","ref":4}')).toEqual({ type: "done", ref: 4 });
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    '"pong"',
    "{}",
    '{"type":1}',
    '{"type":"later"}',
    '{"type":"constructor"}',
    '{"type":"__proto__"}',
    '{"type":"done","ref":-1}',
    '{"type":"done","ref":"1"}',
    '{"type":"online"}',
    '{"type":"online","on":1}',
    '{"type":"message","message":{}}',
    '{"type":"messages","more":false,"items":[null]}',
  ])("refuse %s", (json) => {
    expect(decodeVisitorEvent(json)).toBeUndefined();
  });
});

describe("text", () => {
  it("counts characters as the desk does", () => {
    expect(["", "a", "é", "안녕", "你好", "😀", "👩‍👧"].map(countChars)).toEqual([
      0, 1, 1, 2, 2, 1, 3,
    ]);
    expect(countChars("😀".repeat(MAX_TEXT_CHARS))).toBe(MAX_TEXT_CHARS);
  });

  it("knows what shows nothing", () => {
    for (const blank of ["", " ", "\n\t", "\u3000", "\u200b\u200d", "\ufeff", "\u3164"]) {
      expect(isBlank(blank)).toBe(true);
    }
    for (const seen of ["x", " x", "中", "😀", "\u3164ㅋ", "0"]) {
      expect(isBlank(seen)).toBe(false);
    }
  });

  it("cuts between characters", () => {
    expect(clip("abc", 3)).toBe("abc");
    expect(clip("abcd", 3)).toBe("abc");
    expect(clip("😀😀😀", 2)).toBe("😀😀");
  });
});

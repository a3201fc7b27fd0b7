import { describe, expect, it } from "vitest";
import { EnterGuard, type EnterKey } from "./enter.ts";

function key(timeStamp: number, more: Partial<EnterKey> = {}): EnterKey {
  return {
    key: "Enter",
    keyCode: 13,
    isComposing: false,
    shiftKey: false,
    altKey: false,
    ctrlKey: false,
    metaKey: false,
    timeStamp,
    ...more,
  };
}

describe("EnterGuard", () => {
  it("sends on a plain Enter", () => {
    expect(new EnterGuard().sends(key(1))).toBe(true);
  });

  it.each(["shiftKey", "altKey", "ctrlKey", "metaKey"] as const)(
    "does not send with %s",
    (modifier) => {
      expect(new EnterGuard().sends(key(1, { [modifier]: true }))).toBe(false);
    },
  );

  it("does not send other keys", () => {
    expect(new EnterGuard().sends(key(1, { key: "a", keyCode: 65 }))).toBe(false);
  });

  it("does not send while composing, whatever the browser tells", () => {
    const guard = new EnterGuard();
    guard.compositionStart();
    expect(guard.sends(key(1))).toBe(false);
    expect(guard.sends(key(2, { isComposing: true }))).toBe(false);
    expect(guard.sends(key(3, { keyCode: 229 }))).toBe(false);
  });

  it("does not send on key code 229 after the end of the word (Safari)", () => {
    const guard = new EnterGuard();
    guard.compositionStart();
    guard.compositionEnd({ timeStamp: 100 });
    expect(guard.sends(key(101, { keyCode: 229 }))).toBe(false);
  });

  it("does not send on the Enter that ended the word and comes after it (Safari)", () => {
    const guard = new EnterGuard();
    guard.compositionStart();
    guard.compositionEnd({ timeStamp: 100 });
    expect(guard.sends(key(150))).toBe(false);
  });

  it("sends on the next Enter after a word", () => {
    const guard = new EnterGuard();
    guard.compositionStart();
    guard.compositionEnd({ timeStamp: 100 });
    expect(guard.sends(key(151))).toBe(true);
  });

  it("sends on the second keydown of a Korean Enter (Chrome)", () => {
    const guard = new EnterGuard();
    guard.compositionStart();
    expect(guard.sends(key(99, { isComposing: true, keyCode: 229 }))).toBe(false);
    guard.compositionEnd({ timeStamp: 100 });
    expect(guard.sends(key(101))).toBe(true);
  });
});

import { expect, test } from "vitest";
import { actionOf, type KeyPlace, type KeyPress } from "./keys.ts";

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  code: "",
  keyCode: 0,
  isComposing: false,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  shiftKey: false,
  ...more,
});
const page: KeyPlace = {
  writing: false,
  answering: false,
  inList: false,
  blocked: false,
  letters: true,
};

test("letters act on the page", () => {
  expect(actionOf(press("j"), page)).toEqual({ do: "move", by: 1 });
  expect(actionOf(press("t"), page)).toEqual({ do: "take" });
  expect(actionOf(press("?", { shiftKey: true }), page)).toEqual({ do: "help" });
  expect(actionOf(press("2"), page)).toEqual({ do: "view", view: "unassigned" });
});

test("on keyboards without Latin letters the place of the key counts", () => {
  expect(actionOf(press("ㅜ", { code: "KeyN" }), page)).toEqual({ do: "takeNext" });
  expect(actionOf(press("т", { code: "KeyN" }), page)).toEqual({ do: "takeNext" });
  expect(actionOf(press("ى", { code: "KeyN" }), page)).toEqual({ do: "takeNext" });
  // Dvorak has b there, which means nothing, and n elsewhere.
  expect(actionOf(press("b", { code: "KeyN" }), page)).toBeUndefined();
  expect(actionOf(press("n", { code: "KeyL" }), page)).toEqual({ do: "takeNext" });
  const writing = { ...page, writing: true };
  expect(actionOf(press("ㅜ", { code: "KeyN" }), writing)).toBeUndefined();
});

test("letters are letters in a field", () => {
  const writing = { ...page, writing: true, answering: true };
  for (const key of ["j", "e", "t", "?", "1"]) {
    expect(actionOf(press(key), writing)).toBeUndefined();
  }
});

test("nothing acts while an input method composes", () => {
  expect(actionOf(press("e", { isComposing: true }), page)).toBeUndefined();
  expect(actionOf(press("Process", { keyCode: 229 }), page)).toBeUndefined();
  const answering = { ...page, writing: true, answering: true };
  expect(actionOf(press("Escape", { isComposing: true }), answering)).toBeUndefined();
});

test("Escape leaves the answer, and only there", () => {
  expect(actionOf(press("Escape"), { ...page, writing: true, answering: true })).toEqual({
    do: "leaveReply",
  });
  expect(actionOf(press("Escape"), page)).toBeUndefined();
});

test("combinations belong to the browser", () => {
  expect(actionOf(press("r", { ctrlKey: true }), page)).toBeUndefined();
  expect(actionOf(press("t", { metaKey: true }), page)).toBeUndefined();
  expect(actionOf(press("1", { altKey: true }), page)).toBeUndefined();
  expect(actionOf(press("E", { shiftKey: true }), page)).toBeUndefined();
});

test("nothing acts behind a dialog", () => {
  expect(actionOf(press("e"), { ...page, blocked: true })).toBeUndefined();
});

test("without letters the arrows still move in the list", () => {
  const list = { ...page, letters: false, inList: true };
  expect(actionOf(press("j"), list)).toBeUndefined();
  expect(actionOf(press("ArrowDown"), list)).toEqual({ do: "move", by: 1 });
  expect(actionOf(press("ArrowUp"), list)).toEqual({ do: "move", by: -1 });
  expect(actionOf(press("ArrowDown"), page)).toBeUndefined();
});

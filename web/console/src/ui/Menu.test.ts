import { expect, test } from "vitest";
import { nextIndex } from "./Menu.tsx";

test("arrows go round, Home and End to the ends", () => {
  expect(nextIndex("ArrowDown", 2, 3)).toBe(0);
  expect(nextIndex("ArrowUp", 0, 3)).toBe(2);
  expect(nextIndex("ArrowUp", -1, 3)).toBe(2);
  expect(nextIndex("ArrowDown", -1, 3)).toBe(0);
  expect(nextIndex("Home", 2, 3)).toBe(0);
  expect(nextIndex("End", 0, 3)).toBe(2);
  expect(nextIndex("a", 0, 3)).toBeUndefined();
  expect(nextIndex("ArrowDown", -1, 0)).toBeUndefined();
});

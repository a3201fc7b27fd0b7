import { expect, test } from "vitest";
import { initials, tintOf } from "./names.ts";

test.each([
  ["Mia Wong", "MW"],
  ["mia", "M"],
  ["Anna Maria von Berg", "AB"],
  ["김민수", "김"],
  ["王 小明", "王"],
  ["  (Dr.) Øyvind  ", "DØ"],
  ["🙂", ""],
  ["", ""],
])("initials of %j are %j", (name, letters) => {
  expect(initials(name)).toBe(letters);
});

test("a person keeps one tint within the range", () => {
  for (const key of ["a", "0f3c", 12, ""]) {
    expect(tintOf(key)).toBe(tintOf(key));
    expect(tintOf(key)).toBeGreaterThanOrEqual(0);
    expect(tintOf(key)).toBeLessThan(6);
  }
});

import { expect, test } from "vitest";
import { Sorted } from "./sorted.ts";

test("items stand in order, whatever order they come and go in", () => {
  const list = new Sorted<number>((a, b) => a - b);
  for (const item of [5, 1, 4, 2, 3]) {
    list.add(item);
  }
  expect(list.items).toEqual([1, 2, 3, 4, 5]);
  expect([list.delete(1), list.delete(5), list.delete(3)]).toEqual([true, true, true]);
  expect(list.items).toEqual([2, 4]);
});

test("what is not there is not deleted", () => {
  const list = new Sorted<number>((a, b) => a - b);
  expect(list.delete(1)).toBe(false);
  list.add(1);
  expect([list.delete(0), list.delete(2)]).toEqual([false, false]);
  expect(list.items).toEqual([1]);
  list.clear();
  expect(list.items).toEqual([]);
});

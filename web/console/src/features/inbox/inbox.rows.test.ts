import { describe, expect, test } from "vitest";
import { layOut, ROW_HEIGHT, type RowKind, rowAt, scrollTo, visibleRows } from "./inbox.rows.ts";

const { card, row } = ROW_HEIGHT;
const kinds: RowKind[] = ["card", "card", ...Array<RowKind>(5000).fill("row")];
const layout = layOut(kinds);

describe("rows of a long list", () => {
  test("stand below each other without gaps", () => {
    expect(layout.height).toBe(2 * card + 5000 * row);
    expect([...layout.tops.slice(0, 4)]).toEqual([0, card, 2 * card, 2 * card + row]);
  });

  test("are found by height, edges included", () => {
    expect(rowAt(layout, 0)).toBe(0);
    expect(rowAt(layout, card - 1)).toBe(0);
    expect(rowAt(layout, card)).toBe(1);
    expect(rowAt(layout, layout.height - 1)).toBe(5001);
    expect(rowAt(layout, layout.height + 999)).toBe(5001);
  });

  test("in the page are those in sight and a few more", () => {
    const [first, end] = visibleRows(layout, 2 * card + 1000 * row, 640, 4);
    expect(first).toBe(1002 - 4);
    expect(end).toBe(1002 + 640 / row + 4);
    expect(visibleRows(layout, -50, 640, 4)[0]).toBe(0);
    expect(visibleRows(layout, layout.height, 640, 4)[1]).toBe(5002);
  });

  test("of an empty list are none", () => {
    expect(visibleRows(layOut([]), 0, 640, 4)).toEqual([0, 0]);
    expect(rowAt(layOut([]), 10)).toBe(0);
  });

  test("are scrolled to only when out of sight, by as little as needed", () => {
    expect(scrollTo(layout, 0, 10, 640)).toBe(0);
    expect(scrollTo(layout, 1, 0, 640)).toBeUndefined();
    expect(scrollTo(layout, 12, 0, 640)).toBe((layout.tops[13] ?? 0) - 640);
    expect(scrollTo(layout, 99999, 0, 640)).toBeUndefined();
  });
});

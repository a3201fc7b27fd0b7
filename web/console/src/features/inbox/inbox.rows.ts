/*
 * Where the rows of a long list stand, so that only those in sight are in the page. Heights are fixed by kind:
 * a place is a look-up, and a list of thousands costs what a screenful costs. Pure.
 */

export type RowKind = "card" | "row" | "skeleton";

/** Heights in CSS pixels; inbox.css lays the rows out within them. */
export const ROW_HEIGHT: Readonly<Record<RowKind, number>> = { card: 104, row: 64, skeleton: 64 };

export interface Layout {
  /** tops[i] is where row i begins; the last one is the height of all. */
  tops: Float64Array;
  height: number;
}

export function layOut(kinds: readonly RowKind[]): Layout {
  const tops = new Float64Array(kinds.length + 1);
  let top = 0;
  kinds.forEach((kind, i) => {
    tops[i] = top;
    top += ROW_HEIGHT[kind];
  });
  tops[kinds.length] = top;
  return { tops, height: top };
}

/** The row at a height: the last whose top is not below it. */
export function rowAt(layout: Layout, y: number): number {
  const { tops } = layout;
  let low = 0;
  let high = Math.max(0, tops.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((tops[middle] ?? 0) <= y) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/** First and one-past-last row to have in the page, with some to spare on both sides. */
export function visibleRows(
  layout: Layout,
  scrollTop: number,
  height: number,
  spare: number,
): [number, number] {
  const count = layout.tops.length - 1;
  if (count === 0) {
    return [0, 0];
  }
  const first = rowAt(layout, Math.max(0, scrollTop));
  const last = rowAt(layout, Math.max(0, scrollTop + height - 1));
  return [Math.max(0, first - spare), Math.min(count, last + 1 + spare)];
}

/** Where to scroll so that a row is in sight; undefined when it is. */
export function scrollTo(
  layout: Layout,
  row: number,
  scrollTop: number,
  height: number,
): number | undefined {
  const top = layout.tops[row];
  const bottom = layout.tops[row + 1];
  if (top === undefined || bottom === undefined) {
    return undefined;
  }
  if (top < scrollTop) {
    return top;
  }
  return bottom > scrollTop + height ? bottom - height : undefined;
}

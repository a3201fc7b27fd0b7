import { describe, expect, it } from "vitest";
import {
  contrast,
  formatColor,
  INK,
  parseColor,
  type Rgb,
  readableOn,
  textOn,
  WHITE,
} from "./color.ts";

describe("parseColor", () => {
  it.each([
    ["#fff", [255, 255, 255]],
    ["#1d5bd8", [29, 91, 216]],
    [" #1D5BD8 ", [29, 91, 216]],
    ["rgb(1, 2, 3)", [1, 2, 3]],
  ] as Array<[string, number[]]>)("reads %s", (text, color) => {
    expect(parseColor(text)).toEqual(color);
  });

  it.each(["", "#ff", "#gggggg", "red", "url(x)", "rgb(1, 2)", "rgba(1, 2, 3, 0.5)"])(
    "refuses %j",
    (text) => {
      expect(parseColor(text)).toBeUndefined();
    },
  );

  it("reads what formatColor writes", () => {
    expect(parseColor(formatColor([12, 200, 7]))).toEqual([12, 200, 7]);
  });
});

describe("contrast", () => {
  it("is 21 between black and white and 1 between equals", () => {
    expect(contrast([0, 0, 0], WHITE)).toBeCloseTo(21);
    expect(contrast(WHITE, [0, 0, 0])).toBeCloseTo(21);
    expect(contrast([9, 9, 9], [9, 9, 9])).toBe(1);
  });
});

describe("chosen colours can be read", () => {
  const accents: Rgb[] = [];
  for (let r = 0; r <= 255; r += 51) {
    for (let g = 0; g <= 255; g += 51) {
      for (let b = 0; b <= 255; b += 51) {
        accents.push([r, g, b]);
      }
    }
  }

  it("puts text on every accent with at least 4.5:1", () => {
    for (const accent of accents) {
      expect(contrast(accent, textOn(accent)), String(accent)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("makes every accent readable on white and on ink", () => {
    for (const accent of accents) {
      expect(contrast(readableOn(accent, WHITE), WHITE)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(readableOn(accent, INK), INK)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("leaves a readable colour as it is", () => {
    expect(readableOn([29, 91, 216], WHITE)).toEqual([29, 91, 216]);
  });
});

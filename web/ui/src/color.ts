/*
 * Colours that can be read: contrast as WCAG 2.2 defines it, and the nearest shade of a colour that reaches it.
 */

export type Rgb = readonly [red: number, green: number, blue: number];

export const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
export const INK: Rgb = [17, 21, 28];

/* "#rgb", "#rrggbb" and what getComputedStyle gives, "rgb(1, 2, 3)". Anything else is undefined. */
export function parseColor(text: string): Rgb | undefined {
  const hex = /^#([\da-f]{3}|[\da-f]{6})$/i.exec(text.trim())?.[1];
  if (hex !== undefined) {
    const wide = hex.length === 3 ? hex.replace(/./g, "$&$&") : hex;
    const value = Number.parseInt(wide, 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  }
  const parts = /^rgb\((\d+),? (\d+),? (\d+)\)$/.exec(text.trim());
  return parts ? [Number(parts[1]), Number(parts[2]), Number(parts[3])] : undefined;
}

export function formatColor(color: Rgb): string {
  return `rgb(${color.map(Math.round).join(", ")})`;
}

function channel(value: number): number {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

function luminance(color: Rgb): number {
  return 0.2126 * channel(color[0]) + 0.7152 * channel(color[1]) + 0.0722 * channel(color[2]);
}

/* 1 (the same) to 21 (black on white). */
export function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/* White, ink or black: the first that can be read on the colour. Black reaches 4.5:1 wherever white does not. */
export function textOn(color: Rgb): Rgb {
  return [WHITE, INK].find((text) => contrast(color, text) >= 4.5) ?? BLACK;
}

/* The colour, moved toward black or white as little as is needed for the contrast with the background. */
export function readableOn(color: Rgb, background: Rgb, wanted = 4.5): Rgb {
  const target: Rgb = luminance(background) > 0.18 ? BLACK : WHITE;
  for (let step = 0; step <= 20; step++) {
    const mix = (i: 0 | 1 | 2): number =>
      Math.round(color[i] + ((target[i] - color[i]) * step) / 20);
    const mixed: Rgb = [mix(0), mix(1), mix(2)];
    if (contrast(mixed, background) >= wanted) {
      return mixed;
    }
  }
  return target;
}

import { describe, expect, it } from "vitest";
import { splitLinks } from "./links.ts";

const CASES: Array<[name: string, text: string, addresses: string[]]> = [
  ["plain text has none", "hello there", []],
  ["one in a sentence", "see https://example.com/a?b=c#d now", ["https://example.com/a?b=c#d"]],
  ["full stop stays outside", "see https://example.com/a.", ["https://example.com/a"]],
  ["brackets around stay outside", "(https://example.com/a)", ["https://example.com/a"]],
  ["balanced brackets stay inside", "https://example.com/a_(b)", ["https://example.com/a_(b)"]],
  ["a Korean particle ends it", "https://example.com에서 보세요", ["https://example.com"]],
  ["a Chinese full stop ends it", "请看https://example.com/a。谢谢", ["https://example.com/a"]],
  ["two of them", "http://a.example https://b.example", ["http://a.example", "https://b.example"]],
  ["scheme in capitals", "HTTPS://example.com/X", ["HTTPS://example.com/X"]],
  ["script scheme is text", "javascript:alert(1) data:text/html,x", []],
  ["no host is text", "https://... http://?", []],
];

describe("splitLinks", () => {
  it.each(CASES)("%s", (_name, text, addresses) => {
    const parts = splitLinks(text);
    expect(parts.filter((part) => part.href !== undefined).map((part) => part.text)).toEqual(
      addresses,
    );
    expect(parts.map((part) => part.text).join("")).toBe(text);
  });

  it("gives only http and https addresses", () => {
    for (const part of splitLinks("http://a.example https://b.example ftp://c.example")) {
      if (part.href !== undefined) {
        expect(part.href).toMatch(/^https?:\/\//);
      }
    }
  });

  it("takes time in proportion to the text", () => {
    const start = performance.now();
    splitLinks(`https://${"(".repeat(4000)}${")".repeat(3900)}`);
    splitLinks(`https://a${".".repeat(7900)}`);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

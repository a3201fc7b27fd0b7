import { expect, test } from "vitest";
import { en } from "./en.ts";
import { ko } from "./ko.ts";
import { browserLanguage, dateLocale } from "./texts.ts";
import { zh } from "./zh.ts";

test("a browser gets the first language that the console speaks", () => {
  expect(browserLanguage(["fr-FR", "ko-KR", "en"])).toBe("ko");
  expect(browserLanguage(["zh-Hans-CN"])).toBe("zh");
  expect(browserLanguage(["fr"])).toBe("en");
  expect(browserLanguage([])).toBe("en");
});

test("dates follow the region of the browser within the language", () => {
  expect(dateLocale("en", ["de-DE", "en-GB", "en-US"])).toBe("en-GB");
  expect(dateLocale("ko", ["en-GB"])).toBe("ko");
});

test("every language says everything, with the names and numbers it is given", () => {
  for (const other of [ko, zh]) {
    for (const [key, value] of Object.entries(other)) {
      const text =
        typeof value === "function" ? Reflect.apply(value, undefined, ["\u2460", "\u2461"]) : value;
      expect(text, key).not.toBe("");
      const english: unknown = Reflect.get(en, key);
      if (typeof english === "function") {
        const wanted = [...String(Reflect.apply(english, undefined, ["\u2460", "\u2461"]))].filter(
          (c) => "\u2460\u2461".includes(c),
        );
        for (const sign of wanted) {
          expect(text, key).toContain(sign);
        }
      }
    }
  }
});

test("Chinese has the signs of Chinese between its words", () => {
  for (const [key, value] of Object.entries(zh)) {
    const text =
      typeof value === "function" ? Reflect.apply(value, undefined, ["甲", "乙"]) : value;
    expect(text, key).not.toMatch(/\p{Script=Han}[,:;?!]|[,;?!]\p{Script=Han}/u);
  }
});

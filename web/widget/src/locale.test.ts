import { describe, expect, it } from "vitest";
import { pickLocale } from "./locale.ts";

describe("pickLocale", () => {
  it.each([
    [["ko"], "ko", "ko"],
    [["ko-KR", "en"], "ko", "ko-KR"],
    [["zh-CN"], "zh", "zh-CN"],
    [["zh-TW"], "zh", "zh-TW"],
    [["zh_Hant_TW"], "zh", "zh-Hant-TW"],
    [[null, undefined, "", "EN-us"], "en", "en-US"],
    [["fr", "ar", "ko"], "ko", "ko"],
    [["fr"], "en", "en"],
    [["ko-"], "ko", "ko"],
    [[], "en", "en"],
  ] as Array<[Array<string | null>, string, string]>)("%j is %s (%s)", (wishes, language, tag) => {
    expect(pickLocale(wishes)).toEqual({ language, tag });
  });
});

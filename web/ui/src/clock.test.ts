import { describe, expect, it } from "vitest";
import { isSameDay, makeClock } from "./clock.ts";

const at = (text: string): number => new Date(text).getTime();
const NAMES = { today: "(today)", yesterday: "(yesterday)" };
const NOW = at("2026-11-22T12:00:00");

describe("isSameDay", () => {
  it("follows local midnight", () => {
    expect(isSameDay(at("2026-11-22T00:00:00"), at("2026-11-22T23:59:59.999"))).toBe(true);
    expect(isSameDay(at("2026-11-21T23:59:59.999"), at("2026-11-22T00:00:00"))).toBe(false);
  });
});

describe("day", () => {
  it.each([
    ["en", "2026-11-22T00:00:00", "(today)"],
    ["en", "2026-11-21T23:59:00", "(yesterday)"],
    ["en", "2026-11-20T12:00:00", "Friday"],
    ["en", "2026-11-16T12:00:00", "Monday"],
    ["en", "2026-11-15T12:00:00", "November 15"],
    ["en", "2025-11-22T12:00:00", "November 22, 2025"],
    ["en", "2026-11-23T00:30:00", "November 23"],
    ["ko", "2026-11-22T08:00:00", "(today)"],
    ["ko", "2026-11-21T08:00:00", "(yesterday)"],
    ["ko", "2026-11-15T08:00:00", "11월 15일"],
    ["zh-CN", "2026-11-22T08:00:00", "(today)"],
    ["zh-CN", "2026-11-20T08:00:00", "星期五"],
  ])("in %s, %s is %s", (locale, day, text) => {
    expect(makeClock(locale, NAMES).day(at(day), NOW)).toBe(text);
  });
});

describe("time", () => {
  it("follows the language", () => {
    expect(makeClock("en", NAMES).time(at("2026-11-22T14:05:00"))).toMatch(/^2:05\sPM$/);
    expect(makeClock("ko", NAMES).time(at("2026-11-22T14:05:00"))).toBe("오후 2:05");
    expect(makeClock("zh-CN", NAMES).time(at("2026-11-22T14:05:00"))).toBe("14:05");
  });
});

import { describe, expect, test } from "vitest";
import {
  daysBetween,
  formatDay,
  formatListTime,
  formatWait,
  WAIT_DUE_MS,
  WAIT_LATE_MS,
  waitStep,
} from "./time.ts";

const words = {
  days: (n: number) => `${n} days`,
  hoursAndMinutes: (hours: number, minutes: number) => `${hours} h ${minutes} min`,
};
const at = (text: string): number => new Date(text).getTime();

test("a wait becomes due and then late exactly at its limits", () => {
  expect(waitStep(0)).toBe("fresh");
  expect(waitStep(WAIT_DUE_MS - 1)).toBe("fresh");
  expect(waitStep(WAIT_DUE_MS)).toBe("due");
  expect(waitStep(WAIT_LATE_MS - 1)).toBe("due");
  expect(waitStep(WAIT_LATE_MS)).toBe("late");
});

test.each([
  [-5000, "0:00"],
  [7_999, "0:07"],
  [59 * 60_000 + 59_999, "59:59"],
  [3_600_000, "1 h 0 min"],
  [5 * 3_600_000 + 61_000, "5 h 1 min"],
  [86_400_000, "1 days"],
])("a wait of %i ms reads %s", (ms, text) => {
  expect(formatWait(ms, words)).toBe(text);
});

test("days are counted by date, not by 24 hours", () => {
  expect(daysBetween(at("2026-03-28T23:59"), at("2026-03-29T00:01"))).toBe(1);
  expect(daysBetween(at("2026-03-29T00:01"), at("2026-03-29T23:59"))).toBe(0);
  expect(daysBetween(at("2025-12-31T12:00"), at("2026-01-01T11:00"))).toBe(1);
});

describe("a list time", () => {
  const now = at("2026-11-22T15:00");
  test("is the clock today", () => {
    expect(formatListTime(at("2026-11-22T09:05"), now, "en-GB")).toBe("9:05");
  });
  test("is the clock past midnight, too", () => {
    const night = at("2026-11-22T00:20");
    expect(formatListTime(at("2026-11-21T23:50"), night, "en-GB")).toBe("23:50");
    expect(formatListTime(at("2026-11-21T12:20"), night, "en-GB")).toBe("Sat");
  });
  test("is the weekday for six days back", () => {
    expect(formatListTime(at("2026-11-16T09:05"), now, "en-GB")).toBe("Mon");
  });
  test("is the date from seven days on, with the year when it is another", () => {
    expect(formatListTime(at("2026-11-15T09:05"), now, "en-GB")).toBe("15 Nov");
    expect(formatListTime(at("2025-11-15T09:05"), now, "en-GB")).toBe("15 Nov 2025");
  });
});

test("a day is named as people name it", () => {
  const now = at("2026-11-22T15:00");
  const names = { today: "Today", yesterday: "Yesterday" };
  expect(formatDay(at("2026-11-22T00:00"), now, "en-GB", names)).toBe("Today");
  expect(formatDay(at("2026-11-21T23:59"), now, "en-GB", names)).toBe("Yesterday");
  expect(formatDay(at("2026-11-02T10:00"), now, "en-GB", names)).toContain("2 November");
});

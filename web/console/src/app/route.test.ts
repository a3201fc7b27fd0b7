import { expect, test } from "vitest";
import { formatRoute, parseRoute, type Route, setupToken } from "./route.ts";

const routes: Array<[string, Route]> = [
  ["#/mine", { place: "inbox", view: "mine" }],
  ["#/closed/42", { place: "inbox", view: "closed", conversation: 42 }],
  ["#/all/7/about", { place: "inbox", view: "all", conversation: 7, facts: true }],
  ["#/agents", { place: "agents" }],
  ["#/settings", { place: "settings" }],
];

test.each(routes)("%s is an address there and back", (hash, route) => {
  expect(parseRoute(hash)).toEqual(route);
  expect(formatRoute(route)).toBe(hash);
});

test.each(["", "#", "#/nowhere", "#setup=00"])("%j is the start", (hash) => {
  expect(parseRoute(hash)).toEqual({ place: "inbox", view: "mine" });
});

test.each(["#/mine/0", "#/mine/-1", "#/mine/1e3", "#/mine/9999999999999999", "#/mine/x"])(
  "%j has no conversation",
  (hash) => {
    expect(parseRoute(hash)).toEqual({ place: "inbox", view: "mine" });
  },
);

test("a setup token is taken only whole", () => {
  const token = "0f".repeat(32);
  expect(setupToken(`#setup=${token}`)).toBe(token);
  expect(setupToken(`#setup=${token}0`)).toBeUndefined();
  expect(setupToken("#setup=")).toBeUndefined();
});

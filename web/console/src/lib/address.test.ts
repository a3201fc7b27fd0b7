import { expect, test } from "vitest";
import { shortAddress, webAddress } from "./address.ts";

test("only web addresses may be followed", () => {
  expect(webAddress("https://a.example/")).toBe("https://a.example/");
  expect(webAddress("javascript:alert(1)")).toBeUndefined();
  expect(webAddress("data:text/html,x")).toBeUndefined();
  expect(webAddress("not an address")).toBeUndefined();
});

test("a short address keeps host, path and query", () => {
  expect(shortAddress("https://shop.example/")).toBe("shop.example");
  expect(shortAddress("https://shop.example/a/b?c=d#e")).toBe("shop.example/a/b?c=d");
  expect(shortAddress("nonsense")).toBe("nonsense");
  expect(shortAddress("file:///etc/passwd")).toBe("file:///etc/passwd");
});

test("letters of all languages are shown as letters, and signs are not", () => {
  expect(shortAddress("https://shop.example/상품/머그컵?색=파랑")).toBe(
    "shop.example/상품/머그컵?색=파랑",
  );
  expect(shortAddress("https://shop.example/%EB%A8%B8%EA%B7%B8%20%2F%E2%80%AE")).toBe(
    "shop.example/머그%20%2F%E2%80%AE",
  );
  expect(shortAddress("https://shop.example/%ff%zz")).toBe("shop.example/%ff%zz");
});

// @vitest-environment jsdom
import { render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, expect, test } from "vitest";
import { Bubble } from "./Bubble.tsx";
import type { BubbleEntry } from "./entries.ts";

const entry: BubbleEntry = {
  kind: "bubble",
  key: "k",
  number: 3,
  author: "visitor",
  you: false,
  text: "",
  at: 0,
  first: true,
  last: true,
};
let root: HTMLElement;

beforeEach(() => {
  document.body.innerHTML = "<ol></ol>";
  root = document.querySelector("ol") ?? document.body;
});

const show = (some: Partial<BubbleEntry>): void => {
  act(() => render(<Bubble entry={{ ...entry, ...some }} visitorName="Mia" />, root));
};

test("what people type is text, whatever it looks like", () => {
  const text = '<img src=x onerror="alert(1)"><script>alert(1)</script>';
  show({ text });
  expect(root.querySelector(".bubble-text")?.textContent).toBe(text);
  expect(root.querySelector("img, script")).toBeNull();
});

test("links lead out safely, and only to the web", () => {
  show({ text: "see https://a.example/x. not javascript:alert(1)" });
  const links = [...root.querySelectorAll("a")];
  expect(links.map((link) => link.getAttribute("href"))).toEqual(["https://a.example/x"]);
  expect(links[0]?.rel).toContain("noopener");
});

test("an answer says in words how far it has come", () => {
  const own = { author: "agent", you: true } as const;
  for (const [delivery, words] of [
    ["waiting", "Waiting to be sent"],
    ["stored", "Sent"],
    ["delivered", "Delivered"],
    ["read", "Read"],
  ] as const) {
    show({ ...own, delivery });
    expect(root.querySelector(".delivery")?.textContent).toBe(words);
  }
});

test("the author stands above the first of a group", () => {
  show({ first: true });
  expect(root.querySelector(".bubble-author")?.textContent).toBe("Mia");
  show({ first: false });
  expect(root.querySelector(".bubble-author")).toBeNull();
});

// @vitest-environment jsdom
import { render } from "preact";
import { expect, test } from "vitest";
import { HeldAnswers } from "./HeldAnswers.tsx";

function shown(unseen: readonly string[]): { quotes: (string | null)[]; text: string } {
  const box = document.createElement("div");
  const nothing = (): void => undefined;
  render(
    <HeldAnswers
      answers={[{ id: "1".padStart(32, "0"), text: "mine", reason: "stale", unseen }]}
      visitorName="Kim"
      onSendAnyway={nothing}
      onEdit={nothing}
      onDiscard={nothing}
    />,
    box,
  );
  const quotes = [...box.querySelectorAll("blockquote")].map((quote) => quote.textContent);
  return { quotes, text: box.textContent ?? "" };
}

test("of much that was not seen the last is shown, and how much stands above", () => {
  const three = shown(["a", "b", "c"]);
  expect(three.quotes).toEqual(["a", "b", "c"]);
  expect(three.text).not.toContain("more above");
  const five = shown(["a", "b", "c", "d", "e"]);
  expect(five.quotes).toEqual(["c", "d", "e"]);
  expect(five.text).toContain("2 more above");
});

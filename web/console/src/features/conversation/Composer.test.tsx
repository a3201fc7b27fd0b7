// @vitest-environment jsdom
import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, expect, test } from "vitest";
import { Composer } from "./Composer.tsx";

let sent: string[];
const draft = signal("");
const focusAsked = signal(0);

function Host() {
  return (
    <Composer
      visitorName="Mia"
      draft={draft.value}
      focusAsked={focusAsked.value}
      onInput={(text) => {
        draft.value = text;
      }}
      onSend={() => {
        sent.push(draft.value);
        draft.value = "";
      }}
    />
  );
}

const field = (): HTMLTextAreaElement => {
  const found = document.querySelector("textarea");
  if (found === null) {
    throw new Error("no field");
  }
  return found;
};
const type = (text: string): void => {
  act(() => {
    field().value = text;
    field().dispatchEvent(new InputEvent("input", { bubbles: true }));
  });
};
const press = (init: KeyboardEventInit): boolean => {
  let free = true;
  act(() => {
    const event = new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init });
    free = field().dispatchEvent(event);
  });
  return free;
};

beforeEach(() => {
  sent = [];
  draft.value = "";
  focusAsked.value = 0;
  document.body.innerHTML = "<div></div>";
  act(() => {
    const root = document.querySelector("div");
    if (root !== null) {
      render(<Host />, root);
    }
  });
});

test("Enter sends and leaves no new line behind", () => {
  type("hello");
  expect(press({ key: "Enter" })).toBe(false);
  expect(sent).toEqual(["hello"]);
  expect(field().value).toBe("");
});

test("Shift and Enter is a new line for the browser to make", () => {
  type("hello");
  expect(press({ key: "Enter", shiftKey: true })).toBe(true);
  expect(sent).toEqual([]);
});

test("Enter that ends a word of an input method does not send", () => {
  type("안녕하세");
  press({ key: "Enter", isComposing: true });
  press({ key: "Enter", keyCode: 229 });
  expect(sent).toEqual([]);
});

test("nothing and blanks are not sent", () => {
  type(" \n\u3000 ");
  press({ key: "Enter" });
  expect(sent).toEqual([]);
  expect(document.querySelector<HTMLButtonElement>("button")?.disabled).toBe(true);
});

test("8,000 characters are sent, 8,001 are counted and not", () => {
  type("🙂".repeat(8000));
  press({ key: "Enter" });
  expect(sent.length).toBe(1);
  type("🙂".repeat(8001));
  press({ key: "Enter" });
  expect(sent.length).toBe(1);
  expect(document.querySelector(".composer-over")?.textContent).toBe("1 character too long");
});

test("the cursor comes when it is asked for", async () => {
  expect(document.activeElement).not.toBe(field());
  await act(() => {
    focusAsked.value += 1;
  });
  expect(document.activeElement).toBe(field());
});

test("the cursor comes together with the text that is put there, not a frame later", async () => {
  draft.value = "It is cancelled.";
  focusAsked.value += 1;
  await Promise.resolve();
  expect(field().value).toBe("It is cancelled.");
  expect(document.activeElement).toBe(field());
  expect(field().selectionStart).toBe(field().value.length);
});

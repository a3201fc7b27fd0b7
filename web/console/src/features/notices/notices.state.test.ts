// @vitest-environment jsdom
import { describe, expect, test } from "vitest";
import { conversation, message } from "../../desk/testing.ts";
import { chimeFor, titleFor } from "./notices.state.ts";

const ME = 1;
const arrival = (agent?: number) => ({
  conversation: conversation(7, agent === undefined ? {} : { agent }),
  message: message(2, "visitor", "hi", 1),
  late: false,
});

describe("a message calls", () => {
  test("everybody, while nobody has the conversation, even when one looks", () => {
    expect(chimeFor(arrival(), ME, undefined, false)).toBe("waiting");
    expect(chimeFor(arrival(), ME, 7, true)).toBe("waiting");
  });
  test("who has it, unless he is reading it right now", () => {
    expect(chimeFor(arrival(ME), ME, undefined, true)).toBe("message");
    expect(chimeFor(arrival(ME), ME, 7, false)).toBe("message");
    expect(chimeFor(arrival(ME), ME, 7, true)).toBeUndefined();
  });
  test("nobody else", () => {
    expect(chimeFor(arrival(2), ME, undefined, false)).toBeUndefined();
  });
});

test("the title counts what wants attention", () => {
  expect(titleFor(3, "Deskbell")).toBe("(3) Deskbell");
  expect(titleFor(0, "Deskbell")).toBe("Deskbell");
});

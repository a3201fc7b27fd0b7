import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ComposerState, makeComposer, TEXT_MAX_CHARS } from "./composer.state.ts";

const line = { send: vi.fn(), typing: vi.fn() };
let kept = "";
const store = {
  load: () => kept,
  save: (text: string) => {
    kept = text;
  },
};
let composer: ComposerState;

beforeEach(() => {
  vi.useFakeTimers();
  line.send.mockReset();
  line.typing.mockReset();
  kept = "";
  composer = makeComposer(line, store);
});
afterEach(() => vi.useRealTimers());

describe("sending", () => {
  it("sends the text without the white space around it and empties the field", () => {
    composer.write("  hello\nthere \n");
    expect(composer.submit()).toBe(true);
    expect(line.send).toHaveBeenCalledExactlyOnceWith("hello\nthere");
    expect(composer.draft.value).toBe("");
  });

  it.each(["", "   ", "\n\t\u3000"])("does not send %j", (text) => {
    composer.write(text);
    expect(composer.submit()).toBe(false);
    expect(line.send).not.toHaveBeenCalled();
  });

  it("sends a text at the limit and keeps one above it, whole", () => {
    composer.write("가".repeat(TEXT_MAX_CHARS + 1));
    expect(composer.submit()).toBe(false);
    expect(composer.draft.value).toHaveLength(TEXT_MAX_CHARS + 1);
    expect(composer.left.value).toBe(-1);
    composer.write("가".repeat(TEXT_MAX_CHARS));
    expect(composer.submit()).toBe(true);
  });

  it("counts characters, not units", () => {
    composer.write("😀".repeat(TEXT_MAX_CHARS));
    expect(composer.left.value).toBe(0);
    expect(composer.canSend.value).toBe(true);
  });

  it("tells what is left only near the limit", () => {
    composer.write("a".repeat(7499));
    expect(composer.left.value).toBeUndefined();
    composer.write("a".repeat(7500));
    expect(composer.left.value).toBe(500);
    composer.write("😀".repeat(4000));
    expect(composer.left.value).toBeUndefined();
  });
});

describe("typing", () => {
  it("is told with every key and ended after a pause", () => {
    composer.write("a");
    expect(line.typing).toHaveBeenLastCalledWith(true);
    vi.advanceTimersByTime(3999);
    composer.write("ab");
    vi.advanceTimersByTime(3999);
    expect(line.typing).toHaveBeenLastCalledWith(true);
    vi.advanceTimersByTime(1);
    expect(line.typing).toHaveBeenLastCalledWith(false);
    vi.runAllTimers();
    expect(line.typing).toHaveBeenCalledTimes(3);
  });

  it("is ended by the message itself, without a word of its own", () => {
    composer.write("a");
    composer.submit();
    vi.runAllTimers();
    expect(line.typing.mock.calls).toEqual([[true]]);
  });

  it("ends when the field is emptied, and says nothing for blanks", () => {
    composer.write(" ");
    expect(line.typing).not.toHaveBeenCalled();
    composer.write("a");
    composer.write("");
    expect(line.typing.mock.calls).toEqual([[true], [false]]);
  });
});

describe("the draft", () => {
  it("is there again on the next page, and gone once sent", () => {
    composer.write("half a sent");
    const next = makeComposer(line, store);
    expect(next.draft.value).toBe("half a sent");
    next.submit();
    expect(makeComposer(line, store).draft.value).toBe("");
  });
});

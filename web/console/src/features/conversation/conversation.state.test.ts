// @vitest-environment jsdom
import { beforeEach, describe, expect, test, vi } from "vitest";
import { Desk } from "../../desk/desk.state.ts";
import { FakeClient, settle } from "../../desk/fake-client.ts";
import { conversation, message } from "../../desk/testing.ts";
import type { Message } from "../../desk/types.ts";
import { ConversationState } from "./conversation.state.ts";
import { Drafts } from "./drafts.ts";
import type { BubbleEntry } from "./entries.ts";

let client: FakeClient;
let desk: Desk;
let state: ConversationState;

const said = (from: number, to: number): Message[] =>
  Array.from({ length: to - from + 1 }, (_, i) =>
    message(from + i, (from + i) % 2 === 0 ? "visitor" : "agent", `m${from + i}`, 1000 + from + i),
  );
const texts = (): string[] =>
  state.entries.value.filter((e): e is BubbleEntry => e.kind === "bubble").map((e) => e.text);
const happens = (m: Message): void =>
  client.happens({ kind: "message", conversation: 7, message: m });

async function startWith(messages: Message[], agentRead = 0): Promise<void> {
  client = new FakeClient();
  client.messages = messages;
  client.conversations = [
    conversation(7, { last: messages.length, agent: 1, agent_read: agentRead, unread: 1 }),
  ];
  desk = new Desk(client);
  state = new ConversationState(desk, new Drafts(1));
  desk.start();
  client.welcome();
  await settle();
}

beforeEach(async () => {
  localStorage.clear();
  await startWith(said(1, 4));
});

describe("an opened conversation", () => {
  test("shows its last messages and pages upward to the beginning", async () => {
    await startWith(said(1, 120));
    state.open(7, false);
    await settle();
    expect(texts()[0]).toBe("m71");
    expect(texts().length).toBe(50);
    await state.earlier();
    await state.earlier();
    expect(texts().length).toBe(120);
    expect(state.complete.value).toBe(true);
    await state.earlier();
    expect(client.called("history").length).toBe(3);
  });

  test("asks for messages and facts at once", () => {
    state.open(7, false);
    expect(client.calls.slice(-2).map(([name]) => name)).toEqual(["history", "open"]);
  });

  test("shows what comes while it is loading, in order and once", async () => {
    state.open(7, false);
    happens(message(6, "visitor", "m6", 2000));
    happens(message(5, "visitor", "m5", 2000));
    happens(message(4, "visitor", "m4", 2000));
    await settle();
    expect(texts()).toEqual(["m1", "m2", "m3", "m4", "m5", "m6"]);
  });

  test("fills a gap by asking", async () => {
    state.open(7, false);
    await settle();
    client.messages = said(1, 8);
    happens(message(8, "visitor", "m8", 2000));
    await settle();
    expect(texts().slice(-4)).toEqual(["m5", "m6", "m7", "m8"]);
  });

  test("that does not exist says so", async () => {
    state.open(99, false);
    await settle();
    expect(state.phase.value).toBe("missing");
  });

  test("that could not be loaded can be tried again", async () => {
    client.refuse = "offline";
    state.open(7, false);
    await settle();
    expect(state.phase.value).toBe("failed");
    client.refuse = undefined;
    state.refresh();
    await settle();
    expect(state.phase.value).toBe("ready");
  });

  test("is there at once the second time, with what came meanwhile", async () => {
    state.open(7, false);
    await settle();
    state.open(undefined, false);
    happens(message(5, "visitor", "m5", 2000));
    const asked = client.called("history").length;
    state.open(7, false);
    expect(texts().at(-1)).toBe("m5");
    expect(client.called("history").length).toBe(asked);
  });

  test("is asked for anew after a reload of the desk", async () => {
    state.open(7, false);
    await settle();
    client.messages = said(1, 6);
    client.conversations = [conversation(7, { last: 6, agent: 1 })];
    state.forget();
    await settle();
    expect(texts().at(-1)).toBe("m6");
  });

  test("marks what is new only where something old stands above", async () => {
    state.open(7, false);
    await settle();
    expect(state.entries.value.some((e) => e.kind === "new")).toBe(false);
    await startWith(said(1, 4), 3);
    state.open(7, false);
    await settle();
    expect(state.entries.value.some((e) => e.kind === "new")).toBe(true);
  });
});

describe("an answer", () => {
  beforeEach(async () => {
    state.open(7, false);
    await settle();
    state.see(4);
  });

  test("carries the last number that was on the screen", () => {
    happens(message(5, "visitor", "m5", 2000));
    state.write("hello");
    state.send();
    expect(client.called("post")).toEqual([["post", 7, "hello", 4]]);
  });

  test("carries what was read before, while the messages are still on their way", async () => {
    await startWith(said(1, 4), 3);
    state.open(7, false);
    state.write("answered at once");
    state.send();
    expect(client.called("post").at(-1)).toEqual(["post", 7, "answered at once", 3]);
  });

  test("is shown at once, and stays one when it is stored", () => {
    state.write("hello");
    state.send();
    const shown = (): BubbleEntry | undefined =>
      state.entries.value.filter((e): e is BubbleEntry => e.kind === "bubble").at(-1);
    expect(shown()).toMatchObject({ text: "hello", delivery: "waiting", you: true });
    const { key } = shown() ?? {};
    const stored = {
      ...message(5, "agent", "hello", 2000),
      id: client.outbox[0]?.id ?? "",
      agent: 1,
    };
    client.setOutbox([]);
    client.notice({ type: "stored", conversation: 7, message: stored });
    expect(shown()).toMatchObject({ text: "hello", delivery: "stored", key, number: 5 });
    expect(texts().filter((text) => text === "hello").length).toBe(1);
  });

  test("is shown although the messages are still on their way, and stands behind them then", async () => {
    await startWith(said(1, 4));
    state.open(7, false);
    state.write("at once");
    state.send();
    expect(texts()).toEqual(["at once"]);
    await settle();
    expect(texts()).toEqual(["m1", "m2", "m3", "m4", "at once"]);
  });

  test("leaves an empty field, here and after a reload", () => {
    state.write("hello");
    state.send();
    expect(state.draft.value).toBe("");
    expect(new Drafts(1).get(7)).toBe("");
  });

  test("begun is kept when another conversation is opened", () => {
    state.write("half");
    state.open(undefined, false);
    expect(state.draft.value).toBe("");
    state.open(7, true);
    expect(state.draft.value).toBe("half");
    expect(state.focusAsked.value).toBe(1);
  });

  test("tells others that it is being written, and that it is not any more", () => {
    state.write("h");
    state.write("");
    expect(client.called("typing")).toEqual([
      ["typing", 7, true],
      ["typing", 7, false],
    ]);
  });
});

describe("an answer held back", () => {
  const id = "1".padStart(32, "0");
  beforeEach(async () => {
    state.open(7, false);
    await settle();
    state.see(4);
    state.write("hello");
    state.send();
    happens(message(5, "visitor", "wait, no", 2000));
    client.setOutbox(
      client.outbox.map((entry) => ({ ...entry, refused: "stale" as const, last: 5 })),
    );
  });

  test("is shown apart, with what the visitor wrote meanwhile", () => {
    expect(texts()).not.toContain("hello");
    expect(state.held.value).toEqual([
      { id, text: "hello", reason: "stale", unseen: ["wait, no"] },
    ]);
  });

  test("is sent all the same when the agent says so", async () => {
    await state.sendAnyway(id);
    expect(client.called("retry")).toEqual([["retry", id, { force: true }]]);
    expect(client.called("reopen")).toEqual([]);
  });

  test("goes back into the field to be changed, before what stands there", () => {
    state.write("and also");
    state.edit(id);
    expect(state.draft.value).toBe("hello\nand also");
    expect(state.held.value).toEqual([]);
  });

  test("because it was closed opens the conversation first", async () => {
    client.setOutbox(client.outbox.map((entry) => ({ ...entry, refused: "closed" as const })));
    await state.sendAnyway(id);
    expect(client.calls.slice(-2).map(([name]) => name)).toEqual(["reopen", "retry"]);
  });
});

describe("reading", () => {
  test("is told once for each number, and only while the page is looked at", async () => {
    const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    state.open(7, false);
    await settle();
    state.see(3);
    state.see(4);
    expect(client.called("read")).toEqual([]);
    hidden.mockReturnValue("visible");
    state.tellRead();
    state.tellRead();
    state.see(2);
    expect(client.called("read")).toEqual([["read", 7, 4]]);
    hidden.mockRestore();
  });

  test("is not told when a colleague has read as far", async () => {
    await startWith(said(1, 4), 4);
    state.open(7, false);
    await settle();
    state.see(4);
    expect(client.called("read")).toEqual([]);
  });
});

// @vitest-environment jsdom
import type { ThreadItem, VisitorState } from "@deskbell/protocol/visitor";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ChatState, type Client, firstUnread, makeChat } from "./chat.state.ts";

const ONLINE: VisitorState = {
  connection: { phase: "online", attempts: 0 },
  site: { name: "Shop", welcome: "Hello!" },
  deskOnline: true,
  caughtUp: true,
  items: [],
  unread: 0,
};
const CONNECTING: VisitorState = {
  connection: { phase: "connecting", attempts: 0 },
  caughtUp: false,
  items: [],
  unread: 0,
};

function answer(number: number): ThreadItem {
  return { key: `k${number}`, number, author: "agent", name: "Mina", text: "x", at: number };
}

/* The client, driven by hand. */
function fakeClient() {
  const listeners = new Set<(state: VisitorState) => void>();
  const fake = {
    state: CONNECTING,
    subscribe(listener: (state: VisitorState) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(part: Partial<VisitorState>) {
      fake.state = { ...fake.state, ...part };
      for (const listener of listeners) {
        listener(fake.state);
      }
    },
    start: vi.fn(),
    stop: vi.fn(),
    post: vi.fn((_: string) => ({ ok: true as const, id: "a" })),
    retry: vi.fn(),
    typing: vi.fn(),
    read: vi.fn(() => {
      if (fake.state.unread > 0) {
        fake.set({ unread: 0 });
      }
    }),
    identify: vi.fn<Client["identify"]>(async () => ({ ok: true, value: undefined })),
  };
  return fake;
}

let client: ReturnType<typeof fakeClient>;
let chat: ChatState;
let told: Array<[name: string, detail: unknown]>;

beforeEach(() => {
  vi.useFakeTimers();
  client = fakeClient();
  told = [];
  const emit = (name: string, detail: unknown): void => void told.push([name, detail]);
  chat = makeChat(client, { emit }, { load: () => "", save: () => undefined });
});

afterEach(() => {
  chat.stop();
  vi.useRealTimers();
});

const kinds = (): string[] => chat.rows.value.map((row) => row.kind);
const newest = (): Partial<VisitorState> => ({ items: [answer(1), answer(2)], unread: 1 });

describe("what is shown", () => {
  it("is the site's welcome before anything is said", () => {
    client.set(ONLINE);
    const [row] = chat.rows.value;
    expect(row?.kind === "bubble" && row.bubble.item.text).toBe("Hello!");
    expect(chat.rows.value).toHaveLength(1);
  });

  it("is the stored welcome only, once there is a conversation", () => {
    const welcome: ThreadItem = { key: "w", number: 1, author: "site", text: "Hello!", at: 1 };
    client.set({ ...ONLINE, items: [welcome] });
    expect(kinds()).toEqual(["day", "bubble"]);
  });

  it("is nothing for a site without a welcome", () => {
    client.set({ ...ONLINE, site: { name: "Shop", welcome: "" } });
    expect(chat.rows.value).toEqual([]);
  });
});

describe("a long conversation", () => {
  it("shows its last 200 messages, and earlier ones when asked for", () => {
    const items = Array.from({ length: 450 }, (_, i) => answer(i + 1));
    client.set({ ...ONLINE, items });
    const bubbles = (): number => kinds().filter((kind) => kind === "bubble").length;
    expect(bubbles()).toBe(200);
    expect(chat.hasEarlier.value).toBe(true);
    chat.showEarlier();
    expect(bubbles()).toBe(400);
    chat.showEarlier();
    expect(bubbles()).toBe(450);
    expect(chat.hasEarlier.value).toBe(false);
  });

  it("has nothing earlier at exactly 200", () => {
    client.set({ ...ONLINE, items: Array.from({ length: 200 }, (_, i) => answer(i + 1)) });
    expect(chat.hasEarlier.value).toBe(false);
  });
});

describe("what is seen", () => {
  it("is read while the window is open at its end", () => {
    chat.setOpen(true);
    client.set(ONLINE);
    client.set(newest());
    expect(client.read).toHaveBeenCalled();
    expect(kinds()).not.toContain("new");
  });

  it("is marked new and unread while the window is closed, and read when it opens", () => {
    client.set(ONLINE);
    client.set(newest());
    expect(client.read).not.toHaveBeenCalled();
    expect(told).toContainEqual(["unread", { count: 1 }]);
    expect(kinds()).toEqual(["day", "bubble", "new", "bubble"]);
    chat.setOpen(true);
    expect(client.read).toHaveBeenCalled();
    expect(told.at(-1)).toEqual(["unread", { count: 0 }]);
    expect(kinds()).toContain("new");
  });

  it("is not read in a hidden page, but when the page is shown", () => {
    const visibility = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    chat.setOpen(true);
    client.set(ONLINE);
    client.set(newest());
    expect(client.read).not.toHaveBeenCalled();
    visibility.mockReturnValue("visible");
    chat.look();
    expect(client.read).toHaveBeenCalled();
    visibility.mockRestore();
  });

  it("is marked when the visitor comes back to a conversation with something new", () => {
    chat.setOpen(true);
    client.set({ ...ONLINE, caughtUp: false, ...newest() });
    expect(client.read).not.toHaveBeenCalled();
    client.set({ caughtUp: true });
    expect(kinds()).toContain("new");
    expect(client.read).toHaveBeenCalled();
  });

  it("loses its mark with the visitor's own message, and when the window closes", () => {
    client.set({ ...ONLINE, ...newest() });
    chat.setOpen(true);
    chat.composer.write("hi");
    chat.composer.submit();
    expect(kinds()).not.toContain("new");

    chat.setOpen(false);
    client.set({ items: [answer(1), answer(2), answer(3)], unread: 1 });
    chat.setOpen(true);
    expect(kinds()).toContain("new");
    chat.setOpen(false);
    expect(kinds()).not.toContain("new");
  });
});

describe("firstUnread", () => {
  const own: ThreadItem = { key: "o", id: "o", author: "visitor", text: "x", at: 1 };
  it.each([
    [0, [answer(1)], undefined],
    [1, [answer(1), answer(2)], 2],
    [2, [answer(1), { ...own, number: 2 }, answer(3)], 1],
    [1, [answer(1), { ...answer(2), author: "system", line: "closed" }], 1],
    [1, [answer(1), own], 1],
    [3, [answer(1)], undefined],
  ] as Array<[number, ThreadItem[], number | undefined]>)("%i of %j", (unread, items, number) => {
    expect(firstUnread({ ...ONLINE, items, unread })).toBe(number);
  });
});

describe("who the visitor is", () => {
  it("is told once connected, and again after a dropped connection", async () => {
    chat.identify({ email: "a@b.example" });
    expect(client.identify).not.toHaveBeenCalled();
    client.identify.mockResolvedValueOnce({
      ok: false,
      refusal: { error: "offline", text: "" },
    });
    client.set(ONLINE);
    await vi.advanceTimersByTimeAsync(0);
    client.set({});
    await vi.advanceTimersByTimeAsync(0);
    client.set({});
    expect(client.identify.mock.calls).toEqual([
      [{ email: "a@b.example" }],
      [{ email: "a@b.example" }],
    ]);
  });

  it("is not told again after the desk refused it", async () => {
    client.identify.mockResolvedValue({ ok: false, refusal: { error: "bad_field", text: "" } });
    chat.identify({ email: "a@b" });
    client.set(ONLINE);
    await vi.advanceTimersByTimeAsync(0);
    client.set({});
    expect(client.identify).toHaveBeenCalledTimes(1);
  });
});

describe("what the page is told", () => {
  it("is each change of connection and presence, once", () => {
    client.set({});
    client.set(ONLINE);
    client.set({});
    client.set({ deskOnline: false });
    client.set({ connection: { phase: "offline", attempts: 1 } });
    expect(told).toEqual([
      ["connection", { state: "connecting" }],
      ["unread", { count: 0 }],
      ["connection", { state: "online" }],
      ["status", { online: true }],
      ["status", { online: false }],
      ["connection", { state: "offline" }],
    ]);
  });
});

describe("stop", () => {
  it("stops the client, and nothing is heard any more", () => {
    chat.stop();
    client.set(ONLINE);
    expect(client.stop).toHaveBeenCalled();
    expect(told).toEqual([]);
  });
});

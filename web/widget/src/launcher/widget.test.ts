// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Chat, ChatHost, StartChat } from "../contract.ts";
import { makeWidget, type Widget } from "./widget.ts";

vi.stubGlobal("__CHAT_FILE__", "chat-test.js");
vi.stubGlobal("__VERSION__", "test");
/* jsdom has no constructed style sheets. */
vi.stubGlobal(
  "CSSStyleSheet",
  class {
    replaceSync(): void {}
  },
);

const BASE = "https://desk.example/chat/";
const sockets = vi.fn();
vi.stubGlobal("WebSocket", sockets);

const chat = {
  setOpen: vi.fn(),
  setLocale: vi.fn(async () => undefined),
  identify: vi.fn(),
  destroy: vi.fn(),
} satisfies Chat;
let host: ChatHost | undefined;
const start = vi.fn<StartChat>(async (given) => {
  host = given;
  return chat;
});
const load = vi.fn<(address: string) => Promise<{ start: StartChat }>>(async () => ({ start }));

const shadows: ShadowRoot[] = [];
const attachShadow = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (this: Element, init: ShadowRootInit): ShadowRoot {
  const shadow = attachShadow.call(this, init);
  Object.assign(shadow, { adoptedStyleSheets: [] });
  shadows.push(shadow);
  return shadow;
};

let widget: Widget;

function make(site: string | undefined = "shop"): Widget {
  widget = makeWidget(BASE, site === undefined ? {} : { site, locale: "en" }, load);
  return widget;
}

function button(): HTMLButtonElement {
  const found = shadows.at(-1)?.querySelector<HTMLButtonElement>(".launcher");
  if (!found) {
    throw new Error("no button");
  }
  return found;
}

/* The widget has looked around once the page is idle. */
const idle = () => new Promise((resolve) => setTimeout(resolve, 5));

const call = (verb: string, ...args: unknown[]): unknown => widget.call(verb, args);

beforeEach(() => {
  for (const mock of [load, start, sockets, ...Object.values(chat)]) {
    mock.mockClear();
  }
  host = undefined;
});

afterEach(() => {
  call("destroy");
  document.body.replaceChildren();
  localStorage.clear();
  sessionStorage.clear();
});

describe("before the click", () => {
  it("there is a button and nothing else: no code, nothing stored, no socket", async () => {
    make();
    await idle();
    expect(button().getAttribute("aria-label")).toBe("Open chat");
    expect(load).not.toHaveBeenCalled();
    expect(sockets).not.toHaveBeenCalled();
    expect(localStorage.length + sessionStorage.length).toBe(0);
    expect(document.cookie).toBe("");
  });

  it("the shadow root is closed", () => {
    make();
    expect(document.querySelector("deskbell-widget")?.shadowRoot).toBeNull();
  });

  it.each([undefined, "", "Shop", "a b", "x".repeat(65)])("no button for the site %j", (site) => {
    make(site === undefined ? "" : site);
    expect(document.querySelector("deskbell-widget")).toBeNull();
  });

  it.each<[string, () => void]>([
    ["its body's content", () => document.body.replaceChildren(document.createElement("main"))],
    ["its body", () => document.body.replaceWith(document.createElement("body"))],
    [
      "everything",
      () => document.documentElement.replaceChildren(document.head, document.createElement("body")),
    ],
  ])("there is one button, and the same, when the page replaces %s", async (_what, replace) => {
    make();
    const before = document.querySelector("deskbell-widget");
    replace();
    await Promise.resolve();
    expect([...document.querySelectorAll("deskbell-widget")]).toEqual([before]);
  });

  it("who began in the head of the page comes when there is a body, and behind it", async () => {
    const { body } = document;
    body.remove();
    make();
    expect(document.querySelector("deskbell-widget")).toBeNull();
    document.documentElement.append(body);
    await Promise.resolve();
    expect(body.nextElementSibling?.localName).toBe("deskbell-widget");
  });
});

describe("on the next page of who has talked", () => {
  const IDENTITY = "deskbell.shop.identity";

  it("the chat is connected, behind a closed button", async () => {
    localStorage.setItem(IDENTITY, "{}");
    make();
    expect(load).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(chat.setOpen).toHaveBeenLastCalledWith(false));
    expect(call("get", "state")).toBe("closed");
    host?.emit("unread", { count: 1 });
    expect(button().querySelector(".badge")?.textContent).toBe("1");
    await call("open");
    expect(start).toHaveBeenCalledTimes(1);
    expect(chat.setOpen).toHaveBeenLastCalledWith(true);
  });

  it("a message that never reached the desk is reason enough", async () => {
    localStorage.setItem("deskbell.shop.outbox.0123", "{}");
    make();
    await vi.waitFor(() => expect(start).toHaveBeenCalledTimes(1));
  });

  it("of another site nothing happens", async () => {
    localStorage.setItem("deskbell.other.identity", "{}");
    make();
    await idle();
    expect(load).not.toHaveBeenCalled();
  });

  it("when it cannot be loaded nobody who did not ask is told, and a click tries again", async () => {
    localStorage.setItem(IDENTITY, "{}");
    load.mockRejectedValueOnce(new Error("offline"));
    make();
    await vi.waitFor(() => expect(load).toHaveBeenCalledTimes(1));
    await idle();
    expect(shadows.at(-1)?.querySelector("[role=alert]")?.textContent).toBe("");
    await call("open");
    expect(call("get", "state")).toBe("open");
  });

  it("a click meanwhile waits for the same chat and shows it", async () => {
    localStorage.setItem(IDENTITY, "{}");
    let arrive: (code: { start: StartChat }) => void = () => undefined;
    load.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          arrive = resolve;
        }),
    );
    make();
    await vi.waitFor(() => expect(load).toHaveBeenCalledTimes(1));
    const opening = call("open");
    arrive({ start });
    await opening;
    expect(start).toHaveBeenCalledTimes(1);
    expect(call("get", "state")).toBe("open");
  });
});

describe("opening", () => {
  it("loads the chat from the launcher's own folder, once", async () => {
    make();
    await Promise.all([call("open"), call("open")]);
    await call("close");
    await call("open");
    expect(load).toHaveBeenCalledExactlyOnceWith(`${BASE}widget/assets/chat-test.js`);
    expect(start).toHaveBeenCalledTimes(1);
    expect(host?.socket).toBe("wss://desk.example/chat/ws/visitor");
    expect(host?.site).toBe("shop");
  });

  it("shows the window and says so", async () => {
    make();
    const opened = vi.fn();
    call("on", "open", opened);
    button().click();
    await vi.waitFor(() => expect(opened).toHaveBeenCalledTimes(1));
    expect(chat.setOpen).toHaveBeenLastCalledWith(true);
    expect(button().getAttribute("aria-expanded")).toBe("true");
    expect(call("get", "state")).toBe("open");
  });

  it("does not open when it was closed while loading", async () => {
    make();
    const opening = call("open");
    call("close");
    await opening;
    expect(chat.setOpen).toHaveBeenLastCalledWith(false);
    expect(call("get", "state")).toBe("closed");
  });

  it("closes at the second click and takes the focus back", async () => {
    make();
    await call("open");
    button().click();
    expect(chat.setOpen).toHaveBeenLastCalledWith(false);
    expect(shadows.at(-1)?.activeElement).toBe(button());
  });

  it("tells when the chat cannot be loaded, and tries again from another address", async () => {
    make();
    const failed = vi.fn();
    call("on", "error", failed);
    load.mockRejectedValueOnce(new Error("offline"));
    await call("open");
    expect(shadows.at(-1)?.querySelector("[role=alert]")?.textContent).toContain("try again");
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "load_failed" }));
    await call("open");
    expect(load).toHaveBeenLastCalledWith(`${BASE}widget/assets/chat-test.js?try=2`);
    expect(call("get", "state")).toBe("open");
    expect(shadows.at(-1)?.querySelector("[role=alert]")?.textContent).toBe("");
  });

  it("does not start a chat that was destroyed while loading", async () => {
    make();
    const opening = call("open");
    call("destroy");
    await opening;
    expect(start).not.toHaveBeenCalled();
  });
});

describe("verbs", () => {
  it("hide takes the button away and closes, show brings it back, open shows it too", async () => {
    make();
    await call("open");
    call("hide");
    expect(chat.setOpen).toHaveBeenLastCalledWith(false);
    expect(call("get", "state")).toBe("hidden");
    call("show");
    expect(call("get", "state")).toBe("closed");
    call("hide");
    await call("open");
    expect(call("get", "state")).toBe("open");
  });

  it("unread goes to the badge, its label and whoever listens", async () => {
    make();
    const told = vi.fn();
    const off = call("on", "unread", told) as () => void;
    await call("open");
    host?.emit("unread", { count: 3 });
    expect(button().getAttribute("aria-label")).toContain("3 new messages");
    expect(button().querySelector(".badge")?.textContent).toBe("3");
    host?.emit("unread", { count: 100 });
    expect(button().querySelector(".badge")?.textContent).toBe("99+");
    off();
    host?.emit("unread", { count: 0 });
    expect(told.mock.calls).toEqual([[{ count: 3 }], [{ count: 100 }]]);
    expect(button().querySelector<HTMLElement>(".badge")?.hidden).toBe(true);
    expect(call("get", "unread")).toBe(0);
  });

  it("events are DOM events too", async () => {
    make();
    const heard = vi.fn();
    addEventListener("desk:open", heard, { once: true });
    await call("open");
    expect(heard).toHaveBeenCalledTimes(1);
  });

  it("a listener that throws harms nobody", async () => {
    make();
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    const heard = vi.fn();
    call("on", "open", () => {
      throw new Error("page's own fault");
    });
    call("on", "open", heard);
    await call("open");
    expect(heard).toHaveBeenCalled();
    expect(reported).toHaveBeenCalled();
  });

  it("identify waits for the chat, and merges", async () => {
    make();
    call("identify", { name: "Mina" });
    call("identify", { email: "mina@shop.example" });
    await call("open");
    expect(chat.identify).toHaveBeenCalledWith({ name: "Mina", email: "mina@shop.example" });
  });

  it.each([{ email: "no" }, { name: "" }, { name: 1 }, { name: "x".repeat(101) }])(
    "identify refuses %j",
    (person) => {
      make();
      expect(() => call("identify", person)).toThrow(TypeError);
    },
  );

  it("setLocale changes the button and the chat", async () => {
    make();
    await call("open");
    await call("setLocale", "ko-KR");
    expect(button().getAttribute("aria-label")).toBe("채팅 닫기");
    expect(chat.setLocale).toHaveBeenCalledWith({ language: "ko", tag: "ko-KR" });
  });

  it("destroy leaves nothing, and boot begins anew", async () => {
    make();
    await call("open");
    call("destroy");
    expect(chat.destroy).toHaveBeenCalledTimes(1);
    expect(document.querySelector("deskbell-widget")).toBeNull();
    expect(() => call("boot", {})).toThrow(/data-site/);
    call("boot", { site: "other" });
    expect(document.querySelectorAll("deskbell-widget")).toHaveLength(1);
  });

  it.each(["fly", "constructor", "toString", "__proto__"])("there is no verb %s", (verb) => {
    make();
    expect(() => call(verb)).toThrow(/there is no verb/);
  });

  it("keys typed in the chat do not reach the page's shortcuts", () => {
    make();
    const shortcut = vi.fn();
    document.addEventListener("keydown", shortcut);
    button().dispatchEvent(
      new KeyboardEvent("keydown", { key: "s", bubbles: true, composed: true }),
    );
    expect(shortcut).not.toHaveBeenCalled();
  });
});

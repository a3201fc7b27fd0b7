// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

vi.stubGlobal("__CHAT_FILE__", "chat-test.js");
vi.stubGlobal("__VERSION__", "test");
vi.stubGlobal(
  "CSSStyleSheet",
  class {
    replaceSync(): void {}
  },
);
const attachShadow = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (this: Element, init: ShadowRootInit): ShadowRoot {
  return Object.assign(attachShadow.call(this, init), { adoptedStyleSheets: [] });
};

const complaints = vi.spyOn(console, "error").mockImplementation(() => undefined);

async function run(html: string): Promise<void> {
  document.head.innerHTML = html;
  vi.resetModules();
  await import("./main.ts");
}

function desk(...args: unknown[]): unknown {
  return Reflect.get(window, "Desk")(...args);
}

const widgets = (): number => document.querySelectorAll("deskbell-widget").length;

beforeEach(() => {
  complaints.mockClear();
  Reflect.deleteProperty(window, "Desk");
});

afterEach(async () => {
  await desk("destroy");
  document.body.replaceChildren();
});

describe("w.js", () => {
  it("puts up one widget, however often it is included", async () => {
    await run('<script data-site="shop"></script>');
    const first = Reflect.get(window, "Desk");
    await run('<script data-site="shop"></script><script data-site="shop"></script>');
    expect(widgets()).toBe(1);
    expect(Reflect.get(window, "Desk")).toBe(first);
    expect(complaints).not.toHaveBeenCalled();
  });

  it("says once what to do when the site is missing, and does not fail", async () => {
    await run("<script></script>");
    expect(widgets()).toBe(0);
    expect(complaints).toHaveBeenCalledTimes(1);
    expect(complaints.mock.calls[0]?.[0]).toContain("data-site");
    await expect(desk("open")).rejects.toThrow("data-site");
  });

  it("replays the calls that waited, in order, and then says ready", async () => {
    const heard: string[] = [];
    const q: unknown[] = [];
    const stub = Object.assign((...args: unknown[]) => q.push(args), { q });
    Reflect.set(window, "Desk", stub);
    desk("on", "ready", () => heard.push("ready"));
    desk("on", "hide", () => heard.push("hide"));
    desk("boot", { site: "shop" });
    desk("hide");
    await run("<script></script>");
    await Promise.resolve();
    expect(widgets()).toBe(1);
    expect(heard).toEqual(["hide", "ready"]);
    expect(complaints).not.toHaveBeenCalled();
  });

  it("goes on after a call that makes no sense", async () => {
    const q = [["fly"], 7, null, ["boot", { site: "shop" }], ["on", "open"]];
    Reflect.set(
      window,
      "Desk",
      Object.assign(() => undefined, { q }),
    );
    await run("<script></script>");
    expect(widgets()).toBe(1);
    expect(complaints).toHaveBeenCalledTimes(2);
  });

  it("verbs answer with promises, on with a function", async () => {
    await run('<script data-site="shop"></script>');
    expect(desk("get", "state")).toBeInstanceOf(Promise);
    await expect(desk("get", "state")).resolves.toBe("closed");
    await expect(desk("fly")).rejects.toThrow("no verb");
    expect(desk("on", "open", () => undefined)).toBeTypeOf("function");
  });

  it("leaves one global", async () => {
    const before = new Set(Object.keys(window));
    await run('<script data-site="shop"></script>');
    expect(Object.keys(window).filter((key) => !before.has(key))).toEqual(["Desk"]);
  });
});

// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { browserEnvironment } from "../src/environment.ts";
import { localStore } from "../src/store.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("localStore", () => {
  beforeEach(() => {
    localStorage.clear();
  });

  it("keeps texts under its prefix and sees no others", () => {
    localStorage.setItem("theirs", "x");
    const store = localStore("desk.");
    store.set("a", "1");
    store.set("b", "2");
    store.remove("b");
    expect(localStorage.getItem("desk.a")).toBe("1");
    expect([...store.keys()]).toEqual(["a"]);
    expect(store.get("theirs")).toBeUndefined();
    expect(localStore("desk.").get("a")).toBe("1");
  });

  it("goes on in memory when there is no room, and comes back when there is", () => {
    const store = localStore("desk.");
    store.set("a", "old");
    const full = vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    store.set("a", "new");
    expect(store.get("a")).toBe("new");
    expect([...store.keys()]).toEqual(["a"]);
    full.mockRestore();
    store.set("a", "newer");
    expect(localStorage.getItem("desk.a")).toBe("newer");
    store.remove("a");
    expect(store.get("a")).toBeUndefined();
  });

  it("goes on in memory where storage is forbidden", () => {
    vi.stubGlobal(
      "localStorage",
      new Proxy(
        {},
        {
          get: () => {
            throw new DOMException("no", "SecurityError");
          },
        },
      ),
    );
    const store = localStore("desk.");
    store.set("a", "1");
    expect(store.get("a")).toBe("1");
    expect([...store.keys()]).toEqual(["a"]);
    store.remove("a");
    expect(store.get("a")).toBeUndefined();
  });

  it("hears what other tabs change under its prefix", () => {
    const heard: (string | undefined)[] = [];
    const leave = localStore("desk.").onChange((key) => void heard.push(key));
    const tell = (key: string | null, storageArea: Storage = localStorage) =>
      dispatchEvent(new StorageEvent("storage", { key, storageArea }));
    tell("desk.a");
    tell("theirs");
    tell(null);
    tell("desk.b", sessionStorage);
    leave();
    tell("desk.c");
    expect(heard).toEqual(["a", undefined]);
  });
});

describe("browserEnvironment", () => {
  it("makes ids of 128 random bits", () => {
    const { randomId } = browserEnvironment();
    const ids = new Set(Array.from({ length: 100 }, () => randomId()));
    expect(ids.size).toBe(100);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  it("wakes when the network or the page comes back, until it is told to stop", () => {
    const run = vi.fn();
    const leave = browserEnvironment().onWake(run);
    dispatchEvent(new Event("online"));
    dispatchEvent(new Event("pageshow"));
    document.dispatchEvent(new Event("visibilitychange"));
    expect(run).toHaveBeenCalledTimes(3);
    leave();
    dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
    expect(run).toHaveBeenCalledTimes(3);
  });

  it("does not wake while the page is hidden", () => {
    const run = vi.fn();
    const leave = browserEnvironment().onWake(run);
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(run).not.toHaveBeenCalled();
    leave();
  });

  it("takes back what was to run later", () => {
    vi.useFakeTimers();
    const { after } = browserEnvironment();
    const run = vi.fn();
    after(10, run);
    after(10, run)();
    vi.advanceTimersByTime(20);
    expect(run).toHaveBeenCalledTimes(1);
    vi.useRealTimers();
  });

  it("passes on text, the close code, and nothing that is not text", () => {
    class StubSocket {
      static readonly OPEN = 1;
      static last: StubSocket | undefined;
      readyState = 0;
      sent: string[] = [];
      onopen = () => {};
      onmessage = (_event: { data: unknown }) => {};
      onclose = (_event: { code: number }) => {};
      constructor() {
        StubSocket.last = this;
      }
      send(text: string) {
        this.sent.push(text);
      }
      close() {
        this.readyState = 3;
      }
    }
    vi.stubGlobal("WebSocket", StubSocket);
    const heard: unknown[] = [];
    const socket = browserEnvironment().openSocket("ws://desk", "p", {
      onOpen: () => void heard.push("open"),
      onText: (text) => void heard.push(text),
      onClose: (code) => void heard.push(code),
    });
    const stub = StubSocket.last;
    socket.send("too early");
    stub?.onopen();
    stub?.onmessage({ data: new ArrayBuffer(1) });
    stub?.onmessage({ data: "hello" });
    stub?.onclose({ code: 1001 });
    expect(heard).toEqual(["open", "hello", 1001]);
    expect(stub?.sent).toEqual([]);
  });
});

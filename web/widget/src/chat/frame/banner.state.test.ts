import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type BannerState, makeBanner } from "./banner.state.ts";

let state: BannerState;

beforeEach(() => {
  vi.useFakeTimers();
  state = makeBanner();
});
afterEach(() => vi.useRealTimers());

describe("banner", () => {
  it("says nothing of a quick first connection", () => {
    state.update(false, true);
    vi.advanceTimersByTime(4999);
    state.update(true, true);
    vi.runAllTimers();
    expect(state.banner.value).toBe("hidden");
  });

  it("tells of a first connection that takes long, also when tries come and go", () => {
    state.update(false, true);
    vi.advanceTimersByTime(3000);
    state.update(false, true);
    vi.advanceTimersByTime(2000);
    expect(state.banner.value).toBe("reconnecting");
  });

  it("says nothing of a drop shorter than two seconds", () => {
    state.update(true, true);
    state.update(false, true);
    vi.advanceTimersByTime(1999);
    state.update(true, true);
    vi.runAllTimers();
    expect(state.banner.value).toBe("hidden");
  });

  it("tells of a longer one, and of its end", () => {
    state.update(true, true);
    state.update(false, true);
    vi.advanceTimersByTime(2000);
    expect(state.banner.value).toBe("reconnecting");
    state.update(true, true);
    expect(state.banner.value).toBe("back");
    state.update(true, true);
    vi.advanceTimersByTime(2500);
    expect(state.banner.value).toBe("hidden");
  });

  it("tells at once when the browser has no network, and follows it", () => {
    state.update(true, true);
    state.update(false, false);
    expect(state.banner.value).toBe("offline");
    state.update(false, true);
    expect(state.banner.value).toBe("reconnecting");
  });

  it("does not show the end of a drop while there is another", () => {
    state.update(true, true);
    state.update(false, false);
    state.update(true, true);
    state.update(false, true);
    expect(state.banner.value).toBe("hidden");
    vi.advanceTimersByTime(2000);
    expect(state.banner.value).toBe("reconnecting");
  });
});

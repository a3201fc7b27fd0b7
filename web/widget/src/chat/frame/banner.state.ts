/*
 * The line about the connection. A short drop is nobody's business; a longer one is told, and so is its end.
 *
 *   hidden -> offline | reconnecting -> back -> hidden
 */

import { type ReadonlySignal, signal } from "@preact/signals";

export type Banner = "hidden" | "offline" | "reconnecting" | "back";

const PATIENCE_MS = 2000;
/* The first connection may take longer before it is worth a word. */
const FIRST_PATIENCE_MS = 5000;
const BACK_MS = 2500;

export interface BannerState {
  readonly banner: ReadonlySignal<Banner>;
  /* `network`: what the browser says of its network, navigator.onLine. */
  update(connected: boolean, network: boolean): void;
  stop(): void;
}

export function makeBanner(): BannerState {
  const banner = signal<Banner>("hidden");
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wasConnected = false;
  let waiting = false;
  let hasNetwork = true;

  function later(ms: number, run: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  }

  function tell(): void {
    banner.value = hasNetwork ? "reconnecting" : "offline";
  }

  function connected(): void {
    waiting = false;
    wasConnected = true;
    if (banner.value === "offline" || banner.value === "reconnecting") {
      banner.value = "back";
      later(BACK_MS, () => {
        banner.value = "hidden";
      });
    } else if (banner.value === "hidden") {
      clearTimeout(timer);
    }
  }

  return {
    banner,
    update(isConnected, network) {
      hasNetwork = network;
      if (isConnected) {
        connected();
      } else if (!network || banner.value === "offline" || banner.value === "reconnecting") {
        clearTimeout(timer);
        tell();
      } else if (!waiting) {
        waiting = true;
        banner.value = "hidden";
        later(wasConnected ? PATIENCE_MS : FIRST_PATIENCE_MS, tell);
      }
    },
    stop: () => clearTimeout(timer),
  };
}

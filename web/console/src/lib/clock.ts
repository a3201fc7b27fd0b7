/*
 * The desk's clock as seen from here: one ticking signal for everything that shows a wait, corrected by what
 * the server says in its Date field. The signal ticks only while somebody looks.
 */
import { computed, signal } from "@preact/signals";

const TICK_MS = 1000;
/** The Date field has whole seconds and the answer was under way: below this nothing is corrected. */
const TOLERANCE_MS = 3000;

let offsetMs = 0;

/** The desk's time now. */
export function deskNow(): number {
  return Date.now() + offsetMs;
}

/** The desk's time, renewed every second while the page is visible. */
export const ticking = signal(Date.now());

const MINUTE_MS = 60_000;

/** The same to the minute: lists and days need no more, so nothing renders in between. */
export const minute = computed(() => Math.floor(ticking.value / MINUTE_MS) * MINUTE_MS);

/** Takes the Date field of an answer of the server; what is not a date is ignored. */
export function setServerDate(field: string | null): void {
  const at = field === null ? Number.NaN : Date.parse(field);
  if (Number.isNaN(at)) {
    return;
  }
  const off = at - Date.now();
  offsetMs = Math.abs(off) < TOLERANCE_MS ? 0 : off;
  ticking.value = deskNow();
}

/** Starts the ticking; the returned function ends it. */
export function startTicking(): () => void {
  const tick = (): void => {
    if (document.visibilityState === "visible") {
      ticking.value = deskNow();
    }
  };
  const timer = setInterval(tick, TICK_MS);
  document.addEventListener("visibilitychange", tick);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
  };
}

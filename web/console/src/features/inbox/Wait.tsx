import { ticking } from "../../lib/clock.ts";
import { formatWait, type WaitStep, waitStep } from "../../lib/time.ts";
import { texts } from "../../texts/texts.ts";

/** How long somebody waits, ticking. Only this span renders every second. */
export function Wait({ since }: { since: number }) {
  const waited = ticking.value - since;
  return (
    <span class={`wait wait-${waitStep(waited)} number`}>{formatWait(waited, texts.value)}</span>
  );
}

/** The step a wait is at now; renders its caller only with the clock. */
export function stepNow(since: number): WaitStep {
  return waitStep(ticking.value - since);
}

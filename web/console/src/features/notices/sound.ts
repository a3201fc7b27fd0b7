/*
 * The sounds, made here: no file to load. A browser lets a page sound only after the person has done something
 * on it; `arm` listens for that, and `blocked` says whether it is still to come.
 */
import { signal } from "@preact/signals";

/** A sound is wanted and the browser would not play it. */
export const blocked = signal(false);

let context: AudioContext | undefined;

const PEAK = 0.16;
const FADE_S = 0.5;

/** Frequencies of a chime in Hz, one after the other. */
const CHIMES = {
  /** Somebody new waits: up, to be noticed from the next room. */
  waiting: [659.26, 880, 1318.51],
  /** An answer in a conversation of one's own. */
  message: [880, 1174.66],
} as const;

export type Chime = keyof typeof CHIMES;

function ready(): AudioContext | undefined {
  try {
    context ??= new AudioContext();
  } catch {
    return undefined;
  }
  if (context.state === "suspended") {
    void context.resume().catch(() => {});
  }
  return context;
}

/** Unlocks sound with the first press or key; the returned function ends the waiting for it. */
export function armSound(): () => void {
  const unlock = (): void => {
    const audio = ready();
    void audio?.resume().then(() => {
      blocked.value = false;
      disarm();
    });
  };
  const disarm = (): void => {
    document.removeEventListener("pointerdown", unlock);
    document.removeEventListener("keydown", unlock);
  };
  document.addEventListener("pointerdown", unlock);
  document.addEventListener("keydown", unlock);
  return disarm;
}

export function play(chime: Chime): void {
  const audio = ready();
  if (audio === undefined) {
    return;
  }
  if (audio.state !== "running") {
    blocked.value = true;
    return;
  }
  CHIMES[chime].forEach((frequency, i) => {
    ring(audio, frequency, audio.currentTime + i * 0.13);
  });
}

/** One strike of a small bell: a tone and its octave, quick to come and slow to go. */
function ring(audio: AudioContext, frequency: number, at: number): void {
  for (const [ratio, level] of [
    [1, PEAK],
    [2.01, PEAK / 4],
  ] as const) {
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.type = "sine";
    tone.frequency.value = frequency * ratio;
    gain.gain.setValueAtTime(0.0001, at);
    gain.gain.exponentialRampToValueAtTime(level, at + 0.01);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + FADE_S / ratio);
    tone.connect(gain).connect(audio.destination);
    tone.start(at);
    tone.stop(at + FADE_S);
  }
}

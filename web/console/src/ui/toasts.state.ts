/* Short notes at the bottom of the page, some with a way back. They leave by themselves, but not under the pointer. */
import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 5000;
/** A way back needs time to be seen and reached. */
const SHOWN_WITH_ACTION_MS = 10_000;
const MAX_TOASTS = 3;

export const toasts = signal<readonly Toast[]>([]);
let lastId = 0;
const timers = new Map<number, ReturnType<typeof setTimeout>>();

export function showToast(text: string, action?: Toast["action"]): number {
  lastId += 1;
  const toast: Toast = action === undefined ? { id: lastId, text } : { id: lastId, text, action };
  const kept = toasts.value.slice(-(MAX_TOASTS - 1));
  for (const old of toasts.value) {
    if (!kept.includes(old)) {
      stopTimer(old.id);
    }
  }
  toasts.value = [...kept, toast];
  resumeToast(lastId);
  return lastId;
}

export function hideToast(id: number): void {
  stopTimer(id);
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Stays as long as the pointer or the focus is on it. */
export function holdToast(id: number): void {
  stopTimer(id);
}

export function resumeToast(id: number): void {
  const toast = toasts.value.find((one) => one.id === id);
  if (toast !== undefined) {
    stopTimer(id);
    const ms = toast.action === undefined ? SHOWN_MS : SHOWN_WITH_ACTION_MS;
    timers.set(
      id,
      setTimeout(() => hideToast(id), ms),
    );
  }
}

function stopTimer(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

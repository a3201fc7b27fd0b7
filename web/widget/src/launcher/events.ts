/*
 * Who listens to what. A listener of the page that throws is reported as the page's own error and harms nobody else.
 */

import type { DeskEvents, Emit } from "../contract.ts";

type Listener = (detail: unknown) => void;

export interface Events {
  on(name: string, listener: Listener): () => void;
  off(name: string, listener: Listener): void;
  emit: Emit;
  clear(): void;
}

export function makeEvents(): Events {
  const listeners = new Map<string, Set<Listener>>();

  function off(name: string, listener: Listener): void {
    listeners.get(name)?.delete(listener);
  }

  return {
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => off(name, listener);
    },
    off,
    emit<Name extends keyof DeskEvents>(name: Name, detail: DeskEvents[Name]) {
      for (const listener of [...(listeners.get(name) ?? [])]) {
        try {
          listener(detail);
        } catch (error) {
          reportError(error);
        }
      }
      window.dispatchEvent(new CustomEvent(`desk:${name}`, { detail }));
    },
    clear: () => listeners.clear(),
  };
}

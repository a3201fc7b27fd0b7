/*
 * Where the list stands. At its end it stays there, whatever grows or shrinks: new messages, the keyboard of a phone,
 * the composer. Scrolled up it stays where the visitor reads.
 */

import { type ReadonlySignal, signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/* Nearer to the end than this counts as there. */
const END_PX = 48;

export interface Scroll {
  readonly atEnd: ReadonlySignal<boolean>;
  readonly onScroll: () => void;
  toEnd(): void;
  /* What is in sight stays there when something comes in above it. */
  hold(): void;
  attach(scroller: HTMLElement, content: HTMLElement): () => void;
}

export function makeScroll(): Scroll {
  const atEnd = signal(true);
  let element: HTMLElement | undefined;
  let lastTop = 0;
  let held: number | undefined;

  function toEnd(): void {
    atEnd.value = true;
    if (element) {
      element.scrollTop = element.scrollHeight;
    }
  }

  return {
    atEnd,
    toEnd,
    hold() {
      held = element && element.scrollHeight - element.scrollTop;
    },
    onScroll() {
      if (!element || element.clientHeight === 0) {
        return; /* hidden */
      }
      const top = element.scrollTop;
      if (element.scrollHeight - element.clientHeight - top < END_PX) {
        atEnd.value = true;
      } else if (top < lastTop) {
        /* Only moving up leaves the end: content that has just grown below is about to be followed. */
        atEnd.value = false;
      }
      lastTop = top;
    },
    attach(scroller, content) {
      element = scroller;
      const observer = new ResizeObserver(() => {
        if (held !== undefined) {
          scroller.scrollTop = scroller.scrollHeight - held;
          held = undefined;
        } else if (atEnd.peek()) {
          toEnd();
        }
      });
      observer.observe(scroller);
      observer.observe(content);
      return () => {
        observer.disconnect();
        element = undefined;
      };
    },
  };
}

export function useScroll(scroll: Scroll) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  useLayoutEffect(
    () =>
      scroller.current && content.current
        ? scroll.attach(scroller.current, content.current)
        : undefined,
    [scroll],
  );
  return { scroller, content };
}

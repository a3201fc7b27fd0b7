/*
 * w.js: runs as a classic script, puts up the button and becomes window.Desk, the widget's only global.
 *
 *     <script async src="https://chat.example.com/w.js" data-site="shop"></script>
 *
 * Calls made before it ran wait in Desk.q and are replayed in order:
 *
 *     window.Desk = window.Desk || function () { (Desk.q = Desk.q || []).push(arguments) };
 *     Desk('on', 'unread', ({ count }) => …);
 */

import { settingsOf } from "./config.ts";
import { makeWidget, type Widget } from "./widget.ts";

type Desk = ((verb: string, ...args: unknown[]) => unknown) & { readonly widget: true };

function findScript(): HTMLScriptElement | null {
  const current = document.currentScript;
  return current instanceof HTMLScriptElement
    ? current
    : document.querySelector<HTMLScriptElement>("script[data-site]");
}

function isOurs(value: unknown): value is Desk {
  return typeof value === "function" && Reflect.get(value, "widget") === true;
}

/* Calls that waited: whatever a page put there, taken as far as it makes sense. */
function waitingCalls(stub: unknown): unknown[][] {
  const queue: unknown = typeof stub === "function" ? Reflect.get(stub, "q") : undefined;
  return Array.isArray(queue)
    ? queue.flatMap((call: unknown) =>
        typeof call === "object" && call !== null && "length" in call
          ? [Array.from(call as ArrayLike<unknown>)]
          : [],
      )
    : [];
}

function makeDesk(widget: Widget): Desk {
  const desk = (verb: string, ...args: unknown[]): unknown => {
    if (verb === "on") {
      return widget.call(verb, args);
    }
    return new Promise((resolve) => resolve(widget.call(verb, args)));
  };
  return Object.assign(desk, { widget: true as const });
}

function complain(error: unknown): void {
  /* The page's developer reads it; there is no other place to say it. */
  // biome-ignore lint/suspicious/noConsole: see above
  console.error(error instanceof Error ? error.message : error);
}

function main(): void {
  const stub: unknown = Reflect.get(window, "Desk");
  if (isOurs(stub)) {
    return;
  }
  const script = findScript();
  const base = new URL(".", script?.src || document.baseURI).href;
  const settings = settingsOf(script);
  const widget = makeWidget(base, settings);
  Reflect.set(window, "Desk", makeDesk(widget));

  const calls = waitingCalls(stub);
  for (const [verb, ...args] of calls) {
    try {
      Promise.resolve(widget.call(String(verb), args)).catch(complain);
    } catch (error) {
      complain(error);
    }
  }
  /* An embed that names no site does nothing; its developer should learn why. */
  if (script?.dataset["site"] !== undefined || !calls.some(([verb]) => verb === "boot")) {
    try {
      widget.call("boot", []);
    } catch (error) {
      complain(error);
    }
  }
}

main();

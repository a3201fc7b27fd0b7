/*
 * What the visitor sees before the click: a round button, its badge, and a note when the chat cannot be loaded.
 * The host element carries a closed shadow root, so that neither side's styles reach the other.
 */

import { formatColor, type Rgb, readableOn, textOn } from "@deskbell/ui/color";
import type { Locale } from "../locale.ts";
import { makeIcon } from "./icons.ts";
import css from "./launcher.css?inline";
import { LAUNCHER_TEXTS } from "./texts.ts";

const BUBBLE =
  "M12 3.5c-5 0-9 3.4-9 7.7 0 2.4 1.3 4.6 3.3 6 .2 1-.2 2.2-1.1 3.2-.2.3 0 .7.4.6 1.9-.3 3.4-1 4.5-1.9.6.1 1.3.1 1.9.1 5 0 9-3.4 9-8S17 3.5 12 3.5Z";
const DOTS = "M8 11.2h.01M12 11.2h.01M16 11.2h.01";
const CHEVRON = "M6 9.5l6 6 6-6";
const BADGE_MAX = 99;

/* The accent as text must be readable on the chat's tinted surfaces, --raised in its style sheet. */
const DAY: Rgb = [243, 244, 247];
const NIGHT: Rgb = [35, 40, 48];

export interface Button {
  /* The chat renders into it. */
  readonly mount: HTMLElement;
  adopt(css: string): void;
  setAccent(accent: Rgb): void;
  setLocale(locale: Locale): void;
  setState(state: "closed" | "loading" | "open" | "failed"): void;
  setUnread(count: number): void;
  setShown(shown: boolean): void;
  focus(): void;
  destroy(): void;
}

/*
 * Keeps the host element in the page, behind the body rather than in it: inside a body with a transform or a filter,
 * "fixed" would mean fixed to that body, and pages that swap their body would take it out without meaning it. What
 * the body would have told it by inheritance, and does not come from the root element, is the direction.
 */
function keepAttached(host: HTMLElement, setDirection: (direction: string) => void): () => void {
  let tries = 100;
  const attach = (): void => {
    const { body, documentElement: root } = document;
    if (!body) {
      return;
    }
    if (!host.isConnected && tries-- > 0) {
      root.append(host);
    }
    const { direction } = getComputedStyle(body);
    setDirection(direction === getComputedStyle(root).direction ? "" : direction);
    observer.observe(body, { attributeFilter: ["dir"] });
  };
  const observer = new MutationObserver(attach);
  observer.observe(document.documentElement, { childList: true, attributeFilter: ["dir"] });
  addEventListener("load", attach); // style sheets may have a say in the direction
  attach();
  return () => {
    observer.disconnect();
    removeEventListener("load", attach);
    host.remove();
  };
}

export function makeButton(onClick: () => void, onPress: () => void): Button {
  const host = document.createElement("deskbell-widget");
  const shadow = host.attachShadow({ mode: "closed" });
  const element = <Tag extends keyof HTMLElementTagNameMap>(tag: Tag, name: string) =>
    Object.assign(document.createElement(tag), { className: name });

  const desk = element("div", "desk");
  const mount = element("div", "mount");
  const note = element("p", "note");
  const button = element("button", "launcher");
  const badge = element("span", "badge");
  const news = element("span", "news");
  let texts = LAUNCHER_TEXTS.en;
  let unread = 0;
  let state: Parameters<Button["setState"]>[0] = "closed";

  function adopt(text: string): void {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheet];
  }

  function label(): void {
    const parts = [state === "open" ? texts.close : texts.open];
    if (unread > 0) {
      parts.push(texts.unread(unread));
    }
    button.setAttribute("aria-label", parts.join(", "));
    note.textContent = state === "failed" ? texts.failed : "";
    news.textContent = state === "closed" && unread > 0 ? texts.unread(unread) : "";
  }

  adopt(css);
  note.setAttribute("role", "alert");
  news.setAttribute("role", "status");
  badge.setAttribute("aria-hidden", "true");
  badge.hidden = true;
  button.type = "button";
  button.setAttribute("aria-haspopup", "dialog");
  button.append(makeIcon("icon-chat", BUBBLE, DOTS), makeIcon("icon-close", CHEVRON), badge);
  button.addEventListener("click", onClick);
  button.addEventListener("pointerdown", onPress);
  /* Single-key shortcuts of the page would hear what is typed here and could not know that it is text. */
  for (const type of ["keydown", "keypress", "keyup"]) {
    desk.addEventListener(type, (event) => event.stopPropagation());
  }
  desk.append(mount, note, button, news);
  shadow.append(desk);
  const detach = keepAttached(host, (direction) => {
    desk.dir = direction;
  });

  return {
    mount,
    adopt,
    setAccent(accent) {
      for (const [name, color] of [
        ["--accent", accent],
        ["--on-accent", textOn(accent)],
        ["--accent-on-light", readableOn(accent, DAY)],
        ["--accent-on-dark", readableOn(accent, NIGHT)],
      ] as const) {
        desk.style.setProperty(name, formatColor(color));
      }
    },
    setLocale(locale) {
      texts = LAUNCHER_TEXTS[locale.language];
      desk.lang = locale.tag;
      label();
    },
    setState(next) {
      state = next;
      desk.dataset["state"] = next;
      host.toggleAttribute("data-open", next === "open");
      button.setAttribute("aria-expanded", String(next === "open"));
      button.setAttribute("aria-busy", String(next === "loading"));
      label();
    },
    setUnread(count) {
      unread = count;
      badge.hidden = count === 0;
      badge.textContent = count > BADGE_MAX ? `${BADGE_MAX}+` : String(count);
      label();
    },
    setShown(shown) {
      desk.hidden = !shown;
    },
    focus: () => button.focus({ preventScroll: true }),
    destroy: detach,
  };
}

/*
 * The widget of one page: the button at once, the chat with the first click, and the verbs of window.Desk.
 *
 *   closed -> loading -> open <-> closed
 *                    \-> failed -> loading
 *
 * Nothing is stored or sent before the first `open`; what a page says earlier waits in memory. Who has opened it once
 * is connected again on the site's next pages, when they have loaded: an answer shows on the button, and what could not
 * be sent is sent.
 */

import type { Chat, ChatHost, DeskEvents, Emit, Person, StartChat } from "../contract.ts";
import { type Button, makeButton } from "./button.ts";
import { accentFor, isSite, localeFor, parseSettings, type Settings } from "./config.ts";
import { makeEvents } from "./events.ts";
import { isKnown } from "./known.ts";
import { parsePerson } from "./person.ts";

/* Put in by the build. */
declare const __CHAT_FILE__: string;
declare const __VERSION__: string;

export interface Widget {
  /* One verb of window.Desk. Throws when it does not make sense. */
  call(verb: string, args: readonly unknown[]): unknown;
}

type LoadChat = (address: string) => Promise<{ start: StartChat }>;

const IDLE_MAX_MS = 2000;

/* When the page has loaded and has nothing else to do. */
function whenIdle(run: () => void): void {
  const wait = () =>
    "requestIdleCallback" in window
      ? requestIdleCallback(run, { timeout: IDLE_MAX_MS })
      : setTimeout(run, 1);
  if (document.readyState === "complete") {
    wait();
  } else {
    addEventListener("load", wait, { once: true });
  }
}

const importChat: LoadChat = (address) => import(/* @vite-ignore */ address);

const NO_SITE =
  'Deskbell: which site is this? Add data-site to the script element, <script async src="…/w.js" data-site="…">, ' +
  "or call Desk('boot', { site: '…' }).";

/* `base` is the folder that the launcher came from. */
export function makeWidget(base: string, script: Settings, load: LoadChat = importChat): Widget {
  const events = makeEvents();
  let settings: Settings = script;
  let locale = localeFor(script.locale);
  let button: Button | undefined;
  let loading: Promise<{ start: StartChat }> | undefined;
  let tries = 0;
  let chat: Chat | undefined;
  let opening: Promise<void> | undefined;
  let wanted = false;
  let shown = true;
  let person: Person = {};
  let unread = 0;
  let connection: DeskEvents["connection"]["state"] = "offline";

  const emit: Emit = (name, detail) => {
    if (name === "unread") {
      unread = (detail as DeskEvents["unread"]).count;
      button?.setUnread(unread);
    } else if (name === "connection") {
      connection = (detail as DeskEvents["connection"]).state;
    }
    events.emit(name, detail);
  };

  /* The chat's code only. A press of the button is half a click: it saves the time until the finger is up. */
  function prepare(): Promise<{ start: StartChat }> {
    if (!loading) {
      /* A browser may remember that a module failed, by its address. */
      const again = tries++ > 0 ? `?try=${tries}` : "";
      loading = load(new URL(`widget/assets/${__CHAT_FILE__}${again}`, base).href);
      loading.catch(() => {
        loading = undefined;
      });
    }
    return loading;
  }

  function chatHost(mount: HTMLElement, adopt: (css: string) => void, site: string): ChatHost {
    const socket = new URL("ws/visitor", base);
    socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";
    return { mount, site, socket: socket.href, locale, adopt, emit, close };
  }

  async function start(): Promise<void> {
    const ui = button;
    const { site } = settings;
    if (!ui || site === undefined) {
      return;
    }
    const started = await prepare()
      .then((code) => (ui === button ? code.start(chatHost(ui.mount, ui.adopt, site)) : undefined))
      .catch(() => undefined);
    if (ui !== button) {
      started?.destroy();
    } else if (started) {
      chat = started;
      chat.identify(person);
      settle();
    } else if (wanted) {
      wanted = false;
      ui.setState("failed");
      emit("error", { code: "load_failed", message: "The chat could not be loaded." });
    }
  }

  /* One at a time. */
  function startOnce(): Promise<void> {
    opening ??= start().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  /* Behind a closed button: what comes is counted on it. */
  function resume(site: string): void {
    if (button && !chat && isKnown(site)) {
      void startOnce();
    }
  }

  /* Makes what is seen what is wanted. */
  function settle(): void {
    chat?.setOpen(wanted);
    button?.setState(wanted ? "open" : "closed");
    if (wanted) {
      emit("open", null);
    }
  }

  async function open(): Promise<void> {
    if (!button) {
      throw new Error(NO_SITE);
    }
    if (wanted && chat) {
      return;
    }
    wanted = true;
    show();
    if (chat) {
      settle();
      return;
    }
    button.setState("loading");
    await startOnce();
  }

  function close(): void {
    if (!wanted) {
      return;
    }
    wanted = false;
    if (chat) {
      chat.setOpen(false);
      button?.setState("closed");
      button?.focus();
      emit("close", null);
    }
  }

  function toggle(): Promise<void> {
    if (wanted) {
      close();
      return Promise.resolve();
    }
    return open();
  }

  function show(): void {
    if (!shown) {
      shown = true;
      button?.setShown(true);
      emit("show", null);
    }
  }

  function hide(): void {
    close();
    if (shown) {
      shown = false;
      button?.setShown(false);
      emit("hide", null);
    }
  }

  function boot(more: Settings): void {
    if (button) {
      return;
    }
    settings = { ...settings, ...more };
    const { site } = settings;
    if (!isSite(site)) {
      throw new Error(NO_SITE);
    }
    locale = localeFor(settings.locale);
    button = makeButton(
      () => void toggle(),
      () => void prepare().catch(() => undefined),
    );
    button.setAccent(accentFor(settings.color));
    button.setLocale(locale);
    button.setState("closed");
    button.setShown(shown);
    /* Later than the calls that waited for us, which may want to hear it. */
    queueMicrotask(() => emit("ready", { version: __VERSION__ }));
    whenIdle(() => resume(site));
  }

  function destroy(): void {
    chat?.destroy();
    button?.destroy();
    chat = undefined;
    button = undefined;
    wanted = false;
    shown = true;
    settings = {};
    person = {};
    unread = 0;
    connection = "offline";
    emit("destroy", null);
    events.clear();
  }

  async function setLocale(tag: unknown): Promise<void> {
    if (typeof tag !== "string") {
      throw new TypeError("Desk('setLocale', tag): tag is a language like 'ko'.");
    }
    locale = localeFor(tag);
    button?.setLocale(locale);
    await chat?.setLocale(locale);
  }

  function identify(value: unknown): void {
    person = { ...person, ...parsePerson(value) };
    chat?.identify(person);
  }

  function get(name: unknown): unknown {
    switch (name) {
      case "state":
        return shown ? (wanted && chat ? "open" : "closed") : "hidden";
      case "unread":
        return unread;
      case "connection":
        return connection;
      case "version":
        return __VERSION__;
      default:
        throw new RangeError("Desk('get', …) knows state, unread, connection and version.");
    }
  }

  function listen(args: readonly unknown[]): { name: string; listener: (detail: unknown) => void } {
    const [name, listener] = args;
    if (typeof name !== "string" || typeof listener !== "function") {
      throw new TypeError("Desk('on', event, listener): listener is a function.");
    }
    return { name, listener: listener as (detail: unknown) => void };
  }

  const verbs: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
    boot: ([value]) => boot(parseSettings(value)),
    open,
    close,
    toggle,
    show,
    hide,
    destroy,
    on(args) {
      const { name, listener } = listen(args);
      return events.on(name, listener);
    },
    off(args) {
      const { name, listener } = listen(args);
      events.off(name, listener);
    },
    get: ([name]) => get(name),
    setLocale: ([tag]) => setLocale(tag),
    identify: ([value]) => identify(value),
  };

  if (isSite(settings.site)) {
    boot({});
  }

  return {
    call(verb, args) {
      const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
      if (!run) {
        throw new RangeError(
          `Desk: there is no verb ${verb}. It knows ${Object.keys(verbs).join(", ")}.`,
        );
      }
      return run(args);
    },
  };
}

/*
 * The chat as signals: what the client of the desk tells, and what follows from it for the window.
 *
 * A message is seen when it stands at the end of an open window in a visible page; only then the desk is told so.
 */

import type { ThreadItem, VisitorClient, VisitorState } from "@deskbell/protocol/visitor";
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { ChatHost, ConnectionState, Person } from "../contract.ts";
import { type ComposerState, type DraftStore, makeComposer } from "./composer/composer.state.ts";
import { type ContactState, makeContact } from "./contact/contact.state.ts";
import { type Banner, makeBanner } from "./frame/banner.state.ts";
import { makeNews } from "./news.state.ts";
import { makeRows, type Row } from "./timeline/rows.state.ts";
import { makeScroll, type Scroll } from "./timeline/scroll.state.ts";

/* What the chat needs of the client, so that tests can stand in for it. */
export type Client = Pick<
  VisitorClient,
  "state" | "subscribe" | "start" | "stop" | "post" | "retry" | "typing" | "read" | "identify"
>;

export interface ChatState {
  readonly visitor: ReadonlySignal<VisitorState>;
  readonly rows: ReadonlySignal<readonly Row[]>;
  /* There are messages above the first row. */
  readonly hasEarlier: ReadonlySignal<boolean>;
  readonly banner: ReadonlySignal<Banner>;
  readonly open: ReadonlySignal<boolean>;
  /* What was said before stands there; whatever comes now has just arrived. */
  readonly settled: ReadonlySignal<boolean>;
  readonly composer: ComposerState;
  readonly contact: ContactState;
  readonly scroll: Scroll;
  setOpen(open: boolean): void;
  /* The page was hidden or shown, the network came or went. */
  look(): void;
  showEarlier(): void;
  retry(item: ThreadItem): void;
  identify(person: Person): void;
  stop(): void;
}

/* So many messages are on the screen; earlier ones when asked for. A conversation may go on for years. */
const SHOWN_MESSAGES = 200;
const WELCOME_KEY = "welcome";
/* Until a screen reader has taken note of what was there at the beginning. */
const SETTLE_MS = 500;

/* Before there is a conversation the site's welcome stands alone; the first post makes it message 1. */
function shownItems(state: VisitorState, now: number): readonly ThreadItem[] {
  const welcome = state.site?.welcome;
  if (!welcome || state.items.some((item) => item.number !== undefined)) {
    return state.items;
  }
  return [{ key: WELCOME_KEY, author: "site", text: welcome, at: now }, ...state.items];
}

/* Number of the first message that the visitor has not seen. */
export function firstUnread(state: VisitorState): number | undefined {
  let left = state.unread;
  for (let i = state.items.length - 1; left > 0 && i >= 0; i--) {
    const item = state.items[i];
    if (item?.number !== undefined && item.author === "agent" && --left === 0) {
      return item.number;
    }
  }
  return undefined;
}

function connectionOf(state: VisitorState): ConnectionState {
  const { phase } = state.connection;
  return phase === "online" || phase === "connecting" ? phase : "offline";
}

/* Calls `tell` with a value now and then whenever it has changed. */
function onChange<T>(tell: (value: T) => void): (value: T | undefined) => void {
  let last: T | undefined;
  return (value) => {
    if (value !== undefined && value !== last) {
      last = value;
      tell(value);
    }
  };
}

export function makeChat(
  client: Client,
  host: Pick<ChatHost, "emit">,
  draft: DraftStore,
): ChatState {
  const started = Date.now();
  const visitor = signal(client.state);
  const open = signal(false);
  const newFrom = signal<number | undefined>(undefined);
  const limit = signal(SHOWN_MESSAGES);
  const scroll = makeScroll();
  const banner = makeBanner();
  const news = makeNews(host.emit);
  const settled = signal(false);
  let settling: ReturnType<typeof setTimeout> | undefined;
  let caughtUp = false;
  let pending: Person | undefined;

  const composer = makeComposer(
    {
      send(text) {
        newFrom.value = undefined;
        scroll.toEnd();
        client.post(text);
      },
      typing: (on) => client.typing(on),
    },
    draft,
  );

  const contact = makeContact(
    {
      online: computed(() => visitor.value.deskOnline !== false),
      hasWritten: computed(() => visitor.value.items.some((item) => item.author === "visitor")),
      email: computed(() => visitor.value.email),
    },
    async (person) => (await client.identify(person)).ok,
  );

  const tellConnection = onChange((state: ConnectionState) => host.emit("connection", { state }));
  const tellStatus = onChange((online: boolean) => host.emit("status", { online }));
  const tellUnread = onChange((count: number) => host.emit("unread", { count }));

  /* Marks what is new, or tells the desk that everything was seen. */
  function look(): void {
    const state = client.state;
    const connected = state.connection.phase === "online";
    banner.update(connected || state.connection.phase === "stopped", navigator.onLine);
    if (!state.caughtUp && !caughtUp) {
      return;
    }
    const isFirst = !caughtUp;
    caughtUp = true;
    if (isFirst) {
      settling = setTimeout(() => {
        settled.value = true;
      }, SETTLE_MS);
    }
    const seen = open.peek() && document.visibilityState === "visible" && scroll.atEnd.peek();
    if (!seen || isFirst) {
      newFrom.value ??= firstUnread(state);
    }
    if (seen) {
      client.read();
    }
  }

  async function tellPerson(): Promise<void> {
    const person = pending;
    if (!person || client.state.connection.phase !== "online") {
      return;
    }
    pending = undefined;
    const result = await client.identify(person);
    if (!result.ok && (result.refusal.error === "offline" || result.refusal.error === "timeout")) {
      pending ??= person;
    }
  }

  function update(): void {
    const state = client.state;
    visitor.value = state;
    if (state.caughtUp) {
      news.update(state.items);
    }
    look();
    tellConnection(connectionOf(state));
    tellStatus(state.deskOnline);
    tellUnread(client.state.unread);
    void tellPerson();
  }

  const stopUpdates = client.subscribe(update);
  const stopLooking = effect(() => {
    if (scroll.atEnd.value && open.value) {
      look();
    }
  });

  return {
    visitor,
    rows: computed(() =>
      makeRows(shownItems(visitor.value, started).slice(-limit.value), newFrom.value),
    ),
    hasEarlier: computed(() => visitor.value.items.length > limit.value),
    banner: banner.banner,
    open,
    settled,
    composer,
    contact,
    scroll,
    look,
    setOpen(next) {
      if (!next && client.state.unread === 0) {
        newFrom.value = undefined;
      }
      if (!next) {
        composer.stop();
      }
      open.value = next;
    },
    showEarlier() {
      scroll.hold();
      limit.value += SHOWN_MESSAGES;
    },
    retry(item) {
      if (item.id !== undefined) {
        client.retry(item.id);
      }
    },
    identify(person) {
      if (Object.keys(person).length > 0) {
        pending = { ...pending, ...person };
        void tellPerson();
      }
    },
    stop() {
      stopUpdates();
      stopLooking();
      clearTimeout(settling);
      composer.stop();
      banner.stop();
      client.stop();
    },
  };
}

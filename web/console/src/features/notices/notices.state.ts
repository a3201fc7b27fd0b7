/*
 * What calls an agent who looks elsewhere: the number in the tab's title, the dot in its icon, a chime, a note
 * of the system. Each message calls once, however it was heard; while somebody waits and nobody looks, the
 * chime comes again.
 */
import { effect } from "@preact/signals";
import icon from "../../assets/icon.svg?url";
import iconDot from "../../assets/icon-dot.svg?url";
import type { Arrival, Desk } from "../../desk/desk.state.ts";
import { visitorName } from "../../desk/names.ts";
import { texts } from "../../texts/texts.ts";
import type { InboxState } from "../inbox/inbox.state.ts";
import { settings } from "../profile/settings.state.ts";
import { type Chime, play } from "./sound.ts";

const AGAIN_MS = 20_000;
/** What is read as it comes changes nothing: a tab's icon costs more than showing the message. */
const SETTLE_MS = 300;
/** Many messages at once, as after a lost connection, are one call. */
const QUIET_MS = 700;

/** Which sound a message makes for this agent; none when it is somebody else's affair. */
export function chimeFor(
  arrival: Arrival,
  me: number,
  opened: number | undefined,
  looking: boolean,
): Chime | undefined {
  const { conversation } = arrival;
  if (conversation.agent === undefined) {
    return "waiting";
  }
  const readNow = looking && opened === conversation.conversation;
  return conversation.agent === me && !readNow ? "message" : undefined;
}

export function titleFor(attention: number, product: string): string {
  return attention > 0 ? `(${attention}) ${product}` : product;
}

interface NoticesPart {
  desk: Desk;
  inbox: InboxState;
  opened: () => number | undefined;
  onPick: (conversation: number) => void;
}

/** Starts calling; the returned function ends it and leaves a plain title. */
export function startNotices({ desk, inbox, opened, onPick }: NoticesPart): () => void {
  let lastChime = 0;
  const chime = (which: Chime): void => {
    if (settings.peek().sound && performance.now() - lastChime > QUIET_MS) {
      lastChime = performance.now();
      play(which);
    }
  };
  desk.onArrival = (arrival) => {
    const me = desk.me.peek()?.agent ?? 0;
    const which = chimeFor(arrival, me, opened(), isLooking());
    if (which !== undefined) {
      chime(which);
      if (!isLooking()) {
        showSystemNote(arrival, which, onPick);
      }
    }
  };
  const again = setInterval(() => {
    if (desk.waiting.peek().length > 0 && !isLooking() && desk.me.peek()?.status === "online") {
      chime("waiting");
    }
  }, AGAIN_MS);
  let settling: ReturnType<typeof setTimeout> | undefined;
  const stopTitle = effect(() => {
    const attention = inbox.attention.value;
    clearTimeout(settling);
    settling = setTimeout(showAttention, SETTLE_MS, attention);
  });
  return () => {
    clearInterval(again);
    stopTitle();
    clearTimeout(settling);
    showAttention(0);
  };
}

function isLooking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

function showAttention(attention: number): void {
  const title = titleFor(attention, texts.peek().product);
  if (document.title !== title) {
    document.title = title;
  }
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const href = attention > 0 ? iconDot : icon;
  if (link !== null && link.getAttribute("href") !== href) {
    link.href = href;
  }
}

function showSystemNote(
  arrival: Arrival,
  chime: Chime,
  onPick: (conversation: number) => void,
): void {
  if (
    !settings.peek().desktop ||
    !("Notification" in window) ||
    Notification.permission !== "granted"
  ) {
    return;
  }
  const t = texts.peek();
  const { conversation, message } = arrival;
  const name = visitorName(conversation);
  const title = chime === "waiting" ? t.noticeTitleWaiting(name) : t.noticeTitleMessage(name);
  try {
    const note = new Notification(title, {
      body: message.text.slice(0, 200),
      tag: `deskbell-${conversation.conversation}`,
      silent: true,
    });
    note.onclick = () => {
      window.focus();
      onPick(conversation.conversation);
      note.close();
    };
  } catch {
    // Some phones have the name but only allow it to service workers.
  }
}

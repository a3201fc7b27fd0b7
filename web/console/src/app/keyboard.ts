/* Turns key presses into what an agent does; what a key means stands in keys.ts. */
import { settings } from "../features/profile/settings.state.ts";
import type { ConsoleState } from "./console.state.ts";
import { actionOf, type KeyAction, type KeyPlace } from "./keys.ts";
import { route } from "./route.ts";

export function startKeyboard(state: ConsoleState): () => void {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.defaultPrevented) {
      return;
    }
    const action = actionOf(event, placeOf(event.target));
    if (action !== undefined && act(state, action, event.target)) {
      event.preventDefault();
    }
  };
  document.addEventListener("keydown", onKeyDown);
  return () => document.removeEventListener("keydown", onKeyDown);
}

function placeOf(target: EventTarget | null): KeyPlace {
  const element = target instanceof Element ? target : null;
  const has = (selector: string): boolean => element?.closest(selector) != null;
  return {
    writing: has("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]"),
    answering: has(".composer-field"),
    inList: has("[data-conversation]"),
    blocked: document.querySelector("dialog[open], [role=menu]") !== null,
    letters: settings.peek().singleKeys,
  };
}

function opened(): number | undefined {
  const at = route.peek();
  return at.place === "inbox" ? at.conversation : undefined;
}

/** False when there was nothing to do, so that the browser may have the key. */
function act(state: ConsoleState, action: KeyAction, target: EventTarget | null): boolean {
  const conversation = opened();
  switch (action.do) {
    case "move": {
      const inList = target instanceof Element && target.closest("[data-conversation]") !== null;
      state.inbox.move(action.by, inList, conversation);
      state.listFocusAsked.value += 1;
      return true;
    }
    case "view":
      state.showView(action.view);
      return true;
    case "leaveReply":
      state.inbox.focus(conversation ?? 0);
      state.listFocusAsked.value += 1;
      return true;
    case "takeNext":
      state.takeNext();
      return true;
    case "help":
      state.overlay.value = { kind: "shortcuts" };
      return true;
    case "open": {
      const current = state.inbox.current.peek();
      if (current !== undefined) {
        state.open(current, true);
      }
      return true;
    }
    case "reply":
    case "take":
    case "close":
    case "handOver":
    case "facts":
      return actOn(state, action.do, focusedConversation(target) ?? conversation, conversation);
  }
}

/** The row that the keyboard is on. */
function focusedConversation(target: EventTarget | null): number | undefined {
  const row = target instanceof Element ? target.closest<HTMLElement>("[data-conversation]") : null;
  return row === null ? undefined : Number(row.getAttribute("data-conversation"));
}

function actOn(
  state: ConsoleState,
  what: "reply" | "take" | "close" | "handOver" | "facts",
  conversation: number | undefined,
  openedNow: number | undefined,
): boolean {
  if (conversation === undefined) {
    return false;
  }
  const data = state.desk.conversation(conversation);
  switch (what) {
    case "reply":
      state.open(conversation, true);
      return true;
    case "take":
      void state.take(conversation);
      return true;
    case "close":
      if (data?.state === "open") {
        void state.close(conversation);
      }
      return true;
    case "handOver":
      if (data?.state === "open") {
        state.overlay.value = { kind: "handOver", conversation };
      }
      return true;
    case "facts":
      if (openedNow !== undefined) {
        state.toggleFacts();
      }
      return true;
  }
}

/*
 * The chat's file: loaded with the first click, and on later pages of who has talked before, it puts the window into
 * the launcher's shadow root and talks to the desk from then on, whether the window is open or not.
 */

import { VisitorClient } from "@deskbell/protocol/visitor";
import { makeClock } from "@deskbell/ui/clock";
import { signal } from "@preact/signals";
import { createRef, render } from "preact";
import type { StartChat } from "../contract.ts";
import { makeChat } from "./chat.state.ts";
import composerCss from "./composer/composer.css?inline";
import { sessionDraft } from "./composer/composer.state.ts";
import contactCss from "./contact/contact.css?inline";
import frameCss from "./frame/frame.css?inline";
import { followViewport } from "./frame/viewport.state.ts";
import { Window } from "./frame/Window.tsx";
import { loadTexts } from "./texts/texts.ts";
import timelineCss from "./timeline/timeline.css?inline";

const WARM_UP_MS = 200;

export const start: StartChat = async (host) => {
  const texts = signal(await loadTexts(host.locale.language));
  const clock = signal(makeClock(host.locale.tag, texts.value));
  const client = new VisitorClient({ url: host.socket, site: host.site });
  const chat = makeChat(client, host, sessionDraft(`deskbell.${host.site}.draft`));
  const frame = createRef<HTMLElement>();
  const field = createRef<HTMLTextAreaElement>();

  host.adopt(frameCss + timelineCss + composerCss + contactCss);
  render(
    <Window
      chat={chat}
      texts={texts}
      clock={clock}
      frame={frame}
      field={field}
      onClose={host.close}
    />,
    host.mount,
  );
  const unfollow = followViewport(host.mount);
  document.addEventListener("visibilitychange", chat.look);
  addEventListener("online", chat.look);
  addEventListener("offline", chat.look);
  client.start();
  /* The first time on the screen costs milliseconds: not at the first key press. */
  setTimeout(() => clock.value.time(Date.now()), WARM_UP_MS);

  /* Where fingers type, the field would bring up the keyboard before anything was read. */
  function takeFocus(): void {
    const target = matchMedia("(pointer: coarse)").matches ? frame : field;
    target.current?.focus({ preventScroll: true });
  }

  return {
    setOpen(open) {
      chat.setOpen(open);
      if (open && frame.current) {
        /* Rendering waits for the next turn; the focus does not. */
        frame.current.hidden = false;
        takeFocus();
      }
    },
    async setLocale(locale) {
      texts.value = await loadTexts(locale.language);
      clock.value = makeClock(locale.tag, texts.value);
    },
    identify: chat.identify,
    destroy() {
      unfollow();
      document.removeEventListener("visibilitychange", chat.look);
      removeEventListener("online", chat.look);
      removeEventListener("offline", chat.look);
      chat.stop();
      render(null, host.mount);
    },
  };
};

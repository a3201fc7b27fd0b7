import type { Clock } from "@deskbell/ui/clock";
import type { ReadonlySignal } from "@preact/signals";
import type { JSX, RefObject } from "preact";
import type { ChatState } from "../chat.state.ts";
import { Composer } from "../composer/Composer.tsx";
import { ContactCard } from "../contact/ContactCard.tsx";
import { isolate, Say } from "../texts/Say.tsx";
import type { ChatTexts } from "../texts/texts.ts";
import { Avatar } from "../timeline/Bubble.tsx";
import { Timeline } from "../timeline/Timeline.tsx";
import type { Banner } from "./banner.state.ts";
import { Header } from "./Header.tsx";

export interface WindowProps {
  chat: ChatState;
  texts: ReadonlySignal<ChatTexts>;
  clock: ReadonlySignal<Clock>;
  frame: RefObject<HTMLElement | null>;
  field: RefObject<HTMLTextAreaElement | null>;
  onClose: () => void;
}

function BannerLine(props: { banner: Banner; texts: ChatTexts }): JSX.Element | null {
  const { banner, texts } = props;
  switch (banner) {
    case "hidden":
      return null;
    case "offline":
      return (
        <p class="banner">
          <Say>{texts.offline}</Say>
        </p>
      );
    case "reconnecting":
      return (
        <p class="banner">
          <Say>{texts.reconnecting}</Say>
        </p>
      );
    case "back":
      return (
        <p class="banner good">
          <Say>{texts.online}</Say>
        </p>
      );
  }
}

function Intro(props: { site: string; texts: ChatTexts }): JSX.Element {
  return (
    <div class="intro">
      <Avatar name={props.site} />
      <h3>
        <Say>{props.texts.title(isolate(props.site))}</Say>
      </h3>
    </div>
  );
}

/* Where the style sheet makes the window cover the page. */
const FULL_SCREEN = "(max-width: 480px), (max-height: 480px)";

/* Without a connection nobody knows who is there. */
function isCut(banner: Banner): boolean {
  return banner === "offline" || banner === "reconnecting";
}

function Conversation(props: WindowProps): JSX.Element {
  const { chat } = props;
  const texts = props.texts.value;
  const visitor = chat.visitor.value;
  const site = visitor.site?.name ?? "";
  return (
    <>
      <Timeline
        rows={chat.rows.value}
        texts={texts}
        clock={props.clock.value}
        site={site}
        typing={visitor.agentTyping && (visitor.agentTyping.name ?? "")}
        unread={visitor.unread}
        settled={chat.settled.value}
        scroll={chat.scroll}
        onRetry={chat.retry}
        onEarlier={chat.hasEarlier.value ? chat.showEarlier : undefined}
        intro={site && <Intro site={site} texts={texts} />}
      >
        <ContactCard contact={chat.contact} texts={texts} email={visitor.email} />
        {visitor.conversation === "closed" && (
          <p class="line">
            <Say>{texts.closedNote}</Say>
          </p>
        )}
      </Timeline>
      <Composer
        composer={chat.composer}
        texts={texts}
        field={props.field}
        shown={chat.open.value}
      />
    </>
  );
}

export function Window(props: WindowProps): JSX.Element {
  const { chat, onClose } = props;
  const texts = props.texts.value;
  const visitor = chat.visitor.value;
  const site = visitor.site?.name ?? "";
  const ended = visitor.connection.phase === "ended";
  return (
    <section
      ref={props.frame}
      class="window"
      role="dialog"
      aria-modal={matchMedia(FULL_SCREEN).matches}
      aria-label={site === "" ? texts.chat : texts.title(site)}
      tabIndex={-1}
      hidden={!chat.open.value}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.isComposing) {
          event.preventDefault();
          onClose();
        }
      }}
    >
      <Header
        texts={texts}
        site={site}
        online={isCut(chat.banner.value) ? undefined : visitor.deskOnline}
        agent={visitor.conversation === "open" ? visitor.agentName : undefined}
        ended={ended}
        onClose={onClose}
      />
      <div role="status">
        <BannerLine banner={chat.banner.value} texts={texts} />
      </div>
      {ended ? <p class="unusable">{texts.unusable}</p> : <Conversation {...props} />}
    </section>
  );
}

import type { ThreadItem } from "@deskbell/protocol/visitor";
import type { Clock } from "@deskbell/ui/clock";
import type { ComponentChildren, JSX } from "preact";
import { DownIcon } from "../icons.tsx";
import { isolate, Say } from "../texts/Say.tsx";
import type { ChatTexts } from "../texts/texts.ts";
import { Avatar, Bubble } from "./Bubble.tsx";
import type { Row } from "./rows.state.ts";
import { type Scroll, useScroll } from "./scroll.state.ts";
import { NEW_TAB_ID } from "./Text.tsx";

export interface TimelineProps {
  rows: readonly Row[];
  texts: ChatTexts;
  clock: Clock;
  site: string;
  /* Name of who is typing, empty when the desk does not tell; undefined: nobody. */
  typing: string | undefined;
  /* New messages below what is seen. */
  unread: number;
  /* False until what was said before is there: that is not read aloud. */
  settled: boolean;
  scroll: Scroll;
  onRetry: (item: ThreadItem) => void;
  /* Absent when the first message is on the screen. */
  onEarlier: (() => void) | undefined;
  /* What stands above and below the messages. */
  intro: ComponentChildren;
  children: ComponentChildren;
}

function lineText(item: ThreadItem, texts: ChatTexts): string {
  const name = isolate(item.name ?? "");
  switch (item.line) {
    case "joined":
      return texts.joined(name);
    case "assigned":
      return texts.assigned(name);
    case "closed":
      return texts.closed;
    case "reopened":
      return texts.reopened;
    default:
      item.line satisfies undefined;
      return "";
  }
}

function TimelineRow(props: TimelineProps & { row: Row }): JSX.Element {
  const { row, texts, clock } = props;
  switch (row.kind) {
    case "day":
      return (
        <div class="day">
          <Say>{clock.day(row.at, Date.now())}</Say>
        </div>
      );
    case "new":
      return <div class="new">{texts.unread}</div>;
    case "line":
      return (
        <div class="line">
          <Say>{lineText(row.item, texts)}</Say>
        </div>
      );
    case "bubble":
      return (
        <Bubble
          bubble={row.bubble}
          texts={texts}
          clock={clock}
          site={props.site}
          settled={props.settled}
          onRetry={props.onRetry}
        />
      );
  }
}

function Typing(props: { name: string; site: string; texts: ChatTexts }): JSX.Element {
  return (
    <div class="message theirs typing arrives">
      <span class="sr-only">{props.texts.typing(props.name)}</span>
      <div class="body" aria-hidden="true">
        <Avatar name={props.name || props.site} />
        <div class="bubble">
          <i />
          <i />
          <i />
        </div>
      </div>
    </div>
  );
}

export function Timeline(props: TimelineProps): JSX.Element {
  const { scroll, texts } = props;
  const refs = useScroll(scroll);
  return (
    <div class="timeline">
      <span id={NEW_TAB_ID} hidden>
        {texts.opensInNewTab}
      </span>
      <section
        class="scroller"
        ref={refs.scroller}
        onScroll={scroll.onScroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: who uses the keyboard must be able to scroll
        tabIndex={0}
        aria-label={texts.messages}
      >
        <div class="content" ref={refs.content}>
          {props.onEarlier ? (
            <button type="button" class="plain" onClick={props.onEarlier}>
              {texts.earlier}
            </button>
          ) : (
            props.intro
          )}
          <div
            class="log"
            role="log"
            aria-label={texts.messages}
            aria-live={props.settled ? "polite" : "off"}
            aria-relevant="additions"
          >
            {props.rows.map((row) => (
              <TimelineRow key={row.key} {...props} row={row} />
            ))}
          </div>
          {props.typing !== undefined && (
            <Typing name={props.typing} site={props.site} texts={texts} />
          )}
          {props.children}
        </div>
      </section>
      {!scroll.atEnd.value && (
        <button type="button" class="latest" onClick={() => scroll.toEnd()}>
          <DownIcon />
          <span class={props.unread > 0 ? undefined : "sr-only"}>{texts.latest(props.unread)}</span>
        </button>
      )}
    </div>
  );
}

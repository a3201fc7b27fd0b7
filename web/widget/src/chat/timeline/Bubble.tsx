import type { Delivery, ThreadItem } from "@deskbell/protocol/visitor";
import type { Clock } from "@deskbell/ui/clock";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ClockIcon, FailedIcon, TickIcon, TicksIcon } from "../icons.tsx";
import type { ChatTexts } from "../texts/texts.ts";
import type { Bubble as BubbleOf } from "./rows.state.ts";
import { Text } from "./Text.tsx";

const STATE_ICONS: Readonly<Record<Delivery, () => JSX.Element>> = {
  waiting: ClockIcon,
  stored: TickIcon,
  delivered: TicksIcon,
  read: TicksIcon,
  refused: FailedIcon,
};

export interface BubbleProps {
  bubble: BubbleOf;
  texts: ChatTexts;
  clock: Clock;
  site: string;
  /* False for what was there before: only what arrives moves. */
  settled: boolean;
  onRetry: (item: ThreadItem) => void;
}

/* The first letter, or syllable, of a name. */
export function Avatar(props: { name: string }): JSX.Element {
  return (
    <span class="avatar" aria-hidden="true">
      {[...props.name.trim()][0]?.toLocaleUpperCase()}
    </span>
  );
}

function State(props: { delivery: Delivery; texts: ChatTexts }): JSX.Element {
  const Icon = STATE_ICONS[props.delivery];
  const text = props.texts[props.delivery];
  return (
    <span class={`state ${props.delivery}`} title={text}>
      <span class={props.delivery === "waiting" ? undefined : "sr-only"}>{text}</span>
      <Icon />
    </span>
  );
}

function Meta(props: BubbleProps): JSX.Element {
  const { item } = props.bubble;
  if (item.delivery === "refused") {
    return (
      <button type="button" class="meta refused" onClick={() => props.onRetry(item)}>
        <FailedIcon />
        {props.texts.refused} <u>{props.texts.retry}</u>
      </button>
    );
  }
  return (
    <div class="meta">
      <time dir="ltr" dateTime={new Date(item.at).toISOString()}>
        {props.clock.time(item.at)}
      </time>
      {item.delivery && <State delivery={item.delivery} texts={props.texts} />}
    </div>
  );
}

/* One message with what belongs to it. */
export function Bubble(props: BubbleProps): JSX.Element {
  const { item, first, last, meta } = props.bubble;
  const own = item.author === "visitor";
  const name = own ? props.texts.you : item.name || props.site;
  const [arrives] = useState(props.settled);
  const shape = `${own ? "own" : "theirs"}${first ? " first" : ""}${arrives ? " arrives" : ""}`;
  return (
    <div class={`message ${shape}`}>
      {!own && first && item.name ? (
        <bdi class="author">{name}</bdi>
      ) : (
        <span class="sr-only">{name}: </span>
      )}
      <div class="body">
        {!own && last && <Avatar name={name} />}
        <div class={item.delivery === "refused" ? "bubble refused" : "bubble"} dir="auto">
          <Text text={item.text} />
        </div>
      </div>
      {meta && <Meta {...props} />}
    </div>
  );
}

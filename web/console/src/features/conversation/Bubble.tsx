import { splitLinks } from "@deskbell/ui/links";
import { Component } from "preact";
import type { Delivery } from "../../desk/types.ts";
import { formatClock, formatFull } from "../../lib/time.ts";
import { locale, texts } from "../../texts/texts.ts";
import { Icon, type IconName } from "../../ui/Icon.tsx";
import type { BubbleEntry } from "./entries.ts";

interface BubbleProps {
  entry: BubbleEntry;
  /** Of the visitor. */
  visitorName: string;
}

/**
 * One message. Entries are made anew whenever something changes, mostly into what they were: a bubble renders
 * again only when it looks different, so that a long conversation costs what changed in it.
 */
export class Bubble extends Component<BubbleProps> {
  override shouldComponentUpdate(next: BubbleProps): boolean {
    const a = this.props.entry;
    const b = next.entry;
    return (
      a.text !== b.text ||
      a.at !== b.at ||
      a.delivery !== b.delivery ||
      a.first !== b.first ||
      a.last !== b.last ||
      a.number !== b.number ||
      a.name !== b.name ||
      a.you !== b.you ||
      this.props.visitorName !== next.visitorName
    );
  }

  override render({ entry, visitorName }: BubbleProps) {
    const t = texts.value;
    const side = entry.author === "visitor" ? "bubble-visitor" : "bubble-desk";
    const classes = ["bubble", side];
    if (entry.first) {
      classes.push("bubble-first");
    }
    if (entry.last) {
      classes.push("bubble-last");
    }
    if (entry.author === "site") {
      classes.push("bubble-site");
    }
    if (entry.delivery === "waiting" || entry.delivery === "refused") {
      classes.push("bubble-unsent");
    }
    return (
      <li class={classes.join(" ")} data-number={entry.number}>
        {entry.first && (
          <p class="bubble-author one-line" dir="auto">
            {authorName(entry, visitorName)}
          </p>
        )}
        <div class="bubble-body">
          <p class="bubble-text" dir="auto">
            <LinkedText text={entry.text} />
          </p>
          <p class="bubble-meta number">
            <time
              dateTime={new Date(entry.at).toISOString()}
              title={formatFull(entry.at, locale.value)}
            >
              {formatClock(entry.at, locale.value)}
            </time>
            {entry.delivery !== undefined && <DeliveryMark delivery={entry.delivery} />}
          </p>
        </div>
        {entry.delivery === "refused" && <p class="bubble-refused">{t.refusedTitle}</p>}
      </li>
    );
  }
}

function authorName(entry: BubbleEntry, visitorName: string): string {
  const t = texts.value;
  if (entry.author === "site") {
    return t.welcomeMessage;
  }
  if (entry.author === "visitor") {
    return visitorName;
  }
  return entry.you ? t.you : (entry.name ?? t.somebody);
}

function LinkedText({ text }: { text: string }) {
  return (
    <>
      {splitLinks(text).map((part, i) =>
        part.href === undefined ? (
          part.text
        ) : (
          <a key={i} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
          </a>
        ),
      )}
    </>
  );
}

function DeliveryMark({ delivery }: { delivery: Delivery }) {
  const t = texts.value;
  const marks: Readonly<Record<Delivery, readonly [IconName, string]>> = {
    waiting: ["clock", t.stateWaiting],
    stored: ["check", t.stateStored],
    delivered: ["checks", t.stateDelivered],
    read: ["checks", t.stateRead],
    refused: ["warn", t.refusedTitle],
  };
  const [icon, label] = marks[delivery];
  return (
    <span class={`delivery delivery-${delivery}`} title={label}>
      <Icon name={icon} size={14} />
      <span class="reader-only">{label}</span>
    </span>
  );
}

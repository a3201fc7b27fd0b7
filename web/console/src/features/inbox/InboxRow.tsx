import { formatFull, formatListTime } from "../../lib/time.ts";
import { locale, texts } from "../../texts/texts.ts";
import { Avatar } from "../../ui/Avatar.tsx";
import { Wait } from "./Wait.tsx";

export interface InboxRowProps {
  conversation: number;
  visitor: string;
  name: string;
  /** Empty when the visitor gave none. */
  given: string;
  text: string;
  /** Of the last change. */
  at: number;
  /** Present while the visitor waits for an answer. */
  waitingSince?: number;
  unread: number;
  /** An answer was begun and left. */
  draft: boolean;
  /** The colleague who has it. */
  agent?: { agent: number; name: string };
  current: boolean;
  opened: boolean;
  now: number;
  onOpen: (conversation: number) => void;
  onFocus: (conversation: number) => void;
}

export function InboxRow(props: InboxRowProps) {
  const { conversation, name, text, at, waitingSince, unread, draft, agent, current, opened } =
    props;
  const t = texts.value;
  // On the words themselves: a class of the row that changes together with what is in it leaves them as they
  // were in Chromium 156, which misses that a rule of "row words" begins to hold.
  const words = unread > 0 ? "one-line inbox-row-unread" : "one-line";
  return (
    <button
      type="button"
      class="inbox-row"
      data-conversation={conversation}
      tabIndex={current ? 0 : -1}
      aria-current={opened}
      onClick={() => props.onOpen(conversation)}
      onFocus={() => props.onFocus(conversation)}
    >
      <Avatar name={props.given} of={props.visitor} />
      <span class="inbox-row-words">
        <span class="inbox-row-line">
          <span class={`inbox-row-name ${words}`} dir="auto">
            {name}
          </span>
          {draft && <span class="inbox-draft">{t.draft}</span>}
          {waitingSince !== undefined ? (
            <>
              <span class="reader-only">{t.waitingHeading}</span>
              <Wait since={waitingSince} />
            </>
          ) : (
            <span class="inbox-row-time number" title={formatFull(at, locale.value)}>
              {formatListTime(at, props.now, locale.value)}
            </span>
          )}
        </span>
        <span class="inbox-row-line">
          <span class={`inbox-row-text ${words}`} dir="auto">
            {text}
          </span>
          {agent !== undefined && (
            <span class="inbox-row-agent" title={t.withAgent(agent.name)}>
              <span class="reader-only">{t.withAgent(agent.name)}</span>
              <Avatar name={agent.name} of={agent.agent} size="small" />
            </span>
          )}
          {unread > 0 && (
            <span class="badge">
              <span class="reader-only">{t.unread(unread)}</span>
              <span aria-hidden="true">{unread > 99 ? "99+" : unread}</span>
            </span>
          )}
        </span>
      </span>
    </button>
  );
}

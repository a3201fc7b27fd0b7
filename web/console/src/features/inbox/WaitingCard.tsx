import { texts } from "../../texts/texts.ts";
import { Icon } from "../../ui/Icon.tsx";
import { stepNow, Wait } from "./Wait.tsx";

export interface WaitingCardProps {
  conversation: number;
  name: string;
  /** What the visitor asked. */
  text: string;
  since: number;
  unread: number;
  /** An answer was begun and left. */
  draft: boolean;
  /** The row that j, k and Tab lead to. */
  current: boolean;
  opened: boolean;
  onOpen: (conversation: number) => void;
  onTake: (conversation: number) => void;
  onFocus: (conversation: number) => void;
}

/** A chat that nobody has: the loudest thing on the screen. Beside it only the button that takes it. */
export function WaitingCard(props: WaitingCardProps) {
  const { conversation, name, text, since, unread, draft, current, opened } = props;
  const t = texts.value;
  return (
    <div class={`waiting-card waiting-${stepNow(since)}`}>
      <button
        type="button"
        class="waiting-open"
        data-conversation={conversation}
        tabIndex={current ? 0 : -1}
        aria-current={opened}
        onClick={() => props.onOpen(conversation)}
        onFocus={() => props.onFocus(conversation)}
      >
        <span class="waiting-head">
          <span class="waiting-name one-line" dir="auto">
            {name}
          </span>
          {draft && <span class="inbox-draft">{t.draft}</span>}
          {unread > 1 && (
            <span class="tag">
              <span class="reader-only">{t.unread(unread)}</span>
              <span aria-hidden="true">{unread}</span>
            </span>
          )}
          <span class="reader-only">{t.waitingHeading}</span>
          <Wait since={since} />
        </span>
        <span class="waiting-text">
          <span class="in-line" dir="auto">
            {text}
          </span>
        </span>
      </button>
      <button
        type="button"
        class="button button-primary waiting-take"
        tabIndex={current ? 0 : -1}
        aria-label={t.takeNamed(name)}
        onClick={() => props.onTake(conversation)}
      >
        <Icon name="take" />
        {t.take}
      </button>
    </div>
  );
}

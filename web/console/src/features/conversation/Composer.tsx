import {
  countChars,
  isBlank,
  AGENT_COMMAND_POST_TEXT_MAX_CHARS as MAX_TEXT_CHARS,
} from "@deskbell/protocol/text";
import { EnterGuard } from "@deskbell/ui/enter";
import { useLayoutEffect, useRef } from "preact/hooks";
import { texts } from "../../texts/texts.ts";
import { Icon } from "../../ui/Icon.tsx";

export interface ComposerProps {
  visitorName: string;
  draft: string;
  /** A line above the field: who has the conversation, or what sending does. */
  hint?: string | undefined;
  /** Counts up when the cursor is to be in the field. */
  focusAsked: number;
  onInput: (text: string) => void;
  onSend: () => void;
}

/** How many characters may be left before they are counted down. */
const COUNT_FROM = 500;
const MAX_HEIGHT_PX = 240;

export function Composer({ visitorName, draft, hint, focusAsked, onInput, onSend }: ComposerProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const guard = useRef(new EnterGuard());
  const t = texts.value;
  const left = MAX_TEXT_CHARS - countChars(draft);
  const sendable = left >= 0 && !isBlank(draft);

  useLayoutEffect(() => {
    const element = field.current;
    if (element !== null) {
      element.style.height = "auto";
      element.style.height = `${Math.min(element.scrollHeight, MAX_HEIGHT_PX)}px`;
    }
  }, [draft]);

  // Together with the text it is for: a frame later somebody may have selected, or typed, in there.
  useLayoutEffect(() => {
    const element = field.current;
    if (focusAsked > 0 && element !== null) {
      element.focus();
      element.setSelectionRange(element.value.length, element.value.length);
    }
  }, [focusAsked]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (guard.current.sends(event)) {
      event.preventDefault();
      if (sendable) {
        onSend();
      }
    }
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        if (sendable) {
          onSend();
          field.current?.focus();
        }
      }}
    >
      {hint !== undefined && <p class="composer-hint">{hint}</p>}
      <div class="composer-frame">
        <textarea
          class="composer-field"
          ref={field}
          rows={2}
          dir="auto"
          value={draft}
          enterkeyhint="send"
          aria-label={t.answerTo(visitorName)}
          aria-describedby="composer-keys"
          placeholder={t.answerPlaceholder}
          onInput={(event) => onInput(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onCompositionStart={() => guard.current.compositionStart()}
          onCompositionEnd={(event) => guard.current.compositionEnd(event)}
        />
        <div class="composer-foot">
          <span class="composer-keys" id="composer-keys">
            {t.answerKeys}
          </span>
          {left < COUNT_FROM && (
            <span
              class={left < 0 ? "composer-left composer-over number" : "composer-left number"}
              role="status"
            >
              {left < 0 ? t.tooLong(-left) : t.charactersLeft(left)}
            </span>
          )}
          <button type="submit" class="button button-primary composer-send" disabled={!sendable}>
            {t.send}
            <Icon name="send" />
          </button>
        </div>
      </div>
    </form>
  );
}

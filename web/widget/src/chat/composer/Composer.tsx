import { EnterGuard } from "@deskbell/ui/enter";
import type { JSX, RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { SendIcon } from "../icons.tsx";
import type { ChatTexts } from "../texts/texts.ts";
import type { ComposerState } from "./composer.state.ts";

export interface ComposerProps {
  composer: ComposerState;
  texts: ChatTexts;
  field: RefObject<HTMLTextAreaElement | null>;
  shown: boolean;
}

/* As tall as its text, borders included; the style sheet ends it after five lines. Hidden it cannot be measured. */
function fit(field: HTMLTextAreaElement): void {
  field.style.blockSize = "auto";
  if (field.scrollHeight > 0) {
    field.style.blockSize = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }
}

function Counter(props: { left: number; texts: ChatTexts }): JSX.Element {
  const over = props.left < 0;
  return (
    <p id="counter" class={over ? "counter over" : "counter"}>
      {over ? props.texts.tooLong(-props.left) : props.texts.left(props.left)}
    </p>
  );
}

export function Composer(props: ComposerProps): JSX.Element {
  const { composer, texts, field } = props;
  const [guard] = useState(() => new EnterGuard());
  const draft = composer.draft.value;
  const left = composer.left.value;

  useLayoutEffect(() => {
    if (field.current) {
      fit(field.current);
    }
  }, [draft, props.shown]);

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        composer.submit();
        field.current?.focus();
      }}
    >
      {left !== undefined && <Counter left={left} texts={texts} />}
      <div class="field">
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          value={draft}
          placeholder={texts.write}
          aria-label={texts.write}
          aria-invalid={left !== undefined && left < 0}
          aria-describedby={left === undefined ? undefined : "counter"}
          enterkeyhint="send"
          onInput={(event) => composer.write(event.currentTarget.value)}
          onCompositionStart={() => guard.compositionStart()}
          onCompositionEnd={(event) => guard.compositionEnd(event)}
          onKeyDown={(event) => {
            if (guard.sends(event)) {
              event.preventDefault();
              composer.submit();
            }
          }}
        />
        {/* A press must not take the focus: a phone would put its keyboard away. */}
        <button
          type="submit"
          class="send"
          aria-label={texts.send}
          aria-disabled={!composer.canSend.value}
          onPointerDown={(event) => event.preventDefault()}
        >
          <SendIcon />
        </button>
      </div>
    </form>
  );
}

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { texts } from "../texts/texts.ts";
import { Icon } from "./Icon.tsx";

/** What somebody types into. */
const FIELDS = "input:not([type=radio], [type=checkbox]), textarea";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/**
 * A modal question. The browser's own dialog element keeps the focus inside, closes on Escape and gives the
 * focus back to what had it. A press outside closes it too, unless something can be typed in it; a press that
 * began inside, as when text is marked, does not.
 */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>(FIELDS)?.focus();
    return () => dialog?.close();
  }, []);
  const pressedOutside = useRef(false);
  const closeOutside = (event: MouseEvent): void => {
    const typed = element.current?.querySelector(FIELDS) != null;
    if (event.target === element.current && pressedOutside.current && !typed) {
      onClose();
    }
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the click outside is an extra; Escape does the same
    <dialog
      class="dialog"
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        pressedOutside.current = event.target === element.current;
      }}
      onClick={closeOutside}
    >
      <div class="dialog-head">
        <h2 class="dialog-title" id={id}>
          {title}
        </h2>
        <button
          type="button"
          class="icon-button"
          aria-label={texts.value.closeDialog}
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

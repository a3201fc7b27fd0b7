import { splitLinks } from "@deskbell/ui/links";
import type { JSX } from "preact";

/* Of an element that says that a link opens in a new tab: in the text itself it would be copied with it. */
export const NEW_TAB_ID = "new-tab";

/* What a person typed: text nodes, and links where it holds web addresses. */
export function Text(props: { text: string }): JSX.Element {
  return (
    <>
      {splitLinks(props.text).map((part) =>
        part.href === undefined ? (
          part.text
        ) : (
          <a
            href={part.href}
            target="_blank"
            rel="noopener noreferrer nofollow"
            aria-describedby={NEW_TAB_ID}
          >
            {part.text}
          </a>
        ),
      )}
    </>
  );
}

import { splitLinks } from "@deskbell/ui/links";
import type { JSX } from "preact";

/* What a person typed: text nodes, and links where it holds web addresses. */
export function Text(props: { text: string; newTab: string }): JSX.Element {
  return (
    <>
      {splitLinks(props.text).map((part) =>
        part.href === undefined ? (
          part.text
        ) : (
          <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
            <span class="sr-only"> ({props.newTab})</span>
          </a>
        ),
      )}
    </>
  );
}

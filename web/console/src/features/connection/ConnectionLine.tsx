import { texts } from "../../texts/texts.ts";
import { Icon } from "../../ui/Icon.tsx";
import type { LineState } from "./connection.state.ts";

interface ConnectionLineProps {
  line: LineState;
}

/** Says when what is on the screen may be old, and when it is not any more. Readers hear it, too. */
export function ConnectionLine({ line }: ConnectionLineProps) {
  const t = texts.value;
  return (
    <div role="status" aria-live="polite">
      {line.kind === "lost" && (
        <p class="connection-line connection-lost">
          <span class="connection-pulse" aria-hidden="true" />
          {t.reconnecting}
        </p>
      )}
      {line.kind === "back" && (
        <p class="connection-line connection-back">
          <Icon name="check" />
          {line.newMessages > 0 ? t.caughtUpNew(line.newMessages) : t.caughtUp}
        </p>
      )}
    </div>
  );
}

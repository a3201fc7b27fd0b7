import type { Session } from "../../desk/types.ts";
import { readBrowser } from "../../lib/browser.ts";
import { formatFull, formatListTime } from "../../lib/time.ts";
import { locale, texts } from "../../texts/texts.ts";
import { Icon } from "../../ui/Icon.tsx";

interface SessionListProps {
  sessions: readonly Session[] | undefined;
  failed: boolean;
  now: number;
  onEnd: (session: number) => void;
  onEndAll: () => void;
  onRetry: () => void;
}

/** Where an account is logged in, each with the way to end it. */
export function SessionList({ sessions, failed, now, onEnd, onEndAll, onRetry }: SessionListProps) {
  const t = texts.value;
  if (failed) {
    return (
      <p class="session-failed" role="alert">
        {t.listFailed}
        <button type="button" class="button button-small" onClick={onRetry}>
          {t.tryAgain}
        </button>
      </p>
    );
  }
  if (sessions === undefined) {
    return (
      <div aria-busy="true">
        <span class="skeleton session-skeleton" />
        <span class="skeleton session-skeleton" />
      </div>
    );
  }
  const others = sessions.filter((session) => !session.current);
  return (
    <div class="sessions">
      {sessions.length === 0 && <p class="field-hint">{t.sessionsNone}</p>}
      <ul class="session-list">
        {sessions.map((session) => (
          <SessionRow key={session.session} session={session} now={now} onEnd={onEnd} />
        ))}
      </ul>
      {others.length > 1 && (
        <button type="button" class="button button-small button-danger" onClick={onEndAll}>
          {others.length < sessions.length ? t.endAllOthers : t.endAll}
        </button>
      )}
    </div>
  );
}

interface SessionRowProps {
  session: Session;
  now: number;
  onEnd: (session: number) => void;
}

function SessionRow({ session, now, onEnd }: SessionRowProps) {
  const t = texts.value;
  const browser = readBrowser(session.browser);
  const name = browserName(session.browser);
  const when = formatListTime(session.seen_at, now, locale.value);
  return (
    <li class="session-row">
      <Icon name={browser?.mobile ? "phone" : "screen"} />
      <div class="session-words">
        <p class="session-name one-line">
          {name}
          {session.current && <span class="tag session-current">{t.sessionCurrent}</span>}
        </p>
        <p class="session-when one-line" title={formatFull(session.created_at, locale.value)}>
          {t.sessionSeen(when, session.address)}
        </p>
      </div>
      {!session.current && (
        <button
          type="button"
          class="button button-small"
          aria-label={t.endSessionNamed(name)}
          onClick={() => onEnd(session.session)}
        >
          {t.endSession}
        </button>
      )}
    </li>
  );
}

function browserName(field: string): string {
  const t = texts.value;
  const browser = readBrowser(field);
  if (browser === undefined) {
    return t.unknownBrowser;
  }
  const both = browser.name !== "" && browser.system !== "";
  return both ? t.factBrowserOn(browser.name, browser.system) : browser.name || browser.system;
}

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { formatDay } from "../../lib/time.ts";
import { locale, texts } from "../../texts/texts.ts";
import { Icon } from "../../ui/Icon.tsx";
import { Bubble } from "./Bubble.tsx";
import type { Entry, LineEntry } from "./entries.ts";

export interface MessageListProps {
  entries: readonly Entry[];
  visitorName: string;
  /** The first messages are still on their way. */
  loading: boolean;
  /** The beginning has been reached. */
  complete: boolean;
  loadingEarlier: boolean;
  visitorTyping: boolean;
  now: number;
  onEarlier: () => void;
  /** Everything up to this number has been on the screen. */
  onSeen: (number: number) => void;
}

/** Nearer to the end than this counts as at the end. */
const END_PX = 32;
/** Farther from the end than this there is a way back to it. */
const AWAY_PX = 240;
/** Earlier messages are fetched before the top comes into sight. */
const EARLIER_PX = 600;

/**
 * The messages, newest at the bottom. Stays at the end when it is there, and where the reader is when not;
 * earlier messages are put in above without moving what is read.
 */
export function MessageList(props: MessageListProps) {
  const { entries, loading, complete, loadingEarlier, visitorTyping, visitorName } = props;
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const before = useRef<Before>({ height: 0, firstKey: "", count: 0 });
  const [below, setBelow] = useState(0);
  const [away, setAway] = useState(false);
  const latest = useRef(props);
  latest.current = props;

  const look = (): void => {
    const element = box.current;
    if (element === null) {
      return;
    }
    setAway(belowOf(element) > AWAY_PX);
    const now = latest.current;
    if (!now.complete && !now.loadingEarlier && !now.loading && element.scrollTop < EARLIER_PX) {
      now.onEarlier();
    }
    const seen = lastSeen(element, now.entries, atEnd.current);
    if (seen > 0) {
      now.onSeen(seen);
    }
  };

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || entries.length === 0) {
      return;
    }
    const was = before.current;
    before.current = {
      height: element.scrollHeight,
      firstKey: firstKey(entries),
      count: countOfOthers(entries),
    };
    if (was.count === 0 && was.firstKey === "") {
      showBeginning(element);
      atEnd.current = isAtEnd(element);
    } else if (was.firstKey !== before.current.firstKey) {
      element.scrollTop += element.scrollHeight - was.height;
    } else if (
      atEnd.current ||
      (entries[entries.length - 1]?.kind !== "line" && isOwnNew(entries, was))
    ) {
      toEnd(element);
      atEnd.current = true;
    } else if (before.current.count > was.count) {
      setBelow((n) => n + before.current.count - was.count);
    }
    look();
  }, [entries, visitorTyping]);

  useLayoutEffect(() => {
    const element = box.current;
    const inner = content.current;
    if (element === null || inner === null) {
      return undefined;
    }
    const observer = new ResizeObserver(() => {
      if (atEnd.current) {
        toEnd(element);
      }
      before.current = { ...before.current, height: element.scrollHeight };
      look();
    });
    observer.observe(element);
    observer.observe(inner);
    return () => observer.disconnect();
  }, []);

  const onScroll = (): void => {
    const element = box.current;
    if (element === null) {
      return;
    }
    atEnd.current = isAtEnd(element);
    if (atEnd.current) {
      setBelow(0);
    }
    look();
  };

  return (
    <div class="messages">
      <div
        class="messages-box"
        ref={box}
        onScroll={onScroll}
        role="log"
        aria-label={texts.value.messages}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
        tabIndex={0}
      >
        <div class="messages-content" ref={content}>
          {loading && <MessageSkeleton />}
          {!loading && !complete && (
            <p class="messages-edge" role="status">
              {loadingEarlier ? texts.value.earlierLoading : ""}
            </p>
          )}
          <ol class="messages-list">
            {entries.map((entry) => (
              <EntryView key={entry.key} entry={entry} visitorName={visitorName} now={props.now} />
            ))}
          </ol>
          {visitorTyping && (
            <p class="typing" role="status">
              <span class="typing-dots" aria-hidden="true">
                <i />
                <i />
                <i />
              </span>
              <span class="reader-only">{texts.value.visitorTyping(visitorName)}</span>
            </p>
          )}
        </div>
      </div>
      {(below > 0 || away) && (
        <button
          type="button"
          class={below > 0 ? "messages-below messages-below-new" : "messages-below"}
          onClick={() => {
            if (box.current !== null) {
              box.current.scrollTo({ top: box.current.scrollHeight, behavior: "smooth" });
            }
          }}
        >
          <Icon name="down" />
          {texts.value.toLatest(below)}
        </button>
      )}
    </div>
  );
}

interface Before {
  height: number;
  firstKey: string;
  count: number;
}

function firstKey(entries: readonly Entry[]): string {
  return entries.find((entry) => entry.kind === "bubble" || entry.kind === "line")?.key ?? "";
}

function countOfOthers(entries: readonly Entry[]): number {
  return entries.filter((entry) => entry.kind === "bubble" && !entry.you).length;
}

/** One's own answer was just sent: it is to be seen, wherever one was reading. */
function isOwnNew(entries: readonly Entry[], was: Before): boolean {
  const last = entries[entries.length - 1];
  const own = last?.kind === "bubble" && last.you && last.delivery === "waiting";
  return own && countOfOthers(entries) === was.count;
}

/** What is below the part in sight, in pixels. */
function belowOf(box: HTMLElement): number {
  return box.scrollHeight - box.scrollTop - box.clientHeight;
}

function isAtEnd(box: HTMLElement): boolean {
  return belowOf(box) < END_PX;
}

function toEnd(box: HTMLElement): void {
  box.scrollTop = box.scrollHeight;
}

/** Opened: at the end, or at the first new message when there is more than a screenful of new ones. */
function showBeginning(box: HTMLElement): void {
  toEnd(box);
  const mark = box.querySelector<HTMLElement>(".new-mark");
  if (mark !== null) {
    const top = mark.offsetTop - END_PX;
    if (top < box.scrollTop) {
      box.scrollTop = top;
    }
  }
}

/** The number of the last message that is wholly in sight, or above it. */
function lastSeen(box: HTMLElement, entries: readonly Entry[], atEnd: boolean): number {
  if (atEnd) {
    for (let i = entries.length - 1; i >= 0; i -= 1) {
      const entry = entries[i];
      if (entry?.kind === "line" || (entry?.kind === "bubble" && entry.number !== undefined)) {
        return entry.number ?? 0;
      }
    }
    return 0;
  }
  const bottom = box.scrollTop + box.clientHeight;
  const numbered = box.querySelectorAll<HTMLElement>("[data-number]");
  let low = 0;
  let high = numbered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = numbered[middle];
    if (one !== undefined && one.offsetTop + one.offsetHeight <= bottom) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return Number(numbered[low - 1]?.getAttribute("data-number") ?? 0);
}

function EntryView({
  entry,
  visitorName,
  now,
}: {
  entry: Entry;
  visitorName: string;
  now: number;
}) {
  const t = texts.value;
  switch (entry.kind) {
    case "day":
      return (
        <li class="day">
          <span>{formatDay(entry.at, now, locale.value, t)}</span>
        </li>
      );
    case "new":
      return (
        <li class="new-mark">
          <span>{t.newLine}</span>
        </li>
      );
    case "line":
      return (
        <li class="line" data-number={entry.number} dir="auto">
          {lineText(entry)}
        </li>
      );
    case "bubble":
      return <Bubble entry={entry} visitorName={visitorName} />;
  }
}

function lineText(entry: LineEntry): string {
  const t = texts.value;
  const name = entry.name ?? t.somebody;
  switch (entry.line) {
    case "joined":
      return entry.you ? t.lineJoinedYou : t.lineJoined(name);
    case "assigned":
      if (entry.name === undefined && !entry.you) {
        return t.lineUnassigned;
      }
      return entry.you ? t.lineAssignedYou : t.lineAssigned(name);
    case "closed":
      return entry.you ? t.lineClosedYou : t.lineClosed(name);
    case "reopened":
      return entry.you ? t.lineReopenedYou : t.lineReopened(name);
  }
}

function MessageSkeleton() {
  return (
    <div class="messages-skeleton" aria-hidden="true">
      <span class="skeleton skeleton-visitor" />
      <span class="skeleton skeleton-visitor skeleton-less" />
      <span class="skeleton skeleton-desk" />
      <span class="skeleton skeleton-visitor skeleton-less" />
      <span class="skeleton skeleton-desk skeleton-less" />
    </div>
  );
}

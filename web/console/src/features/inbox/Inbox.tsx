import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Conversation, View } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";
import type { IconName } from "../../ui/Icon.tsx";
import { Empty } from "../../ui/Parts.tsx";
import { InboxRow } from "./InboxRow.tsx";
import { layOut, ROW_HEIGHT, type RowKind, scrollTo, visibleRows } from "./inbox.rows.ts";
import { type InboxItem, kindOf } from "./inbox.state.ts";
import { WaitingCard } from "./WaitingCard.tsx";

export interface InboxProps {
  view: View;
  counts: Readonly<Record<"mine" | "unassigned" | "all", number>>;
  unreadViews: ReadonlySet<View>;
  ahead: readonly Conversation[];
  aheadMore: number;
  rows: readonly Conversation[];
  /** Makes what a row shows; asked only for rows in sight. */
  itemOf: (conversation: Conversation) => InboxItem;
  loading: boolean;
  complete: boolean;
  failed: boolean;
  current: number | undefined;
  opened: number | undefined;
  now: number;
  /** Counts up when the keyboard wants its row focused. */
  focusAsked: number;
  onView: (view: View) => void;
  onOpen: (conversation: number) => void;
  onTake: (conversation: number) => void;
  onFocus: (conversation: number) => void;
  onMore: () => void;
}

export function Inbox(props: InboxProps) {
  const { view, ahead, aheadMore, rows, complete, failed, loading } = props;
  const root = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (props.focusAsked > 0) {
      const row = root.current?.querySelector<HTMLElement>(
        `[data-conversation="${props.current ?? 0}"]`,
      );
      row?.focus({ preventScroll: true });
    }
  }, [props.focusAsked, props.current]);
  return (
    <div class="inbox" ref={root}>
      <ViewTabs {...props} />
      {ahead.length > 0 && (
        <section class="inbox-ahead" aria-label={texts.value.waitingHeading}>
          {ahead.map((item) => (
            <div class="inbox-ahead-item" key={item.conversation}>
              <ItemView item={props.itemOf(item)} list={props} />
            </div>
          ))}
          {aheadMore > 0 && (
            <button
              type="button"
              class="inbox-ahead-more"
              onClick={() => props.onView("unassigned")}
            >
              {texts.value.waitingMore(aheadMore)}
            </button>
          )}
        </section>
      )}
      {rows.length === 0 && complete ? (
        <EmptyList view={view} />
      ) : (
        <RowList {...props} key={view} />
      )}
      {failed && !loading && (
        <div class="inbox-failed" role="alert">
          {texts.value.listFailed}
          <button type="button" class="button button-small" onClick={props.onMore}>
            {texts.value.tryAgain}
          </button>
        </div>
      )}
    </div>
  );
}

function ViewTabs({ view, counts, unreadViews, onView }: InboxProps) {
  const t = texts.value;
  const tabs: ReadonlyArray<readonly [View, string, number | undefined]> = [
    ["mine", t.mine, counts.mine],
    ["unassigned", t.unassigned, counts.unassigned],
    ["all", t.all, counts.all],
    ["closed", t.closed, undefined],
  ];
  return (
    <nav class="view-tabs" aria-label={t.views}>
      {tabs.map(([name, label, count]) => (
        <button
          type="button"
          key={name}
          class={unreadViews.has(name) ? "view-tab view-tab-unread" : "view-tab"}
          aria-current={name === view ? "page" : undefined}
          onClick={() => onView(name)}
        >
          <span>{label}</span>
          {count !== undefined && count > 0 && <span class="view-count number">{count}</span>}
        </button>
      ))}
    </nav>
  );
}

const SPARE_ROWS = 6;
const SKELETONS = 7;

/** A list of any length: only the rows in sight are in the page. */
function RowList(props: InboxProps) {
  const { rows, current, complete, failed, loading, onMore } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [sight, setSight] = useState({ top: 0, height: 800 });
  const showSkeleton = !complete && !failed;
  const kinds: RowKind[] = rows.map(kindOf);
  if (showSkeleton) {
    kinds.push(...Array<RowKind>(rows.length === 0 ? SKELETONS : 1).fill("skeleton"));
  }
  const layout = layOut(kinds);
  const [first, end] = visibleRows(layout, sight.top, sight.height, SPARE_ROWS);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) {
      return undefined;
    }
    const measure = (): void => setSight({ top: element.scrollTop, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const at = rows.findIndex((row) => row.conversation === current);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element !== null && props.focusAsked > 0 && at >= 0) {
      const to = scrollTo(layout, at, element.scrollTop, element.clientHeight);
      if (to !== undefined) {
        element.scrollTop = to;
      }
    }
  }, [props.focusAsked, at]);

  const nearEnd = !complete && !loading && !failed && end >= rows.length;
  useEffect(() => {
    if (nearEnd) {
      onMore();
    }
  }, [nearEnd, rows.length]);

  const shown = new Set<number>();
  for (let i = first; i < end; i += 1) {
    shown.add(i);
  }
  if (at >= 0) {
    shown.add(at);
  }
  return (
    <div
      class="inbox-scroll"
      ref={scroller}
      onScroll={(event) => {
        const { scrollTop, clientHeight } = event.currentTarget;
        setSight({ top: scrollTop, height: clientHeight });
      }}
    >
      <ul
        class="inbox-list"
        aria-label={texts.value.conversationList}
        aria-busy={loading && rows.length === 0}
        style={{ height: `${layout.height}px` }}
      >
        {[...shown].map((i) => {
          const row = rows[i];
          const place = { transform: `translateY(${layout.tops[i] ?? 0}px)` };
          const item = row === undefined ? undefined : props.itemOf(row);
          return item === undefined ? (
            <li class="inbox-place" key={`s${i}`} style={place} aria-hidden="true">
              <RowSkeleton />
            </li>
          ) : (
            <li
              class={`inbox-place inbox-place-${item.kind}`}
              key={item.conversation}
              style={{ ...place, height: `${ROW_HEIGHT[item.kind]}px` }}
              aria-setsize={complete ? rows.length : -1}
              aria-posinset={i + 1}
            >
              <ItemView item={item} list={props} />
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function ItemView({ item, list }: { item: InboxItem; list: InboxProps }) {
  const { kind, ...rest } = item;
  const state = {
    current: item.conversation === list.current,
    opened: item.conversation === list.opened,
    onOpen: list.onOpen,
    onFocus: list.onFocus,
  };
  return kind === "card" ? (
    <WaitingCard {...rest} {...state} since={item.waitingSince ?? item.at} onTake={list.onTake} />
  ) : (
    <InboxRow {...rest} {...state} now={list.now} />
  );
}

function RowSkeleton() {
  return (
    <div class="inbox-row-skeleton">
      <span class="skeleton skeleton-round" />
      <span class="skeleton-lines">
        <span class="skeleton skeleton-short" />
        <span class="skeleton skeleton-long" />
      </span>
    </div>
  );
}

function EmptyList({ view }: { view: View }) {
  const t = texts.value;
  const words: Readonly<Record<View, readonly [IconName, string, string]>> = {
    mine: ["check", t.emptyMineTitle, t.emptyMineText],
    unassigned: ["bell", t.emptyUnassignedTitle, t.emptyUnassignedText],
    all: ["check", t.emptyAllTitle, t.emptyAllText],
    closed: ["archive", t.emptyClosedTitle, t.emptyClosedText],
  };
  const [icon, title, text] = words[view];
  return (
    <div class="inbox-empty">
      <Empty icon={icon} title={title} text={text} />
    </div>
  );
}

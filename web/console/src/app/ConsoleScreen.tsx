/* The console: lists at the side, what is opened beside them. Ties state to components; nothing else does. */
import { useEffect } from "preact/hooks";
import { byPresence, presenceOf } from "../desk/names.ts";
import { Agents } from "../features/agents/Agents.tsx";
import { ConnectionLine } from "../features/connection/ConnectionLine.tsx";
import { Inbox } from "../features/inbox/Inbox.tsx";
import { stepNow, Wait } from "../features/inbox/Wait.tsx";
import { ProfileMenu } from "../features/profile/ProfileMenu.tsx";
import { change, settings } from "../features/profile/settings.state.ts";
import { minute } from "../lib/clock.ts";
import { texts } from "../texts/texts.ts";
import { BellMark } from "../ui/BellMark.tsx";
import { Icon } from "../ui/Icon.tsx";
import { Toasts } from "../ui/Toasts.tsx";
import { hideToast, holdToast, resumeToast, toasts } from "../ui/toasts.state.ts";
import { ConversationScreen, NothingOpened } from "./ConversationScreen.tsx";
import type { ConsoleState } from "./console.state.ts";
import { Dialogs } from "./Dialogs.tsx";
import { startKeyboard } from "./keyboard.ts";
import { go, route, viewOf } from "./route.ts";
import { SettingsScreen } from "./SettingsScreen.tsx";

interface ScreenProps {
  state: ConsoleState;
}

export function ConsoleScreen({ state }: ScreenProps) {
  useEffect(() => startKeyboard(state), [state]);
  const at = route.value;
  const showsMain = at.place !== "inbox" || at.conversation !== undefined;
  return (
    <div class="shell">
      <ConnectionLine line={state.connection.line.value} />
      <main class={showsMain ? "columns columns-main" : "columns"}>
        <h1 class="reader-only">{texts.value.product}</h1>
        <SideColumn state={state} />
        <div class="main-column">
          {showsMain && <WaitingBar state={state} />}
          <MainColumn state={state} />
        </div>
      </main>
      <Dialogs state={state} />
      <Toasts toasts={toasts.value} onHide={hideToast} onHold={holdToast} onResume={resumeToast} />
    </div>
  );
}

/** Where the list is out of sight: who waits stays in sight all the same. */
function WaitingBar({ state }: ScreenProps) {
  const at = route.value;
  const opened = at.place === "inbox" ? at.conversation : undefined;
  const waiting = state.desk.waiting.value.filter((c) => c.conversation !== opened);
  const since = waiting[0]?.waiting_since;
  if (since === undefined) {
    return null;
  }
  return (
    <button
      type="button"
      class={`waiting-bar waiting-${stepNow(since)}`}
      onClick={() => go({ place: "inbox", view: viewOf(at) })}
    >
      {texts.value.waitBar(waiting.length)}
      <Wait since={since} />
    </button>
  );
}

function MainColumn({ state }: ScreenProps) {
  const at = route.value;
  switch (at.place) {
    case "agents":
      return <AgentsScreen state={state} />;
    case "settings":
      return <SettingsScreen state={state} />;
    case "inbox":
      return at.conversation === undefined ? (
        <NothingOpened state={state} />
      ) : (
        <ConversationScreen
          state={state}
          conversation={at.conversation}
          facts={at.facts === true}
        />
      );
  }
}

function SideColumn({ state }: ScreenProps) {
  return (
    <div class="side-column">
      <SideHead state={state} />
      <InboxScreen state={state} />
    </div>
  );
}

function SideHead({ state }: ScreenProps) {
  const me = state.desk.me.value;
  const { sound } = settings.value;
  const t = texts.value;
  return (
    <header class="side-head">
      <BellMark />
      <p class="side-title one-line">{t.product}</p>
      {me !== undefined && (
        <>
          {presenceOf(me) === "away" && <span class="tag">{t.statusAway}</span>}
          <button
            type="button"
            class="icon-button"
            aria-label={t.sound}
            aria-pressed={sound}
            title={`${t.sound}: ${sound ? t.on : t.off}`}
            onClick={() => change({ sound: !sound })}
          >
            <Icon name={sound ? "sound" : "muted"} />
          </button>
          <ProfileMenu
            me={me}
            sound={sound}
            onStatus={(status) => void state.setStatus(status)}
            onSound={(on) => change({ sound: on })}
            onAgents={() => go({ place: "agents" })}
            onSettings={() => go({ place: "settings" })}
            onShortcuts={() => {
              state.overlay.value = { kind: "shortcuts" };
            }}
            onLogOut={() => void state.logOut()}
          />
        </>
      )}
    </header>
  );
}

function InboxScreen({ state }: ScreenProps) {
  const { desk, inbox, conversation } = state;
  const view = inbox.view.value;
  const list = desk.lists[view].value;
  const at = route.value;
  return (
    <Inbox
      view={view}
      counts={{
        mine: desk.count("mine"),
        unassigned: desk.count("unassigned"),
        all: desk.count("all"),
      }}
      unreadViews={inbox.unreadViews.value}
      ahead={inbox.ahead.value}
      aheadMore={inbox.aheadMore.value}
      rows={inbox.rows.value}
      itemOf={(one) => inbox.itemOf(one, conversation.hasDraft(one.conversation))}
      loading={list.loading || !desk.ready.value}
      complete={list.complete}
      failed={list.failed}
      current={inbox.current.value}
      opened={at.place === "inbox" ? at.conversation : undefined}
      now={minute.value}
      focusAsked={state.listFocusAsked.value}
      onView={(next) => state.showView(next)}
      onOpen={(id) => state.open(id, true)}
      onTake={(id) => void state.take(id)}
      onFocus={(id) => inbox.focus(id)}
      onMore={() => void desk.more(view)}
    />
  );
}

function AgentsScreen({ state }: ScreenProps) {
  const { desk } = state;
  const me = desk.me.value;
  if (me === undefined) {
    return null;
  }
  const shown = [...desk.agents.value.values()].filter((agent) => !agent.removed).sort(byPresence);
  return (
    <Agents
      agents={shown}
      me={me}
      onBack={() => go({ place: "inbox", view: viewOf(route.peek()) })}
      onAsk={(dialog) => state.agents.show(dialog)}
    />
  );
}

import { blocked, play } from "../features/notices/sound.ts";
import { SettingsPage } from "../features/profile/SettingsPage.tsx";
import { change, settings } from "../features/profile/settings.state.ts";
import { minute } from "../lib/clock.ts";
import type { ConsoleState } from "./console.state.ts";
import { go, route, viewOf } from "./route.ts";

export function SettingsScreen({ state }: { state: ConsoleState }) {
  const me = state.desk.me.value;
  const { agents } = state;
  if (me === undefined) {
    return null;
  }
  return (
    <SettingsPage
      me={me}
      settings={settings.value}
      soundBlocked={blocked.value}
      desktop={desktopState()}
      sessions={agents.sessions.value}
      sessionsFailed={agents.sessionsFailed.value}
      now={minute.value}
      onBack={() => go({ place: "inbox", view: viewOf(route.peek()) })}
      onChange={change}
      onDesktop={(on) => void setDesktop(on)}
      onTrySound={() => play("waiting")}
      onPassword={() =>
        agents.show({ kind: "password", agent: me.agent, name: me.name, own: true })
      }
      onEndSession={(session) => void agents.endSession(session)}
      onEndSessions={() => void agents.endSessions(me.agent)}
      onRetrySessions={() => void agents.loadSessions(me.agent)}
    />
  );
}

function desktopState(): "possible" | "denied" | "absent" {
  if (!("Notification" in window)) {
    return "absent";
  }
  return Notification.permission === "denied" ? "denied" : "possible";
}

/** The browser asks the person; only a yes turns the setting on. */
async function setDesktop(on: boolean): Promise<void> {
  const allowed = on && (await Notification.requestPermission()) === "granted";
  change({ desktop: allowed });
}

import type { ComponentChildren } from "preact";
import type { Agent, Session } from "../../desk/types.ts";
import { LANGUAGES, type Language, texts } from "../../texts/texts.ts";
import { Icon } from "../../ui/Icon.tsx";
import { Segments, Switch } from "../../ui/Parts.tsx";
import { SessionList } from "../agents/SessionList.tsx";
import type { Settings, Theme } from "./settings.state.ts";

interface SettingsPageProps {
  me: Agent;
  settings: Settings;
  soundBlocked: boolean;
  /** What the browser says of desktop notices. */
  desktop: "possible" | "denied" | "absent";
  sessions: readonly Session[] | undefined;
  sessionsFailed: boolean;
  now: number;
  onBack: () => void;
  onChange: (some: Partial<Settings>) => void;
  onDesktop: (on: boolean) => void;
  onTrySound: () => void;
  onPassword: () => void;
  onEndSession: (session: number) => void;
  onEndSessions: () => void;
  onRetrySessions: () => void;
}

export function SettingsPage(props: SettingsPageProps) {
  const { settings, onChange } = props;
  const t = texts.value;
  const themes: ReadonlyArray<readonly [Theme, string]> = [
    ["auto", t.themeAuto],
    ["light", t.themeLight],
    ["dark", t.themeDark],
  ];
  return (
    <section class="page" aria-labelledby="settings-title">
      <header class="page-head">
        <button
          type="button"
          class="icon-button page-back"
          aria-label={t.back}
          onClick={props.onBack}
        >
          <Icon name="back" />
        </button>
        <h2 class="page-title page-words" id="settings-title">
          {t.settings}
        </h2>
      </header>
      <div class="settings">
        <Group title={t.appearance}>
          <Row label={t.theme}>
            <Segments
              label={t.theme}
              name="theme"
              choices={themes}
              chosen={settings.theme}
              onChoose={(theme) => onChange({ theme })}
            />
          </Row>
          <Row label={t.language}>
            <Segments<Language>
              label={t.language}
              name="language"
              choices={LANGUAGES}
              chosen={settings.language}
              onChoose={(language) => onChange({ language })}
            />
          </Row>
          <Switch
            label={t.singleKeys}
            hint={t.singleKeysHint}
            on={settings.singleKeys}
            onChange={(singleKeys) => onChange({ singleKeys })}
          />
        </Group>
        <NoticeSettings {...props} />
        <Group title={t.account}>
          <Row label={t.password} hint={props.me.email}>
            <button type="button" class="button" onClick={props.onPassword}>
              {t.changePassword}
            </button>
          </Row>
        </Group>
        <Group title={t.yourSessions}>
          <SessionList
            sessions={props.sessions}
            failed={props.sessionsFailed}
            now={props.now}
            onEnd={props.onEndSession}
            onEndAll={props.onEndSessions}
            onRetry={props.onRetrySessions}
          />
        </Group>
      </div>
    </section>
  );
}

function NoticeSettings({
  settings,
  soundBlocked,
  desktop,
  onChange,
  onDesktop,
  onTrySound,
}: SettingsPageProps) {
  const t = texts.value;
  return (
    <Group title={t.notices}>
      <Switch
        label={t.sound}
        hint={settings.sound && soundBlocked ? t.soundBlocked : t.soundHint}
        on={settings.sound}
        onChange={(sound) => onChange({ sound })}
      >
        <button type="button" class="button button-small" onClick={onTrySound}>
          {t.soundTry}
        </button>
      </Switch>
      {desktop !== "absent" && (
        <Switch
          label={t.desktop}
          hint={desktop === "denied" ? t.desktopDenied : t.desktopHint}
          on={settings.desktop && desktop === "possible"}
          disabled={desktop === "denied"}
          onChange={onDesktop}
        />
      )}
    </Group>
  );
}

function Group({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="settings-group" aria-label={title}>
      <h3 class="settings-title">{title}</h3>
      {children}
    </section>
  );
}

function Row({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: string;
  children: ComponentChildren;
}) {
  return (
    <div class="setting">
      <div class="setting-words">
        <p class="setting-label">{label}</p>
        {hint !== undefined && <p class="field-hint one-line">{hint}</p>}
      </div>
      {children}
    </div>
  );
}

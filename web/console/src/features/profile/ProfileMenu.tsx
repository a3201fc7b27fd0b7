import { useState } from "preact/hooks";
import { presenceOf } from "../../desk/names.ts";
import type { Agent, Status } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";
import { Avatar, PresenceDot } from "../../ui/Avatar.tsx";
import { Icon } from "../../ui/Icon.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";

interface ProfileMenuProps {
  me: Agent;
  sound: boolean;
  onStatus: (status: Status) => void;
  onSound: (on: boolean) => void;
  onAgents: () => void;
  onSettings: () => void;
  onShortcuts: () => void;
  onLogOut: () => void;
}

export function ProfileMenu(props: ProfileMenuProps) {
  const { me, sound } = props;
  const t = texts.value;
  const [open, setOpen] = useState(false);
  const pick = (what: () => void) => (): void => {
    setOpen(false);
    what();
  };
  return (
    <div class="profile">
      <button
        type="button"
        class="profile-button"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={t.profileMenu}
        onClick={() => setOpen(!open)}
      >
        <Avatar name={me.name} of={me.agent} presence={presenceOf(me)} />
      </button>
      {open && (
        <Menu label={t.profileMenu} class="profile-menu" onClose={() => setOpen(false)}>
          <div class="profile-who">
            <p class="profile-name one-line" dir="auto">
              {me.name}
            </p>
            <p class="profile-email one-line">{me.email}</p>
          </div>
          <StatusItem
            status="online"
            chosen={me.status}
            onPick={pick(() => props.onStatus("online"))}
          />
          <StatusItem
            status="away"
            chosen={me.status}
            onPick={pick(() => props.onStatus("away"))}
          />
          <div class="menu-line" />
          <MenuItem icon={sound ? "sound" : "muted"} onPick={() => props.onSound(!sound)}>
            <span class="menu-grow">{t.sound}</span>
            <span class="menu-value">{sound ? t.on : t.off}</span>
          </MenuItem>
          <MenuItem icon="people" onPick={pick(props.onAgents)}>
            {t.agents}
          </MenuItem>
          <MenuItem icon="sun" onPick={pick(props.onSettings)}>
            {t.settings}
          </MenuItem>
          <MenuItem icon="keyboard" onPick={pick(props.onShortcuts)}>
            <span class="menu-grow">{t.shortcuts}</span>
            <kbd>?</kbd>
          </MenuItem>
          <div class="menu-line" />
          <MenuItem icon="leave" onPick={pick(props.onLogOut)}>
            {t.logOut}
          </MenuItem>
        </Menu>
      )}
    </div>
  );
}

function StatusItem({
  status,
  chosen,
  onPick,
}: {
  status: Status;
  chosen: Status;
  onPick: () => void;
}) {
  const t = texts.value;
  const online = status === "online";
  return (
    <MenuItem checked={status === chosen} onPick={onPick}>
      <PresenceDot presence={status} />
      <span class="menu-grow">
        <span class="menu-main">{online ? t.statusOnline : t.statusAway}</span>
        <span class="menu-hint">{online ? t.statusOnlineHint : t.statusAwayHint}</span>
      </span>
      {status === chosen && <Icon name="check" />}
    </MenuItem>
  );
}

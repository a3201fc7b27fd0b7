import { useState } from "preact/hooks";
import { presenceOf, presenceText } from "../../desk/names.ts";
import type { Agent } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";
import { Avatar } from "../../ui/Avatar.tsx";
import { Icon } from "../../ui/Icon.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
import type { AgentsDialog } from "./agents.state.ts";

interface AgentsProps {
  /** In the order to be shown; without removed ones. */
  agents: readonly Agent[];
  me: Agent;
  onBack: () => void;
  onAsk: (dialog: AgentsDialog) => void;
}

export function Agents({ agents, me, onBack, onAsk }: AgentsProps) {
  const t = texts.value;
  const owner = me.role === "owner";
  return (
    <section class="page" aria-labelledby="agents-title">
      <header class="page-head">
        <button type="button" class="icon-button page-back" aria-label={t.back} onClick={onBack}>
          <Icon name="back" />
        </button>
        <div class="page-words">
          <h2 class="page-title" id="agents-title">
            {t.agents}
          </h2>
          <p class="page-lead">{t.agentsLead}</p>
        </div>
        {owner && (
          <button
            type="button"
            class="button button-primary"
            onClick={() => onAsk({ kind: "add" })}
          >
            <Icon name="plus" />
            {t.addAgent}
          </button>
        )}
      </header>
      <ul class="agent-list">
        {agents.map((agent) => (
          <AgentRow key={agent.agent} agent={agent} me={me} onAsk={onAsk} />
        ))}
      </ul>
    </section>
  );
}

interface AgentRowProps {
  agent: Agent;
  me: Agent;
  onAsk: (dialog: AgentsDialog) => void;
}

function AgentRow({ agent, me, onAsk }: AgentRowProps) {
  const t = texts.value;
  const [open, setOpen] = useState(false);
  const own = agent.agent === me.agent;
  const { agent: number, name } = agent;
  const ask = (dialog: AgentsDialog): void => {
    setOpen(false);
    onAsk(dialog);
  };
  return (
    <li class="agent-row">
      <Avatar name={name} of={number} presence={presenceOf(agent)} />
      <div class="agent-words">
        <p class="agent-name one-line" dir="auto">
          {name}
          {own && <span class="agent-you"> · {t.you}</span>}
        </p>
        <p class="agent-email one-line">{agent.email}</p>
      </div>
      <span class="agent-presence">{presenceText(presenceOf(agent))}</span>
      <span class="tag agent-role">{agent.role === "owner" ? t.roleOwner : t.roleAgent}</span>
      {(own || me.role === "owner") && (
        <div class="agent-more">
          <button
            type="button"
            class="icon-button"
            aria-haspopup="menu"
            aria-expanded={open}
            aria-label={t.moreFor(name)}
            onClick={() => setOpen(!open)}
          >
            <Icon name="more" />
          </button>
          {open && (
            <Menu label={t.moreFor(name)} class="agent-menu" onClose={() => setOpen(false)}>
              <MenuItem
                icon="screen"
                onPick={() => ask({ kind: "sessions", agent: number, name, own })}
              >
                {t.sessions}
              </MenuItem>
              <MenuItem
                icon="key"
                onPick={() => ask({ kind: "password", agent: number, name, own })}
              >
                {own ? t.changePassword : t.setPassword}
              </MenuItem>
              {!own && (
                <>
                  <div class="menu-line" />
                  <MenuItem
                    icon="trash"
                    onPick={() => ask({ kind: "remove", agent: number, name })}
                  >
                    {t.removeAgent}
                  </MenuItem>
                </>
              )}
            </Menu>
          )}
        </div>
      )}
    </li>
  );
}

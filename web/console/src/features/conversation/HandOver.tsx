import { presenceOf, presenceText } from "../../desk/names.ts";
import type { Agent } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";
import { Avatar } from "../../ui/Avatar.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { Icon } from "../../ui/Icon.tsx";

interface HandOverProps {
  /** Colleagues who may have it, in the order to be shown. */
  agents: readonly Agent[];
  /** Somebody has it, so that it can go back. */
  assigned: boolean;
  onPick: (agent: Agent | undefined) => void;
  onClose: () => void;
}

export function HandOver({ agents, assigned, onPick, onClose }: HandOverProps) {
  const t = texts.value;
  return (
    <Dialog title={t.handOverTitle} onClose={onClose}>
      <p class="field-hint">{t.handOverLead}</p>
      <ul class="hand-over-list">
        {agents.map((agent) => (
          <li key={agent.agent}>
            <button type="button" class="hand-over-row" onClick={() => onPick(agent)}>
              <Avatar name={agent.name} of={agent.agent} presence={presenceOf(agent)} />
              <span class="hand-over-name one-line" dir="auto">
                {agent.name}
              </span>
              <span class="hand-over-presence">{presenceText(presenceOf(agent))}</span>
            </button>
          </li>
        ))}
        {agents.length === 0 && <li class="hand-over-none">{t.handOverNobody}</li>}
        {assigned && (
          <li>
            <button type="button" class="hand-over-row" onClick={() => onPick(undefined)}>
              <span class="avatar" aria-hidden="true">
                <Icon name="reopen" />
              </span>
              <span class="hand-over-name">{t.handOverQueue}</span>
              <span class="hand-over-presence">{t.handOverQueueHint}</span>
            </button>
          </li>
        )}
      </ul>
    </Dialog>
  );
}

/* The questions over the page, one at a time. */
import { byPresence } from "../desk/names.ts";
import {
  AddAgent,
  RemoveAgent,
  SessionsDialog,
  SetPassword,
} from "../features/agents/AgentDialogs.tsx";
import { HandOver } from "../features/conversation/HandOver.tsx";
import { Shortcuts } from "../features/profile/Shortcuts.tsx";
import { minute } from "../lib/clock.ts";
import type { ConsoleState } from "./console.state.ts";

export function Dialogs({ state }: { state: ConsoleState }) {
  const overlay = state.overlay.value;
  const close = (): void => {
    state.overlay.value = undefined;
  };
  if (overlay?.kind === "shortcuts") {
    return <Shortcuts onClose={close} />;
  }
  if (overlay?.kind === "handOver") {
    return <HandOverDialog state={state} conversation={overlay.conversation} onClose={close} />;
  }
  return <AgentDialog state={state} />;
}

interface HandOverDialogProps {
  state: ConsoleState;
  conversation: number;
  onClose: () => void;
}

function HandOverDialog({ state, conversation, onClose }: HandOverDialogProps) {
  const { desk } = state;
  const data = desk.conversation(conversation);
  const others = [...desk.agents.value.values()]
    .filter((agent) => !agent.removed && agent.agent !== data?.agent)
    .sort(byPresence);
  return (
    <HandOver
      agents={others}
      assigned={data?.agent !== undefined}
      onPick={(agent) => void state.handOver(conversation, agent)}
      onClose={onClose}
    />
  );
}

function AgentDialog({ state: { agents } }: { state: ConsoleState }) {
  const dialog = agents.dialog.value;
  const close = (): void => agents.show(undefined);
  switch (dialog?.kind) {
    case undefined:
      return null;
    case "add":
      return (
        <AddAgent
          fields={agents.added.value}
          errors={agents.errors.value}
          busy={agents.busy.value}
          onChange={(some) => {
            agents.added.value = { ...agents.added.value, ...some };
          }}
          onSubmit={() => void agents.add()}
          onClose={close}
        />
      );
    case "password":
      return (
        <SetPassword
          name={dialog.name}
          own={dialog.own}
          fields={agents.passwords.value}
          errors={agents.errors.value}
          busy={agents.busy.value}
          onChange={(some) => {
            agents.passwords.value = { ...agents.passwords.value, ...some };
          }}
          onSubmit={() => void agents.setPassword()}
          onClose={close}
        />
      );
    case "sessions":
      return (
        <SessionsDialog
          name={dialog.name}
          own={dialog.own}
          sessions={agents.sessions.value}
          failed={agents.sessionsFailed.value}
          now={minute.value}
          onEnd={(session) => void agents.endSession(session)}
          onEndAll={() => void agents.endSessions(dialog.agent)}
          onRetry={() => void agents.loadSessions(dialog.agent)}
          onClose={close}
        />
      );
    case "remove":
      return (
        <RemoveAgent
          name={dialog.name}
          busy={agents.busy.value}
          errors={agents.errors.value}
          onSubmit={() => void agents.remove()}
          onClose={close}
        />
      );
  }
}

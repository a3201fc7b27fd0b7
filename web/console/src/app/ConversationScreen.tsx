/* The opened conversation with its visitor's facts, or the invitation to open one. */
import { agentName, visitorName } from "../desk/names.ts";
import type { Conversation as ConversationData } from "../desk/types.ts";
import {
  Conversation,
  type ConversationActions,
  type Owner,
} from "../features/conversation/Conversation.tsx";
import { Facts } from "../features/facts/Facts.tsx";
import { settings } from "../features/profile/settings.state.ts";
import { minute } from "../lib/clock.ts";
import { texts } from "../texts/texts.ts";
import { Icon } from "../ui/Icon.tsx";
import { Empty } from "../ui/Parts.tsx";
import { type ConsoleState, factsBeside } from "./console.state.ts";
import { go, route, viewOf } from "./route.ts";

interface ConversationScreenProps {
  state: ConsoleState;
  conversation: number;
  /** The facts alone are to be shown where there is no room for both. */
  facts: boolean;
}

export function ConversationScreen({ state, conversation, facts }: ConversationScreenProps) {
  const { desk, conversation: thread } = state;
  const data = desk.conversation(conversation);
  const name = data === undefined ? texts.value.visitorNumber(conversation) : visitorName(data);
  const shown = settings.value.factsShown;
  const classes = ["opened"];
  if (facts) {
    classes.push("opened-facts-only");
  }
  if (shown && thread.phase.value !== "missing") {
    classes.push("opened-facts-beside");
  }
  return (
    <div class={classes.join(" ")}>
      <Conversation
        data={data}
        phase={thread.phase.value}
        name={name}
        owner={ownerOf(data, desk.me.value?.agent)}
        ownerName={agentName(desk.agents.value, data?.agent)}
        entries={thread.entries.value}
        complete={thread.complete.value}
        loadingEarlier={thread.loadingEarlier.value}
        visitorTyping={desk.typing.value.get(conversation)?.has(0) ?? false}
        agentsTyping={colleaguesTyping(state, conversation)}
        held={thread.held.value}
        draft={thread.draft.value}
        factsShown={factsBeside() ? shown : facts}
        now={minute.value}
        focusAsked={thread.focusAsked.value}
        actions={actionsOf(state, conversation)}
      />
      {data !== undefined && (
        <div class="facts-column">
          <Facts
            data={data}
            name={name}
            facts={thread.facts.value}
            agent={data.agent === undefined ? undefined : agentName(desk.agents.value, data.agent)}
            onBack={() => go({ place: "inbox", view: viewOf(route.peek()), conversation }, true)}
          />
        </div>
      )}
    </div>
  );
}

function ownerOf(data: ConversationData | undefined, me: number | undefined): Owner {
  if (data?.agent === undefined) {
    return "nobody";
  }
  return data.agent === me ? "you" : "other";
}

function colleaguesTyping({ desk }: ConsoleState, conversation: number): string[] {
  const me = desk.me.value?.agent;
  return [...(desk.typing.value.get(conversation) ?? [])]
    .filter((who) => who !== 0 && who !== me)
    .map((who) => agentName(desk.agents.value, who));
}

function actionsOf(state: ConsoleState, conversation: number): ConversationActions {
  const { conversation: thread } = state;
  return {
    onBack: () => go({ place: "inbox", view: viewOf(route.peek()) }),
    onTake: () => void state.take(conversation),
    onHandOver: () => {
      state.overlay.value = { kind: "handOver", conversation };
    },
    onClose: () => void state.close(conversation),
    onReopen: () => void state.reopen(conversation),
    onFacts: () => state.toggleFacts(),
    onEarlier: () => void thread.earlier(),
    onSeen: (number) => thread.see(number),
    onDraft: (text) => thread.write(text),
    onSend: () => thread.send(),
    onSendAnyway: (id) => void state.sendAnyway(id),
    onEdit: (id) => thread.edit(id),
    onDiscard: (id) => thread.discard(id),
    onRetry: () => thread.refresh(),
  };
}

export function NothingOpened({ state }: { state: ConsoleState }) {
  const t = texts.value;
  const waiting = state.desk.waiting.value.length;
  if (state.desk.ready.value && state.desk.count("all") === 0) {
    return <AllQuiet />;
  }
  return (
    <div class="nothing-opened">
      {waiting > 0 ? (
        <Empty icon="bell" title={t.pickWaitingTitle(waiting)} text={t.pickWaitingText}>
          <button type="button" class="button button-primary" onClick={() => state.takeNext()}>
            <Icon name="take" />
            {t.takeNext}
          </button>
        </Empty>
      ) : (
        <Empty
          icon="bell"
          title={t.pickTitle}
          text={settings.value.singleKeys ? t.pickText : t.pickTextPlain}
        />
      )}
    </div>
  );
}

/** Nothing is open at all, as on the first day: says how the first visitor gets here. */
function AllQuiet() {
  const t = texts.value;
  const line = `<script async src="${location.origin}/w.js" data-site="demo"></script>`;
  return (
    <div class="nothing-opened">
      <Empty icon="bell" title={t.quietTitle} text={t.quietText}>
        <div class="quiet">
          <p>{t.quietSnippet}</p>
          <code class="quiet-code" dir="ltr">
            {line}
          </code>
          <a class="button" href="/demo/" target="_blank" rel="noopener">
            <Icon name="open" />
            {t.quietDemo}
          </a>
        </div>
      </Empty>
    </div>
  );
}

import type { ComponentChildren } from "preact";
import type { Conversation as ConversationData } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";
import { Icon, type IconName } from "../../ui/Icon.tsx";
import { Empty } from "../../ui/Parts.tsx";
import { Composer } from "./Composer.tsx";
import type { Entry } from "./entries.ts";
import { type HeldAnswer, HeldAnswers } from "./HeldAnswers.tsx";
import { MessageList } from "./MessageList.tsx";

/** Whose it is, seen from the agent who looks. */
export type Owner = "nobody" | "you" | "other";

export interface ConversationActions {
  onBack: () => void;
  onTake: () => void;
  onHandOver: () => void;
  onClose: () => void;
  onReopen: () => void;
  onFacts: () => void;
  onEarlier: () => void;
  onSeen: (number: number) => void;
  onDraft: (text: string) => void;
  onSend: () => void;
  onSendAnyway: (id: string) => void;
  onEdit: (id: string) => void;
  onDiscard: (id: string) => void;
  onRetry: () => void;
}

export interface ConversationProps {
  /** Absent while it is being asked for. */
  data: ConversationData | undefined;
  phase: "loading" | "ready" | "missing" | "failed";
  name: string;
  owner: Owner;
  ownerName: string;
  entries: readonly Entry[];
  complete: boolean;
  loadingEarlier: boolean;
  visitorTyping: boolean;
  /** Names of colleagues who are writing an answer here. */
  agentsTyping: readonly string[];
  held: readonly HeldAnswer[];
  draft: string;
  factsShown: boolean;
  now: number;
  focusAsked: number;
  actions: ConversationActions;
}

export function Conversation(props: ConversationProps) {
  const { data, phase, name, actions } = props;
  const t = texts.value;
  if (phase === "missing" || phase === "failed") {
    return (
      <section class="conversation">
        <ConversationHead {...props} />
        {phase === "missing" ? (
          <Empty icon="warn" title={t.notFoundTitle} text={t.notFoundText} />
        ) : (
          <Empty icon="warn" title={t.listFailed} text={t.failed}>
            <button type="button" class="button" onClick={actions.onRetry}>
              {t.tryAgain}
            </button>
          </Empty>
        )}
      </section>
    );
  }
  return (
    <section class="conversation" aria-label={name}>
      <ConversationHead {...props} />
      <MessageList
        key={data?.conversation ?? 0}
        entries={props.entries}
        visitorName={name}
        loading={phase === "loading"}
        complete={props.complete}
        loadingEarlier={props.loadingEarlier}
        visitorTyping={props.visitorTyping}
        now={props.now}
        onEarlier={actions.onEarlier}
        onSeen={actions.onSeen}
      />
      <ConversationFoot {...props} />
    </section>
  );
}

function ConversationHead({
  data,
  phase,
  name,
  owner,
  ownerName,
  factsShown,
  actions,
}: ConversationProps) {
  const t = texts.value;
  const open = data?.state === "open";
  return (
    <header class="conversation-head">
      <button
        type="button"
        class="icon-button conversation-back"
        aria-label={t.back}
        onClick={actions.onBack}
      >
        <Icon name="back" />
      </button>
      <div class="conversation-title">
        <h2 class="conversation-name one-line" dir="auto">
          {name}
        </h2>
        {data !== undefined && (
          <p class="conversation-state one-line">
            {open ? <OwnerText owner={owner} name={ownerName} /> : t.closed}
            <span class="conversation-site"> · {data.site}</span>
          </p>
        )}
      </div>
      {open && <HeadButton icon="handover" label={t.handOver} onClick={actions.onHandOver} />}
      {open && <HeadButton icon="archive" label={t.closeConversation} onClick={actions.onClose} />}
      {data?.state === "closed" && (
        <HeadButton icon="reopen" label={t.reopen} onClick={actions.onReopen} />
      )}
      {phase !== "missing" && (
        <button
          type="button"
          class="icon-button"
          aria-label={factsShown ? t.hideFacts : t.showFacts}
          title={factsShown ? t.hideFacts : t.showFacts}
          aria-pressed={factsShown}
          onClick={actions.onFacts}
        >
          <Icon name="facts" />
        </button>
      )}
    </header>
  );
}

function HeadButton(props: { icon: IconName; label: string; onClick: () => void }) {
  return (
    <button
      type="button"
      class="button button-plain head-button"
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
      <span class="head-button-label">{props.label}</span>
    </button>
  );
}

function OwnerText({ owner, name }: { owner: Owner; name: string }) {
  const t = texts.value;
  switch (owner) {
    case "nobody":
      return <span class="conversation-free">{t.nobodyHas}</span>;
    case "you":
      return <>{t.youHave}</>;
    case "other":
      return <>{t.agentHas(name)}</>;
  }
}

function ConversationFoot(props: ConversationProps) {
  const { data, name, owner, ownerName, agentsTyping, held, actions } = props;
  const t = texts.value;
  if (data === undefined) {
    return <div class="conversation-foot" />;
  }
  return (
    <div class="conversation-foot">
      {agentsTyping.length > 0 && (
        <p class="agents-typing one-line" role="status">
          {t.agentsTyping(agentsTyping.join(", "))}
        </p>
      )}
      {held.length > 0 && (
        <HeldAnswers
          answers={held}
          visitorName={name}
          onSendAnyway={actions.onSendAnyway}
          onEdit={actions.onEdit}
          onDiscard={actions.onDiscard}
        />
      )}
      {data.state === "closed" ? (
        <Bar text={t.closedBar} more={t.closedHint}>
          <button type="button" class="button" onClick={actions.onReopen}>
            <Icon name="reopen" />
            {t.reopen}
          </button>
        </Bar>
      ) : (
        <>
          {owner === "nobody" && (
            <Bar text={t.nobodyHas} more={t.answerTakes}>
              <button type="button" class="button button-primary" onClick={actions.onTake}>
                <Icon name="take" />
                {t.take}
              </button>
            </Bar>
          )}
          <Composer
            key={data.conversation}
            visitorName={name}
            draft={props.draft}
            hint={owner === "other" ? t.answerBeside(ownerName) : undefined}
            focusAsked={props.focusAsked}
            onInput={actions.onDraft}
            onSend={actions.onSend}
          />
        </>
      )}
    </div>
  );
}

function Bar({
  text,
  more,
  children,
}: {
  text: string;
  more: string;
  children: ComponentChildren;
}) {
  return (
    <div class="foot-bar">
      <p class="foot-bar-words">
        <strong>{text}</strong> <span>{more}</span>
      </p>
      {children}
    </div>
  );
}

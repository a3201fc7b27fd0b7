import type { ErrorCode } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";

/** An answer that the desk did not take. */
export interface HeldAnswer {
  id: string;
  text: string;
  reason: ErrorCode;
  /** When it was held back because the visitor wrote meanwhile: what he wrote. */
  unseen: readonly string[];
}

/** The last ones; all of them stand in the conversation above. */
const UNSEEN_SHOWN = 3;

interface HeldAnswersProps {
  answers: readonly HeldAnswer[];
  visitorName: string;
  onSendAnyway: (id: string) => void;
  onEdit: (id: string) => void;
  onDiscard: (id: string) => void;
}

/** Says why an answer was not sent, shows what the visitor wrote meanwhile, and asks. Nothing is lost. */
export function HeldAnswers({
  answers,
  visitorName,
  onSendAnyway,
  onEdit,
  onDiscard,
}: HeldAnswersProps) {
  return (
    <div class="held-list" role="alert">
      {answers.map((answer) => (
        <HeldView
          key={answer.id}
          answer={answer}
          visitorName={visitorName}
          onSendAnyway={() => onSendAnyway(answer.id)}
          onEdit={() => onEdit(answer.id)}
          onDiscard={() => onDiscard(answer.id)}
        />
      ))}
    </div>
  );
}

interface HeldViewProps {
  answer: HeldAnswer;
  visitorName: string;
  onSendAnyway: () => void;
  onEdit: () => void;
  onDiscard: () => void;
}

function HeldView({ answer, visitorName, onSendAnyway, onEdit, onDiscard }: HeldViewProps) {
  const t = texts.value;
  const stale = answer.reason === "stale";
  const more = Math.max(0, answer.unseen.length - UNSEEN_SHOWN);
  return (
    <section class={stale ? "held held-stale" : "held"}>
      <p class="held-title">{stale ? t.staleTitle(visitorName) : t.refusedTitle}</p>
      {!stale && <p class="held-why">{whyText(answer.reason)}</p>}
      {more > 0 && <p class="held-why">{t.staleMore(more)}</p>}
      {answer.unseen.slice(more).map((text, i) => (
        <blockquote class="held-unseen" dir="auto" key={i}>
          {text}
        </blockquote>
      ))}
      {stale && <p class="held-why">{t.staleYours}</p>}
      <p class="held-text" dir="auto">
        {answer.text}
      </p>
      <div class="held-actions">
        <button type="button" class="button button-small button-primary" onClick={onSendAnyway}>
          {sendLabel(answer.reason)}
        </button>
        <button type="button" class="button button-small" onClick={onEdit}>
          {t.editFirst}
        </button>
        <button type="button" class="button button-small button-plain" onClick={onDiscard}>
          {t.discard}
        </button>
      </div>
    </section>
  );
}

function whyText(reason: ErrorCode): string {
  const t = texts.value;
  switch (reason) {
    case "closed":
      return t.refusedClosed;
    case "rate_limited":
    case "busy":
      return t.refusedRate;
    default:
      return t.refusedOther;
  }
}

function sendLabel(reason: ErrorCode): string {
  const t = texts.value;
  if (reason === "stale") {
    return t.sendAnyway;
  }
  return reason === "closed" ? t.reopenAndSend : t.sendAgain;
}

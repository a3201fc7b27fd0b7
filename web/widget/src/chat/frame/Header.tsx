import type { JSX } from "preact";
import { CloseIcon } from "../icons.tsx";
import { isolate, Say } from "../texts/Say.tsx";
import type { ChatTexts } from "../texts/texts.ts";
import { Avatar } from "../timeline/Bubble.tsx";

export interface HeaderProps {
  texts: ChatTexts;
  site: string;
  /* Somebody is there to answer; undefined while that is not known. */
  online: boolean | undefined;
  agent: string | undefined;
  /* The desk will not talk to this page. */
  ended: boolean;
  onClose: () => void;
}

export function presenceText({ texts, online, agent }: HeaderProps): string {
  if (online === undefined) {
    return texts.connecting;
  }
  if (!online) {
    return texts.leaveMessage;
  }
  return agent === undefined ? texts.answersSoon : texts.answering(isolate(agent));
}

export function Header(props: HeaderProps): JSX.Element {
  const { texts } = props;
  return (
    <header class="header">
      <Avatar name={props.site} />
      <div class="who">
        <h2>
          <bdi>{props.site || texts.chat}</bdi>
        </h2>
        {!props.ended && (
          <p class={props.online ? "on" : undefined} role="status">
            <span title={presenceText(props)}>
              <Say>{presenceText(props)}</Say>
            </span>
          </p>
        )}
      </div>
      <button type="button" class="round" aria-label={texts.close} onClick={props.onClose}>
        <CloseIcon />
      </button>
    </header>
  );
}

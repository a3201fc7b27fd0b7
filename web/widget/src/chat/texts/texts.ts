/*
 * What the chat says. One file per language; English comes with the chat, the others when they are wanted.
 */

import type { Language } from "../../locale.ts";
import { en } from "./en.ts";

export interface ChatTexts {
  /* Header. */
  chat: string;
  title: (site: string) => string;
  close: string;
  answersSoon: string;
  leaveMessage: string;
  answering: (agent: string) => string;
  connecting: string;

  /* Line between you and the desk. */
  offline: string;
  reconnecting: string;
  online: string;
  unusable: string;

  /* Messages. */
  today: string;
  yesterday: string;
  messages: string;
  you: string;
  waiting: string;
  stored: string;
  delivered: string;
  read: string;
  refused: string;
  retry: string;
  unread: string;
  earlier: string;
  latest: (count: number) => string;
  typing: (agent: string) => string;
  opensInNewTab: string;

  /* Lines of the desk itself. */
  joined: (agent: string) => string;
  assigned: (agent: string) => string;
  closed: string;
  reopened: string;
  closedNote: string;

  /* Writing. */
  write: string;
  send: string;
  left: (count: number) => string;
  tooLong: (count: number) => string;

  /* How to reach the visitor. */
  contactTitle: string;
  contactName: string;
  contactEmail: string;
  contactSave: string;
  contactSkip: string;
  contactWrong: string;
  contactFailed: string;
  contactDone: (email: string) => string;
}

export async function loadTexts(language: Language): Promise<ChatTexts> {
  switch (language) {
    case "en":
      return en;
    case "ko":
      return (await import("./ko.ts")).ko;
    case "zh":
      return (await import("./zh.ts")).zh;
  }
}

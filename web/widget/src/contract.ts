/*
 * What the launcher and the chat know of each other. The launcher is on every page; the chat comes with the first
 * click, from a file of its own, and is the only one that stores anything or opens a connection.
 */

import type { Locale } from "./locale.ts";

export interface Person {
  name?: string;
  email?: string;
}

/* What a page can listen to with Desk("on", …), and what it is told. */
export interface DeskEvents {
  ready: { version: string };
  error: { code: string; message: string };
  open: null;
  close: null;
  show: null;
  hide: null;
  destroy: null;
  status: { online: boolean };
  connection: { state: ConnectionState };
  unread: { count: number };
  "message:sent": { id: string };
  "message:stored": { id: string; number: number };
  "message:failed": { id: string; error: string };
  "message:received": { number: number; from: "agent" | "site"; text: string };
}

export type ConnectionState = "connecting" | "online" | "offline";

export type Emit = <Name extends keyof DeskEvents>(name: Name, detail: DeskEvents[Name]) => void;

/* The launcher, as the chat sees it. */
export interface ChatHost {
  /* An element in the shadow root; the chat renders into it. */
  mount: HTMLElement;
  site: string;
  /* ws: or wss: address of /ws/visitor. */
  socket: string;
  locale: Locale;
  adopt(css: string): void;
  emit: Emit;
  /* The visitor wants the window closed. */
  close(): void;
}

/* The chat, as the launcher sees it. */
export interface Chat {
  /* Shows or hides the window; shown, it takes the focus. */
  setOpen(open: boolean): void;
  setLocale(locale: Locale): Promise<void>;
  identify(person: Person): void;
  destroy(): void;
}

/* The chat's file exports this. Resolves when the window can be shown. */
export type StartChat = (host: ChatHost) => Promise<Chat>;

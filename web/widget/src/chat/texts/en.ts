import type { ChatTexts } from "./texts.ts";

export const en: ChatTexts = {
  chat: "Chat",
  title: (site) => `Chat with ${site}`,
  close: "Close chat",
  answersSoon: "We usually answer in minutes",
  leaveMessage: "Leave a message",
  answering: (agent) => `${agent} is here for you`,
  connecting: "Connecting…",

  offline: "You are offline. Your messages are kept and will be sent when you are back.",
  reconnecting:
    "No connection. Your messages are kept and will be sent automatically. Reconnecting…",
  online: "Connected again",
  unusable: "The chat is not available on this page.",

  today: "Today",
  yesterday: "Yesterday",
  messages: "Messages",
  you: "You",
  waiting: "Waiting to be sent",
  stored: "Sent",
  delivered: "Delivered",
  read: "Read",
  refused: "Not sent.",
  retry: "Tap to try again",
  earlier: "Earlier messages",
  unread: "New",
  latest: (count) =>
    count === 0 ? "Go to the latest" : count === 1 ? "1 new message" : `${count} new messages`,
  typing: (agent) => (agent ? `${agent} is typing` : "Somebody is typing"),
  opensInNewTab: "opens in a new tab",

  joined: (agent) => `${agent} joined the conversation`,
  assigned: (agent) => (agent ? `${agent} is taking over` : "You will be passed on to a colleague"),
  closed: "The conversation was closed",
  reopened: "The conversation was opened again",
  closedNote: "Write again any time, we will pick it up here.",

  write: "Write a message…",
  send: "Send",
  left: (count) => `${count} left`,
  tooLong: (count) => (count === 1 ? "1 character too long" : `${count} characters too long`),

  contactTitle: "Leave your e-mail so that we can answer",
  contactName: "Name (optional)",
  contactEmail: "E-mail",
  contactSave: "Save",
  contactSkip: "Not now",
  contactWrong: "Please check the e-mail address.",
  contactFailed: "That did not work. Please try again in a moment.",
  contactDone: (email) => `Thank you. We can reach you at ${email}.`,
};

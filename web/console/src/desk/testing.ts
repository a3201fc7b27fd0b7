/* Conversations and messages for tests, plain where the test says nothing. */
import type { Author, Conversation, Message } from "./types.ts";

export function conversation(id: number, more: Partial<Conversation> = {}): Conversation {
  return {
    conversation: id,
    site: "demo",
    visitor: { visitor: String(id).padStart(32, "0") },
    state: "open",
    last: 0,
    unread: 0,
    first_text: "",
    last_text: "",
    last_author: "visitor",
    created_at: 0,
    changed_at: more.changed_at ?? 1000,
    visitor_delivered: 0,
    visitor_read: 0,
    agent_read: 0,
    ...more,
  };
}

export function message(number: number, author: Author, text: string, at: number): Message {
  const base = { number, author, text, at };
  return author === "visitor" || author === "agent"
    ? { ...base, id: `${author === "agent" ? "a" : "b"}${number}`.padStart(32, "0") }
    : base;
}

/* How people are called on the screen. */
import { texts } from "../texts/texts.ts";
import type { Presence } from "../ui/Avatar.tsx";
import type { Agent, Conversation } from "./types.ts";

/** The name the visitor gave, else the beginning of the e-mail address; empty when neither. */
export function givenName(c: Conversation): string {
  const { name, email } = c.visitor;
  return name?.trim() || email?.split("@")[0]?.trim() || "";
}

/** What to call the visitor; without a name, by number. */
export function visitorName(c: Conversation): string {
  return givenName(c) || texts.value.visitorNumber(c.conversation);
}

export function agentName(agents: ReadonlyMap<number, Agent>, agent: number | undefined): string {
  return agents.get(agent ?? 0)?.name ?? texts.value.somebody;
}

export function presenceOf(agent: Agent): Presence {
  return agent.connected ? agent.status : "offline";
}

export function presenceText(presence: Presence): string {
  const t = texts.value;
  switch (presence) {
    case "online":
      return t.presenceOnline;
    case "away":
      return t.presenceAway;
    case "offline":
      return t.presenceOffline;
  }
}

/** Online ones first, then away, then the others; by name within. */
const RANK: Readonly<Record<Presence, number>> = { online: 0, away: 1, offline: 2 };

export function byPresence(a: Agent, b: Agent): number {
  return RANK[presenceOf(a)] - RANK[presenceOf(b)] || a.name.localeCompare(b.name);
}

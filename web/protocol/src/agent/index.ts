export type { ConnectionStatus, Phase } from "../connection.ts";
export { browserEnvironment, type Environment } from "../environment.ts";
export {
  AGENT_PATH,
  type AgentEventConversation,
  type AgentEventConversations,
  type AgentEventMessages,
  type AgentEventWelcome,
} from "../gen/agent.ts";
export type {
  Agent,
  Author,
  Conversation,
  DeskEvent,
  ErrorCode,
  EventKind,
  Facts,
  Line,
  Message,
  Receipt,
  Role,
  Session,
  State,
  Status,
  View,
  Visitor,
} from "../gen/values.ts";
export type { OutboxEntry } from "../outbox.ts";
export type { PostResult, Refusal, Result } from "../result.ts";
export { localStore, memoryStore, type Store } from "../store.ts";
export {
  type Delivery,
  type Receipts,
  type ThreadItem,
  Timeline,
  threadItems,
  type WaitingMessage,
} from "../timeline.ts";
export { AgentClient, type AgentClientOptions, type AgentNotice } from "./client.ts";

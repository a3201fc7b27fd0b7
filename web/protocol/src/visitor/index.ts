export type { ConnectionStatus, Phase } from "../connection.ts";
export { browserEnvironment, type Environment } from "../environment.ts";
export type { Author, ErrorCode, Line, Message, Site, State } from "../gen/values.ts";
export { VISITOR_PATH } from "../gen/visitor.ts";
export type { PostResult, Refusal, Result } from "../result.ts";
export { localStore, memoryStore, type Store } from "../store.ts";
export type { Delivery, ThreadItem } from "../timeline.ts";
export { VisitorClient, type VisitorClientOptions, type VisitorState } from "./client.ts";
export type { PageFacts } from "./page.ts";

/*
 * Everything behind the console of one agent who is logged in: made at log-in, ended at log-out. Puts the parts
 * together and holds what an agent does across them: take, hand over, close, with a way back.
 */
import { effect, signal, untracked } from "@preact/signals";
import type { Api } from "../api/http.ts";
import { Desk, type DeskClient } from "../desk/desk.state.ts";
import { agentName, visitorName } from "../desk/names.ts";
import type { Agent, Refusal, Status, View } from "../desk/types.ts";
import { AgentsState } from "../features/agents/agents.state.ts";
import { ConnectionLineState } from "../features/connection/connection.state.ts";
import { ConversationState } from "../features/conversation/conversation.state.ts";
import { Drafts } from "../features/conversation/drafts.ts";
import { InboxState } from "../features/inbox/inbox.state.ts";
import { startNotices } from "../features/notices/notices.state.ts";
import { change, settings } from "../features/profile/settings.state.ts";
import { texts } from "../texts/texts.ts";
import { showToast } from "../ui/toasts.state.ts";
import { go, type Route, route, viewOf } from "./route.ts";

/** A question over the page that is not about agents. */
export type Overlay = { kind: "handOver"; conversation: number } | { kind: "shortcuts" };

export class ConsoleState {
  readonly desk: Desk;
  readonly inbox: InboxState;
  readonly conversation: ConversationState;
  readonly agents: AgentsState;
  readonly connection = new ConnectionLineState();
  readonly overlay = signal<Overlay | undefined>(undefined);
  /** Counts up when the list is to have the focus. */
  readonly listFocusAsked = signal(0);
  readonly #api: Api;
  readonly #stops: Array<() => void> = [];
  readonly #onEnded: (ended: boolean) => void;
  /** The next opening puts the cursor into the answer. */
  #answerNext = false;
  #checking = false;
  #stopped = false;

  constructor(client: DeskClient, api: Api, me: Agent, onEnded: (ended: boolean) => void) {
    this.#api = api;
    this.#onEnded = onEnded;
    this.desk = new Desk(client);
    this.inbox = new InboxState(this.desk);
    this.conversation = new ConversationState(this.desk, new Drafts(me.agent));
    this.agents = new AgentsState(api);
  }

  start(): void {
    const { desk, inbox, conversation } = this;
    this.#stops.push(
      this.connection.follow(desk),
      startNotices({
        desk,
        inbox,
        opened: () => conversation.opened.peek(),
        onPick: (id) => this.open(id, true),
      }),
      effect(() => {
        const at = route.value;
        const ready = desk.ready.value;
        untracked(() => this.#follow(at, ready));
      }),
      effect(() => {
        if (desk.epoch.value > 1) {
          untracked(() => conversation.forget());
        }
      }),
      effect(() => {
        const { phase } = desk.connection.value;
        if (phase === "ended") {
          untracked(() => this.#onEnded(true));
        } else if (phase === "offline") {
          void this.#checkSession();
        }
      }),
      this.#followPage(),
    );
    desk.start();
  }

  stop(): void {
    this.#stopped = true;
    this.conversation.flush();
    this.desk.stop();
    for (const stop of this.#stops.splice(0)) {
      stop();
    }
  }

  showView(view: View): void {
    const at = route.peek();
    const conversation = at.place === "inbox" && isWide() ? at.conversation : undefined;
    go(
      conversation === undefined
        ? { place: "inbox", view }
        : { place: "inbox", view, conversation },
    );
  }

  /** Opens a conversation; `answer` puts the cursor into its answer. */
  open(conversation: number, answer: boolean): void {
    this.#answerNext = answer;
    const at = route.peek();
    const replace = at.place === "inbox" && at.conversation !== undefined && isWide();
    go({ place: "inbox", view: viewOf(at), conversation }, replace);
    if (this.conversation.opened.peek() === conversation && answer) {
      this.conversation.focusAsked.value += 1;
    }
  }

  /** One press: it is one's own and the cursor is in the answer. */
  async take(conversation: number): Promise<void> {
    this.open(conversation, true);
    const taken = await this.desk.client.take(conversation);
    if (!taken.ok) {
      this.#tell(taken.refusal);
    }
  }

  takeNext(): void {
    const next = this.desk.waiting.peek()[0];
    if (next !== undefined) {
      void this.take(next.conversation);
    }
  }

  async close(conversation: number): Promise<void> {
    const known = this.desk.conversation(conversation);
    const closed = await this.desk.client.close(conversation);
    if (!closed.ok) {
      this.#tell(closed.refusal);
      return;
    }
    const t = texts.peek();
    const name = known === undefined ? t.somebody : visitorName(known);
    showToast(t.closedToast(name), { label: t.undo, run: () => void this.reopen(conversation) });
  }

  async reopen(conversation: number): Promise<void> {
    const opened = await this.desk.client.reopen(conversation);
    if (!opened.ok) {
      this.#tell(opened.refusal);
    } else if (this.conversation.opened.peek() === conversation) {
      this.conversation.focusAsked.value += 1;
    }
  }

  async handOver(conversation: number, agent: Agent | undefined): Promise<void> {
    this.overlay.value = undefined;
    const done = await this.desk.client.assign(conversation, agent?.agent);
    if (!done.ok) {
      this.#tell(done.refusal);
      return;
    }
    const t = texts.peek();
    showToast(agent === undefined ? t.queuedToast : t.handedToast(agent.name));
  }

  async sendAnyway(id: string): Promise<void> {
    const sent = await this.conversation.sendAnyway(id);
    if (!sent.ok) {
      this.#tell(sent.refusal);
    }
  }

  /** Beside the conversation where there is room, else in its place. */
  toggleFacts(): void {
    const at = route.peek();
    if (at.place !== "inbox" || at.conversation === undefined) {
      return;
    }
    if (factsBeside()) {
      change({ factsShown: !settings.peek().factsShown });
      return;
    }
    const { facts, ...without } = at;
    go(facts === true ? without : { ...without, facts: true }, facts === true);
  }

  async setStatus(status: Status): Promise<void> {
    const set = await this.desk.setStatus(status);
    if (!set.ok) {
      this.#tell(set.refusal);
    }
  }

  async logOut(): Promise<void> {
    await this.#api.logOut();
    this.#onEnded(false);
  }

  /** A browser does not tell why a socket was refused: a log-in that has ended looks like a lost network. */
  async #checkSession(): Promise<void> {
    if (this.#checking) {
      return;
    }
    this.#checking = true;
    const me = await this.#api.me();
    this.#checking = false;
    if (!me.ok && me.failure.error === "not_logged_in" && !this.#stopped) {
      this.#onEnded(true);
    }
  }

  #tell(refusal: Refusal): void {
    showToast(refusalText(refusal, this.desk.agents.peek()));
  }

  #follow(at: Route, ready: boolean): void {
    if (at.place === "inbox") {
      this.inbox.view.value = at.view;
      if (ready) {
        this.conversation.open(at.conversation, this.#answerNext);
        this.#answerNext = false;
      }
    } else {
      this.conversation.open(undefined, false);
      if (at.place === "settings") {
        this.#loadOwnSessions();
      }
    }
  }

  #loadOwnSessions(): void {
    const me = this.desk.me.peek();
    if (me !== undefined) {
      this.agents.sessions.value = undefined;
      void this.agents.loadSessions(me.agent);
    }
  }

  #followPage(): () => void {
    const onVisible = (): void => {
      this.conversation.tellRead();
      if (document.visibilityState === "hidden") {
        this.conversation.flush();
      }
    };
    const onLeave = (): void => this.conversation.flush();
    document.addEventListener("visibilitychange", onVisible);
    window.addEventListener("pagehide", onLeave);
    return () => {
      document.removeEventListener("visibilitychange", onVisible);
      window.removeEventListener("pagehide", onLeave);
    };
  }
}

/** List and conversation stand beside each other. */
export function isWide(): boolean {
  return window.matchMedia("(min-width: 761px)").matches;
}

/** There is room for the visitor's facts beside the conversation. */
export function factsBeside(): boolean {
  return window.matchMedia("(min-width: 1100px)").matches;
}

/** Why the desk did not do something, for a short note. */
export function refusalText(refusal: Refusal, agents: ReadonlyMap<number, Agent>): string {
  const t = texts.peek();
  switch (refusal.error) {
    case "taken":
      return t.takenToast(agentName(agents, refusal.agent));
    case "offline":
    case "timeout":
      return t.refusedOffline;
    case "rate_limited":
    case "busy":
      return t.refusedRate;
    case "forbidden":
      return t.onlyOwner;
    case "not_found":
      return t.notFoundTitle;
    default:
      return t.failed;
  }
}

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/primitives.css";
import "./app/app.css";
import "./features/auth/auth.css";
import "./features/inbox/inbox.css";
import "./features/conversation/conversation.css";
import "./features/facts/facts.css";
import "./features/agents/agents.css";
import "./features/profile/profile.css";
import { AgentClient } from "@deskbell/protocol/agent";
import { render } from "preact";
import { api } from "./api/http.ts";
import { App } from "./app/App.tsx";
import { BrokenGuard } from "./app/Broken.tsx";
import { startRouting } from "./app/route.ts";
import { SessionState } from "./app/session.state.ts";
import { armSound } from "./features/notices/sound.ts";
import { applySettings } from "./features/profile/settings.state.ts";
import { startTicking } from "./lib/clock.ts";

const session = new SessionState(api);
const token = session.takeToken();
const root = document.getElementById("app");

applySettings();
startRouting();
startTicking();
armSound();
void session.start(token);

const makeClient = (): AgentClient =>
  new AgentClient({ url: `${location.origin.replace(/^http/, "ws")}/ws/agent` });

if (root !== null) {
  render(
    <BrokenGuard>
      <App session={session} api={api} makeClient={makeClient} />
    </BrokenGuard>,
    root,
  );
}

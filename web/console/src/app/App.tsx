/* Which page: coming in, or the console. */
import { useEffect } from "preact/hooks";
import type { Api } from "../api/http.ts";
import type { DeskClient } from "../desk/desk.state.ts";
import { LogIn, NoOwner, Setup, Unreachable } from "../features/auth/Auth.tsx";
import { LogInState, SetupState } from "../features/auth/auth.state.ts";
import { texts } from "../texts/texts.ts";
import { BellMark } from "../ui/BellMark.tsx";
import { ConsoleScreen } from "./ConsoleScreen.tsx";
import { ConsoleState } from "./console.state.ts";
import type { SessionState } from "./session.state.ts";
import { useOnce } from "./useOnce.ts";

interface AppProps {
  session: SessionState;
  api: Api;
  makeClient: () => DeskClient;
}

export function App({ session, api, makeClient }: AppProps) {
  const phase = session.phase.value;
  switch (phase.kind) {
    case "starting":
      return <Starting />;
    case "unreachable":
      return <Unreachable onRetry={() => void session.start(undefined)} />;
    case "noOwner":
      return <NoOwner />;
    case "setup":
      return <SetupScreen session={session} api={api} token={phase.token} />;
    case "logIn":
      return <LogInScreen session={session} api={api} ended={phase.ended} />;
    case "in": {
      const make = (): ConsoleState =>
        new ConsoleState(makeClient(), api, phase.me, (ended) => session.leave(ended));
      return <ConsoleHost key={phase.me.agent} make={make} />;
    }
  }
}

/** Keeps one console as long as one agent is in. */
function ConsoleHost({ make }: { make: () => ConsoleState }) {
  const state = useOnce(make);
  useEffect(() => {
    state.start();
    return () => state.stop();
  }, [state]);
  return <ConsoleScreen state={state} />;
}

function Starting() {
  return (
    <main class="starting" aria-busy="true" aria-label={texts.value.loading}>
      <BellMark size={40} />
    </main>
  );
}

function LogInScreen({ session, api, ended }: { session: SessionState; api: Api; ended: boolean }) {
  const state = useOnce(() => new LogInState(api, (me) => session.enter(me)));
  return (
    <LogIn
      email={state.email.value}
      password={state.password.value}
      errors={state.errors.value}
      busy={state.busy.value}
      note={ended ? texts.value.sessionEnded : undefined}
      onEmail={(value) => {
        state.email.value = value;
      }}
      onPassword={(value) => {
        state.password.value = value;
      }}
      onSubmit={() => void state.submit()}
    />
  );
}

function SetupScreen({ session, api, token }: { session: SessionState; api: Api; token: string }) {
  const state = useOnce(() => new SetupState(api, token, (me) => session.enter(me)));
  return (
    <Setup
      name={state.name.value}
      email={state.email.value}
      password={state.password.value}
      errors={state.errors.value}
      busy={state.busy.value}
      onName={(value) => {
        state.name.value = value;
      }}
      onEmail={(value) => {
        state.email.value = value;
      }}
      onPassword={(value) => {
        state.password.value = value;
      }}
      onSubmit={() => void state.submit()}
    />
  );
}

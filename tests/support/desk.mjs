// Visitors and agents as tests use them: connected, greeted, ready.
import { randomBytes } from "node:crypto";

import { WebSocketClient } from "./websocket.mjs";

export const PASSWORD = "correct horse battery";

export function newId() {
    return randomBytes(16).toString("hex");
}

export function openVisitor(server, { origin = "https://shop.example", protocol = "deskbell.visitor.1", headers } = {}) {
    return WebSocketClient.open({ port: server.port, path: "/ws/visitor", protocol, origin, headers });
}

/** A greeted visitor. known: { visitor, token } of an earlier one. */
export async function visitor(server, { known, after = 0, site = "demo", ...options } = {}) {
    const ws = await openVisitor(server, options);
    ws.send({ type: "hello", site, after, ...known });
    ws.welcome = await ws.next("welcome");
    ws.page = await ws.next("messages");
    ws.known = { visitor: ws.welcome.visitor, token: ws.welcome.token ?? known?.token };
    ws.post = async (text, id = newId()) => {
        ws.send({ type: "post", id, text });
        return ws.next((m) => (m.type === "stored" || m.type === "refused") && m.id === id);
    };
    return ws;
}

/** Makes an agent on the command line, beside the running server. */
export async function addAgent(server, { email, name = "Min", role = "agent", password = PASSWORD }) {
    const added = await server.command(
        ["agent", "add", "--email", email, "--name", name, "--role", role, "--password-stdin"],
        { input: `${password}\n` });
    if (added.status !== 0) throw new Error(`agent add: ${added.err}`);
}

/** The value of the session cookie that an answer sets. */
export function cookieOf(answer) {
    const field = (answer.headers["set-cookie"] ?? []).find((c) => c.startsWith("deskbell_session="));
    return field === undefined ? undefined : /^deskbell_session=([^;]*)/.exec(field)[1];
}

/** Logs in; the answer is the cookie's value. */
export async function logIn(server, email, password = PASSWORD) {
    const answer = await server.http("POST", "/api/login", { body: { email, password }, origin: server.origin });
    if (answer.status !== 200) throw new Error(`log-in: ${answer.status} ${answer.body}`);
    return cookieOf(answer);
}

export function openConsole(server, cookie, { origin = server.origin, protocol = "deskbell.agent.1" } = {}) {
    const headers = cookie === undefined ? {} : { Cookie: `deskbell_session=${cookie}` };
    return WebSocketClient.open({ port: server.port, path: "/ws/agent", protocol, origin, headers });
}

/** A greeted console of a log-in. */
export async function consoleOf(server, cookie) {
    const ws = await openConsole(server, cookie);
    ws.cookie = cookie;
    ws.welcome = await ws.ask({ type: "hello" });
    if (ws.welcome.type !== "welcome") throw new Error(`hello: ${JSON.stringify(ws.welcome)}`);
    ws.agent = ws.welcome.agent.agent;
    ws.post = async (conversation, text, { seen = 1000, id = newId(), force } = {}) => {
        ws.send({ type: "post", id, conversation, text, seen, ...(force === undefined ? {} : { force }) });
        return ws.next((m) => (m.type === "stored" || m.type === "refused") && m.id === id);
    };
    /** The next desk event of a kind, about a conversation if one is given. */
    ws.event = async (kind, fits = () => true) => {
        const message = await ws.next((m) => m.type === "desk_event" && m.event.kind === kind && fits(m.event));
        return message.event;
    };
    return ws;
}

/** A new agent with a console. */
export async function agent(server, { email = `${newId()}@desk.example`, ...options } = {}) {
    await addAgent(server, { email, ...options });
    const ws = await consoleOf(server, await logIn(server, email));
    ws.email = email;
    return ws;
}

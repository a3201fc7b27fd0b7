// What an agent may do and is told, over real sockets.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { agent, consoleOf, logIn, newId, openConsole, visitor } from "../support/desk.mjs";
import { Server } from "../support/server.mjs";
import { WebSocketClient } from "../support/websocket.mjs";

let server;
let min;
let ada;

before(async () => {
    server = await Server.start();
    min = await agent(server, { name: "Min" });
    ada = await agent(server, { name: "Ada" });
});

after(async () => {
    await server.stop();
});

/** A visitor with a conversation: the visitor has `conversation`. */
async function asking(text = "hello") {
    const ws = await visitor(server);
    await ws.post(text);
    const event = await min.event("conversation", (e) => e.changed.visitor.visitor === ws.known.visitor);
    ws.conversation = event.changed.conversation;
    return ws;
}

test("welcome tells who one is, all agents, and where the desk stands", async () => {
    const ws = await consoleOf(server, min.cookie);
    assert.equal(ws.welcome.agent.name, "Min");
    assert.deepEqual(ws.welcome.agents.map((a) => [a.name, a.connected]), [["Min", true], ["Ada", true]]);
    assert.ok(ws.welcome.event >= 2);
    assert.equal(ws.welcome.oldest, 1);
    await ws.close();
});

test("events of agents tell who is connected now", async () => {
    const page = await min.ask({ type: "events", after: 0, limit: 500 });
    const agents = page.items.filter((e) => e.kind === "agent").map((e) => [e.agent.name, e.agent.connected]);
    assert.deepEqual(agents, [["Min", true], ["Ada", true]]);
});

test("a new chat is told with its first message and counted as unassigned", async () => {
    const ws = await asking("is anybody there?");
    const event = await ada.event("conversation", (e) => e.changed.conversation === ws.conversation);
    assert.equal(event.changed.first_text, "is anybody there?");
    assert.equal(event.changed.state, "open");
    assert.equal(event.changed.agent, undefined);
    assert.equal(event.changed.unread, 1);
    assert.ok(event.changed.waiting_since > 0);
    const console_ = await consoleOf(server, min.cookie);
    assert.ok(console_.welcome.unassigned >= 1);
    await console_.close();
});

test("desk events come in order, without gaps, the same to every console", async () => {
    const one = await consoleOf(server, min.cookie);
    const two = await consoleOf(server, ada.cookie);
    const visitors = await Promise.all([asking(), asking(), asking()]);
    await Promise.all(visitors.flatMap((v) => [one.post(v.conversation, "a"), two.post(v.conversation, "b")]));
    const last = await one.ask({ type: "events", after: one.welcome.event, limit: 500 });
    for (const ws of [one, two]) {
        await ws.next((m) => m.type === "desk_event" && m.event.event === last.last);
        const numbers = ws.history.filter((m) => m.type === "desk_event" && m.event.event > ws.welcome.event).map((m) => m.event.event);
        assert.deepEqual(numbers, numbers.map((_, i) => ws.welcome.event + 1 + i));
    }
    await Promise.all([one.close(), two.close()]);
});

test("events are caught up after an absence, by pages", async () => {
    const from = (await consoleOf(server, min.cookie)).welcome.event;
    const ws = await asking();
    for (let i = 0; i < 5; i++) await ws.post(`more ${i}`);
    const console_ = await consoleOf(server, min.cookie);
    const events = [];
    for (let after_ = from; after_ < console_.welcome.event; after_ = events.at(-1).event) {
        const page = await console_.ask({ type: "events", after: after_, limit: 3 });
        assert.equal(page.type, "events");
        assert.ok(page.items.length > 0 && page.items.length <= 3);
        events.push(...page.items);
    }
    assert.deepEqual(events.map((e) => e.event), events.map((_, i) => from + 1 + i));
    assert.ok(events.some((e) => e.kind === "message" && e.message.text === "more 4"));
});

test("events that the desk does not have are gone", async () => {
    const refused = await min.ask({ type: "events", after: 1_000_000 });
    assert.equal(refused.error, "gone");
});

test("an answer takes a conversation that nobody has, with a line before it", async () => {
    const ws = await asking();
    const stored = await min.post(ws.conversation, "how can I help?");
    assert.equal(stored.type, "stored");
    assert.equal(stored.number, 4);
    assert.equal(stored.conversation, ws.conversation);
    const page = await min.ask({ type: "history", conversation: ws.conversation });
    assert.deepEqual(page.items.map((m) => [m.number, m.author, m.line, m.text]), [
        [1, "site", undefined, "Hello! How can we help you?"], [2, "visitor", undefined, "hello"],
        [3, "system", "joined", ""], [4, "agent", undefined, "how can I help?"]]);
    const opened = await ada.ask({ type: "open", conversation: ws.conversation });
    assert.equal(opened.conversation.agent, min.agent);
    assert.equal(opened.conversation.waiting_since, undefined);
});

test("a repeated answer gets the first stored", async () => {
    const ws = await asking();
    const id = newId();
    const first = await min.post(ws.conversation, "once", { id });
    assert.deepEqual(await min.post(ws.conversation, "twice", { id }), first);
});

test("two agents who take at once: one gets it, the other is told who", async () => {
    for (let round = 0; round < 10; round++) {
        const ws = await asking(`round ${round}`);
        const answers = await Promise.all([min, ada].map((a) => a.ask({ type: "take", conversation: ws.conversation })));
        const winners = answers.filter((a) => a.type === "done");
        const losers = answers.filter((a) => a.type === "refused");
        assert.equal(winners.length, 1);
        assert.equal(losers.length, 1);
        assert.equal(losers[0].error, "taken");
        const winner = answers[0].type === "done" ? min : ada;
        assert.equal(losers[0].agent, winner.agent);
        const opened = await min.ask({ type: "open", conversation: ws.conversation });
        assert.equal(opened.conversation.agent, winner.agent);
        const page = await min.ask({ type: "history", conversation: ws.conversation });
        assert.equal(page.items.filter((m) => m.line === "joined").length, 1);
    }
});

test("an answer that did not see the visitor's last message is held back until it is forced", async () => {
    const ws = await asking();
    await ws.post("wait, one thing");
    const stale = await min.post(ws.conversation, "too early", { seen: 2 });
    assert.equal(stale.type, "refused");
    assert.equal(stale.error, "stale");
    assert.equal(stale.number, 3);
    assert.equal((await min.post(ws.conversation, "I know", { seen: 2, force: true })).type, "stored");
    const page = await min.ask({ type: "history", conversation: ws.conversation });
    assert.ok(!page.items.some((m) => m.text === "too early"));
    assert.equal((await min.post(ws.conversation, "my own messages are not news", { seen: 3 })).type, "stored");
});

test("a conversation is handed to a colleague and back to the queue", async () => {
    const ws = await asking();
    await min.ask({ type: "take", conversation: ws.conversation });
    assert.equal((await min.ask({ type: "assign", conversation: ws.conversation, agent: ada.agent })).type, "done");
    const handed = await ada.event("conversation", (e) => e.changed.conversation === ws.conversation && e.changed.agent === ada.agent);
    assert.equal(handed.changed.state, "open");
    await ws.next((m) => m.type === "state" && m.agent_name === "Ada");
    assert.equal((await ada.ask({ type: "assign", conversation: ws.conversation })).type, "done");
    const opened = await min.ask({ type: "open", conversation: ws.conversation });
    assert.equal(opened.conversation.agent, undefined);
    const refused = await min.ask({ type: "assign", conversation: ws.conversation, agent: 4711 });
    assert.equal(refused.error, "not_found");
});

test("a closed conversation takes no answer until it is open again", async () => {
    const ws = await asking();
    assert.equal((await min.ask({ type: "close", conversation: ws.conversation })).type, "done");
    assert.equal((await min.post(ws.conversation, "too late")).error, "closed");
    assert.equal((await min.ask({ type: "take", conversation: ws.conversation })).error, "closed");
    assert.ok((await min.ask({ type: "list", view: "closed" })).items.some((c) => c.conversation === ws.conversation));
    assert.equal((await min.ask({ type: "reopen", conversation: ws.conversation })).type, "done");
    assert.equal((await min.post(ws.conversation, "still there?")).type, "stored");
    const page = await min.ask({ type: "history", conversation: ws.conversation });
    assert.deepEqual(page.items.filter((m) => m.author === "system").map((m) => m.line).slice(0, 2), ["closed", "reopened"]);
});

test("the lists: mine, unassigned, all, by pages, latest change first", async () => {
    const visitors = [await asking("one"), await asking("two"), await asking("three")];
    await min.ask({ type: "take", conversation: visitors[0].conversation });
    const mine = await min.ask({ type: "list", view: "mine" });
    assert.equal(mine.items[0].conversation, visitors[0].conversation);
    assert.ok(mine.items.every((c) => c.agent === min.agent && c.state === "open"));
    const unassigned = await min.ask({ type: "list", view: "unassigned" });
    assert.ok(unassigned.items.every((c) => c.agent === undefined));
    const all = await min.ask({ type: "list", view: "all", limit: 200 });
    const paged = [];
    let before_;
    do {
        const page = await min.ask({ type: "list", view: "all", limit: 2, ...(before_ === undefined ? {} : { before: before_ }) });
        paged.push(...page.items);
        before_ = page.next;
    } while (before_ !== undefined);
    assert.deepEqual(paged.map((c) => c.conversation), all.items.map((c) => c.conversation));
    const times = all.items.map((c) => c.changed_at);
    assert.deepEqual(times, [...times].sort((a, b) => b - a));
    assert.equal((await min.ask({ type: "list", view: "all", before: "nonsense" })).error, "bad_field");
});

test("history is read forwards and backwards", async () => {
    const ws = await asking();
    for (let i = 3; i <= 12; i++) await ws.post(`${i}`);
    const numbers = async (command) => {
        const page = await min.ask({ type: "history", conversation: ws.conversation, ...command });
        return [page.items.map((m) => m.number), page.more];
    };
    assert.deepEqual(await numbers({ after: 9 }), [[10, 11, 12], false]);
    assert.deepEqual(await numbers({ after: 3, limit: 2 }), [[4, 5], true]);
    assert.deepEqual(await numbers({ before: 4 }), [[1, 2, 3], false]);
    assert.deepEqual(await numbers({ before: 12, limit: 3 }), [[9, 10, 11], true]);
    const both = await min.ask({ type: "history", conversation: ws.conversation, after: 1, before: 5 });
    assert.equal(both.error, "bad_field");
});

test("what does not exist is not found", async () => {
    for (const type of ["open", "history", "take", "close", "reopen"]) {
        assert.equal((await min.ask({ type, conversation: 999_999 })).error, "not_found", type);
    }
    assert.equal((await min.post(999_999, "hello?")).error, "not_found");
    assert.equal((await min.ask({ type: "read", conversation: 999_999, number: 1 })).error, "not_found");
    assert.equal((await min.ask({ type: "typing", conversation: 999_999, on: true })).error, "not_found");
});

test("several consoles of one agent and a colleague see one conversation in step", async () => {
    const second = await consoleOf(server, min.cookie);
    const ws = await asking("in step?");
    await min.post(ws.conversation, "yes");
    await ws.post("good");
    for (const console_ of [min, second, ada]) {
        await console_.event("message", (e) => e.conversation === ws.conversation && e.message.text === "good");
        const texts = console_.history.filter((m) => m.type === "desk_event" && m.event.kind === "message" && m.event.conversation === ws.conversation && m.event.message.text !== "")
            .map((m) => m.event.message.text);
        assert.deepEqual(texts, ["Hello! How can we help you?", "in step?", "yes", "good"]);
    }
    await second.close();
});

test("typing of an agent is told to colleagues, and not to himself", async () => {
    const ws = await asking();
    min.send({ type: "typing", conversation: ws.conversation, on: true });
    const seen = await ada.next((m) => m.type === "typing" && m.conversation === ws.conversation);
    assert.deepEqual(seen, { type: "typing", conversation: ws.conversation, on: true, agent: min.agent });
    min.send({ type: "typing", conversation: ws.conversation, on: false });
    await ada.next((m) => m.type === "typing" && m.conversation === ws.conversation && !m.on);
    await min.settle();
    assert.ok(!min.history.some((m) => m.type === "typing" && m.agent === min.agent));
});

test("read is told to colleagues and takes off what is unread", async () => {
    const ws = await asking();
    min.send({ type: "read", conversation: ws.conversation, number: 2 });
    const event = await ada.event("receipt", (e) => e.conversation === ws.conversation);
    assert.equal(event.receipt.agent_read, 2);
    const opened = await ada.ask({ type: "open", conversation: ws.conversation });
    assert.equal(opened.conversation.unread, 0);
});

test("delivered beyond the last event counts as the last event", async () => {
    const ws = await asking();
    min.send({ type: "delivered", event: 9_000_000_000 });
    await ws.next((m) => m.type === "receipt" && m.delivered === 2);
    const later = await asking("a later one");
    const { event } = await min.event("message", (e) => e.conversation === later.conversation && e.message.author === "visitor");
    ada.send({ type: "delivered", event });
    await later.next((m) => m.type === "receipt" && m.delivered === 2);
});

test("a console needs the cookie of a log-in", async () => {
    for (const cookie of [undefined, "", "00", newId() + newId()]) {
        const ws = await openConsole(server, cookie);
        assert.equal(ws.status, 101);
        assert.deepEqual((await ws.untilClosed()).code, 4401);
        assert.deepEqual(ws.history, []);
    }
});

test("a page of another origin cannot use an agent's cookie", async () => {
    for (const origin of ["https://evil.example", "null", `${server.origin}.evil.example`, `http://127.0.0.1:${server.port + 1}`]) {
        const ws = await openConsole(server, min.cookie, { origin });
        assert.equal(ws.status, 403, origin);
    }
    const bare = await WebSocketClient.open({ port: server.port, path: "/ws/agent", protocol: "deskbell.agent.1",
        headers: { Cookie: `deskbell_session=${min.cookie}` } });
    assert.equal(bare.status, 403);
});

test("the first command is hello, and hello comes once", async () => {
    const ws = await openConsole(server, min.cookie);
    assert.equal((await ws.ask({ type: "list", view: "all" })).error, "not_ready");
    assert.equal((await ws.ask({ type: "hello" })).type, "welcome");
    assert.equal((await ws.ask({ type: "hello" })).error, "not_ready");
    assert.equal((await ws.ask({ type: "list", view: "all" })).type, "conversations");
});

test("ending a log-in closes its consoles at once and no others", async () => {
    const cookie = await logIn(server, min.email);
    const doomed = await consoleOf(server, cookie);
    const out = await server.http("POST", "/api/logout", { body: {}, cookie, origin: server.origin });
    assert.equal(out.status, 200);
    assert.equal((await doomed.untilClosed()).code, 4401);
    await min.settle();
    const again = await openConsole(server, cookie);
    assert.equal((await again.untilClosed()).code, 4401);
});

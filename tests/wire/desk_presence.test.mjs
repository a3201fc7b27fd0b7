// The desk clock: who is there, and what visitors hear of it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { addAgent, agent, consoleOf, logIn, visitor } from "../support/desk.mjs";
import { Server } from "../support/server.mjs";

async function withServer(options, use) {
    const server = await Server.start({ options });
    try {
        await use(server);
    } finally {
        await server.stop();
    }
}

test("nobody on line: the visitor is told, and the message waits in the queue", () => withServer({}, async (server) => {
    const ws = await visitor(server);
    assert.equal(ws.welcome.online, false);
    assert.equal((await ws.post("is anybody there?")).type, "stored");
    const min = await agent(server, { name: "Min" });
    assert.equal(min.welcome.unassigned, 1);
    const list = await min.ask({ type: "list", view: "unassigned" });
    assert.equal(list.items[0].first_text, "is anybody there?");
    assert.deepEqual(await ws.next("online"), { type: "online", on: true });
}));

test("visitors hear when the last one goes and when one comes", () => withServer({}, async (server) => {
    const ws = await visitor(server);
    const min = await agent(server, { name: "Min" });
    assert.equal((await ws.next("online")).on, true);
    const ada = await agent(server, { name: "Ada" });
    await min.close();
    await ada.settle();
    await ada.close();
    assert.equal((await ws.next("online")).on, false);
    assert.equal(ws.history.filter((m) => m.type === "online").length, 2);
}));

test("away agents take no conversations, so the desk is off line", () => withServer({}, async (server) => {
    const min = await agent(server, { name: "Min" });
    const second = await consoleOf(server, min.cookie);
    const ws = await visitor(server);
    assert.equal(ws.welcome.online, true);
    assert.equal((await min.ask({ type: "status", status: "away" })).type, "done");
    assert.equal((await ws.next("online")).on, false);
    const told = await second.next((m) => m.type === "presence" && m.status === "away");
    assert.deepEqual([told.agent, told.connected], [min.agent, true]);
    assert.equal((await visitor(server)).welcome.online, false);
    await min.close();
    await second.close();
    const back = await consoleOf(server, min.cookie);
    assert.equal(back.welcome.agent.status, "away", "the status is remembered");
    assert.equal((await back.ask({ type: "status", status: "online" })).type, "done");
    assert.equal((await ws.next("online")).on, true);
}));

test("several consoles are one agent: the last one counts", () => withServer({}, async (server) => {
    const min = await agent(server, { name: "Min" });
    const ada = await agent(server, { name: "Ada" });
    const second = await consoleOf(server, min.cookie);
    await min.close();
    await second.settle();
    assert.ok(!ada.history.some((m) => m.type === "presence" && !m.connected));
    await second.close();
    const told = await ada.next((m) => m.type === "presence" && !m.connected);
    assert.equal(told.agent, min.agent);
}));

test("a reload within the grace time is not noticed", () => withServer({ "presence-grace-ms": 60000 }, async (server) => {
    const min = await agent(server, { name: "Min" });
    const ada = await agent(server, { name: "Ada" });
    const ws = await visitor(server);
    await min.drop();
    await ada.drop();
    const again = await consoleOf(server, min.cookie);
    await ws.settle();
    assert.equal((await visitor(server)).welcome.online, true);
    assert.ok(!ws.history.some((m) => m.type === "online"));
    assert.ok(again.welcome.agents.every((a) => a.connected));
}));

test("after the grace time the agent is gone", () => withServer({ "presence-grace-ms": 200 }, async (server) => {
    const min = await agent(server, { name: "Min" });
    const ws = await visitor(server);
    await min.drop();
    assert.equal((await ws.next("online")).on, false);
}));

test("an agent removed on the command line is sent away, and the others hear of it", () => withServer({}, async (server) => {
    const min = await agent(server, { name: "Min" });
    const ada = await agent(server, { name: "Ada" });
    const ws = await visitor(server);
    await ws.post("hello");
    await ada.event("conversation");
    const removed = await server.command(["agent", "remove", min.email]);
    assert.equal(removed.status, 0, removed.err);
    assert.equal((await min.untilClosed()).code, 4401);
    const event = await ada.event("agent", (e) => e.agent.agent === min.agent && e.agent.removed);
    const page = await ada.ask({ type: "events", after: event.event - 1 });
    assert.equal(page.items[0].kind, "agent");
    const numbers = ada.history.filter((m) => m.type === "desk_event").map((m) => m.event.event);
    assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i), "foreign events are told in their place");
    await ws.post("still numbered right");
    const next = await ada.event("message", (e) => e.message.text === "still numbered right");
    assert.ok(next.event > event.event);
}));

test("a password set on the command line ends the log-ins of that agent", () => withServer({}, async (server) => {
    const min = await agent(server, { name: "Min" });
    const ada = await agent(server, { name: "Ada" });
    const set = await server.command(["agent", "passwd", min.email, "--password-stdin"], { input: "a new password\n" });
    assert.equal(set.status, 0, set.err);
    assert.equal((await min.untilClosed()).code, 4401);
    await ada.settle();
    await logIn(server, min.email, "a new password");
}));

test("an agent added on the command line is told to the consoles", () => withServer({}, async (server) => {
    const min = await agent(server, { name: "Min" });
    await addAgent(server, { email: "new@desk.example", name: "New" });
    const event = await min.event("agent", (e) => e.agent.name === "New");
    assert.equal(event.event, min.welcome.event + 1);
}));

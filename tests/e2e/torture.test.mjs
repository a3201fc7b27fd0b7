// Bad networks in a real browser: a message ends up once on both screens, and meanwhile the visitor sees
// its true state.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { Proxy } from "./proxy.mjs";
import { Console, emailOf, eventually, launch, Person, Server, Shop, startDesk } from "./support.mjs";

// Long enough for a client to notice that nothing answers any more.
const NOTICE_MS = 60_000;

let browser;
let server;
let proxy;
let visitor;
let agent;
let desk;
let shop;

before(async () => {
    server = await startDesk();
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

beforeEach(async () => {
    proxy = await Proxy.start(server.port);
    agent = await Person.enter(browser);
    visitor = await Person.enter(browser);
    desk = await Console.logIn(agent, server.origin, emailOf("mina"));
    shop = await Shop.visit(visitor, proxy.origin);
    await shop.openChat();
});

afterEach(async () => {
    await proxy.stop();
    await visitor.leave();
    await agent.leave();
});

let round = 0;
/** A conversation that is under way, so that the network breaks in the middle of it. */
async function begin() {
    const text = `hello number ${++round}`;
    await shop.write(text);
    await desk.take(text);
    await shop.tells("Read");
    return text;
}

async function arrivesOnce(expected, patienceMs = NOTICE_MS) {
    await eventually(async () => assert.deepEqual(await shop.ownTexts(), expected), patienceMs);
    await eventually(async () => {
        const seen = await desk.texts();
        for (const text of expected) assert.equal(seen.filter((one) => one === text).length, 1, `${text} at the agent`);
    }, patienceMs);
    await eventually(async () => assert.notEqual(await shop.state(), "Waiting to be sent"), patienceMs);
    const order = (await desk.texts()).filter((text) => expected.includes(text));
    assert.deepEqual(order, expected);
}

test("offline_while_sending", async () => {
    const first = await begin();
    await visitor.context.setOffline(true);
    proxy.swallow();
    proxy.cut();
    await shop.write("written while offline");
    await shop.write("and another");
    await shop.tells("Waiting to be sent");
    assert.deepEqual(await shop.ownTexts(), [first, "written while offline", "and another"]);
    assert.ok(!(await desk.texts()).includes("written while offline"));
    proxy.heal();
    await visitor.context.setOffline(false);
    await arrivesOnce([first, "written while offline", "and another"]);
});

test("reload_while_unsent", async () => {
    const first = await begin();
    proxy.swallow();
    proxy.cut();
    await shop.write("not sent yet");
    await shop.tells("Waiting to be sent");
    proxy.heal();
    // The page is loaded again before the message has gone: the outbox survives.
    await visitor.context.route("**/ws/**", (route) => route.abort());
    await shop.page.reload();
    if (!(await shop.field.isVisible())) {
        await eventually(async () => (await shop.field.isVisible()) || shop.launcher.click({ timeout: 1000 }));
    }
    await shop.shows("not sent yet");
    await arrivesOnce([first, "not sent yet"]);
});

test("a_connection_that_is_accepted_and_never_answered", async () => {
    const first = await begin();
    proxy.swallow();
    await shop.write("into the void");
    await shop.tells("Waiting to be sent");
    await eventually(() => assert.ok(proxy.swallowed > 0, "it keeps waiting on a dead connection"), NOTICE_MS);
    assert.equal(await shop.state(), "Waiting to be sent");
    proxy.heal();
    await arrivesOnce([first, "into the void"]);
});

test("an_acknowledgement_lost_after_storing", async () => {
    const first = await begin();
    const lost = proxy.loseNext((text) => JSON.parse(text).type === "stored");
    await shop.write("stored, but you do not know");
    await lost;
    await desk.shows("stored, but you do not know");
    await arrivesOnce([first, "stored, but you do not know"]);
});

test("the_server_is_killed_while_both_are_writing", async () => {
    const first = await begin();
    const { port, folder } = server;
    await server.stop({ signal: "SIGKILL", keep: true });
    await Promise.all([shop.write("from the visitor"), desk.answer("from the agent")]);
    await shop.tells("Waiting to be sent");
    await desk.tells("Waiting to be sent");
    server = await Server.start({ folder, options: { listen: `127.0.0.1:${port}` } });
    await arrivesOnce([first, "from the visitor"]);
    await eventually(async () => {
        // The desk may hold the answer back, since the visitor wrote meanwhile: then the agent is asked.
        const held = desk.button("Send anyway");
        if (await held.isVisible()) await held.click();
        assert.equal((await shop.texts()).filter((text) => text === "from the agent").length, 1);
    }, NOTICE_MS);
    assert.equal((await desk.texts()).filter((text) => text === "from the agent").length, 1);
});

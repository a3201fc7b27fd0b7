// Starting, ending, dying: what was acknowledged stays, and clients know what to do.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { addAgent, agent, consoleOf, logIn, newId, visitor } from "../support/desk.mjs";
import { run, Server, temporaryFolder } from "../support/server.mjs";

/** A folder that is gone afterwards. */
async function withFolder(use) {
    const folder = await temporaryFolder();
    try {
        await use(folder);
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}

test("the start prints where to go, first of all a line for programs", async () => {
    const server = await Server.start();
    const lines = server.out.split("\n");
    assert.equal(lines[0], `deskbell ready port=${server.port}`);
    assert.equal(lines[1], `demo shop: ${server.origin}/demo/`);
    assert.equal(lines[2], `console: ${server.origin}/console/`);
    assert.match(lines[3], new RegExp(`^become the owner \\(this link works once\\): ${server.origin}/console/#setup=[0-9a-f]{64}$`));
    await server.stop();
});

test("each start without an owner makes a new link, and with one prints none", () => withFolder(async (folder) => {
    const first = await Server.start({ folder });
    const old = first.setupToken;
    await first.stop();
    const second = await Server.start({ folder });
    assert.notEqual(second.setupToken, old);
    const body = { name: "O", email: "o@desk.example", password: "correct horse battery" };
    const stale = await second.http("POST", "/api/setup", { body: { ...body, token: old }, origin: second.origin });
    assert.equal(stale.status, 403);
    const made = await second.http("POST", "/api/setup", { body: { ...body, token: second.setupToken }, origin: second.origin });
    assert.equal(made.status, 200);
    await second.stop();
    const third = await Server.start({ folder });
    assert.equal(third.setupToken, undefined);
    await third.stop();
}));

for (const signal of ["SIGTERM", "SIGINT"]) {
    test(`${signal} sends clients away with 1001, answers what was taken and exits with 0`, () => withFolder(async (folder) => {
        const server = await Server.start({ folder });
        const ws = await visitor(server);
        const min = await agent(server, { name: "Min" });
        const ids = Array.from({ length: 50 }, newId);
        for (const id of ids) ws.send({ type: "post", id, text: id });
        await ws.next("stored");
        server.signal(signal);
        assert.equal((await ws.untilClosed()).code, 1001);
        assert.equal((await min.untilClosed()).code, 1001);
        assert.deepEqual(await server.ended(), { status: 0, signal: null });
        const stored = ws.history.filter((m) => m.type === "stored");
        assert.ok(ws.history.filter((m) => m.type === "refused").every((m) => m.error === "busy"));
        const again = await Server.start({ folder });
        const back = await visitor(again, { known: ws.known });
        const texts = new Map(back.page.items.map((m) => [m.number, m.text]));
        for (const m of stored) assert.equal(texts.get(m.number), m.id);
        await again.stop();
    }));
}

test("a second signal ends a drain that waits for somebody", async () => {
    const server = await Server.start({ options: { "drain-timeout-ms": 600000 } });
    const deaf = await visitor(server);
    const ws = await visitor(server);
    deaf.pause();
    server.signal("SIGTERM");
    await ws.untilClosed();
    server.signal("SIGTERM");
    const end = await server.ended();
    assert.equal(end.signal, "SIGTERM");
    await server.stop();
});

test("a drain waits for deaf clients no longer than configured", async () => {
    const server = await Server.start({ options: { "drain-timeout-ms": 300 } });
    const deaf = await visitor(server);
    deaf.pause();
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
});

test("kill -9 loses nothing that was acknowledged, and nothing is doubled by repeating", () => withFolder(async (folder) => {
    let server = await Server.start({ folder });
    await addAgent(server, { email: "min@desk.example" });
    const cookie = await logIn(server, "min@desk.example");
    let ws = await visitor(server);
    const known = ws.known;
    const posts = [];
    for (let round = 0; round < 5; round++) {
        const fresh = Array.from({ length: 40 }, (_, i) => ({ id: newId(), text: `${round}/${i}` }));
        posts.push(...fresh);
        for (const { id, text } of fresh) ws.send({ type: "post", id, text });
        for (let i = 0; i < 7 * (round + 1); i++) await ws.next("stored");
        await server.stop({ signal: "SIGKILL" });
        await ws.untilClosed();
        const acknowledged = new Map(ws.history.filter((m) => m.type === "stored").map((m) => [m.id, m.number]));
        server = await Server.start({ folder });
        ws = await visitor(server, { known });
        for (const [id, number] of acknowledged) {
            const again = await ws.post("a repeat", id);
            assert.equal(again.number, number);
        }
        for (const { id, text } of fresh) assert.equal((await ws.post(text, id)).type, "stored");
    }
    const console_ = await consoleOf(server, cookie);
    const conversation = (await console_.ask({ type: "list", view: "all" })).items[0].conversation;
    const seen = [];
    for (let page = { more: true }; page.more;) {
        page = await console_.ask({ type: "history", conversation, after: seen.length, limit: 200 });
        seen.push(...page.items);
    }
    assert.deepEqual(seen.map((m) => m.number), seen.map((_, i) => i + 1));
    assert.deepEqual(seen.filter((m) => m.author === "visitor").map((m) => m.text), posts.map((p) => p.text));
    await server.stop();
}));

test("a server that was killed gives its addresses to one that is started at once", () => withFolder(async (folder) => {
    let listen = `127.0.0.1:0,unix:${join(folder, "desk.sock")}`;
    for (let i = 0; i < 4; i++) {
        const server = await Server.start({ folder, options: { listen } });
        listen = listen.replace(":0,", `:${server.port},`);
        await visitor(server); // so that there is something to take apart
        await server.stop({ signal: "SIGKILL" });
    }
}));

test("log-ins outlive a restart", () => withFolder(async (folder) => {
    const server = await Server.start({ folder });
    await addAgent(server, { email: "min@desk.example" });
    const cookie = await logIn(server, "min@desk.example");
    await server.stop();
    const again = await Server.start({ folder });
    assert.equal((await consoleOf(again, cookie)).welcome.agent.email, "min@desk.example");
    await again.stop();
}));

test("SIGHUP takes over what may change while the server runs, and a broken file changes nothing", () => withFolder(async (folder) => {
    const file = join(folder, "desk.conf");
    await writeFile(file, "log-level warn\n");
    const server = await Server.start({ options: { config: file } });
    await writeFile(file, "log-level info\n");
    const said = (text) => new Promise((resolve) => {
        const look = setInterval(() => {
            if (server.err.includes(text)) {
                clearInterval(look);
                resolve();
            }
        }, 5);
    });
    server.signal("SIGHUP");
    await said("options reloaded");
    await writeFile(file, "log-level loud\n");
    server.signal("SIGHUP");
    await said("options not reloaded");
    assert.match(server.err, /desk\.conf:1: log-level must be/);
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
}));

test("a port in use gets one line that says what to do", async () => {
    const taken = createServer();
    await new Promise((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address();
    await withFolder(async (folder) => {
        const end = await run(["serve", "--listen", `127.0.0.1:${port}`, "--data", folder]);
        assert.equal(end.status, 1);
        assert.match(end.err, new RegExp(`^deskbell: 127\\.0\\.0\\.1:${port} is in use by another program: .*--listen`));
        assert.equal(end.err.trim().split("\n").length, 1);
        assert.equal(end.out, "");
    });
    taken.close();
});

test("a second server on the same folder gets one line that says what to do", () => withFolder(async (folder) => {
    const server = await Server.start({ folder });
    const end = await run(["serve", "--listen", "127.0.0.1:0", "--data", server.data]);
    assert.equal(end.status, 1);
    assert.match(end.err, /^deskbell: another deskbell is running on the data folder .*--data\n$/);
    await server.stop();
}));

test("a data folder that cannot be one gets one line", () => withFolder(async (folder) => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const end = await run(["serve", "--listen", "127.0.0.1:0", "--data", join(file, "data")]);
    assert.equal(end.status, 1);
    assert.equal(end.err.trim().split("\n").length, 1);
    assert.match(end.err, /^deskbell: .*data/);
}));

test("an address that is not this machine's gets one line", () => withFolder(async (folder) => {
    const end = await run(["serve", "--listen", "192.0.2.1:0", "--data", folder]);
    assert.equal(end.status, 1);
    assert.match(end.err, /^deskbell: cannot listen on 192\.0\.2\.1:0: /);
}));

test("several listeners serve the same desk", async () => {
    const server = await Server.start({ options: { listen: "127.0.0.1:0,[::1]:0" } });
    const ws = await visitor(server);
    assert.equal((await ws.post("hello")).type, "stored");
    await server.stop();
});

test("the folder is made, deep down too, and is for its user only", () => withFolder(async (folder) => {
    const data = join(folder, "a", "b", "data");
    await mkdir(join(folder, "a"));
    const end = await run(["site", "add", "shop", "--name", "Shop", "--data", data]);
    assert.equal(end.status, 0, end.err);
    const { stat } = await import("node:fs/promises");
    assert.equal((await stat(data)).mode & 0o777, 0o700);
}));

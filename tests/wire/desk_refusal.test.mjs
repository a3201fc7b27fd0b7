// Bad input: each gets its documented refusal, costs its sender, and leaves the others alone.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { after, before, test } from "node:test";

import { agent, consoleOf, newId, openVisitor, visitor } from "../support/desk.mjs";
import { run, Server } from "../support/server.mjs";

let server;
let bystander;
let min;

before(async () => {
    server = await Server.start();
    min = await agent(server, { name: "Min" });
    bystander = await visitor(server);
});

after(async () => {
    await server.stop();
});

/** The others are served as before. */
async function othersAreFine() {
    assert.equal((await bystander.post("still here")).type, "stored");
    await min.settle();
}

/** What comes back for a text; the connection stays open. */
async function refusalOf(ws, text) {
    ws.send(text);
    const refused = await ws.next("refused");
    assert.ok(refused.text.length > 0);
    return refused.error;
}

const BAD_TEXTS = [
    ["", "bad_json"], ["{", "bad_json"], ["[]", "bad_json"], ["null", "bad_json"], ["\"hello\"", "bad_json"],
    ["{\"type\":\"ping\"}x", "bad_json"], ["{\"type\":\"ping\",\"type\":\"ping\"}", "bad_json"],
    ["{'type':'ping'}", "bad_json"], [`${"[".repeat(10_000)}`, "bad_field"], [`${"{\"a\":".repeat(5000)}1${"}".repeat(5000)}`, "bad_field"],
    ["{\"type\":\"\\ud800\"}", "bad_json"],
    ["{}", "bad_field"], ["{\"type\":\"\"}", "unknown_command"], ["{\"type\":\"nonsense\"}", "unknown_command"],
    ["{\"type\":7}", "bad_field"], ["{\"type\":\"Ping\"}", "unknown_command"], ["{\"type\":\"stored\"}", "unknown_command"],
    ["{\"type\":\"ping\",\"more\":1}", "bad_field"], ["{\"type\":\"ping\",\"ref\":\"1\"}", "bad_field"],
    ["{\"type\":\"ping\",\"ref\":1.5}", "bad_field"], ["{\"type\":\"ping\",\"ref\":-1}", "bad_field"],
    ["{\"type\":\"history\"}", "bad_field"], ["{\"type\":\"history\",\"after\":null}", "bad_field"],
    ["{\"type\":\"history\",\"after\":-1}", "bad_field"], ["{\"type\":\"history\",\"after\":1e2}", "bad_field"],
    ["{\"type\":\"history\",\"after\":99999999999999999999}", "bad_json"],
    ["{\"type\":\"history\",\"after\":0,\"limit\":0}", "bad_field"], ["{\"type\":\"history\",\"after\":0,\"limit\":201}", "bad_field"],
    ["{\"type\":\"post\",\"id\":\"00\",\"text\":\"x\"}", "bad_field"],
    [`{"type":"post","id":"${"A".repeat(32)}","text":"x"}`, "bad_field"],
    [`{"type":"post","id":"${"a".repeat(32)}","text":7}`, "bad_field"],
    [`{"type":"post","id":"${"a".repeat(32)}","text":["x"]}`, "bad_field"],
    ["{\"type\":\"delivered\",\"number\":0}", "bad_field"], ["{\"type\":\"typing\",\"on\":\"yes\"}", "bad_field"],
    ["{\"type\":\"identify\",\"name\":\"\"}", "bad_field"], ["{\"type\":\"identify\",\"email\":\"nonsense\"}", "bad_field"],
];

test("each kind of wrong text gets its documented refusal, and the connection lives on", async () => {
    for (const [text, error] of BAD_TEXTS) {
        const ws = await visitor(server);
        const got = await refusalOf(ws, text);
        // A number beyond what JSON readers agree on may be refused as JSON or as a field.
        const fits = text.includes("999999999999") ? ["bad_json", "bad_field"].includes(got) : got === error;
        assert.ok(fits, `${text.slice(0, 60)}: ${got}, not ${error}`);
        await ws.settle();
        await ws.drop();
    }
    await othersAreFine();
});

test("the same holds for consoles", async () => {
    const cases = [["{", "bad_json"], ["{\"type\":\"nonsense\"}", "unknown_command"], ["{\"type\":\"identify\",\"name\":\"x\"}", "unknown_command"],
        ["{\"type\":\"list\",\"view\":\"theirs\"}", "bad_field"], ["{\"type\":\"take\"}", "bad_field"], ["{\"type\":\"status\",\"status\":\"busy\"}", "bad_field"]];
    for (const [text, error] of cases) {
        const ws = await consoleOf(server, min.cookie);
        assert.equal(await refusalOf(ws, text), error, text);
        await ws.drop();
    }
    const ws = await consoleOf(server, min.cookie);
    const id = newId();
    ws.send({ type: "post", id, conversation: 1, text: "x".repeat(8001), seen: 0, ref: 5 });
    const refused = await ws.next("refused");
    assert.deepEqual([refused.error, refused.id, refused.ref], ["too_long", id, 5]);
    await ws.drop();
});

test("a refusal names the field, and repeats ref and id", async () => {
    const ws = await visitor(server);
    const id = newId();
    ws.send({ type: "post", id, text: "x".repeat(8001), ref: 9 });
    const refused = await ws.next("refused");
    assert.equal(refused.error, "too_long");
    assert.equal(refused.id, id);
    assert.equal(refused.ref, 9);
    assert.match(refused.text, /\(text\)$/);
});

test("binary messages are no commands", async () => {
    const ws = await visitor(server);
    ws.frame(2, JSON.stringify({ type: "ping" }));
    assert.equal((await ws.next("refused")).error, "bad_json");
    await ws.settle();
});

test("nothing but hello comes first, and hello comes once", async () => {
    const ws = await openVisitor(server);
    for (const command of [{ type: "ping" }, { type: "post", id: newId(), text: "x" }, { type: "history", after: 0 }]) {
        assert.equal((await ws.ask(command)).error, "not_ready");
    }
    assert.equal((await ws.ask({ type: "hello", site: "demo", after: 0 })).type, "welcome");
    assert.equal((await ws.ask({ type: "hello", site: "demo", after: 0 })).error, "not_ready");
    assert.equal((await ws.ask({ type: "ping" })).type, "pong");
});

test("a refused hello may be tried again on the same connection", async () => {
    const ws = await openVisitor(server);
    assert.equal((await ws.ask({ type: "hello", site: "nowhere", after: 0 })).error, "bad_site");
    assert.equal((await ws.ask({ type: "hello", site: "demo", after: 0 })).type, "welcome");
});

test("another visitor's id opens nothing without that visitor's token", async () => {
    const victim = await visitor(server);
    await victim.post("private");
    const thief = await visitor(server);
    const attempts = [
        [{ visitor: victim.known.visitor, token: thief.known.token }, "bad_token"],
        [{ visitor: thief.known.visitor, token: victim.known.token }, "bad_token"],
        [{ visitor: victim.known.visitor, token: "0".repeat(64) }, "bad_token"],
        [{ visitor: victim.known.visitor }, "bad_token"],
        [{ token: victim.known.token }, "bad_token"],
        [{ visitor: newId(), token: victim.known.token }, "bad_token"],
    ];
    for (const [fields, error] of attempts) {
        const ws = await openVisitor(server);
        const refused = await ws.ask({ type: "hello", site: "demo", after: 0, ...fields });
        assert.equal(refused.error, error, JSON.stringify(Object.keys(fields)));
        assert.equal((await ws.ask({ type: "history", after: 0 })).error, "not_ready");
        await victim.post("more");
        assert.ok(!JSON.stringify(ws.history).includes("more"));
        await ws.drop();
    }
});

test("a visitor of one site is no visitor of another", async () => {
    const added = await server.command(["site", "add", "second", "--name", "Second"]);
    assert.equal(added.status, 0, added.err);
    const ws = await visitor(server);
    const other = await openVisitor(server);
    const refused = await other.ask({ type: "hello", site: "second", after: 0, ...ws.known });
    assert.equal(refused.error, "bad_site");
});

test("a site that names its origins is used from those only", async () => {
    const added = await server.command(["site", "add", "strict", "--name", "Strict", "--origin", "https://shop.example", "--origin", "http://127.0.0.1:8000"]);
    assert.equal(added.status, 0, added.err);
    for (const [origin, fits] of [["https://shop.example", true], ["http://127.0.0.1:8000", true], ["https://shop.example.evil.example", false],
        ["http://shop.example", false], ["https://shop.example:444", false], ["null", false]]) {
        const ws = await openVisitor(server, { origin });
        const answer = await ws.ask({ type: "hello", site: "strict", after: 0 });
        assert.equal(answer.type === "welcome" ? "welcome" : answer.error, fits ? "welcome" : "bad_site", origin);
        await ws.drop();
    }
});

test("the tenth bad command in a row closes the connection with 4400", async () => {
    const ws = await visitor(server);
    for (let i = 0; i < 30; i++) {
        assert.equal(await refusalOf(ws, "{"), "bad_json");
        await ws.settle();
        if (i % 2 === 0) await ws.settle();
    }
    assert.equal(ws.closed, null, "good commands make good for bad ones");
    for (let i = 0; i < 10; i++) ws.send("nonsense");
    assert.equal((await ws.untilClosed()).code, 4400);
    await othersAreFine();
});

test("a message above the limit closes with 1009 and costs the others nothing", async () => {
    const ws = await visitor(server);
    ws.send(`{"type":"post","id":"${newId()}","text":"${"x".repeat(131072)}"}`);
    assert.equal((await ws.untilClosed()).code, 1009);
    const announced = await visitor(server);
    announced.raw(Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]));
    assert.equal((await announced.untilClosed()).code, 1009);
    await othersAreFine();
});

test("text that is not UTF-8 closes with 1007", async () => {
    const ws = await visitor(server);
    ws.frame(1, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
    assert.equal((await ws.untilClosed()).code, 1007);
});

test("random bytes on an open connection end that one only", async () => {
    for (let i = 0; i < 20; i++) {
        const ws = await visitor(server);
        ws.raw(randomBytes(1 + (i * 97) % 3000));
        ws.raw(Buffer.from([0x83, 0x80, 0, 0, 0, 0])); // a reserved opcode, should the rest have been legal
        await ws.drop();
    }
    await othersAreFine();
});

test("random bytes instead of a request are answered or ended", async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => new Promise((resolve) => {
        const socket = connect({ port: server.port, host: "127.0.0.1" });
        socket.on("error", () => {});
        socket.on("close", resolve);
        socket.resume();
        socket.end(Buffer.concat([randomBytes(1 + i * 50), Buffer.from("\r\n\r\n")]));
    })));
    await othersAreFine();
});

test("mutated commands never get an undocumented answer", async () => {
    const documented = new Set(["bad_json", "unknown_command", "bad_field", "too_long", "not_ready", "bad_site", "bad_token", "not_found", "rate_limited", "busy"]);
    const commands = [{ type: "post", id: newId(), text: "hello" }, { type: "history", after: 1, limit: 5 }, { type: "identify", name: "A", email: "a@b.example" },
        { type: "read", number: 2 }, { type: "hello", site: "demo", after: 0 }].map((c) => Buffer.from(JSON.stringify(c)));
    let ws = await visitor(server);
    for (let i = 0; i < 400; i++) {
        const text = Buffer.from(commands[i % commands.length]);
        for (let k = 0; k <= i % 3; k++) text[Math.floor(Math.random() * text.length)] = 32 + Math.floor(Math.random() * 95);
        ws.send(text.toString());
        if (i % 5 === 4) {
            // Ten broken rules in a row are too many, so a new connection goes on.
            await ws.ask({ type: "ping" }).catch(() => {});
            if (ws.closed !== null) {
                assert.equal(ws.closed.code, 4400);
            }
            for (const m of ws.history) {
                if (m.type === "refused") assert.ok(documented.has(m.error), m.error);
            }
            if (ws.closed === null) await ws.drop();
            ws = await visitor(server);
        }
    }
    await othersAreFine();
});

test("a reader that takes nothing is dropped, and its conversation goes on", async () => {
    const slow = await visitor(server);
    await slow.post("x".repeat(8000));
    const busy = await visitor(server, { known: slow.known });
    slow.pause();
    for (let i = 0; i < 100; i++) slow.send({ type: "history", after: 0 });
    for (let i = 0; i < 200; i++) assert.equal((await busy.post("y".repeat(8000))).type, "stored");
    await othersAreFine();
    await slow.drop();
});

test("messages beyond a visitor's rate are refused with the time to wait, in all tabs together", async () => {
    const strict = await Server.start({ options: { "message-rate": 1, "message-burst": 5 } });
    try {
        const one = await visitor(strict);
        const two = await visitor(strict, { known: one.known });
        // All at once, so that no time passes in which the allowance grows.
        const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => (i % 2 ? one : two).post(`${i}`)));
        const refused = answers.filter((m) => m.type === "refused");
        assert.equal(refused.length, 3);
        for (const m of refused) {
            assert.equal(m.error, "rate_limited");
            assert.ok(m.retry_after_ms > 0 && m.retry_after_ms <= 1000);
        }
        const other = await visitor(strict);
        assert.equal((await other.post("mine is another")).type, "stored");
        await new Promise((resolve) => setTimeout(resolve, refused[0].retry_after_ms));
        assert.equal((await one.post("in time", refused[0].id)).type, "stored");
    } finally {
        await strict.stop();
    }
});

test("new conversations of one address are limited, old ones go on", async () => {
    const strict = await Server.start({ options: { "conversations-per-address": 2, "conversations-window-s": 3600 } });
    try {
        const first = await visitor(strict);
        assert.equal((await first.post("one")).type, "stored");
        const second = await visitor(strict);
        assert.equal((await second.post("two")).type, "stored");
        const third = await visitor(strict);
        const refused = await third.post("three");
        assert.equal(refused.error, "rate_limited");
        assert.ok(refused.retry_after_ms > 1_000_000 && refused.retry_after_ms <= 1_800_000, `${refused.retry_after_ms}`);
        assert.equal((await first.post("I go on")).type, "stored");
        const tab = await visitor(strict, { known: second.known });
        assert.equal((await tab.post("me too")).type, "stored");
    } finally {
        await strict.stop();
    }
});

test("new visitors of one address are limited, known ones come back", async () => {
    const strict = await Server.start({ options: { "conversations-per-address": 1, "conversations-window-s": 86400 } });
    try {
        const first = await visitor(strict);
        for (let i = 1; i < 500; i++) (await visitor(strict)).close();
        const tooMany = await openVisitor(strict);
        tooMany.send({ type: "hello", site: "demo", after: 0 });
        const refused = await tooMany.next("refused");
        assert.equal(refused.error, "rate_limited");
        assert.ok(refused.retry_after_ms > 0 && refused.retry_after_ms <= 172_800, `${refused.retry_after_ms}`);
        const again = await visitor(strict, { known: first.known });
        assert.equal((await again.post("I am known")).type, "stored");
    } finally {
        await strict.stop();
    }
});

test("commands beyond a connection's rate are refused, and a flood is closed", async () => {
    const strict = await Server.start({ options: { "command-rate": 10, "command-burst": 20 } });
    try {
        const ws = await visitor(strict);
        for (let i = 0; i < 40; i++) ws.send({ type: "ping", ref: i });
        const refused = await ws.next("refused");
        assert.equal(refused.error, "rate_limited");
        assert.ok(refused.retry_after_ms > 0);
        assert.ok(Number.isInteger(refused.ref));
        for (let i = 0; i < 400; i++) ws.send({ type: "ping" });
        assert.equal((await ws.untilClosed()).code, 4400);
    } finally {
        await strict.stop();
    }
});

test("connections beyond the limit of an address get 429 until one is closed", async () => {
    const strict = await Server.start({ options: { "connections-per-address": 3 } });
    try {
        const open = [await visitor(strict), await visitor(strict), await visitor(strict)];
        const refused = await openVisitor(strict);
        assert.equal(refused.status, 429);
        assert.ok(Number(refused.headers.get("retry-after")) > 0);
        await open.pop().close();
        let again = await openVisitor(strict);
        // The server may hear of the end a moment after this side has.
        for (let i = 0; again.status === 429 && i < 50; i++) again = await openVisitor(strict);
        assert.equal(again.status, 101);
    } finally {
        await strict.stop();
    }
});

test("more than the desk can take is refused as busy, and what was taken is stored", async () => {
    const strict = await Server.start({ options: { "queue-commands": 16, "batch-commands": 1 } });
    try {
        const visitors = await Promise.all(Array.from({ length: 8 }, () => visitor(strict)));
        for (const ws of visitors) {
            for (let i = 0; i < 200; i++) ws.send({ type: "post", id: newId(), text: `${i}` });
        }
        let refused = 0;
        for (const ws of visitors) {
            const numbers = [];
            for (let i = 0; i < 200; i++) {
                const answer = await ws.next((m) => m.type === "stored" || m.type === "refused");
                if (answer.type === "stored") numbers.push(answer.number);
                else assert.equal(answer.error, "busy");
                refused += answer.type === "refused" ? 1 : 0;
                if (answer.type === "refused") assert.ok(answer.retry_after_ms > 0);
            }
            assert.deepEqual(numbers, numbers.map((_, i) => i + 2));
        }
        assert.ok(refused > 0, "the limit was reached");
    } finally {
        await strict.stop();
    }
});

test("the program has no option that would take a password", async () => {
    const refused = await run(["agent", "add", "--email", "a@b.example", "--name", "A", "--password", "secret-secret"]);
    assert.equal(refused.status, 2);
    assert.match(refused.err, /^deskbell: unknown option --password\n$/);
});

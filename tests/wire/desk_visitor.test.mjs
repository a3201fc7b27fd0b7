// What a visitor may do and is told, over real sockets.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { agent, newId, openVisitor, visitor } from "../support/desk.mjs";
import { Server } from "../support/server.mjs";

let server;
let min;

before(async () => {
    server = await Server.start();
    min = await agent(server, { name: "Min", role: "owner" });
});

after(async () => {
    await server.stop();
});

/** The conversation of a visitor who has just posted, as the desk hears of it. */
async function conversationOf(ws) {
    const event = await min.event("conversation", (e) => e.changed.visitor.visitor === ws.known.visitor);
    return event.changed.conversation;
}

test("a new visitor gets an id, a secret, the site and an empty page", async () => {
    const ws = await visitor(server);
    assert.match(ws.welcome.visitor, /^[0-9a-f]{32}$/);
    assert.match(ws.welcome.token, /^[0-9a-f]{64}$/);
    assert.equal(ws.welcome.site.name, "Demo shop");
    assert.equal(ws.welcome.last, 0);
    assert.equal(ws.welcome.online, true);
    assert.equal(ws.welcome.state, undefined);
    assert.deepEqual(ws.page, { type: "messages", items: [], more: false });
    const other = await visitor(server);
    assert.notEqual(other.welcome.visitor, ws.welcome.visitor);
    assert.notEqual(other.welcome.token, ws.welcome.token);
});

test("the sub-protocol of visitors is agreed on", async () => {
    const ws = await openVisitor(server);
    assert.equal(ws.status, 101);
    assert.equal(ws.headers.get("sec-websocket-protocol"), "deskbell.visitor.1");
});

test("a visitor who only looks leaves no conversation", async () => {
    const before = await min.ask({ type: "list", view: "all" });
    const ws = await visitor(server);
    await ws.settle();
    await ws.close();
    const now = await min.ask({ type: "list", view: "all" });
    assert.equal(now.items.length, before.items.length);
});

test("the first message opens the conversation behind the site's welcome", async () => {
    const ws = await visitor(server);
    const stored = await ws.post("hello");
    assert.equal(stored.type, "stored");
    assert.equal(stored.number, 2);
    assert.ok(Math.abs(stored.at - Date.now()) < 60_000);
    const welcome = await ws.next("message");
    assert.equal(welcome.message.number, 1);
    assert.equal(welcome.message.author, "site");
    assert.equal(welcome.message.text, "Hello! How can we help you?");
    const page = await ws.ask({ type: "history", after: 0 });
    assert.deepEqual(page.items.map((m) => [m.number, m.author, m.text]),
        [[1, "site", "Hello! How can we help you?"], [2, "visitor", "hello"]]);
});

test("messages are numbered without gaps and answered in their order", async () => {
    const ws = await visitor(server);
    const ids = Array.from({ length: 50 }, newId);
    ids.forEach((id, i) => ws.send({ type: "post", id, text: `text ${i}` }));
    for (const [i, id] of ids.entries()) {
        const stored = await ws.next("stored");
        assert.equal(stored.id, id);
        assert.equal(stored.number, i + 2);
    }
    const page = await ws.ask({ type: "history", after: 1 });
    assert.deepEqual(page.items.map((m) => m.text), ids.map((_, i) => `text ${i}`));
});

test("a repeated id gets the first answer, whatever its text, from any tab and after a reconnect", async () => {
    const ws = await visitor(server);
    const id = newId();
    const first = await ws.post("once", id);
    assert.deepEqual(await ws.post("twice", id), first);
    await ws.drop();
    const again = await visitor(server, { known: ws.known });
    assert.deepEqual(await again.post("thrice", id), first);
    const page = await again.ask({ type: "history", after: 0 });
    assert.deepEqual(page.items.filter((m) => m.author === "visitor").map((m) => m.text), ["once"]);
});

test("the same id of two visitors is two messages", async () => {
    const id = newId();
    const one = await visitor(server);
    const two = await visitor(server);
    assert.equal((await one.post("mine", id)).type, "stored");
    assert.equal((await two.post("mine too", id)).type, "stored");
    const page = await two.ask({ type: "history", after: 1 });
    assert.deepEqual(page.items.map((m) => m.text), ["mine too"]);
});

test("resuming gives what is missing and nothing else", async () => {
    const ws = await visitor(server);
    for (const text of ["one", "two", "three"]) await ws.post(text);
    await ws.drop();
    const again = await visitor(server, { known: ws.known, after: 2 });
    assert.equal(again.welcome.token, undefined);
    assert.equal(again.welcome.last, 4);
    assert.equal(again.welcome.state, "open");
    assert.deepEqual(again.page.items.map((m) => m.text), ["two", "three"]);
    assert.equal(again.page.more, false);
});

test("a long absence is caught up page by page", async () => {
    const ws = await visitor(server);
    for (let i = 0; i < 249; i += 50) {
        await Promise.all(Array.from({ length: Math.min(50, 249 - i) }, () => ws.post("a long story")));
    }
    const again = await visitor(server, { known: ws.known, after: 0 });
    const seen = [...again.page.items];
    assert.equal(seen.length, 100);
    let page = again.page;
    while (page.more) {
        page = await again.ask({ type: "history", after: seen.at(-1).number, limit: 60 });
        assert.ok(page.items.length <= 60);
        seen.push(...page.items);
    }
    assert.deepEqual(seen.map((m) => m.number), Array.from({ length: 250 }, (_, i) => i + 1));
});

test("tabs are in step, and the posting one hears stored instead of its message", async () => {
    const one = await visitor(server);
    const two = await visitor(server, { known: one.known });
    const stored = await one.post("from one");
    const seen = await two.next((m) => m.type === "message" && m.message.author === "visitor");
    assert.equal(seen.message.number, stored.number);
    assert.equal(seen.message.id, stored.id);
    assert.equal(seen.message.text, "from one");
    await two.post("from two");
    await one.next((m) => m.type === "message" && m.message.text === "from two");
    assert.ok(!one.history.some((m) => m.type === "message" && m.message.text === "from one"));
    const conversation = await conversationOf(one);
    await min.post(conversation, "to both");
    for (const tab of [one, two]) {
        const message = await tab.next((m) => m.type === "message" && m.message.author === "agent");
        assert.equal(message.message.text, "to both");
        assert.equal(message.message.name, "Min");
    }
});

test("a visitor hears nothing of another one", async () => {
    const one = await visitor(server);
    const two = await visitor(server);
    await one.post("private");
    await min.post(await conversationOf(one), "answer");
    await one.next((m) => m.type === "message" && m.message.text === "answer");
    await two.post("mine");
    await two.next((m) => m.type === "message" && m.message.number === 1);
    assert.ok(!JSON.stringify(two.history).includes("private"));
    assert.ok(!JSON.stringify(two.history).includes("answer"));
});

test("visitors are told nothing of an agent but the name", async () => {
    const ws = await visitor(server);
    await ws.post("hello");
    await min.post(await conversationOf(ws), "hello");
    await ws.next((m) => m.type === "message" && m.message.author === "agent");
    assert.ok(!JSON.stringify(ws.history).includes("@desk.example"));
});

test("name and e-mail are kept and shown to agents", async () => {
    const ws = await visitor(server);
    await ws.post("hello");
    const conversation = await conversationOf(ws);
    assert.equal((await ws.ask({ type: "identify", name: "Ada" })).type, "done");
    const named = await min.event("conversation", (e) => e.changed.conversation === conversation && e.changed.visitor.name);
    assert.equal(named.changed.visitor.name, "Ada");
    assert.equal((await ws.ask({ type: "identify", email: "ada@example.org" })).type, "done");
    const again = await visitor(server, { known: ws.known });
    assert.equal(again.welcome.name, "Ada");
    assert.equal(again.welcome.email, "ada@example.org");
});

test("page, title, referrer, language and browser are facts of the conversation", async () => {
    const ws = await openVisitor(server, { headers: { "User-Agent": "Test/1.0 (\u00e9)" } });
    ws.send({ type: "hello", site: "demo", after: 0, page: "https://shop.example/a", title: "A",
        referrer: "https://search.example/", language: "ko-KR" });
    ws.known = { visitor: (await ws.next("welcome")).visitor };
    ws.send({ type: "post", id: newId(), text: "hello" });
    await ws.next("stored");
    const opened = await min.ask({ type: "open", conversation: await conversationOf(ws) });
    assert.equal(opened.facts.page, "https://shop.example/a");
    assert.equal(opened.facts.title, "A");
    assert.equal(opened.facts.referrer, "https://search.example/");
    assert.equal(opened.facts.language, "ko-KR");
    assert.match(opened.facts.browser, /^Test\/1\.0/);
});

test("delivered and read come to the desk, and never go back", async () => {
    const ws = await visitor(server);
    await ws.post("hello");
    const conversation = await conversationOf(ws);
    await min.post(conversation, "answer");
    await ws.next((m) => m.type === "message" && m.message.author === "agent");
    ws.send({ type: "delivered", number: 4 });
    const delivered = await min.event("receipt", (e) => e.conversation === conversation && e.receipt.visitor_delivered === 4);
    assert.equal(delivered.receipt.visitor_read, 0);
    ws.send({ type: "read", number: 4 });
    await min.event("receipt", (e) => e.conversation === conversation && e.receipt.visitor_read === 4);
    ws.send({ type: "read", number: 1 });
    ws.send({ type: "delivered", number: 2 });
    await ws.settle();
    const opened = await min.ask({ type: "open", conversation });
    assert.equal(opened.conversation.visitor_delivered, 4);
    assert.equal(opened.conversation.visitor_read, 4);
});

test("what an agent has and has seen comes to the visitor", async () => {
    const ws = await visitor(server);
    await ws.post("hello");
    const conversation = await conversationOf(ws);
    const { event } = await min.event("message", (e) => e.conversation === conversation && e.message.author === "visitor");
    min.send({ type: "delivered", event });
    const delivered = await ws.next((m) => m.type === "receipt" && m.delivered >= 2);
    assert.equal(delivered.read, 0);
    min.send({ type: "read", conversation, number: 2 });
    await ws.next((m) => m.type === "receipt" && m.read === 2);
    const again = await visitor(server, { known: ws.known });
    assert.equal(again.welcome.delivered, 2);
    assert.equal(again.welcome.read, 2);
});

test("typing goes to the desk and comes from it, with the agent's name", async () => {
    const ws = await visitor(server);
    await ws.post("hello");
    const conversation = await conversationOf(ws);
    ws.send({ type: "typing", on: true });
    const seen = await min.next((m) => m.type === "typing" && m.conversation === conversation);
    assert.deepEqual(seen, { type: "typing", conversation, on: true });
    ws.send({ type: "typing", on: false });
    assert.equal((await min.next((m) => m.type === "typing" && m.conversation === conversation)).on, false);
    min.send({ type: "typing", conversation, on: true });
    assert.deepEqual(await ws.next("typing"), { type: "typing", on: true, name: "Min" });
    min.send({ type: "typing", conversation, on: false });
    assert.equal((await ws.next("typing")).on, false);
});

test("a tab that was there before the conversation tells typing too", async () => {
    const first = await visitor(server);
    const second = await visitor(server, { known: first.known });
    await first.post("hello");
    const conversation = await conversationOf(first);
    const { message } = await second.next((m) => m.type === "message" && m.message.number === 2);
    second.send({ type: "delivered", number: message.number });
    await min.next((m) => m.type === "desk_event" && m.event.receipt?.visitor_delivered === 2 && m.event.conversation === conversation);
    await second.settle();
    second.send({ type: "typing", on: true });
    await min.next((m) => m.type === "typing" && m.conversation === conversation && m.on);
});

test("a visitor who goes away while typing stops typing", async () => {
    const ws = await visitor(server);
    await ws.post("hello");
    const conversation = await conversationOf(ws);
    ws.send({ type: "typing", on: true });
    await min.next((m) => m.type === "typing" && m.conversation === conversation && m.on);
    await ws.drop();
    await min.next((m) => m.type === "typing" && m.conversation === conversation && !m.on);
});

test("typing is passed on at most once a second", async () => {
    const ws = await visitor(server);
    await ws.post("hello");
    const conversation = await conversationOf(ws);
    for (let i = 0; i < 100; i++) ws.send({ type: "typing", on: true });
    await ws.post("done typing");
    await min.event("message", (e) => e.conversation === conversation && e.message.text === "done typing");
    const typing = min.history.filter((m) => m.type === "typing" && m.conversation === conversation);
    assert.ok(typing.length >= 1 && typing.length <= 3, `${typing.length} were passed on`);
});

test("taking, closing and reopening is told to the visitor", async () => {
    const ws = await visitor(server);
    await ws.post("hello");
    const conversation = await conversationOf(ws);
    await min.ask({ type: "take", conversation });
    assert.deepEqual(await ws.next((m) => m.type === "state" && m.agent_name), { type: "state", state: "open", agent_name: "Min" });
    await min.ask({ type: "close", conversation });
    await ws.next((m) => m.type === "state" && m.state === "closed");
    const stored = await ws.post("one thing more");
    assert.equal(stored.type, "stored");
    await ws.next((m) => m.type === "state" && m.state === "open" && m.agent_name === "Min");
});

test("ping is answered, with its ref", async () => {
    const ws = await visitor(server);
    ws.send({ type: "ping", ref: 7 });
    assert.deepEqual(await ws.next("pong"), { type: "pong", ref: 7 });
    ws.send({ type: "ping" });
    assert.deepEqual(await ws.next("pong"), { type: "pong" });
});

test("texts of every script come back unchanged", async () => {
    const ws = await visitor(server);
    const texts = ["안녕하세요, 배송이 언제 되나요?", "你好,请问什么时候发货?", "👩‍👩‍👧‍👦 e\u0301 ‮rtl", "<script>alert(1)</script>", "\"\\/\b\f\n\r\t\u007f", " leading and trailing "];
    for (const text of texts) assert.equal((await ws.post(text)).type, "stored");
    const page = await ws.ask({ type: "history", after: 1 });
    assert.deepEqual(page.items.map((m) => m.text), texts);
});

test("8,000 characters are a message, 8,001 are too long, none and blanks are a bad field", async () => {
    const ws = await visitor(server);
    assert.equal((await ws.post("x".repeat(7999))).type, "stored");
    assert.equal((await ws.post("한".repeat(8000))).type, "stored");
    assert.equal((await ws.post("👍".repeat(8000))).type, "stored");
    for (const [text, error] of [["x".repeat(8001), "too_long"], ["👍".repeat(8001), "too_long"], ["", "bad_field"], [" \n\t\u3000", "bad_field"], ["a\u0000b", "bad_field"]]) {
        const refused = await ws.post(text);
        assert.equal(refused.type, "refused");
        assert.equal(refused.error, error);
    }
});

test("a message of 8,000 characters may be written with escapes only", async () => {
    const ws = await visitor(server);
    const id = newId();
    ws.send(`{"type":"post","id":"${id}","text":"${"\\ud83d\\udc4d".repeat(8000)}"}`);
    assert.equal((await ws.next((m) => m.id === id)).type, "stored");
});

test("a message that comes in many frames is one message", async () => {
    const ws = await visitor(server);
    const id = newId();
    const text = Buffer.from(JSON.stringify({ type: "post", id, text: "조각난 메시지" }));
    ws.frame(1, text.subarray(0, 10), false);
    for (let i = 10; i < text.length - 1; i++) ws.frame(0, text.subarray(i, i + 1), false);
    ws.frame(0, text.subarray(text.length - 1));
    assert.equal((await ws.next((m) => m.id === id)).type, "stored");
});

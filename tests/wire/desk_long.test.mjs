// Pages of the longest messages: cut before they weigh too much for a connection, and complete.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { agent, visitor } from "../support/desk.mjs";
import { Server } from "../support/server.mjs";

const MESSAGES = 40;
const TEXT_CHARS = 8000;
const PAGE_TEXT_BYTES = 256 * 1024;
const CHAR_BYTES = 3;

let server;
let min;
let known;
let conversation;
let firstEvent;

const textOf = (i) => `${i} `.padEnd(TEXT_CHARS, "가나다라");

before(async () => {
    server = await Server.start();
    min = await agent(server, { name: "Min", role: "owner" });
    firstEvent = min.welcome.event;
    const ws = await visitor(server);
    for (let i = 0; i < MESSAGES; i++) assert.equal((await ws.post(textOf(i))).type, "stored");
    known = ws.known;
    ({ conversation } = (await min.event("conversation")).changed);
    await ws.close();
});

after(async () => {
    await server.stop();
});

/** Every page is bounded, the last of them by the number of messages that are left. */
function checkPage(items, hasMore) {
    const bytes = items.reduce((sum, m) => sum + Buffer.byteLength(m.text), 0);
    assert.ok(bytes < PAGE_TEXT_BYTES + TEXT_CHARS * CHAR_BYTES, `${bytes} bytes of text`);
    if (hasMore) assert.ok(bytes >= PAGE_TEXT_BYTES, `cut at ${bytes} bytes of text`);
}

function checkAll(messages) {
    assert.deepEqual(messages.map((m) => m.number), Array.from({ length: MESSAGES + 1 }, (_, i) => i + 1));
    messages.slice(1).forEach((m, i) => assert.equal(m.text, textOf(i)));
}

test("a visitor who comes back reads all of them, page by page", async () => {
    const ws = await visitor(server, { known });
    const all = [...ws.page.items];
    checkPage(ws.page.items, ws.page.more);
    let page = ws.page;
    while (page.more) {
        page = await ws.ask({ type: "history", after: all.at(-1).number, limit: 200 });
        checkPage(page.items, page.more);
        all.push(...page.items);
    }
    checkAll(all);
    await ws.close();
});

test("an agent reads them forwards and backwards", async () => {
    for (const direction of ["after", "before"]) {
        let all = [];
        for (let more = true; more; ) {
            const from = direction === "after" ? (all.at(-1)?.number ?? 0) : (all[0]?.number ?? MESSAGES + 2);
            const page = await min.ask({ type: "history", conversation, [direction]: from, limit: 200 });
            checkPage(page.items, page.more);
            all = direction === "after" ? [...all, ...page.items] : [...page.items, ...all];
            more = page.more;
        }
        checkAll(all);
    }
});

test("a console catches up with them event by event", async () => {
    const messages = [];
    let last = firstEvent;
    for (let end = Infinity; last < end; ) {
        const page = await min.ask({ type: "events", after: last, limit: 500 });
        const items = page.items.filter((e) => e.kind === "message").map((e) => e.message);
        checkPage(items, false);
        assert.deepEqual(page.items.map((e) => e.event), page.items.map((_, i) => last + 1 + i));
        messages.push(...items);
        last = page.items.at(-1).event;
        end = page.last;
    }
    checkAll(messages);
});

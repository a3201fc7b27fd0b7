// What real pages take: the launcher, a key pressed here until it is read there, a new chat on the agent's
// screen, long tasks. Prints; does not judge. Part of make bench.
//
//   node bench/browser.mjs --build build/release
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { join, resolve } from "node:path";

const { values: options } = parseArgs({ options: { build: { type: "string", default: "build/release" }, rounds: { type: "string", default: "40" } } });
process.env.DESKBELL_PROGRAM = resolve(join(options.build, "src", "cli", "deskbell"));
const { Console, emailOf, launch, Person, Shop, startDesk } = await import("../tests/e2e/support.mjs");

const ROUNDS = Number(options.rounds);
const BROWSERS = 5;
const NEXT_PAGES = 6;
const CHATS = 15;
const SETTLE_MS = 500; // a person takes longer from one step to the next

function percentile(values, percent) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))];
}

const ms = (value) => `${value.toFixed(1)} ms`;
const both = (values) => `${ms(percentile(values, 50))} / ${ms(percentile(values, 95))}`;

/** In the page: when the last text that contains the mark came on the screen, frame included. */
function watchFor(mark) {
    const roots = [document, ...[...document.querySelectorAll("*")].map((e) => e.shadowRoot).filter(Boolean)];
    const has = () => roots.some((root) => (root.body ?? root).textContent.includes(mark));
    window.seen = new Promise((done, fail) => {
        const look = () => {
            if (!has()) return false;
            // After the next frame it has been painted.
            requestAnimationFrame(() => setTimeout(() => done(performance.timeOrigin + performance.now())));
            return true;
        };
        if (look()) return;
        const observer = new MutationObserver(() => look() && observer.disconnect());
        setTimeout(() => fail(new Error(`"${mark}" did not come on the screen`)), 15_000);
        for (const root of roots) observer.observe(root, { subtree: true, childList: true, characterData: true });
    });
}

/** From the key press in one page until the other has painted the text. */
async function timeKey(from, field, to, text, mark) {
    await field.fill(text);
    await to.evaluate(watchFor, mark);
    await from.evaluate(() => {
        addEventListener("keydown", () => (window.pressed = performance.timeOrigin + performance.now()), { capture: true, once: true });
    });
    await field.press("Enter");
    const seen = await to.evaluate(() => window.seen);
    return seen - (await from.evaluate(() => window.pressed));
}

/** Runs in every page before its scripts: long tasks of the page, and when a button was painted. */
function observePage() {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((e) => e.duration)))
        .observe({ type: "longtask", buffered: true });
    const look = () => {
        const host = document.querySelector("deskbell-widget");
        if (!(host?.shadowRoot ?? document).querySelector(host ? "button" : "#plain")) return;
        observer.disconnect();
        // The frame that shows it comes next; a task behind it runs when the page has painted it.
        requestAnimationFrame(() => setTimeout(() => (window.paintedAt = performance.now())));
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { childList: true, subtree: true });
}

/** The least any page takes here: one button, nothing else to load. */
async function servePlainPage() {
    const http = createServer((_, answer) => {
        answer.setHeader("content-type", "text/html; charset=utf-8");
        answer.end('<!doctype html><title>plain</title><link rel="icon" href="data:,"><button id="plain">Chat</button>');
    });
    await new Promise((done) => http.listen(0, "127.0.0.1", done));
    return { address: `http://127.0.0.1:${http.address().port}/`, close: () => http.close() };
}

async function visit(page, address, requests) {
    let count = 0;
    const onRequest = (r) => (count += /^\/(w\.js|widget\/)/.test(new URL(r.url()).pathname) ? 1 : 0);
    page.on("request", onRequest);
    await page.goto(address);
    await page.waitForFunction(() => window.paintedAt !== undefined && performance.getEntriesByName("first-contentful-paint").length > 0);
    await new Promise((r) => setTimeout(r, SETTLE_MS));
    page.off("request", onRequest);
    requests.push(count);
    return page.evaluate(() => ({
        painted: window.paintedAt, tasks: window.longTasks,
        onScreen: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    }));
}

/** On the first page that a browser shows at all, and on the next pages of the same tab. */
async function measureLauncher(browser, address) {
    const seen = { first: [], next: [], onScreen: [], requests: [], tasks: [] };
    for (let i = 0; i < BROWSERS; i++) {
        const person = await Person.enter(browser);
        await person.context.addInitScript(observePage);
        const page = await person.tab();
        for (let n = 0; n <= NEXT_PAGES; n++) {
            const { painted, onScreen, tasks } = await visit(page, address, seen.requests);
            (n === 0 ? seen.first : seen.next).push(painted);
            if (n === 0) seen.onScreen.push(onScreen);
            seen.tasks.push(...tasks);
            await page.goto("about:blank");
        }
        await person.leave();
    }
    return seen;
}

async function measureTalk(browser, server, desk) {
    const person = await Person.enter(browser);
    await person.context.addInitScript(observePage);
    const shop = await Shop.visit(person, server.origin);
    await shop.openChat();
    await shop.write("measuring begins");
    await desk.take("measuring begins");
    await shop.shows("measuring begins");
    const toAgent = [];
    const toVisitor = [];
    for (let i = 0; i < ROUNDS; i++) {
        toAgent.push(await timeKey(shop.page, shop.field, desk.page, `How about number ${i}?`, `number ${i}?`));
        toVisitor.push(await timeKey(desk.page, desk.field, shop.page, `That one is here: ${i}.`, `here: ${i}.`));
    }
    const tasks = await shop.page.evaluate(() => window.longTasks);
    await person.leave();
    return { toAgent, toVisitor, tasks };
}

async function measureNewChats(browser, server, desk) {
    const spans = [];
    for (let i = 0; i < CHATS; i++) {
        const person = await Person.enter(browser);
        const shop = await Shop.visit(person, server.origin);
        await shop.openChat();
        await new Promise((r) => setTimeout(r, SETTLE_MS));
        spans.push(await timeKey(shop.page, shop.field, desk.page, `first words of chat ${i}!`, `chat ${i}!`));
        // The next one comes to a desk where nobody waits.
        await desk.take(`chat ${i}!`);
        await desk.button("Close").click();
        await person.leave();
    }
    return spans;
}

const server = await startDesk();
const browser = await launch();
try {
    const agent = await Person.enter(browser);
    const desk = await Console.logIn(agent, server.origin, emailOf("mina"));
    const plain = await servePlainPage();
    const least = await measureLauncher(browser, plain.address);
    plain.close();
    const launcher = await measureLauncher(browser, `${server.origin}/demo/`);
    const talk = await measureTalk(browser, server, desk);
    const chats = await measureNewChats(browser, server, desk);
    await agent.leave();
    const tasks = [...launcher.tasks, ...talk.tasks];
    const rows = [
        ["launcher painted after navigation, p50 / p95", both(launcher.next)],
        ["  first page of a fresh browser", both(launcher.first)],
        ["  on which the first contentful paint is", both(launcher.onScreen)],
        ["a plain button, for comparison", both(least.next)],
        ["  first page of a fresh browser", both(least.first)],
        ["requests of the launcher", String(Math.max(...launcher.requests))],
        ["visitor's key → agent's screen, p50 / p95", both(talk.toAgent)],
        ["agent's key → visitor's screen, p50 / p95", both(talk.toVisitor)],
        ["new chat → agent's screen, p50 / p95", both(chats)],
        ["tasks over 50 ms on the shop's page", tasks.length === 0 ? "none" : `${tasks.length}, longest ${ms(Math.max(...tasks))}`],
    ];
    const width = Math.max(...rows.map(([name]) => name.length));
    console.log("\nin Chromium");
    for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);
} finally {
    await browser.close();
    await server.stop();
}

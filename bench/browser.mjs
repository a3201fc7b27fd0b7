// What real pages take: the launcher, a key pressed here until it is read there, a new chat on the agent's
// screen, long tasks. Prints; does not judge. Part of make bench.
//
//   node bench/browser.mjs --build build/release
import { parseArgs } from "node:util";
import { join, resolve } from "node:path";

const { values: options } = parseArgs({ options: { build: { type: "string", default: "build/release" }, rounds: { type: "string", default: "40" } } });
process.env.DESKBELL_PROGRAM = resolve(join(options.build, "src", "cli", "deskbell"));
const { Console, emailOf, launch, Person, Shop, startDesk } = await import("../tests/e2e/support.mjs");

const ROUNDS = Number(options.rounds);
const VISITS = 10;
const CHATS = 15;

function percentile(values, percent) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))];
}

const ms = (value) => `${value.toFixed(1)} ms`;

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

/** Runs in every page before its scripts: long tasks of the page, and when the launcher was painted. */
function observePage() {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((e) => e.duration)))
        .observe({ type: "longtask", buffered: true });
    const watch = setInterval(() => {
        const host = document.querySelector("deskbell-widget");
        if (!host?.shadowRoot?.querySelector("button")) return;
        clearInterval(watch);
        requestAnimationFrame(() => setTimeout(() => (window.launcherAt = performance.now())));
    }, 1);
}

async function measureLauncher(browser, server) {
    const painted = [];
    const requests = [];
    const tasks = [];
    for (let i = 0; i < VISITS; i++) {
        const person = await Person.enter(browser);
        await person.context.addInitScript(observePage);
        const page = await person.tab();
        let count = 0;
        page.on("request", (r) => (count += /^\/(w\.js|widget\/)/.test(new URL(r.url()).pathname) ? 1 : 0));
        await page.goto(`${server.origin}/demo/`);
        await page.waitForFunction(() => window.launcherAt !== undefined);
        await new Promise((r) => setTimeout(r, 200));
        painted.push(await page.evaluate(() => window.launcherAt));
        tasks.push(...(await page.evaluate(() => window.longTasks)));
        requests.push(count);
        await person.leave();
    }
    return { painted, requests, tasks };
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
    const launcher = await measureLauncher(browser, server);
    const talk = await measureTalk(browser, server, desk);
    const chats = await measureNewChats(browser, server, desk);
    await agent.leave();
    const tasks = [...launcher.tasks, ...talk.tasks];
    const rows = [
        ["launcher painted after navigation, p50 / worst", `${ms(percentile(launcher.painted, 50))} / ${ms(Math.max(...launcher.painted))}`],
        ["requests of the launcher", String(Math.max(...launcher.requests))],
        ["visitor's key → agent's screen, p50 / p95", `${ms(percentile(talk.toAgent, 50))} / ${ms(percentile(talk.toAgent, 95))}`],
        ["agent's key → visitor's screen, p50 / p95", `${ms(percentile(talk.toVisitor, 50))} / ${ms(percentile(talk.toVisitor, 95))}`],
        ["new chat → agent's screen, p50 / p95", `${ms(percentile(chats, 50))} / ${ms(percentile(chats, 95))}`],
        ["tasks over 50 ms on the shop's page", tasks.length === 0 ? "none" : `${tasks.length}, longest ${ms(Math.max(...tasks))}`],
    ];
    const width = Math.max(...rows.map(([name]) => name.length));
    console.log("\nin Chromium");
    for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);
} finally {
    await browser.close();
    await server.stop();
}

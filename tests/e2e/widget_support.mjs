// A shop page and a desk that does what a test wants, for what a real desk does rarely: it refuses, is slow, says
// nothing. The page is real, the widget is the built one; only the socket's other end is played here.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, afterEach, before } from "node:test";
import { fileURLToPath } from "node:url";

import { eventually, launch, Person, Shop } from "./support.mjs";

const WEB = fileURLToPath(new URL("../../web/", import.meta.url));
const TYPES = {
    ".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml",
};
/** Characters that a message may have. */
export const LONGEST = 8000;
const PAGE = 100;
const VISITOR = "0123456789abcdef0123456789abcdef";
const TOKEN = "ab".repeat(32);

/** Serves the built widget, the demo shop, and pages that a test gives: { "/page.html": "<!doctype …" }. */
class Site {
    pages = {};

    async start() {
        assert.ok(existsSync(join(WEB, "widget/dist/w.js")), "the widget is not built: make build");
        this.server = createServer((request, response) => this.#answer(request, response));
        await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
        this.origin = `http://127.0.0.1:${this.server.address().port}`;
    }

    async stop() {
        this.server?.closeAllConnections();
        await new Promise((resolve) => (this.server ? this.server.close(resolve) : resolve()));
    }

    #find(path) {
        if (path === "/w.js") return join(WEB, "widget/dist/w.js");
        if (path.startsWith("/widget/")) return join(WEB, "widget/dist", path.slice("/widget/".length));
        if (path.startsWith("/demo/")) return join(WEB, "demo/dist", path.slice("/demo/".length) || "index.html");
        return undefined;
    }

    #answer(request, response) {
        const path = normalize(new URL(request.url, "http://site").pathname);
        const page = this.pages[path];
        const file = this.#find(path);
        if (page !== undefined) {
            response.writeHead(200, { "Content-Type": TYPES[".html"] }).end(page);
        } else if (file !== undefined && existsSync(file) && statSync(file).isFile()) {
            response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "text/plain" }).end(readFileSync(file));
        } else {
            response.writeHead(404).end();
        }
    }
}

/** The other end of the widget's sockets on a page. */
class FakeDesk {
    welcome = "Hello! How can we help?";
    online = true;
    /** The conversation, as the desk would tell it. */
    messages = [];
    /** What the widget has sent, oldest first. */
    commands = [];
    /** Asked for each post: "store", "ignore", or what to refuse it with. */
    onPost = () => "store";
    /** Whether connections are answered. */
    answers = true;
    #sockets = new Set();
    #waiting = [];

    static async on(page) {
        const desk = new FakeDesk();
        await page.routeWebSocket(/\/ws\/visitor$/, (socket) => desk.#open(socket));
        return desk;
    }

    get connections() {
        return this.#sockets.size;
    }

    #open(socket) {
        this.#sockets.add(socket);
        socket.onMessage((text) => this.#onCommand(socket, JSON.parse(text)));
        socket.onClose(() => this.#sockets.delete(socket));
    }

    #onCommand(socket, command) {
        this.commands.push(command);
        this.#waiting = this.#waiting.filter((waits) => !waits(command));
        if (!this.answers) return;
        const tell = (event) => socket.send(JSON.stringify(event));
        const ref = command.ref === undefined ? {} : { ref: command.ref };
        switch (command.type) {
            case "hello":
                tell({
                    type: "welcome", visitor: VISITOR, ...(command.token ? {} : { token: TOKEN }),
                    site: { name: "Linden Clay", welcome: this.welcome }, online: this.online, last: this.messages.length,
                    ...(this.messages.length > 0 && { state: "open" }), delivered: 0, read: 0, ...ref,
                });
                this.#tellPage(tell, command.after);
                break;
            case "post":
                this.#onPosted(tell, command);
                break;
            case "history":
                this.#tellPage(tell, command.after, ref);
                break;
            case "identify":
                tell({ type: "done", ...ref });
                break;
            case "ping":
                tell({ type: "pong" });
                break;
        }
    }

    #tellPage(tell, after, ref = {}) {
        const items = this.messages.slice(after, after + PAGE);
        tell({ type: "messages", items, more: after + PAGE < this.messages.length, ...ref });
    }

    #onPosted(tell, { id, text }) {
        const verdict = this.onPost({ id, text });
        if (verdict === "ignore") return;
        if (verdict !== "store") {
            tell({ type: "refused", id, text: "no", ...verdict });
            return;
        }
        if (this.messages.length === 0 && this.welcome) {
            tell({ type: "message", message: this.#add({ author: "site", text: this.welcome }) });
        }
        const known = this.messages.find((message) => message.id === id) ?? this.#add({ author: "visitor", id, text });
        tell({ type: "stored", id, number: known.number, at: known.at });
    }

    #add(message) {
        const stored = { number: this.messages.length + 1, at: Date.now(), ...message };
        this.messages.push(stored);
        return stored;
    }

    tell(event) {
        for (const socket of this.#sockets) socket.send(JSON.stringify(event));
    }

    /** An agent writes. */
    say(text, name = "Mina") {
        const id = String(this.messages.length + 1).padStart(32, "0");
        this.tell({ type: "message", message: this.#add({ author: "agent", agent: 1, name, id, text }) });
    }

    line(line, name = "Mina") {
        this.tell({ type: "message", message: this.#add({ author: "system", line, agent: 1, name, text: "" }) });
    }

    /** The connections break. */
    cut() {
        for (const socket of this.#sockets) socket.close({ code: 1001 });
        this.#sockets.clear();
    }

    /** The next command that fits. */
    next(fits) {
        return new Promise((resolve) => {
            this.#waiting.push((command) => {
                const found = fits(command);
                if (found) resolve(command);
                return found;
            });
        });
    }

    posts() {
        return this.commands.filter((command) => command.type === "post");
    }
}

/** Messages of an agent: "line 1", "line 2", … */
export function manyMessages(count) {
    return Array.from({ length: count }, (_, i) => ({
        number: i + 1, author: "agent", agent: 1, name: "Mina", id: String(i + 1).padStart(32, "0"), text: `line ${i + 1}`, at: Date.now(),
    }));
}

/** Evaluates a function in the page, with the widget's shadow root. */
export function inWidget(page, run, argument) {
    return page.evaluate(
        ([text, value]) => new Function("root", "value", `return (${text})(root, value)`)(
            document.querySelector("deskbell-widget").shadowRoot, value),
        [run.toString(), argument]);
}

/** Where it stands in whole pixels, once it, and what it stands in, has stopped moving. */
export async function box(page, selector) {
    const place = page.locator(`deskbell-widget ${selector}`).first();
    await place.evaluate((element) => {
        const finite = element.getRootNode().getAnimations().filter((a) => a.effect.getComputedTiming().endTime !== Infinity);
        return Promise.allSettled(finite.map((animation) => animation.finished));
    });
    const exact = await place.boundingBox();
    return Object.fromEntries(Object.entries(exact).map(([side, pixels]) => [side, Math.round(pixels)]));
}

/** A site and a browser for the tests of a file, and how visitors come. */
export function stage() {
    const site = new Site();
    let browser;
    let people = [];

    before(async () => {
        await site.start();
        browser = await launch();
    });

    after(async () => {
        await browser?.close();
        await site.stop();
    });

    afterEach(async () => {
        const leaving = people;
        people = [];
        for (const person of leaving) await person.leave();
    });

    /** A visitor on a page, with a desk to play. */
    async function visit({ path = "/demo/index.html", prepare = () => {}, ...options } = {}) {
        const person = await Person.enter(browser, options);
        people.push(person);
        const shop = new Shop(await person.tab(), site.origin);
        const desk = await FakeDesk.on(shop.page);
        prepare(desk);
        await shop.page.goto(site.origin + path);
        return { person, shop, page: shop.page, desk };
    }

    async function visitAndOpen(options) {
        const visitor = await visit(options);
        await visitor.shop.openChat();
        // Not before: what the desk tells ahead of its welcome is not listened to.
        await eventually(() => assert.ok(visitor.desk.commands.some((command) => command.type === "hello")));
        assert.equal(visitor.desk.connections, 1);
        return visitor;
    }

    return { site, visit, visitAndOpen };
}

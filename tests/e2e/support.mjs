// What the browser tests share: a server of their own, Chromium, and how a person uses the shop's
// chat window and the console. People find things by what they are called, and so do these tests.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

import { addAgent, PASSWORD } from "../support/desk.mjs";
import { Server } from "../support/server.mjs";

export { Server } from "../support/server.mjs";
export { PASSWORD } from "../support/desk.mjs";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const PATIENCE_MS = 15_000;
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

function findChromium() {
    const names = [process.env.CHROMIUM, "chromium", "chromium-browser", "google-chrome"].filter(Boolean);
    for (const name of names) {
        if (name.includes("/") && existsSync(name)) return name;
        for (const folder of (process.env.PATH ?? "").split(delimiter)) {
            if (existsSync(join(folder, name))) return join(folder, name);
        }
    }
    throw new Error("no Chromium: apt-get install chromium, or name it in CHROMIUM");
}

/** Starts Chromium; the caller closes it. */
export async function launch() {
    const { chromium } = require("playwright-core");
    // Root may not use Chromium's own sandbox; the pages are ours.
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    return chromium.launch({ executablePath: findChromium(), args: [...args, "--disable-dev-shm-usage"] });
}

/**
 * The widget's shadow root is closed to the page it is on. Tests have to look inside, so the pages
 * they open get an open one; everything else is as it is.
 */
function openShadowRoots() {
    const attach = Element.prototype.attachShadow;
    Element.prototype.attachShadow = function (options) {
        return attach.call(this, { ...options, mode: "open" });
    };
}

/** Repeats until it holds or is too late; the last complaint tells what was wrong. */
export async function eventually(check, patienceMs = PATIENCE_MS) {
    const end = Date.now() + patienceMs;
    for (;;) {
        try {
            return await check();
        } catch (error) {
            if (Date.now() > end) throw error;
            await new Promise((resolve) => setTimeout(resolve, 25));
        }
    }
}

/** Somebody's browser: storage and log-ins of its own. Errors of its pages fail the test in close(). */
export class Person {
    errors = [];

    static async enter(browser, { phone = false, locale = "en-US", ...options } = {}) {
        const person = new Person();
        person.context = await browser.newContext({ viewport: phone ? PHONE : DESKTOP, hasTouch: phone, locale, ...options });
        person.context.setDefaultTimeout(PATIENCE_MS);
        await person.context.addInitScript(openShadowRoots);
        return person;
    }

    async tab() {
        const page = await this.context.newPage();
        page.on("pageerror", (error) => this.errors.push(String(error)));
        return page;
    }

    async leave() {
        await this.context.close();
        assert.deepEqual(this.errors, [], "errors on this person's pages");
    }
}

/** The shop's page with the chat, as a visitor uses it. */
export class Shop {
    constructor(page, origin) {
        this.page = page;
        this.origin = origin;
    }

    static async visit(person, origin, path = "/demo/") {
        const shop = new Shop(await person.tab(), origin);
        await shop.page.goto(origin + path);
        return shop;
    }

    get launcher() {
        return this.page.getByRole("button", { name: /^Open chat/ });
    }

    get field() {
        return this.page.getByRole("textbox", { name: "Write a message…" });
    }

    async openChat() {
        await this.launcher.click();
        await this.field.waitFor();
    }

    async closeChat() {
        await this.page.getByRole("button", { name: /^Close chat/ }).first().click();
        await this.field.waitFor({ state: "hidden" });
    }

    async write(text) {
        await this.field.fill(text);
        await this.field.press("Enter");
    }

    /** What stands in the window, from top to bottom: { own, text }. */
    messages() {
        return this.page.locator(".log .message:not(.typing)").evaluateAll((all) => all.map((element) => ({
            own: element.classList.contains("own"), text: element.querySelector(".bubble").textContent,
        })));
    }

    async texts() {
        return (await this.messages()).map((message) => message.text);
    }

    async ownTexts() {
        return (await this.messages()).filter((message) => message.own).map((message) => message.text);
    }

    /** The state that the last own message tells, in words. */
    async state() {
        return this.page.locator(".log .message.own .state").last().getAttribute("title");
    }

    async lines() {
        return this.page.locator(".log .line").allTextContents();
    }

    async shows(text) {
        await eventually(async () => assert.ok((await this.texts()).includes(text), `the visitor does not see: ${text}`));
    }

    async tells(state) {
        await eventually(async () => assert.equal(await this.state(), state));
    }
}

/** The console, as an agent uses it. */
export class Console {
    constructor(page, origin) {
        this.page = page;
        this.origin = origin;
    }

    static async logIn(person, origin, email, password = PASSWORD) {
        const desk = new Console(await person.tab(), origin);
        await desk.page.goto(`${origin}/console/`);
        await desk.page.getByRole("textbox", { name: "E-mail" }).fill(email);
        await desk.page.getByLabel("Password").fill(password);
        await desk.page.getByRole("button", { name: "Log in" }).click();
        await desk.ready();
        return desk;
    }

    /** The inbox is there. */
    async ready() {
        await this.page.getByRole("button", { name: "Your status and settings" }).first().waitFor();
    }

    /** The waiting chat that begins with text. */
    waiting(text) {
        return this.page.locator(".waiting-card", { hasText: text });
    }

    /** Read, too: who answers before that answers what he has not seen. */
    async take(text) {
        await this.waiting(text).getByRole("button", { name: /^Take/ }).click();
        await this.field.waitFor();
        await this.page.locator(".messages-list .bubble-text", { hasText: text }).first().waitFor({ state: "attached" });
    }

    /** A conversation of the list, by what was last said in it. */
    async open(text) {
        await this.page.locator("[data-conversation]", { hasText: text }).first().click();
        await this.page.getByRole("log", { name: "Messages" }).waitFor();
    }

    async view(name) {
        await this.page.getByRole("navigation").or(this.page.getByRole("tablist")).getByText(name, { exact: true }).first().click();
    }

    get field() {
        return this.page.getByRole("textbox", { name: /^Answer / });
    }

    async answer(text) {
        await this.field.fill(text);
        await this.field.press("Enter");
    }

    async texts() {
        return this.page.locator(".messages-list .bubble-text").allTextContents();
    }

    async shows(text) {
        await eventually(async () => assert.ok((await this.texts()).includes(text), `the agent does not see: ${text}`));
    }

    async state() {
        return this.page.locator(".messages-list .delivery").last().getAttribute("title");
    }

    async tells(state) {
        await eventually(async () => assert.equal(await this.state(), state));
    }

    button(name) {
        return this.page.getByRole("button", { name, exact: true });
    }
}

/** A server with agents, who log in as NAME@desk.example; the first is the owner. */
export async function startDesk({ agents = ["mina"], ...options } = {}) {
    const server = await Server.start(options);
    for (const [i, name] of agents.entries()) {
        await addAgent(server, { email: emailOf(name), name: name[0].toUpperCase() + name.slice(1), role: i === 0 ? "owner" : "agent" });
    }
    return server;
}

export function emailOf(name) {
    return `${name}@desk.example`;
}

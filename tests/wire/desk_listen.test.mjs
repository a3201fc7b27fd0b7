// Where the desk listens besides TCP: Unix sockets, and sockets of systemd, which keep connections
// while the desk restarts.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { lstat, rm } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { PROGRAM, run, Server, temporaryFolder } from "../support/server.mjs";

const ACTIVATOR = fileURLToPath(new URL("../support/activator.py", import.meta.url));

/** The status of GET /healthz; where: { port } or { socketPath }. */
function health(where) {
    return new Promise((resolve, reject) => {
        const asked = request({ ...where, path: "/healthz", agent: false }, (answer) => {
            answer.resume();
            answer.on("end", () => resolve(answer.statusCode));
        });
        asked.on("error", reject);
        asked.end();
    });
}

async function withFolder(use) {
    const folder = await temporaryFolder();
    try {
        await use(folder);
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}

/** A supervisor with the desk below it; line(pattern) waits for what it prints next. */
class Activator {
    #child;
    #lines = [];
    #wake;

    constructor(args) {
        this.#child = spawn("python3", [ACTIVATOR, PROGRAM, ...args], { stdio: ["pipe", "pipe", "inherit"] });
        createInterface({ input: this.#child.stdout }).on("line", (line) => {
            this.#lines.push(line);
            this.#wake?.();
        });
        this.ended = new Promise((resolve) => this.#child.on("close", resolve));
        this.#child.on("close", () => this.#wake?.());
    }

    /** Waits for a line and takes it; what the desk prints and what it tells may come in any order. */
    async line(pattern) {
        for (;;) {
            const place = this.#lines.findIndex((line) => pattern.test(line));
            if (place >= 0) return pattern.exec(this.#lines.splice(place, 1)[0]);
            assert.equal(this.#child.exitCode, null, `the activator ended before ${pattern}`);
            await new Promise((resolve) => (this.#wake = resolve));
        }
    }

    say(line) {
        this.#child.stdin.write(`${line}\n`);
    }

    async end() {
        this.#child.stdin.end();
        await this.ended;
    }
}

test("systemd's socket outlives the desk: who comes meanwhile is served by the next one", () => withFolder(async (folder) => {
    const systemd = new Activator(["serve", "--listen", "systemd:web", "--data", join(folder, "data")]);
    const port = Number((await systemd.line(/^port=(\d+)$/))[1]);
    try {
        const early = health({ port }); // nobody is there yet
        systemd.say("start");
        await systemd.line(new RegExp(`^out deskbell ready port=${port}$`));
        await systemd.line(new RegExp(`^out demo shop: http://127.0.0.1:${port}/demo/$`));
        await systemd.line(/^told "READY=1"$/);
        assert.equal(await early, 200);
        systemd.say("signal SIGHUP");
        await systemd.line(/^told "RELOADING=1\\nMONOTONIC_USEC=\d+"$/);
        await systemd.line(/^told "READY=1"$/);
        systemd.say("signal SIGTERM");
        await systemd.line(/^told "STOPPING=1"$/);
        await systemd.line(/^ended 0$/);
        const between = health({ port });
        systemd.say("start");
        assert.equal(await between, 200);
        systemd.say("signal SIGTERM");
        await systemd.line(/^ended 0$/);
    } finally {
        await systemd.end();
    }
}));

test("a Unix socket has the bits that were asked for, and goes with the desk", () => withFolder(async (folder) => {
    const socketPath = join(folder, "desk.sock");
    const server = await Server.start({ folder, options: { listen: `127.0.0.1:0,unix:${socketPath}`, "unix-mode": "0666" } });
    assert.equal((await lstat(socketPath)).mode & 0o777, 0o666);
    assert.equal(await health({ socketPath }), 200);
    assert.equal(await health({ port: server.port }), 200);
    await server.stop();
    await assert.rejects(lstat(socketPath), { code: "ENOENT" });
}));

test("what cannot be listened on is said in one line", () => withFolder(async (folder) => {
    const args = ["serve", "--data", join(folder, "data"), "--listen"];
    const systemd = await run([...args, "systemd"]);
    assert.equal(systemd.status, 1);
    assert.match(systemd.err, /systemd has passed no such socket/);
    const nowhere = await run([...args, `unix:${join(folder, "none", "s")}`]);
    assert.equal(nowhere.status, 1);
    assert.match(nowhere.err, /a folder that is there/);
    const nonsense = await run([...args, "unix:"]);
    assert.equal(nonsense.status, 2);
}));

// Starts the programs of libbell (bench/echo-server, examples/*) on a free port and ends them. A
// program that does not end by itself with status 0 has failed, and so has one that a sanitizer
// stopped: stop() throws then.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The build folder under test: $BELL_BUILD_DIR, else the usual one. */
export const BUILD = process.env.BELL_BUILD_DIR ?? join(ROOT, "build");

/** How often something is asked that nobody tells. */
const POLL_MS = 5;
const START_LIMIT_MS = 20000;

/** Asks until the answer is true. A limit that is reached is a failure. */
export async function eventually(what, isTrue, limitMs = 10000) {
    const deadline = performance.now() + limitMs;
    while (!(await isTrue())) {
        if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
        await delay(POLL_MS);
    }
}

/** What a program says on standard error, without what libbell logs there of its life. */
export function withoutLog(text) {
    return text.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z info .*\n/gm, "");
}

/** Sockets of a process that listen: their ports. */
function listeningPorts(pid) {
    const own = new Set();
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        try {
            const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
            if (match) own.add(match[1]);
        } catch {
            // Closed meanwhile.
        }
    }
    const ports = [];
    for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1)) {
        const words = line.trim().split(/\s+/);
        if (words[3] === "0A" && own.has(words[9])) ports.push(parseInt(words[1].split(":")[1], 16));
    }
    return ports;
}

const running = new Set();
process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
});

export class BellServer {
    #child;
    #ended;
    #maxDescriptors = Infinity;
    out = "";
    err = "";
    port = 0;

    /**
     * program: its path, or its name below the build folder; args without the address; address: how the program is told;
     * descriptors: the most that it may have; silent: it does not print its port, which is then
     * looked up.
     */
    static async start({ program = "bench/echo-server", args = [], address = ["--listen", "127.0.0.1:0"],
        descriptors, silent = program === "examples/chat" } = {}) {
        const path = resolve(BUILD, program);
        if (!existsSync(path)) throw new Error(`${path} is not there: build it, or set BELL_BUILD_DIR`);
        const server = new BellServer();
        if (descriptors !== undefined) server.#maxDescriptors = descriptors;
        const command = [path, ...address, ...args];
        server.#child = descriptors === undefined
            ? spawn(command[0], command.slice(1))
            : spawn("sh", ["-c", `ulimit -n ${descriptors} && exec "$@"`, "sh", ...command]);
        running.add(server.#child);
        server.#child.on("close", () => running.delete(server.#child));
        server.#child.stdin.on("error", () => {});
        server.#child.stdout.setEncoding("utf8").on("data", (text) => (server.out += text));
        server.#child.stderr.setEncoding("utf8").on("data", (text) => (server.err += text));
        server.#ended = once(server.#child, "close").then(([status, signal]) => ({ status, signal }));
        await server.#ready(program, silent);
        return server;
    }

    /** Starts one for the time of run(server), and ends it whatever happens. hasDrain: see stop(). */
    static async during({ hasDrain, ...options }, run) {
        const server = await BellServer.start(options);
        try {
            await run(server);
        } catch (error) {
            server.signal("SIGKILL");
            throw error;
        }
        await server.stop({ hasDrain });
    }

    async #ready(program, silent) {
        let early;
        this.#ended.then((how) => (early = how));
        await eventually(`${program} listens`, () => {
            if (early) throw new Error(`${program} ended with ${early.status ?? early.signal}: ${this.err}`);
            const printed = /port[= ](\d+)/.exec(this.out);
            if (printed) {
                this.port = Number(printed[1]);
            } else if (silent) {
                this.port = listeningPorts(this.pid)[0] ?? 0;
            }
            return this.port !== 0;
        }, START_LIMIT_MS);
    }

    get pid() {
        return this.#child.pid;
    }

    /** Waits for a text on standard output. */
    async prints(text) {
        await eventually(`prints ${JSON.stringify(text)}`, () => this.out.includes(text));
    }

    signal(name) {
        this.#child.kill(name);
    }

    /** Waits for the end: { status, signal }. */
    ended() {
        return this.#ended;
    }

    /** Ends it; programs that know no SIGTERM are ended all the same. */
    async stop({ hasDrain = true } = {}) {
        this.signal("SIGTERM");
        const { status, signal } = await this.#ended;
        if (signal === "SIGKILL") return;
        const isFine = hasDrain ? status === 0 : signal === "SIGTERM";
        if (!isFine || /Sanitizer|runtime error/.test(this.err)) {
            throw new Error(`ended with ${status ?? signal}: ${this.err}`);
        }
    }

    /** What it holds now: resident memory in bytes. */
    get rssBytes() {
        const status = readFileSync(`/proc/${this.pid}/status`, "latin1");
        return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
    }

    /** Built with a sanitizer, whose shadow takes terabytes of addresses: memory is not what it would be. */
    get isSanitized() {
        return Number(/^VmPeak:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "latin1"))[1]) > 1e9;
    }

    /** Open descriptors below its limit; some may have been inherited from further up. */
    get descriptors() {
        return readdirSync(`/proc/${this.pid}/fd`).filter((fd) => Number(fd) < this.#maxDescriptors).length;
    }

    /** Waits until it holds no more descriptors than so many. */
    async returnsTo(descriptors, limitMs) {
        await eventually(`${descriptors} descriptors or fewer`, () => this.descriptors <= descriptors, limitMs);
    }
}

// Starts the real deskbell on a free port in a folder of its own, and ends both. Everything here
// works without sleeping: the server tells when it is ready, processes tell when they end.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The program under test: $DESKBELL_PROGRAM, else the one of the usual build folder. */
export const PROGRAM = process.env.DESKBELL_PROGRAM ?? join(ROOT, "build", "src", "cli", "deskbell");

/** Options that keep tests from waiting for each other's limits; a test may say otherwise. */
const ROOMY = {
    "message-rate": 1000000, "message-burst": 1000000, "command-rate": 1000000, "command-burst": 1000000,
    "connections-per-address": 1000000, "conversations-per-address": 1000000, "login-attempts": 1000000,
    "presence-grace-ms": 0,
};

function cleanEnvironment(extra = {}) {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("DESKBELL_"));
    return { ...Object.fromEntries(own), ...extra };
}

/** Runs one command to its end: { status, out, err }. */
export function run(args, { input = "", env = {}, cwd } = {}) {
    return new Promise((resolve, reject) => {
        const child = spawn(PROGRAM, args, { env: cleanEnvironment(env), cwd });
        let out = "";
        let err = "";
        child.stdout.on("data", (bytes) => (out += bytes));
        child.stderr.on("data", (bytes) => (err += bytes));
        child.on("error", reject);
        child.on("close", (status, signal) => resolve({ status, signal, out, err }));
        child.stdin.on("error", () => {});
        child.stdin.end(input);
    });
}

export async function temporaryFolder() {
    return mkdtemp(join(tmpdir(), "deskbell-test-"));
}

export class Server {
    #child;
    #folder;
    #ended;
    out = "";
    err = "";
    port = 0;

    /**
     * options: limits and other options of the server by name; folder: data of an earlier server to
     * go on with (it is then kept); env: further environment.
     */
    static async start({ options = {}, folder, env = {} } = {}) {
        if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not there: build it, or set DESKBELL_PROGRAM`);
        const server = new Server();
        server.#folder = folder ?? (await temporaryFolder());
        server.keepsFolder = folder !== undefined;
        await server.#spawn(options, env);
        return server;
    }

    async #spawn(options, env) {
        const all = { listen: "127.0.0.1:0", data: this.data, ...ROOMY, ...options };
        const args = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
        this.#child = spawn(PROGRAM, ["serve", ...args], { env: cleanEnvironment(env) });
        this.#child.stdin.end();
        this.#child.stderr.on("data", (bytes) => (this.err += bytes));
        this.#ended = new Promise((resolve) => {
            this.#child.on("close", (status, signal) => resolve({ status, signal }));
        });
        const ready = new Promise((resolve) => {
            this.#child.stdout.on("data", (bytes) => {
                this.out += bytes;
                const match = /^deskbell ready port=(\d+)\n/m.exec(this.out);
                if (match && this.out.includes("console: ")) resolve(Number(match[1]));
            });
        });
        const early = this.#ended.then(({ status, signal }) => {
            throw new Error(`deskbell ended with ${status ?? signal} before it was ready: ${this.err}`);
        });
        this.port = await Promise.race([ready, early]);
        early.catch(() => {});
    }

    get data() {
        return join(this.#folder, "data");
    }

    get pid() {
        return this.#child.pid;
    }

    get origin() {
        return `http://127.0.0.1:${this.port}`;
    }

    /** The one-time token of the printed link; undefined when there is an owner. */
    get setupToken() {
        return /#setup=([0-9a-f]{64})/.exec(this.out)?.[1];
    }

    signal(name) {
        this.#child.kill(name);
    }

    /** Waits for the end: { status, signal }. */
    ended() {
        return this.#ended;
    }

    /**
     * Ends it and removes its folder, unless that was given or is to be kept. Fails when the server
     * did not end well: a sanitizer's finding shows there too.
     */
    async stop({ signal = "SIGTERM", keep = false } = {}) {
        this.signal(signal);
        const end = await this.#ended;
        if (end.signal === null && end.status !== 0) throw new Error(`deskbell ended with ${end.status}: ${this.err.slice(-8000)}`);
        if (!keep && !this.keepsFolder) await rm(this.#folder, { recursive: true, force: true });
        return end;
    }

    get folder() {
        return this.#folder;
    }

    /** Another command of the program on the same data. */
    command(args, extra) {
        return run([...args, "--data", this.data], extra);
    }

    /**
     * One HTTP request: { status, headers, body, json }. An object as body is sent as JSON. origin:
     * the Origin field, absent when undefined; cookie: the session's.
     */
    http(method, path, { body, headers = {}, cookie, origin } = {}) {
        const fields = { ...headers };
        let payload = body;
        if (body !== undefined && typeof body !== "string" && !Buffer.isBuffer(body)) {
            payload = JSON.stringify(body);
            fields["Content-Type"] ??= "application/json";
        }
        if (payload !== undefined) fields["Content-Length"] = Buffer.byteLength(payload);
        if (cookie !== undefined) fields.Cookie = `deskbell_session=${cookie}`;
        if (origin !== undefined) fields.Origin = origin;
        return new Promise((resolve, reject) => {
            const request = httpRequest({ host: "127.0.0.1", port: this.port, method, path, headers: fields, agent: false }, (answer) => {
                const pieces = [];
                answer.on("data", (piece) => pieces.push(piece));
                answer.on("end", () => {
                    const text = Buffer.concat(pieces).toString();
                    const isJson = (answer.headers["content-type"] ?? "").startsWith("application/json");
                    resolve({ status: answer.statusCode, headers: answer.headers, body: text,
                        json: isJson && text !== "" ? JSON.parse(text) : undefined });
                });
            });
            request.on("error", reject);
            request.end(payload);
        });
    }
}

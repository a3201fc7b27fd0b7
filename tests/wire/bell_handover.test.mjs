// A new version takes over: whoever connects meanwhile, by HTTP or WebSocket, is served by one of the
// two, and nobody is refused or reset.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, test } from "node:test";

import { BUILD, eventually } from "../support/bell_server.mjs";
import { destroyAll, request, Wire } from "../support/bell_wire.mjs";

const running = new Set();

afterEach(() => {
    destroyAll();
    for (const child of running) child.kill("SIGKILL"); // what a failed test leaves
});

const PROGRAM = join(BUILD, "bench/echo-server");
const REPLACEMENTS = 10;
const CLIENTS = 6;
const UPGRADE = request("GET / HTTP/1.1", {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAECAwQFBgcICQoLDA0ODw==",
});
/** "hi" in a frame, and a Close frame of 1000. */
const HI = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
const CLOSE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);

async function withFolder(use) {
    const folder = await mkdtemp(join(tmpdir(), "bell-handover-"));
    try {
        await use(folder);
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}

/** One echo server; ready: its port. */
class Echo {
    err = "";

    constructor(args) {
        this.child = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "pipe"] });
        running.add(this.child);
        this.child.stderr.on("data", (text) => (this.err += text));
        this.ended = once(this.child, "close").then(([status, signal]) => {
            running.delete(this.child);
            return status ?? signal;
        });
        const line = once(createInterface({ input: this.child.stdout }), "line");
        this.ready = Promise.race([line, this.ended.then((how) => [`ended with ${how}: ${this.err}`])]).then(([text]) => {
            const port = /^echo-server ready port=(\d+) /.exec(text);
            if (!port) throw new Error(text);
            return Number(port[1]);
        });
    }

    async isOver() {
        const how = await this.ended;
        assert.equal(how, 0, this.err);
        assert.doesNotMatch(this.err, /Sanitizer|runtime error/);
    }
}

/** One whole visit on a connection of its own; what came, or the error. */
function visit(where, bytes, isDone) {
    return new Promise((resolve) => {
        const socket = createConnection(where);
        let got = Buffer.alloc(0);
        socket.on("connect", () => socket.write(bytes));
        socket.on("data", (more) => {
            got = Buffer.concat([got, more]);
            if (isDone(got)) socket.end();
        });
        socket.on("error", (error) => resolve({ error: error.code, got }));
        socket.on("close", () => resolve({ got }));
    });
}

/** WebSockets are at every path, and say so. */
const ANSWER = /^HTTP\/1\.1 426 [^]*\r\n\r\n426 /;

async function visitHttp(where) {
    const { error, got } = await visit(where, request("GET /x HTTP/1.1", {}), (bytes) => ANSWER.test(bytes.toString("latin1")));
    return error ?? (ANSWER.test(got.toString("latin1")) ? undefined : `HTTP: ${JSON.stringify(got.toString("latin1"))}`);
}

/** Upgraded, then the echo, unless the server said 1001 first; the closing handshake in any case. */
async function visitWebSocket(where) {
    const bytes = Buffer.concat([Buffer.from(UPGRADE, "latin1"), HI, CLOSE]);
    const { error, got } = await visit(where, bytes, () => false);
    if (error) return error;
    const text = got.toString("latin1");
    const isGood = /^HTTP\/1\.1 101 /.test(text) && /\r\n\r\n(\x81\x02hi)?\x88\x02\x03[\xe8\xe9]$/.test(text);
    return isGood ? undefined : `WebSocket: ${JSON.stringify(text)}`;
}

/** Visits in a tight loop until stop(); the sum of visits and every one that went wrong. */
function crowd(wheres) {
    const seen = { visits: 0, faults: [] };
    let goesOn = true;
    const client = async (number) => {
        for (let i = number; goesOn; i++) {
            const fault = await (i % 2 === 0 ? visitHttp : visitWebSocket)(wheres[i % wheres.length]);
            seen.visits++;
            if (fault) seen.faults.push(fault);
        }
    };
    const all = Array.from({ length: CLIENTS }, (_, number) => client(number));
    seen.stop = async () => {
        goesOn = false;
        await Promise.all(all);
    };
    seen.more = async (count) => {
        const until = seen.visits + count;
        await eventually("visits go on", () => seen.visits >= until, 40000);
    };
    return seen;
}

test("a server is replaced ten times under load, and nobody is refused or reset", () => withFolder(async (folder) => {
    const socketPath = join(folder, "s");
    // Numbers of loops that grow and shrink, so that sockets are dealt out anew; both back ends in turn
    // where the suite leaves the choice to us.
    const own = process.env.BELL_IO === undefined ? (i) => ["--io", i % 2 === 0 ? "epoll" : "uring"] : () => [];
    const args = (i, hasUring) => ["--hand-over", join(folder, "h"), "--listen", "127.0.0.1:0", "--listen", `unix:${socketPath}`,
        "--threads", String(1 + (i % 3)), "--spread", "100", ...(hasUring ? own(i) : [])];
    const first = new Echo(args(0, false));
    const port = await first.ready;
    const seen = crowd([{ host: "127.0.0.1", port }, { path: socketPath }]);
    let current = first;
    try {
        for (let i = 1; i <= REPLACEMENTS; i++) {
            await seen.more(200);
            let next = new Echo(args(i, true));
            try {
                assert.equal(await next.ready, port);
            } catch (error) {
                if (!/not supported/.test(error.message)) throw error;
                next = new Echo(args(i, false)); // io_uring cannot be had here
                assert.equal(await next.ready, port);
            }
            await current.isOver();
            current = next;
        }
        await seen.more(200);
    } finally {
        await seen.stop();
    }
    assert.deepEqual(seen.faults.slice(0, 5), [], `${seen.faults.length} of ${seen.visits} visits`);
    current.child.kill("SIGTERM");
    await current.isOver();
    assert.ok(!existsSync(socketPath) && !existsSync(join(folder, "h")), "the last one takes the files with it");
}));

test("sessions of the old server get 1001, spread over its time", () => withFolder(async (folder) => {
    // Longer than this program or the new server is held up while they start.
    const args = ["--hand-over", join(folder, "h"), "--listen", "127.0.0.1:0", "--spread", "2000"];
    const first = new Echo(args);
    const port = await first.ready;
    const wires = [];
    for (let i = 0; i < 20; i++) {
        const wire = await Wire.connect(port);
        await wire.write(UPGRADE);
        assert.equal((await wire.response()).status, 101);
        wires.push(wire);
    }
    const second = new Echo(args);
    await second.ready;
    const times = await Promise.all(wires.map(async (wire) => {
        const frame = await wire.frame();
        assert.deepEqual([...frame.payload], [0x03, 0xe9]);
        const at = performance.now();
        await wire.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]));
        wire.end();
        return at;
    }));
    times.sort((a, b) => a - b);
    assert.ok(times.at(-1) - times[0] >= 300, `over ${times.at(-1) - times[0]} ms`);
    await first.isOver();
    second.child.kill("SIGTERM");
    await second.isOver();
}));

test("one that ends before it runs changes nothing", () => withFolder(async (folder) => {
    const path = join(folder, "h");
    const first = new Echo(["--hand-over", path, "--listen", "127.0.0.1:0"]);
    const port = await first.ready;
    // It gets the sockets and does not say that it runs.
    const taker = spawn("python3", ["-c", `
import array, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
seen = []
while len(seen) < 2:
    bytes, control, _, _ = s.recvmsg(256, socket.CMSG_SPACE(256))
    seen.append((bytes[:8].decode(), bytes[9], sum(len(c[2]) // 4 for c in control)))
print(seen, flush=True)
sys.stdin.read()
s.send(b"nonsense" if len(sys.argv) > 2 else b"")
`, path]);
    running.add(taker);
    const [line] = await once(createInterface({ input: taker.stdout }), "line");
    assert.equal(line, "[('bellhand', 0, 1), ('bellhand', 1, 1)]");
    taker.kill("SIGKILL");
    await once(taker, "close");
    await eventually("the server knows", () => first.err.includes("not handed over"));
    assert.equal(await visitHttp({ host: "127.0.0.1", port }), undefined);
    const second = new Echo(["--hand-over", path, "--listen", "127.0.0.1:0"]);
    assert.equal(await second.ready, port);
    await first.isOver();
    second.child.kill("SIGTERM");
    await second.isOver();
}));

// A ring is taken apart some time after its process has ended; until then the path takes connections.
test("starts_anew_at_once_where_the_one_before_was_killed", () => withFolder(async (folder) => {
    const args = ["--hand-over", join(folder, "hand-over"), "--listen", "127.0.0.1:0"];
    for (let i = 0; i < 4; i++) {
        const server = new Echo(args);
        assert.equal(await visitHttp({ host: "127.0.0.1", port: await server.ready }), undefined);
        server.child.kill("SIGKILL");
        await server.ended;
    }
    const last = new Echo(args);
    await last.ready;
    last.child.kill("SIGTERM");
    await last.isOver();
}));

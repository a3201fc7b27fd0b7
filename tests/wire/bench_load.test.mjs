// The load client of make bench (bench/ws/load.c): it plays every scenario against good servers, and
// notices what a bad one does. Speed is not looked at.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { deflateRawSync, inflateRawSync } from "node:zlib";

import { BellServer, BUILD } from "../support/bell_server.mjs";
import { load, run, serverFrame, startBare, startScripted, whyNoLoad } from "../support/bench.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let missing;
before(async () => {
    missing = await whyNoLoad();
});

const SERVERS = {
    raw_epoll: (args) => startBare("bench/ws/raw-epoll", args),
    raw_uring: (args) => startBare("bench/ws/raw-uring", args),
    libbell: (args) => BellServer.start({ args: ["--threads", "1", ...args] }),
};

/** Plays against a server of our own, which must be well afterwards. */
async function play(name, serverArgs, scenario, args) {
    const server = await SERVERS[name](serverArgs);
    try {
        const { status, err, result } = await load(scenario, server.port, [...args, "--pid", server.pid]);
        assert.equal(status, 0, err);
        return result;
    } finally {
        await server.stop({ hasDrain: name === "libbell" });
    }
}

function checkMeasured(result) {
    assert.ok(result.seconds >= 0.1 && result.seconds < 20, `measured ${result.seconds} s`);
    const counted = result.messages ?? result.connections;
    assert.ok(Math.abs(result.per_second * result.seconds / counted - 1) < 0.001, JSON.stringify(result));
    assert.ok(result.server_cpu_ns > 0 && result.client_cpu_ns > 0);
}

const ECHOES = {
    one_connection: [1, 20, 1], many_connections: [50, 20, 1], many_messages_in_flight: [50, 20, 16],
    more_in_flight_than_a_buffer_holds: [2, 5000, 100], a_byte: [3, 1, 2], a_kibibyte: [20, 1024, 1],
    "64_kibibytes": [5, 65536, 1],
};

for (const name of Object.keys(SERVERS)) {
    describe(name, () => {
        for (const [title, [connections, size, depth]] of Object.entries(ECHOES)) {
            test(`echoes_${title}`, async (t) => {
                if (missing) return t.skip(missing);
                const result = await play(name, [], "echo",
                    ["--connections", connections, "--size", size, "--depth", depth]);
                assert.ok(result.messages > 0);
                assert.ok(result.p50_us > 0 && result.p50_us <= result.p99_us && result.p99_us <= result.p999_us);
                checkMeasured(result);
            });
        }

        for (const depth of [1, 16]) {
            test(`broadcasts_${depth}_in_flight`, async (t) => {
                if (missing) return t.skip(missing);
                const result = await play(name, ["--relay"], "broadcast",
                    ["--connections", 40, "--size", 64, "--depth", depth]);
                assert.ok(result.messages > 0);
                checkMeasured(result);
            });
        }

        test("opens_connections_that_rest_and_answer", async (t) => {
            if (missing) return t.skip(missing);
            const result = await play(name, [], "open", ["--connections", 300]);
            assert.equal(result.connections, 300);
            assert.ok(result.rss_before > 0 && result.rss_idle > 0 && result.rss_asked > 0);
        });

        test("opens_and_closes_connections", async (t) => {
            if (missing) return t.skip(missing);
            const result = await play(name, [], "churn", ["--connections", 8]);
            assert.ok(result.connections > 0);
            checkMeasured(result);
        });
    });
}

for (const name of ["raw_epoll", "raw_uring"]) {
    for (const [scenario, connections] of [["echo", 20], ["open", 200], ["churn", 8]]) {
        test(`${name}_plays_${scenario}_without_handshake`, async (t) => {
            if (missing) return t.skip(missing);
            const result = await play(name, ["--tcp"], scenario, ["--tcp", "--connections", connections]);
            assert.ok((result.messages ?? result.connections) > 0);
        });
    }
}

test("libbell_plays_echo_compressed", async (t) => {
    if (missing) return t.skip(missing);
    const result = await play("libbell", ["--deflate"], "echo",
        ["--connections", 20, "--size", 1024, "--depth", 4, "--deflate"]);
    assert.ok(result.messages > 0);
    checkMeasured(result);
});

/** Plays against a server that does as it is told. */
async function playScripted(t, script, args = []) {
    if (missing) {
        t.skip(missing);
        return undefined;
    }
    const server = await startScripted(script);
    try {
        return await load("echo", server.port, ["--connections", 2, ...args]);
    } finally {
        server.stop();
    }
}

const accepts = (name, script, args) => test(`accepts_${name}`, async (t) => {
    const played = await playScripted(t, script, args);
    if (played) assert.equal(played.status, 0, played.err);
});

const notices = (name, script, why, args) => test(`notices_${name}`, async (t) => {
    const played = await playScripted(t, script, args);
    if (!played) return;
    assert.match(played.err, why);
    assert.equal(played.status, 1);
});

const TEXT = 0x81;
const echoed = (frame) => serverFrame(TEXT, frame.payload);
/** Everything right until the fifth message, so that more than the first one is looked at. */
const late = (wrong) => ({ echo: (frame, number) => (number < 4 ? echoed(frame) : wrong(frame)) });

accepts("a_plain_echo", {});
accepts("fragments_with_a_ping_between", {
    echo: ({ first, payload }) => first !== TEXT ? [] : Buffer.concat([
        serverFrame(0x01, payload.subarray(0, 7)), serverFrame(0x89, Buffer.from("there?")),
        serverFrame(0x00, payload.subarray(7, 9)), serverFrame(0x80, payload.subarray(9)),
    ]),
});
accepts("one_byte_at_a_time", {
    echo: (frame) => (frame.first === TEXT ? [...echoed(frame)].map((byte) => Buffer.from([byte])) : []),
}, ["--size", 200]);
accepts("frames_right_behind_the_handshake", {
    upgrade: (accept) => Buffer.concat([
        Buffer.from("HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n"
            + `sec-websocket-accept:${accept}\r\n\r\n`), serverFrame(0x89, Buffer.from("!")),
    ]),
    echo: (frame) => (frame.first === TEXT ? echoed(frame) : []),
});

notices("a_wrong_accept", { upgrade: () => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    + "Connection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n" }, /Accept is wrong/);
notices("another_status", { upgrade: () => "HTTP/1.1 200 OK\r\n\r\n" }, /not 101/);
notices("a_missing_upgrade", { upgrade: (accept) => "HTTP/1.1 101 Switching Protocols\r\n"
    + `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n` }, /lacks Upgrade/);
notices("an_extension_nobody_asked_for", { upgrade: (accept) => "HTTP/1.1 101 Switching Protocols\r\n"
    + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
    + `Sec-WebSocket-Accept: ${accept}\r\n\r\n` }, /nobody asked for/);
notices("an_endless_answer", { upgrade: () => "HTTP/1.1 101 Switching Protocols\r\nX: ".padEnd(5000, "x") },
    /does not end/);
notices("a_changed_byte_in_the_first_message", { echo: ({ payload }) => {
    payload[payload.length - 1] ^= 1;
    return serverFrame(TEXT, payload);
} }, /text is wrong/, ["--size", 3000]);
notices("a_changed_byte_later", late(({ payload }) => {
    payload[3] ^= 1;
    return serverFrame(TEXT, payload);
}), /text is wrong/);
notices("a_message_too_short", late(({ payload }) => serverFrame(TEXT, payload.subarray(1))), /length is wrong/);
notices("a_message_too_long", late(({ payload }) => serverFrame(TEXT, Buffer.concat([payload, Buffer.from("x")]))),
    /length is wrong/);
notices("a_doubled_message", late((frame) => Buffer.concat([echoed(frame), echoed(frame)])), /not asked for/);
notices("binary_for_text", late(({ payload }) => serverFrame(0x82, payload)), /not text/);
notices("a_compressed_message_nobody_asked_for", late(({ payload }) => serverFrame(0xc1, payload)), /not text/);
notices("a_masked_frame", late((frame) => {
    const bytes = echoed(frame);
    bytes[1] |= 0x80;
    return bytes;
}), /breaks RFC 6455/);
notices("a_reserved_bit", late(({ payload }) => serverFrame(0xa1, payload)), /breaks RFC 6455/);
notices("an_opcode_that_is_none", late(({ payload }) => serverFrame(0x83, payload)), /breaks RFC 6455/);
notices("a_stray_continuation", late(({ payload }) => serverFrame(0x80, payload)), /breaks RFC 6455/);
notices("a_message_within_a_message", late((frame) => Buffer.concat([
    serverFrame(0x01, frame.payload), echoed(frame)])), /breaks RFC 6455/);
notices("a_length_that_is_not_the_shortest", late(({ payload }) => Buffer.concat([
    Buffer.from([TEXT, 126, 0, payload.length]), payload])), /breaks RFC 6455/);
notices("a_close_frame", late(() => serverFrame(0x88, Buffer.from([3, 232]))), /the server closes it/);
notices("the_end_of_the_stream", late(() => null), /the server ends it/);
notices("silence", late(() => []), /nothing comes/, ["--patience", 0.4]);
notices("a_lost_message", late(() => []), /nothing comes/, ["--patience", 0.4, "--connections", 1]);

const DEFLATE = {
    upgrade: (accept) => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
        + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
};
const SYNC = { finishFlush: 2 }; // Z_SYNC_FLUSH
const inflated = ({ payload }) => inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 255, 255])]), SYNC);
const deflated = (text) => serverFrame(0xc1, deflateRawSync(text, SYNC).subarray(0, -4));
const COMPRESSED = ["--deflate", "--size", 1024];

test("compresses_what_it_sends", async (t) => {
    const seen = new Set();
    const played = await playScripted(t, { ...DEFLATE, echo: (frame) => {
        seen.add(`${frame.first} ${frame.payload.length < 800} ${inflated(frame).length}`);
        return deflated(inflated(frame));
    } }, COMPRESSED);
    if (!played) return;
    assert.equal(played.status, 0, played.err);
    assert.deepEqual([...seen], [`${0xc1} true 1024`]);
});
notices("another_compressed_text", { ...DEFLATE, echo: (frame) => {
    const text = inflated(frame);
    text[1000] ^= 1;
    return deflated(text);
} }, /compressed text is wrong/, COMPRESSED);
notices("a_compressed_text_too_long", { ...DEFLATE,
    echo: (frame) => deflated(Buffer.concat([inflated(frame), Buffer.from("x")])) }, /compressed text is wrong/,
COMPRESSED);
notices("a_message_that_is_not_compressed", { ...DEFLATE, echo: (frame) => serverFrame(TEXT, inflated(frame)) },
    /not compressed/, COMPRESSED);
notices("a_server_that_does_not_compress", {}, /does not compress/, COMPRESSED);

test("the_echo_server_tells_its_options", async () => {
    const program = join(BUILD, "bench/echo-server");
    const help = await run(program, ["--help"]);
    assert.equal(help.status, 0);
    assert.equal(help.err, "");
    // What it tells is what it takes, and the other way round.
    const source = readFileSync(join(ROOT, "bench/echo_server.c"), "utf8");
    const taken = new Set([...source.matchAll(/strcmp\(name, "(--[a-z-]+)"\)/g)].map(([, name]) => name));
    const told = new Set(help.out.slice(0, help.out.indexOf("\n\n")).match(/--[a-z-]+/g));
    assert.deepEqual([...told].sort(), [...taken].sort());
    const bad = await run(program, ["--no-such"]);
    assert.equal(bad.status, 2);
    assert.equal(bad.out, "");
    assert.match(bad.err, /--no-such.*--help/);
});

test("million_opens_many_and_broadcasts_to_all", async (t) => {
    const program = join(BUILD, "bench/ws/million");
    if (!existsSync(program)) return t.skip("it was not built");
    const server = await BellServer.start({ args: ["--threads", "1", "--relay"] });
    const child = spawn(program, [server.port, 200, 16].map(String), { stdio: ["pipe", "pipe", "inherit"] });
    try {
        const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
        const opened = JSON.parse((await lines.next()).value);
        assert.deepEqual([opened.event, opened.connections, opened.lost], ["open", 200, 0]);
        for (let i = 0; i < 3; i++) {
            child.stdin.write("broadcast\n");
            const sent = JSON.parse((await lines.next()).value);
            assert.deepEqual([sent.event, sent.deliveries, sent.lost], ["broadcast", 199, 0]);
        }
        child.stdin.write("end\n");
        assert.deepEqual(await once(child, "close"), [0, null]);
    } finally {
        child.kill();
        await server.stop();
    }
});

test("million_answers_pings", async (t) => {
    const program = join(BUILD, "bench/ws/million");
    if (!existsSync(program)) return t.skip("it was not built");
    let pongs = 0;
    const answers = [];
    const server = await startScripted({
        upgrade: (accept) => Buffer.concat([
            Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`), serverFrame(0x89, Buffer.from("alive?")),
        ]),
        echo: ({ first, payload }) => {
            pongs += first === 0x8a && payload.toString() === "alive?";
            answers.shift()?.();
            return [];
        },
    });
    const all = Promise.all(Array.from({ length: 20 }, () => new Promise((resolve) => answers.push(resolve))));
    const child = spawn(program, [server.port, 20, 5].map(String), { stdio: ["pipe", "ignore", "inherit"] });
    try {
        await all;
        assert.equal(pongs, 20);
    } finally {
        child.kill();
        server.stop();
    }
});

test("run_prints_a_table_of_what_it_measured", async (t) => {
    if (missing) return t.skip(missing);
    const { status, out, err } = await run("python3", [
        join(ROOT, "bench/ws/run.py"), "--build", BUILD, "--scenario", "echo-100", "open",
        "--servers", "tcp", "raw-epoll", "bell-epoll", "--rounds", 2, "--seconds", 0.1, "--warm-up", 0.05, "--idle", 200,
    ]);
    assert.equal(status, 0, err);
    for (const text of [
        "### 100 connections × 20 B, one in flight", "### accept + upgrade of 200 connections, then idle",
        "- kernel: Linux", "- commit: ", "idle, bytes/connection",
    ]) {
        assert.ok(out.includes(text), `lacks ${text}:\n${out}`);
    }
    // The reference is 1.00 of itself, in every round.
    assert.match(out, /^\| bare WebSocket, epoll \| [\d,]+ \| \*\*[\d.,]+\*\* \([\d.,]+–[\d.,]+\) \| 1\.00 \|/m);
    assert.match(out, /^\| libbell, epoll \| /m);
});

// Peers that do not want to be served: floods, garbage, silence, slowness, want of descriptors. Each may
// cost itself; the others are served as before, memory stays bounded and nothing stays open behind it.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { bytesFrom, numbersFrom } from "../support/bell_book.mjs";
import {
    BINARY, CLOSE, closeFrame, closePayload, CONTINUATION, expectClose, expectFrame, frame, openWebSocket, PING, PONG,
    TEXT, upgradeRequest,
} from "../support/bell_frames.mjs";
import { BellServer, eventually } from "../support/bell_server.mjs";
import { destroyAll, request, Wire } from "../support/bell_wire.mjs";

const HELLO = "hello world\n";
const GET = request("GET /hello.txt HTTP/1.1");

let folder;
let server;
let restDescriptors;

before(async () => {
    folder = mkdtempSync(join(tmpdir(), "bell-abuse-"));
    writeFileSync(join(folder, "hello.txt"), HELLO);
    server = await BellServer.start({ args: ["--static", folder, "--threads", "2"] });
    restDescriptors = server.descriptors;
});

/** After each test everything it opened is closed at the server's end, too. */
afterEach(async () => {
    destroyAll();
    await server.returnsTo(restDescriptors);
});

after(async () => {
    await server?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
});

/** A newcomer is answered, over HTTP and over a WebSocket; how long that took, in ms. */
async function isServed(to = server) {
    const begin = performance.now();
    const wire = await Wire.connect(to.port);
    wire.write(GET);
    assert.equal((await wire.response()).body.toString(), HELLO);
    wire.destroy();
    const ws = await openWebSocket(to);
    ws.write(Buffer.concat([frame(TEXT, "served?"), closeFrame(1000)]));
    await expectFrame(ws, TEXT, "served?");
    await expectClose(ws, 1000);
    return performance.now() - begin;
}

/** Serves newcomers while something goes on, and says how. */
async function staysServed(t, times = 20) {
    const took = [];
    for (let i = 0; i < times; i++) took.push(await isServed());
    took.sort((a, b) => a - b);
    const median = took[times >> 1];
    t.diagnostic(`newcomers served in ${median.toFixed(1)} ms (median), ${took.at(-1).toFixed(1)} ms (worst)`);
    assert.ok(median < 500, `median ${median} ms`);
}

/** Checks the memory against a bound; a sanitizer's own is not measured. */
function memoryIsBelow(t, limitBytes, of = server) {
    const rss = of.rssBytes;
    t.diagnostic(`RSS ${(rss / 1e6).toFixed(1)} MB`);
    if (!of.isSanitized) assert.ok(rss < limitBytes, `RSS ${rss} bytes`);
}

/** How many connections a test may hold: the process at our end needs descriptors, too. */
function atMost(wanted) {
    const limit = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "latin1"))[1];
    return limit === "unlimited" ? wanted : Math.min(wanted, Number(limit) - 300);
}

// ---- crowds ----

test("2000_idle_connections_cost_little_and_slow_nobody", async (t) => {
    await BellServer.during({ args: ["--static", folder, "--threads", "2"] }, async (crowded) => {
        const beginDescriptors = crowded.descriptors;
        await isServed(crowded);
        const begin = crowded.rssBytes;
        const count = atMost(2000);
        const idle = [];
        for (let i = 0; i < count; i += 100) {
            idle.push(...await Promise.all(Array.from({ length: Math.min(100, count - i) }, () => openWebSocket(crowded))));
        }
        const each = (crowded.rssBytes - begin) / count;
        t.diagnostic(`${count} idle WebSockets: ${Math.round(each)} bytes each`);
        if (!crowded.isSanitized) assert.ok(each < 2048, `${each} bytes each`);
        for (let i = 0; i < 20; i++) await isServed(crowded);
        // They are all still there.
        for (const [i, ws] of idle.entries()) {
            ws.write(Buffer.concat([frame(TEXT, String(i)), closeFrame(1000)]));
        }
        for (const [i, ws] of idle.entries()) {
            await expectFrame(ws, TEXT, String(i));
            await expectClose(ws, 1000);
        }
        await crowded.returnsTo(beginDescriptors);
    });
});

test("3000_connections_that_come_and_go_leave_nothing", async (t) => {
    const memory = server.rssBytes;
    for (let round = 0; round < 30; round++) {
        const wires = await Promise.all(Array.from({ length: 100 }, () => Wire.connect(server.port)));
        for (const [i, wire] of wires.entries()) {
            if (i % 4 === 0) wire.write("GET / HT");
            if (i % 4 === 1) wire.write(upgradeRequest());
            wire.destroy({ reset: i % 2 === 0 });
        }
    }
    await staysServed(t, 5);
    await server.returnsTo(restDescriptors);
    memoryIsBelow(t, memory + 8e6);
});

// ---- floods ----

for (const [name, one, answer] of [
    ["pings", frame(PING, "x".repeat(100)), [PONG, "x".repeat(100)]],
    ["pings_without_payload", frame(PING), [PONG, ""]],
    ["tiny_messages", frame(TEXT, "x"), [TEXT, "x"]],
]) {
    test(`a_flood_of_${name}_is_answered_in_order_and_slows_nobody`, async (t) => {
        const floods = await Promise.all(Array.from({ length: 4 }, () => openWebSocket(server)));
        const count = 20000;
        for (const ws of floods) ws.write(Buffer.alloc(one.length * count, one));
        await staysServed(t, 10);
        memoryIsBelow(t, 40e6);
        const expected = frame(...answer, { key: null });
        for (const ws of floods) {
            const got = await ws.bytes(expected.length * count);
            assert.equal(Buffer.compare(got, Buffer.alloc(got.length, expected)), 0);
            ws.write(closeFrame(1000));
            await expectClose(ws, 1000);
        }
    });
}

test("a_flood_of_closes_gets_one_answer_each", async (t) => {
    const floods = await Promise.all(Array.from({ length: 200 }, () => openWebSocket(server)));
    for (const ws of floods) ws.write(Buffer.alloc(closeFrame(1000).length * 1000, closeFrame(1000)));
    await staysServed(t, 5);
    for (const ws of floods) {
        await expectFrame(ws, CLOSE, closePayload(1000));
        assert.equal((await ws.rest()).length, 0);
        ws.destroy();
    }
});

test("who_goes_on_after_the_end_is_not_listened_to_for_ever", async () => {
    const ws = await openWebSocket(server);
    ws.write(closeFrame(1000));
    await expectFrame(ws, CLOSE, closePayload(1000));
    assert.equal((await ws.rest()).length, 0);
    // Our half stays open, and we talk on: the server lingers for 5 s, no longer.
    const tap = setInterval(() => ws.write(Buffer.alloc(1000)), 50);
    try {
        await server.returnsTo(restDescriptors, 9000);
    } finally {
        clearInterval(tap);
        ws.destroy();
    }
});

// ---- memory ----

test("announced_lengths_cost_nothing_until_the_bytes_come", async (t) => {
    const wires = await Promise.all(Array.from({ length: 200 }, () => openWebSocket(server)));
    for (const ws of wires) ws.write(frame(BINARY, Buffer.alloc(1000), { announced: 16 * 1024 * 1024 }));
    const posts = await Promise.all(Array.from({ length: 200 }, () => Wire.connect(server.port)));
    for (const wire of posts) wire.write(request("POST / HTTP/1.1", { "Content-Length": "1048576" }, "a".repeat(1000)));
    await staysServed(t, 5);
    memoryIsBelow(t, 30e6);
    for (const wire of [...wires, ...posts]) wire.destroy();
});

test("messages_that_never_end_are_cut_off_at_the_limit_and_their_memory_comes_back", async (t) => {
    const wires = await Promise.all(Array.from({ length: 4 }, () => openWebSocket(server)));
    const part = frame(CONTINUATION, Buffer.alloc(1024 * 1024), { fin: false });
    for (const ws of wires) {
        ws.write(frame(BINARY, "", { fin: false }));
        for (let i = 0; i < 17; i++) ws.write(part);
    }
    for (const ws of wires) await expectClose(ws, 1009);
    await server.returnsTo(restDescriptors);
    await staysServed(t, 3);
    memoryIsBelow(t, 64e6);
});

test("who_sends_and_does_not_read_is_not_read", async (t) => {
    const wires = await Promise.all(Array.from({ length: 30 }, () => openWebSocket(server)));
    const one = frame(BINARY, Buffer.alloc(65536, "e"));
    const flood = Buffer.alloc(one.length * 300, one); // 20 MB
    for (const ws of wires) {
        ws.pause();
        ws.write(flood);
    }
    await staysServed(t);
    memoryIsBelow(t, 30 * 1.2e6 + 20e6);
    // One of them reads after all, and nothing is missing.
    wires[0].resume();
    for (let i = 0; i < 300; i++) await expectFrame(wires[0], BINARY, Buffer.alloc(65536, "e"), 30000);
    for (const ws of wires) ws.destroy();
});

test("what_a_crowd_has_taken_comes_back_when_it_has_left", async (t) => {
    await BellServer.during({ args: ["--static", folder] }, async (crowded) => {
        const one = frame(BINARY, Buffer.alloc(1024 * 1024, "e"));
        await isServed(crowded);
        const begin = crowded.rssBytes;
        for (let round = 0; round < 2; round++) {
            const wires = await Promise.all(Array.from({ length: 60 }, () => openWebSocket(crowded)));
            for (const ws of wires) {
                ws.pause();
                for (let i = 0; i < 6; i++) ws.write(one);
            }
            await staysServed(t, 10);
            await eventually("they have taken it", () => crowded.isSanitized || crowded.rssBytes > begin + 40e6);
            for (const ws of wires) ws.destroy({ reset: true });
        }
        if (!crowded.isSanitized) await eventually("it comes back", () => crowded.rssBytes < begin + 8e6);
        memoryIsBelow(t, begin + 8e6, crowded);
    });
});

test("who_asks_and_does_not_read_is_not_read", async (t) => {
    const wires = await Promise.all(Array.from({ length: 30 }, () => Wire.connect(server.port, { paused: true })));
    const flood = Buffer.alloc(GET.length * 50000, GET);
    for (const wire of wires) wire.write(flood);
    await staysServed(t);
    memoryIsBelow(t, 30 * 1.2e6 + 20e6);
    for (const wire of wires) wire.destroy();
});

// ---- garbage ----

test("random_bytes_instead_of_a_request_get_400", async () => {
    const random = numbersFrom(1);
    for (let i = 0; i < 300; i++) {
        const bytes = bytesFrom(random, 1 + random(3000));
        bytes[0] = 0x80 | random(128); // No method begins so.
        const wire = await Wire.connect(server.port);
        wire.chop(bytes, 1 + random(4000));
        assert.equal((await wire.response()).status, 400);
        assert.equal((await wire.rest()).length, 0);
        wire.destroy();
    }
    await isServed();
});

test("requests_with_random_bytes_in_them_get_one_answer_or_none", async () => {
    const random = numbersFrom(2);
    for (let i = 0; i < 300; i++) {
        const bytes = Buffer.from(request("GET /hello.txt HTTP/1.1", { Connection: "close", Accept: "text/plain" }));
        for (let j = random(4); j >= 0; j--) bytes[random(bytes.length)] = random(256);
        const wire = await Wire.connect(server.port);
        wire.write(bytes);
        wire.end();
        // Whatever it was taken for, it is answered once at most, and the connection ends.
        if (await answers(wire)) {
            const { status } = await wire.response();
            assert.ok([200, 400, 404, 405, 431, 501, 505].includes(status), String(status));
        }
        // An altered "Connection: close" stays open for more, which is none: we have ended.
        assert.equal((await wire.rest()).length, 0);
    }
    await isServed();
});

async function answers(wire) {
    await eventually("an answer or the end", () => wire.waiting > 0 || wire.hasEnd);
    return wire.waiting > 0;
}

// ---- silence ----

test("connections_in_odd_states_keep_no_processor_busy", async (t) => {
    for (let i = 0; i < 2; i++) {
        // Ended and not reading, over HTTP and over a WebSocket.
        const asks = await Wire.connect(server.port, { paused: true });
        asks.write(GET.repeat(20000));
        asks.end();
        const floods = await openWebSocket(server);
        floods.pause();
        const one = i % 2 === 0 ? frame(BINARY, Buffer.alloc(65536)) : frame(PING, Buffer.alloc(125));
        floods.write(Buffer.alloc(one.length * 200, one));
        floods.end();
        // Amid a head, a body, a frame, a message; told to close and not closing; our half ended by an error.
        for (const said of ["GET / HT", request("POST / HTTP/1.1", { "Content-Length": "9" }, "x"), "\r\n\r\n\r\n"]) {
            const wire = await Wire.connect(server.port);
            wire.write(said);
        }
        for (const said of [frame(TEXT, "x").subarray(0, 5), frame(TEXT, "x", { fin: false }), closeFrame(1000), Buffer.alloc(9, 0xff)]) {
            const ws = await openWebSocket(server);
            ws.write(said);
        }
    }
    // Until it has said what sockets hold it has work; then there must be none.
    let load = 1;
    for (let i = 0; i < 60 && load > 0.1; i++) {
        const from = performance.now();
        const busy = processorMs(server.pid);
        await new Promise((resolve) => setTimeout(resolve, 500));
        load = (processorMs(server.pid) - busy) / (performance.now() - from);
    }
    t.diagnostic(`processor load: ${(load * 100).toFixed(0)} %`);
    assert.ok(load <= 0.1, "it runs in circles");
});

test("truncated_frames_and_silence_hold_nobody_up", async (t) => {
    const whole = Buffer.concat([frame(TEXT, "x".repeat(200), { fin: false }), frame(PING, "y".repeat(50)), frame(CONTINUATION, "z")]);
    const wires = [];
    for (let cut = 1; cut < whole.length; cut++) {
        const ws = await openWebSocket(server);
        ws.write(whole.subarray(0, cut));
        wires.push(ws);
    }
    await staysServed(t, 5);
    memoryIsBelow(t, 40e6);
    for (const ws of wires) ws.destroy({ reset: true });
});

test("clients_that_end_their_half_are_let_go", async () => {
    const wires = await Promise.all(Array.from({ length: 100 }, () => openWebSocket(server)));
    const plain = await Promise.all(Array.from({ length: 100 }, () => Wire.connect(server.port)));
    for (const wire of [...wires, ...plain]) wire.end();
    for (const wire of [...wires, ...plain]) assert.equal((await wire.rest()).length, 0);
    await server.returnsTo(restDescriptors);
});

// ---- slowness ----

/** Says everything byte by byte, all wires in step, until it is over or nobody is left. */
async function drip(wires, bytes, meanwhile) {
    for (const byte of bytes) {
        await Promise.all(wires.map((wire) => wire.write(Buffer.from([byte]))));
        await meanwhile?.();
    }
}

test("heads_bodies_and_frames_that_come_byte_by_byte_slow_nobody", async (t) => {
    const count = 50;
    const many = (open) => Promise.all(Array.from({ length: count }, open));
    const heads = await many(() => Wire.connect(server.port));
    const bodies = await many(() => Wire.connect(server.port));
    const frames = await many(() => openWebSocket(server));
    const said = [GET, request("POST / HTTP/1.1", { "Content-Length": "40" }, "b".repeat(40)), frame(TEXT, "f".repeat(150))];
    await Promise.all([
        ...[heads, bodies, frames].map((wires, i) => drip(wires, Buffer.from(said[i]))),
        staysServed(t, 10),
    ]);
    for (const wire of heads) assert.equal((await wire.response()).body.toString(), HELLO);
    for (const wire of bodies) assert.ok((await wire.response()).status >= 200);
    for (const ws of frames) await expectFrame(ws, TEXT, "f".repeat(150));
    for (const wire of [...heads, ...bodies, ...frames]) wire.destroy();
});

test("a_head_that_drips_is_cut_off_in_time", async () => {
    await BellServer.during({ args: ["--static", folder, "--handshake-timeout", "1"] }, async (strict) => {
        const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(strict.port)));
        for (const wire of wires) wire.write("GET / HTTP/1.1\r\n");
        // Each byte comes well within the time, the end never.
        const tap = setInterval(() => {
            for (const wire of wires) wire.write("x");
        }, 50);
        try {
            for (const wire of wires) {
                assert.equal((await wire.response()).status, 408);
                await wire.over();
            }
        } finally {
            clearInterval(tap);
        }
        await isServed(strict);
    });
});

// ---- resets ----

test("a_reset_in_any_phase_costs_the_others_nothing", async (t) => {
    const big = frame(BINARY, Buffer.alloc(300000, "r"));
    const http = ["", "GET", GET.slice(0, -1), GET, GET.repeat(50), request("POST / HTTP/1.1", { "Content-Length": "9" }, "x"),
        request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5\r\nab"), upgradeRequest().slice(0, -2), upgradeRequest()];
    const ws = [Buffer.alloc(0), big.subarray(0, 1), big.subarray(0, 9), big.subarray(0, 5000), big, frame(TEXT, "x", { fin: false }),
        frame(PING, "x"), closeFrame(1000), closeFrame(1000).subarray(0, 7), Buffer.alloc(big.length * 5, big), Buffer.alloc(20, 0xff)];
    for (let round = 0; round < 10; round++) {
        // With what was read, and with what was not.
        const paused = round % 2 === 0;
        const wires = await Promise.all([
            ...http.map((said) => Wire.connect(server.port, { paused }).then((wire) => [wire, said])),
            ...ws.map((said) => openWebSocket(server).then((wire) => [wire, said])),
        ]);
        for (const [wire, said] of wires) {
            if (paused) wire.pause();
            if (round % 3 === 0) wire.write(said);
            else await wire.write(said);
        }
        for (const [wire] of wires) wire.destroy({ reset: true });
    }
    await staysServed(t, 5);
    await server.returnsTo(restDescriptors);
});

// ---- messages in pieces ----

test("fragments_without_end_cost_only_what_is_in_them", async (t) => {
    const wires = await Promise.all(Array.from({ length: 4 }, () => openWebSocket(server)));
    const empty = frame(CONTINUATION, "", { fin: false });
    const one = frame(CONTINUATION, "y", { fin: false });
    const count = 50000;
    for (const ws of wires) {
        ws.write(Buffer.concat([frame(TEXT, "x", { fin: false }), Buffer.alloc(empty.length * count, empty), Buffer.alloc(one.length * 1000, one)]));
    }
    await staysServed(t, 5);
    memoryIsBelow(t, 40e6);
    for (const ws of wires) {
        ws.write(frame(CONTINUATION, "z"));
        await expectFrame(ws, TEXT, `x${"y".repeat(1000)}z`);
        ws.destroy();
    }
});

test("control_frames_between_all_bytes_of_a_message_are_answered_at_once", async () => {
    const text = "every byte in a frame of its own, é and 😀 too";
    const bytes = Buffer.from(text);
    for (const size of [1, 1e9]) {
        const ws = await openWebSocket(server);
        const said = [];
        bytes.forEach((byte, i) => {
            said.push(frame(i === 0 ? TEXT : CONTINUATION, Buffer.from([byte]), { fin: i === bytes.length - 1 }));
            if (i < bytes.length - 1) said.push(frame(PING, String(i)), frame(PONG, "unasked"), frame(PING));
        });
        ws.chop(Buffer.concat(said), size);
        for (let i = 0; i < bytes.length - 1; i++) {
            await expectFrame(ws, PONG, String(i));
            await expectFrame(ws, PONG, "");
        }
        await expectFrame(ws, TEXT, text);
        ws.write(closeFrame(1000));
        await expectClose(ws, 1000);
    }
});

// ---- want of descriptors ----

/** Processor time of a process in ms. */
function processorMs(pid) {
    const words = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /, "").split(" ");
    return (Number(words[11]) + Number(words[12])) * 10;
}

test("without_free_descriptors_it_serves_whom_it_has_and_then_those_who_wait", async (t) => {
    await BellServer.during({ args: ["--static", folder], descriptors: 60 }, async (poor) => {
        const begin = poor.descriptors;
        const ws = await openWebSocket(poor);
        const crowd = [];
        for (let i = 0; i < 200; i++) crowd.push(await Wire.connect(poor.port)); // The backlog takes them.
        await eventually("all descriptors are in use", () => poor.descriptors === 60);
        const before_ = processorMs(poor.pid);
        const from = performance.now();
        // Who is in is served.
        for (let i = 0; i < 50; i++) {
            ws.write(frame(TEXT, `still ${i}`));
            await expectFrame(ws, TEXT, `still ${i}`);
        }
        crowd[0].write(request("OPTIONS * HTTP/1.1"));
        assert.equal((await crowd[0].response()).status, 204);
        await new Promise((resolve) => setTimeout(resolve, 700));
        const load = (processorMs(poor.pid) - before_) / (performance.now() - from);
        t.diagnostic(`processor load while it waits: ${(load * 100).toFixed(0)} %`);
        if (!poor.isSanitized) assert.ok(load < 0.3, "it runs in circles");
        // Those who wait are taken in as others leave.
        for (const wire of crowd) {
            wire.write(request("OPTIONS * HTTP/1.1", { Connection: "close" }));
            assert.equal((await wire.response()).status, 204);
            assert.equal((await wire.rest()).length, 0);
            wire.destroy();
        }
        ws.write(closeFrame(1000));
        await expectClose(ws, 1000);
        await poor.returnsTo(begin);
        await isServed(poor);
        assert.match(poor.err, /cannot accept connections/);
        assert.ok(poor.err.split("\n").length < 20, "the log is flooded");
    });
});

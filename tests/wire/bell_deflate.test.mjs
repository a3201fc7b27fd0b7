// permessage-deflate (RFC 7692) in exact bytes against the echo server: what is agreed on, frames with
// RSV1 right and wrong, limits, and two independent codecs at the other end: Node's zlib and the client
// of the npm package ws.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { deflateRawSync, inflateRawSync, constants } from "node:zlib";

import {
    BINARY, CLOSE, closeFrame, closeInOrder, CONTINUATION, expectClose, frame, openWebSocket, PING, PONG,
    TEXT, toBytes, upgradeRequest,
} from "../support/bell_frames.mjs";
import { BellServer } from "../support/bell_server.mjs";
import { Wire } from "../support/bell_wire.mjs";

const RSV1 = 4;
const MAX_MESSAGE = 1024 * 1024;
const NO_CONTEXT = "server_no_context_takeover; client_no_context_takeover";

let fresh; // as it is by default
let keeping; // with context takeover
let small; // with takeover and windows of 2^10
let servers;

before(async () => {
    const limit = ["--max-message", String(MAX_MESSAGE)];
    [fresh, keeping, small] = servers = await Promise.all([
        BellServer.start({ args: ["--deflate", "--deflate-threshold", "0", ...limit] }),
        BellServer.start({ args: ["--deflate-takeover", "--deflate-threshold", "0", ...limit] }),
        BellServer.start({ args: ["--deflate-takeover", "--deflate-window", "10", ...limit] }),
    ]);
});

after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
});

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/** The payload of a compressed message. */
function pack(message, options = {}) {
    const bytes = deflateRawSync(toBytes(message), { finishFlush: constants.Z_SYNC_FLUSH, ...options });
    assert.deepEqual(bytes.subarray(-4), TAIL);
    return bytes.subarray(0, -4);
}

function unpack(payload, options = {}) {
    return inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH, ...options });
}

const open = (server, offer = "permessage-deflate") =>
    openWebSocket(server, { fields: { "Sec-WebSocket-Extensions": offer } });

/** The next frame is a whole message, compressed, and stands for this. */
async function expectPacked(ws, opcode, message, options) {
    const got = await ws.frame();
    assert.deepEqual({ fin: got.fin, rsv: got.rsv, opcode: got.opcode }, { fin: true, rsv: RSV1, opcode });
    const expected = toBytes(message);
    const bytes = unpack(got.payload, options);
    assert.equal(bytes.length, expected.length);
    assert.ok(bytes.equals(expected));
    return got.payload;
}

const LONG = "Where is my order? It should have come on Tuesday. ".repeat(8);

// ---- 7.1: what is agreed on ----

for (const [offer, answer] of [
    ["permessage-deflate", `permessage-deflate; ${NO_CONTEXT}`],
    ["permessage-deflate; client_max_window_bits", `permessage-deflate; ${NO_CONTEXT}`],
    ["permessage-deflate; server_max_window_bits=8", `permessage-deflate; ${NO_CONTEXT}; server_max_window_bits=8`],
    ["permessage-deflate; client_max_window_bits=8", `permessage-deflate; ${NO_CONTEXT}; client_max_window_bits=8`],
    ["permessage-deflate; server_no_context_takeover", `permessage-deflate; ${NO_CONTEXT}`],
    ['permessage-deflate; server_max_window_bits="12"', `permessage-deflate; ${NO_CONTEXT}; server_max_window_bits=12`],
    ["permessage-deflate; server_max_window_bits=16, permessage-deflate", `permessage-deflate; ${NO_CONTEXT}`],
    ["x-webkit-deflate-frame, permessage-deflate", `permessage-deflate; ${NO_CONTEXT}`],
    [["permessage-bzip2", "permessage-deflate"], `permessage-deflate; ${NO_CONTEXT}`],
    ["permessage-deflate; server_max_window_bits=7", undefined],
    ["permessage-deflate; server_max_window_bits=08", undefined],
    ["permessage-deflate; server_max_window_bits", undefined],
    ["permessage-deflate; client_max_window_bits=16", undefined],
    ["permessage-deflate; server_no_context_takeover=1", undefined],
    ["permessage-deflate; server_no_context_takeover; server_no_context_takeover", undefined],
    ["permessage-deflate; unknown", undefined],
    ["permessage-deflate; ;", undefined],
    ["(not, a \"list", undefined],
    ["", undefined],
]) {
    test(`answers_${JSON.stringify(offer)}`, async () => {
        const ws = await open(fresh, offer);
        assert.equal(ws.answer.fields["sec-websocket-extensions"], answer);
        if (answer) {
            ws.write(frame(TEXT, pack(LONG), { rsv: RSV1 }));
            await expectPacked(ws, TEXT, LONG);
        }
        ws.write(frame(TEXT, "?"));
        assert.equal((await ws.frame()).payload.toString(), "?");
        await closeInOrder(ws);
    });
}

test("grants_context_takeover_only_where_it_is_switched_on", async () => {
    for (const [server, offer, answer] of [
        [keeping, "permessage-deflate", "permessage-deflate"],
        [keeping, `permessage-deflate; ${NO_CONTEXT}`, `permessage-deflate; ${NO_CONTEXT}`],
        [keeping, "permessage-deflate; client_max_window_bits; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9"],
        [small, "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"],
        // It cannot be asked for a small window: nothing is kept for it.
        [small, "permessage-deflate", "permessage-deflate; client_no_context_takeover; server_max_window_bits=10"],
    ]) {
        const ws = await open(server, offer);
        assert.equal(ws.answer.fields["sec-websocket-extensions"], answer);
        await closeInOrder(ws);
    }
});

// ---- 6 and 7.2: messages ----

test("understands_the_examples_of_the_rfc", async () => {
    const ws = await open(keeping);
    for (const [hex, message] of [
        ["f248cdc9c90700", "Hello"],
        ["f200110000", "Hello"], // refers to the one before
        ["000500faff48656c6c6f00", "Hello"],
        ["f348cdc9c9070000", "Hello"], // a final block
        ["f24805000000ffffcac9c90700", "Hello"],
        ["00", ""],
    ]) {
        ws.write(frame(TEXT, Buffer.from(hex, "hex"), { rsv: RSV1 }));
        const got = await ws.frame();
        assert.equal(got.opcode, TEXT);
        assert.equal(got.rsv, message === "" ? 0 : RSV1, "an empty message needs no compression");
    }
    await closeInOrder(ws);
});

test("takes_fragments_cut_anywhere_with_pings_between", async () => {
    const payload = pack(LONG);
    const ws = await open(fresh);
    for (let at = 0; at <= payload.length; at++) {
        ws.write(Buffer.concat([
            frame(TEXT, payload.subarray(0, at), { rsv: RSV1, fin: false }),
            frame(PING, String(at)),
            frame(CONTINUATION, "", { fin: false }),
            frame(CONTINUATION, payload.subarray(at)),
        ]));
        assert.equal((await ws.frame()).opcode, PONG);
        await expectPacked(ws, TEXT, LONG);
    }
    await closeInOrder(ws);
});

test("takes_a_message_that_comes_byte_by_byte", async () => {
    const ws = await open(fresh);
    await ws.chop(frame(BINARY, pack(LONG), { rsv: RSV1 }), 1);
    await expectPacked(ws, BINARY, LONG);
    await closeInOrder(ws);
});

for (const size of [0, 1, 125, 126, 127, 128, 250, 256, 257, 1786, 1787, 32506, 32507, 65535, 65536, 131072, MAX_MESSAGE]) {
    test(`echoes_${size}_bytes_of_all_kinds`, async () => {
        for (const server of [fresh, keeping]) {
            const ws = await open(server);
            const isKept = server === keeping;
            const history = [];
            for (const [opcode, byteAt] of [
                [TEXT, () => 120], [TEXT, (i) => 97 + (i * i) % 23], [BINARY, (i) => (i * 2654435761 >>> 13) & 0xff],
                [BINARY, () => 0], [BINARY, (i) => [0, 0, 0xff, 0xff][i & 3]],
            ]) {
                const message = Buffer.from({ length: size }, (_, i) => byteAt(i));
                ws.write(frame(opcode, pack(message), { rsv: RSV1 }));
                const got = await ws.frame();
                assert.equal(got.opcode, opcode);
                // With takeover the window is what the server has sent compressed before.
                const dictionary = isKept ? Buffer.concat(history).subarray(-32768) : undefined;
                const back = got.rsv === RSV1 ? unpack(got.payload, dictionary?.length ? { dictionary } : {}) : got.payload;
                assert.ok(back.equals(message), `${size} bytes of opcode ${opcode}`);
                if (got.rsv === RSV1 && isKept) history.push(message);
                assert.ok(got.payload.length <= size || isKept, "never longer than plain");
            }
            await closeInOrder(ws);
        }
    });
}

test("answers_within_the_window_agreed_on", async () => {
    const message = Buffer.from({ length: 60000 }, (_, i) => 97 + (i * i + (i >> 9)) % 19);
    for (let bits = 8; bits <= 15; bits++) {
        const ws = await open(fresh, `permessage-deflate; server_max_window_bits=${bits}; client_max_window_bits=${bits}`);
        ws.write(frame(BINARY, pack(message, { windowBits: Math.max(bits, 9) }), { rsv: RSV1 }));
        // Room for one window at a time only, so that no more than that is looked back into.
        await expectPacked(ws, BINARY, message, { windowBits: bits, chunkSize: 64 });
        await closeInOrder(ws);
    }
});

test("takes_plain_messages_between_compressed_ones", async () => {
    const ws = await open(keeping);
    ws.write(Buffer.concat([
        frame(TEXT, "plain"), frame(TEXT, pack(LONG), { rsv: RSV1 }), frame(TEXT, "again", { fin: false }),
        frame(CONTINUATION, " plain"),
    ]));
    for (const expected of ["plain", LONG, "again plain"]) {
        const got = await ws.frame();
        assert.equal(got.opcode, TEXT);
        if (got.rsv === 0) assert.equal(got.payload.toString(), expected);
    }
    await closeInOrder(ws);
});

test("compresses_nothing_below_the_threshold", async () => {
    await BellServer.during({ args: ["--deflate"] }, async (server) => {
        const ws = await open(server);
        ws.write(Buffer.concat([frame(TEXT, pack("a".repeat(255)), { rsv: RSV1 }), frame(TEXT, "a".repeat(256))]));
        assert.equal((await ws.frame()).rsv, 0);
        await expectPacked(ws, TEXT, "a".repeat(256));
        await closeInOrder(ws);
    });
});

test("control_frames_stay_plain", async () => {
    const ws = await open(fresh);
    ws.write(Buffer.concat([frame(PING, "a".repeat(125)), closeFrame(1000)]));
    const pong = await ws.frame();
    assert.deepEqual([pong.opcode, pong.rsv, pong.payload.toString()], [PONG, 0, "a".repeat(125)]);
    const close = await ws.frame();
    assert.deepEqual([close.opcode, close.rsv], [CLOSE, 0]);
});

// ---- what is wrong ----

for (const [name, code, ...frames] of [
    ["ping", 1002, frame(PING, "", { rsv: RSV1 })],
    ["pong", 1002, frame(PONG, "", { rsv: RSV1 })],
    ["close", 1002, frame(CLOSE, "", { rsv: RSV1 })],
    ["continuation_of_a_compressed_message", 1002, frame(TEXT, pack("a"), { rsv: RSV1, fin: false }),
        frame(CONTINUATION, "", { rsv: RSV1 })],
    ["continuation_of_a_plain_message", 1002, frame(TEXT, "a", { fin: false }), frame(CONTINUATION, "", { rsv: RSV1 })],
    ["lonely_continuation", 1002, frame(CONTINUATION, "", { rsv: RSV1 })],
    ["second_reserved_bit", 1002, frame(TEXT, pack("a"), { rsv: RSV1 | 2 })],
    ["third_reserved_bit", 1002, frame(TEXT, pack("a"), { rsv: RSV1 | 1 })],
    ["reserved_opcode", 1002, frame(3, pack("a"), { rsv: RSV1 })],
    ["payload_that_is_no_deflate", 1007, frame(TEXT, Buffer.from("ffffffff", "hex"), { rsv: RSV1 })],
    ["payload_that_is_cut", 1007, frame(TEXT, pack(LONG).subarray(0, 20), { rsv: RSV1 })],
    ["payload_with_its_tail", 1007, frame(TEXT, Buffer.concat([pack(LONG), TAIL]), { rsv: RSV1 })],
    ["reference_to_before_the_beginning", 1007, frame(TEXT, Buffer.from("f200110000", "hex"), { rsv: RSV1 })],
    ["reference_to_a_message_whose_window_was_not_kept", 1007, frame(TEXT, Buffer.from("f248cdc9c90700", "hex"), { rsv: RSV1 }),
        frame(TEXT, Buffer.from("f200110000", "hex"), { rsv: RSV1 })],
    ["text_that_is_not_UTF_8", 1007, frame(TEXT, pack(Buffer.from([0x61, 0xff])), { rsv: RSV1 })],
    ["text_that_ends_within_a_character", 1007, frame(TEXT, pack(Buffer.from([0x61, 0xc3])), { rsv: RSV1 })],
    ["message_over_the_limit", 1009, frame(BINARY, pack(Buffer.alloc(MAX_MESSAGE + 1)), { rsv: RSV1 })],
    ["bomb", 1009, frame(BINARY, pack(Buffer.alloc(64 * MAX_MESSAGE)), { rsv: RSV1 })],
    ["bomb_of_text", 1009, frame(TEXT, pack(Buffer.alloc(64 * MAX_MESSAGE, "a")), { rsv: RSV1 })],
    ["frame_that_announces_too_much", 1009, frame(BINARY, "", { rsv: RSV1, announced: 2 * MAX_MESSAGE, form: "64" })],
]) {
    test(`closes_with_${code}_on_${name}`, async () => {
        const ws = await open(fresh);
        ws.write(Buffer.concat(frames));
        let got = await ws.frame();
        if (got.opcode === TEXT && frames.length > 1) got = await ws.frame();
        assert.equal(got.opcode, CLOSE);
        assert.equal(got.payload.readUInt16BE(), code);
        assert.equal((await ws.rest()).length, 0);
        ws.end();
    });
}

test("closes_with_1002_when_nothing_was_agreed_on", async () => {
    for (const offer of ["permessage-deflate; server_max_window_bits=99", "x"]) {
        const ws = await open(fresh, offer);
        ws.write(frame(TEXT, pack(LONG), { rsv: RSV1 }));
        await expectClose(ws, 1002);
    }
});

test("a_bomb_costs_no_memory_to_speak_of", async (t) => {
    const bomb = frame(BINARY, pack(Buffer.alloc(64 * MAX_MESSAGE)), { rsv: RSV1 });
    const explode = async () => {
        const ws = await open(fresh);
        ws.write(bomb);
        await expectClose(ws, 1009);
    };
    await explode(); // What is made once and kept is there afterwards.
    const count = 20;
    const before = fresh.rssBytes;
    for (let i = 0; i < count; i++) await explode();
    const more = fresh.rssBytes - before;
    t.diagnostic(`${(more / 1e6).toFixed(1)} MB more after ${count} bombs`);
    // AddressSanitizer keeps what is freed, so there it is the sum of all: a few limits for each, not
    // the 64 that it would become.
    const bound = fresh.isSanitized ? count * 4 * MAX_MESSAGE : 8 * MAX_MESSAGE;
    assert.ok(more < bound, `${more} bytes more`);
});

test("compressed_frames_right_behind_the_handshake_are_answered", async () => {
    const all = Buffer.concat([
        Buffer.from(upgradeRequest({ "Sec-WebSocket-Extensions": "permessage-deflate" })),
        frame(TEXT, pack(LONG), { rsv: RSV1 }), closeFrame(1000),
    ]);
    for (const size of [all.length, 7]) {
        const wire = await Wire.connect(fresh.port);
        wire.chop(all, size);
        assert.equal((await wire.response()).status, 101);
        await expectPacked(wire, TEXT, LONG);
        await expectClose(wire, 1000);
    }
});

// ---- to many ----

test("a_relayed_message_reaches_everybody_as_agreed", async () => {
    await BellServer.during({ args: ["--deflate", "--relay", "--threads", "2"] }, async (server) => {
        const sender = await open(server);
        const packed = await Promise.all(Array.from({ length: 6 }, () => open(server)));
        const plain = await Promise.all(Array.from({ length: 6 }, () => openWebSocket(server)));
        for (let i = 0; i < 20; i++) {
            const message = LONG + i;
            sender.write(frame(TEXT, pack(message), { rsv: RSV1 }));
            const payloads = await Promise.all(packed.map((ws) => expectPacked(ws, TEXT, message)));
            for (const payload of payloads) assert.ok(payload.equals(payloads[0]), "one payload for all");
            for (const ws of plain) {
                const got = await ws.frame();
                assert.deepEqual([got.rsv, got.payload.toString()], [0, message]);
            }
        }
        await Promise.all([sender, ...packed, ...plain].map(closeInOrder));
    });
});

// ---- an independent client ----

const require = createRequire(new URL("../../web/package.json", import.meta.url));
let WebSocket;
try {
    WebSocket = require("ws");
} catch {
    // Not installed: tools/setup.sh test brings it.
}

for (const [name, options] of Object.entries({
    its_defaults: true,
    no_context: { serverNoContextTakeover: true, clientNoContextTakeover: true },
    small_windows: { serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    the_smallest_windows: { serverMaxWindowBits: 8, clientMaxWindowBits: 8 },
    windows_of_12_bits: { serverMaxWindowBits: 12, clientMaxWindowBits: 12, threshold: 0 },
})) {
    test(`speaks_with_ws_and_${name}`, async (t) => {
        if (!WebSocket) return t.skip("web/node_modules/ws is not there");
        for (const server of [fresh, keeping, small]) {
            const ws = new WebSocket(`ws://127.0.0.1:${server.port}/`, { perMessageDeflate: options });
            await new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject));
            assert.match(ws.extensions, /permessage-deflate/);
            const messages = Array.from({ length: 200 }, (_, i) => LONG.slice(i % 37) + i + "é🔔".repeat(i * (i % 5)));
            const answers = [];
            const done = new Promise((resolve, reject) => {
                ws.on("error", reject).on("close", (code) => reject(new Error(`closed with ${code}`)));
                ws.on("message", (data, isBinary) => {
                    answers.push(isBinary ? data : data.toString());
                    if (answers.length === messages.length + 1) resolve();
                });
            });
            for (const message of messages) ws.send(message);
            const large = Buffer.from({ length: 300000 }, (_, i) => (i * i) >> 7 & 0xff);
            ws.send(large);
            await done;
            assert.deepEqual(answers.slice(0, -1), messages);
            assert.ok(large.equals(answers.at(-1)));
            ws.removeAllListeners("close");
            const closed = new Promise((resolve) => ws.once("close", resolve));
            ws.close(1000);
            assert.equal(await closed, 1000);
        }
    });
}

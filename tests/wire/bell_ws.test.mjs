// WebSocket framing (RFC 6455 sections 5 to 8) in exact bytes against the echo server: what a
// conformance suite asks, and a little more.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
    BINARY, CLOSE, closeFrame, closeInOrder, closePayload, CONTINUATION, expectClose, expectFailure, expectFrame,
    fragments, frame, openWebSocket, PING, PONG, TEXT,
} from "../support/bell_frames.mjs";
import { BellServer } from "../support/bell_server.mjs";

const MAX_MESSAGE = 16 * 1024 * 1024;
const SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536];
const CHOPS = [1, 2, 3, 7, 997];
const TYPES = [["text", TEXT], ["binary", BINARY]];

let server;

before(async () => {
    server = await BellServer.start();
});

after(async () => {
    await server?.stop();
});

/** Bytes that depend on their place; ASCII for text, all values for binary. */
function payloadOf(opcode, size) {
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i++) bytes[i] = opcode === TEXT ? 32 + (i * 7) % 95 : (i * 7 + (i >> 8)) & 0xff;
    return bytes;
}

const fails = (bytes, code) => expectFailure(server, bytes, code);

// ---- 5.2, 5.6: data frames ----

for (const [name, opcode] of TYPES) {
    for (const size of SIZES) {
        test(`echoes_${name}_of_${size}_bytes_in_one_piece`, async () => {
            const ws = await openWebSocket(server);
            const payload = payloadOf(opcode, size);
            ws.write(frame(opcode, payload));
            await expectFrame(ws, opcode, payload);
            await closeInOrder(ws);
        });
    }
    for (const chop of CHOPS) {
        test(`echoes_${name}_that_comes_in_pieces_of_${chop}`, async () => {
            const ws = await openWebSocket(server);
            for (const size of [0, 1, 125, 126, 127, 128, ...(chop > 100 ? [65535, 65536] : [])]) {
                const payload = payloadOf(opcode, size);
                await ws.chop(frame(opcode, payload), chop);
                await expectFrame(ws, opcode, payload);
            }
            await closeInOrder(ws);
        });
    }
    for (const kib of [256, 1024, 4096, 8192, 16384]) {
        test(`echoes_${name}_of_${kib}_KiB`, async () => {
            const ws = await openWebSocket(server);
            const payload = payloadOf(opcode, kib * 1024);
            ws.write(frame(opcode, payload));
            await expectFrame(ws, opcode, payload);
            await closeInOrder(ws);
        });
    }
    for (const size of [64, 1024, 65536, 1048576]) {
        test(`echoes_4_MiB_of_${name}_in_fragments_of_${size}`, async () => {
            const ws = await openWebSocket(server);
            const payload = payloadOf(opcode, 4 * 1024 * 1024);
            ws.write(Buffer.concat(fragments(opcode, payload, size)));
            await expectFrame(ws, opcode, payload);
            await closeInOrder(ws);
        });
    }
    test(`echoes_1_MiB_of_${name}_that_comes_in_pieces_of_2048`, async () => {
        const ws = await openWebSocket(server);
        const payload = payloadOf(opcode, 1024 * 1024);
        await ws.chop(frame(opcode, payload), 2048);
        await expectFrame(ws, opcode, payload);
        await closeInOrder(ws);
    });
    test(`echoes_65536_bytes_of_${name}_in_fragments_of_1300`, async () => {
        const ws = await openWebSocket(server);
        const payload = payloadOf(opcode, 65536);
        for (const one of fragments(opcode, payload, 1300)) await ws.write(one);
        await expectFrame(ws, opcode, payload);
        await closeInOrder(ws);
    });
    test(`closes_with_1009_when_one_frame_of_${name}_announces_more_than_the_limit`, async () => {
        // Only the header comes: what is announced must not be waited for.
        await fails(frame(opcode, "", { announced: MAX_MESSAGE + 1, form: "64" }), 1009);
    });
    test(`closes_with_1009_when_fragments_of_${name}_together_pass_the_limit`, async () => {
        const ws = await openWebSocket(server);
        await ws.write(frame(opcode, payloadOf(opcode, MAX_MESSAGE), { fin: false }));
        ws.write(frame(CONTINUATION, "x", { fin: true }));
        await expectClose(ws, 1009);
    });
}

test("masks_with_any_key_the_zero_key_included", async () => {
    const ws = await openWebSocket(server);
    for (const key of [[0, 0, 0, 0], [255, 255, 255, 255], [1, 2, 3, 4], [0, 0, 0, 1]]) {
        ws.write(frame(TEXT, "Hello-µ@ßöäüàá-UTF-8!!", { key: Buffer.from(key) }));
        await expectFrame(ws, TEXT, "Hello-µ@ßöäüàá-UTF-8!!");
    }
    await closeInOrder(ws);
});

test("echoes_4000_tiny_messages_of_one_write_in_order", async () => {
    const ws = await openWebSocket(server);
    const messages = Array.from({ length: 4000 }, (_, i) => String(i));
    ws.write(Buffer.concat(messages.map((m) => frame(TEXT, m))));
    for (const m of messages) await expectFrame(ws, TEXT, m);
    await closeInOrder(ws);
});

test("echoes_1000_messages_of_each_size_one_after_the_other", async () => {
    const ws = await openWebSocket(server);
    for (const size of [0, 16, 256, 4096]) {
        const payload = payloadOf(TEXT, size);
        const one = frame(TEXT, payload);
        for (let i = 0; i < 1000; i++) {
            ws.write(one);
            await expectFrame(ws, TEXT, payload);
        }
    }
    await closeInOrder(ws);
});

test("who_sends_2000000_tiny_messages_before_reading_gets_them_all", async () => {
    // More answers than sockets hold: the server has to stop reading, and must not give up on the peer.
    const count = 2000000;
    const one = frame(TEXT, "x");
    const ws = await openWebSocket(server);
    ws.pause();
    await Promise.race([
        ws.write(Buffer.alloc(count * one.length, one)),
        new Promise((resolve) => setTimeout(resolve, 1500)),
    ]);
    ws.resume();
    const expected = Buffer.alloc(count * 3, Buffer.from([0x81, 1, 0x78]));
    assert.equal(Buffer.compare(await ws.bytes(expected.length), expected), 0);
    await closeInOrder(ws);
});

// ---- 5.2: lengths that are not the shortest ----

for (const [form, length] of [["16", 0], ["16", 125], ["64", 0], ["64", 125], ["64", 126], ["64", 65535]]) {
    test(`closes_with_1002_on_length_${length}_in_${form}_bits`, async () => {
        await fails(frame(TEXT, payloadOf(TEXT, length), { form }), 1002);
    });
}

test("closes_with_1002_on_a_length_with_the_highest_bit", async () => {
    const head = frame(BINARY, "", { form: "64" });
    head[2] = 0x80;
    await fails(head, 1002);
});

test("closes_with_1009_on_the_largest_length", async () => {
    await fails(frame(BINARY, "", { form: "64", announced: 0x7fffffffffffffffn }), 1009);
});

// ---- 5.1: masking ----

for (const opcode of [TEXT, BINARY, PING, PONG, CLOSE]) {
    test(`closes_with_1002_on_an_unmasked_frame_of_opcode_${opcode}`, async () => {
        await fails(frame(opcode, opcode === CLOSE ? closePayload(1000) : "abc", { key: null }), 1002);
    });
}

// ---- 5.5.2, 5.5.3: Ping and Pong ----

for (const [name, payload] of [
    ["without_payload", Buffer.alloc(0)],
    ["with_text", Buffer.from("Hello, world!")],
    ["with_binary", Buffer.from([0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff])],
    ["with_125_bytes", Buffer.alloc(125, 0xfe)],
]) {
    test(`answers_a_ping_${name}`, async () => {
        const ws = await openWebSocket(server);
        ws.write(frame(PING, payload));
        await expectFrame(ws, PONG, payload);
        await ws.chop(frame(PING, payload), 1);
        await expectFrame(ws, PONG, payload);
        await closeInOrder(ws);
    });
}

for (const opcode of [PING, PONG]) {
    test(`closes_with_1002_on_opcode_${opcode}_with_126_bytes`, async () => {
        await fails(frame(opcode, Buffer.alloc(126, 0xfe)), 1002);
    });
    test(`closes_with_1002_on_opcode_${opcode}_in_fragments`, async () => {
        await fails(frame(opcode, "fragment1", { fin: false }), 1002);
    });
}

test("closes_with_1002_on_a_small_ping_in_the_form_of_a_large_one", async () => {
    await fails(frame(PING, "abc", { form: "16" }), 1002);
});

test("keeps_quiet_about_unsolicited_pongs", async () => {
    const ws = await openWebSocket(server);
    ws.write(Buffer.concat([frame(PONG), frame(PONG, "unsolicited pong payload"), frame(PING, "ping payload")]));
    await expectFrame(ws, PONG, "ping payload");
    await closeInOrder(ws);
});

test("answers_10_pings_in_order_whole_and_byte_by_byte", async () => {
    const ws = await openWebSocket(server);
    const all = Buffer.concat(Array.from({ length: 10 }, (_, i) => frame(PING, `payload-${i}`)));
    for (const size of [all.length, 1]) {
        await ws.chop(all, size);
        for (let i = 0; i < 10; i++) await expectFrame(ws, PONG, `payload-${i}`);
    }
    await closeInOrder(ws);
});

// ---- 5.2: reserved bits ----

for (const rsv of [1, 2, 3, 4, 5, 6, 7]) {
    for (const opcode of [TEXT, BINARY, PING, PONG, CLOSE]) {
        test(`closes_with_1002_on_reserved_bits_${rsv}_with_opcode_${opcode}`, async () => {
            const bad = frame(opcode, opcode === CLOSE ? closePayload(1000) : "*", { rsv });
            const ws = await openWebSocket(server);
            // What comes before is answered, what comes behind is not.
            ws.write(Buffer.concat([frame(TEXT, "*"), bad, frame(PING)]));
            await expectFrame(ws, TEXT, "*");
            await expectClose(ws, 1002);
        });
    }
}

test("closes_with_1002_on_a_reserved_bit_as_soon_as_its_byte_comes", async () => {
    const ws = await openWebSocket(server);
    await ws.write(frame(TEXT, "*", { rsv: 4 }).subarray(0, 1));
    await expectClose(ws, 1002);
});

test("closes_with_1002_on_a_reserved_bit_of_a_continuation", async () => {
    await fails(Buffer.concat([frame(TEXT, "a", { fin: false }), frame(CONTINUATION, "b", { rsv: 1 })]), 1002);
});

// ---- 5.2: opcodes ----

for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    for (const payload of ["", "reserved opcode payload"]) {
        test(`closes_with_1002_on_opcode_${opcode}_${payload === "" ? "without" : "with"}_payload`, async () => {
            const ws = await openWebSocket(server);
            ws.write(frame(TEXT, "*"));
            await expectFrame(ws, TEXT, "*");
            await ws.chop(Buffer.concat([frame(opcode, payload), frame(PING)]), payload === "" ? 1000 : 1);
            await expectClose(ws, 1002);
        });
    }
}

// ---- 5.4: fragmentation ----

for (const [name, opcode] of TYPES) {
    test(`puts_fragments_of_${name}_together_whole_and_byte_by_byte`, async () => {
        const ws = await openWebSocket(server);
        const parts = [
            frame(opcode, "fragment1", { fin: false }), frame(CONTINUATION, "fragment2", { fin: false }),
            frame(CONTINUATION, "", { fin: false }), frame(CONTINUATION, "fragment3"),
        ];
        await ws.write(Buffer.concat(parts));
        await expectFrame(ws, opcode, "fragment1fragment2fragment3");
        for (const part of parts) await ws.write(part);
        await expectFrame(ws, opcode, "fragment1fragment2fragment3");
        await ws.chop(Buffer.concat(parts), 1);
        await expectFrame(ws, opcode, "fragment1fragment2fragment3");
        await closeInOrder(ws);
    });
    test(`answers_pings_amid_fragments_of_${name}_before_the_message`, async () => {
        const ws = await openWebSocket(server);
        const parts = [
            frame(opcode, "fragment1", { fin: false }), frame(PING, "pongme 1!"), frame(PONG, "quiet"),
            frame(CONTINUATION, "fragment2", { fin: false }), frame(PING, "pongme 2!"), frame(CONTINUATION, "fragment3"),
        ];
        for (const size of [100000, 1]) {
            await ws.chop(Buffer.concat(parts), size);
            await expectFrame(ws, PONG, "pongme 1!");
            await expectFrame(ws, PONG, "pongme 2!");
            await expectFrame(ws, opcode, "fragment1fragment2fragment3");
        }
        await closeInOrder(ws);
    });
    test(`closes_with_1002_when_${name}_begins_amid_a_message`, async () => {
        await fails(Buffer.concat([frame(TEXT, "fragment1", { fin: false }), frame(opcode, "fragment2")]), 1002);
        await fails(Buffer.concat([
            frame(opcode, "fragment1", { fin: false }), frame(CONTINUATION, "fragment2", { fin: false }),
            frame(TEXT, "fragment3", { fin: false }),
        ]), 1002);
    });
    test(`echoes_empty_fragments_of_${name}_as_an_empty_message`, async () => {
        const ws = await openWebSocket(server);
        ws.write(Buffer.concat([
            frame(opcode, "", { fin: false }), frame(CONTINUATION, "", { fin: false }), frame(CONTINUATION, ""),
        ]));
        await expectFrame(ws, opcode, "");
        await closeInOrder(ws);
    });
}

test("answers_a_ping_amid_fragments_while_the_message_is_not_over", async () => {
    const ws = await openWebSocket(server);
    await ws.write(frame(TEXT, "fragment1", { fin: false }));
    await ws.write(frame(PING, "now"));
    await expectFrame(ws, PONG, "now");
    await ws.write(frame(CONTINUATION, "fragment2"));
    await expectFrame(ws, TEXT, "fragment1fragment2");
    await closeInOrder(ws);
});

for (const fin of [true, false]) {
    test(`closes_with_1002_on_a_continuation_of_nothing_${fin ? "that_ends" : "that_goes_on"}`, async () => {
        await fails(frame(CONTINUATION, "non-continuation payload", { fin }), 1002);
    });
    test(`closes_with_1002_on_a_continuation_behind_a_whole_message_${fin ? "that_ends" : "that_goes_on"}`, async () => {
        const ws = await openWebSocket(server);
        ws.write(Buffer.concat([frame(TEXT, "whole"), frame(CONTINUATION, "x", { fin }), frame(TEXT, "behind")]));
        await expectFrame(ws, TEXT, "whole");
        await expectClose(ws, 1002);
    });
}

test("takes_a_close_amid_fragments", async () => {
    const ws = await openWebSocket(server);
    ws.write(Buffer.concat([frame(TEXT, "fragment1", { fin: false }), closeFrame(1000), frame(CONTINUATION, "fragment2")]));
    await expectClose(ws, 1000);
});

// ---- 5.5.1, 7: closing ----

test("answers_close_without_payload_with_the_same", async () => {
    const ws = await openWebSocket(server);
    ws.write(frame(CLOSE));
    await expectClose(ws, undefined);
});

test("answers_messages_that_come_before_close", async () => {
    const ws = await openWebSocket(server);
    ws.write(Buffer.concat([frame(TEXT, "Hello World!"), closeFrame(1000)]));
    await expectFrame(ws, TEXT, "Hello World!");
    await expectClose(ws, 1000);
});

for (const [name, behind] of [
    ["a_second_close", closeFrame(1001)], ["a_ping", frame(PING)], ["a_message", frame(TEXT, "Hello World!")],
    ["garbage", Buffer.alloc(5000, 0xff)], ["a_head_of_HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")],
]) {
    test(`does_not_answer_${name}_behind_close`, async () => {
        const ws = await openWebSocket(server);
        ws.write(Buffer.concat([closeFrame(1000), behind]));
        await expectClose(ws, 1000);
    });
    test(`does_not_answer_${name}_that_comes_after_the_answer_to_close`, async () => {
        const ws = await openWebSocket(server);
        ws.write(closeFrame(1000));
        await expectFrame(ws, CLOSE, closePayload(1000));
        await ws.write(behind);
        assert.equal((await ws.rest()).length, 0);
        ws.end();
    });
}

test("answers_256_KiB_before_close_and_no_ping_behind_it", async () => {
    const ws = await openWebSocket(server);
    const payload = Buffer.alloc(256 * 1024, "BAsd7&jh23");
    ws.write(Buffer.concat([frame(TEXT, payload), closeFrame(1000), frame(PING)]));
    await expectFrame(ws, TEXT, payload);
    await expectClose(ws, 1000);
});

test("closes_with_1002_on_a_close_payload_of_one_byte", async () => {
    await fails(frame(CLOSE, "a"), 1002);
});

test("closes_with_1002_on_a_close_payload_of_126_bytes", async () => {
    await fails(frame(CLOSE, closePayload(1000, "*".repeat(124))), 1002);
});

test("closes_with_1002_on_a_close_in_fragments", async () => {
    await fails(frame(CLOSE, closePayload(1000), { fin: false }), 1002);
});

for (const [name, reason] of [
    ["a_word", "Hello World!"], ["123_bytes", "*".repeat(123)], ["several_scripts", "안녕하세요 κόσμε 你好"],
]) {
    test(`takes_a_reason_of_${name}`, async () => {
        const ws = await openWebSocket(server);
        ws.write(closeFrame(1000, reason));
        await expectClose(ws, 1000);
        const chopped = await openWebSocket(server);
        await chopped.chop(closeFrame(1000, reason), 1);
        await expectClose(chopped, 1000);
    });
}

test("closes_with_1007_on_a_reason_that_is_no_text", async () => {
    for (const reason of ["cebae1bdb9cf83cebcceb5eda080656469746564", "80", "c3", "f4908080", "6162c0af"]) {
        await fails(closeFrame(1000, Buffer.from(reason, "hex")), 1007);
    }
});

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
    test(`answers_code_${code}_with_the_same`, async () => {
        const ws = await openWebSocket(server);
        ws.write(closeFrame(code, "because"));
        await expectClose(ws, code);
    });
}

for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535]) {
    test(`closes_with_1002_on_code_${code}`, async () => {
        await fails(closeFrame(code), 1002);
        await fails(closeFrame(code, "because"), 1002);
    });
}

test("a_peer_that_ends_TCP_without_close_is_let_go_in_order", async () => {
    for (const said of ["", frame(TEXT, "half").subarray(0, 7), frame(TEXT, "a", { fin: false })]) {
        const ws = await openWebSocket(server);
        await ws.write(said);
        ws.end();
        assert.equal((await ws.rest()).length, 0);
    }
});

test("echoes_what_came_before_the_peer_ends_its_half", async () => {
    const ws = await openWebSocket(server);
    ws.write(frame(TEXT, "last words"));
    ws.end();
    await expectFrame(ws, TEXT, "last words");
    assert.equal((await ws.rest()).length, 0);
});

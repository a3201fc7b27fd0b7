// Text in WebSocket messages (RFC 6455 section 8.1, RFC 3629): UTF-8 is checked as it comes, however
// it is cut, and what is none fails the connection at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
    BINARY, closeInOrder, CONTINUATION, expectAlive, expectClose, expectFailure, expectFrame, fragments, frame,
    openWebSocket, PING, PONG, TEXT,
} from "../support/bell_frames.mjs";
import { BellServer } from "../support/bell_server.mjs";

let server;

before(async () => {
    server = await BellServer.start();
});

after(async () => {
    await server?.stop();
});

const fails = (bytes, code) => expectFailure(server, bytes, code);

const VALID_TEXT = {
    "48656c6c6f2dc2b540c39fc3b6c3a4c3bcc3a0c3a12d5554462d382121": "latin",
    "cebae1bdb9cf83cebcceb5": "greek",
    "00": "nul", "7f": "last_of_1_byte",
    "c280": "first_of_2_bytes", "dfbf": "last_of_2_bytes",
    "e0a080": "first_of_3_bytes", "ed9fbf": "last_before_the_surrogates", "ee8080": "first_behind_the_surrogates",
    "efbfbf": "last_of_3_bytes", "efbfbd": "replacement", "efbfbe": "not_a_character", "efbbbf61": "byte_order_mark",
    "f0908080": "first_of_4_bytes", "f48fbfbf": "last_of_all", "f0a0aeb7": "beyond_the_first_plane",
    "f09f9880f09f87b0f09f87b7": "emoji",
};

const INVALID_TEXT = {
    "80": "lone_80", "bf": "lone_bf", "80bf": "two_lone", "8080808080808080": "eight_lone",
    "c020": "c0_space", "c080": "overlong_nul_2", "c1bf": "overlong_2", "c0af": "overlong_slash_2",
    "e08080": "overlong_nul_3", "e080af": "overlong_slash_3", "e09fbf": "overlong_3",
    "f0808080": "overlong_nul_4", "f08080af": "overlong_slash_4", "f08fbfbf": "overlong_4",
    "f888808080": "5_bytes", "fc8480808080": "6_bytes", "fe": "fe", "ff": "ff", "fefeffff": "fe_ff",
    "eda080": "first_surrogate", "edadbf": "high_surrogate", "edb080": "low_surrogate", "edbfbf": "last_surrogate",
    "eda080edb080": "surrogate_pair",
    "f4908080": "beyond_the_last", "f5808080": "f5", "f7bfbfbf": "f7",
    "c2": "cut_2", "dfc0": "2_without_continuation", "e0a0": "cut_3_at_2", "e1": "cut_3_at_1", "efbf": "cut_efbf",
    "f0": "cut_4_at_1", "f090": "cut_4_at_2", "f09080": "cut_4_at_3", "f48fbf": "cut_last",
    "cebae1bdb9cf83cebcceb5eda080656469746564": "surrogate_in_the_middle",
    "61c3c3a4": "lead_behind_lead", "c32861": "lead_and_ascii", "e18061": "3_and_ascii",
};

for (const [hex, name] of Object.entries(VALID_TEXT)) {
    test(`echoes_text_${name}_however_it_is_cut`, async () => {
        const text = Buffer.from(hex, "hex");
        const ws = await openWebSocket(server);
        ws.write(frame(TEXT, text));
        await expectFrame(ws, TEXT, text);
        await ws.chop(frame(TEXT, text), 1);
        await expectFrame(ws, TEXT, text);
        ws.write(Buffer.concat(fragments(TEXT, text, 1)));
        await expectFrame(ws, TEXT, text);
        // In the middle of plain text, at each place of a machine word.
        for (let lead = 0; lead < 9; lead++) {
            const long = Buffer.concat([Buffer.alloc(lead, "a"), text, Buffer.alloc(40, "b")]);
            ws.write(frame(TEXT, long));
            await expectFrame(ws, TEXT, long);
        }
        await closeInOrder(ws);
    });
}

for (const [hex, name] of Object.entries(INVALID_TEXT)) {
    test(`closes_with_1007_on_text_${name}_however_it_is_cut`, async () => {
        const text = Buffer.from(hex, "hex");
        await fails(frame(TEXT, text), 1007);
        await fails(Buffer.concat(fragments(TEXT, text, 1)), 1007);
        await fails(frame(TEXT, Buffer.concat([Buffer.alloc(37, "a"), text])), 1007);
        await fails(frame(TEXT, Buffer.concat([Buffer.alloc(64, "a"), text, Buffer.alloc(64, "b")])), 1007);
        const ws = await openWebSocket(server);
        await ws.chop(frame(TEXT, text), 1);
        await expectClose(ws, 1007);
    });
    test(`echoes_binary_${name}_as_it_is`, async () => {
        const ws = await openWebSocket(server);
        ws.write(frame(BINARY, Buffer.from(hex, "hex")));
        await expectFrame(ws, BINARY, Buffer.from(hex, "hex"));
        await closeInOrder(ws);
    });
}

test("checks_each_message_of_its_own_not_the_ones_before", async () => {
    await fails(Buffer.concat([frame(TEXT, Buffer.from("ce", "hex"), { fin: true })]), 1007);
    const ws = await openWebSocket(server);
    // A letter cut by the border of two messages is two errors, the first one counts.
    ws.write(Buffer.concat([frame(TEXT, "fine"), frame(TEXT, Buffer.from("61ce", "hex")), frame(TEXT, Buffer.from("ba", "hex"))]));
    await expectFrame(ws, TEXT, "fine");
    await expectClose(ws, 1007);
});

test("fails_at_once_when_a_fragment_breaks_the_text", async () => {
    const ws = await openWebSocket(server);
    await ws.write(frame(TEXT, Buffer.from("cebae1bdb9cf83cebcceb5", "hex"), { fin: false }));
    await ws.write(frame(CONTINUATION, Buffer.from("f4908080", "hex"), { fin: false }));
    await expectClose(ws, 1007);
});

test("fails_at_once_when_a_frame_that_is_not_over_breaks_the_text", async () => {
    for (const bad of ["cebae1bdb9cf83cebcceb5f490", "80", "eda0", "c0", "f5", "61ff"]) {
        const ws = await openWebSocket(server);
        await ws.chop(frame(TEXT, Buffer.from(bad, "hex"), { announced: 60 }), 1);
        await expectClose(ws, 1007);
    }
});

test("does_not_fail_while_a_letter_can_still_be_finished", async () => {
    const ws = await openWebSocket(server);
    const letter = Buffer.from("f48fbfbf", "hex");
    const bytes = frame(TEXT, letter);
    for (let at = 0; at < bytes.length; at++) {
        await ws.write(bytes.subarray(at, at + 1));
        if (at === bytes.length - 2) assert.equal(ws.waiting, 0);
    }
    await expectFrame(ws, TEXT, letter);
    await expectAlive(ws);
});

test("answers_pings_between_the_bytes_of_a_letter", async () => {
    const ws = await openWebSocket(server);
    const letter = Buffer.from("f09f9880", "hex");
    const parts = fragments(TEXT, letter, 1);
    for (let i = 0; i < parts.length; i++) ws.write(Buffer.concat([frame(PING, Buffer.from([0xf0, 0x9f, i])), parts[i]]));
    for (let i = 0; i < parts.length; i++) await expectFrame(ws, PONG, Buffer.from([0xf0, 0x9f, i]));
    await expectFrame(ws, TEXT, letter);
    await closeInOrder(ws);
});

// Property: whatever frames a client sends, right or wrong, and however they are cut, the echo server
// says what the book says (tests/support/bell_book.mjs): the same messages, Pongs and Close code.
//
// BELL_PROPERTY_ROUNDS and BELL_PROPERTY_SEED in the environment choose how many sequences are tried
// of each kind, and which. Sequence i of seed s is that of seed s + i, so one that fails is tried
// again alone with the seed that the failure names and one round.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { answerByTheBook, numbersFrom, readServer, someCut, someSequence } from "../support/bell_book.mjs";
import { CLOSE, openWebSocket } from "../support/bell_frames.mjs";
import { BellServer } from "../support/bell_server.mjs";

const ROUNDS = Number(process.env.BELL_PROPERTY_ROUNDS ?? 1200);
const SEED = Number(process.env.BELL_PROPERTY_SEED ?? 1);
const LIMIT = 66000;
/** Conversations at a time. */
const LANES = 16;

const KINDS = {
    plain: { args: [] },
    deflate: { args: ["--deflate", "--deflate-threshold", "0"], deflate: { clientKeeps: false, serverKeeps: false } },
    deflate_with_takeover: { args: ["--deflate-takeover", "--deflate-threshold", "0"], deflate: { clientKeeps: true, serverKeeps: true } },
};

const servers = {};
before(async () => {
    for (const [name, { args }] of Object.entries(KINDS)) {
        servers[name] = await BellServer.start({ args: [...args, "--max-message", String(LIMIT)] });
    }
});

after(async () => {
    await Promise.all(Object.values(servers).map((server) => server.stop()));
});

function brief([opcode, payload]) {
    return `${opcode}:${payload.subarray(0, 20).toString("hex")}(${payload.length})`;
}

/** Tries one sequence; returns how it ended. */
async function tryOne(server, seed, deflate) {
    const random = numbersFrom(seed);
    const bytes = someSequence(random, { limit: LIMIT, deflate });
    const expected = answerByTheBook(bytes, { limit: LIMIT, deflate });
    const ws = await openWebSocket(server, deflate ? { fields: { "Sec-WebSocket-Extensions": "permessage-deflate" } } : {});
    for (const piece of someCut(random, bytes)) await ws.write(piece);
    ws.end();
    const got = readServer(await ws.rest(), deflate);
    const where = () => `seed ${seed}: client said ${bytes.length} bytes ${bytes.subarray(0, 200).toString("hex")}; `
        + `expected ${expected.said.map(brief).join(" ")}, heard ${got.map(brief).join(" ")}`;
    assert.equal(got.length, expected.said.length, where());
    for (const [i, [opcode, payload]] of expected.said.entries()) {
        assert.ok(got[i][0] === opcode && payload.equals(got[i][1]), where());
    }
    if (!expected.isOver) return "open";
    const [opcode, payload] = expected.said.at(-1);
    assert.equal(opcode, CLOSE);
    return payload.length === 0 ? 1005 : payload.readUInt16BE();
}

for (const [name, { deflate }] of Object.entries(KINDS)) {
    test(`sequences_of_frames_are_answered_by_the_book_${name}`, async (t) => {
        const ends = {};
        let next = 0;
        await Promise.all(Array.from({ length: LANES }, async () => {
            while (next < ROUNDS) {
                const end = await tryOne(servers[name], SEED + next++, deflate);
                ends[end] = (ends[end] ?? 0) + 1;
            }
        }));
        t.diagnostic(`${ROUNDS} sequences from seed ${SEED} end with ${JSON.stringify(ends)}`);
        // The mix is worth something only if all of it occurs.
        if (ROUNDS >= 1000) {
            for (const end of ["open", 1002, 1007, 1009, 1000]) assert.ok(ends[end] > 0, `none ends with ${end}`);
        }
    });
}

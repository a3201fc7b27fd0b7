// WebSocket frames as clients send them (RFC 6455 section 5.2), right or wrong as a test wants, and
// the opening handshake.
import assert from "node:assert/strict";

import { request, Wire } from "./bell_wire.mjs";

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** The example of RFC 6455 section 1.3. */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

export function toBytes(payload) {
    return typeof payload === "string" ? Buffer.from(payload, "utf8") : payload;
}

/**
 * One frame. rsv: the three bits; key: the masking key, null for an unmasked frame; form: "7", "16" or
 * "64" for a length that is not the shortest; announced: a length other than the payload's.
 */
export function frame(opcode, payload = "", { fin = true, rsv = 0, key = MASK, form, announced } = {}) {
    const body = toBytes(payload);
    const length = announced ?? body.length;
    const bits = form ?? (length < 126 ? "7" : length < 65536 ? "16" : "64");
    const lengthBytes = { 7: 0, 16: 2, 64: 8 }[bits];
    const out = Buffer.alloc(2 + lengthBytes + (key ? 4 : 0) + body.length);
    out[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
    out[1] = (key ? 0x80 : 0) | (bits === "7" ? length : bits === "16" ? 126 : 127);
    if (bits === "16") out.writeUInt16BE(length, 2);
    if (bits === "64") out.writeBigUInt64BE(BigInt(length), 2);
    let at = 2 + lengthBytes;
    if (key) at += key.copy(out, at);
    body.copy(out, at);
    if (key) {
        for (let i = 0; i < body.length; i++) out[at + i] ^= key[i & 3];
    }
    return out;
}

export function closeFrame(code, reason = "") {
    return frame(CLOSE, closePayload(code, reason));
}

export function closePayload(code, reason = "") {
    const text = toBytes(reason);
    const payload = Buffer.alloc(2 + text.length);
    payload.writeUInt16BE(code);
    text.copy(payload, 2);
    return payload;
}

/** A message in fragments of so many bytes. */
export function fragments(opcode, payload, size) {
    const body = toBytes(payload);
    const out = [];
    for (let at = 0; at < body.length || at === 0; at += size) {
        out.push(frame(at === 0 ? opcode : CONTINUATION, body.subarray(at, at + size),
            { fin: at + size >= body.length }));
    }
    return out;
}

const UPGRADE = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
};

/** The opening handshake; fields replace or (null) remove those that belong there. */
export function upgradeRequest(fields = {}, line = "GET /chat HTTP/1.1") {
    return request(line, { ...UPGRADE, ...fields });
}

/** A connection that has shaken hands. */
export async function openWebSocket(server, { fields, line, ...options } = {}) {
    const wire = await Wire.connect(server.port, options);
    wire.write(upgradeRequest(fields, line));
    if (options.paused) return wire;
    const answer = await wire.response();
    assert.equal(answer.status, 101);
    assert.equal(answer.fields["sec-websocket-accept"], ACCEPT);
    wire.answer = answer;
    return wire;
}

/** The next frame is this one, whole. */
export async function expectFrame(wire, opcode, payload, limitMs) {
    const got = await wire.frame(limitMs);
    const expected = toBytes(payload);
    assert.deepEqual({ fin: got.fin, rsv: got.rsv, opcode: got.opcode }, { fin: true, rsv: 0, opcode });
    if (Buffer.compare(got.payload, expected) !== 0) {
        assert.fail(`payload of ${got.payload.length} bytes ${preview(got.payload)}, `
            + `not of ${expected.length} bytes ${preview(expected)}`);
    }
}

function preview(bytes) {
    return JSON.stringify(bytes.subarray(0, 60).toString("latin1"));
}

/**
 * The next frame is Close with this code (undefined: none) and no reason; behind it comes nothing,
 * and the server ends the TCP connection first, while our half is open (section 7.1.1).
 */
export async function expectClose(wire, code, limitMs) {
    await expectFrame(wire, CLOSE, code === undefined ? "" : closePayload(code), limitMs);
    assert.equal((await wire.rest(limitMs)).length, 0, "something follows the Close frame");
    wire.end();
}

/** The connection still works: an echo comes back; then it is closed in order. */
export async function expectAlive(wire) {
    wire.write(Buffer.concat([frame(TEXT, "still there?"), closeFrame(1000)]));
    await expectFrame(wire, TEXT, "still there?");
    await expectClose(wire, 1000);
}

export async function closeInOrder(ws) {
    ws.write(closeFrame(1000));
    await expectClose(ws, 1000);
}

/** Sends bytes and expects the connection to fail with the code, and nothing before. */
export async function expectFailure(server, bytes, code) {
    const ws = await openWebSocket(server);
    ws.write(bytes);
    await expectClose(ws, code);
}

// What a server that echoes messages has to say to the bytes of a client, by the book: RFC 6455 and
// RFC 7692, read anew and written down as plainly as possible. It sees all bytes at once, knows the
// rules in the order in which their bytes arrive, and shares nothing with libbell but zlib.
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

import {
    BINARY, CLOSE, closePayload, CONTINUATION, frame, PING, PONG, TEXT,
} from "./bell_frames.mjs";

const RSV1 = 4;
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
/** A stored and final block, to see whether what is before it is whole. */
const END = Buffer.from("end");
const END_BLOCK = Buffer.concat([Buffer.from([1, END.length, 0, 0xff - END.length, 0xff]), END]);
const WINDOW_BYTES = 32768;

/** Numbers that look random and are the same for each seed. */
export function numbersFrom(seed) {
    let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
    return (below) => {
        state ^= state << 13;
        state >>>= 0;
        state ^= state >>> 17;
        state ^= state << 5;
        state >>>= 0;
        return Math.floor((state / 2 ** 32) * below);
    };
}

export function bytesFrom(random, size) {
    return Buffer.from(Array.from({ length: size }, () => random(256)));
}

/** One side of permessage-deflate; what it keeps of earlier messages is `history`. */
class Codec {
    #keeps;
    #history = Buffer.alloc(0);

    constructor(keeps) {
        this.#keeps = keeps;
    }

    #options(more) {
        const options = { finishFlush: constants.Z_SYNC_FLUSH, ...more };
        if (this.#history.length > 0) options.dictionary = this.#history;
        return options;
    }

    #remember(message) {
        if (this.#keeps) this.#history = Buffer.concat([this.#history, message]).subarray(-WINDOW_BYTES);
        return message;
    }

    pack(message) {
        const packed = deflateRawSync(message, this.#options()).subarray(0, -TAIL.length);
        this.#remember(message);
        return packed;
    }

    /** The message, or the code to close with. */
    unpack(payload, limit) {
        const maxOutputLength = limit === undefined ? undefined : limit + END.length;
        try {
            const all = inflateRawSync(Buffer.concat([payload, TAIL, END_BLOCK]), this.#options(maxOutputLength ? { maxOutputLength } : {}));
            const message = all.subarray(0, all.length - END.length);
            // Without the end it was taken for a part of a block that has none of its own.
            return all.subarray(message.length).equals(END) ? this.#remember(message) : 1007;
        } catch (error) {
            return error.code === "ERR_BUFFER_TOO_LARGE" ? 1009 : 1007;
        }
    }
}

const newDecoder = () => new TextDecoder("utf-8", { fatal: true });

function isText(bytes, decoder = newDecoder(), stream = false) {
    try {
        decoder.decode(bytes, { stream });
        return true;
    } catch {
        return false;
    }
}

/** Section 7.4: a code that may come in a Close frame. */
function isCloseCode(code) {
    return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
}

/**
 * Reads one header: { frame }, { code } when it breaks a rule, or {} when it is not there yet. A rule
 * is broken as soon as the byte is there that breaks it (section 5.2).
 */
function readHeader(bytes, at, { frameLimit, deflate, isOpen }) {
    if (at >= bytes.length) return {};
    const opcode = bytes[at] & 15;
    const fin = bytes[at] >= 0x80;
    const rsv = (bytes[at] >> 4) & 7;
    const isControl = opcode >= 8;
    const mayBeDeflated = deflate && (opcode === TEXT || opcode === BINARY);
    if ((rsv !== 0 && !(rsv === RSV1 && mayBeDeflated)) || (opcode > 2 && opcode < 8) || opcode > 10) return { code: 1002 };
    if (isControl && !fin) return { code: 1002 };
    if (at + 1 >= bytes.length) return {};
    const isMasked = bytes[at + 1] >= 0x80;
    const short = bytes[at + 1] & 0x7f;
    if (!isMasked || (isControl && short > 125)) return { code: 1002 };
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (at + 2 + extra > bytes.length) return {};
    let length = short;
    if (extra === 2) length = bytes.readUInt16BE(at + 2);
    if (extra === 8) length = Number(bytes.readBigUInt64BE(at + 2));
    if ((extra === 2 && length < 126) || (extra === 8 && (length < 65536 || bytes[at + 2] >= 0x80))) return { code: 1002 };
    if (!isControl && length > frameLimit) return { code: 1009 };
    const keyAt = at + 2 + extra;
    if (keyAt + 4 > bytes.length) return {};
    // Section 5.4; looked at when the header is whole.
    if (!isControl && (opcode === CONTINUATION) !== isOpen) return { code: 1002 };
    const payload = Buffer.from(bytes.subarray(keyAt + 4, keyAt + 4 + length));
    for (let i = 0; i < payload.length; i++) payload[i] ^= bytes[keyAt + (i & 3)];
    return { frame: { opcode, fin, isDeflated: rsv === RSV1, isControl, length, payload, end: keyAt + 4 + length } };
}

/** What does not become shorter by compression may be a little longer on the wire than it is. */
const deflatedLimit = (limit) => limit + Math.floor(limit / 8) + 1024;

/**
 * limit: of a message, and of a frame as far as it is known to be none of a compressed one. deflate: undefined, or { clientKeeps }. Returns what the server
 * says ([opcode, payload], messages not compressed) and whether it ends the connection with that.
 */
export function answerByTheBook(bytes, { limit, deflate }) {
    const said = [];
    const codec = new Codec(deflate?.clientKeeps);
    const frameLimit = deflate ? deflatedLimit(limit) : limit;
    let message;
    let at = 0;
    const over = (payload) => {
        said.push([CLOSE, payload]);
        return { said, isOver: true };
    };
    const fail = (code) => over(closePayload(code));
    for (;;) {
        const { code: broken, frame: f } = readHeader(bytes, at, { frameLimit, deflate, isOpen: message !== undefined });
        if (broken) return fail(broken);
        if (!f) return { said, isOver: false };
        const isWhole = f.payload.length === f.length;
        if (!f.isControl) {
            message ??= { opcode: f.opcode, isDeflated: f.isDeflated, payload: Buffer.alloc(0), decoder: newDecoder() };
            const most = message.isDeflated ? deflatedLimit(limit) : limit;
            if (message.payload.length + f.length > most) return fail(1009);
            const goesOn = !isWhole || !f.fin;
            if (message.opcode === TEXT && !message.isDeflated && !isText(f.payload, message.decoder, goesOn)) return fail(1007);
        }
        if (!isWhole) return { said, isOver: false };
        at = f.end;
        if (f.opcode === PING) said.push([PONG, f.payload]);
        if (f.opcode === CLOSE) {
            if (f.length === 0) return over(Buffer.alloc(0));
            const code = f.length === 1 ? 0 : f.payload.readUInt16BE(0);
            if (!isCloseCode(code)) return fail(1002);
            return fail(isText(f.payload.subarray(2)) ? code : 1007);
        }
        if (f.isControl) continue;
        message.payload = Buffer.concat([message.payload, f.payload]);
        if (!f.fin) continue;
        let { payload } = message;
        if (message.isDeflated) {
            payload = codec.unpack(payload, limit);
            if (typeof payload === "number") return fail(payload);
            if (message.opcode === TEXT && !isText(payload)) return fail(1007);
        }
        said.push([message.opcode, payload]);
        message = undefined;
    }
}

/** What a server has said: [opcode, payload], messages unpacked; throws where it breaks a rule itself. */
export function readServer(bytes, deflate) {
    const codec = new Codec(deflate?.serverKeeps);
    const said = [];
    for (let at = 0; at < bytes.length;) {
        const opcode = bytes[at] & 15;
        const rsv = (bytes[at] >> 4) & 7;
        let length = bytes[at + 1];
        let from = at + 2;
        if (bytes[at] < 0x80 || length > 127) throw new Error(`no whole unmasked frame at ${at}`);
        if (length === 126) {
            length = bytes.readUInt16BE(from);
            from += 2;
        } else if (length === 127) {
            length = Number(bytes.readBigUInt64BE(from));
            from += 8;
        }
        if (from + length > bytes.length) throw new Error(`a cut frame at ${at}`);
        if (rsv !== 0 && !(rsv === RSV1 && deflate && (opcode === TEXT || opcode === BINARY))) throw new Error(`rsv ${rsv} at ${at}`);
        let payload = bytes.subarray(from, from + length);
        if (rsv === RSV1) payload = codec.unpack(payload);
        if (typeof payload === "number") throw new Error(`cannot be inflated: the message at ${at}`);
        said.push([opcode, payload]);
        at = from + length;
    }
    return said;
}

// ---- random sequences ----

const PIECES = ["hello, desk ", "é", "한국", "你好", "😀", "\u{10ffff}", "\u0000", "x"].map((text) => Buffer.from(text));
// Table 3-7 of the Unicode standard and what lies beside it: too long, surrogates, too large, lonely, cut.
const NO_TEXT = ["c080", "c1bf", "e09fbf", "eda080", "edbfbf", "f08fbfbf", "f4908080", "f5808080", "ff", "80", "bf", "c3", "e282", "f09f98", "c328", "e28228"]
    .map((hex) => Buffer.from(hex, "hex"));
// A block of the reserved type; a match that reaches back before everything.
const NO_DEFLATE = ["07", "fe", "f200110000"].map((hex) => Buffer.from(hex, "hex"));

function someText(random, size) {
    const parts = [];
    let n = 0;
    while (n < size) {
        const piece = random(40) === 0 ? PIECES[random(PIECES.length)] : Buffer.alloc(1 + random(20), 97 + random(26));
        parts.push(piece);
        n += piece.length;
    }
    return Buffer.concat(parts);
}

function someMessage(random, limit) {
    const size = [0, 1, 125, 126, 127, random(125), random(125), random(3000), random(3000), 65535, 65536, limit][random(24)] ?? random(60);
    let payload = random(12) === 0 ? bytesFrom(random, Math.min(size, 200)) : someText(random, Math.min(size, limit)).subarray(0, limit);
    if (random(25) === 0) payload = Buffer.concat([payload.subarray(0, 500), NO_TEXT[random(NO_TEXT.length)], payload.subarray(0, random(3))]);
    if (random(60) === 0) payload = Buffer.alloc(limit + 1 + random(3), 0x61);
    return payload;
}

function pushFragments(random, out, opcode, payload, rsv) {
    const count = random(3) === 0 ? 1 + random(5) : 1;
    let at = 0;
    for (let i = 0; i < count; i++) {
        const to = i === count - 1 ? payload.length : at + random(payload.length - at + 1);
        const options = { key: bytesFrom(random, 4), fin: i === count - 1, rsv: i === 0 ? rsv : 0 };
        if (i > 0 && random(40) === 0) options.rsv = RSV1;
        out.push(frame(i === 0 ? opcode : CONTINUATION, payload.subarray(at, to), options));
        if (random(4) === 0) out.push(frame(random(2) === 0 ? PING : PONG, someText(random, random(100)).subarray(0, 125), { key: bytesFrom(random, 4) }));
        at = to;
    }
}

/** A client's bytes: mostly right, wrong in one of many ways else; perhaps cut or broken in the end. */
export function someSequence(random, { limit, deflate }) {
    const codec = new Codec(deflate?.clientKeeps);
    const out = [];
    for (let left = 1 + random(10); left > 0; left--) {
        const key = bytesFrom(random, 4);
        const payload = someMessage(random, limit);
        const opcode = 1 + random(2);
        const kind = random(40);
        if (kind === 0) out.push(frame(random(16), payload.subarray(0, 130), { key, rsv: random(8), fin: random(2) === 0 }));
        else if (kind === 1) out.push(frame(opcode, payload, { key: random(2) === 0 ? null : key, form: payload.length < 126 ? "16" : "64" }));
        else if (kind === 2) out.push(frame(CLOSE, closePayload([1000, 1000, 990 + random(40), random(65536)][random(4)], someMessage(random, 100).subarray(0, 123)), { key }));
        else if (kind === 3) out.push(frame(CLOSE, payload.subarray(0, random(3)), { key }));
        else if (kind === 4) out.push(frame(PING + random(2), payload.subarray(0, 100 + random(30)), { key }));
        else if (kind === 5) out.push(frame([CONTINUATION, opcode][random(2)], payload.subarray(0, 50), { key, fin: false }));
        else if (deflate && random(3) > 0) {
            if (random(40) === 0) pushFragments(random, out, opcode, NO_DEFLATE[random(NO_DEFLATE.length)], RSV1);
            else pushFragments(random, out, opcode, codec.pack(payload), RSV1);
        } else pushFragments(random, out, opcode, payload, !deflate && random(60) === 0 ? RSV1 : 0);
    }
    const bytes = Buffer.concat(out);
    return random(4) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
}

/** Cuts bytes as a network might: whole, byte by byte when there are few, or in some pieces. */
export function someCut(random, bytes) {
    if (random(3) === 0 || bytes.length === 0) return [bytes];
    if (bytes.length < 120 && random(2) === 0) return Array.from(bytes, (byte) => Buffer.from([byte]));
    const at = Array.from({ length: 1 + random(12) }, () => random(bytes.length)).sort((a, b) => a - b);
    return [...at, bytes.length].map((to, i) => bytes.subarray(i === 0 ? 0 : at[i - 1], to)).filter((piece) => piece.length > 0);
}

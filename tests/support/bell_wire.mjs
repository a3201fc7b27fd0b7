// One TCP connection of a test that counts bytes: says exactly what it is told to say and hands out
// exactly what comes, as bytes, as HTTP responses or as WebSocket frames. Waiting has a limit, so that
// a silent server fails a test instead of holding it.
import { createConnection } from "node:net";
import { connect as connectTls } from "node:tls";

const LIMIT_MS = 40000;

const open = new Set();

/** Ends all connections that are open, such as a failed test leaves behind. */
export function destroyAll() {
    for (const wire of open) wire.destroy();
}

export class Wire {
    #socket;
    #chunks = [];
    #size = 0;
    #wake;
    /** The peer has ended its half in order. */
    hasEnd = false;
    /** The error code of a connection that broke, "ECONNRESET" mostly. */
    broke;
    isClosed = false;
    /** TLS: what the connection could be resumed with. */
    session;

    /**
     * path: of a Unix socket, instead of the port; tls: options of tls.connect, for a connection
     * whose handshake is over when this returns.
     */
    static async connect(port, { paused = false, allowHalfOpen = true, localAddress, path, tls } = {}) {
        const wire = new Wire();
        const where = path === undefined ? { host: "127.0.0.1", port, localAddress } : { path };
        const socket = tls === undefined
            ? createConnection({ ...where, allowHalfOpen, noDelay: true })
            : connectTls({ ...where, allowHalfOpen, servername: "localhost", ...tls });
        wire.#socket = socket;
        if (tls !== undefined) {
            socket.setNoDelay(true);
            socket.on("session", (session) => {
                wire.session = session;
                wire.#notify();
            });
        }
        if (paused) socket.pause();
        socket.on("data", (bytes) => {
            wire.#chunks.push(bytes);
            wire.#size += bytes.length;
            wire.#notify();
        });
        socket.on("end", () => {
            wire.hasEnd = true;
            wire.#notify();
        });
        await new Promise((resolve, reject) => {
            socket.once(tls === undefined ? "connect" : "secureConnect", resolve);
            socket.once("error", reject);
        });
        socket.on("error", (error) => {
            wire.broke = error.code;
            wire.#notify();
        });
        open.add(wire);
        socket.on("close", () => {
            open.delete(wire);
            wire.isClosed = true;
            wire.#notify();
        });
        return wire;
    }

    #notify() {
        this.#wake?.();
        this.#wake = undefined;
    }

    /** Waits until isTrue() holds, or the peer can say no more; what: for the message of a failure. */
    async #until(what, isTrue, limitMs = LIMIT_MS) {
        const deadline = performance.now() + limitMs;
        while (!isTrue()) {
            if (this.hasEnd || this.isClosed || this.broke) {
                throw new Error(`${what}: the connection ended (${this.broke ?? "in order"}) after ${this.#describe()}`);
            }
            await new Promise((resolve, reject) => {
                const timer = setTimeout(() => {
                    reject(new Error(`${what}: not within ${limitMs} ms, have ${this.#describe()}`));
                }, Math.max(0, deadline - performance.now()));
                this.#wake = () => {
                    clearTimeout(timer);
                    resolve();
                };
            });
        }
    }

    #describe() {
        const have = Buffer.concat(this.#chunks);
        return `${have.length} bytes: ${JSON.stringify(have.subarray(0, 200).toString("latin1"))}`;
    }

    /** Resolves when the kernel has taken it, or the connection is gone. Text is Latin-1. */
    write(data) {
        const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
        return new Promise((resolve) => {
            if (this.isClosed || this.broke) {
                resolve();
                return;
            }
            this.#socket.write(bytes, () => resolve());
        });
    }

    /** Writes in pieces of so many bytes, each handed to the kernel before the next one. */
    async chop(data, size) {
        const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
        for (let at = 0; at < bytes.length; at += size) await this.write(bytes.subarray(at, at + size));
    }

    /** Ends our half. */
    end() {
        this.#socket.end();
    }

    pause() {
        this.#socket.pause();
    }

    resume() {
        this.#socket.resume();
    }

    /** Closes at once, with a reset if so wished. */
    destroy({ reset = false } = {}) {
        if (reset) this.#socket.resetAndDestroy();
        else this.#socket.destroy();
    }

    /** The socket of Node.js, for what only TLS has. */
    get socket() {
        return this.#socket;
    }

    /** Waits for a ticket. */
    async ticket() {
        await this.#until("a session ticket", () => this.session !== undefined);
        return this.session;
    }

    /** Bytes that have come and were not taken. */
    get waiting() {
        return this.#size;
    }

    #peek(n) {
        if (this.#chunks.length > 1 && this.#chunks[0].length < n) this.#chunks = [Buffer.concat(this.#chunks)];
        return this.#chunks[0] ?? Buffer.alloc(0);
    }

    #take(n) {
        const all = this.#peek(n);
        const taken = all.subarray(0, n);
        if (n === all.length) this.#chunks.shift();
        else this.#chunks[0] = all.subarray(n);
        this.#size -= n;
        return taken;
    }

    /** The next n bytes. */
    async bytes(n, limitMs) {
        await this.#until(`${n} bytes`, () => this.#size >= n, limitMs);
        return n === 0 ? Buffer.alloc(0) : this.#take(n);
    }

    /** Up to and with the mark, as Latin-1. */
    async line(mark, limitMs) {
        let at = -1;
        await this.#until(JSON.stringify(mark), () => {
            at = this.#peek(this.#size).indexOf(mark, 0, "latin1");
            return at >= 0;
        }, limitMs);
        return this.#take(at + mark.length).toString("latin1");
    }

    /** All that still comes until the peer ends its half; a reset is a failure. */
    async rest(limitMs) {
        await this.#untilOver("the end", limitMs);
        if (!this.hasEnd) throw new Error(`broken (${this.broke}) after ${this.#describe()}`);
        return this.#size === 0 ? Buffer.alloc(0) : this.#take(this.#size);
    }

    /** Waits for the end in whatever form: "end" or the code of the error. */
    async over(limitMs) {
        await this.#untilOver("the end in any form", limitMs);
        return this.broke ?? "end";
    }

    async #untilOver(what, limitMs) {
        const isOver = () => this.hasEnd || this.isClosed || this.broke !== undefined;
        if (!isOver()) await this.#until(what, isOver, limitMs);
    }

    /**
     * The next HTTP response: { status, reason, head, fields, body }. fields: values by lower-case
     * name, joined by ", ". isHead: it answers HEAD. Interim responses are responses of their own.
     */
    async response({ isHead = false, limitMs } = {}) {
        const head = await this.line("\r\n\r\n", limitMs);
        const lines = head.slice(0, -4).split("\r\n");
        const match = /^HTTP\/1\.1 (\d{3}) ([\x20-\x7e]*)$/.exec(lines[0]);
        if (!match) throw new Error(`no status line: ${JSON.stringify(lines[0])}`);
        const status = Number(match[1]);
        const fields = {};
        for (const line of lines.slice(1)) {
            const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e]*)$/.exec(line);
            if (!field) throw new Error(`no field: ${JSON.stringify(line)}`);
            const name = field[1].toLowerCase();
            fields[name] = name in fields ? `${fields[name]}, ${field[2]}` : field[2];
        }
        const hasBody = !isHead && status >= 200 && status !== 204 && status !== 304;
        if (hasBody && !/^\d+$/.test(fields["content-length"] ?? "")) throw new Error(`no length:\n${head}`);
        const body = hasBody ? await this.bytes(Number(fields["content-length"]), limitMs) : Buffer.alloc(0);
        return { status, reason: match[2], head, fields, body };
    }

    /** The next frame as a server has to send it: { fin, rsv, opcode, payload }; masked ones fail. */
    async frame(limitMs) {
        const start = await this.bytes(2, limitMs);
        let length = start[1] & 0x7f;
        if ((start[1] & 0x80) !== 0) throw new Error("a server must not mask");
        if (length === 126) {
            length = (await this.bytes(2, limitMs)).readUInt16BE();
            if (length < 126) throw new Error("not the shortest length");
        } else if (length === 127) {
            length = Number((await this.bytes(8, limitMs)).readBigUInt64BE());
            if (length < 65536) throw new Error("not the shortest length");
        }
        const payload = await this.bytes(length, limitMs);
        return { fin: (start[0] & 0x80) !== 0, rsv: (start[0] >> 4) & 7, opcode: start[0] & 15, payload };
    }
}

/** A request: line, fields, body. Host is there unless fields has one (null: none). */
export function request(line, fields = {}, body = "") {
    const all = { Host: "a.example", ...fields };
    let text = `${line}\r\n`;
    for (const [name, value] of Object.entries(all)) {
        for (const one of Array.isArray(value) ? value : [value]) {
            if (one !== null && one !== undefined) text += `${name}: ${one}\r\n`;
        }
    }
    return `${text}\r\n${body}`;
}

// A small WebSocket client (RFC 6455) on a plain socket, so that tests can say exact bytes, see every
// frame and break any rule. Text messages are taken as JSON where a test asks for events.
import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const PATIENCE_MS = 15_000;

export class WebSocketClient {
    #socket;
    #bytes = Buffer.alloc(0);
    #waiting = [];
    #fragments = [];
    /** Messages that came and were not asked for yet. */
    inbox = [];
    /** Every message that ever came, in order. */
    history = [];
    status = 0;
    headers = new Map();
    /** { code, reason } once it is closed: 1006 when no Close frame came. */
    closed = null;
    #closeFrame = null;

    /**
     * Connects and answers when the upgrade was answered, with whatever status.
     * options: path, protocol, origin, headers (object), port, host.
     */
    static async open(options) {
        const client = new WebSocketClient();
        await client.#upgrade(options);
        return client;
    }

    async #upgrade({ port, host = "127.0.0.1", path, protocol, origin, headers = {} }) {
        const key = randomBytes(16).toString("base64");
        this.#socket = connect({ port, host });
        this.#socket.setNoDelay(true);
        this.#socket.on("error", () => {});
        const lines = [`GET ${path} HTTP/1.1`, `Host: ${host}:${port}`, "Upgrade: websocket",
            "Connection: Upgrade", "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`];
        if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
        if (origin !== undefined) lines.push(`Origin: ${origin}`);
        for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
        this.#socket.write(`${lines.join("\r\n")}\r\n\r\n`);
        const answered = new Promise((resolve, reject) => {
            const fail = () => reject(new Error("the connection ended before the upgrade was answered"));
            const read = (bytes) => {
                this.#bytes = Buffer.concat([this.#bytes, bytes]);
                const end = this.#bytes.indexOf("\r\n\r\n");
                if (end < 0) return;
                this.#socket.off("data", read);
                this.#socket.off("close", fail);
                this.#takeHead(this.#bytes.subarray(0, end).toString("latin1"));
                this.#bytes = this.#bytes.subarray(end + 4);
                resolve();
            };
            this.#socket.on("data", read);
            this.#socket.on("close", fail);
        });
        await answered;
        if (this.status !== 101) {
            this.#socket.destroy();
            return;
        }
        const accept = createHash("sha1").update(key + GUID).digest("base64");
        if (this.headers.get("sec-websocket-accept") !== accept) throw new Error("wrong Sec-WebSocket-Accept");
        this.#socket.on("data", (bytes) => {
            this.#bytes = Buffer.concat([this.#bytes, bytes]);
            this.#takeFrames();
        });
        this.#socket.on("close", () => {
            this.closed = this.#closeFrame ?? { code: 1006, reason: "" };
            this.#wake();
        });
        this.#takeFrames();
    }

    #takeHead(head) {
        const [first, ...fields] = head.split("\r\n");
        this.status = Number(first.split(" ")[1]);
        for (const field of fields) {
            const colon = field.indexOf(":");
            this.headers.set(field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim());
        }
    }

    #takeFrames() {
        while (this.#bytes.length >= 2) {
            const short = this.#bytes[1] & 0x7f;
            const at = short === 126 ? 4 : short === 127 ? 10 : 2;
            if (this.#bytes.length < at) return;
            const size = short === 126 ? this.#bytes.readUInt16BE(2)
                : short === 127 ? Number(this.#bytes.readBigUInt64BE(2)) : short;
            if (this.#bytes.length < at + size) return;
            const frame = { fin: (this.#bytes[0] & 0x80) !== 0, opcode: this.#bytes[0] & 0x0f,
                payload: Buffer.from(this.#bytes.subarray(at, at + size)) };
            this.#bytes = this.#bytes.subarray(at + size);
            this.#take(frame);
        }
    }

    #take({ fin, opcode, payload }) {
        if (opcode === 8) {
            this.#closeFrame = { code: payload.length >= 2 ? payload.readUInt16BE(0) : 1005,
                reason: payload.subarray(2).toString() };
            if (!this.#socket.destroyed) {
                this.frame(8, payload.subarray(0, 2));
                this.#socket.end();
            }
        } else if (opcode === 9) {
            this.frame(10, payload);
        } else if (opcode <= 2) {
            this.#fragments.push(payload);
            if (fin) {
                const message = JSON.parse(Buffer.concat(this.#fragments).toString());
                this.#fragments = [];
                this.inbox.push(message);
                this.history.push(message);
                this.#wake();
            }
        }
    }

    #wake() {
        for (const check of [...this.#waiting]) check();
    }

    /** Sends one frame as it is told: opcode, payload, fin. */
    frame(opcode, payload, fin = true) {
        const mask = randomBytes(4);
        const body = Buffer.from(payload);
        for (let i = 0; i < body.length; i++) body[i] ^= mask[i % 4];
        const head = [(fin ? 0x80 : 0) | opcode];
        if (body.length < 126) {
            head.push(0x80 | body.length);
        } else if (body.length < 65536) {
            head.push(0x80 | 126, body.length >> 8, body.length & 0xff);
        } else {
            const size = Buffer.alloc(8);
            size.writeBigUInt64BE(BigInt(body.length));
            head.push(0x80 | 127, ...size);
        }
        this.#socket.write(Buffer.concat([Buffer.from(head), mask, body]));
    }

    /** Sends a command (an object) or a text as it is. */
    send(message) {
        this.frame(1, typeof message === "string" ? message : JSON.stringify(message));
    }

    /** Bytes on the socket, past all framing. */
    raw(bytes) {
        this.#socket.write(bytes);
    }

    /**
     * The first message that fits, taken out of the inbox; waits for it. what: a type or a function.
     * Fails when the connection closes or patience ends, and then tells what came instead.
     */
    next(what) {
        const fits = typeof what === "function" ? what : (m) => m.type === what;
        const take = () => {
            const at = this.inbox.findIndex(fits);
            return at < 0 ? undefined : this.inbox.splice(at, 1)[0];
        };
        return this.#wait(take, () => `waited for ${what}; came: ${JSON.stringify(this.inbox).slice(0, 800)}`);
    }

    /** Waits until the connection is closed: { code, reason }. */
    untilClosed() {
        return this.#wait(() => this.closed ?? undefined, () => "waited for the end of the connection", true);
    }

    #wait(take, complaint, closingIsFine = false) {
        return new Promise((resolve, reject) => {
            const done = () => {
                clearTimeout(timer);
                this.#waiting = this.#waiting.filter((w) => w !== check);
            };
            const check = () => {
                const found = take();
                if (found !== undefined) {
                    done();
                    resolve(found);
                } else if (this.closed !== null && !closingIsFine) {
                    done();
                    reject(new Error(`closed with ${this.closed.code} ${this.closed.reason}: ${complaint()}`));
                }
            };
            const timer = setTimeout(() => {
                done();
                reject(new Error(complaint()));
            }, PATIENCE_MS);
            this.#waiting.push(check);
            check();
        });
    }

    /** Asks and waits for the answer with the same ref. */
    async ask(command) {
        const ref = ++this.#lastRef;
        this.send({ ...command, ref });
        return this.next((m) => m.ref === ref);
    }
    #lastRef = 0;

    /**
     * Everything that was sent before has been answered when this returns: a ping goes the same
     * way. (What other threads send may still follow.)
     */
    async settle() {
        await this.ask({ type: "ping" });
    }

    close(code = 1000) {
        const payload = Buffer.alloc(2);
        payload.writeUInt16BE(code);
        this.frame(8, payload);
        return this.untilClosed();
    }

    /** Ends the TCP connection without a word. */
    drop() {
        this.#socket.destroy();
        return this.untilClosed();
    }

    /** Stops reading, so that the other side's queue grows. */
    pause() {
        this.#socket.pause();
    }
}

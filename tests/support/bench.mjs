// Starts the bare servers and the load client of bench/ws, and servers that answer wrongly, so that
// it can be seen that the client notices.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { setPriority } from "node:os";
import { join } from "node:path";

import { BellServer, BUILD } from "./bell_server.mjs";

/** A bare server; undefined when it cannot run here, for want of liburing or io_uring. */
export async function startBare(program, args = []) {
    if (program.endsWith("-uring") && !existsSync(join(BUILD, program))) return undefined;
    try {
        return await BellServer.start({ program, args, address: ["--port", "0"] });
    } catch (error) {
        if (error.message.includes("io_uring: set-up")) return undefined;
        throw error;
    }
}

const NICENESS = 10;

/** Runs a program to its end: { status, out, err }. */
export async function run(program, args, input = "") {
    const child = spawn(program, args.map(String));
    // Others run beside it and measure time.
    if (child.pid !== undefined) setPriority(child.pid, NICENESS);
    let out = "";
    let err = "";
    child.stdout.on("data", (bytes) => (out += bytes));
    child.stderr.on("data", (bytes) => (err += bytes));
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const [status, signal] = await once(child, "close");
    return { status: status ?? signal, out, err };
}

const LOAD = join(BUILD, "bench/ws/load");

/** Why the load client cannot run here; undefined when it can. */
export async function whyNoLoad() {
    if (!existsSync(join(BUILD, "bench/echo-server"))) throw new Error(`nothing is built in ${BUILD}`);
    if (!existsSync(LOAD)) return "the load client was not built";
    const { err } = await run(LOAD, ["echo", "--port", 1]);
    return err.includes("io_uring: set-up") ? "no io_uring here" : undefined;
}

/** The load client: { status, err, result: what it printed }. */
export async function load(scenario, port, args = []) {
    const { status, out, err } = await run(LOAD, [
        scenario, "--port", port, "--warm-up", 0.02, "--seconds", 0.1, "--patience", 20, ...args,
    ]);
    return { status, err, result: status === 0 ? JSON.parse(out) : undefined };
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** A frame as servers send it. first: FIN, reserved bits and opcode. */
export function serverFrame(first, payload) {
    const head = payload.length < 126 ? Buffer.from([first, payload.length])
        : Buffer.from([first, 126, payload.length >> 8, payload.length & 255]);
    return Buffer.concat([head, payload]);
}

function readFrame(bytes) {
    if (bytes.length < 2) return undefined;
    const short = bytes[1] & 127;
    const at = short === 126 ? 4 : 2;
    const size = short === 126 ? (bytes.length < 4 ? Infinity : bytes.readUInt16BE(2)) : short;
    if (bytes.length < at + 4 + size) return undefined;
    const key = bytes.subarray(at, at + 4);
    const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + size));
    for (let i = 0; i < size; i++) payload[i] ^= key[i & 3];
    return { first: bytes[0], payload, size: at + 4 + size };
}

/**
 * A server that does as it is told: upgrade(accept) gives the answer to a request, echo(frame,
 * number) the bytes for the frame of that number. Messages below 64 KiB. An array of bytes is written
 * piece by piece; null ends the stream.
 */
export async function startScripted({ upgrade, echo = (frame) => serverFrame(frame.first, frame.payload) } = {}) {
    const answer = upgrade ?? ((accept) => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        + `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const sockets = new Set();
    const server = createServer({ noDelay: true }, (socket) => {
        sockets.add(socket);
        let bytes = Buffer.alloc(0);
        let isOpen = false;
        let number = 0;
        socket.on("error", () => {});
        socket.on("data", async (piece) => {
            bytes = Buffer.concat([bytes, piece]);
            if (!isOpen) {
                const end = bytes.indexOf("\r\n\r\n");
                if (end < 0) return;
                const key = /Sec-WebSocket-Key: (\S+)/.exec(bytes.toString("latin1"))[1];
                bytes = bytes.subarray(end + 4);
                isOpen = true;
                socket.write(answer(createHash("sha1").update(key + GUID).digest("base64")));
            }
            for (let frame; (frame = readFrame(bytes)) !== undefined;) {
                bytes = bytes.subarray(frame.size);
                const said = echo(frame, number++);
                if (said === null) {
                    socket.end();
                    return;
                }
                for (const part of Array.isArray(said) ? said : [said]) {
                    await new Promise((resolve) => socket.write(part, resolve));
                }
            }
        });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
        port: server.address().port,
        stop() {
            for (const socket of sockets) socket.destroy();
            server.close();
        },
    };
}

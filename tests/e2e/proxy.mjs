// Stands between browser and server and does what bad networks do: cuts, swallows, loses one answer.
import { connect, createServer } from "node:net";

/** Takes a server's byte stream apart into the HTTP head and unmasked WebSocket frames. */
class ServerFrames {
    #bytes = Buffer.alloc(0);
    #isUpgraded = false;

    /** Pieces to pass on: { bytes, text } where text is a text frame's payload. */
    feed(bytes) {
        this.#bytes = Buffer.concat([this.#bytes, bytes]);
        const pieces = [];
        if (!this.#isUpgraded) {
            const isUpgrade = this.#bytes.subarray(0, 12).toString("latin1") === "HTTP/1.1 101";
            const end = this.#bytes.indexOf("\r\n\r\n");
            if (!isUpgrade || end < 0) {
                pieces.push({ bytes: this.#bytes });
                this.#bytes = Buffer.alloc(0);
                return pieces;
            }
            this.#isUpgraded = true;
            pieces.push({ bytes: this.#bytes.subarray(0, end + 4) });
            this.#bytes = this.#bytes.subarray(end + 4);
        }
        for (let frame = this.#next(); frame !== undefined; frame = this.#next()) pieces.push(frame);
        return pieces;
    }

    #next() {
        const b = this.#bytes;
        if (b.length < 2) return undefined;
        const short = b[1] & 0x7f;
        const head = short === 126 ? 4 : short === 127 ? 10 : 2;
        if (b.length < head) return undefined;
        const size = short === 126 ? b.readUInt16BE(2) : short === 127 ? Number(b.readBigUInt64BE(2)) : short;
        if (b.length < head + size) return undefined;
        this.#bytes = b.subarray(head + size);
        const isText = (b[0] & 0x0f) === 1;
        return { bytes: b.subarray(0, head + size), text: isText ? b.subarray(head, head + size).toString() : undefined };
    }
}

export class Proxy {
    #listener;
    #pairs = new Set();
    #isSwallowing = false;
    #loses = undefined;
    #held = undefined;
    #awaited = undefined;
    port = 0;
    /** Connections that came while swallowing. */
    swallowed = 0;

    static async start(targetPort) {
        const proxy = new Proxy();
        proxy.#listener = createServer((client) => proxy.#accept(client, targetPort));
        await new Promise((resolve) => proxy.#listener.listen(0, "127.0.0.1", resolve));
        proxy.port = proxy.#listener.address().port;
        return proxy;
    }

    /** Runs with a proxy that ends with it, however that goes: a listener left behind keeps the process alive. */
    static async with(targetPort, run) {
        const proxy = await Proxy.start(targetPort);
        try {
            return await run(proxy);
        } finally {
            await proxy.stop();
        }
    }

    get origin() {
        return `http://127.0.0.1:${this.port}`;
    }

    #accept(client, targetPort) {
        const pair = { client, server: undefined };
        this.#pairs.add(pair);
        client.on("error", () => {});
        client.on("close", () => {
            pair.server?.destroy();
            this.#pairs.delete(pair);
        });
        if (this.#isSwallowing) {
            this.swallowed++;
            client.resume();
            return;
        }
        const server = connect(targetPort, "127.0.0.1");
        pair.server = server;
        const frames = new ServerFrames();
        client.setNoDelay(true);
        server.setNoDelay(true);
        client.on("data", (bytes) => this.#isSwallowing || server.write(bytes));
        client.on("end", () => server.end());
        server.on("data", (bytes) => {
            for (const piece of frames.feed(bytes)) this.#passOn(pair, piece);
        });
        server.on("error", () => client.destroy());
        server.on("close", () => client.destroy());
    }

    #passOn({ client }, { bytes, text }) {
        if (this.#isSwallowing || client.destroyed) return;
        const lost = text === undefined ? undefined : this.#loses;
        if (lost?.matches(text)) {
            this.#loses = undefined;
            client.destroy();
            lost.resolve(text);
            return;
        }
        if (this.#held !== undefined) {
            this.#held.push({ client, bytes, text });
            this.#tellHeld();
            return;
        }
        client.write(bytes);
    }

    /** Keeps back what the server sends, in order, until release(); what browsers send goes on. */
    hold() {
        this.#held ??= [];
    }

    /** Until a text message that matches is kept back. */
    holds(matches) {
        return new Promise((resolve) => {
            this.#awaited = { matches, resolve };
            this.#tellHeld();
        });
    }

    #tellHeld() {
        if (this.#awaited && this.#held?.some(({ text }) => text !== undefined && this.#awaited.matches(text))) {
            this.#awaited.resolve();
            this.#awaited = undefined;
        }
    }

    release() {
        const held = this.#held ?? [];
        this.#held = undefined;
        for (const { client, bytes } of held) if (!client.destroyed) client.write(bytes);
    }

    /** Cuts every connection; new ones are fine. */
    cut() {
        for (const { client } of this.#pairs) client.destroy();
    }

    /** From now on everything is accepted and nothing answered, on connections old and new. */
    swallow() {
        this.#isSwallowing = true;
    }

    /** Ends swallowing; what was swallowed stays lost, and so do the connections. */
    heal() {
        this.#isSwallowing = false;
        this.cut();
    }

    /** Loses the next text message from the server that matches, and the connection with it: its text. */
    loseNext(matches) {
        return new Promise((resolve) => {
            this.#loses = { matches, resolve };
        });
    }

    async stop() {
        this.cut();
        await new Promise((resolve) => this.#listener.close(resolve));
    }
}

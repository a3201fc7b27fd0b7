// Requests on a connection of their own, and what must come of them. The server under test serves
// hello.txt, and smuggled.txt that nothing may ever reach.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { BellServer } from "./bell_server.mjs";
import { request, Wire } from "./bell_wire.mjs";

const HELLO = "hello world\n";

/** Asks for hello.txt. */
export const GET = request("GET /hello.txt HTTP/1.1");
export const SMUGGLED = request("GET /smuggled.txt HTTP/1.1");
export const CHUNKED_HELLO = "5\r\nhello\r\n0\r\n\r\n";
/** Allow of a path that files are served at. */
export const ALLOW = "GET, HEAD, OPTIONS";

export function expectHello(answer) {
    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), HELLO);
}

/** A server over a folder with the two files; stop() removes the folder. */
export class FileServer {
    static async start(args = []) {
        const files = new FileServer();
        files.folder = mkdtempSync(join(tmpdir(), "bell-http-"));
        writeFileSync(join(files.folder, "hello.txt"), HELLO);
        writeFileSync(join(files.folder, "smuggled.txt"), "you should not see this\n");
        files.server = await BellServer.start({ args: ["--static", files.folder, ...args] });
        return files;
    }

    get port() {
        return this.server.port;
    }

    async stop() {
        await this.server.stop();
        rmSync(this.folder, { recursive: true, force: true });
    }

    /** One connection, one answer, the end. */
    async #refusedOnce(bytes, status, pieces, isHead) {
        const wire = await Wire.connect(this.port);
        wire.chop(bytes, pieces);
        const answer = await wire.response({ isHead });
        assert.equal(answer.status, status);
        assert.equal(answer.fields.connection, "close");
        assert.equal(answer.fields["content-type"], "text/plain; charset=utf-8");
        if (!isHead) assert.equal(answer.body.toString(), `${status} ${answer.reason}\n`);
        assert.equal((await wire.rest()).toString("latin1"), "");
        wire.destroy();
    }

    /** Refuses in one piece and byte by byte, and does not answer what stands behind. */
    async refuses(text, status, { isHead = false } = {}) {
        const bytes = Buffer.from(text + SMUGGLED, "latin1");
        await this.#refusedOnce(bytes, status, bytes.length, isHead);
        if (bytes.length < 2000) await this.#refusedOnce(bytes, status, 1, isHead);
    }

    /** Answers with the status, and finds the next request on the same connection. */
    async takes(text, status, check = () => {}) {
        for (const pieces of [text.length + GET.length, ...(text.length < 2000 ? [1] : [])]) {
            const wire = await Wire.connect(this.port);
            wire.chop(text + GET, pieces);
            const answer = await wire.response();
            assert.equal(answer.status, status);
            check(answer);
            expectHello(await wire.response());
            wire.destroy();
        }
    }
}

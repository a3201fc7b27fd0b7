// The examples, driven as their users would. echo and chat are driven in bell_handshake.test.mjs.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { CLOSE, closeInOrder, closePayload, expectFrame, frame, openWebSocket, PING, PONG, TEXT, upgradeRequest }
    from "../support/bell_frames.mjs";
import { BellServer } from "../support/bell_server.mjs";
import { request, Wire } from "../support/bell_wire.mjs";

/** The next thing that comes is the answer to a Ping: nothing else was on its way. */
async function answersPing(ws) {
    ws.write(frame(PING, "?"));
    await expectFrame(ws, PONG, "?");
}

async function get(server, path) {
    const wire = await Wire.connect(server.port);
    wire.write(request(`GET ${path} HTTP/1.1`));
    const answer = await wire.response();
    wire.destroy();
    return answer;
}

test("topics_keeps_rooms_apart", async () => {
    const example = { program: "examples/topics", address: ["127.0.0.1:0"], silent: true, hasDrain: false };
    await BellServer.during(example, async (server) => {
        const enter = (path) => openWebSocket(server, { line: `GET ${path} HTTP/1.1` });
        const [ann, ben, cem] = [await enter("/tea"), await enter("/tea"), await enter("/coffee")];
        ann.write(frame(TEXT, "green or black?"));
        await expectFrame(ben, TEXT, "green or black?");
        cem.write(frame(TEXT, "anybody here?"));
        // Neither the sender nor the other room has heard it.
        for (const one of [ann, ben, cem]) await answersPing(one);
        await closeInOrder(ann);
        ben.write(frame(TEXT, "and now?"));
        await answersPing(ben);
        for (const one of [ben, cem]) await closeInOrder(one);
        const long = await enter(`/${"x".repeat(255)}`);
        await expectFrame(long, CLOSE, closePayload(1008, "no such room"));
        long.destroy();
    });
});

test("site_serves_files_and_tells_how_many_are_there", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bell-site-"));
    try {
        await writeFile(join(folder, "index.html"), "<!doctype html>\n");
        const example = { program: "examples/site", address: ["127.0.0.1:0", folder] };
        await BellServer.during(example, async (server) => {
            const page = await get(server, "/");
            assert.equal(page.status, 200);
            assert.equal(page.body.toString(), "<!doctype html>\n");
            assert.equal((await get(server, "/missing")).status, 404);

            const origin = `http://127.0.0.1:${server.port}`;
            const enter = () => openWebSocket(server, {
                line: "GET /live HTTP/1.1", fields: { Host: `127.0.0.1:${server.port}`, Origin: origin },
            });
            const first = await enter();
            await expectFrame(first, TEXT, "1");
            const second = await enter();
            await expectFrame(first, TEXT, "2");
            await expectFrame(second, TEXT, "2");
            assert.equal((await get(server, "/visitors")).body.toString(), "2\n");
            await closeInOrder(second);
            await expectFrame(first, TEXT, "1");
            assert.equal((await get(server, "/visitors")).body.toString(), "1\n");
            await closeInOrder(first);

            const stranger = await Wire.connect(server.port);
            stranger.write(upgradeRequest({ Origin: "https://elsewhere.example" }, "GET /live HTTP/1.1"));
            assert.equal((await stranger.response()).status, 403);
            stranger.destroy();
        });
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
});

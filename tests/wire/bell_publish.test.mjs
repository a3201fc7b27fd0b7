// Publishing over HTTP to subscribers that do not keep up, plain and over TLS: of each key they get
// the latest, in order, and the connection stays. Node.js's own TLS and HTTP.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request as httpRequest } from "node:http";
import { Agent as TlsAgent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { expectAlive, expectFrame, openWebSocket, TEXT } from "../support/bell_frames.mjs";
import { BellServer } from "../support/bell_server.mjs";
import { destroyAll } from "../support/bell_wire.mjs";
import { makeCertificate } from "../support/certificates.mjs";

const TOKEN = "0123456789abcdef0123456789abcdef";
const KEYS = ["a", "b", "c"];
/** More than the sockets on both sides hold. */
const ROUNDS = 150;
const VALUE_BYTES = 60000;

let folder;
let certificate;

before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bell-publish-"));
    certificate = await makeCertificate(folder, "main");
});

after(() => rm(folder, { recursive: true, force: true }));
afterEach(destroyAll);

/** A function that posts to the server's route and returns { status, body }. */
function poster(server, tls) {
    const agent = tls ? new TlsAgent({ keepAlive: true, ca: tls.ca }) : new Agent({ keepAlive: true });
    return {
        async post(query, body, token = TOKEN) {
            const ask = (tls ? httpsRequest : httpRequest)({
                agent, port: server.port, host: tls ? "localhost" : "127.0.0.1", method: "POST",
                path: `/publish?${query}`, headers: { authorization: `Bearer ${token}` },
            });
            ask.end(body);
            const [answer] = await once(ask, "response");
            let text = "";
            for await (const part of answer.setEncoding("utf8")) text += part;
            return { status: answer.statusCode, body: JSON.parse(text) };
        },
        end: () => agent.destroy(),
    };
}

function during(tls, use) {
    const shown = tls ? ["--tls-cert", certificate.certFile, "--tls-key", certificate.keyFile] : [];
    return BellServer.during({ args: ["--publish", TOKEN, ...shown] }, async (server) => {
        const options = tls ? { tls: { ca: certificate.cert } } : {};
        const { post, end } = poster(server, options.tls);
        try {
            await use(server, post, options);
        } finally {
            end();
        }
    });
}

for (const tls of [false, true]) {
    const how = tls ? "over TLS" : "plain";

    test(`${how}: who does not keep up gets the latest of each key`, async () => {
        await during(tls, async (server, post, options) => {
            const slow = await openWebSocket(server, options);
            slow.pause();
            for (let i = 0; i < ROUNDS; i++) {
                for (const key of KEYS) {
                    const value = `${key} ${i} `.padEnd(VALUE_BYTES, key);
                    const answer = await post(`topic=news&key=${key}`, value);
                    assert.deepEqual(answer, { status: 200, body: { receivers: 1 } });
                }
            }
            slow.resume();
            const last = Object.fromEntries(KEYS.map((key) => [key, -1]));
            let frames = 0;
            while (KEYS.some((key) => last[key] !== ROUNDS - 1)) {
                const { opcode, payload } = await slow.frame();
                const [key, number] = payload.toString("latin1", 0, 20).split(" ");
                assert.equal(opcode, TEXT);
                assert.equal(payload.toString("latin1"), `${key} ${number} `.padEnd(VALUE_BYTES, key));
                assert.ok(Number(number) > last[key], `${key} ${number} after ${last[key]}`);
                last[key] = Number(number);
                frames++;
            }
            assert.ok(frames < ROUNDS * KEYS.length, "none was replaced");
            await expectAlive(slow);
        });
    });

    test(`${how}: a retained value is there for who comes later`, async () => {
        await during(tls, async (server, post, options) => {
            assert.equal((await post("topic=news", "x", "wrong")).status, 401);
            assert.equal((await post("topic=news&retain=1", "old")).status, 200);
            assert.equal((await post("topic=news&retain=1", "new")).status, 200);
            const ws = await openWebSocket(server, options);
            await expectFrame(ws, TEXT, "new");
            assert.equal((await post("topic=news", "more")).status, 200);
            await expectFrame(ws, TEXT, "more");
            await expectAlive(ws);
        });
    });
}

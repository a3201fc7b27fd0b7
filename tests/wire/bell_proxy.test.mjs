// The PROXY protocol on the wire: asked of listed proxies, refused from others.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { BellServer } from "../support/bell_server.mjs";
import { destroyAll, request, Wire } from "../support/bell_wire.mjs";

afterEach(destroyAll);

const V1 = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
const V2 = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb";
const LOCAL = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const HELLO = request("GET / HTTP/1.1", {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAECAwQFBgcICQoLDA0ODw==",
});
const FRAME = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);

const args = ["--trusted-proxy", "127.0.0.1", "--proxy-protocol"];

test("a header in front of everything, however it is cut", async () => {
    await BellServer.during({ args }, async (server) => {
        for (const header of [V1, V2, LOCAL, "PROXY UNKNOWN\r\n"]) {
            const all = Buffer.concat([Buffer.from(header + HELLO, "latin1"), FRAME]);
            for (const size of [all.length, header.length, 7, 1]) {
                const wire = await Wire.connect(server.port);
                await wire.chop(all, size);
                assert.equal((await wire.response()).status, 101);
                assert.equal((await wire.frame()).payload.toString(), "hi");
                wire.destroy();
            }
        }
    });
});

test("without a header a listed proxy gets 400 and the end", async () => {
    await BellServer.during({ args }, async (server) => {
        for (const bytes of [HELLO, `PROXY TCP4 192.0.2.1\r\n${HELLO}`, `${V1.slice(0, -2)}\n${HELLO}`, V1.padStart(60, " ")]) {
            const wire = await Wire.connect(server.port);
            await wire.write(bytes);
            const answer = await wire.response();
            assert.equal(answer.status, 400);
            assert.equal(answer.fields.connection, "close");
            await wire.over();
        }
        const broken = await Wire.connect(server.port);
        await broken.write("PROXY TCP4 192.");
        broken.destroy({ reset: true });
    });
});

test("from others a header is a broken request", async () => {
    for (const others of [["--trusted-proxy", "192.0.2.0/24", "--proxy-protocol"], ["--trusted-proxy", "127.0.0.1"], []]) {
        await BellServer.during({ args: others }, async (server) => {
            for (const header of [V1, V2, LOCAL]) {
                const wire = await Wire.connect(server.port);
                await wire.write(header + HELLO);
                assert.equal((await wire.response()).status, 400);
                await wire.over();
            }
            const plain = await Wire.connect(server.port);
            await plain.write(HELLO);
            assert.equal((await plain.response()).status, 101);
        });
    }
});

test("a header that never ends has the time of a request's head", async () => {
    await BellServer.during({ args: [...args, "--handshake-timeout", "1"] }, async (server) => {
        const wire = await Wire.connect(server.port);
        await wire.write("PROXY TCP4 ");
        assert.equal((await wire.rest(5000)).length, 0);
    });
});

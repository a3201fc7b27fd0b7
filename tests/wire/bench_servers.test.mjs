// The bare servers that libbell is measured against (bench/ws/raw_*.c): what well-formed clients
// ask of them is answered rightly, however it is cut.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
    ACCEPT, CLOSE, closeFrame, closePayload, expectClose, expectFrame, frame, openWebSocket, PING, PONG, TEXT,
    upgradeRequest,
} from "../support/bell_frames.mjs";
import { Wire } from "../support/bell_wire.mjs";
import { startBare } from "../support/bench.mjs";

/** 0123456789… as long as needed. */
const digits = (size) => "0123456789".repeat(Math.ceil(size / 10)).slice(0, size);

for (const program of ["bench/ws/raw-epoll", "bench/ws/raw-uring"]) {
    const uses = (name, args, run) => describe(`${program} ${name}`, () => {
        let server;
        before(async () => {
            server = await startBare(program, args);
        });
        after(() => server?.stop({ hasDrain: false }));
        run((title, body) => test(title, async (t) => {
            if (!server) return t.skip("no io_uring here");
            return body(server);
        }));
    });

    uses("echo", [], (promise) => {
        for (const size of [0, 1, 20, 125, 126, 65535, 65536, 1000000]) {
            promise(`echoes_${size}_bytes`, async (server) => {
                const ws = await openWebSocket(server);
                ws.write(frame(TEXT, digits(size)));
                await expectFrame(ws, TEXT, digits(size));
                ws.destroy();
            });
        }

        promise("echoes_many_frames_of_one_read_in_order", async (server) => {
            const ws = await openWebSocket(server);
            const texts = Array.from({ length: 100 }, (_, i) => digits(i * 3));
            ws.write(Buffer.concat(texts.map((text) => frame(TEXT, text))));
            for (const text of texts) await expectFrame(ws, TEXT, text);
            ws.destroy();
        });

        promise("echoes_however_the_stream_is_cut", async (server) => {
            const ws = await openWebSocket(server);
            const texts = [digits(5), "", digits(125), digits(300), digits(7)];
            const bytes = Buffer.concat(texts.map((text) => frame(TEXT, text)));
            for (const size of [1, 2, 3, 7, 64, 131]) {
                await ws.chop(bytes, size);
                for (const text of texts) await expectFrame(ws, TEXT, text);
            }
            ws.destroy();
        });

        promise("upgrades_however_the_request_is_cut", async (server) => {
            const ws = await Wire.connect(server.port);
            await ws.chop(upgradeRequest(), 9);
            const answer = await ws.response();
            assert.equal(answer.status, 101);
            assert.equal(answer.fields["sec-websocket-accept"], ACCEPT);
            ws.destroy();
        });

        promise("answers_ping_and_close", async (server) => {
            const ws = await openWebSocket(server);
            ws.write(Buffer.concat([frame(PING, "?"), frame(TEXT, "!"), closeFrame(1000)]));
            await expectFrame(ws, PONG, "?");
            await expectFrame(ws, TEXT, "!");
            await expectClose(ws, 1000);
        });

        promise("loses_nothing_while_a_client_does_not_read", async (server) => {
            const slow = await openWebSocket(server);
            slow.pause();
            const text = digits(100000);
            for (let i = 0; i < 20; i++) slow.write(frame(TEXT, text));
            const other = await openWebSocket(server);
            other.write(frame(TEXT, "meanwhile"));
            await expectFrame(other, TEXT, "meanwhile");
            slow.resume();
            for (let i = 0; i < 20; i++) await expectFrame(slow, TEXT, text);
            slow.destroy();
            other.destroy();
        });

        promise("serves_again_and_again", async (server) => {
            for (let i = 0; i < 50; i++) {
                const ws = await openWebSocket(server);
                ws.write(frame(TEXT, String(i)));
                await expectFrame(ws, TEXT, String(i));
                if (i % 2 === 0) {
                    ws.write(closeFrame(1000));
                    await expectFrame(ws, CLOSE, closePayload(1000));
                }
                ws.destroy();
            }
        });
    });

    uses("relay", ["--relay"], (promise) => {
        promise("sends_to_all_but_the_sender", async (server) => {
            const all = [];
            for (let i = 0; i < 5; i++) all.push(await openWebSocket(server));
            const [sender, ...others] = all;
            sender.write(Buffer.concat([frame(TEXT, "one"), frame(TEXT, "two")]));
            for (const other of others) {
                await expectFrame(other, TEXT, "one");
                await expectFrame(other, TEXT, "two");
            }
            others[0].write(frame(TEXT, "three"));
            await expectFrame(sender, TEXT, "three");
            for (const ws of all) ws.destroy();
        });

        promise("never_mixes_the_frames_of_two_senders", async (server) => {
            const [one, other, receiver] = [await openWebSocket(server), await openWebSocket(server),
                await openWebSocket(server)];
            const bytes = frame(TEXT, digits(5000));
            one.write(bytes.subarray(0, 3000));
            other.write(frame(TEXT, "between"));
            await expectFrame(receiver, TEXT, "between");
            one.write(bytes.subarray(3000));
            await expectFrame(receiver, TEXT, digits(5000));
            for (const ws of [one, other, receiver]) ws.destroy();
        });
    });

    uses("tcp", ["--tcp"], (promise) => {
        promise("echoes_bytes", async (server) => {
            const wire = await Wire.connect(server.port);
            wire.write("no frame at all");
            assert.equal((await wire.bytes(15)).toString(), "no frame at all");
            wire.destroy();
        });
    });
}

// TLS on the wire, by Node.js's own: RFC 8446, RFC 5246, RFC 6066 section 3 (server names), RFC 7301
// (protocols), RFC 5077 (tickets).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { after, afterEach, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

import {
    BINARY, CLOSE, closeFrame, closePayload, expectAlive, expectClose, expectFrame, frame, openWebSocket, PING, PONG, TEXT, upgradeRequest,
} from "../support/bell_frames.mjs";
import { BellServer, BUILD, eventually } from "../support/bell_server.mjs";
import { destroyAll, request, Wire } from "../support/bell_wire.mjs";
import { encryptKey, makeCertificate } from "../support/certificates.mjs";

const VERSIONS = ["TLSv1.2", "TLSv1.3"];

let folder;
let main;
let other;

before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bell-tls-"));
    main = await makeCertificate(folder, "main");
    other = await makeCertificate(folder, "other", ["shop.example", "*.shop.example"]);
});

after(() => rm(folder, { recursive: true, force: true }));
afterEach(destroyAll);

const shown = (...certificates) => certificates.flatMap(({ certFile, keyFile }) => ["--tls-cert", certFile, "--tls-key", keyFile]);

function during(options, use) {
    return BellServer.during({ ...options, args: [...shown(main), ...(options.args ?? [])] }, use);
}

const MAX_MESSAGE = 1024 * 1024;
const RSV1 = 4;

/** A message of so many zeros behind its number, compressed to a thousandth (RFC 7692 section 7.2.1). */
function bomb(number, size = MAX_MESSAGE) {
    const message = Buffer.alloc(size);
    message[0] = number;
    return frame(BINARY, deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4), { rsv: RSV1 });
}

/** The echo of a bomb. */
async function expectBomb(ws, number) {
    const got = await ws.frame();
    assert.deepEqual({ fin: got.fin, rsv: got.rsv, opcode: got.opcode }, { fin: true, rsv: RSV1, opcode: BINARY });
    const tail = Buffer.from([0, 0, 0xff, 0xff]);
    const message = inflateRawSync(Buffer.concat([got.payload, tail]), { finishFlush: constants.Z_SYNC_FLUSH });
    assert.deepEqual([message[0], message.length], [number, MAX_MESSAGE]);
}

const only = (version) => ({ ca: main.cert, minVersion: version, maxVersion: version });

/** A session is resumed under the name under which it was made, and under no other. */
async function expectTicketsByName(server, tls) {
    const open = (servername, session) => openWebSocket(server, {
        tls: { ...tls, rejectUnauthorized: false, servername, ...(session && { session }) },
    });
    const names = ["localhost", "shop.example", "www.shop.example", "unknown.example", ""]; // "": without
    for (const name of names) {
        const session = await (await open(name)).ticket();
        for (const later of names) {
            const again = await open(later, session);
            assert.equal(again.socket.isSessionReused(), later === name, `made for "${name}", used for "${later}"`);
            await expectAlive(again);
        }
        const shouted = await open(name.toUpperCase(), session);
        assert.equal(shouted.socket.isSessionReused(), true, `${name} in capitals`);
    }
}

/** Writes its bytes one by one, each in a packet of its own as far as the kernel goes along. */
class ByteByByte extends Duplex {
    #socket;

    constructor(port) {
        super();
        this.#socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
        this.#socket.on("data", (bytes) => this.push(bytes));
        this.#socket.on("end", () => this.push(null));
        this.#socket.on("error", (error) => this.destroy(error));
    }

    _read() {}

    setNoDelay() {}

    _write(bytes, _encoding, done) {
        const next = (at) => (at === bytes.length ? done() : this.#socket.write(bytes.subarray(at, at + 1), () => next(at + 1)));
        next(0);
    }

    _final(done) {
        this.#socket.end(done);
    }

    _destroy(error, done) {
        this.#socket.destroy();
        done(error);
    }
}

for (const version of VERSIONS) {
    test(`${version}: echoes of all sizes, and many at once`, async () => {
        await during({}, async (server) => {
            const ws = await openWebSocket(server, { tls: { ...only(version), ALPNProtocols: ["h2", "http/1.1"] } });
            assert.equal(ws.socket.getProtocol(), version);
            assert.equal(ws.socket.alpnProtocol, "http/1.1");
            for (const size of [0, 1, 125, 1000, 16383, 16384, 16385, 65536, 1000000, 5000000]) {
                const payload = Buffer.alloc(size, size % 251);
                ws.write(frame(BINARY, payload));
                await expectFrame(ws, BINARY, payload);
            }
            const count = 3000;
            ws.write(Buffer.concat(Array.from({ length: count }, (_, i) => frame(TEXT, `message ${i}`))));
            for (let i = 0; i < count; i++) await expectFrame(ws, TEXT, `message ${i}`);
            await expectAlive(ws);
        });
    });

    test(`${version}: nothing depends on how the bytes are cut`, async () => {
        await during({}, async (server) => {
            const ws = await openWebSocket(server, { tls: { ...only(version), socket: new ByteByByte(server.port) } });
            ws.write(frame(TEXT, "one by one"));
            await expectFrame(ws, TEXT, "one by one");
            ws.write(closeFrame(1000));
            await expectClose(ws, 1000);
        });
    });

    // A turn inflates so much and no more: what TLS has opened by then stands in line.
    test(`${version}: bombs of permessage-deflate come back in order, and one too large is closed with 1009`, async () => {
        await during({ args: ["--deflate", "--max-message", String(MAX_MESSAGE), "--threads", "1"] }, async (server) => {
            const open = () => openWebSocket(server, {
                tls: only(version), fields: { "Sec-WebSocket-Extensions": "permessage-deflate" },
            });
            const [first, second, other] = [await open(), await open(), await open()];
            const count = 40;
            const bombs = Array.from({ length: count }, (_, i) => bomb(i));
            first.write(Buffer.concat([...bombs, frame(TEXT, "last")]));
            second.write(Buffer.concat([...bombs, bomb(count, MAX_MESSAGE + 1), bomb(count), frame(TEXT, "too late")]));
            await expectAlive(other);
            for (let i = 0; i < count; i++) {
                await expectBomb(first, i);
                await expectBomb(second, i);
            }
            await expectFrame(first, TEXT, "last");
            await expectClose(second, 1009);
            await expectAlive(first);
        });
    });

    test(`${version}: a ticket is good on every loop, and after a reload`, async () => {
        await during({ args: ["--threads", "2"] }, async (server) => {
            const first = await openWebSocket(server, { tls: only(version) });
            assert.equal(first.socket.isSessionReused(), false);
            let session = await first.ticket();
            for (let i = 0; i < 6; i++) {
                const again = await openWebSocket(server, { tls: { ...only(version), session } });
                assert.equal(again.socket.isSessionReused(), true, `connection ${i}`);
                await expectAlive(again);
            }
            server.signal("SIGHUP");
            await eventually("the reload", () => server.err.includes("certificates reloaded"));
            const late = await openWebSocket(server, { tls: { ...only(version), session } });
            assert.equal(late.socket.isSessionReused(), true, "after the reload");
            // Node.js does not tell of a ticket that replaces another one before TLS 1.3.
            session = version === "TLSv1.2" ? late.socket.getSession() : await late.ticket();
            const last = await openWebSocket(server, { tls: { ...only(version), session } });
            assert.equal(last.socket.isSessionReused(), true, "with the ticket of the new key");
            await expectAlive(first);
        });
    });

    test(`${version}: a ticket is good for the name only under which it was made (RFC 6066 section 3)`, async () => {
        await BellServer.during({ args: shown(main, other) }, async (server) => {
            await expectTicketsByName(server, only(version));
        });
    });

    test(`${version}: a client that does not read is not read, and loses nothing`, async () => {
        await during({ args: ["--max-message", "100000"] }, async (server) => {
            const ws = await openWebSocket(server, { tls: only(version) });
            const payload = Buffer.alloc(50000, 7);
            const count = 400;
            ws.pause();
            let taken = 0;
            const all = (async () => {
                for (let i = 0; i < count; i++) {
                    await ws.write(frame(BINARY, payload));
                    taken++;
                }
            })();
            // The queue's mark is half a megabyte; behind it are only the buffers of the kernel and of Node.js.
            await eventually("the server has begun", () => taken > 20);
            const other = await openWebSocket(server, { tls: only(version) });
            await expectAlive(other);
            if (!server.isSanitized) assert.ok(server.rssBytes < 64 * 1024 * 1024, `${server.rssBytes} bytes`);
            ws.resume();
            for (let i = 0; i < count; i++) await expectFrame(ws, BINARY, payload);
            await all;
            await expectAlive(ws);
        });
    });

    test(`${version}: answers come after the client has ended its half`, async () => {
        await during({}, async (server) => {
            const wire = await Wire.connect(server.port, { tls: only(version) });
            await wire.write(request("GET /nothing HTTP/1.1") + request("GET /else HTTP/1.1", { Connection: "close" }));
            wire.end();
            assert.equal((await wire.response()).status, 426);
            assert.equal((await wire.response()).status, 426);
            assert.equal((await wire.rest()).length, 0);
            assert.equal(wire.broke, undefined);
        });
    });
}

test("who takes nothing of what is published is dropped with 1013, and the others lose nothing", async () => {
    await during({ args: ["--relay", "--max-message", "65536"] }, async (server) => {
        for (const version of VERSIONS) {
            const [stalled, reader, sender] = await Promise.all([0, 1, 2].map(() => openWebSocket(server, { tls: only(version) })));
            const count = 500; // 32 MB: the queue takes 4 MiB, the rest is room for what kernels hold
            const payload = (i) => Buffer.alloc(64000, i % 251);
            stalled.pause();
            for (let i = 0; i < count; i++) {
                sender.write(frame(BINARY, payload(i)));
                await expectFrame(reader, BINARY, payload(i)); // in step: only one of them is slow
            }
            stalled.resume();
            let got = 0;
            for (;; got++) {
                const next = await stalled.frame();
                if (next.opcode === CLOSE) {
                    assert.equal(next.payload.readUInt16BE(), 1013);
                    break;
                }
                assert.equal(Buffer.compare(next.payload, payload(got)), 0, `message ${got} is whole`);
            }
            assert.ok(got < count, "not all came");
            assert.equal((await stalled.rest()).length, 0);
            reader.write(frame(PING, "there?"));
            await expectFrame(reader, PONG, "there?");
        }
    });
});

test("a server that ends says so to all", async () => {
    await during({}, async (server) => {
        const sessions = [];
        for (const version of VERSIONS) sessions.push(await openWebSocket(server, { tls: only(version) }));
        const idle = await Wire.connect(server.port, { tls: { ca: main.cert } });
        server.signal("SIGTERM");
        for (const ws of sessions) {
            await expectFrame(ws, CLOSE, closePayload(1001));
            ws.write(closeFrame(1001));
            assert.equal((await ws.rest()).length, 0);
            ws.end();
        }
        assert.equal((await idle.rest()).length, 0);
        idle.end();
    });
});

test("a client that asks to negotiate anew is refused (RFC 5746 section 4.5)", async () => {
    await during({}, async (server) => {
        const wire = await openWebSocket(server, { tls: only("TLSv1.2") });
        const outcome = await new Promise((resolve) => {
            wire.socket.once("error", resolve);
            wire.socket.once("close", () => resolve(new Error("closed")));
            wire.socket.renegotiate({}, (error) => resolve(error ?? new Error("it was done")));
        });
        assert.match(String(outcome.message), /renegotiation|closed/i);
        await expectAlive(await openWebSocket(server, { tls: only("TLSv1.2") }));
    });
});

test("the certificate is the one for the name asked for", async () => {
    await BellServer.during({ args: shown(main, other) }, async (server) => {
        const cases = [
            ["localhost", main], ["shop.example", other], ["SHOP.example", other], ["www.shop.example", other],
            ["a.b.shop.example", main], ["elsewhere.example", main], [undefined, main],
        ];
        for (const [servername, expected] of cases) {
            for (const version of VERSIONS) {
                const tls = { servername: servername ?? "", rejectUnauthorized: false, minVersion: version, maxVersion: version };
                const wire = await Wire.connect(server.port, { tls });
                const name = wire.socket.getPeerCertificate().subject.CN;
                assert.equal(name, expected === main ? "localhost" : "shop.example", `${servername} by ${version}`);
                wire.destroy();
            }
        }
    });
});

test("a client that offers only other protocols is refused (RFC 7301 section 3.2)", async () => {
    await during({}, async (server) => {
        await assert.rejects(Wire.connect(server.port, { tls: { ca: main.cert, ALPNProtocols: ["h2"] } }),
            /no application protocol/i);
        const without = await openWebSocket(server, { tls: { ca: main.cert } });
        assert.equal(without.socket.alpnProtocol, false);
        await expectAlive(without);
    });
});

test("the oldest version may be raised", async () => {
    await during({ args: ["--tls-min", "1.3"] }, async (server) => {
        await assert.rejects(Wire.connect(server.port, { tls: only("TLSv1.2") }), /version/i);
        await expectAlive(await openWebSocket(server, { tls: only("TLSv1.3") }));
    });
});

test("a reload changes what new clients see, and a bad one changes nothing", async () => {
    const now = join(folder, "now.cert.pem");
    const nowKey = join(folder, "now.key.pem");
    await copyFile(main.certFile, now);
    await copyFile(main.keyFile, nowKey);
    await BellServer.during({ args: ["--tls-cert", now, "--tls-key", nowKey] }, async (server) => {
        const seen = async () => {
            const wire = await Wire.connect(server.port, { tls: { rejectUnauthorized: false } });
            const name = wire.socket.getPeerCertificate().subject.CN;
            wire.destroy();
            return name;
        };
        const early = await openWebSocket(server, { tls: { ca: main.cert } });
        assert.equal(await seen(), "localhost");

        await copyFile(other.certFile, now); // its key is still the other one's
        server.signal("SIGHUP");
        await eventually("the refusal", () => server.err.includes("not reloaded"));
        assert.match(server.err, /certificates not reloaded, the old ones stay why="key .*now\.key\.pem: is not the key/);
        assert.equal(await seen(), "localhost");

        await copyFile(other.keyFile, nowKey);
        server.signal("SIGHUP");
        await eventually("the reload", () => server.err.includes("certificates reloaded"));
        assert.equal(await seen(), "shop.example");

        await writeFile(now, "not a certificate\n");
        server.signal("SIGHUP");
        await eventually("the second refusal", () => /why="certificate .*now\.cert\.pem: is not a certificate/.test(server.err));
        assert.equal(await seen(), "shop.example");
        await expectAlive(early);
    });
});

test("plain HTTP at a TLS port comes to a clean end", async () => {
    await during({}, async (server) => {
        const before = server.descriptors;
        for (const text of [request("GET / HTTP/1.1"), upgradeRequest(), "\0\0\0\0\0\0\0\0", "A".repeat(100000)]) {
            const wire = await Wire.connect(server.port);
            await wire.write(text);
            const rest = await wire.rest();
            assert.ok(rest.length === 0 || rest[0] === 21, `an alert or nothing, not ${rest.toString("latin1")}`);
            wire.end();
        }
        await server.returnsTo(before);
    });
});

/** The first bytes that a client of Node.js says. */
async function clientHello() {
    const said = [];
    const listener = new Duplex({
        read() {},
        write(bytes, _encoding, done) {
            said.push(bytes);
            done();
        },
    });
    const socket = connectTls({ socket: listener, servername: "localhost" });
    socket.on("error", () => {});
    await eventually("a ClientHello", () => said.length > 0);
    socket.destroy();
    return Buffer.concat(said);
}

test("handshakes that break off leave nothing behind", async () => {
    const hello = await clientHello();
    await during({}, async (server) => {
        const before = server.descriptors;
        for (const size of [0, 1, 5, 6, hello.length - 1, hello.length]) {
            const half = await Wire.connect(server.port);
            await half.write(hello.subarray(0, size));
            half.end();
            await half.over();
            half.destroy();
            const reset = await Wire.connect(server.port);
            await reset.write(hello.subarray(0, size));
            reset.destroy({ reset: true });
        }
        // Twice the same: not what follows a ClientHello.
        const twice = await Wire.connect(server.port);
        await twice.write(Buffer.concat([hello, hello]));
        await twice.rest();
        twice.end();
        await server.returnsTo(before);
    });
});

test("who does not get on with the handshake is dropped in time", async () => {
    const hello = await clientHello();
    await during({ args: ["--handshake-timeout", "1"] }, async (server) => {
        const begun = performance.now();
        const silent = await Wire.connect(server.port);
        const slow = await Wire.connect(server.port);
        const half = await Wire.connect(server.port);
        let at = 0;
        const drip = setInterval(() => slow.write(hello.subarray(at, ++at)), 50);
        await half.write(hello);
        try {
            await Promise.all([silent, slow, half].map((wire) => wire.rest()));
        } finally {
            clearInterval(drip);
        }
        assert.ok(performance.now() - begun >= 900, "not before the time");
        for (const wire of [silent, slow, half]) wire.destroy();
    });
});

test("an end without close_notify ends the session, not the server", async () => {
    await during({}, async (server) => {
        const before = server.descriptors;
        const raw = createConnection({ host: "127.0.0.1", port: server.port, noDelay: true });
        const ws = await openWebSocket(server, { tls: { ca: main.cert, socket: raw } });
        ws.write(frame(TEXT, "first"));
        await expectFrame(ws, TEXT, "first");
        raw.end();
        await ws.over();
        ws.destroy();
        raw.destroy();
        await server.returnsTo(before);
    });
});

test("many at once: a flood of handshakes, and those who are connected", async () => {
    await during({ args: ["--threads", "1"] }, async (server) => {
        const early = await openWebSocket(server, { tls: { ca: main.cert } });
        const hello = await clientHello();
        const flood = await Promise.all(Array.from({ length: 150 }, async () => {
            const wire = await Wire.connect(server.port);
            wire.write(hello);
            return wire;
        }));
        const late = Promise.all(Array.from({ length: 20 }, () => openWebSocket(server, { tls: { ca: main.cert } })));
        for (let i = 0; i < 50; i++) {
            early.write(frame(TEXT, `in between ${i}`));
            await expectFrame(early, TEXT, `in between ${i}`);
        }
        for (const wire of flood) {
            const first = await wire.bytes(1);
            assert.equal(first[0], 22, "a handshake record");
            wire.destroy();
        }
        for (const ws of await late) await expectAlive(ws);
    });
});

test("what is published reaches TLS and plain alike", async () => {
    const path = join(folder, "plain.sock");
    await during({ args: ["--relay", "--listen-plain", `unix:${path}`, "--threads", "2"] }, async (server) => {
        const sessions = [];
        for (let i = 0; i < 3; i++) {
            for (const version of VERSIONS) sessions.push(await openWebSocket(server, { tls: only(version) }));
            sessions.push(await openWebSocket(server, { path }));
        }
        for (const [number, sender] of sessions.entries()) {
            const payload = Buffer.alloc(number * 9000, number);
            sender.write(frame(BINARY, payload));
            await Promise.all(sessions.map((each) => (each === sender ? undefined : expectFrame(each, BINARY, payload))));
        }
        await Promise.all(sessions.map(async (each) => {
            each.write(closeFrame(1000));
            await expectClose(each, 1000);
        }));
    });
});

// RFC 8446 section 4.1.4: name and ticket come a second time when the server wants another group.
test("TLSv1.3: the same after a HelloRetryRequest", async () => {
    const config = join(folder, "openssl.cnf");
    const own = process.env.OPENSSL_CONF;
    await writeFile(config, "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = few\n[few]\nGroups = X25519\n");
    process.env.OPENSSL_CONF = config; // for the server: Node.js has read its own
    try {
        await BellServer.during({ args: shown(main, other) }, async (server) => {
            const tls = { ...only("TLSv1.3"), ecdhCurve: "P-256:X25519" };
            const ws = await openWebSocket(server, { tls });
            assert.equal(ws.socket.getEphemeralKeyInfo().name, "X25519"); // P-256 was offered with a key
            await expectTicketsByName(server, tls);
        });
    } finally {
        if (own === undefined) delete process.env.OPENSSL_CONF;
        else process.env.OPENSSL_CONF = own;
    }
});

test("behind a proxy the PROXY header comes first, then TLS", async () => {
    await during({ args: ["--trusted-proxy", "127.0.0.1", "--proxy-protocol"] }, async (server) => {
        for (const together of [false, true]) {
            const raw = createConnection({ host: "127.0.0.1", port: server.port, noDelay: true });
            if (together) raw.cork();
            raw.write("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n");
            if (together) setImmediate(() => setImmediate(() => raw.uncork()));
            const ws = await openWebSocket(server, { tls: { ca: main.cert, socket: raw } });
            await expectAlive(ws);
        }
    });
});

test("what is wrong with a file is said in one line, and the status is 2", async () => {
    const encrypted = join(folder, "encrypted.key.pem");
    await encryptKey(main.keyFile, encrypted);
    const cases = [
        [["--tls-cert", join(folder, "none.pem"), "--tls-key", main.keyFile], /certificate .*none\.pem: No such file/],
        [["--tls-cert", main.certFile, "--tls-key", join(folder, "none.pem")], /key .*none\.pem: No such file/],
        [["--tls-cert", main.certFile, "--tls-key", other.keyFile], /key .*other\.key\.pem: is not the key of the certificate .*main\.cert\.pem/],
        [["--tls-cert", main.keyFile, "--tls-key", main.keyFile], /certificate .*main\.key\.pem: is not a certificate in PEM form/],
        [["--tls-cert", main.certFile, "--tls-key", main.certFile], /key .*main\.cert\.pem: is not a private key in PEM form/],
        [["--tls-cert", main.certFile, "--tls-key", encrypted], /key .*: is encrypted/],
        [["--tls-cert", folder, "--tls-key", main.keyFile], /certificate .*: is not a file/],
        [["--tls-cert", main.certFile], /as many --tls-key are needed as --tls-cert/],
    ];
    for (const [args, pattern] of cases) {
        const { status, stderr: err } = spawnSync(join(BUILD, "bench/echo-server"), ["--listen", "127.0.0.1:0", ...args],
            { encoding: "utf8" });
        assert.equal(status, 2, err);
        assert.match(err, pattern);
        assert.equal(err.trim().split("\n").length, 1, err);
    }
});

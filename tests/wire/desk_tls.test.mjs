// The desk with TLS of its own: pages, log-in, chat and consoles by https and wss, and certificates
// that change while it runs.
import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { KEY } from "../support/bell_frames.mjs";
import { eventually } from "../support/bell_server.mjs";
import { destroyAll, request, Wire } from "../support/bell_wire.mjs";
import { encryptKey, makeCertificate } from "../support/certificates.mjs";
import { addAgent, PASSWORD } from "../support/desk.mjs";
import { run, Server } from "../support/server.mjs";

let folder;
let main;
let other;
let server;

before(async () => {
    folder = await mkdtemp(join(tmpdir(), "deskbell-tls-"));
    main = await makeCertificate(folder, "main");
    other = await makeCertificate(folder, "other", ["desk.example"]);
    await copyFile(main.certFile, join(folder, "cert.pem"));
    await copyFile(main.keyFile, join(folder, "key.pem"));
    server = await Server.start({ options: {
        "tls-cert": `${join(folder, "cert.pem")},${other.certFile}`,
        "tls-key": `${join(folder, "key.pem")},${other.keyFile}`,
    } });
    await addAgent(server, { email: "a@desk.example" });
});

after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
});

afterEach(destroyAll);

/** One request: { status, headers, body, name }; name: whom the certificate is for. */
function https(method, path, { body, headers = {}, servername = "localhost" } = {}) {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const fields = payload === undefined ? headers
        : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(payload), ...headers };
    return new Promise((resolve, reject) => {
        const asked = httpsRequest({ host: "127.0.0.1", port: server.port, method, path, headers: fields, servername,
            ca: [main.cert, other.cert], agent: false }, (answer) => {
            const pieces = [];
            const name = answer.socket.getPeerCertificate().subject?.CN;
            answer.on("data", (piece) => pieces.push(piece));
            answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers,
                body: Buffer.concat(pieces).toString(), name }));
        });
        asked.on("error", reject);
        asked.end(payload);
    });
}

test("printed addresses begin with https", () => {
    assert.match(server.out, new RegExp(`console: https://127\\.0\\.0\\.1:${server.port}/console/`));
    assert.match(server.out, /https:\/\/127\.0\.0\.1:\d+\/console\/#setup=/);
});

test("pages come by https, and the certificate is for the name asked for", async () => {
    const page = await https("GET", "/healthz");
    assert.equal(page.status, 200);
    assert.equal(page.name, "localhost");
    assert.equal((await https("GET", "/healthz", { servername: "desk.example" })).name, "desk.example");
    await assert.rejects(https("GET", "/healthz", { servername: "elsewhere.example" }), /altnames/i);
});

test("the session cookie is Secure, and pages of http are strangers", async () => {
    const logIn = (origin) => https("POST", "/api/login", { body: { email: "a@desk.example", password: PASSWORD }, headers: { Origin: origin } });
    const own = await logIn(`https://127.0.0.1:${server.port}`);
    assert.equal(own.status, 200);
    assert.match(own.headers["set-cookie"][0], /; Secure$/);
    assert.equal((await logIn(`http://127.0.0.1:${server.port}`)).status, 403);

    const cookie = /^deskbell_session=([^;]+)/.exec(own.headers["set-cookie"][0])[1];
    for (const [origin, status] of [[`https://127.0.0.1:${server.port}`, 101], [`http://127.0.0.1:${server.port}`, 403]]) {
        const wire = await Wire.connect(server.port, { tls: { ca: main.cert } });
        await wire.write(request("GET /ws/agent HTTP/1.1", {
            Host: `127.0.0.1:${server.port}`, Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Protocol": "deskbell.agent.1", Origin: origin, Cookie: `deskbell_session=${cookie}`,
        }));
        assert.equal((await wire.response()).status, status, origin);
    }
});

test("SIGHUP exchanges certificates and tells the outcome; connections stay", async () => {
    const visitor = await Wire.connect(server.port, { tls: { ca: main.cert } });
    await visitor.write(request("GET /ws/visitor HTTP/1.1", {
        Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Protocol": "deskbell.visitor.1", Origin: "https://shop.example",
    }));
    assert.equal((await visitor.response()).status, 101);

    await writeFile(join(folder, "cert.pem"), "nothing of the kind\n");
    server.signal("SIGHUP");
    await eventually("the refusal", () => /certificates not reloaded.*cert\.pem: is not a certificate/.test(server.err));
    assert.equal((await https("GET", "/healthz")).name, "localhost");

    const next = await makeCertificate(folder, "next", ["localhost", "next.example"]);
    await copyFile(next.certFile, join(folder, "cert.pem"));
    await copyFile(next.keyFile, join(folder, "key.pem"));
    server.signal("SIGHUP");
    await eventually("the reload", () => server.err.includes("certificates reloaded count=2"));
    const wire = await Wire.connect(server.port, { tls: { rejectUnauthorized: false } });
    assert.match(wire.socket.getPeerCertificate().subjectaltname, /next\.example/);

    await visitor.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0])); // a Ping
    const pong = await visitor.frame();
    assert.equal(pong.opcode, 10);
});

test("what is wrong with a file is said in one line, and the status is 2", async () => {
    const encrypted = join(folder, "encrypted.pem");
    await encryptKey(main.keyFile, encrypted);
    const cases = [
        [[`--tls-cert=${main.certFile}`], /each --tls-cert needs its --tls-key: there are 1 and 0/],
        [[`--tls-cert=${folder}/none.pem`, `--tls-key=${main.keyFile}`], /certificate .*none\.pem: No such file/],
        [[`--tls-cert=${main.certFile}`, `--tls-key=${other.keyFile}`], /is not the key of the certificate/],
        [[`--tls-cert=${main.certFile}`, `--tls-key=${encrypted}`], /is encrypted/],
        [[`--tls-cert=${main.certFile}`, `--tls-key=${main.certFile}`], /is not a private key in PEM form/],
        [[`--tls-cert=${main.certFile}`, `--tls-key=${main.keyFile}`, "--tls-min=1.1"], /tls-min.*must be 1\.2 or 1\.3/],
    ];
    for (const [args, pattern] of cases) {
        const ended = await run(["serve", "--listen=127.0.0.1:0", `--data=${join(folder, "data")}`, ...args]);
        assert.equal(ended.status, 2, ended.err);
        assert.match(ended.err, pattern);
        assert.equal(ended.err.trim().split("\n").length, 1, ended.err);
    }
});

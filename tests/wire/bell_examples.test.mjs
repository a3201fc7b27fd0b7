// The examples, driven as their users would. echo and chat are driven in bell_handshake.test.mjs.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { BINARY, CLOSE, closeInOrder, closePayload, expectFrame, frame, openWebSocket, PING, PONG, TEXT, upgradeRequest }
    from "../support/bell_frames.mjs";
import { BellServer, BUILD, eventually, withoutLog } from "../support/bell_server.mjs";
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

test("push_passes_on_what_is_posted_with_the_token", async () => {
    const example = { program: "examples/push", address: ["127.0.0.1:0", "secret-token"], hasDrain: false };
    await BellServer.during(example, async (server) => {
        const post = (query, body, headers = {}) => fetch(`http://127.0.0.1:${server.port}/publish?${query}`, {
            method: "POST", body, headers: { authorization: "Bearer secret-token", ...headers },
        });
        const enter = () => openWebSocket(server, { line: "GET /ws HTTP/1.1" });
        const ann = await enter();
        const answer = await post("topic=news", "it rains");
        assert.equal(answer.status, 200);
        assert.deepEqual(await answer.json(), { receivers: 1 });
        await expectFrame(ann, TEXT, "it rains");
        const octets = { "content-type": "application/octet-stream" };
        assert.equal((await post("topic=news", Buffer.from([0xff]), octets)).status, 200);
        await expectFrame(ann, BINARY, Buffer.from([0xff]));
        assert.equal((await post("topic=news", "the last", { authorization: "Bearer wrong" })).status, 401);
        assert.equal((await post("topic=news&retain=1", "the sun shines")).status, 200);
        await expectFrame(ann, TEXT, "the sun shines");
        const ben = await enter();
        await expectFrame(ben, TEXT, "the sun shines");
        assert.equal((await post("", "nowhere")).status, 400);
        assert.equal((await post("topic=news", Buffer.from([0xff]))).status, 400);
        for (const one of [ann, ben]) await closeInOrder(one);
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

test("auth_asks_a_thread_and_greets_people_by_name", async () => {
    const example = { program: "examples/auth", address: ["127.0.0.1:0"], silent: true, hasDrain: false };
    await BellServer.during(example, async (server) => {
        const enter = (target, fields) => openWebSocket(server, { line: `GET ${target} HTTP/1.1`, fields });
        const refused = async (target, status, fields = {}) => {
            const wire = await Wire.connect(server.port);
            wire.write(upgradeRequest(fields, `GET ${target} HTTP/1.1`));
            assert.equal((await wire.response()).status, status);
            wire.destroy();
        };
        const ann = await enter("/?token=blue");
        const ben = await enter("/", { Cookie: "a=b; token=green" });
        ann.write(frame(TEXT, "hello"));
        for (const one of [ann, ben]) await expectFrame(one, TEXT, "Ann: hello");
        ben.write(frame(TEXT, "안녕"));
        for (const one of [ann, ben]) await expectFrame(one, TEXT, "Ben: 안녕");
        ben.write(frame(TEXT, "x".repeat(513)));
        await expectFrame(ben, CLOSE, closePayload(1009, "shorter, please"));
        await refused("/?token=red", 401);
        await refused("/", 401);
        await refused(`/?token=${"x".repeat(64)}`, 401);
        await refused("/", 401, { Cookie: `token=${"x".repeat(65)}` });
        await closeInOrder(ann);
        ben.destroy();
    });
});

const runs = promisify(execFile);

async function makeCertificate(folder, name) {
    await runs("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost",
        "-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.pem`)]);
}

/** What a page gets, and by whose certificate. */
async function getSecurely(port, path = "/") {
    const request = httpsRequest({ host: "127.0.0.1", port, path, rejectUnauthorized: false, agent: false });
    request.end();
    const [answer] = await once(request, "response");
    const { CN: name } = answer.socket.getPeerCertificate().subject;
    let body = "";
    for await (const part of answer.setEncoding("utf8")) body += part;
    return { status: answer.statusCode, name, body };
}

/** A WebSocket over TLS as a plain stream of frames. */
async function openSecurely(port) {
    const request = httpsRequest({
        host: "127.0.0.1", port, path: "/", rejectUnauthorized: false, agent: false,
        headers: {
            Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    });
    request.end();
    const [answer, socket] = await once(request, "upgrade");
    assert.equal(answer.statusCode, 101);
    return socket;
}

async function echoesSecurely(socket, text) {
    socket.write(frame(TEXT, text));
    const expected = Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
    let bytes = Buffer.alloc(0);
    while (bytes.length < expected.length) bytes = Buffer.concat([bytes, (await once(socket, "data"))[0]]);
    assert.deepEqual(bytes, expected);
}

test("tls_serves_and_takes_new_certificates_without_dropping_anybody", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bell-tls-"));
    const path = (name) => join(folder, name);
    try {
        for (const name of ["first", "second"]) await makeCertificate(folder, name);
        for (const kind of ["pem", "key"]) await copyFile(path(`first.${kind}`), path(`used.${kind}`));
        const example = { program: "examples/tls", address: ["127.0.0.1:0", path("used.pem"), path("used.key")] };
        await BellServer.during(example, async (server) => {
            assert.deepEqual(await getSecurely(server.port), { status: 200, name: "first", body: "nobody can listen in\n" });
            const socket = await openSecurely(server.port);
            await echoesSecurely(socket, "before");
            // A key that is not the certificate's: all stays as it is, and the program says why.
            await copyFile(path("second.pem"), path("used.pem"));
            server.signal("SIGHUP");
            await server.prints("Certificates: ");
            assert.match(server.out, /^Certificates: (?!reloaded).*used\./m);
            assert.equal((await getSecurely(server.port)).name, "first");
            await copyFile(path("second.key"), path("used.key"));
            server.signal("SIGHUP");
            await server.prints("Certificates: reloaded\n");
            assert.equal((await getSecurely(server.port)).name, "second");
            await echoesSecurely(socket, "after");
            socket.destroy();
        });
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
});

test("tls_without_a_certificate_says_what_is_missing", async () => {
    await assert.rejects(BellServer.start({
        program: "examples/tls", address: ["127.0.0.1:0", "/nonexistent.pem", "/nonexistent.key"],
    }), /ended with 1: tls: not found: .*\/nonexistent\.pem/);
});

/** Runs a program that is expected to end by itself. */
async function fails(name, ...args) {
    const program = join(BUILD, name === "echo-server" ? "bench" : "examples", name);
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 20_000 });
    const run = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (run.out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (run.err += text));
    [run.status] = await once(child, "close");
    assert.equal(run.out, "", name);
    return run;
}

test("examples_tell_how_they_want_to_be_called", async () => {
    for (const name of ["auth", "client", "echo", "push", "site", "tls", "topics"]) {
        const run = await fails(name, "--help");
        assert.equal(run.status, 2, name);
        assert.match(run.err, new RegExp(`^usage: ${name} `), name);
    }
    const chat = await fails("chat", "--help");
    assert.equal(chat.status, 1);
    assert.match(chat.err, /cannot serve address=--help .* wanted=ADDR:PORT/);
});

test("examples_say_where_they_cannot_listen", async () => {
    await BellServer.during({ program: "examples/echo", address: ["127.0.0.1:0"], hasDrain: false }, async (echo) => {
        const address = `127.0.0.1:${echo.port}`;
        const calls = { auth: [], chat: [], echo: [], push: ["token"], site: [], topics: [] };
        for (const [name, args] of Object.entries(calls)) {
            const run = await fails(name, address, ...args);
            assert.equal(run.status, 1, name);
            assert.ok(run.err.includes(address) && run.err.includes("the address is in use"), `${name}: ${run.err}`);
        }
    });
});

test("site_says_which_folder_is_missing", async () => {
    const run = await fails("site", "127.0.0.1:0", "/nonexistent");
    assert.equal(run.status, 1);
    assert.match(run.err, /site: folder \/nonexistent .*: not found/);
});

test("client_says_what_is_wrong_with_a_url", async () => {
    const run = await fails("client", "http://127.0.0.1/");
    assert.equal(run.status, 2);
    assert.match(run.err, /client: http:\/\/127\.0\.0\.1\/: invalid argument/);
});

/** Runs the client example with these lines on its standard input, and an end. */
async function runClient(url, lines, { whenPrinted } = {}) {
    const child = spawn(join(BUILD, "examples/client"), [url]);
    const run = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (run.out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (run.err += text));
    const ended = once(child, "close");
    try {
        child.stdin.on("error", () => {}); // it may have ended
        for (const line of lines) child.stdin.write(`${line}\n`);
        if (whenPrinted !== undefined) await eventually("prints", () => run.out === whenPrinted);
        child.stdin.end();
        [run.status] = await ended;
        run.err = withoutLog(run.err);
    } finally {
        child.kill("SIGKILL");
    }
    return run;
}

test("client_sends_lines_and_prints_what_comes", async () => {
    const example = { program: "examples/echo", address: ["127.0.0.1:0"], hasDrain: false };
    await BellServer.during(example, async (echo) => {
        const lines = ["hello", "", "grüße"];
        const run = await runClient(`ws://localhost:${echo.port}/`, lines, { whenPrinted: `${lines.join("\n")}\n` });
        assert.deepEqual(run, { out: "hello\n\ngrüße\n", err: "Closed: 1000 \n", status: 0 });
    });
});

test("client_tells_why_it_was_refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bell-client-"));
    try {
        const example = { program: "examples/site", address: ["127.0.0.1:0", folder] };
        await BellServer.during(example, async (server) => {
            const run = await runClient(`ws://127.0.0.1:${server.port}/missing`, []);
            assert.deepEqual(run, { out: "", err: "the peer refused, HTTP status 404\nClosed: 1006 \n", status: 1 });
        });
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
});

test("echo_server_says_once_what_has_failed", async () => {
    for (const [args, what] of [
        [["--listen=8080"], "8080: invalid argument"],
        [["--listen=unix:/nonexistent/socket"], "unix:/nonexistent/socket: invalid argument"],
        [["--static=/nonexistent"], "/nonexistent: not found"],
        [["--subprotocol=a,b"], "--subprotocol: invalid argument"],
        [["--trusted-proxy=1.2.3"], "--io or --trusted-proxy: invalid argument"],
        [["--publish="], "--publish: invalid argument"],
    ]) {
        const run = await fails("echo-server", "--listen=127.0.0.1:0", ...args);
        const said = run.err.replace(/^\S+Z (info|error) .*\n/gm, ""); // the log may name an option of libbell
        assert.deepEqual([run.status, said], [1, `echo-server: ${what}\n`]);
    }
});

// Files over HTTP (RFC 9110 sections 8, 12 to 15) as echo-server --static serves them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";

import { BellServer, eventually } from "../support/bell_server.mjs";
import { request, Wire } from "../support/bell_wire.mjs";

const HELLO = "hello world\n";
const SCRIPT = "console.log('hello');\n".repeat(100);
const MTIME = 1700000000;
const LAST_MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT";
const BEFORE = "Tue, 14 Nov 2023 22:13:19 GMT";
const AFTER = "Tue, 14 Nov 2023 22:13:21 GMT";
const BIG_BYTES = 50 * 1024 * 1024;
const SECRET = "secret outside of the directory";

let base;
let root;
let server;
let bigHash;

before(async () => {
    base = mkdtempSync(join(tmpdir(), "bell-files-"));
    root = join(base, "public");
    const put = (name, content) => {
        writeFileSync(join(root, name), content);
        utimesSync(join(root, name), MTIME, MTIME);
    };
    for (const folder of [root, join(base, "outside"), join(root, "sub"), join(root, "empty"), join(root, ".hidden")]) {
        mkdirSync(folder);
    }
    writeFileSync(join(base, "outside", "secret.txt"), SECRET);
    writeFileSync(join(base, "secret.txt"), SECRET);
    put("hello.txt", HELLO);
    put("index.html", "<p>front</p>");
    put("sub/index.html", "<p>sub</p>");
    put("sub/page.html", "<p>page</p>");
    put("nothing.txt", "");
    put("app.js", SCRIPT);
    put("app.js.br", brotliCompressSync(SCRIPT));
    put("app.js.gz", gzipSync(SCRIPT));
    put("style.css", "p{}");
    put("style.css.gz", gzipSync("p{}"));
    put("with space & 한글.txt", HELLO);
    put(".env", SECRET);
    put(".hidden/file.txt", SECRET);
    for (const name of ["a.png", "b.svg", "c.woff2", "d.json", "e.wasm", "f.unknown", "noextension", "G.HTML", "h.mjs", "i.webp"]) {
        put(name, "x");
    }
    symlinkSync(join(base, "outside", "secret.txt"), join(root, "link.txt"));
    symlinkSync(join(base, "outside"), join(root, "linked"));
    symlinkSync("../secret.txt", join(root, "sub", "up.txt"));
    symlinkSync("/", join(root, "slash"));
    symlinkSync("loop", join(root, "loop"));
    execFileSync("mkfifo", [join(root, "fifo")]);
    const big = Buffer.alloc(BIG_BYTES);
    for (let i = 0; i < BIG_BYTES; i += 4) big.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
    writeFileSync(join(root, "big.bin"), big);
    bigHash = createHash("sha1").update(big).digest("hex");
    server = await BellServer.start({ args: ["--static", root] });
});

after(async () => {
    await server?.stop();
    if (base) rmSync(base, { recursive: true, force: true });
});

/** One request on a connection of its own. */
async function ask(target, fields = {}, method = "GET") {
    const wire = await Wire.connect(server.port);
    wire.write(request(`${method} ${target} HTTP/1.1`, { ...fields, Connection: "close" }));
    const answer = await wire.response({ isHead: method === "HEAD" });
    assert.equal((await wire.rest()).length, 0);
    wire.destroy();
    return answer;
}

async function gets(target, content, fields) {
    const answer = await ask(target, fields);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), content);
    return answer;
}

// ---- which file ----

test("answers_with_content_type_validators_and_length", async () => {
    const { fields } = await gets("/hello.txt", HELLO);
    delete fields.date;
    assert.match(fields.etag, /^"[0-9a-z.-]+"$/);
    assert.deepEqual(fields, {
        connection: "close",
        "content-type": "text/plain; charset=utf-8",
        "content-length": String(HELLO.length),
        etag: fields.etag,
        "last-modified": LAST_MODIFIED,
        "cache-control": "no-cache",
        vary: "Accept-Encoding",
        "accept-ranges": "bytes",
    });
});

for (const [name, type] of Object.entries({
    "index.html": "text/html; charset=utf-8", "G.HTML": "text/html; charset=utf-8", "app.js": "text/javascript; charset=utf-8",
    "h.mjs": "text/javascript; charset=utf-8", "style.css": "text/css; charset=utf-8", "a.png": "image/png",
    "b.svg": "image/svg+xml", "c.woff2": "font/woff2", "d.json": "application/json", "e.wasm": "application/wasm",
    "i.webp": "image/webp", "f.unknown": "application/octet-stream", noextension: "application/octet-stream",
})) {
    test(`calls_${name}_${type.replace(/\W+/g, "_")}`, async () => {
        assert.equal((await ask(`/${name}`)).fields["content-type"], type);
    });
}

for (const [target, content] of [
    ["/", "<p>front</p>"], ["/?a=b", "<p>front</p>"], ["/sub/", "<p>sub</p>"], ["/sub/page.html", "<p>page</p>"],
    ["/with%20space%20&%20%ED%95%9C%EA%B8%80.txt", HELLO], ["/nothing.txt", ""], ["/sub/../hello.txt", HELLO],
    ["/sub/.", "<p>sub</p>"], ["/sub/..", "<p>front</p>"],
]) {
    test(`serves_${target.replace(/[^\w.%]+/g, "_")}`, async () => {
        await gets(target, content);
    });
}

for (const target of [
    "/nowhere", "/sub", "/empty/", "/empty", "/sub/nowhere.html", "/hello.txt/", "/hello.txt/x", "//", "//sub//page.html",
    "/.env", "/.hidden/file.txt", "/sub/../.env", "/%2eenv", "/.hidden/", "/.git/config", "/...",
    "/link.txt", "/linked/secret.txt", "/linked/", "/sub/up.txt", "/slash/etc/passwd", "/loop", "/loop/x",
    "/../secret.txt", "/../outside/secret.txt", "/%2e%2e/secret.txt", "/sub/../../secret.txt", "/fifo",
    `/${"n".repeat(255)}`, `/${"n".repeat(256)}`, `/${"n".repeat(2000)}`, `/${"d/".repeat(600)}x`, "/sub/%20", "/app.js%20",
]) {
    test(`does_not_serve_${target.slice(0, 40).replace(/[^\w.%]+/g, "_")}_of_${target.length}`, async () => {
        const { status, body } = await ask(target);
        assert.equal(status, 404);
        assert.equal(body.toString(), "404 Not Found\n");
    });
}

// ---- RFC 9110 section 12.5.3: precompressed variants ----

for (const [accept, encoding] of [
    ["br, gzip", "br"], ["gzip, br", "br"], ["gzip, deflate, br, zstd", "br"], ["br", "br"], ["gzip", "gzip"], ["x-gzip", "gzip"],
    ["GZIP", "gzip"], ["br;q=0.5, gzip", "gzip"], ["br;q=0.5, gzip;q=0.5", "br"], ["br;q=0, gzip", "gzip"], ["br;q=0", undefined],
    ["*", "br"], ["*;q=0.1, br;q=0", "gzip"], ["identity", undefined], ["identity;q=1, br;q=0.5", undefined],
    ["deflate", undefined], ["", undefined], [undefined, undefined], [["gzip;q=0", "br"], "br"], ["br ; q=1.000", "br"],
    ["brotli", undefined], ["gzip;q=2", undefined],
]) {
    test(`sends_${encoding ?? "identity"}_to_who_accepts_${String(accept).replace(/[^\w.]+/g, "_") || "nothing"}`, async () => {
        const { status, fields, body } = await ask("/app.js", { "Accept-Encoding": accept });
        assert.equal(status, 200);
        assert.equal(fields["content-encoding"], encoding);
        assert.equal(fields.vary, "Accept-Encoding");
        assert.equal(fields["content-type"], "text/javascript; charset=utf-8");
        const plain = encoding === "br" ? brotliDecompressSync(body) : encoding === "gzip" ? gunzipSync(body) : body;
        assert.equal(plain.toString(), SCRIPT);
    });
}

test("answers_406_when_no_encoding_that_is_there_is_taken", async () => {
    for (const [target, accept, wanted] of [
        ["/app.js", "*;q=0", 406], ["/app.js", "identity;q=0", 406], ["/app.js", "identity;q=0, deflate", 406],
        ["/app.js", "identity;q=0, br", 200], ["/app.js", "*;q=0, identity", 200], ["/hello.txt", "br, identity;q=0", 406],
        ["/nope.txt", "*;q=0", 404], ["/hello.txt", "*;q=0", 406],
    ]) {
        const { status } = await ask(target, { "Accept-Encoding": accept });
        assert.equal(status, wanted, `${target} ${accept}`);
    }
});

test("takes_the_variant_that_is_there", async () => {
    const { fields, body } = await ask("/style.css", { "Accept-Encoding": "br, gzip" });
    assert.equal(fields["content-encoding"], "gzip");
    assert.equal(gunzipSync(body).toString(), "p{}");
    const { fields: plain } = await ask("/hello.txt", { "Accept-Encoding": "br, gzip" });
    assert.equal(plain["content-encoding"], undefined);
});

test("each_variant_has_a_tag_of_its_own", async () => {
    const tags = [];
    for (const accept of ["br", "gzip", "identity"]) tags.push((await ask("/app.js", { "Accept-Encoding": accept })).fields.etag);
    assert.equal(new Set(tags).size, 3);
    // The tag of one does not validate another.
    assert.equal((await ask("/app.js", { "Accept-Encoding": "gzip", "If-None-Match": tags[0] })).status, 200);
    assert.equal((await ask("/app.js", { "Accept-Encoding": "gzip", "If-None-Match": tags[1] })).status, 304);
});

test("a_range_of_a_variant_is_cut_from_the_compressed_bytes", async () => {
    const whole = (await ask("/app.js", { "Accept-Encoding": "br" })).body;
    const { status, fields, body } = await ask("/app.js", { "Accept-Encoding": "br", Range: "bytes=2-9" });
    assert.equal(status, 206);
    assert.equal(fields["content-encoding"], "br");
    assert.equal(fields["content-range"], `bytes 2-9/${whole.length}`);
    assert.deepEqual(body, whole.subarray(2, 10));
});

// ---- section 14: ranges ----

for (const [range, status, content, contentRange] of [
    ["bytes=0-0", 206, "h", "bytes 0-0/12"],
    ["bytes=0-4", 206, "hello", "bytes 0-4/12"],
    ["bytes=6-10", 206, "world", "bytes 6-10/12"],
    ["bytes=6-", 206, "world\n", "bytes 6-11/12"],
    ["bytes=0-", 206, HELLO, "bytes 0-11/12"],
    ["bytes=11-11", 206, "\n", "bytes 11-11/12"],
    ["bytes=11-12", 206, "\n", "bytes 11-11/12"],
    ["bytes=0-11", 206, HELLO, "bytes 0-11/12"],
    ["bytes=0-12", 206, HELLO, "bytes 0-11/12"],
    ["bytes=0-18446744073709551615", 206, HELLO, "bytes 0-11/12"],
    ["bytes=0-99999999999999999999999", 206, HELLO, "bytes 0-11/12"],
    ["bytes=-1", 206, "\n", "bytes 11-11/12"],
    ["bytes=-6", 206, "world\n", "bytes 6-11/12"],
    ["bytes=-12", 206, HELLO, "bytes 0-11/12"],
    ["bytes=-99999999999999999999999", 206, HELLO, "bytes 0-11/12"],
    ["BYTES=0-4", 206, "hello", "bytes 0-4/12"],
    ["bytes=12-", 416, "", "bytes */12"],
    ["bytes=12-20", 416, "", "bytes */12"],
    ["bytes=99999999999999999999999-", 416, "", "bytes */12"],
    ["bytes=-0", 416, "", "bytes */12"],
    ["bytes=5-4", 200, HELLO],
    ["bytes=a-b", 200, HELLO],
    ["bytes=-", 200, HELLO],
    ["bytes=", 200, HELLO],
    ["bytes", 200, HELLO],
    ["bytes=1", 200, HELLO],
    ["bytes=--1", 200, HELLO],
    ["bytes=0-4-5", 200, HELLO],
    ["bytes=+0-4", 200, HELLO],
    ["bytes=0x0-4", 200, HELLO],
    ["items=0-4", 200, HELLO],
    ["bytes=0-4,6-10", 200, HELLO],
    [`bytes=${"0-,".repeat(1000)}0-`, 200, HELLO],
    [["bytes=0-4", "bytes=6-10"], 200, HELLO],
]) {
    test(`answers_the_range_${String(range).slice(0, 40).replace(/[^\w=-]+/g, "_")}_with_${status}`, async () => {
        const { fields, body, ...answer } = await ask("/hello.txt", { Range: range });
        assert.equal(answer.status, status);
        assert.equal(body.toString(), content);
        assert.equal(fields["content-range"], contentRange);
        if (status !== 416) assert.equal(fields["content-type"], "text/plain; charset=utf-8");
    });
}

test("a_range_of_an_empty_file_is_outside", async () => {
    for (const range of ["bytes=0-", "bytes=0-0", "bytes=-1"]) {
        const { status, fields } = await ask("/nothing.txt", { Range: range });
        assert.equal(status, 416);
        assert.equal(fields["content-range"], "bytes */0");
    }
});

test("HEAD_knows_no_ranges", async () => {
    const { status, fields } = await ask("/hello.txt", { Range: "bytes=0-4" }, "HEAD");
    assert.equal(status, 200);
    assert.equal(fields["content-length"], "12");
});

test("If_Range_keeps_the_range_only_for_the_very_same_file", async () => {
    const { etag } = (await ask("/hello.txt")).fields;
    for (const [condition, status] of [
        [etag, 206], [`W/${etag}`, 200], ["\"other\"", 200], [LAST_MODIFIED, 206], [AFTER, 200], [BEFORE, 200], ["nonsense", 200], ["*", 200],
    ]) {
        const answer = await ask("/hello.txt", { Range: "bytes=0-4", "If-Range": condition });
        assert.equal(answer.status, status, condition);
        assert.equal(answer.body.toString(), status === 206 ? "hello" : HELLO);
    }
});

test("ranges_of_a_large_file_are_exact_at_its_far_end", async () => {
    const { status, body, fields } = await ask("/big.bin", { Range: `bytes=${BIG_BYTES - 300000}-` });
    assert.equal(status, 206);
    assert.equal(fields["content-range"], `bytes ${BIG_BYTES - 300000}-${BIG_BYTES - 1}/${BIG_BYTES}`);
    assert.equal(body.length, 300000);
    assert.equal(body.readUInt32LE(body.length - 4), Math.imul(BIG_BYTES - 4, 2654435761) >>> 0);
});

// ---- section 13: conditions ----

test("If_None_Match_gives_304_for_the_tag_it_has", async () => {
    const { etag } = (await ask("/hello.txt")).fields;
    for (const [value, status] of [
        [etag, 304], [`W/${etag}`, 304], [`"a", ${etag}, "b"`, 304], [["\"a\"", etag], 304], ["*", 304], [`"a,b", ${etag}`, 304],
        ["\"other\"", 200], [etag.slice(1, -1), 200], ["", 200], [`${etag.slice(0, -1)}x"`, 200],
    ]) {
        for (const method of ["GET", "HEAD"]) {
            const { fields, ...answer } = await ask("/hello.txt", { "If-None-Match": value }, method);
            assert.equal(answer.status, status, String(value));
            if (status === 304) {
                assert.equal(fields.etag, etag);
                assert.equal(fields["content-length"], undefined);
                assert.equal(fields["content-type"], undefined);
                assert.equal(fields["cache-control"], "no-cache");
                assert.equal(fields.vary, "Accept-Encoding");
            }
        }
    }
});

test("If_Modified_Since_gives_304_unless_it_changed_later", async () => {
    for (const [value, status] of [
        [LAST_MODIFIED, 304], [AFTER, 304], [BEFORE, 200], ["Tuesday, 14-Nov-23 22:13:20 GMT", 304],
        ["Tue Nov 14 22:13:20 2023", 304], ["Tuesday, 14-Nov-23 22:13:19 GMT", 200], ["nonsense", 200], ["", 200], ["0", 200],
        ["Tue, 14 Nov 2023 22:13:20 CET", 200], ["Tue, 32 Nov 2023 22:13:20 GMT", 200],
    ]) {
        assert.equal((await ask("/hello.txt", { "If-Modified-Since": value })).status, status, value);
    }
});

test("tags_go_before_dates", async () => {
    const { etag } = (await ask("/hello.txt")).fields;
    assert.equal((await ask("/hello.txt", { "If-None-Match": "\"other\"", "If-Modified-Since": AFTER })).status, 200);
    assert.equal((await ask("/hello.txt", { "If-None-Match": etag, "If-Modified-Since": BEFORE })).status, 304);
    assert.equal((await ask("/hello.txt", { "If-Match": etag, "If-Unmodified-Since": BEFORE })).status, 200);
});

test("If_Match_and_If_Unmodified_Since_give_412_when_they_fail", async () => {
    const { etag } = (await ask("/hello.txt")).fields;
    for (const [name, value, status] of [
        ["If-Match", etag, 200], ["If-Match", "*", 200], ["If-Match", `"a", ${etag}`, 200], ["If-Match", "\"other\"", 412],
        ["If-Match", `W/${etag}`, 412], ["If-Match", "", 412], ["If-Unmodified-Since", LAST_MODIFIED, 200],
        ["If-Unmodified-Since", AFTER, 200], ["If-Unmodified-Since", BEFORE, 412], ["If-Unmodified-Since", "nonsense", 200],
    ]) {
        assert.equal((await ask("/hello.txt", { [name]: value })).status, status, `${name}: ${value}`);
    }
});

test("a_304_and_a_412_keep_the_connection_in_step", async () => {
    const { etag } = (await ask("/hello.txt")).fields;
    const wire = await Wire.connect(server.port);
    const one = (fields) => request("GET /hello.txt HTTP/1.1", fields);
    wire.write(one({ "If-None-Match": etag }) + one({ "If-Match": "\"other\"" }) + one({ Range: "bytes=50-" }) + one({}));
    assert.deepEqual([(await wire.response()).status, (await wire.response()).status, (await wire.response()).status], [304, 412, 416]);
    assert.equal((await wire.response()).body.toString(), HELLO);
    wire.destroy();
});

test("a_changed_file_gets_another_tag_and_is_served_anew", async () => {
    const path = join(root, "changing.txt");
    writeFileSync(path, "one");
    utimesSync(path, MTIME, MTIME);
    const first = await gets("/changing.txt", "one");
    writeFileSync(`${path}.new`, "two");
    utimesSync(`${path}.new`, MTIME, MTIME + 0.5);
    renameSync(`${path}.new`, path);
    const second = await gets("/changing.txt", "two", { "If-None-Match": first.fields.etag });
    assert.notEqual(second.fields.etag, first.fields.etag);
    rmSync(path);
    assert.equal((await ask("/changing.txt")).status, 404);
});

// ---- large files and slow readers ----

/** Takes a body of so many bytes and gives its hash. */
async function hashOf(wire, size) {
    const hash = createHash("sha1");
    for (let left = size; left > 0;) {
        const bytes = await wire.bytes(Math.min(left, 262144), 30000);
        hash.update(bytes);
        left -= bytes.length;
    }
    return hash.digest("hex");
}

test("slow_readers_of_50_MB_get_every_byte_while_others_are_served_quick_in_little_memory", async (t) => {
    const slow = [];
    for (let i = 0; i < 10; i++) {
        const wire = await Wire.connect(server.port, { paused: true });
        // Half of them end with the file: what is left in the queue must still go out.
        wire.write(request("GET /big.bin HTTP/1.1", i % 2 === 0 ? {} : { Connection: "close" }));
        slow.push(wire);
    }
    const times = [];
    for (let i = 0; i < 100; i++) {
        const begin = performance.now();
        await gets("/hello.txt", HELLO);
        times.push(performance.now() - begin);
    }
    times.sort((a, b) => a - b);
    t.diagnostic(`median ${times[50].toFixed(1)} ms, RSS ${(server.rssBytes / 1e6).toFixed(1)} MB`);
    assert.ok(times[50] < 200, `median ${times[50]} ms`);
    if (!server.isSanitized) assert.ok(server.rssBytes < 32e6, `${server.rssBytes} bytes`);
    for (const wire of slow.slice(2)) wire.destroy({ reset: true });
    for (const wire of slow.slice(0, 2)) {
        wire.resume();
        const head = await wire.line("\r\n\r\n");
        assert.match(head, new RegExp(`\r\nContent-Length: ${BIG_BYTES}\r\n`));
        assert.equal(await hashOf(wire, BIG_BYTES), bigHash);
        wire.destroy();
    }
});

test("readers_that_stop_for_longer_than_others_linger_still_get_the_end", async () => {
    // Of some size the last piece is in the queue of an ending connection while sockets are full.
    const wires = [];
    for (let size = 1024 * 1024; size < 7 * 1024 * 1024; size += 100 * 1024) {
        const wire = await Wire.connect(server.port, { paused: true });
        wire.write(request("GET /big.bin HTTP/1.1", { Range: `bytes=0-${size - 1}`, Connection: "close" }));
        wires.push([wire, size]);
    }
    await new Promise((resolve) => setTimeout(resolve, 6500));
    for (const [wire, size] of wires) {
        wire.resume();
        await wire.line("\r\n\r\n");
        await hashOf(wire, size);
        assert.equal((await wire.rest()).length, 0);
        wire.destroy();
    }
});

test("resets_amid_an_answer_cost_nobody_else_and_leave_nothing_open", async () => {
    const begin = server.descriptors;
    for (let round = 0; round < 5; round++) {
        const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(server.port)));
        for (const wire of wires) wire.write(request("GET /big.bin HTTP/1.1").repeat(3));
        await Promise.all(wires.map((wire) => wire.bytes(1000)));
        for (const wire of wires) wire.destroy({ reset: true });
        await gets("/hello.txt", HELLO);
    }
    await server.returnsTo(begin);
});

test("a_file_that_shrinks_while_it_is_sent_breaks_the_answer_off", async () => {
    const path = join(root, "shrinking.bin");
    writeFileSync(path, Buffer.alloc(30 * 1024 * 1024));
    const wire = await Wire.connect(server.port, { paused: true });
    wire.write(request("GET /shrinking.bin HTTP/1.1"));
    await eventually("the server has opened it", () => wire.waiting === 0);
    await gets("/hello.txt", HELLO);
    writeFileSync(path, "");
    wire.resume();
    await wire.over(30000);
    const got = (await wire.bytes(wire.waiting)).length;
    assert.ok(got < 30 * 1024 * 1024, `${got} bytes`);
    wire.destroy();
    rmSync(path);
    await gets("/hello.txt", HELLO);
});

test("without_free_descriptors_a_file_is_unavailable_not_missing", async () => {
    await BellServer.during({ args: ["--static", root], descriptors: 40 }, async (poor) => {
        const free = 40 - poor.descriptors;
        const wires = [];
        // One stays for none: all are taken by connections, and opening the file fails.
        for (let i = 0; i < free; i++) wires.push(await Wire.connect(poor.port));
        await eventually("all descriptors are taken", () => poor.descriptors === 40);
        wires[0].write(request("GET /hello.txt HTTP/1.1"));
        const answer = await wires[0].response();
        assert.equal(answer.status, 503);
        for (const wire of wires.slice(1)) wire.destroy();
        await poor.returnsTo(40 - free + 1);
        wires[0].write(request("GET /hello.txt HTTP/1.1"));
        assert.equal((await wires[0].response()).body.toString(), HELLO);
        wires[0].destroy();
    });
});

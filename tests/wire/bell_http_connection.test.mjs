// How an HTTP/1.1 connection goes on and ends (RFC 9112 section 9): limits, Expect, pipelining, time, and
// what every answer says.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { CHUNKED_HELLO, expectHello, FileServer, GET, SMUGGLED } from "../support/bell_http.mjs";
import { request, Wire } from "../support/bell_wire.mjs";

const MAX_HEAD = 16 * 1024;
const MAX_BODY = 1024 * 1024;
const MAX_FIELDS = 100;

let server;
let hasty;

before(async () => {
    [server, hasty] = await Promise.all([FileServer.start(), FileServer.start(["--handshake-timeout", "1"])]);
});

after(async () => {
    await Promise.all([server?.stop(), hasty?.stop()]);
});

const refuses = (...of) => server.refuses(...of);
const takes = (...of) => server.takes(...of);

// ---- limits ----

/** A request with a head of exactly so many bytes. */
function headOf(size, line = "GET /hello.txt HTTP/1.1") {
    const empty = request(line, { X: "" }).length;
    return request(line, { X: "x".repeat(size - empty) });
}

test("takes_a_head_at_the_limit_and_refuses_it_above_with_431", async () => {
    await takes(headOf(MAX_HEAD - 1), 200, expectHello);
    await takes(headOf(MAX_HEAD), 200, expectHello);
    await refuses(headOf(MAX_HEAD + 1), 431);
    await refuses(headOf(MAX_HEAD * 20), 431);
});

test("takes_as_many_fields_as_it_says_and_refuses_more_with_431", async () => {
    const fields = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, String(i)]));
    await takes(request("GET /hello.txt HTTP/1.1", fields(MAX_FIELDS - 1)), 200, expectHello);
    await refuses(request("GET /hello.txt HTTP/1.1", fields(MAX_FIELDS)), 431);
    await refuses(request("GET /hello.txt HTTP/1.1", fields(2000)), 431);
});

test("refuses_a_name_without_end_with_431", async () => {
    await refuses(`GET /hello.txt HTTP/1.1\r\nHost: a\r\n${"N".repeat(100000)}`, 431);
});

test("refuses_a_target_without_end_with_414", async () => {
    await takes(request(`GET /${"a".repeat(8000)} HTTP/1.1`), 404);
    await takes(request(`GET /hello.txt?${"a".repeat(16000)} HTTP/1.1`), 200, expectHello);
    await refuses(request(`GET /${"a".repeat(MAX_HEAD)} HTTP/1.1`), 414);
    await refuses(`GET /${"a".repeat(1000000)}`, 414);
});

test("takes_a_body_at_the_limit_and_refuses_it_above_with_413", async () => {
    const post = (length, body) => request("POST /hello.txt HTTP/1.1", { "Content-Length": String(length) }, body);
    await takes(post(MAX_BODY, "b".repeat(MAX_BODY)), 405);
    // Only the head comes.
    await refuses(post(MAX_BODY + 1, ""), 413);
    await refuses(post("18446744073709551615", ""), 413);
    // All of it comes: the answer must not be lost in a reset.
    await refuses(post(MAX_BODY * 8, "b".repeat(MAX_BODY * 8)), 413);
});

test("takes_chunks_at_the_limit_and_refuses_them_above_with_413", async () => {
    const chunked = (body) => request("POST /hello.txt HTTP/1.1", { "Transfer-Encoding": "chunked" }, body);
    const half = `80000\r\n${"b".repeat(MAX_BODY / 2)}\r\n`;
    await takes(chunked(`${half}${half}0\r\n\r\n`), 405);
    await refuses(chunked("100001\r\n"), 413);
    await refuses(chunked("FFFFFFFFFFFFFFFF\r\n"), 413);
    await refuses(chunked(`${half}${half}1\r\n`), 413);
});

// ---- RFC 9110 section 10.1.1: Expect ----

test("says_100_before_it_reads_a_body_that_waits_for_it", async () => {
    for (const [fields, body] of [
        [{ "Content-Length": "5" }, "hello"], [{ "Transfer-Encoding": "chunked" }, CHUNKED_HELLO],
    ]) {
        const wire = await Wire.connect(server.port);
        wire.write(request("POST /hello.txt HTTP/1.1", { Expect: "100-Continue", ...fields }));
        const go = await wire.response();
        assert.equal(go.head, "HTTP/1.1 100 Continue\r\n\r\n");
        assert.equal(wire.waiting, 0);
        wire.write(body + GET);
        assert.equal((await wire.response()).status, 405);
        expectHello(await wire.response());
        wire.destroy();
    }
});

test("does_not_say_100_without_need", async () => {
    await takes(request("POST /hello.txt HTTP/1.1", { Expect: "100-continue", "Content-Length": "0" }), 405);
    await takes(request("GET /hello.txt HTTP/1.1", { Expect: "100-continue" }), 200, expectHello);
    await refuses(request("POST / HTTP/1.1", { Expect: "100-continue", "Content-Length": String(MAX_BODY + 1) }), 413);
    const old = await Wire.connect(server.port);
    old.write(request("POST /hello.txt HTTP/1.0", { Expect: "100-continue", "Content-Length": "5" }, "hello"));
    assert.equal((await old.response()).status, 405);
    assert.equal((await old.rest()).length, 0);
    old.destroy();
});

test("refuses_another_expectation_with_417", async () => {
    await refuses(request("POST / HTTP/1.1", { Expect: "200-ok", "Content-Length": "5" }), 417);
    await refuses(request("GET / HTTP/1.1", { Expect: "100-continue, more" }), 417);
});

// ---- section 9: connections ----

test("keeps_the_connection_for_many_requests", async () => {
    const wire = await Wire.connect(server.port);
    for (let i = 0; i < 200; i++) {
        wire.write(GET);
        const answer = await wire.response();
        expectHello(answer);
        assert.equal(answer.fields.connection, undefined);
    }
    wire.end();
    assert.equal((await wire.rest()).length, 0);
});

for (const value of ["close", "Close", "keep-alive, close", "close, keep-alive", ["keep-alive", "close"], " , close,"]) {
    test(`ends_after_Connection_${String(value).replace(/\W+/g, "_")}_and_answers_nothing_behind`, async () => {
        const wire = await Wire.connect(server.port);
        wire.write(GET + request("GET /hello.txt HTTP/1.1", { Connection: value }) + SMUGGLED.repeat(10));
        expectHello(await wire.response());
        const last = await wire.response();
        expectHello(last);
        assert.equal(last.fields.connection, "close");
        assert.equal((await wire.rest()).length, 0);
        // Still nothing, whatever we say.
        await wire.write(SMUGGLED);
        wire.end();
        assert.equal(wire.waiting, 0);
    });
}

test("HTTP_1_0_ends_unless_it_asks_to_stay", async () => {
    const once = await Wire.connect(server.port);
    once.write(`GET /hello.txt HTTP/1.0\r\n\r\n${SMUGGLED}`);
    const answer = await once.response();
    expectHello(answer);
    assert.equal(answer.fields.connection, "close");
    assert.equal((await once.rest()).length, 0);
    once.destroy();

    const stays = await Wire.connect(server.port);
    for (let i = 0; i < 3; i++) {
        stays.write("GET /hello.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        const kept = await stays.response();
        expectHello(kept);
        assert.equal(kept.fields.connection, "keep-alive");
    }
    stays.write("GET /hello.txt HTTP/1.0\r\nHost: a\r\n\r\n");
    expectHello(await stays.response());
    assert.equal((await stays.rest()).length, 0);
    stays.destroy();
});

test("answers_1000_requests_of_one_write_in_order", async () => {
    const wire = await Wire.connect(server.port);
    const kinds = [
        [request("GET /hello.txt HTTP/1.1"), 200], [request("GET /nowhere HTTP/1.1"), 404],
        [request("POST /hello.txt HTTP/1.1", { "Content-Length": "3" }, "abc"), 405],
        [request("OPTIONS /hello.txt HTTP/1.1"), 204], [request("HEAD /hello.txt HTTP/1.1"), 200],
        [request("GET /hello.txt HTTP/1.1", { Range: "bytes=0-3" }), 206],
        [request("POST /nowhere HTTP/1.1", { "Transfer-Encoding": "chunked" }, CHUNKED_HELLO), 405],
    ];
    const all = Array.from({ length: 1000 }, (_, i) => kinds[i % kinds.length]);
    wire.write(all.map(([text]) => text).join("") + request("GET /hello.txt HTTP/1.1", { Connection: "close" }));
    for (const [text, status] of all) {
        const answer = await wire.response({ isHead: text.startsWith("HEAD") });
        assert.equal(answer.status, status);
        if (text.startsWith("GET /hello")) assert.equal(answer.body.toString(), status === 206 ? "hell" : "hello world\n");
    }
    expectHello(await wire.response());
    assert.equal((await wire.rest()).length, 0);
    wire.destroy();
});

test("who_pipelines_50000_requests_before_reading_gets_all_answers", async () => {
    const wire = await Wire.connect(server.port, { paused: true });
    const count = 50000;
    const one = request("GET /nowhere HTTP/1.1");
    await Promise.race([
        wire.write(Buffer.alloc(one.length * count, one)), new Promise((resolve) => setTimeout(resolve, 1000)),
    ]);
    // Meanwhile others are served.
    const other = await Wire.connect(server.port);
    other.write(GET);
    expectHello(await other.response());
    other.destroy();
    wire.resume();
    for (let i = 0; i < count; i++) assert.equal((await wire.response()).status, 404);
    wire.write(GET);
    expectHello(await wire.response());
    wire.destroy();
});

test("answers_all_requests_of_a_client_that_has_ended_its_half", async () => {
    const wire = await Wire.connect(server.port);
    wire.write(GET.repeat(20));
    wire.end();
    for (let i = 0; i < 20; i++) expectHello(await wire.response());
    assert.equal((await wire.rest()).length, 0);
});

test("lets_a_client_go_that_ends_amid_a_request", async () => {
    for (const text of ["", "G", "GET /hello.txt HTTP/1.1\r\nHost: a\r\n", request("POST / HTTP/1.1", { "Content-Length": "5" }, "he")]) {
        const wire = await Wire.connect(server.port);
        await wire.write(GET + text);
        wire.end();
        expectHello(await wire.response());
        assert.equal((await wire.rest()).length, 0);
    }
});

test("reads_requests_that_come_byte_by_byte", async () => {
    const wire = await Wire.connect(server.port);
    await wire.chop(GET + request("POST /hello.txt HTTP/1.1", { "Transfer-Encoding": "chunked" }, CHUNKED_HELLO) + GET, 1);
    expectHello(await wire.response());
    assert.equal((await wire.response()).status, 405);
    expectHello(await wire.response());
    wire.destroy();
});

// ---- time ----

for (const [name, before_] of [["the_first", ""], ["a_later", GET]]) {
    test(`answers_${name}_head_that_drips_with_408_in_time`, async () => {
        const wire = await Wire.connect(hasty.port);
        if (before_ !== "") {
            wire.write(before_);
            expectHello(await wire.response());
        }
        const begin = performance.now();
        const drip = `GET /hello.txt HTTP/1.1\r\nHost: a\r\n${"X-A: b\r\n".repeat(1000)}`;
        let at = 0;
        const tap = setInterval(() => wire.write(drip[at++]), 20);
        try {
            const answer = await wire.response();
            const took = performance.now() - begin;
            assert.equal(answer.status, 408);
            assert.equal(answer.fields.connection, "close");
            assert.ok(took > 900 && took < 4000, `${took} ms`);
            assert.equal((await wire.rest()).length, 0);
        } finally {
            clearInterval(tap);
            wire.destroy();
        }
    });
}

test("ends_a_connection_on_which_nothing_is_ever_said", async () => {
    const begin = performance.now();
    const wires = await Promise.all(["", "", "\r\n"].map(async (text) => {
        const wire = await Wire.connect(hasty.port);
        wire.write(text);
        return wire;
    }));
    for (const wire of wires) {
        assert.equal((await wire.rest()).length, 0);
        wire.destroy();
    }
    const took = performance.now() - begin;
    assert.ok(took > 900 && took < 4000, `${took} ms`);
});

test("a_slow_head_of_an_upgrade_is_answered_with_408_too", async () => {
    const wire = await Wire.connect(hasty.port);
    wire.write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    assert.equal((await wire.response()).status, 408);
    assert.equal((await wire.rest()).length, 0);
    wire.destroy();
});

test("slow_heads_do_not_slow_others", async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, async () => {
        const wire = await Wire.connect(hasty.port);
        wire.write("GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: "); // At once: who says nothing is told nothing.
        return wire;
    }));
    for (let i = 0; i < 20; i++) {
        const wire = await Wire.connect(hasty.port);
        wire.write(GET);
        expectHello(await wire.response());
        wire.destroy();
    }
    for (const wire of slow) {
        assert.equal((await wire.response()).status, 408);
        wire.destroy();
    }
});

// ---- what answers say ----

test("every_answer_has_the_right_date", async () => {
    for (const text of [GET, request("GET /nowhere HTTP/1.1"), request("OPTIONS * HTTP/1.1"), "garbage\r\n\r\n"]) {
        const wire = await Wire.connect(server.port);
        const begin = Math.floor(Date.now() / 1000) - 1;
        wire.write(text);
        const { fields } = await wire.response();
        const end = Date.now() / 1000 + 1;
        assert.match(fields.date, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/);
        const told = Date.parse(fields.date) / 1000;
        assert.equal(new Date(told * 1000).toUTCString(), fields.date);
        assert.ok(told >= begin && told <= end, `${fields.date} at ${new Date().toUTCString()}`);
        wire.destroy();
    }
});

test("an_error_answers_with_a_line_of_text", async () => {
    await takes(request("GET /nowhere HTTP/1.1"), 404, ({ fields, body }) => {
        assert.equal(fields["content-type"], "text/plain; charset=utf-8");
        assert.equal(body.toString(), "404 Not Found\n");
    });
});

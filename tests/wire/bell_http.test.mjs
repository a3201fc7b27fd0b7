// HTTP/1.1 requests (RFC 9112) in exact bytes: what is taken and what is refused. Two readings of one
// request are how requests are smuggled: whatever leaves room for two gets one answer and the end of
// the connection, and what stands behind it is never a request.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ALLOW, CHUNKED_HELLO, expectHello, FileServer, GET, SMUGGLED } from "../support/bell_http.mjs";
import { request, Wire } from "../support/bell_wire.mjs";

let server;

before(async () => {
    server = await FileServer.start();
});

after(async () => {
    await server?.stop();
});

const refuses = (...of) => server.refuses(...of);
const takes = (...of) => server.takes(...of);

// ---- RFC 9112 section 6: where a body ends ----

for (const [name, text] of Object.entries({
    length_and_chunked: request("POST / HTTP/1.1", { "Content-Length": "6", "Transfer-Encoding": "chunked" }, "0\r\n\r\nX"),
    chunked_and_length: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked", "Content-Length": "4" }, "5c\r\n"),
    chunked_twice: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked, chunked" }, CHUNKED_HELLO),
    chunked_in_two_lines: request("POST / HTTP/1.1", { "Transfer-Encoding": ["chunked", "chunked"] }, CHUNKED_HELLO),
    chunked_and_identity_in_two_lines: request("POST / HTTP/1.1", { "Transfer-Encoding": ["chunked", "identity"] }, CHUNKED_HELLO),
    chunked_before_another: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked, gzip" }, CHUNKED_HELLO),
    chunked_and_a_comma: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked," }, CHUNKED_HELLO),
    a_comma_and_chunked: request("POST / HTTP/1.1", { "Transfer-Encoding": ",chunked" }, CHUNKED_HELLO),
    nearly_chunked: request("POST / HTTP/1.1", { "Transfer-Encoding": "xchunked" }, CHUNKED_HELLO),
    chunked_with_a_parameter: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked;a=b" }, CHUNKED_HELLO),
    chunked_in_quotes: request("POST / HTTP/1.1", { "Transfer-Encoding": "\"chunked\"" }, CHUNKED_HELLO),
    chunked_behind_a_vertical_tab: request("POST / HTTP/1.1", { "Transfer-Encoding": "\x0bchunked" }, CHUNKED_HELLO),
    chunked_before_a_nul: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked\0" }, CHUNKED_HELLO),
    an_empty_transfer_encoding: request("POST / HTTP/1.1", { "Transfer-Encoding": "" }, CHUNKED_HELLO),
    identity: request("POST / HTTP/1.1", { "Transfer-Encoding": "identity" }, "hello"),
    gzip_only: request("POST / HTTP/1.1", { "Transfer-Encoding": "gzip" }, "hello"),
    chunked_from_HTTP_1_0: request("POST / HTTP/1.0", { "Transfer-Encoding": "chunked" }, CHUNKED_HELLO),
    space_before_the_colon: request("POST / HTTP/1.1", { "Transfer-Encoding ": "chunked" }, CHUNKED_HELLO),
    tab_before_the_colon: request("POST / HTTP/1.1", { "Content-Length\t": "5" }, "hello"),
    a_name_behind_a_space: request("POST / HTTP/1.1", { " Transfer-Encoding": "chunked" }, CHUNKED_HELLO),
    a_folded_value: request("POST / HTTP/1.1", { "Transfer-Encoding": "\r\n chunked" }, CHUNKED_HELLO),
    two_equal_lengths: request("POST / HTTP/1.1", { "Content-Length": ["5", "5"] }, "hello"),
    two_different_lengths: request("POST / HTTP/1.1", { "Content-Length": ["0", "5"] }, "hello"),
    two_lengths_in_a_list: request("POST / HTTP/1.1", { "Content-Length": "5, 5" }, "hello"),
    a_length_with_a_plus: request("POST / HTTP/1.1", { "Content-Length": "+5" }, "hello"),
    a_length_with_a_minus: request("POST / HTTP/1.1", { "Content-Length": "-5" }, "hello"),
    a_length_in_hexadecimal: request("POST / HTTP/1.1", { "Content-Length": "0x5" }, "hello"),
    a_length_with_a_point: request("POST / HTTP/1.1", { "Content-Length": "5.0" }, "hello"),
    a_length_with_a_space: request("POST / HTTP/1.1", { "Content-Length": "5 5" }, "hello"),
    a_length_with_an_exponent: request("POST / HTTP/1.1", { "Content-Length": "5e0" }, "hello"),
    an_empty_length: request("POST / HTTP/1.1", { "Content-Length": "" }, "hello"),
    a_length_no_number_holds: request("POST / HTTP/1.1", { "Content-Length": "18446744073709551621" }, "hello"),
    a_length_of_a_thousand_digits: request("POST / HTTP/1.1", { "Content-Length": "1".repeat(1000) }, "hello"),
    a_chunk_size_of_17_digits: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "10000000000000005\r\nhello\r\n0\r\n\r\n"),
    a_chunk_size_of_17_zeros: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "00000000000000005\r\nhello\r\n0\r\n\r\n"),
    no_chunk_size: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "\r\nhello\r\n0\r\n\r\n"),
    a_chunk_size_with_a_minus: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "-5\r\nhello\r\n0\r\n\r\n"),
    a_chunk_size_with_a_plus: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "+5\r\nhello\r\n0\r\n\r\n"),
    a_chunk_size_with_a_prefix: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "0x5\r\nhello\r\n0\r\n\r\n"),
    a_chunk_size_behind_a_space: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, " 5\r\nhello\r\n0\r\n\r\n"),
    a_chunk_size_before_a_space: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5 \r\nhello\r\n0\r\n\r\n"),
    a_chunk_size_of_letters: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "xyz\r\nhello\r\n0\r\n\r\n"),
    a_chunk_size_line_that_ends_in_LF: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5\nhello\r\n0\r\n\r\n"),
    a_chunk_size_line_that_ends_in_CR: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5\rhello\r\n0\r\n\r\n"),
    a_chunk_longer_than_it_says: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5\r\nhello!\r\n0\r\n\r\n"),
    a_chunk_that_ends_in_LF: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5\r\nhello\n0\r\n\r\n"),
    a_chunk_extension_with_a_bare_LF: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5;a\nhello\r\n0\r\n\r\n"),
    a_chunk_extension_with_a_bare_CR: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5;a\rb\r\nhello\r\n0\r\n\r\n"),
    a_chunk_extension_with_a_nul: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "5;\0\r\nhello\r\n0\r\n\r\n"),
    a_chunk_extension_of_257_bytes: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, `5;${"x".repeat(257)}\r\nhello\r\n0\r\n\r\n`),
    chunk_extensions_without_end: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, `1;${"x".repeat(200)}\r\na\r\n`.repeat(40)),
    a_trailer_without_colon: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "0\r\nTrailer\r\n\r\n"),
    a_trailer_that_is_folded: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "0\r\nA: b\r\n c\r\n\r\n"),
    a_trailer_that_ends_in_LF: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "0\r\nA: b\n\r\n"),
    a_last_chunk_that_ends_in_LF: request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, "0\r\n\n"),
})) {
    test(`refuses_a_body_with_${name}`, async () => {
        await refuses(text, 400);
    });
}

test("refuses_a_coding_it_does_not_know_below_chunked_with_501", async () => {
    for (const codings of ["gzip, chunked", "identity, chunked", "x, y, chunked"]) {
        await refuses(request("POST / HTTP/1.1", { "Transfer-Encoding": codings }, CHUNKED_HELLO), 501);
    }
});

test("refuses_trailers_without_end_with_431", async () => {
    const trailers = `A: ${"b".repeat(200)}\r\n`.repeat(60);
    await refuses(request("POST / HTTP/1.1", { "Transfer-Encoding": "chunked" }, `0\r\n${trailers}\r\n`), 431);
});

for (const [name, fields, body] of [
    ["a_length", { "Content-Length": "5" }, "hello"],
    ["a_length_with_leading_zeros", { "Content-Length": "0000000000000000000000000005" }, "hello"],
    ["a_length_between_spaces", { "Content-Length": " \t5\t " }, "hello"],
    ["a_length_of_0", { "Content-Length": "0" }, ""],
    ["chunks", { "Transfer-Encoding": "chunked" }, CHUNKED_HELLO],
    ["chunks_in_other_case", { "transfer-ENCODING": "ChUnKeD" }, CHUNKED_HELLO],
    ["no_chunks", { "Transfer-Encoding": "chunked" }, "0\r\n\r\n"],
    ["small_chunks", { "Transfer-Encoding": "chunked" }, "1\r\nh\r\n1\r\ne\r\n0003\r\nllo\r\n000\r\n\r\n"],
    ["a_chunk_size_of_16_digits", { "Transfer-Encoding": "chunked" }, "000000000000000A\r\nhellohello\r\n0\r\n\r\n"],
    ["chunk_extensions", { "Transfer-Encoding": "chunked" }, "5;a=b;c=\"d e\" \r\nhello\r\n0;x\r\n\r\n"],
    ["a_chunk_extension_behind_a_space", { "Transfer-Encoding": "chunked" }, "5 ;a\r\nhello\r\n0\r\n\r\n"],
    ["a_chunk_extension_of_256_bytes", { "Transfer-Encoding": "chunked" }, `5;${"x".repeat(256)}\r\nhello\r\n0\r\n\r\n`],
    ["trailers", { "Transfer-Encoding": "chunked" }, "5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\n"],
    ["a_request_as_content", { "Content-Length": String(SMUGGLED.length) }, SMUGGLED],
    ["a_request_as_chunk", { "Transfer-Encoding": "chunked" }, `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`],
    ["empty_line_behind", { "Content-Length": "5" }, "hello\r\n"],
]) {
    test(`reads_a_body_with_${name}_to_its_end`, async () => {
        await takes(request("POST /hello.txt HTTP/1.1", fields, body), 405, (answer) => {
            assert.equal(answer.fields.allow, ALLOW);
        });
    });
}

test("reads_a_body_of_GET_and_does_not_take_it_for_a_request", async () => {
    await takes(request("GET /hello.txt HTTP/1.1", { "Content-Length": String(SMUGGLED.length) }, SMUGGLED), 200);
});

// ---- sections 2 to 5: the head ----

for (const [name, text] of Object.entries({
    bare_LF_everywhere: "GET /hello.txt HTTP/1.1\nHost: a\n\n",
    bare_LF_behind_the_request_line: "GET /hello.txt HTTP/1.1\nHost: a\r\n\r\n",
    bare_LF_behind_a_field: "GET /hello.txt HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    bare_LF_at_the_end: "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\n",
    bare_CR_behind_the_request_line: "GET /hello.txt HTTP/1.1\rHost: a\r\n\r\n",
    bare_CR_in_a_value: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n",
    bare_CR_at_the_end: "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\rX",
    two_CR: "GET /hello.txt HTTP/1.1\r\r\nHost: a\r\n\r\n",
    a_folded_line: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    a_folded_line_with_a_tab: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
    a_folded_first_line: "GET /hello.txt HTTP/1.1\r\n Host: a\r\n\r\n",
    a_nul_in_a_value: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
    a_nul_in_a_name: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n",
    a_nul_in_the_target: "GET /hello.txt\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    a_nul_in_the_method: "GE\0T /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    a_bell_in_a_value: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: \x07\r\n\r\n",
    a_delete_in_a_value: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
    a_space_before_a_colon: "GET /hello.txt HTTP/1.1\r\nHost : a\r\n\r\n",
    a_space_in_a_name: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
    a_name_that_is_not_ASCII: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX-\xe9: y\r\n\r\n",
    a_name_with_quotes: "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\"X\": y\r\n\r\n",
    no_name: "GET /hello.txt HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
    no_colon: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nNothing\r\n\r\n",
    no_host: "GET /hello.txt HTTP/1.1\r\n\r\n",
    two_hosts: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    a_list_of_hosts: "GET /hello.txt HTTP/1.1\r\nHost: a, b\r\n\r\n",
    a_host_with_a_path: "GET /hello.txt HTTP/1.1\r\nHost: a/b\r\n\r\n",
    a_host_with_a_user: "GET /hello.txt HTTP/1.1\r\nHost: u@a\r\n\r\n",
    a_host_with_a_space: "GET /hello.txt HTTP/1.1\r\nHost: a b\r\n\r\n",
    a_host_with_a_bad_port: "GET /hello.txt HTTP/1.1\r\nHost: a:99999\r\n\r\n",
    a_host_with_letters_for_a_port: "GET /hello.txt HTTP/1.1\r\nHost: a:b\r\n\r\n",
    a_host_of_a_cut_address: "GET /hello.txt HTTP/1.1\r\nHost: [::1\r\n\r\n",
    two_spaces_behind_the_method: "GET  /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    two_spaces_behind_the_target: "GET /hello.txt  HTTP/1.1\r\nHost: a\r\n\r\n",
    a_tab_behind_the_method: "GET\t/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    a_space_before_the_method: " GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    a_space_behind_the_version: "GET /hello.txt HTTP/1.1 \r\nHost: a\r\n\r\n",
    a_space_in_the_target: "GET /hello world.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    no_target: "GET HTTP/1.1\r\nHost: a\r\n\r\n",
    no_version: "GET /hello.txt\r\nHost: a\r\n\r\n",
    a_version_in_small_letters: "GET /hello.txt http/1.1\r\nHost: a\r\n\r\n",
    a_version_without_minor: "GET /hello.txt HTTP/1\r\nHost: a\r\n\r\n",
    a_version_of_two_digits: "GET /hello.txt HTTP/1.10\r\nHost: a\r\n\r\n",
    a_version_with_a_letter: "GET /hello.txt HTTP/1.x\r\nHost: a\r\n\r\n",
    another_protocol: "GET /hello.txt FTP/1.1\r\nHost: a\r\n\r\n",
    a_method_with_a_colon: "GET: /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    two_empty_lines_before: `\r\n\r\n${GET}`,
    an_LF_before: `\n${GET}`,
    bytes_of_TLS: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
})) {
    test(`refuses_a_head_with_${name}`, async () => {
        await refuses(text, 400);
    });
}

test("refuses_versions_it_does_not_speak_with_505", async () => {
    for (const version of ["HTTP/2.0", "HTTP/0.9", "HTTP/3.1", "HTTP/9.9"]) {
        await refuses(`GET /hello.txt ${version}\r\nHost: a\r\n\r\n`, 505);
    }
});

for (const [name, text] of Object.entries({
    one_empty_line_before: `\r\n${GET}`,
    no_space_behind_a_colon: "GET /hello.txt HTTP/1.1\r\nHost:a\r\nX:y\r\n\r\n",
    spaces_and_tabs_around_a_value: "GET /hello.txt HTTP/1.1\r\nHost: \t a \t \r\nX:\t\r\n\r\n",
    an_empty_value: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\n\r\n",
    a_value_that_is_not_ASCII: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: caf\xe9 \x80\xff\r\n\r\n",
    every_character_of_a_token: "GET /hello.txt HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: y\r\n\r\n",
    names_in_small_letters: "GET /hello.txt HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n",
    names_in_capitals: "GET /hello.txt HTTP/1.1\r\nHOST: a\r\nX: Y\r\n\r\n",
    a_later_minor_version: "GET /hello.txt HTTP/1.9\r\nHost: a\r\n\r\n",
    a_host_with_a_port: "GET /hello.txt HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
    a_host_of_IPv6: "GET /hello.txt HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
    an_unknown_field_twice: "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: y\r\nX: z\r\n\r\n",
    an_upgrade_to_something_else: request("GET /hello.txt HTTP/1.1",
        { Upgrade: "h2c", Connection: "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA" }),
    an_upgrade_without_connection: request("GET /hello.txt HTTP/1.1", { Upgrade: "websocket" }),
})) {
    test(`takes_a_head_with_${name}`, async () => {
        await takes(text, 200, expectHello);
    });
}

// ---- section 3.2: targets ----

for (const [target, status] of [
    ["/hello.txt", 200],
    ["/hello.txt?", 200],
    ["/hello.txt?a=b&c=%zz/../..?", 200],
    ["http://a.example/hello.txt", 200],
    ["HTTP://a.example:80/hello.txt", 200],
    ["https://other.example/hello.txt?x", 200],
    ["/%68%65llo%2etxt", 200],
    ["/./hello.txt", 200],
    ["/x/../hello.txt", 200],
    ["/x/y/../../hello.txt", 200],
    ["/../hello.txt", 200],
    ["/../../../../hello.txt", 200],
    ["/%2e%2e/hello.txt", 200],
    ["/%2E./x/.%2e/hello.txt", 200],
    ["/../../../../etc/passwd", 404],
    ["/%2e%2e/%2e%2e/%2e%2e/etc/passwd", 404],
    ["/x/%2e%2e/%2e%2e/etc/passwd", 404],
    ["/....//etc/passwd", 404],
    ["/%252e%252e/etc/passwd", 404],
    ["//hello.txt", 404],
    ["//a.example/hello.txt", 404],
    ["/hello.txt/", 404],
    ["/hello.txt/.", 404],
    ["/hello.txt;a=b", 404],
    ["/Hello.txt", 404],
    ["/%ff%fe", 404],
    ["/~root", 404],
]) {
    test(`answers_the_target_${target.replace(/[^\w.%]+/g, "_")}_with_${status}`, async () => {
        await takes(request(`GET ${target} HTTP/1.1`), status);
    });
}

for (const target of [
    "hello.txt", "*", "a.example:80", "http:///hello.txt", "http://", "http://a b/hello.txt", "http://u@a.example/hello.txt",
    "ftp://a.example/hello.txt", "javascript:alert(1)", "/%2fetc/passwd", "/..%2f..%2fetc/passwd", "/%5c..%5cetc",
    "/..\\..\\etc", "/\\etc\\passwd", "/hello%00.txt", "/hello%0a.txt", "/hello%0d%0aX:y", "/%", "/%4", "/%zz", "/%u0041",
    "/hello#fragment", "/<script>", "/hello\"quote", "/h\xe9llo", "/hello\x7f", "/hello?<", "/hello?#",
]) {
    test(`refuses_the_target_${target.replace(/[^\w.%]+/g, "_")}`, async () => {
        await refuses(request(`GET ${target} HTTP/1.1`), 400);
    });
}

test("refuses_CONNECT_with_501", async () => {
    await refuses(request("CONNECT a.example:443 HTTP/1.1"), 501);
    await refuses(request("CONNECT /hello.txt HTTP/1.1"), 501);
});

// ---- methods ----

test("answers_OPTIONS_with_what_is_allowed_and_no_body", async () => {
    for (const target of ["/hello.txt", "*", "/nowhere"]) {
        await takes(request(`OPTIONS ${target} HTTP/1.1`), 204, ({ fields }) => {
            assert.equal(fields.allow, ALLOW);
            assert.equal(fields["content-length"], undefined);
        });
    }
});

test("answers_known_methods_with_405_and_what_is_allowed", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "TRACE"]) {
        await takes(request(`${method} /hello.txt HTTP/1.1`), 405, ({ fields }) => assert.equal(fields.allow, ALLOW));
    }
});

test("answers_methods_nobody_knows_with_501_and_ends", async () => {
    for (const method of ["BREW", "get", "Get", "PROPFIND", "X".repeat(32), "X".repeat(33), "X".repeat(5000)]) {
        await refuses(request(`${method} /hello.txt HTTP/1.1`), 501);
    }
});

test("HEAD_has_the_fields_of_GET_and_no_body", async () => {
    for (const [target, status] of [["/hello.txt", 200], ["/nowhere", 404]]) {
        const wire = await Wire.connect(server.port);
        wire.write(request(`GET ${target} HTTP/1.1`) + request(`HEAD ${target} HTTP/1.1`) + GET);
        const get = await wire.response();
        const head = await wire.response({ isHead: true });
        assert.equal(get.status, status);
        assert.equal(head.status, status);
        delete get.fields.date;
        delete head.fields.date;
        assert.deepEqual(head.fields, get.fields);
        expectHello(await wire.response());
        wire.destroy();
    }
});

test("a_refused_HEAD_has_no_body", async () => {
    await refuses(request("HEAD /% HTTP/1.1"), 400, { isHead: true });
});

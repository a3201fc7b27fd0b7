// The opening handshake (RFC 6455 section 4, RFC 9110 section 7.8), relaying, the shutdown, and the
// examples.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
    ACCEPT, BINARY, CLOSE, closeFrame, closePayload, expectAlive, expectClose, expectFrame, frame, KEY, openWebSocket,
    PING, PONG, TEXT, upgradeRequest,
} from "../support/bell_frames.mjs";
import { BellServer } from "../support/bell_server.mjs";
import { request, Wire } from "../support/bell_wire.mjs";

let server;
let protocols;

before(async () => {
    [server, protocols] = await Promise.all([
        BellServer.start({ args: ["--max-message", "1000"] }),
        BellServer.start({ args: ["--subprotocol", "second.example", "--subprotocol", "first.example"] }),
    ]);
});

after(async () => {
    await Promise.all([server?.stop(), protocols?.stop()]);
});

/** One request and its answer on a connection of its own. */
async function ask(text, { to = server, isHead = false } = {}) {
    const wire = await Wire.connect(to.port);
    wire.write(text);
    const answer = await wire.response({ isHead });
    answer.wire = wire;
    return answer;
}

/** Refused, and the connection ended. */
async function refuses(text, status, options) {
    const answer = await ask(text, options);
    assert.equal(answer.status, status);
    assert.match(answer.fields.connection, /\bclose\b/);
    assert.equal((await answer.wire.rest()).length, 0);
    answer.wire.end();
    return answer;
}

// ---- what is accepted ----

test("the_answer_has_exactly_the_fields_of_section_4_2_2", async () => {
    const { status, reason, fields, wire } = await ask(upgradeRequest());
    assert.equal(status, 101);
    assert.equal(reason, "Switching Protocols");
    assert.match(fields.date, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    delete fields.date;
    assert.deepEqual(fields, { upgrade: "websocket", connection: "Upgrade", "sec-websocket-accept": ACCEPT });
    await expectAlive(wire);
});

for (const [name, fields] of Object.entries({
    upgrade_in_other_case: { Upgrade: "WebSocket" },
    upgrade_in_capitals: { Upgrade: "WEBSOCKET" },
    upgrade_in_a_list: { Upgrade: "h2c, websocket" },
    upgrade_in_two_lines: { Upgrade: ["h2c", "websocket"] },
    connection_in_a_list: { Connection: "keep-alive, Upgrade" },
    connection_in_a_list_with_empty_elements: { Connection: ",keep-alive ,, Upgrade ," },
    connection_in_two_lines: { Connection: ["keep-alive", "Upgrade"] },
    connection_in_capitals: { Connection: "UPGRADE" },
    white_space_around_values: { Upgrade: " \t websocket \t", Connection: "  Upgrade  ", "Sec-WebSocket-Key": `\t${KEY} ` },
    a_length_of_0: { "Content-Length": "0" },
    an_origin: { Origin: "http://elsewhere.example" },
    no_white_space_behind_the_colon: { "X-Test": "" },
    an_extension_nobody_knows: { "Sec-WebSocket-Extensions": "x-unknown; a=b, permessage-deflate" },
    a_cookie: { Cookie: "a=b; c=d" },
})) {
    test(`accepts_${name}`, async () => {
        const { status, fields: answer, wire } = await ask(upgradeRequest(fields));
        assert.equal(status, 101);
        assert.equal(answer["sec-websocket-accept"], ACCEPT);
        assert.equal(answer["sec-websocket-extensions"], undefined);
        await expectAlive(wire);
    });
}

for (const [name, change] of Object.entries({
    lower_case: (text) => text.toLowerCase().replace("get /chat http/1.1", "GET /chat HTTP/1.1")
        .replace(KEY.toLowerCase(), KEY),
    upper_case: (text) => text.replace(/^[\w-]+:/gm, (field) => field.toUpperCase()),
    no_spaces: (text) => text.replace(/: /g, ":"),
})) {
    test(`accepts_names_in_${name}`, async () => {
        const { status, wire } = await ask(change(upgradeRequest()));
        assert.equal(status, 101);
        await expectAlive(wire);
    });
}

for (const target of ["/", "/chat?room=1&b=%20", "/a/very/deep/path", "/%ED%95%9C", "http://a.example/chat", "http://a.example?x"]) {
    test(`accepts_the_target_${target.replace(/\W+/g, "_")}`, async () => {
        const { status, wire } = await ask(upgradeRequest({}, `GET ${target} HTTP/1.1`));
        assert.equal(status, 101);
        await expectAlive(wire);
    });
}

test("accepts_each_key_with_its_own_answer", async () => {
    for (const [key, accept] of [
        ["x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="],
        ["AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="],
        ["AQIDBAUGBwgJCgsMDQ4PEA==", "C/0nmHhBztSRGR1CwL6Tf4ZjwpY="],
    ]) {
        const { status, fields, wire } = await ask(upgradeRequest({ "Sec-WebSocket-Key": key }));
        assert.equal(status, 101);
        assert.equal(fields["sec-websocket-accept"], accept);
        await expectAlive(wire);
    }
});

test("does_not_take_compressed_frames_that_were_not_agreed_on", async () => {
    const { wire } = await ask(upgradeRequest({ "Sec-WebSocket-Extensions": "permessage-deflate" }));
    wire.write(frame(TEXT, "*", { rsv: 4 }));
    await expectClose(wire, 1002);
});

test("frames_right_behind_the_handshake_are_answered", async () => {
    const all = Buffer.concat([
        Buffer.from(upgradeRequest()), frame(TEXT, "one"), frame(PING, "two"), frame(BINARY, "three"), closeFrame(1000),
    ]);
    for (const size of [all.length, 1, 7, upgradeRequest().length + 3]) {
        const wire = await Wire.connect(server.port);
        wire.chop(all, size);
        assert.equal((await wire.response()).status, 101);
        await expectFrame(wire, TEXT, "one");
        await expectFrame(wire, PONG, "two");
        await expectFrame(wire, BINARY, "three");
        await expectClose(wire, 1000);
    }
});

test("frames_and_the_end_of_the_stream_right_behind_the_handshake_are_answered", async () => {
    for (const size of [100000, 10]) {
        const wire = await Wire.connect(server.port);
        wire.chop(Buffer.concat([Buffer.from(upgradeRequest()), frame(TEXT, "one")]), size).then(() => wire.end());
        assert.equal((await wire.response()).status, 101);
        await expectFrame(wire, TEXT, "one");
        assert.equal((await wire.rest()).length, 0);
    }
});

test("a_broken_frame_right_behind_the_handshake_fails_the_connection", async () => {
    const wire = await Wire.connect(server.port);
    wire.write(Buffer.concat([Buffer.from(upgradeRequest()), Buffer.alloc(300, 0xff)]));
    assert.equal((await wire.response()).status, 101);
    await expectClose(wire, 1002);
});

test("a_second_handshake_on_the_same_connection_is_a_broken_frame", async () => {
    const wire = await Wire.connect(server.port);
    wire.write(upgradeRequest() + upgradeRequest());
    assert.equal((await wire.response()).status, 101);
    await expectClose(wire, 1002); // "G" has a reserved bit.
});

test("a_handshake_may_come_behind_other_requests", async () => {
    const wire = await Wire.connect(server.port);
    wire.write(request("OPTIONS * HTTP/1.1") + request("GET / HTTP/1.1") + upgradeRequest());
    assert.equal((await wire.response()).status, 204);
    assert.equal((await wire.response()).status, 426);
    assert.equal((await wire.response()).status, 101);
    await expectAlive(wire);
});

// ---- what is refused ----

for (const [name, fields] of Object.entries({
    no_key: { "Sec-WebSocket-Key": null },
    an_empty_key: { "Sec-WebSocket-Key": "" },
    a_key_of_15_bytes: { "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4P" },
    a_key_of_17_bytes: { "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEBE=" },
    a_key_without_padding: { "Sec-WebSocket-Key": KEY.slice(0, -2) },
    a_key_that_is_no_base64: { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j*Q==" },
    a_key_with_the_url_alphabet: { "Sec-WebSocket-Key": "________________-_____==" },
    a_key_with_something_behind: { "Sec-WebSocket-Key": `${KEY}x` },
    two_keys: { "Sec-WebSocket-Key": [KEY, KEY] },
    two_keys_in_a_list: { "Sec-WebSocket-Key": `${KEY}, ${KEY}` },
    no_version: { "Sec-WebSocket-Version": null },
    two_versions: { "Sec-WebSocket-Version": ["13", "13"] },
    two_different_versions: { "Sec-WebSocket-Version": ["13", "8"] },
    no_host: { Host: null },
    two_hosts: { Host: ["a.example", "a.example"] },
    a_broken_host: { Host: "a b" },
    a_protocol_that_is_no_token: { "Sec-WebSocket-Protocol": "a b" },
    an_empty_protocol: { "Sec-WebSocket-Protocol": "" },
})) {
    test(`refuses_${name}_with_400`, async () => {
        await refuses(upgradeRequest(fields), 400);
    });
}

for (const version of ["0", "1", "7", "8", "12", "14", "25", "013", "13.0", "+13", "-13", "abc", "", "13, 12", "256013"]) {
    test(`answers_version_${version.replace(/\W+/g, "_")}_with_426_and_the_one_it_speaks`, async () => {
        const { fields } = await refuses(upgradeRequest({ "Sec-WebSocket-Version": version }), 426);
        assert.equal(fields["sec-websocket-version"], "13");
        assert.equal(fields.upgrade, "websocket");
        // RFC 9110 section 7.8: who sends Upgrade names it in Connection.
        assert.match(fields.connection, /\bUpgrade\b/);
    });
}

for (const [name, fields] of Object.entries({
    no_upgrade: { Upgrade: null },
    an_empty_upgrade: { Upgrade: "" },
    no_connection: { Connection: null },
    connection_without_upgrade: { Connection: "keep-alive" },
    another_protocol: { Upgrade: "h2c" },
    nearly_the_protocol: { Upgrade: "websockets" },
})) {
    test(`takes_${name}_for_an_ordinary_request`, async () => {
        const { status, fields: answer, wire } = await ask(upgradeRequest(fields));
        assert.equal(status, 426);
        assert.equal(answer.upgrade, "websocket");
        assert.equal(answer["sec-websocket-version"], "13");
        assert.equal(answer.connection, "Upgrade");
        // The connection stays and can still become a WebSocket.
        wire.write(upgradeRequest());
        assert.equal((await wire.response()).status, 101);
        await expectAlive(wire);
    });
}

for (const method of ["POST", "PUT", "DELETE", "PATCH", "HEAD"]) {
    test(`refuses_an_upgrade_with_${method}`, async () => {
        const { fields } = await refuses(upgradeRequest({}, `${method} /chat HTTP/1.1`), 405, { isHead: method === "HEAD" });
        assert.equal(fields.allow, "GET");
    });
}

test("takes_no_upgrade_from_HTTP_1_0", async () => {
    await refuses(upgradeRequest({}, "GET /chat HTTP/1.0"), 426);
});

test("refuses_HTTP_2_with_505", async () => {
    await refuses(upgradeRequest({}, "GET /chat HTTP/2.0"), 505);
    await refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
});

test("refuses_HTTP_0_9_with_400", async () => {
    await refuses("GET /chat\r\n\r\n", 400);
});

test("takes_an_upgrade_with_a_body_for_an_ordinary_request", async () => {
    for (const [fields, body] of [
        [{ "Content-Length": "5" }, "hello"],
        [{ "Transfer-Encoding": "chunked" }, "5\r\nhello\r\n0\r\n\r\n"],
    ]) {
        const answer = await ask(upgradeRequest(fields) + body);
        assert.equal(answer.status, 426);
        // The body was read as one: what follows is a request again.
        answer.wire.write(upgradeRequest());
        assert.equal((await answer.wire.response()).status, 101);
        await expectAlive(answer.wire);
    }
});

test("does_not_read_bytes_behind_a_refused_handshake_as_requests", async () => {
    await refuses(upgradeRequest({ "Sec-WebSocket-Key": null }) + upgradeRequest(), 400);
});

test("garbage_instead_of_a_handshake_gets_400", async () => {
    for (const garbage of [
        Buffer.alloc(3000, 0xff), Buffer.alloc(100), Buffer.from("160301020001000100ff", "hex"), "\r\n\r\n\r\n", "\n",
        "GET  / HTTP/1.1\r\n\r\n", "*\r\n", " GET / HTTP/1.1\r\n\r\n",
    ]) {
        await refuses(garbage, 400);
    }
});

// ---- sub-protocols ----

for (const [offered, agreed] of [
    ["first.example", "first.example"],
    ["second.example", "second.example"],
    // The order is the server's.
    ["first.example, second.example", "second.example"],
    [["first.example", "second.example"], "second.example"],
    ["unknown, first.example", "first.example"],
    [" ,first.example , ", "first.example"],
    // Names are case-sensitive.
    ["First.Example", undefined],
    ["unknown", undefined],
    [undefined, undefined],
    ["first.example.org", undefined],
]) {
    test(`agrees_on_${agreed ?? "nothing"}_when_offered_${String(offered).replace(/\W+/g, "_")}`, async () => {
        const { status, fields, wire } = await ask(upgradeRequest({ "Sec-WebSocket-Protocol": offered }), { to: protocols });
        assert.equal(status, 101);
        assert.equal(fields["sec-websocket-protocol"], agreed);
        await expectAlive(wire);
    });
}

test("agrees_on_no_sub_protocol_when_it_has_none", async () => {
    const { status, fields, wire } = await ask(upgradeRequest({ "Sec-WebSocket-Protocol": "first.example" }));
    assert.equal(status, 101);
    assert.equal(fields["sec-websocket-protocol"], undefined);
    await expectAlive(wire);
});

// ---- limits of one server ----

for (const opcode of [TEXT, BINARY]) {
    test(`takes_a_message_at_the_limit_and_not_above_with_opcode_${opcode}`, async () => {
        for (const size of [999, 1000]) {
            const ws = await openWebSocket(server);
            ws.write(frame(opcode, Buffer.alloc(size, "x")));
            await expectFrame(ws, opcode, Buffer.alloc(size, "x"));
            await expectAlive(ws);
        }
        const whole = await openWebSocket(server);
        whole.write(frame(opcode, Buffer.alloc(1001, "x")));
        await expectClose(whole, 1009);
        const cut = await openWebSocket(server);
        cut.write(Buffer.concat([frame(opcode, Buffer.alloc(1000, "x"), { fin: false }), frame(0, "x")]));
        await expectClose(cut, 1009);
    });
}

test("control_frames_amid_a_message_do_not_count_to_its_size", async () => {
    const ws = await openWebSocket(server);
    const half = Buffer.alloc(500, "x");
    ws.write(Buffer.concat([frame(TEXT, half, { fin: false }), frame(PING, Buffer.alloc(125)), frame(0, half)]));
    await expectFrame(ws, PONG, Buffer.alloc(125));
    await expectFrame(ws, TEXT, Buffer.alloc(1000, "x"));
    await expectAlive(ws);
});

// ---- relaying ----

for (const threads of ["1", "2"]) {
    test(`relays_each_message_to_all_but_its_sender_in_order_with_${threads}_threads`, async () => {
        await BellServer.during({ args: ["--relay", "--threads", threads] }, async (relay) => {
            const peers = [];
            for (let i = 0; i < 8; i++) peers.push(await openWebSocket(relay));
            const count = 500;
            for (const i of [0, 1]) {
                const opcode = i === 0 ? TEXT : BINARY;
                peers[i].write(Buffer.concat(Array.from({ length: count }, (_, j) => frame(opcode, `${i}:${j}`))));
            }
            for (const [i, peer] of peers.entries()) {
                const next = [0, 0];
                for (let left = i < 2 ? count : 2 * count; left > 0; left--) {
                    const got = await peer.frame();
                    const from = got.opcode === TEXT ? 0 : 1;
                    assert.notEqual(from, i, "came back to its sender");
                    assert.equal(got.payload.toString(), `${from}:${next[from]++}`);
                }
            }
            for (const peer of peers) {
                peer.write(closeFrame(1000));
                await expectClose(peer, 1000);
            }
        });
    });
}

test("a_slow_receiver_is_dropped_with_1013_and_the_others_hear_everything", async () => {
    await BellServer.during({ args: ["--relay", "--max-message", "1000000"] }, async (relay) => {
        const slow = await openWebSocket(relay);
        const quick = await openWebSocket(relay);
        const sender = await openWebSocket(relay);
        slow.pause();
        const message = Buffer.alloc(1000000, "m");
        const one = frame(BINARY, message);
        // Far over the queue of 6 MB and what sockets hold; then it must read soon, or hears nothing more.
        const count = 25;
        for (let i = 0; i < count; i++) {
            sender.write(one);
            await expectFrame(quick, BINARY, message);
        }
        slow.resume();
        let whole = 0;
        for (;;) {
            const got = await slow.frame();
            if (got.opcode === CLOSE) {
                assert.deepEqual(got.payload, closePayload(1013));
                break;
            }
            assert.equal(Buffer.compare(got.payload, message), 0);
            whole++;
        }
        assert.ok(whole < count, `it got ${whole} of ${count}`);
        assert.equal((await slow.rest()).length, 0);
        slow.end();
        quick.write(closeFrame(1000));
        await expectClose(quick, 1000);
        sender.write(closeFrame(1000));
        await expectClose(sender, 1000);
    });
});

// ---- shutdown ----

test("SIGTERM_tells_clients_to_go_and_ends_with_0", async () => {
    await BellServer.during({ args: ["--threads", "2"] }, async (leaving) => {
        const peers = [];
        for (let i = 0; i < 10; i++) peers.push(await openWebSocket(leaving));
        const idle = await Wire.connect(leaving.port);
        leaving.signal("SIGTERM");
        for (const peer of peers) {
            await expectFrame(peer, CLOSE, closePayload(1001));
            peer.write(closeFrame(1001));
            assert.equal((await peer.rest()).length, 0);
            peer.end();
        }
        assert.equal((await idle.rest()).length, 0);
        idle.end();
        assert.deepEqual(await leaving.ended(), { status: 0, signal: null });
        await assert.rejects(Wire.connect(leaving.port), { code: "ECONNREFUSED" });
    });
});

test("SIGTERM_does_not_wait_for_ever_for_clients_that_keep_quiet", async () => {
    await BellServer.during({}, async (leaving) => {
        const ws = await openWebSocket(leaving);
        leaving.signal("SIGTERM");
        await expectFrame(ws, CLOSE, closePayload(1001));
        assert.deepEqual(await leaving.ended(), { status: 0, signal: null });
        ws.destroy();
    });
});

// ---- the examples ----

test("the_example_echo_sends_every_message_back", async () => {
    const example = { program: "examples/echo", address: ["127.0.0.1:0"], hasDrain: false };
    await BellServer.during(example, async (echo) => {
        assert.equal(echo.out, `Echoing on port ${echo.port}\n`);
        const ws = await openWebSocket(echo);
        ws.write(Buffer.concat([frame(TEXT, "안녕"), frame(BINARY, Buffer.from([0, 255]))]));
        await expectFrame(ws, TEXT, "안녕");
        await expectFrame(ws, BINARY, Buffer.from([0, 255]));
        await expectAlive(ws);
    });
});

test("the_example_chat_prints_and_relays_exactly_what_it_should", async () => {
    const example = { program: "examples/chat", address: ["127.0.0.1:0"], hasDrain: false };
    await BellServer.during(example, async (chat) => {
        let printed = "";
        const connect = async () => {
            const ws = await openWebSocket(chat);
            await chat.prints(`${printed}New connection! (`);
            [, ws.id] = /^New connection! \((\d+)\)\n$/.exec(chat.out.slice(printed.length));
            printed += `New connection! (${ws.id})\n`;
            return ws;
        };
        const [ann, ben, cem] = [await connect(), await connect(), await connect()];
        assert.equal(new Set([ann.id, ben.id, cem.id]).size, 3);
        ann.write(frame(TEXT, "hello 안녕"));
        await expectFrame(ben, TEXT, "hello 안녕");
        await expectFrame(cem, TEXT, "hello 안녕");
        ben.write(frame(BINARY, Buffer.from([1, 2, 0])));
        await expectFrame(ann, BINARY, Buffer.from([1, 2, 0]));
        await expectFrame(cem, BINARY, Buffer.from([1, 2, 0]));
        // Nothing came back to its sender: the next thing both hear is the answer to their Ping.
        for (const one of [ann, ben]) {
            one.write(frame(PING, "x"));
            await expectFrame(one, PONG, "x");
        }
        ben.write(closeFrame(1000));
        await expectClose(ben, 1000);
        printed += `Connection ${ben.id} has disconnected\n`;
        await chat.prints(printed);
        // An error is printed and ends the connection; the others chat on.
        cem.write(frame(TEXT, Buffer.from([0xff])));
        await cem.over();
        assert.equal(cem.waiting, 0);
        cem.destroy();
        printed += "An error has occurred: the peer broke the protocol\n";
        printed += `Connection ${cem.id} has disconnected\n`;
        await chat.prints(printed);
        ann.write(closeFrame(1000));
        await expectClose(ann, 1000);
        printed += `Connection ${ann.id} has disconnected\n`;
        await chat.prints(printed);
        assert.equal(chat.out, printed);
    });
});

// Behind a proxy: limits count visitors, cookies and origins go by how the visitor came.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { addAgent, openVisitor, PASSWORD, visitor } from "../support/desk.mjs";
import { Server } from "../support/server.mjs";

let server;

before(async () => {
    server = await Server.start({ options: { "trusted-proxies": "10.0.0.0/8, 127.0.0.1", "connections-per-address": "1" } });
    await addAgent(server, { email: "a@desk.example" });
});

after(async () => {
    await server.stop();
});

const from = (address) => ({ headers: { "X-Forwarded-For": address } });

test("connections are counted by visitor, not by proxy", async () => {
    const one = await visitor(server, from("192.0.2.1"));
    const two = await visitor(server, from("192.0.2.2"));
    assert.equal((await one.post("hello")).type, "stored");
    assert.equal((await two.post("hello")).type, "stored");
    for (const address of ["192.0.2.1", "203.0.113.7, 192.0.2.1", "192.0.2.1, 10.1.2.3"]) {
        assert.equal((await openVisitor(server, from(address))).status, 429);
    }
    await one.close();
    await two.close();
});

test("the session cookie is Secure and pages of http are strangers when the visitor came over TLS", async () => {
    const logIn = (proto, origin) => server.http("POST", "/api/login", {
        body: { email: "a@desk.example", password: PASSWORD },
        origin,
        headers: proto === undefined ? {} : { "X-Forwarded-Proto": proto },
    });
    const host = server.origin.replace(/^http:\/\//, "");
    const tls = await logIn("https", `https://${host}`);
    assert.equal(tls.status, 200);
    assert.match(tls.headers["set-cookie"][0], /; Secure$/);
    assert.equal((await logIn("https", `http://${host}`)).status, 403);
    for (const proto of [undefined, "http"]) {
        const plain = await logIn(proto, server.origin);
        assert.equal(plain.status, 200);
        assert.doesNotMatch(plain.headers["set-cookie"][0], /Secure/);
    }
});

test("what is no network is refused with a sentence", async () => {
    for (const bad of ["10.0.0.0/33", "::/129", "proxy.example", "10.0.0.0/", "10.0.0.0/x", ""]) {
        const answer = await server.command(["serve", "--trusted-proxies", bad]);
        assert.equal(answer.status, 2, bad);
        assert.match(answer.err, /trusted-proxies/);
    }
});

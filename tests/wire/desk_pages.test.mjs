// The pages and scripts inside the binary, and what they are served with. A build without them
// (-Dweb=false) says so.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Server } from "../support/server.mjs";

let server;
let isPacked;

before(async () => {
    server = await Server.start();
    isPacked = (await server.http("GET", "/w.js")).status === 200;
});

after(async () => {
    await server.stop();
});

function page(name, check) {
    test(name, async (t) => {
        if (!isPacked) return t.skip("this build has no web parts");
        return check();
    });
}

test("a build without web parts answers 404 and says why", async (t) => {
    if (isPacked) return t.skip("this build has them");
    for (const path of ["/", "/w.js", "/console/", "/demo/", "/widget/x.js"]) {
        const answer = await server.http("GET", path);
        assert.equal(answer.status, 404);
        assert.match(answer.body, /without its web parts/);
    }
});

test("no answer with a body lets a browser guess its type", async () => {
    for (const [method, path] of [
        ["GET", "/nonsense"], ["GET", "/console/nonsense"], ["GET", "/console/"], ["GET", "/demo/"], ["GET", "/w.js"], ["POST", "/w.js"],
        ["GET", "/%"], ["GET", "/api/nonsense"], ["GET", "/api/me"], ["POST", "/api/me"], ["GET", "/healthz"], ["GET", "/metrics"],
    ]) {
        const answer = await server.http(method, path, { origin: server.origin });
        assert.equal(answer.headers["x-content-type-options"], "nosniff", `${method} ${path}: ${answer.status}`);
    }
});

page("the root leads to the console", async () => {
    for (const [path, to] of [["/", "/console/"], ["/console", "/console/"], ["/demo", "/demo/"]]) {
        const answer = await server.http("GET", path);
        assert.equal(answer.status, 302);
        assert.equal(answer.headers.location, to);
    }
});

page("the console runs no script but its own, and in no frame", async () => {
    const answer = await server.http("GET", "/console/");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "text/html; charset=utf-8");
    const policy = answer.headers["content-security-policy"];
    assert.match(policy, /default-src 'self'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.match(policy, /object-src 'none'/);
    assert.ok(!/unsafe|data:|\*/.test(policy));
    assert.equal(answer.headers["x-content-type-options"], "nosniff");
    assert.equal(answer.headers["referrer-policy"], "no-referrer");
    assert.equal(answer.headers["x-frame-options"], "DENY");
    assert.equal(answer.headers["cache-control"], "no-cache");
});

page("the demo shop has the strictest policy under which the widget still works", async () => {
    const answer = await server.http("GET", "/demo/");
    assert.equal(answer.status, 200);
    const policy = answer.headers["content-security-policy"];
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self'/);
    assert.ok(!/unsafe|data:|\*/.test(policy));
    assert.match(answer.body, /<script async src="\/w\.js" data-site="demo"/);
});

page("the widget may be loaded by pages of other sites", async () => {
    const answer = await server.http("GET", "/w.js", { origin: "https://shop.example" });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "text/javascript; charset=utf-8");
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    assert.equal(answer.headers["cross-origin-resource-policy"], "cross-origin");
    assert.equal(answer.headers["cache-control"], "no-cache");
    assert.equal((await server.http("GET", "/widget/w.js")).body, answer.body);
});

page("assets with a hash in their name are kept for a year", async () => {
    const chunk = /widget\/(assets\/[\w.-]+\.js)/.exec((await server.http("GET", "/w.js")).body)[1];
    const asset = await server.http("GET", `/widget/${chunk}`);
    assert.equal(asset.status, 200);
    assert.equal(asset.headers["cache-control"], "public, max-age=31536000, immutable");
    assert.equal(asset.headers["access-control-allow-origin"], "*");
    const index = (await server.http("GET", "/console/")).body;
    const script = /src="\/console\/(assets\/[^"]+)"/.exec(index)[1];
    assert.equal((await server.http("GET", `/console/${script}`)).headers["cache-control"], "public, max-age=31536000, immutable");
});

page("files come compressed to who takes that, and not again to who has them", async () => {
    const plain = await server.http("GET", "/w.js");
    for (const encoding of ["br", "gzip"]) {
        const answer = await server.http("GET", "/w.js", { headers: { "Accept-Encoding": encoding } });
        assert.equal(answer.headers["content-encoding"], encoding);
        assert.ok(Number(answer.headers["content-length"]) < Number(plain.headers["content-length"]));
    }
    const again = await server.http("GET", "/w.js", { headers: { "If-None-Match": plain.headers.etag } });
    assert.equal(again.status, 304);
    assert.equal(again.body, "");
});

page("what does not exist is not found, and nothing outside the packs", async () => {
    for (const path of ["/nonsense", "/console/nonsense", "/widget/../main.c", "/demo/%2e%2e/w.js.map", "/console/assets/"]) {
        assert.ok([400, 404].includes((await server.http("GET", path)).status), path);
    }
});

// The HTTP side: becoming owner, log-in, agents, sessions, pages, health and metrics.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { addAgent, agent, consoleOf, cookieOf, logIn, newId, PASSWORD, visitor } from "../support/desk.mjs";
import { Server } from "../support/server.mjs";

let server;
let owner;

before(async () => {
    server = await Server.start();
});

after(async () => {
    await server.stop();
});

const post = (path, body, options = {}) => server.http("POST", path, { body, origin: server.origin, ...options });

test("the printed link makes the first owner, once", async () => {
    const token = server.setupToken;
    assert.match(token, /^[0-9a-f]{64}$/);
    assert.deepEqual((await server.http("GET", "/api/setup")).json, { needed: true });
    const person = { name: "Owner", email: "owner@desk.example", password: PASSWORD };
    assert.equal((await post("/api/setup", { ...person, token: "0".repeat(64) })).json.error, "bad_token");
    const made = await post("/api/setup", { ...person, token });
    assert.equal(made.status, 200);
    assert.equal(made.json.agent.role, "owner");
    owner = cookieOf(made);
    assert.equal((await server.http("GET", "/api/me", { cookie: owner })).json.agent.email, "owner@desk.example");
    assert.deepEqual((await server.http("GET", "/api/setup")).json, { needed: false });
    const again = await post("/api/setup", { ...person, email: "second@desk.example", token });
    assert.equal(again.status, 409);
    assert.equal(again.json.error, "exists");
});

test("the cookie is out of reach of scripts and of other sites", async () => {
    const answer = await post("/api/login", { email: "owner@desk.example", password: PASSWORD });
    const [cookie] = answer.headers["set-cookie"];
    assert.match(cookie, /^deskbell_session=[0-9a-f]{64}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/);
    assert.equal(answer.headers["cache-control"], "no-store");
    const behindTls = await Server.start({ options: { "public-url": "https://desk.example" } });
    try {
        assert.match(behindTls.out, /^demo shop: https:\/\/desk\.example\/demo\/$/m);
        await addAgent(behindTls, { email: "a@desk.example" });
        const tls = await behindTls.http("POST", "/api/login", { body: { email: "a@desk.example", password: PASSWORD }, origin: "https://desk.example" });
        assert.equal(tls.status, 200);
        assert.match(tls.headers["set-cookie"][0], /; Secure$/);
    } finally {
        await behindTls.stop();
    }
});

test("a wrong password and an unknown account get the same answer", async () => {
    const wrong = await post("/api/login", { email: "owner@desk.example", password: "not the password" });
    const unknown = await post("/api/login", { email: "nobody@desk.example", password: "not the password" });
    assert.equal(wrong.status, 401);
    assert.equal(unknown.status, 401);
    assert.equal(wrong.body, unknown.body);
    assert.equal(wrong.headers["set-cookie"], undefined);
});

test("the e-mail logs in whatever its letter case", async () => {
    assert.equal((await post("/api/login", { email: "OWNER@Desk.Example", password: PASSWORD })).status, 200);
});

test("log-ins are limited per account and per address, and the refusal says when to try again", async () => {
    const strict = await Server.start({ options: { "login-attempts": 3, "login-window-s": 900 } });
    try {
        await addAgent(strict, { email: "a@desk.example" });
        const attempt = (email, password) => strict.http("POST", "/api/login", { body: { email, password }, origin: strict.origin });
        for (let i = 0; i < 3; i++) assert.equal((await attempt("a@desk.example", "wrong")).status, 401);
        const refused = await attempt("a@desk.example", PASSWORD);
        assert.equal(refused.status, 429);
        assert.equal(refused.json.error, "rate_limited");
        assert.ok(Number(refused.headers["retry-after"]) > 0 && Number(refused.headers["retry-after"]) <= 900);
        assert.equal(refused.json.retry_after_s, Number(refused.headers["retry-after"]));
        assert.equal((await attempt("other@desk.example", "wrong")).status, 429);
    } finally {
        await strict.stop();
    }
});

test("right passwords do not use the attempts up", async () => {
    const strict = await Server.start({ options: { "login-attempts": 3, "login-window-s": 900 } });
    try {
        await addAgent(strict, { email: "a@desk.example" });
        for (let i = 0; i < 5; i++) await logIn(strict, "a@desk.example");
    } finally {
        await strict.stop();
    }
});

test("nobody asks without a log-in", async () => {
    for (const [method, path] of [["GET", "/api/me"], ["GET", "/api/agents"], ["GET", "/api/agents/1/sessions"], ["DELETE", "/api/agents/1"],
        ["DELETE", "/api/agents/1/sessions"], ["DELETE", "/api/sessions/1"]]) {
        for (const cookie of [undefined, "0".repeat(64), "x"]) {
            const answer = await server.http(method, path, { cookie });
            assert.equal(answer.status, 401, `${method} ${path}`);
            assert.equal(answer.json.error, "not_logged_in");
        }
    }
    const add = await post("/api/agents", { name: "X", email: "x@desk.example", role: "agent", password: PASSWORD });
    assert.equal(add.status, 401);
});

test("pages of other origins and forms change nothing", async () => {
    const body = { name: "X", email: "x@desk.example", role: "agent", password: PASSWORD };
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1"]) {
        assert.equal((await post("/api/agents", body, { cookie: owner, origin })).status, 403, origin);
        assert.equal((await server.http("DELETE", "/api/agents/1", { cookie: owner, origin })).status, 403);
    }
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"]) {
        const answer = await post("/api/agents", JSON.stringify(body), { cookie: owner, headers: { "Content-Type": type } });
        assert.equal(answer.status, 400, type);
    }
    assert.equal((await post("/api/agents", JSON.stringify(body), { cookie: owner })).status, 400);
    const agents = await server.http("GET", "/api/agents", { cookie: owner });
    assert.ok(!agents.json.agents.some((a) => a.email === "x@desk.example"));
});

test("the owner adds agents, agents do not", async () => {
    const added = await post("/api/agents", { name: "Ada", email: "ada@desk.example", role: "agent", password: PASSWORD }, { cookie: owner });
    assert.equal(added.status, 200);
    assert.deepEqual([added.json.agent.name, added.json.agent.role, added.json.agent.connected], ["Ada", "agent", false]);
    const twice = await post("/api/agents", { name: "Ada", email: "ADA@desk.example", role: "agent", password: PASSWORD }, { cookie: owner });
    assert.equal(twice.status, 409);
    assert.equal(twice.json.error, "exists");
    const ada = await logIn(server, "ada@desk.example");
    const refused = await post("/api/agents", { name: "Eve", email: "eve@desk.example", role: "owner", password: PASSWORD }, { cookie: ada });
    assert.equal(refused.status, 403);
    assert.equal(refused.json.error, "forbidden");
    assert.equal((await server.http("DELETE", "/api/agents/1", { cookie: ada })).status, 403);
    assert.equal((await post("/api/agents/1/password", { password: "another password" }, { cookie: ada })).status, 403);
    assert.equal((await server.http("GET", "/api/agents", { cookie: ada })).status, 200);
});

test("a bad body is refused with its reason", async () => {
    const good = { name: "B", email: "b@desk.example", role: "agent", password: PASSWORD };
    const cases = [
        [{ ...good, password: "123456789" }, 400, "bad_field"], [{ ...good, password: "x".repeat(201) }, 413, "too_long"],
        [{ ...good, role: "king" }, 400, "bad_field"], [{ ...good, extra: 1 }, 400, "bad_field"], [{ ...good, name: " " }, 400, "bad_field"],
        [{ ...good, email: "nonsense" }, 400, "bad_field"], [{ name: "B" }, 400, "bad_field"], [[], 400, "bad_json"],
    ];
    for (const [body, status, error] of cases) {
        const answer = await post("/api/agents", body, { cookie: owner });
        assert.deepEqual([answer.status, answer.json?.error], [status, error], JSON.stringify(body).slice(0, 80));
    }
    for (const text of ["", "{", "nonsense", "{\"name\":\"\xff\"}"]) {
        const answer = await post("/api/agents", Buffer.from(text, "latin1"), { cookie: owner, headers: { "Content-Type": "application/json" } });
        assert.deepEqual([answer.status, answer.json.error], [400, "bad_json"]);
    }
    const large = await post("/api/login", { email: "a", password: "x".repeat(70_000) });
    assert.equal(large.status, 413);
});

test("removing an agent ends the log-ins and gives the conversations back", async () => {
    const bob = await agent(server, { name: "Bob" });
    const ws = await visitor(server);
    await ws.post("hello");
    const { changed } = await bob.event("conversation", (e) => e.changed.visitor.visitor === ws.known.visitor);
    await bob.ask({ type: "take", conversation: changed.conversation });
    await ws.next((m) => m.type === "state" && m.agent_name === "Bob");
    const boss = await consoleOf(server, owner);
    assert.equal((await server.http("DELETE", `/api/agents/${bob.agent}`, { cookie: owner, origin: server.origin })).status, 200);
    assert.equal((await bob.untilClosed()).code, 4401);
    const gone = await boss.event("agent", (e) => e.agent.agent === bob.agent);
    assert.deepEqual([gone.agent.removed, gone.agent.connected], [true, false]);
    assert.equal((await ws.next((m) => m.type === "state" && m.agent_name === undefined)).state, "open");
    assert.equal((await server.http("GET", "/api/me", { cookie: bob.cookie })).status, 401);
    assert.equal((await post("/api/login", { email: bob.email, password: PASSWORD })).status, 401);
    assert.equal((await server.http("DELETE", `/api/agents/${bob.agent}`, { cookie: owner, origin: server.origin })).status, 404);
    await boss.close();
});

test("the last owner stays", async () => {
    const me = (await server.http("GET", "/api/me", { cookie: owner })).json.agent.agent;
    const answer = await server.http("DELETE", `/api/agents/${me}`, { cookie: owner, origin: server.origin });
    assert.equal(answer.status, 403);
});

test("one's own password needs the old one and ends the other log-ins", async () => {
    const cho = await agent(server, { name: "Cho" });
    const other = await logIn(server, cho.email);
    const path = `/api/agents/${cho.agent}/password`;
    assert.equal((await post(path, { password: "a new password" }, { cookie: cho.cookie })).json.error, "bad_field");
    assert.equal((await post(path, { old_password: "wrong password", password: "a new password" }, { cookie: cho.cookie })).json.error, "bad_login");
    assert.equal((await post(path, { old_password: PASSWORD, password: "a new password" }, { cookie: cho.cookie })).status, 200);
    assert.equal((await server.http("GET", "/api/me", { cookie: cho.cookie })).status, 200);
    assert.equal((await server.http("GET", "/api/me", { cookie: other })).status, 401);
    await cho.settle();
    assert.equal((await post("/api/login", { email: cho.email, password: PASSWORD })).status, 401);
    await logIn(server, cho.email, "a new password");
    assert.equal((await post(path, { password: "set by the owner" }, { cookie: owner })).status, 200);
    assert.equal((await cho.untilClosed()).code, 4401);
    await logIn(server, cho.email, "set by the owner");
});

test("log-ins are listed and ended one by one or together", async () => {
    const dan = await agent(server, { name: "Dan" });
    const second = await logIn(server, dan.email);
    const third = await logIn(server, dan.email);
    const console_ = await consoleOf(server, third);
    const path = `/api/agents/${dan.agent}/sessions`;
    const { sessions } = (await server.http("GET", path, { cookie: second })).json;
    assert.equal(sessions.length, 3);
    assert.equal(sessions.filter((s) => s.current).length, 1);
    assert.ok(sessions.every((s) => s.address === "127.0.0.1"));
    const listedByOwner = (await server.http("GET", path, { cookie: owner })).json.sessions;
    assert.deepEqual(listedByOwner.map((s) => s.current), [false, false, false]);
    const current = (await server.http("GET", path, { cookie: third })).json.sessions.find((s) => s.current);
    const ended = await server.http("DELETE", `/api/sessions/${current.session}`, { cookie: second, origin: server.origin });
    assert.equal(ended.status, 200);
    assert.equal((await console_.untilClosed()).code, 4401);
    assert.equal((await server.http("GET", "/api/me", { cookie: third })).status, 401);
    assert.equal((await server.http("DELETE", path, { cookie: second, origin: server.origin })).status, 200);
    assert.equal((await dan.untilClosed()).code, 4401);
    assert.equal((await server.http("GET", "/api/me", { cookie: second })).status, 200);
});

test("another agent's log-ins are nobody's business but the owner's", async () => {
    const eli = await agent(server, { name: "Eli" });
    const fay = await agent(server, { name: "Fay" });
    const path = `/api/agents/${eli.agent}/sessions`;
    assert.equal((await server.http("GET", path, { cookie: fay.cookie })).status, 403);
    assert.equal((await server.http("DELETE", path, { cookie: fay.cookie, origin: server.origin })).status, 403);
    const { session } = (await server.http("GET", path, { cookie: eli.cookie })).json.sessions[0];
    assert.equal((await server.http("DELETE", `/api/sessions/${session}`, { cookie: fay.cookie, origin: server.origin })).status, 404);
    await eli.settle();
    for (const bad of ["0", "-1", "x", "1.5", "99999999999999999999", "01"]) {
        assert.equal((await server.http("DELETE", `/api/sessions/${bad}`, { cookie: owner, origin: server.origin })).status, 404, bad);
    }
});

test("logging out ends the log-in and takes the cookie back", async () => {
    const cookie = await logIn(server, "owner@desk.example");
    const out = await post("/api/logout", {}, { cookie });
    assert.equal(out.status, 200);
    assert.match(out.headers["set-cookie"][0], /^deskbell_session=; Path=\/; Max-Age=0; /);
    assert.equal((await server.http("GET", "/api/me", { cookie })).status, 401);
    assert.equal((await post("/api/logout", {}, { cookie })).status, 200);
});

test("agents show as connected while they are", async () => {
    const gil = await agent(server, { name: "Gil" });
    const listed = async () => (await server.http("GET", "/api/agents", { cookie: owner })).json.agents.find((a) => a.agent === gil.agent);
    assert.equal((await listed()).connected, true);
    const boss = await consoleOf(server, owner);
    await gil.close();
    await boss.next((m) => m.type === "presence" && m.agent === gil.agent && !m.connected);
    assert.equal((await listed()).connected, false);
    await boss.close();
});

test("paths and methods that do not exist", async () => {
    assert.equal((await server.http("GET", "/api/nonsense")).status, 404);
    const wrong = await server.http("PUT", "/api/login", { body: {} });
    assert.equal(wrong.status, 405);
    assert.match(wrong.headers.allow, /POST/);
    assert.equal((await server.http("GET", "/ws/visitor")).status, 426);
    assert.equal((await server.http("HEAD", "/api/setup")).status, 200);
});

test("health is told to everybody, metrics to this machine only", async () => {
    assert.deepEqual((await server.http("GET", "/healthz")).json, { ok: true });
    const metrics = await server.http("GET", "/metrics");
    assert.equal(metrics.status, 200);
    assert.match(metrics.headers["content-type"], /^text\/plain; version=0\.0\.4/);
    for (const name of ["deskbell_visitor_connections", "deskbell_commands_total", "deskbell_commits_total", "deskbell_committed_writes_total",
        "deskbell_batch_largest", "deskbell_queue_length"]) {
        assert.match(metrics.body, new RegExp(`^# TYPE ${name} (counter|gauge)\n${name} [0-9.e+]+$`, "m"));
    }
    for (const line of ['bell_connections{loop="0"}', 'bell_websockets_opened_total{path="/ws/agent"}', 'bell_loop_turn_seconds_count{loop="0"}']) {
        assert.match(metrics.body, new RegExp(`^${line} [0-9]+$`, "m"));
    }
    for (const header of ["X-Forwarded-For", "Forwarded", "Via"]) {
        assert.equal((await server.http("GET", "/metrics", { headers: { [header]: "198.51.100.1" } })).status, 403);
    }
});

test("no answer of the interface is kept or guessed at by browsers", async () => {
    for (const answer of [await server.http("GET", "/api/setup"), await server.http("GET", "/api/me"), await server.http("GET", "/api/me", { cookie: owner })]) {
        assert.equal(answer.headers["cache-control"], "no-store");
        assert.equal(answer.headers["x-content-type-options"], "nosniff");
        assert.equal(answer.headers["content-type"], "application/json");
        assert.equal(answer.headers["access-control-allow-origin"], undefined);
    }
});

test("the same request many times at once is answered each time", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => post("/api/login", { email: `${newId()}@x.example`, password: "wrong password" })));
    assert.ok(answers.every((a) => a.status === 401 || a.status === 503), answers.map((a) => a.status).join());
    assert.ok(answers.some((a) => a.status === 401));
});

// The command line: what it takes, what it says, how it ends.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { run, temporaryFolder } from "../support/server.mjs";

let folder;
let data;

before(async () => {
    folder = await temporaryFolder();
    data = join(folder, "data");
});

after(async () => {
    await rm(folder, { recursive: true, force: true });
});

const on = (args, extra) => run([...args, "--data", data], extra);

test("version and help", async () => {
    for (const args of [["version"], ["--version"]]) {
        const version = await run(args);
        assert.equal(version.status, 0);
        assert.match(version.out, /^deskbell \d+\.\d+\.\d+\n$/);
    }
    for (const args of [["help"], ["--help"], ["-h"]]) {
        const help = await run(args);
        assert.equal(help.status, 0, args.join(" "));
        for (const command of ["serve", "agent add", "agent list", "agent passwd EMAIL", "agent remove EMAIL", "site add", "site list", "version", "help"]) {
            assert.ok(help.out.includes(`deskbell ${command.split(" ").slice(0, 2).join(" ")}`), command);
        }
    }
    for (const args of [["help", "agent"], ["agent", "--help"], ["agent", "-h"]]) {
        const group = await run(args);
        assert.equal(group.status, 0, args.join(" "));
        assert.ok(group.out.includes("deskbell agent add") && group.out.includes("deskbell agent list"), group.out);
        assert.ok(!group.out.includes("deskbell serve") && !group.out.includes("deskbell site"), group.out);
    }
    const serve = await run(["help", "serve"]);
    assert.ok(serve.out.includes("--listen ADDRESS"));
    assert.deepEqual((await run(["serve", "--help"])).out, serve.out);
    const add = await run(["agent", "add", "--help"]);
    assert.ok(add.out.includes("--password-stdin") && !add.out.includes("--listen"));
});

test("help fits into 80 columns", async () => {
    for (const command of [[], ["serve"], ["agent", "remove"], ["site", "add"]]) {
        const { out } = await run(["help", ...command]);
        assert.deepEqual(out.split("\n").filter((line) => line.length > 80), []);
    }
});

test("help works with a broken configuration", async () => {
    const env = { DESKBELL_LOG_LEVEL: "loud", DESKBELL_CONFIG: "/nonexistent" };
    assert.equal((await run(["help"], { env })).status, 0);
    assert.equal((await run(["version"], { env })).status, 0);
    assert.equal((await run(["agent", "list"], { env })).status, 2);
});

test("docs/deskbell.md is what the program prints", async () => {
    const printed = await run(["help", "--markdown"]);
    assert.equal(printed.status, 0);
    const kept = await readFile(fileURLToPath(new URL("../../docs/deskbell.md", import.meta.url)), "utf8");
    assert.equal(printed.out, kept, "run: deskbell help --markdown > docs/deskbell.md");
});

test("a wrong command line gets one line and exit status 2", async () => {
    const cases = [
        [[], /a command is missing/], [["nonsense"], /no command "nonsense"/], [["agent"], /can stand behind "agent"/], [["agent", "nonsense"], /can stand behind "agent"/],
        [["help", "nonsense"], /no command "nonsense"/], [["help", "agent", "nonsense"], /no command "agent nonsense"; "deskbell help agent"/], [["serve", "--nonsense"], /unknown option --nonsense/], [["serve", "extra"], /unexpected argument "extra"/],
        [["serve", "--threads", "65"], /--threads must be a number from 0 to 64, not "65"/], [["serve", "--threads"], /--threads needs a value/],
        [["serve", "--listen", "8080"], /--listen must be ADDR:PORT/], [["serve", "--log-level=loud"], /--log-level must be error, warn, info or debug/],
        [["serve", "--public-url", "desk.example"], /--public-url must be like https:\/\/desk\.example/], [["serve", "--config", "/nonexistent"], /\/nonexistent: No such file/],
        [["serve", "--proxy-protocol"], /proxy-protocol needs trusted-proxies/],
        [["serve", "--data="], /--data must not be empty/], [["agent", "remove"], /an argument is missing: deskbell agent remove EMAIL/],
        [["agent", "list", "--threads=1"], /unknown option --threads/], [["agent", "add", "--name", "A"], /--email is missing/],
        [["agent", "add", "--email", "a@b.example", "--name", "A", "--role", "king"], /--role must be owner or agent/],
        [["site", "add", "x"], /--name is missing/], [["site", "add", "--name", "X"], /an argument is missing: deskbell site add KEY/],
    ];
    for (const [args, complaint] of cases) {
        const end = await run(args);
        assert.equal(end.status, 2, args.join(" "));
        assert.match(end.err, complaint);
        assert.match(end.err, /^deskbell: [^\n]*\n$/, "one line");
        assert.equal(end.out, "");
    }
});

test("a wrong file is named with its line", async () => {
    const file = join(folder, "desk.conf");
    await writeFile(file, "# Deskbell\n\nlog-level = info\nmessage-rate = many\n");
    const end = await run(["serve", "--config", file]);
    assert.equal(end.status, 2);
    assert.equal(end.err, `deskbell: ${file}:4: message-rate must be a number from 1 to 1000000, not "many"\n`);
    const wrong = await run(["agent", "list"], { env: { DESKBELL_LOG_LEVEL: "loud" } });
    assert.equal(wrong.err, "deskbell: environment: log-level must be error, warn, info or debug, not \"loud\"\n");
});

test("agents are added, listed, given passwords and removed", async () => {
    const add = (email, name, ...more) => on(["agent", "add", "--email", email, "--name", name, "--password-stdin", ...more], { input: "correct horse battery\n" });
    assert.equal((await add("owner@desk.example", "Owner", "--role", "owner")).out, "added agent 1 owner@desk.example\n");
    assert.equal((await add("min@desk.example", "민수")).status, 0);
    const twice = await add("MIN@desk.example", "Min");
    assert.deepEqual([twice.status, twice.err], [1, "deskbell: cannot add the agent: there is an agent with this e-mail already\n"]);
    const bad = await add("nonsense", "Min");
    assert.equal(bad.status, 1);
    assert.equal(bad.err, "deskbell: cannot add the agent: the e-mail must be like mina@desk.example, and the name not blank\n");
    assert.match((await add("a@b.example", "x".repeat(101))).err, /: an e-mail has at most 254 characters, a name 100\n$/);
    const list = await on(["agent", "list"]);
    assert.equal(list.out, "1\towner\towner@desk.example\tOwner\n2\tagent\tmin@desk.example\t민수\n");
    const passwd = await on(["agent", "passwd", "min@desk.example", "--password-stdin"], { input: "another password" });
    assert.equal(passwd.status, 0, passwd.err);
    const nobody = await on(["agent", "passwd", "nobody@desk.example", "--password-stdin"], { input: "another password" });
    assert.deepEqual([nobody.status, nobody.err], [1, "deskbell: cannot set the password: no agent has this e-mail; see \"deskbell agent list\"\n"]);
    assert.equal((await on(["agent", "remove", "min@desk.example"])).status, 0);
    const gone = await on(["agent", "remove", "min@desk.example"]);
    assert.deepEqual([gone.status, gone.err], [1, "deskbell: cannot remove the agent: no agent has this e-mail; see \"deskbell agent list\"\n"]);
    const last = await on(["agent", "remove", "owner@desk.example"]);
    assert.deepEqual([last.status, last.err], [1, "deskbell: cannot remove the agent: the last owner cannot be removed; add another one first\n"]);
    assert.equal((await on(["agent", "list"])).out, "1\towner\towner@desk.example\tOwner\n");
});

test("a folder without a desk is said and left alone", async () => {
    const none = join(folder, "typo");
    for (const args of [["agent", "list"], ["agent", "remove", "a@b.example"], ["site", "list"]]) {
        const end = await run([...args, "--data", none]);
        assert.deepEqual([end.status, end.err, end.out], [1, `deskbell: there is no desk in ${none}; name its folder with --data\n`, ""]);
    }
    assert.ok(!existsSync(none));
});

test("passwords are neither too short nor too long nor missing", async () => {
    const attempt = (input) => on(["agent", "add", "--email", "x@desk.example", "--name", "X", "--password-stdin"], { input });
    for (const [input, complaint] of [["", /no password was given/], ["\n", /no password was given/], ["short\n", /10 to 200 characters/],
        ["x".repeat(201), /10 to 200 characters/], ["x".repeat(2000), /too long/], [Buffer.from([0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8, 0xf7, 0xf6]), /not UTF-8/]]) {
        const end = await attempt(input);
        assert.equal(end.status, 1);
        assert.match(end.err, complaint);
    }
});

test("without a terminal a password must come from standard input", async () => {
    const { spawn } = await import("node:child_process");
    const { PROGRAM } = await import("../support/server.mjs");
    const complaint = async (...args) => {
        const child = spawn(PROGRAM, [...args, "--data", data], { detached: true, stdio: ["ignore", "ignore", "pipe"] });
        let err = "";
        child.stderr.on("data", (bytes) => (err += bytes));
        assert.equal(await new Promise((resolve) => child.on("close", resolve)), 1);
        return err;
    };
    assert.match(await complaint("agent", "add", "--email", "y@desk.example", "--name", "Y"), /use --password-stdin/);
    assert.match(await complaint("agent", "passwd", "owner@desk.example"), /use --password-stdin/);
    // Nobody is asked for a password that is for nobody.
    assert.match(await complaint("agent", "passwd", "nobody@desk.example"), /no agent has this e-mail/);
    assert.match(await complaint("agent", "add", "--email", "OWNER@desk.example", "--name", "Y"), /there is an agent with this e-mail already/);
    assert.match(await complaint("agent", "add", "--email", "nonsense", "--name", "Y"), /the e-mail must be like/);
});

test("sites are added and listed", async () => {
    assert.equal((await on(["site", "add", "shop", "--name", "Shop", "--welcome", "안녕하세요!", "--origin", "https://shop.example,http://127.0.0.1:8000"])).status, 0);
    const list = await on(["site", "list"]);
    assert.ok(list.out.includes("shop\tShop\thttps://shop.example http://127.0.0.1:8000\n"), list.out);
    const twice = await on(["site", "add", "shop", "--name", "Shop"]);
    assert.deepEqual([twice.status, twice.err], [1, "deskbell: cannot add the site: there is a site with this key already\n"]);
    for (const args of [["Bad Key", "--name", "X"], ["x".repeat(65), "--name", "X"], ["ok", "--name", "x".repeat(101)], ["ok", "--name", "X", "--origin", "shop.example"]]) {
        const end = await on(["site", "add", ...args]);
        assert.equal(end.status, 1, args.join(" "));
        assert.match(end.err, /^deskbell: cannot add the site: its key is [^\n]*\n$/);
    }
});

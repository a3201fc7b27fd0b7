// The C code in the guide (docs/libbell, README.md) is real: every block is compiled without a warning,
// and every block that is a whole program is run and driven. Kinds of blocks, by what stands behind ```:
//
//     ```c          a fragment: functions, or statements with the usual variables around them
//     ```c NAME     a whole program; DRIVERS below has what it must do
//     ```c lws      code for libwebsockets, compiled where its headers are
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { BINARY, closeInOrder, expectFrame, frame, openWebSocket, TEXT } from "../support/bell_frames.mjs";
import { BellServer, BUILD, withoutLog } from "../support/bell_server.mjs";
import { request, Wire } from "../support/bell_wire.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const GUIDE = join(ROOT, "docs/libbell");
const WARNINGS = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-parameter"];
// A fragment need not use all it makes.
const FRAGMENT = ["-Wno-unused", "-Werror=unused-result", "-fsyntax-only"];

const HEADERS = `#include <bell/bell.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
`;

/** What statements of the guide may use. */
const inFunction = (code) => `${HEADERS}
bell_status fragment(struct bell_ws_server *ws, struct bell_http_server *http, struct bell_io_server *io,
                     bell_conn conn, struct bell_http_request *request, const bell_message *message);
bell_status fragment(struct bell_ws_server *ws, struct bell_http_server *http, struct bell_io_server *io,
                     bell_conn conn, struct bell_http_request *request, const bell_message *message)
{
    bell_status st = BELL_OK;
${code}
    return st;
}
`;

const runs = promisify(execFile);
let folder;
let sanitize;
let hasLws;
const programs = new Map();

async function echoes(server, line = "GET / HTTP/1.1") {
    const ws = await openWebSocket(server, { line });
    ws.write(frame(TEXT, "hello 안녕"));
    await expectFrame(ws, TEXT, "hello 안녕");
    await closeInOrder(ws);
}

async function relays(server) {
    const [ann, ben] = [await openWebSocket(server), await openWebSocket(server)];
    ann.write(frame(TEXT, "hello"));
    await expectFrame(ben, TEXT, "hello");
    for (const one of [ann, ben]) await closeInOrder(one);
}

/** By the name of a program: how it is run, and what it must do. */
const DRIVERS = {
    "ten-lines": { options: { silent: true, hasDrain: false }, drive: (server) => echoes(server) },
    "taken-apart": { drive: (server) => echoes(server, "GET /echo HTTP/1.1") },
    worker: {
        options: { silent: true, hasDrain: false },
        async drive(server) {
            const ws = await openWebSocket(server, { line: "GET / HTTP/1.1" });
            ws.write(frame(TEXT, "abc"));
            await expectFrame(ws, BINARY, Buffer.from("cba"));
            await closeInOrder(ws);
        },
    },
    "ratchet-chat": { options: { silent: true, hasDrain: false }, drive: (server) => relays(server) },
    readme: { options: { silent: true, hasDrain: false }, drive: (server) => relays(server) },
    // It connects instead of listening, so it is run against the echo server, and against nobody.
    client: {
        async run(program) {
            let port;
            await BellServer.during({}, async (server) => {
                port = server.port;
                const { stdout, stderr } = await runs(program, [`ws://127.0.0.1:${port}/`]);
                assert.equal(stdout, "hello\n");
                assert.equal(withoutLog(stderr), "");
            });
            const { stderr } = await runs(program, [`ws://127.0.0.1:${port}/`]);
            assert.equal(withoutLog(stderr), "the peer refused (HTTP status 0)\n");
        },
    },
    later: {
        options: { silent: true, hasDrain: false },
        async drive(server) {
            const wire = await Wire.connect(server.port);
            wire.write(request("GET /question HTTP/1.1"));
            const answer = await wire.response();
            assert.equal(answer.status, 200);
            assert.equal(answer.body.toString(), "42\n");
            wire.destroy();
        },
    },
};

async function compile(name, code, flags) {
    const source = join(folder, `${name}.c`);
    await writeFile(source, code);
    try {
        await runs("cc", [...WARNINGS, `-I${join(ROOT, "include")}`, source, ...flags]);
    } catch (error) {
        assert.fail(error.stderr || error.message);
    }
}

async function build(name, code) {
    const program = join(folder, name);
    const library = join(BUILD, "src/bell");
    // The address stands for any free port here.
    const free = code.replaceAll("127.0.0.1:8080", "127.0.0.1:0");
    await compile(name, free, ["-o", program, ...sanitize, "-pthread", `-L${library}`, "-lbell", `-Wl,-rpath,${library}`]);
    return program;
}

/** Blocks of a page: { where, info, code }. */
function blocksOf(page, text) {
    const blocks = [];
    for (const match of text.matchAll(/^```c(?: ([\w-]+))?\n([^]*?)^```$/gm)) {
        const line = text.slice(0, match.index).split("\n").length;
        blocks.push({ where: `${page.replace(/\W/g, "_")}_line_${line}`, info: match[1] ?? "", code: match[2] });
    }
    return blocks;
}

const pages = (await readdir(GUIDE)).filter((name) => name.endsWith(".md")).sort().map((name) => join(GUIDE, name));
pages.push(join(ROOT, "README.md"), join(ROOT, "examples/README.md"));
const blocks = [];
for (const page of pages) blocks.push(...blocksOf(page.slice(ROOT.length), await readFile(page, "utf8")));

before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bell-docs-"));
    const options = JSON.parse((await runs("meson", ["introspect", "--buildoptions", BUILD], { maxBuffer: 1 << 24 })).stdout);
    const { value } = options.find((option) => option.name === "b_sanitize");
    sanitize = value === "none" ? [] : [`-fsanitize=${value}`];
    hasLws = await runs("pkg-config", ["--exists", "libwebsockets"]).then(() => true, () => false);
});

after(async () => {
    await rm(folder, { recursive: true, force: true });
});

for (const { where, info, code } of blocks) {
    if (info === "lws") {
        test(`${where}_compiles`, async (t) => {
            if (!hasLws) return t.skip("libwebsockets-dev is not installed");
            await compile(where, `#include <libwebsockets.h>\n#include <stdlib.h>\n#include <string.h>\n${code}`,
                [...FRAGMENT, "-Wno-error=deprecated-declarations"]);
        });
    } else if (info !== "") {
        programs.set(info, where);
        test(`${where}_${info}_runs`, async () => {
            const driver = DRIVERS[info];
            assert.ok(driver, `no driver for the program ${info}`);
            const program = await build(info, code);
            if (driver.run) await driver.run(program);
            else await BellServer.during({ program, address: [], ...driver.options }, driver.drive);
        });
    } else {
        test(`${where}_compiles`, () =>
            compile(where, /^\{$/m.test(code) ? HEADERS + code : inFunction(code), FRAGMENT));
    }
}

test("the_guide_has_every_program_that_is_driven_here", () => {
    assert.deepEqual([...programs.keys()].sort(), Object.keys(DRIVERS).sort());
});

test("the_index_has_every_page_and_the_list_every_example", async () => {
    const index = await readFile(join(GUIDE, "index.md"), "utf8");
    for (const name of (await readdir(GUIDE)).filter((one) => one !== "index.md")) {
        assert.ok(index.includes(`](${name})`), `index.md does not name ${name}`);
    }
    const list = await readFile(join(ROOT, "examples/README.md"), "utf8");
    for (const name of (await readdir(join(ROOT, "examples"))).filter((one) => one.endsWith(".c"))) {
        assert.ok(list.includes(`](${name})`), `examples/README.md does not name ${name}`);
    }
});

test("links_of_the_guide_lead_somewhere", async () => {
    for (const page of pages) {
        const text = (await readFile(page, "utf8")).replace(/^```[^]*?^```$/gm, "");
        for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
            await assert.doesNotReject(readFile(join(page, "..", target)).catch((error) => {
                if (error.code !== "EISDIR") throw error;
            }), `${page}: ${target}`);
        }
    }
});

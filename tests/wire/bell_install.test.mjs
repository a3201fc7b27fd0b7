// libbell as others take it: installed into a folder of its own, found by pkg-config, and the examples
// compiled out of the tree against it, shared and static, and run.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { closeInOrder, expectFrame, frame, openWebSocket, TEXT } from "../support/bell_frames.mjs";
import { BellServer, BUILD } from "../support/bell_server.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLES = join(ROOT, "examples");
const VERSION = /^ {2}version: '(\d+)\.(\d+)\.(\d+)'/m.exec(await readFile(join(ROOT, "meson.build"), "utf8"));
const SONAME = `libbell.so.${VERSION[1] === "0" ? `0.${VERSION[2]}` : VERSION[1]}`;
const runs = promisify(execFile);

let folder;
let options;
let libdir;

/** Fails with what the program said. */
async function run(program, args, more = {}) {
    try {
        return (await runs(program, args, { maxBuffer: 1 << 24, ...more })).stdout;
    } catch (error) {
        throw new Error(`${program} ${args.join(" ")}: ${error.stderr || error.stdout || error.message}`);
    }
}

async function pkgConfig(...args) {
    const out = await run("pkg-config", [...args, "libbell"], {
        env: { ...process.env, PKG_CONFIG_PATH: join(libdir, "pkgconfig"), PKG_CONFIG_SYSROOT_DIR: folder },
    });
    return out.trim().split(/\s+/).filter((word) => word !== "");
}

/** A build with sanitizers makes a library that wants them in the program too. */
const sanitizers = () => (options.b_sanitize === "none" ? [] : [`-fsanitize=${options.b_sanitize}`]);

/** By the letter of the standard, as strict as projects are that use libbell. */
const WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wno-unused-parameter", "-Werror"];
const LANGUAGES = { cc: ["-std=c17", "-D_GNU_SOURCE"], "g++": ["-std=c++17", "-Wold-style-cast"] };

async function compile(compiler, source, name, libraries) {
    const program = join(folder, name);
    await run(compiler, [...LANGUAGES[compiler], ...WARNINGS, ...sanitizers(), "-o", program,
        source, ...await pkgConfig("--cflags"), ...libraries]);
    return program;
}

const shared = async () => [...await pkgConfig("--libs"), `-Wl,-rpath,${libdir}`];
const fixed = async () => (await pkgConfig("--static", "--libs"))
    .map((word) => (word === "-lbell" ? "-l:libbell.a" : word));

const needed = async (program) =>
    [...(await run("readelf", ["-d", program])).matchAll(/NEEDED.*\[(.*)\]/g)].map((match) => match[1]);

before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bell-install-"));
    options = Object.fromEntries(JSON.parse(await run("meson", ["introspect", "--buildoptions", BUILD]))
        .map(({ name, value }) => [name, value]));
    await run(join(ROOT, "tools/install.sh"), [BUILD], {
        env: { ...process.env, PREFIX: options.prefix, LIBDIR: options.libdir, DESTDIR: folder },
    });
    libdir = join(folder, options.prefix, options.libdir);
});

after(async () => {
    await rm(folder, { recursive: true, force: true });
});

test("installs_libraries_headers_and_program", async () => {
    const libraries = await readdir(libdir);
    for (const name of ["libbell.a", "libbell.so", SONAME, `libbell.so.${VERSION.slice(1).join(".")}`]) {
        assert.ok(libraries.includes(name), `${name} among ${libraries}`);
    }
    // Not a thin archive, which only names files of the build folder.
    assert.equal((await readFile(join(libdir, "libbell.a"))).subarray(0, 8).toString("latin1"), "!<arch>\n");
    const sort = async (path) => (await readdir(path)).sort();
    assert.deepEqual(await sort(join(folder, options.prefix, "include/bell")), await sort(join(ROOT, "include/bell")));
    assert.ok((await readdir(join(folder, options.prefix, "bin"))).includes("deskbell"));
    const manual = join(folder, options.prefix, options.mandir);
    for (const page of ["man1/deskbell.1", "man3/libbell.3", "man3/bell_ws_server.3", "man3/bell_ws_send.3", "man5/deskbell.conf.5"]) {
        assert.match(await readFile(join(manual, page), "utf8"), /^\.Sh NAME$/m);
    }
});

test("every_public_call_and_type_has_a_manual_page_that_explains_it", async () => {
    const include = join(folder, options.prefix, "include/bell");
    const names = [];
    for (const header of await readdir(include)) {
        const text = await readFile(join(include, header), "utf8");
        // Types with fields or values, the table of callbacks, those for callbacks, plain ones; and calls.
        for (const shape of [/^\} (bell_\w+);$/gm, /^struct (bell_\w+) \{$/gm, /^typedef .*\(\*(bell_\w+)\)/gm,
            /^typedef \w+ (bell_\w+);$/gm, /\b(bell_\w+?)(?<!_sized)\([^()]*\);$/gm]) {
            names.push(...[...text.matchAll(shape)].map((match) => match[1]));
        }
    }
    for (const name of ["bell_ws_options", "bell_component", "bell_ws_task_fn", "bell_conn", "bell_ws_close"]) {
        assert.ok(names.includes(name), `${name} is not looked for`);
    }
    for (const name of names.filter((one) => !one.endsWith("_sized"))) {
        const page = await readFile(join(folder, options.prefix, options.mandir, "man3", `${name}.3`), "utf8");
        assert.match(page, new RegExp(`^\\.Ss (?:[\\w ]+, )*(?:struct )?${name}(?:,|$)`, "m"), name);
    }
});

test("tells_its_version_to_pkg_config", async () => {
    assert.deepEqual(await pkgConfig("--modversion"), [VERSION.slice(1).join(".")]);
});

for (const [kind, libraries] of [["shared", shared], ["static", fixed]]) {
    test(`examples_compile_against_the_${kind}_library`, async () => {
        for (const file of (await readdir(EXAMPLES)).filter((name) => name.endsWith(".c"))) {
            const name = file.slice(0, -2);
            const program = await compile("cc", join(EXAMPLES, file), `${name}-${kind}`, await libraries());
            assert.equal((await needed(program)).includes(SONAME), kind === "shared", program);
        }
    });

    test(`an_example_with_the_${kind}_library_serves`, async () => {
        const program = await compile("cc", join(EXAMPLES, "echo.c"), `echo-${kind}-runs`, await libraries());
        await BellServer.during({ program, address: ["127.0.0.1:0"], hasDrain: false }, async (server) => {
            const ws = await openWebSocket(server);
            ws.write(frame(TEXT, Buffer.from("taken")));
            await expectFrame(ws, TEXT, Buffer.from("taken"));
            await closeInOrder(ws);
        });
    });
}

for (const [compiler, ending] of [["cc", "c"], ["g++", "cpp"]]) {
    test(`every_header_compiles_alone_with_${compiler === "cc" ? "c" : "c_plus_plus"}`, async () => {
        const headers = await readdir(join(folder, options.prefix, "include/bell"));
        assert.ok(headers.includes("bell.h"));
        for (const header of headers) {
            const source = join(folder, `${header}.${ending}`);
            await writeFile(source, `#include <bell/${header}>\n#include <bell/${header}>\n`);
            await run(compiler, [...LANGUAGES[compiler], ...WARNINGS, ...await pkgConfig("--cflags"), "-fsyntax-only", source]);
        }
    });
}

test("a_program_in_c_plus_plus_runs_with_it", async () => {
    const source = join(folder, "version.cpp");
    await writeFile(source, `#include <bell/bell.h>
#include <cstdio>
int main()
{
    bell_ws_options options;
    bell_ws_options_init(&options);
    bell_ws_server *ws = nullptr;
    bell_component nothing = {};
    bell_status st = bell_ws_server_create(&nothing, &options, &ws);
    bell_ws_server_destroy(ws);
    bell_slice text = bell_slice_make("abcd", 3);
    std::printf("%s %s %.*s\\n", bell_version(), bell_status_name(st), BELL_FMT(text));
}
`);
    const program = await compile("g++", source, "version", await shared());
    assert.equal(await run(program, []), `${VERSION.slice(1).join(".")} BELL_OK abc\n`);
});

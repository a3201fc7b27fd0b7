// The manual pages as they are installed: clean, complete, and one for each public header.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { BUILD } from "../support/bell_server.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const runs = promisify(execFile);
const hasMandoc = await runs("mandoc", ["-T", "lint", "/dev/null"]).catch((error) => error.code !== "ENOENT");

const inDocs = (await readdir(join(ROOT, "docs/man"))).filter((name) => /\.[1-8]$/.test(name))
    .map((name) => join(ROOT, "docs/man", name));
const built = (await readdir(join(BUILD, "docs/man"))).filter((name) => /\.[1-8]$/.test(name))
    .map((name) => join(BUILD, "docs/man", name));
const headers = (await readdir(join(ROOT, "include/bell"))).filter((name) => name !== "bell.h").sort();

test("every_header_has_a_page_and_libbell_names_it", async () => {
    const overview = await readFile(join(ROOT, "docs/man/libbell.3"), "utf8");
    for (const header of headers) {
        const name = `bell_${header.replace(".h", "")}`;
        assert.ok(built.includes(join(BUILD, "docs/man", `${name}.3`)), `${name}.3: add it to docs/man/meson.build`);
        assert.ok(overview.includes(`Xr ${name} 3`), `libbell.3 does not name ${name}`);
    }
});

test("every_public_call_is_in_a_synopsis_and_explained", async () => {
    const names = [...(await readFile(join(ROOT, "src/bell/libbell.map"), "utf8")).matchAll(/^ {4}(\w+);$/gm)]
        .map((match) => match[1]);
    const pages = (await Promise.all(built.map((page) => readFile(page, "utf8")))).join("\n");
    for (const name of names) {
        const call = name.replace(/_sized$/, "");
        assert.ok(pages.includes(`.Fo ${call}\n`), `${call} in no synopsis`);
        const explained = new RegExp(`^\\.Ss (?:\\w+, )*${call}(?:, \\w+)*\\n(?!\\.S)`, "m");
        assert.ok(explained.test(pages), `${call} is not explained`);
    }
    assert.doesNotMatch(pages, /^\.Ss bell_.*\n\.S/m, "an inline call without an explanation");
});

for (const page of [...inDocs, ...built]) {
    test(`${page.split("/").at(-1)}_has_no_warnings`, async (t) => {
        if (!hasMandoc) return t.skip("mandoc is not installed");
        // References to pages that are not installed on this machine are no fault of the page.
        const { stdout } = await runs("mandoc", ["-T", "lint", "-W", "warning", page]).catch((error) => error);
        assert.equal(stdout, "");
    });
}

test("deskbell.conf.5_has_every_option_of_the_server", async () => {
    const page = await readFile(join(BUILD, "docs/man/deskbell.conf.5"), "utf8");
    const table = await readFile(join(ROOT, "src/desk/config/options.c"), "utf8");
    const options = [...table.matchAll(/\{\.name = "([\w-]+)"/g)].map((match) => match[1]);
    assert.ok(options.length > 10);
    for (const option of options) assert.ok(page.includes(`.It Cm ${option}`), option);
});

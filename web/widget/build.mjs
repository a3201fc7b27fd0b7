/*
 * Builds dist/w.js (the launcher) and dist/assets/ (the chat and its languages), and holds the byte budgets: the
 * build fails when one is exceeded. Sizes are brotli at its best, as the server sends them.
 */

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "vite";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");
/* The one place that says it is the build of the whole. */
const version = /version: '([^']+)'/.exec(readFileSync(join(root, "../../meson.build"), "utf8"))[1];

const LAUNCHER_MAX_BYTES = 10 * 1024;
const CHAT_MAX_BYTES = 30 * 1024;

/* The oldest browsers that know constructed style sheets. */
const target = ["chrome99", "firefox101", "safari16.4"];

/* Vite's helper loads style sheets and preloads for an import(); ours has neither, and the helper would be in the chat. */
const plainImports = {
  name: "plain-imports",
  enforce: "pre",
  load: (id) =>
    id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : null,
};

function settings(define, rollupOptions) {
  return {
    root,
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    plugins: [plainImports],
    define: { "process.env.NODE_ENV": '"production"', ...define },
    esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
    build: {
      target,
      outDir: dist,
      emptyOutDir: false,
      minify: "esbuild",
      modulePreload: false,
      reportCompressedSize: false,
      assetsInlineLimit: 0,
      rollupOptions,
    },
  };
}

async function buildChat() {
  const result = await build(
    settings(
      {},
      {
        input: { chat: join(root, "src/chat/main.tsx") },
        preserveEntrySignatures: "strict",
        output: {
          format: "es",
          entryFileNames: "assets/[name]-[hash].js",
          chunkFileNames: "assets/[name]-[hash].js",
        },
      },
    ),
  );
  const entry = result.output.find((chunk) => chunk.type === "chunk" && chunk.isEntry);
  return entry.fileName.replace("assets/", "");
}

function buildLauncher(chatFile) {
  return build(
    settings(
      { __CHAT_FILE__: JSON.stringify(chatFile), __VERSION__: JSON.stringify(version) },
      {
        input: join(root, "src/launcher/main.ts"),
        output: { format: "iife", entryFileNames: "w.js", inlineDynamicImports: true },
      },
    ),
  );
}

function brotliBytes(file) {
  const bytes = readFileSync(join(dist, file));
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }).length;
}

/* A visitor loads the launcher, the chat and at most one language file. */
function checkBudgets(chatFile) {
  const launcher = brotliBytes("w.js");
  const chat = brotliBytes(`assets/${chatFile}`);
  const others = readdirSync(join(dist, "assets")).filter((file) => file !== chatFile);
  const largest = Math.max(0, ...others.map((file) => brotliBytes(`assets/${file}`)));
  const all = launcher + chat + largest;
  const line = (name, size, max) =>
    `  ${name}  ${size.toLocaleString("en")} of ${max.toLocaleString("en")} bytes\n`;
  process.stdout.write(
    `widget, brotli:\n${line("launcher       ", launcher, LAUNCHER_MAX_BYTES)}${line("launcher + chat", all, CHAT_MAX_BYTES)}`,
  );
  if (launcher > LAUNCHER_MAX_BYTES || all > CHAT_MAX_BYTES) {
    throw new Error("The widget is over its byte budget.");
  }
}

rmSync(dist, { recursive: true, force: true });
const chatFile = await buildChat();
await buildLauncher(chatFile);
checkBudgets(chatFile);

import { defineConfig } from "vite";

// The server packs dist/ into its binary and serves it below /console/ under a strict content policy, so
// nothing may be inlined: no data: addresses, no inline scripts or styles.
export default defineConfig({
  base: "/console/",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    outDir: "dist",
    assetsDir: "assets",
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});

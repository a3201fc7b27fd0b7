import { defineConfig } from "vitest/config";

// One run over all workspaces. A folder that needs the DOM says so in its files:
//     // @vitest-environment jsdom
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  test: {
    include: ["*/src/**/*.test.{ts,tsx}", "*/test/**/*.test.{ts,tsx}"],
    passWithNoTests: true,
  },
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

import { fingerprint } from "./sources.ts";

const ROOT = fileURLToPath(new URL(".", import.meta.url));
const OUTPUT = fileURLToPath(new URL("../airflow_clarify/plugin/static", import.meta.url));

/** Leaves beside the built files what they were built from. */
function builtFrom(): Plugin {
  return {
    name: "built-from",
    apply: "build",
    closeBundle() {
      writeFileSync(join(OUTPUT, "built-from.json"), `${JSON.stringify({ sources_sha256: fingerprint(ROOT) }, null, 2)}\n`);
    },
  };
}

export default defineConfig({
  // Airflow may be served below any path: every address is relative to the page's own.
  base: "./",
  plugins: [react(), builtFrom()],
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    modulePreload: false,
    license: { fileName: "third-party-licenses.md" },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  test: { include: ["src/**/*.test.ts"] },
});

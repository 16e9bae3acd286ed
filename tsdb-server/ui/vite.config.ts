import process from "node:process";
import { defineConfig } from "vite";

// Paths are relative, so that the page also works below /tenant/NAME/ and behind a proxy that adds a
// prefix. Nothing is inlined: the server's content security policy lets the page load files of its own alone.
export default defineConfig({
  base: "./",
  build: {
    outDir: "build",
    target: "es2022",
    assetsInlineLimit: 0,
    sourcemap: false,
    modulePreload: { polyfill: false },
    license: { fileName: "assets/licences.md" },
    chunkSizeWarningLimit: 1000,
  },
  server: {
    proxy: { "/api": { target: process.env.TSDB_URL ?? "http://127.0.0.1:7201" } },
  },
});

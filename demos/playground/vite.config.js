/**
 * Builds and serves the playground. The compiler's two large files stay where npm put them and are
 * served under /clang/; they are not part of the bundle.
 *
 * `NIDUS_ISOLATED=1` sends the headers that make the page cross-origin isolated; it works without.
 */

import { createReadStream, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const root = fileURLToPath(new URL("../..", import.meta.url));
const TYPES = /** @type {Record<string, string>} */ ({
  "llvm.core.wasm": "application/wasm",
  "llvm-resources.tar": "application/x-tar",
});

/** @type {import("vite").Connect.NextHandleFunction} */
function serveCompiler(request, response, next) {
  const name = (request.url ?? "").split("?")[0]?.match(/\/clang\/([^/]+)$/)?.[1] ?? "";
  const type = TYPES[name];
  if (type === undefined) return next();
  const file = `${root}node_modules/@yowasp/clang/gen/${name}`;
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", statSync(file).size);
  response.setHeader("Cache-Control", "max-age=86400");
  createReadStream(file).pipe(response);
}

/** @type {import("vite").Plugin} */
const compiler = {
  name: "nidus-compiler",
  configureServer: (server) => void server.middlewares.use(serveCompiler),
  configurePreviewServer: (server) => void server.middlewares.use(serveCompiler),
};

const headers = process.env.NIDUS_ISOLATED
  ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }
  : {};

export default defineConfig({
  base: "./",
  resolve: { alias: { nidus: fileURLToPath(new URL("../../web/nidus.js", import.meta.url)) } },
  plugins: [compiler],
  worker: { format: "es" },
  build: { target: "es2022", chunkSizeWarningLimit: 1000 },
  server: { headers, fs: { allow: [root] } },
  preview: { headers },
});

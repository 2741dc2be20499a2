// Bytes shipped: the modules as they are, and the JavaScript of a page (the page's side and the worker,
// shared parts counted once) bundled and minified.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

export const name = "sizes";

const WEB = new URL("../../web/", import.meta.url);
const KB = 1000;
/** Limits before compression, in bytes. */
const MODULES = [
  { file: "kernel.wasm", limit: 100 * KB },
  { file: "kernel.shared.wasm", limit: undefined },
  { file: "archive.wasm", limit: 15 * KB },
  { file: "toolchain.wasm", limit: 40 * KB },
  { file: "engine.wasm", limit: 220 * KB },
  { file: "rewrite.wasm", limit: 115 * KB },
];
const PAGE = ["nidus.js", "worker.js"];
const PAGE_LIMIT = 40 * KB;

/** @param {Report} report @typedef {import("./report.js").Report} Report */
export async function run(report) {
  /** @type {string[][]} */
  const rows = [];
  /** @param {string} what @param {Uint8Array} bytes @param {number} [limit] */
  const weigh = (what, bytes, limit) => {
    const packed = [gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
    rows.push([what, ...[bytes.length, ...packed].map((size) => size.toLocaleString("en"))]);
    const share = limit === undefined ? "" : ` of ${limit.toLocaleString("en")}`;
    report.ratio(
      `${what}: ${bytes.length.toLocaleString("en")}${share} bytes`,
      limit === undefined ? undefined : bytes.length <= limit,
    );
  };
  for (const { file, limit } of MODULES)
    try {
      weigh(file, readFileSync(new URL(file, WEB)), limit);
    } catch {
      report.note(`absent: ${file} is not built; run \`npm run setup\` first`);
    }
  weigh("page's JavaScript", await bundle(), PAGE_LIMIT);
  report.table(["bytes", "raw", "gzip", "brotli"], rows);
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: PAGE.map((file) => fileURLToPath(new URL(file, WEB))),
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    outdir: "out",
    write: false,
    logLevel: "silent",
  });
  return Buffer.concat(outputFiles.map((file) => file.contents));
}

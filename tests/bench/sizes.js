// Bytes shipped: the modules as they are, and the JavaScript of a page (the page's side and the worker,
// shared parts counted once) bundled and minified, against what the package's tests hold them to.
import { readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { FILES, PAGE_LIMIT, PARTS, javascript, web } from "../package/sizes.js";

export const name = "sizes";

/** @param {Report} report @typedef {import("./report.js").Report} Report */
export async function run(report) {
  /** @type {string[][]} */
  const rows = [];
  /** @param {string} what @param {Uint8Array} bytes @param {number} limit */
  const weigh = (what, bytes, limit) => {
    const packed = [gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
    rows.push([what, ...[bytes.length, ...packed].map((size) => size.toLocaleString("en"))]);
    report.ratio(
      `${what}: ${bytes.length.toLocaleString("en")} of ${limit.toLocaleString("en")} bytes`,
      bytes.length <= limit,
    );
  };
  for (const [file, limit] of FILES)
    try {
      weigh(file, readFileSync(web + file), limit);
    } catch {
      report.note(`absent: ${file} is not built; run \`npm run setup\` first`);
    }
  const { boot, later, parts } = await javascript();
  weigh("page's JavaScript", Buffer.concat([boot, later]), PAGE_LIMIT);
  for (const [i, { what, limit }] of PARTS.entries())
    weigh(`JavaScript for ${what}`, parts[i], limit);
  report.table(["bytes", "raw", "gzip", "brotli"], rows);
}

/** What a page has to download: the limits are promises of the README. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = fileURLToPath(new URL("../../web/", import.meta.url));

for (const [name, limit] of /** @type {const} */ ([
  ["kernel.wasm", 100_000],
  ["kernel.shared.wasm", 100_000],
  ["engine.wasm", 220_000],
])) {
  test(`${name} is at most ${limit / 1000} KB, uncompressed`, (t) => {
    const { size } = statSync(web + name);
    t.diagnostic(`${name}: ${size} bytes`);
    assert.ok(size <= limit, `${name} is ${size} bytes`);
  });
}

test("the host's JavaScript for browsers is at most 40 KB, minified and uncompressed", async (t) => {
  const result = await build({
    entryPoints: [`${web}nidus.js`, `${web}worker.js`],
    bundle: true,
    // What both sides use is downloaded twice, so it is counted twice.
    splitting: false,
    minify: true,
    format: "esm",
    target: "es2022",
    outdir: "/nowhere",
    write: false,
    external: ["*.wasm", "node:*"],
    logLevel: "silent",
  });
  const sizes = result.outputFiles.map((file) => file.contents.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  t.diagnostic(
    `nidus.js and worker.js with all they import: ${sizes.join(" + ")} = ${total} bytes`,
  );
  assert.ok(total <= 40_000, `${total} bytes`);
});

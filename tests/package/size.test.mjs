/** What a page has to download: the limits are promises of the README. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = fileURLToPath(new URL("../../web/", import.meta.url));

test("kernel.wasm and kernel.shared.wasm are at most 100 KB each, uncompressed", (t) => {
  for (const name of ["kernel.wasm", "kernel.shared.wasm"]) {
    const { size } = statSync(web + name);
    t.diagnostic(`${name}: ${size} bytes`);
    assert.ok(size <= 100_000, `${name} is ${size} bytes`);
  }
});

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

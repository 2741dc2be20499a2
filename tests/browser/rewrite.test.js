/** The rewriter's modules on a host that has all of WebAssembly 3.0. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assemble } from "../spec/assemble.mjs";
import { LIMIT, openBlank } from "./chromium.js";

const corpus = new URL("../fuzz/corpus/rewrite/", import.meta.url);

for (const name of ["control", "exceptions", "legacy", "objects"]) {
  test(`rewritten ${name} computes what it did, and counts the same however it is sliced`, async (t) => {
    const { page } = await openBlank(t);
    const bytes = [...(await assemble(readFileSync(new URL(`${name}.wat`, corpus), "latin1")))];
    const found = await page.evaluate(async (bytes) => {
      const { Engine } = /** @type {typeof import("../../web/engine.js")} */ (
        await import(/** @type {string} */ ("/web/engine.js"))
      );
      const { compareSlices } = /** @type {typeof import("../unit/engine/slices.js")} */ (
        await import(/** @type {string} */ ("/tests/unit/engine/slices.js"))
      );
      const engine = await Engine.create();
      const plain = Uint8Array.from(bytes);
      const made = new engine.Module(plain).rewrite({ checks: true, globals: true }).bytes;
      return compareSlices(WebAssembly, plain, made);
    }, bytes);
    assert.deepEqual(found.faults, []);
    assert.ok(found.calls >= 80, `${found.calls} calls`);
  });
}

test("the specification's own tests pass when every module is rewritten", LIMIT, (t) => {
  const run = fileURLToPath(new URL("../spec/run.mjs", import.meta.url));
  const args = [run, "--chromium", "--rewritten"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status === 77) return t.skip(stderr);
  assert.equal(status, 0, stdout.match(/^FAILED.*(\n {7}.*)*/gm)?.join("\n") ?? stderr);
  const summary = /^spec: (\d+) passed, 0 failed/m.exec(stdout);
  assert.ok(Number(summary?.[1]) > 35_000, stdout.slice(-300));
});

/** In Chromium, as in Node: during fd_write only wasm lies between the guest and the kernel. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { writesFile } from "../unit/host/support.js";
import { openBlank } from "./chromium.js";

test("in a page only wasm lies between a guest that writes and the kernel", async (t) => {
  const { page } = await openBlank(t);
  const guest = [...(await writesFile("out", "written"))];
  const seen = await page.evaluate(async (bytes) => {
    const proof = /** @type {typeof import("../unit/host/direct.js")} */ (
      await import(/** @type {string} */ ("/tests/unit/host/direct.js"))
    );
    const result = await proof.watchWrites(undefined, Uint8Array.from(bytes));
    return { ...result, between: result.stacks.map(proof.between) };
  }, guest);
  assert.equal(seen.status.code, 0);
  assert.equal(seen.written, "written");
  assert.deepEqual(Object.keys(seen.calls), ["now"]);
  assert.ok(
    seen.between.some(({ modules }) => modules.length === 3),
    "guest, gate and kernel",
  );
  for (const { scripts } of seen.between) assert.deepEqual(scripts, []);
});

test("in a page the bridge copies without JavaScript, and programs wait through JSPI", async (t) => {
  const { page } = await openBlank(t);
  const abilities = await page.evaluate(async () => {
    const [bridge, process] = await Promise.all([
      /** @type {Promise<typeof import("../../web/bridge.js")>} */ (
        import(/** @type {string} */ ("/web/bridge.js"))
      ),
      /** @type {Promise<typeof import("../../web/process.js")>} */ (
        import(/** @type {string} */ ("/web/process.js"))
      ),
    ]);
    return { multiMemory: bridge.hasMultiMemory(), jspi: process.hasJSPI() };
  });
  assert.deepEqual(abilities, { multiMemory: true, jspi: true });
});

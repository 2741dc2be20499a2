/** The engine on a page's main thread, without shared memory: a guest runs or waits, the page lives on. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assemble } from "../spec/assemble.mjs";
import { LIMIT, openBlank } from "./chromium.js";

test("an endless guest leaves the page its frames, and stops when it is told to", async (t) => {
  const { page } = await openBlank(t);
  const spin = [...(await assemble(`(module (func (export "spin") (loop (br 0))))`))];
  const seen = await page.evaluate(async (bytes) => {
    const { Engine } = /** @type {typeof import("../../web/engine.js")} */ (
      await import(/** @type {string} */ ("/web/engine.js"))
    );
    const engine = await Engine.create();
    const { instance } = await engine.instantiate(Uint8Array.from(bytes));
    const stop = new AbortController();
    let frames = 0;
    const frame = () => (++frames === 20 ? stop.abort() : requestAnimationFrame(frame));
    requestAnimationFrame(frame);
    const run = engine.promising(/** @type {Function} */ (instance.exports.spin), {
      signal: stop.signal,
    });
    const end = await run().catch((/** @type {Error} */ error) => error.name);
    return { frames, end };
  }, spin);
  assert.deepEqual(seen, { frames: 20, end: "AbortError" });
});

test("a guest that reads a key waits for it, while the page goes on", async (t) => {
  const { page } = await openBlank(t);
  const reader = [
    ...(await assemble(`(module
      (import "page" "key" (func $key (result i32)))
      (func (export "two") (result i32)
        (i32.add (i32.mul (call $key) (i32.const 256)) (call $key))))`)),
  ];
  await page.evaluate(async (bytes) => {
    const { Engine } = /** @type {typeof import("../../web/engine.js")} */ (
      await import(/** @type {string} */ ("/web/engine.js"))
    );
    const engine = await Engine.create();
    const key = engine.suspending(
      () =>
        new Promise((resolve) =>
          addEventListener("keydown", (event) => resolve(event.key.charCodeAt(0)), { once: true }),
        ),
    );
    const { instance } = await engine.instantiate(Uint8Array.from(bytes), { page: { key } });
    const two = engine.promising(/** @type {Function} */ (instance.exports.two));
    Object.assign(globalThis, { answer: two() });
  }, reader);
  await page.keyboard.press("a");
  await page.keyboard.press("b");
  const answer = await page.evaluate(() => Reflect.get(globalThis, "answer"));
  assert.equal(answer, 0x6162);
});

test("random modules of WebAssembly 3.0 do what they do in the browser itself", LIMIT, () => {
  const differential = fileURLToPath(new URL("../fuzz/differential.mjs", import.meta.url));
  const args = [differential, "--chromium", "--seed", "1", "--executions", "1000"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^differential: \d+ modules, \d{4,} executions, .* 0 differ/m);
});

/** Programs with threads in a page: in parallel where it is isolated, and on the interpreter on any. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { assemble } from "../unit/host/support.js";
import { LIMIT, MODES, openBlank } from "./chromium.js";

/** Four threads count to 1,000 each; who is the last one wakes the first thread, which says the sum in four digits. */
const counts = () =>
  assemble(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (import "env" "memory" (memory 1 4 shared))
    (export "memory" (memory 0))
    (func $digit (param $at i32) (param $unit i32)
      (i32.store8 (local.get $at) (i32.add (i32.const 48)
        (i32.rem_u (i32.div_u (i32.load (i32.const 4)) (local.get $unit)) (i32.const 10)))))
    (func (export "_start") (local $seen i32)
      (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))
      (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))
      (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))
      (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))
      (block $done (loop $again
        (local.set $seen (i32.atomic.load (i32.const 0)))
        (br_if $done (i32.eq (local.get $seen) (i32.const 4)))
        (drop (memory.atomic.wait32 (i32.const 0) (local.get $seen) (i64.const -1)))
        (br $again)))
      (call $digit (i32.const 32) (i32.const 1000)) (call $digit (i32.const 33) (i32.const 100))
      (call $digit (i32.const 34) (i32.const 10)) (call $digit (i32.const 35) (i32.const 1))
      (i32.store (i32.const 16) (i32.const 32)) (i32.store (i32.const 20) (i32.const 4))
      (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
    (func (export "wasi_thread_start") (param $tid i32) (param $arg i32) (local $i i32)
      (loop $more
        (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $i) (i32.const 1000))))
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
      (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))))`);

for (const { mode, isolated } of MODES) {
  test(`${mode}: a program with threads runs, on each tier that there is`, LIMIT, async (t) => {
    const { page } = await openBlank(t, { isolated });
    const bytes = JSON.stringify([...(await counts())]);
    const answer = await page.evaluate(`(async () => {
      const system = await Nidus.boot();
      const run = async (tier) => {
        const { code, stdout, trap } = await system.exec(Uint8Array.from(${bytes}), [], { tier });
        return [code, stdout, trap];
      };
      return { interp: await run("interp"), auto: await run("auto"),
        direct: await run("direct").catch(({ message }) => message.slice(0, 35)) };
    })()`);
    const good = [0, "4000", null];
    assert.deepEqual(answer, {
      interp: good,
      auto: good,
      direct: isolated ? good : "ENOTSUP: program has threads; the d",
    });
  });
}

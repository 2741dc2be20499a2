/** How programs of `nidus run` wait for standard input: as long as it takes, without looking again and again. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import { FdInput, waitFor } from "../../../node/stdio.js";
import { System } from "../../../node/system.js";
import { ENGINE, KERNEL, guest } from "./support.js";

const folder = fs.mkdtempSync(join(tmpdir(), "nidus-waiting-"));
after(() => fs.rmSync(folder, { recursive: true }));

/** Subscribes to input at 64, to the monotonic clock in `milliseconds` at 112; exits with what comes first. */
const waits = (/** @type {number} */ milliseconds) =>
  guest(
    `(i64.store (i32.const 64) (i64.const 1))
     (i32.store8 (i32.const 72) (i32.const 1))
     (i64.store (i32.const 112) (i64.const 2))
     (i32.store (i32.const 128) (i32.const 1))
     (i64.store (i32.const 136) (i64.const ${milliseconds * 1e6}))
     (call $check (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 2) (i32.const 24)))
     (call $proc_exit (i32.load (i32.const 256)))`,
    { uses: ["poll_oneoff"] },
  );

/** A pipe that has no end, as this process has both. */
function pipe(/** @type {string} */ name) {
  const path = join(folder, name);
  execFileSync("mkfifo", [path]);
  return { path, fd: fs.openSync(path, "r+") };
}

for (const tier of /** @type {const} */ (["direct", "interp"])) {
  /**
   * Runs a program with a pipe as its input; also answers how often it was held up.
   * @param {number} fd
   * @param {number} milliseconds
   */
  const run = async (fd, milliseconds) => {
    const stdin = new FdInput(fd);
    let waits_ = 0;
    const system = await System.create({
      kernel: KERNEL,
      engine: () => ENGINE,
      jspi: false,
      waitSync(_pid, kinds, deadline) {
        waits_++;
        waitFor(stdin, kinds, kinds & 1 ? Number(deadline) / 1e6 - performance.now() : Infinity);
      },
    });
    const output = { write: (/** @type {Uint8Array} */ from) => from.length, ready: () => 2 };
    const options = /** @type {const} */ ({ tier, streams: [stdin, output, output] });
    const process = await system.spawn(await waits(milliseconds), [], options);
    const { code } = await process.exit;
    stdin.close();
    return { code, waits: waits_ };
  };

  test(`a program that waits for a clock and input that does not come is held up once, ${tier}`, async () => {
    const { fd } = pipe(`silent-${tier}`);
    const { code, waits } = await run(fd, 300);
    assert.equal(code, 2);
    // The clocks of a host may differ by a little, so that a second look is needed.
    assert.ok(waits <= (tier === "direct" ? 3 : 0), String(waits));
    fs.closeSync(fd);
  });

  test(`a program that waits for a clock and input goes on with the input, ${tier}`, async () => {
    const { path, fd } = pipe(`typed-${tier}`);
    const source = `setTimeout(() => require("node:fs").writeFileSync(${JSON.stringify(path)}, "x"), 50)`;
    const writer = new Worker(source, { eval: true });
    const { code, waits } = await run(fd, 600_000);
    assert.equal(code, 1);
    assert.ok(waits <= (tier === "direct" ? 3 : 0), String(waits));
    await writer.terminate();
    fs.closeSync(fd);
  });
}

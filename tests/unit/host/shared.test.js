/** One system, several threads: kernels over one shared memory, each with processes of its own. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { SHARED_KERNEL, boot, cat, writesFile } from "./support.js";

const TIMES = 300;

test("two threads run programs in one system at once, and nothing is lost", async () => {
  const system = await boot({ shared: true, kernel: SHARED_KERNEL });
  const guest = await writesFile("out", "from a thread");
  const { memory } = system.kernel;
  const workers = ["one", "two"].map((name) => {
    const stack = system.kernel.newStack();
    const workerData = { memory, stack, guest, name, times: TIMES };
    return new Worker(new URL("./shared-worker.js", import.meta.url), { workerData });
  });
  const answers = workers.map((worker) => once(worker, "message"));
  // This thread works in the same tree meanwhile.
  for (let i = 0; i < TIMES; i++) {
    await system.fs.writeFile(`/tmp/${i}`, `contents ${i}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const answer of answers) {
    const [{ codes }] = await answer;
    assert.deepEqual(codes, new Array(TIMES).fill(0));
  }
  for (const name of ["one", "two"]) {
    const folders = await system.fs.readdir(`/${name}`);
    assert.equal(folders.length, TIMES);
    for (const folder of folders) {
      assert.equal(await system.fs.readFile(`/${name}/${folder}/out`, "utf8"), "from a thread");
    }
  }
  for (let i = 0; i < TIMES; i++) {
    assert.equal(await system.fs.readFile(`/tmp/${i}`, "utf8"), `contents ${i}`);
  }
});

test("a thread sees memory that another one made grow", async () => {
  const system = await boot({ shared: true, kernel: SHARED_KERNEL });
  const stack = system.kernel.newStack();
  const other = await boot({
    kernel: SHARED_KERNEL,
    join: { memory: system.kernel.memory, stack },
  });
  const contents = new Uint8Array(20_000_000).fill(7);
  await other.fs.writeFile("/large", contents);
  assert.deepEqual(await system.fs.readFile("/large"), contents);
  const { stdout } = await system.exec(await cat(), [], { stdin: { file: "/large" } });
  assert.equal(stdout.length, contents.length);
});

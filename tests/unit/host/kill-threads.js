/**
 * Programs in workers that are killed at random moments, while they change files, compute, wait, or fill a pipe; what the
 * soak test does a thousand times and the unit test a few.
 */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { fsck } from "../../../node/fsck.js";
import { mountImageFile } from "../../../node/image.js";
import { SHARED_KERNEL, boot, cat, guest, loops, says } from "./support.js";

/** The longest that a program runs before it is killed, in milliseconds. */
const LONGEST = 25;
/** So many run at a time. */
const SIDE_BY_SIDE = 3;
/** The volume is checked after so many. */
const CHECKED = 50;

/** Makes a file, fills it, gives it another's name and takes that away, again and again. */
const churns = guest(
  `(loop $again
     (call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 9)
       (i64.const 0x7ffffff) (i64.const 0x7ffffff) (i32.const 0) (i32.const 32)))
     (call $put (i32.load (i32.const 32)) (i32.const 0) (i32.const 100000))
     (call $check (call $fd_close (i32.load (i32.const 32))))
     (call $check (call $path_rename (i32.const 3) (i32.const 1024) (i32.const 3)
       (i32.const 3) (i32.const 1027) (i32.const 3)))
     (call $check (call $path_unlink_file (i32.const 3) (i32.const 1027) (i32.const 3)))
     (br $again))`,
  { uses: ["path_open", "fd_close", "path_rename", "path_unlink_file"], data: "onetwo" },
);

/** Writes to standard output for ever. */
const fills = guest(
  `(loop $forever (call $put (i32.const 1) (i32.const 0) (i32.const 60000)) (br $forever))`,
);

/**
 * @param {{file: string, times: number, random: (below: number) => number}} options `file`: of the volume
 * @returns {Promise<{longest: number}>} milliseconds from a kill to the end of its process
 */
export async function killAtRandom({ file, times, random }) {
  const system = await boot({ kernel: SHARED_KERNEL, workers: true });
  const volume = await mountImageFile(system, "/home", file);
  const [churn, loop, copy, fill, hello] = [
    await churns,
    await loops(),
    await cat(),
    await fills,
    await says("hello"),
  ];
  let longest = 0;
  for (let done = 0; done < times;) {
    const processes = [];
    for (let i = 0; i < SIDE_BY_SIDE; i++) {
      // Two may work in one folder, and take each other's files away.
      const folder = `/home/${random(2)}-${i % 2}`;
      await system.fs.mkdir(folder, { recursive: true });
      const preopened = { preopens: { ".": folder } };
      const kind = random(10);
      if (kind < 6) processes.push(await system.spawn(churn, [], preopened));
      else if (kind < 7) processes.push(await system.spawn(loop));
      else if (kind < 8) processes.push(await system.spawn(copy));
      else {
        const { reader, writer } = system.pipe();
        processes.push(await system.spawn(fill, [], { stdout: writer }));
        processes.push(await system.spawn(copy, [], { stdin: reader, stdout: "null" }));
      }
    }
    for (const process of processes) {
      await pause(random(LONGEST));
      const begin = performance.now();
      // One whose pipe broke, or whose file another took away, has ended by itself.
      if (process.kill("SIGKILL")) assert.fail("SIGKILL cannot be caught");
      const { signal, code } = await process.exit;
      longest = Math.max(longest, performance.now() - begin);
      assert.ok(
        signal === "SIGKILL" || signal === "SIGPIPE" || code === 44 || code === 0,
        `${code}`,
      );
      done++;
    }
    assert.deepEqual(
      system.processes().map(({ pid }) => pid),
      [1],
    );
    assert.equal((await system.exec(hello)).stdout, "hello");
    if (done % CHECKED < processes.length) assert.deepEqual(await volume.check(), []);
  }
  await system.close();
  volume.close();
  assert.equal(await fsck([file], () => {}), 0);
  return { longest };
}

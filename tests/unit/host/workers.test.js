/** Programs in workers of their own, in Node: at the same time, waiting, and killed at any moment. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Nidus } from "../../../node/index.js";
import { createRandom } from "../../soak/random.js";
import { killAtRandom } from "./kill-threads.js";
import { cat, guest, loops, preopens, says, sleeps, syncsFile, writesFile } from "./support.js";

const boot = (/** @type {import("../../../node/index.js").BootOptions} */ more = {}) =>
  Nidus.boot({ workers: true, ...more });

/** Looks for file `flag` of its first preopen again and again, without ever waiting, until it is there. */
const looksFor = (/** @type {string} */ flag) =>
  guest(
    `(loop $again
       (br_if $again (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024)
         (i32.const ${flag.length}) (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 32))))
     (call $put (i32.const 1) (i32.const 1024) (i32.const ${flag.length}))`,
    { uses: ["path_open"], data: flag },
  );

/** Says that it has begun, then never returns and never waits. */
const beginsAndLoops = guest(
  `(call $put (i32.const 1) (i32.const 1024) (i32.const 5)) (loop $forever (br $forever))`,
  { data: "begun" },
);

/** Writes to standard output for ever. */
const floods = guest(
  `(loop $forever (call $put (i32.const 1) (i32.const 1024) (i32.const 4096)) (br $forever))`,
  { data: "0123456789" },
);

/** @param {ReadableStream<Uint8Array> | null} stream */
async function first(stream) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (stream).getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value);
}

test("two programs run at the same time: one finds what the other makes", async () => {
  const system = await boot();
  const preopened = { preopens: { ".": "/home" } };
  const looker = await system.spawn(await looksFor("flag"), [], { ...preopened, stdout: "pipe" });
  const { code } = await system.exec(await writesFile("flag", "up"), [], preopened);
  assert.equal(code, 0);
  assert.equal(await first(looker.stdout), "flag");
  assert.equal((await looker.exit).code, 0);
  await system.close();
});

test("a program that computes is killed, and others go on", async () => {
  const system = await boot();
  const other = await system.spawn(await cat());
  const victim = await system.spawn(await beginsAndLoops, [], { stdout: "pipe" });
  assert.equal(await first(victim.stdout), "begun");
  victim.kill("SIGKILL");
  assert.deepEqual(await victim.exit, { code: null, signal: "SIGKILL", trap: null });
  const writer = /** @type {WritableStream<Uint8Array>} */ (other.stdin).getWriter();
  writer.write(new TextEncoder().encode("still here"));
  assert.equal(await first(other.stdout), "still here");
  await writer.close();
  assert.equal((await other.exit).code, 0);
  assert.deepEqual(
    system.processes().map(({ pid }) => pid),
    [1],
  );
  await system.close();
});

test("a program that waits for input, or for a clock, is killed where it waits", async () => {
  const system = await boot();
  for (const waits of [await cat(), await sleeps(1e6)]) {
    const process = await system.spawn(waits);
    // That it waits is seen from outside only by that it does not end.
    await system.exec(await says("meanwhile"));
    process.kill("SIGTERM");
    assert.equal((await process.exit).signal, "SIGTERM");
  }
  await system.close();
});

test("a program that writes without end waits for its reader, and is killed", async () => {
  const system = await boot();
  const flood = await system.spawn(await floods, [], { stdout: "pipe" });
  const reader = /** @type {ReadableStream<Uint8Array>} */ (flood.stdout).getReader();
  for (let got = 0; got < 5_000_000;) {
    const { value } = await reader.read();
    for (const [i, byte] of [...(value ?? [])].slice(0, 10).entries()) {
      if (got === 0) assert.equal(byte, 48 + i);
    }
    got += value?.length ?? 0;
  }
  flood.kill("SIGKILL");
  assert.equal((await flood.exit).signal, "SIGKILL");
  await system.close();
});

test("pipes connect programs in different workers, with all that was written", async () => {
  const system = await boot();
  const [one, two] = [system.pipe(), system.pipe()];
  const size = 3_000_000;
  const input = new Uint8Array(size).map((_, i) => 97 + (i % 26));
  await system.spawn(await cat(), [], { input, stdout: one.writer });
  await system.spawn(await cat(), [], { stdin: one.reader, stdout: two.writer });
  const { stdout, code } = await system.exec(await cat(), [], { stdin: two.reader });
  assert.equal(code, 0);
  assert.equal(stdout.length, size);
  assert.equal(stdout, new TextDecoder().decode(input));
  await system.close();
});

test("interpreted programs and those in workers read each other's pipes", async () => {
  const system = await boot();
  for (const tiers of /** @type {const} */ ([
    ["interp", "direct"],
    ["direct", "interp"],
  ])) {
    const { reader, writer } = system.pipe();
    const input = "line\n".repeat(100_000);
    await system.spawn(await cat(), [], { tier: tiers[0], input, stdout: writer });
    const { stdout } = await system.exec(await cat(), [], { tier: tiers[1], stdin: reader });
    assert.equal(stdout, input);
  }
  await system.close();
});

test("a program waits until its files are stored, and one that traps says why", async () => {
  const system = await boot();
  const kept = { type: /** @type {const} */ ("volume"), flushes: 0 };
  const flush = async () => {
    kept.flushes++;
    const mount = system.sync.stat("/kept").mount;
    const { exports } = system.kernel;
    const records = system.kernel.check(exports.nidus_flush_begin(mount), "flush");
    assert.ok(records >= 0);
    await new Promise((resolve) => setImmediate(resolve));
    exports.nidus_flush_end(mount, 0);
  };
  const mount = await system.mount("/kept", { type: "volume", flush });
  system.kernel.ask("nidus_load_end", [], mount, NaN);
  const preopened = { preopens: { ".": "/kept" } };
  const { code } = await system.exec(await syncsFile("file", "text"), [], preopened);
  assert.equal(code, 0);
  assert.ok(kept.flushes > 0);
  const trapped = await system.exec(await guest("unreachable"));
  assert.equal(trapped.code, 134);
  assert.match(trapped.trap?.message ?? "", /unreachable/);
  await system.close();
});

test("folders of this machine are there in every worker", async () => {
  const system = await boot({
    mounts: { "/tests": { type: "host", folder: import.meta.dirname, readOnly: true } },
  });
  const { stdout } = await system.exec(await preopens(), [], { preopens: { tests: "/tests" } });
  assert.equal(stdout, "tests\n");
  const { stdout: text } = await system.exec(await cat(), [], {
    stdin: { file: "/tests/workers.test.js" },
  });
  assert.match(text, /folders of this machine are there/);
  await system.close();
});

test("a volume in one file is filled, read again and synced by programs in workers", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nidus-threads-"));
  try {
    // Memory for a part of it only, so that contents go and come.
    const kept = { volume: `image:${join(folder, "volume")}`, memory: 1 << 20 };
    const contents = new Uint8Array(4_000_000).map((_, i) => 97 + (i % 23));
    const text = new TextDecoder().decode(contents);
    for (const round of [1, 2]) {
      const system = await boot(kept);
      if (round === 1) {
        const preopened = { preopens: { ".": "/home" } };
        assert.equal((await system.exec(await syncsFile("file", "text"), [], preopened)).code, 0);
        const filled = { input: contents, stdout: { file: "/home/large" } };
        assert.equal((await system.exec(await cat(), [], filled)).code, 0);
      }
      const read = await system.exec(await cat(), [], { stdin: { file: "/home/large" } });
      assert.ok(read.stdout === text);
      assert.equal(await system.fs.readFile("/home/file", "utf8"), "text");
      await system.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("programs killed at random moments leave the system and its volume whole", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "nidus-threads-"));
  try {
    const file = join(folder, "volume");
    const { longest } = await killAtRandom({ file, times: 30, random: createRandom(7) });
    t.diagnostic(`the longest took ${Math.round(longest)} ms to end`);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a program kills another that computes, and waits for it", async () => {
  const system = await boot({ shell: true });
  await system.fs.writeFile("/home/loop", await loops());
  const script =
    './loop & kill -9 $!; wait $!; echo "ended with $?"; ./loop & kill $!; wait $!; echo $?';
  const { stdout } = await system.exec("sh", ["-c", script], { cwd: "/home" });
  assert.equal(stdout, "ended with 137\n143\n");
  await system.close();
});

test("closing a system ends what runs in it, whatever it does", async () => {
  const system = await boot();
  const processes = [];
  for (const program of [await loops(), await cat(), await floods]) {
    processes.push(await system.spawn(program));
  }
  await system.close();
  for (const { exit } of processes) assert.equal((await exit).signal, "SIGKILL");
});

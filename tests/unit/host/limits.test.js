/** What `nidus run` tells of a program's calls, and what limits do to it, on both tiers and natively. */

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Nidus } from "../../../node/index.js";
import * as guests from "./support.js";

const CLI = fileURLToPath(new URL("../../../node/cli.js", import.meta.url));
const NATIVE = fileURLToPath(new URL("../../../build/native/nidus", import.meta.url));
const folder = fs.mkdtempSync(join(tmpdir(), "nidus-limits-"));
after(() => fs.rmSync(folder, { recursive: true }));

const TIERS = /** @type {const} */ (["direct", "interp"]);

/**
 * Runs a program of text in an empty folder of its own, natively where `tier` is not one of Node's.
 * @param {"direct" | "interp" | "native"} tier
 * @param {Uint8Array} bytes
 * @param {string[]} options
 */
function run(tier, bytes, options, input = "") {
  fs.writeFileSync(join(folder, "p.wasm"), bytes);
  const given = fs.mkdtempSync(join(folder, "given-"));
  const command = tier === "native" ? [NATIVE] : [process.execPath, CLI];
  const [program = "", ...before] = command;
  const choice = tier === "native" ? [] : ["--tier", tier];
  const dir = ["--dir", `${given}::/`];
  const args = [...before, "run", ...choice, ...dir, ...options, "p.wasm"];
  const { status, signal, stdout, stderr } = spawnSync(program, args, { cwd: folder, input });
  return { status, signal, stdout: String(stdout), stderr: String(stderr) };
}

/** Makes a file, writes to it, reads input, waits for 20 ms, asks for what fails, and exits with 7. */
const CALLS = `(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "notes, said\\0a")
  (func (export "_start")
    (drop (call $open (i32.const 3) (i32.const 1) (i32.const 64) (i32.const 5) (i32.const 1)
      (i64.const 0x66) (i64.const 0) (i32.const 1) (i32.const 16)))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 12))
    (drop (call $write (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $seek (i32.const 4) (i64.const -2) (i32.const 1) (i32.const 24)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 144) (i32.const 1))
    (i64.store (i32.const 152) (i64.const 20000000))
    (drop (call $poll (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 8)))
    (drop (call $close (i32.const 99)))
    (call $exit (i32.const 7))))`;

test("--trace tells each call once and in order, in the same words on both tiers and natively", async () => {
  const bytes = await guests.assemble(CALLS);
  const native = run("native", bytes, ["--trace"], "typed");
  assert.equal(native.status, 7);
  assert.equal(native.stdout, "notes, said\n");
  assert.match(native.stderr, /^path_open\(3, FOLLOW, "notes", CREAT, .*, APPEND\) = 4\n/);
  assert.match(native.stderr, /^fd_read\(0, 12\) = 5 "typed"$/m);
  assert.match(native.stderr, /^fd_close\(99\) = EBADF .*\nproc_exit\(7\)\n$/m);
  for (const tier of TIERS) assert.deepEqual(run(tier, bytes, ["--trace"], "typed"), native, tier);
});

test("--trace writes a line when its call is made, between what the program writes", async () => {
  const bytes = await guests.says("text\n", 2);
  for (const tier of /** @type {const} */ (["direct", "interp", "native"])) {
    const { stderr } = run(tier, bytes, ["--trace"]);
    assert.equal(stderr, 'text\nfd_write(2, "text\\n", 5) = 5\n', tier);
  }
});

/** Exits with the pages that its memory can be grown by, at most 100. */
const GROWS = guests.assemble(`(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (func (export "_start") (local $n i32)
    (loop $more
      (if (i32.and (i32.ne (memory.grow (i32.const 1)) (i32.const -1))
                   (i32.lt_u (local.get $n) (i32.const 100)))
        (then (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $more))))
    (call $exit (local.get $n))))`);

const SPINS = guests.guest("(loop $on (br $on))");
/** Writes a line for ever. */
const FLOODS = guests.guest(
  "(loop $on (call $put (i32.const 1) (i32.const 1024) (i32.const 5)) (br $on))",
  { data: "line\\n" },
);

test("limits stop a program or make its calls fail, in the same way on both tiers and natively", async () => {
  for (const tier of /** @type {const} */ (["direct", "interp", "native"])) {
    const limited = async (
      /** @type {string} */ limit,
      /** @type {Promise<Uint8Array>} */ bytes,
      input = "",
    ) => run(tier, await bytes, ["--limit", limit], input);
    assert.equal((await limited("memory=655360", GROWS)).status, 8, tier);
    const none = await limited("memory=65536", GROWS);
    assert.ok(none.status !== 0 && none.status !== 8);
    // One sentence, of the program, of what it wants and of what it may have.
    assert.match(
      none.stderr,
      /^nidus: p\.wasm .*(begins with 2 pages|needs 131072 bytes).* limit.*\n$/,
    );
    const flood = await limited("output=12", FLOODS);
    assert.deepEqual([flood.status, flood.stdout], [152, "line\nline\nli"], tier);
    assert.match(flood.stderr, /it has written as much as it may \(see --limit\)/);
    assert.equal((await limited("descriptors=4", guests.assemble(CALLS), "x")).status, 7);
    for (const bytes of [SPINS, guests.sleeps(60_000)]) {
      const { status, signal, stderr } = await limited("time=0.3", bytes);
      // To a shell, SIGXCPU is 152 as well.
      assert.ok(status === 152 || (tier === "direct" && signal === "SIGXCPU"), `${tier} ${status}`);
      assert.match(stderr, /its time is used up \(see --limit\)/);
    }
  }
  const wrong = run("direct", await GROWS, ["--limit", "size=3"]);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--limit takes descriptors=N, .* not size=3/);
});

test("a limit of time ends a program that waits for its input or its reader, on both tiers and natively", async () => {
  const pipes = ["in", "out"].map((name) => join(folder, name));
  execFileSync("mkfifo", pipes);
  // Of these pipes the program itself has the other ends, too, so that they never end.
  const script = `exec 3<>${pipes[0]} 4<>${pipes[1]}; exec "$@" <&3 >&4`;
  for (const [name, guest] of Object.entries({ reads: guests.cat(), floods: FLOODS })) {
    const program = join(folder, `${name}.wasm`);
    fs.writeFileSync(program, await guest);
    for (const tier of /** @type {const} */ (["direct", "interp", "native"])) {
      const [file = "", ...first] =
        tier === "native" ? [NATIVE, "run"] : [process.execPath, CLI, "run", "--tier", tier];
      const args = [...first, "--limit", "time=0.3", program];
      // Such pipes, and sockets which nobody writes to or reads from here.
      for (const [command, given] of [
        ["sh", ["-c", script, "sh", file, ...args]],
        [file, args],
      ]) {
        const child = spawn(String(command), [...given]);
        const ended = once(child, "exit");
        const [stderr] = await once(child.stderr, "data");
        const [code, signal] = await ended;
        assert.ok(code === 152 || signal === "SIGXCPU", `${tier} ${name}: ${code} ${signal}`);
        assert.match(String(stderr), /its time is used up \(see --limit\)/);
        child.stdin?.destroy();
        child.stdout?.destroy();
      }
    }
  }
});

test("spawn and exec take the same limits, and say which one has ended a program", async () => {
  const system = await Nidus.boot();
  const status = async (/** @type {Promise<Uint8Array>} */ bytes, /** @type {any} */ limits) => {
    const { code, signal, limit } = await system.exec(await bytes, [], { limits });
    return { code, signal, limit };
  };
  const stopped = (/** @type {string} */ limit) => ({ code: 152, signal: null, limit });
  assert.deepEqual(await status(FLOODS, { output: 12 }), stopped("output"));
  assert.deepEqual(await status(SPINS, { time: 0.1 }), stopped("time"));
  assert.deepEqual(await status(guests.sleeps(60_000), { time: 0.1 }), stopped("time"));
  assert.deepEqual(await status(SPINS, { fuel: 1000 }), stopped("fuel"));
  assert.equal((await status(GROWS, { memory: 655_360 })).code, 8);
  assert.equal((await status(GROWS, { time: 60 })).code, 100);
  await assert.rejects(system.exec(await SPINS, [], { tier: "direct", limits: { time: 1 } }), {
    code: "EINVAL",
    message: /cannot have a limit of fuel, memory or time on the direct tier/,
  });
});

test("a volume in memory has the limit it is mounted with", async () => {
  const system = await Nidus.boot({ mounts: { "/small": { type: "mem", maxBytes: 100_000 } } });
  await system.fs.writeFile("/small/a", new Uint8Array(50_000));
  await assert.rejects(system.fs.writeFile("/small/b", new Uint8Array(100_000)), {
    code: "ENOSPC",
  });
});

/** Writes to descriptor 1 what whence 0, which was CUR then and is SET today, makes of the offset. */
const OLD = guests.assemble(`(module
  (import "wasi_unstable" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "f")
  (func (export "_start")
    (drop (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 1)
      (i64.const 0x66) (i64.const 0) (i32.const 0) (i32.const 16)))
    (drop (call $seek (i32.const 4) (i64.const 5) (i32.const 2) (i32.const 24)))
    (drop (call $seek (i32.const 4) (i64.const 6) (i32.const 0) (i32.const 24)))
    (call $exit (i32.load (i32.const 24)))))`);

test("programs of wasi_unstable run, with that snapshot's meanings", async () => {
  for (const tier of /** @type {const} */ (["direct", "interp", "native"])) {
    assert.equal(run(tier, await OLD, []).status, 11, tier);
  }
});

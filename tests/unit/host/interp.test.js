/**
 * The interp tier: the same programs with the same outcome as on the direct tier, and what only it can do.
 */
import assert from "node:assert/strict";
import test from "node:test";
import {
  assemble,
  boot,
  cat,
  echoes,
  exits,
  guest,
  loops,
  says,
  sleeps,
  writesFile,
} from "./support.js";

/** A host that can neither suspend a guest nor hold up its thread. */
const IMPATIENT = { jspi: false, waitSync: undefined };

for (const [name, program, options] of /** @type {const} */ ([
  ["prints", says("hello\nworld\n"), {}],
  ["prints to standard error", says("oops", 2), {}],
  ["ends with a code", exits(7), {}],
  ["copies its input", cat(), { input: "a\nb\0c" }],
  ["copies its arguments and variables", echoes(), { env: { A: "1" } }],
  ["writes a file", writesFile("f", "text"), { cwd: "/tmp" }],
  ["traps", guest("(unreachable)"), {}],
  ["reads outside of its memory", guest("(drop (i32.load (i32.const -4)))"), {}],
  [
    "raises a signal",
    guest("(drop (call $proc_raise (i32.const 6)))", { uses: ["proc_raise"] }),
    {},
  ],
])) {
  test(`a program that ${name} does the same on both tiers`, async () => {
    const system = await boot();
    const bytes = await program;
    const run = async (/** @type {"direct" | "interp"} */ tier) => {
      const { trap, ...rest } = await system.exec(bytes, ["x", "y"], { ...options, tier });
      return { ...rest, trapped: trap !== null };
    };
    assert.deepEqual(await run("interp"), await run("direct"));
  });
}

test("a wait whose moment has passed is none of less than no time, of which Node warns", async (t) => {
  const { setTimeout } = globalThis;
  /** @type {number[]} */
  const times = [];
  const spy = (/** @type {any[]} */ ...args) => {
    times.push(args[1] ?? 0);
    return /** @type {any} */ (setTimeout)(...args);
  };
  t.after(() => void Object.assign(globalThis, { setTimeout }));
  Object.assign(globalThis, { setTimeout: spy });
  const system = await boot();
  // So short that it is over before the timer is set.
  const { code, stdout } = await system.exec(await sleeps(1e-6), [], { tier: "interp" });
  assert.deepEqual([code, stdout], [0, "awake\n"]);
  assert.ok(times.length > 0, "the program has waited");
  assert.deepEqual(
    times.filter((time) => !(time >= 0)),
    [],
  );
});

test("fuel stops a program, and says so; two runs use the same", async () => {
  const system = await boot();
  const stopped = await system.exec(await loops(), [], { limits: { fuel: 100_000 } });
  assert.deepEqual([stopped.code, stopped.limit, stopped.trap], [152, "fuel", null]);
  // The least fuel that is enough is the same each time.
  const bytes = await says("enough");
  const enough = async (/** @type {number} */ fuel) =>
    (await system.exec(bytes, [], { limits: { fuel } })).code === 0;
  const least = async () => {
    let [low, high] = [0, 10_000];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (await enough(middle)) high = middle;
      else low = middle;
    }
    return high;
  };
  const first = await least();
  assert.ok(first > 10 && first < 10_000, `${first} instructions`);
  assert.equal(await least(), first);
});

test("a program waits for input while the event loop goes on, on a host that can do nothing", async () => {
  const system = await boot(IMPATIENT);
  const process = await system.spawn(await cat(), [], { stdin: "pipe" });
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  const writer = /** @type {WritableStream<Uint8Array>} */ (process.stdin).getWriter();
  while (turns < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  await writer.write(new TextEncoder().encode("typed"));
  await writer.close();
  const text = await new Response(process.stdout).text();
  assert.equal(text, "typed");
  assert.equal((await process.exit).code, 0);
  clearInterval(timer);
});

test("an endless loop lets timers run, and is killed", async () => {
  const system = await boot(IMPATIENT);
  const process = await system.spawn(await loops(), [], { tier: "interp" });
  let turns = 0;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      if (++turns < 3) return;
      clearInterval(timer);
      resolve(undefined);
    }, 5);
  });
  process.kill("SIGKILL");
  assert.deepEqual(await process.exit, { code: null, signal: "SIGKILL", trap: null });
  assert.equal((await system.exec(await says("next"), [])).stdout, "next");
});

test("a sleeping program holds nothing up", async () => {
  const system = await boot(IMPATIENT);
  const programs = [await sleeps(60), await sleeps(60), await sleeps(60)];
  const started = performance.now();
  const ended = await Promise.all(
    programs.map((bytes) => system.exec(bytes, [], { tier: "interp" })),
  );
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0, 0],
  );
  assert.ok(performance.now() - started >= 50, "they did sleep");
});

test("what the host cannot compile runs on the interpreter, unless the direct tier is asked for", async (t) => {
  const bytes = await assemble(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (memory $second 1)
    (func (export "_start")
      (i32.store8 $second (i32.const 0) (i32.const 9))
      (call $exit (i32.load8_u $second (i32.const 0)))))`);
  if (WebAssembly.validate(/** @type {Uint8Array<ArrayBuffer>} */ (bytes))) {
    return t.skip("this host has multi-memory");
  }
  const system = await boot();
  assert.equal((await system.exec(bytes, [])).code, 9);
  await assert.rejects(system.exec(bytes, [], { tier: "direct" }), { code: "ENOEXEC" });
  // It is loaded once, by one engine: to see whether it is valid, and to run.
  const { Instance } = WebAssembly;
  let engines = 0;
  t.mock.method(
    WebAssembly,
    "Instance",
    function (
      /** @type {WebAssembly.Module} */ module,
      /** @type {WebAssembly.Imports} */ imports,
    ) {
      if (imports.host.guest_call) engines++;
      return new Instance(module, imports);
    },
  );
  assert.equal((await system.exec(bytes, [])).code, 9);
  assert.equal(engines, 1);
});

test("what neither the host nor the engine takes is refused by the host's reason", async () => {
  const system = await boot();
  const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 99, 0]);
  await assert.rejects(system.exec(bytes, []), { code: "ENOEXEC", message: /not a valid/ });
  const { code, trap } = await system.exec(bytes, [], { tier: "interp" });
  assert.equal(code, 134);
  assert.match(trap?.message ?? "", /^program cannot be run by the interpreter: .*at byte \d+\)$/);
});

test("functions that are imported with other parameters than they have are refused", async () => {
  const system = await boot();
  for (const [name, type] of [
    ["fd_write", "(param i64) (result i32)"],
    ["fd_seek", "(param i32 i32 i32 i32) (result i32)"],
    ["fd_close", "(result i32)"],
    ["sched_yield", "(param f64) (result i32)"],
  ]) {
    const bytes = await assemble(`(module
      (import "wasi_snapshot_preview1" "${name}" (func ${type}))
      (memory (export "memory") 1)
      (func (export "_start")))`);
    const { trap } = await system.exec(bytes, [], { tier: "interp" });
    assert.match(trap?.message ?? "", /imports wasi_snapshot_preview1\.\w+ with other parameters/);
  }
});

test("the start function runs first, within the same fuel", async () => {
  const system = await boot();
  const program = (/** @type {string} */ start) =>
    assemble(`(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (global $begun (mut i32) (i32.const 3))
      (func $start ${start} (global.set $begun (i32.const 5)))
      (start $start)
      (func (export "_start") (call $exit (global.get $begun))))`);
  assert.equal((await system.exec(await program(""), [], { tier: "interp" })).code, 5);
  const endless = await program("(loop (br 0))");
  assert.equal((await system.exec(endless, [], { limits: { fuel: 1000 } })).limit, "fuel");
});

test("system calls reach a memory that has grown and moved", async () => {
  const system = await boot();
  // Two memories take turns in growing, so that neither can grow where it lies.
  const bytes = await assemble(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (memory $other 1)
    (func (export "_start") (local $at i32)
      (local.set $at (i32.const 64))
      (loop $more
        (i32.store8 (local.get $at) (i32.add (i32.const 97) (i32.shr_u (local.get $at) (i32.const 16))))
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (i32.const 1))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (if (i32.ne (i32.load (i32.const 8)) (i32.const 1)) (then (unreachable)))
        (i32.store (i32.const 8) (i32.const 0))
        (drop (memory.grow $other (i32.const 40)))
        (drop (memory.grow (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 65536)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 1700000))))))`);
  const { stdout, trap } = await system.exec(bytes, [], { tier: "interp" });
  assert.equal(trap, null);
  assert.equal(stdout, "abcdefghijklmnopqrstuvwxyz");
});

test("a system call that is imported with a type it cannot have is refused by name", async () => {
  const system = await boot();
  const bytes = await assemble(`(module
    (import "wasi_snapshot_preview1" "fd_close" (func (param f64) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")))`);
  const { trap } = await system.exec(bytes, [], { tier: "interp" });
  assert.match(trap?.message ?? "", /Incompatible import type: .*"fd_close"/);
});

test("a trap tells where, by function and byte", async () => {
  const system = await boot();
  const argv0 = 'a "b" \\ \u{1F41A}';
  const bytes = await guest("(call $deep)", { functions: "(func $deep (unreachable))" });
  const { trap } = await system.exec(bytes, [], { tier: "interp", argv0 });
  assert.equal(trap?.message, "unreachable");
  assert.ok(trap?.stack.includes(`(${argv0}:wasm-function[`), trap?.stack);
  const direct = await system.exec(bytes, [], { tier: "direct" });
  const [here, there] = [trap, direct.trap].map((each) =>
    each?.stack.match(/wasm-function\[\d+\]:0x[0-9a-f]+/g),
  );
  assert.equal(here?.length, 2);
  assert.deepEqual(here, there);
});

test("processes that have ended leave nothing in the kernel's table", async () => {
  const system = await boot();
  const bytes = await exits(0);
  await system.exec(bytes, [], { tier: "interp" });
  const { length } = system.kernel.table;
  for (let i = 0; i < 20; i++) await system.exec(bytes, [], { tier: "interp" });
  assert.equal(system.kernel.table.length, length);
});

test("a program that ran before starts as if it had not, however it ended, and is not loaded again", async () => {
  const system = await boot();
  // Its first word and its global are 1 each time, or it traps elsewhere; the argument says how it ends.
  const bytes = await guest(
    `(drop (call $args_sizes_get (i32.const 64) (i32.const 68)))
     (i32.store (i32.const 40000) (i32.add (i32.load (i32.const 40000)) (i32.const 1)))
     (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
     (if (i32.ne (i32.add (i32.load (i32.const 40000)) (global.get $runs)) (i32.const 2))
       (then (call $proc_exit (i32.const 99))))
     (if (i32.eq (i32.load (i32.const 64)) (i32.const 2)) (then (call $proc_exit (i32.const 5))))
     (if (i32.eq (i32.load (i32.const 64)) (i32.const 3)) (then (unreachable)))
     (if (i32.eq (i32.load (i32.const 64)) (i32.const 4)) (then (loop $for_ever (br $for_ever))))`,
    {
      uses: ["args_sizes_get", "proc_exit"],
      functions: "(global $runs (mut i32) (i32.const 0))",
    },
  );
  await system.fs.writeFile("/tmp/again", bytes, { mode: 0o755 });
  await system.fs.writeFile("/tmp/other", bytes, { mode: 0o755 });
  // Of a file that has changed just now nothing is kept: it may change again with the same times.
  system.fs.utimes("/tmp/again", 1, 1);
  let read = 0;
  const { readFile } = system.fs;
  system.fs.readFile = /** @type {typeof readFile} */ (
    (/** @type {[string]} */ ...args) => (read++, readFile.apply(system.fs, args))
  );
  const ends = async (/** @type {string} */ path, /** @type {string[]} */ ...args) => {
    const limits = args.length === 3 ? { fuel: 100_000 } : {};
    const { code, trap } = await system.exec(path, args, { tier: "interp", limits });
    return [code, trap?.stack.split("\n")[0]?.replace(/.*\((.*):wasm.*/, "$1")];
  };
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await ends("/tmp/again"), [0, undefined]);
    assert.deepEqual(await ends("/tmp/again", "x"), [5, undefined]);
    assert.deepEqual(await ends("/tmp/again", "x", "y"), [134, "/tmp/again"]);
    assert.deepEqual(await ends("/tmp/again", "x", "y", "z"), [152, undefined]);
  }
  assert.equal(read, 1);
  assert.deepEqual(await ends("/tmp/other", "x", "y"), [134, "/tmp/other"]);
});

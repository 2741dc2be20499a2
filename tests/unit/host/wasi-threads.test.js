/**
 * Threads of wasi-threads, scheduled by the engine: the calls themselves, in WebAssembly's text format. Programs in C
 * with pthreads are in tests/unit/toolchain/threads.test.js.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { assemble, boot } from "./support.js";

const decoder = new TextDecoder();

/**
 * A program with threads. `$say` writes one byte; a thread's argument is its `$arg`.
 * @param {string} main the body of `_start`
 * @param {string} thread the body of a thread's function, with `$tid` and `$arg`
 * @param {{functions?: string, memory?: string, exports?: string}} [more]
 */
function program(main, thread, { functions = "", memory = "1 4", exports } = {}) {
  return assemble(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (import "env" "memory" (memory ${memory} shared))
    (export "memory" (memory 0))
    (global $mine (mut i32) (i32.const 0))
    (func $say (param $at i32) (param $byte i32)
      (i32.store8 (i32.add (local.get $at) (i32.const 12)) (local.get $byte))
      (i32.store (local.get $at) (i32.add (local.get $at) (i32.const 12)))
      (i32.store offset=4 (local.get $at) (i32.const 1))
      (drop (call $fd_write (i32.const 1) (local.get $at) (i32.const 1) (i32.add (local.get $at) (i32.const 8)))))
    (func $wait (param $at i32) (param $value i32)
      (drop (memory.atomic.wait32 (local.get $at) (local.get $value) (i64.const -1))))
    (func $wake (param $at i32)
      (drop (i32.atomic.rmw.add (local.get $at) (i32.const 1)))
      (drop (memory.atomic.notify (local.get $at) (i32.const -1))))
    ${functions}
    (func (export "_start") ${main})
    ${exports ?? `(func (export "wasi_thread_start") (param $tid i32) (param $arg i32) ${thread})`})`);
}

/**
 * @param {Uint8Array} bytes
 * @param {import("../../../web/spawn.js").SpawnOptions} [options]
 */
async function run(bytes, options) {
  const system = await boot();
  return system.exec(bytes, [], options);
}

/** Waits until the counter at 0 is at `$until`. */
const JOIN = `(func $join (param $until i32) (local $seen i32)
  (block $done (loop $again
    (local.set $seen (i32.atomic.load (i32.const 0)))
    (br_if $done (i32.ge_u (local.get $seen) (local.get $until)))
    (call $wait (i32.const 0) (local.get $seen))
    (br $again))))`;

test("a thread runs, and its end is seen by who waits for it", async () => {
  const bytes = await program(
    `(call $say (i32.const 64) (i32.add (i32.const 48) (call $spawn (i32.const 65))))
     (call $join (i32.const 1))
     (call $say (i32.const 64) (i32.const 66))`,
    `(call $say (i32.const 128) (local.get $arg)) (call $wake (i32.const 0))`,
    { functions: JOIN },
  );
  const { code, stdout, trap } = await run(bytes);
  assert.deepEqual([code, stdout, trap], [0, "1AB", null]);
});

test("each thread has globals of its own, and they begin anew where a number is used again", async () => {
  const bytes = await program(
    `(global.set $mine (i32.const 9))
     (drop (call $spawn (i32.const 0))) (call $join (i32.const 1))
     (drop (call $spawn (i32.const 0))) (call $join (i32.const 2))
     (call $say (i32.const 64) (i32.add (i32.const 48) (global.get $mine)))`,
    `(call $say (i32.const 128) (i32.add (i32.const 48) (global.get $mine)))
     (global.set $mine (i32.const 7))
     (call $wake (i32.const 0))`,
    { functions: JOIN },
  );
  assert.equal((await run(bytes)).stdout, "009");
});

test("a thousand threads, one after the other, have the number of the first", async () => {
  const bytes = await program(
    `(local $i i32)
     (loop $more
       (if (i32.ne (call $spawn (i32.const 0)) (i32.const 1)) (then (unreachable)))
       (local.set $i (i32.add (local.get $i) (i32.const 1)))
       (call $join (local.get $i))
       (call $settle)
       (br_if $more (i32.lt_u (local.get $i) (i32.const 1000))))`,
    `(call $wake (i32.const 0))`,
    {
      // The thread has woken this one, but may not have returned yet.
      functions: `${JOIN} (func $settle
        (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 1))))`,
    },
  );
  const { code, trap } = await run(bytes);
  assert.deepEqual([code, trap], [0, null]);
});

test("beyond the limit spawning answers EAGAIN, and works again when a thread has ended", async () => {
  const bytes = await program(
    `(drop (call $spawn (i32.const 0))) (drop (call $spawn (i32.const 0)))
     (call $say (i32.const 64) (i32.sub (i32.const 48) (call $spawn (i32.const 0))))
     (call $wake (i32.const 4))
     (call $join (i32.const 2))
     (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 1)))
     (call $say (i32.const 64) (i32.add (i32.const 48) (call $spawn (i32.const 0))))`,
    `(call $wait (i32.const 4) (i32.const 0)) (call $wake (i32.const 0))`,
    { functions: JOIN },
  );
  const { code, stdout } = await run(bytes, { limits: { threads: 2 } });
  assert.deepEqual([code, stdout], [0, "61"]);
});

test("proc_exit in any thread ends the process", async () => {
  const bytes = await program(
    `(drop (call $spawn (i32.const 0))) (call $wait (i32.const 4) (i32.const 0))`,
    `(call $exit (i32.const 7))`,
  );
  assert.equal((await run(bytes)).code, 7);
});

test("a trap in any thread ends the process, and says where", async () => {
  const bytes = await program(
    `(drop (call $spawn (i32.const 0))) (call $wait (i32.const 4) (i32.const 0))`,
    `(unreachable)`,
  );
  const { code, trap } = await run(bytes);
  assert.equal(code, 134);
  assert.match(trap?.message ?? "", /unreachable/);
});

test("the return of _start ends the process, whatever its threads do", async () => {
  const bytes = await program(
    `(drop (call $spawn (i32.const 0)))`,
    `(loop $for_ever (br $for_ever))`,
  );
  assert.equal((await run(bytes)).code, 0);
});

test("threads that all wait for each other are a deadlock, which is said", async () => {
  const bytes = await program(
    `(drop (call $spawn (i32.const 0))) (call $wait (i32.const 4) (i32.const 0))`,
    `(call $wait (i32.const 8) (i32.const 0))`,
  );
  const { code, trap } = await run(bytes);
  assert.equal(code, 134);
  assert.match(trap?.message ?? "", /atomic wait that nobody can end/);
});

test("a wait with a time ends by itself, and then answers 2", async () => {
  const bytes = await program(
    `(call $say (i32.const 64) (i32.add (i32.const 48)
       (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const 5000000))))`,
    ``,
  );
  assert.equal((await run(bytes)).stdout, "2");
});

test("notify wakes who waited first, and as many as it says", async () => {
  const bytes = await program(
    `(drop (call $spawn (i32.const 65))) (call $until (i32.const 16) (i32.const 1))
     (drop (call $spawn (i32.const 66))) (call $until (i32.const 16) (i32.const 2))
     (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 1000000)))
     (call $say (i32.const 64) (i32.add (i32.const 48) (memory.atomic.notify (i32.const 4) (i32.const 1))))
     (call $join (i32.const 1))
     (call $say (i32.const 64) (i32.add (i32.const 48) (memory.atomic.notify (i32.const 4) (i32.const 5))))
     (call $join (i32.const 2))`,
    `(drop (i32.atomic.rmw.add (i32.const 16) (i32.const 1)))
     (call $wait (i32.const 4) (i32.const 0))
     (call $say (i32.add (i32.const 1024) (i32.mul (local.get $tid) (i32.const 32))) (local.get $arg))
     (call $wake (i32.const 0))`,
    {
      functions: `${JOIN} (func $until (param $at i32) (param $value i32)
        (loop $again (br_if $again (i32.ne (i32.atomic.load (local.get $at)) (local.get $value)))))`,
    },
  );
  assert.equal((await run(bytes)).stdout, "1A1B");
});

/** Two threads that add to a counter without care, 2,000 times each, and the bytes of what it is then. */
const race = () =>
  program(
    `(drop (call $spawn (i32.const 0))) (drop (call $spawn (i32.const 0))) (call $join (i32.const 2))
     (call $say (i32.const 64) (i32.load8_u (i32.const 32)))
     (call $say (i32.const 64) (i32.load8_u (i32.const 33)))`,
    `(local $i i32)
     (loop $more
       (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (i32.const 1)))
       (local.set $i (i32.add (local.get $i) (i32.const 1)))
       (br_if $more (i32.lt_u (local.get $i) (i32.const 2000))))
     (call $wake (i32.const 0))`,
    { functions: JOIN },
  );

test("a data race is found, and found again with the same seed", async () => {
  const bytes = await race();
  const counts = [];
  for (let seed = 0; seed < 20; seed++) {
    const counted = async () => {
      const system = await boot();
      const process = await system.spawn(bytes, [], { limits: { seed } });
      const [low, high] = new Uint8Array(await new Response(process.stdout).arrayBuffer());
      return Number(low) + 256 * Number(high);
    };
    const count = await counted();
    assert.equal(await counted(), count, `seed ${seed}`);
    counts.push(count);
  }
  assert.ok(Math.max(...counts) <= 4000);
  assert.ok(Math.min(...counts) < 4000, `no race in ${counts}`);
  assert.ok(new Set(counts).size > 3, `the same for all seeds: ${counts}`);
});

test("a thread that reads waits alone: the others compute, and then it has its bytes", async () => {
  const bytes = await program(
    `(local $n i32)
     (drop (call $spawn (i32.const 0)))
     (block $read (loop $more
       (local.set $n (i32.add (local.get $n) (i32.const 1)))
       (if (i32.eq (local.get $n) (i32.const 100000)) (then (call $say (i32.const 64) (i32.const 43))))
       (br_if $read (i32.atomic.load (i32.const 0)))
       (br $more)))
     (call $say (i32.const 64) (i32.load8_u (i32.const 512)))`,
    `(i32.store (i32.const 256) (i32.const 512)) (i32.store (i32.const 260) (i32.const 1))
     (drop (call $fd_read (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 264)))
     (call $wake (i32.const 0))`,
  );
  const system = await boot();
  const process = await system.spawn(bytes, [], { stdin: "pipe" });
  const reader = /** @type {ReadableStream<Uint8Array>} */ (process.stdout).getReader();
  assert.equal(decoder.decode((await reader.read()).value), "+");
  const writer = /** @type {WritableStream<Uint8Array>} */ (process.stdin).getWriter();
  await writer.write(new TextEncoder().encode("x"));
  assert.equal(decoder.decode((await reader.read()).value), "x");
  assert.equal((await process.exit).code, 0);
});

test("a process whose threads all wait can be killed", async () => {
  const bytes = await program(
    `(drop (call $spawn (i32.const 0))) (call $say (i32.const 64) (i32.const 43)) (call $wait (i32.const 4) (i32.const 0))`,
    `(i32.store (i32.const 256) (i32.const 512)) (i32.store (i32.const 260) (i32.const 1))
     (drop (call $fd_read (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 264)))`,
  );
  const system = await boot();
  const process = await system.spawn(bytes, [], { stdin: "pipe" });
  await /** @type {ReadableStream<Uint8Array>} */ (process.stdout).getReader().read();
  process.kill("SIGKILL");
  assert.equal((await process.exit).signal, "SIGKILL");
});

test("fuel is for all threads together", async () => {
  const bytes = await program(
    `(drop (call $spawn (i32.const 0))) (loop $for_ever (br $for_ever))`,
    `(loop $for_ever (br $for_ever))`,
  );
  const { code, limit } = await run(bytes, { limits: { fuel: 100_000 } });
  assert.deepEqual([code, limit], [152, "fuel"]);
});

test("a time limit ends threads that all wait with a time", async () => {
  const bytes = await program(
    `(drop (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const 3600000000000)))`,
    ``,
  );
  assert.equal((await run(bytes, { limits: { time: 0.05 } })).limit, "time");
});

for (const [what, more, expected] of /** @type {const} */ ([
  ["no entry for threads", { exports: "" }, /exports no function wasi_thread_start/],
  ["a memory that is too large", { memory: "65536 65536" }, /finds no room|larger than/],
])) {
  test(`a program with ${what} is refused in a sentence`, async () => {
    const bytes = await program("", "", more);
    const system = await boot();
    await assert.rejects(async () => {
      const { trap, code, stderr } = await system.exec(bytes, [], { tier: "interp" });
      throw new Error(`${code} ${stderr} ${trap?.message}`);
    }, expected);
  });
}

test("an entry for threads of another type answers an error to who spawns", async () => {
  const bytes = await program(
    `(if (i32.ge_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))`,
    "",
    { exports: `(func (export "wasi_thread_start") (param i64))` },
  );
  assert.equal((await run(bytes)).code, 0);
});

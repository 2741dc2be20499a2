/** Runs: fuel, slices, steps, promises, and what is seen of a guest that has stopped. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { UNLIMITED } from "../../../node/engine.js";
import { newEngine, run } from "./support.js";

/** @type {import("../../../node/engine.js").Engine} */
let engine;
before(async () => {
  engine = await newEngine();
});

const SUM = `(module (func $sum (export "sum") (param $n i64) (result i64) (local $total i64)
  (loop $again
    (local.set $total (i64.add (local.get $total) (local.get $n)))
    (local.set $n (i64.sub (local.get $n) (i64.const 1)))
    (br_if $again (i64.ne (local.get $n) (i64.const 0))))
  (local.get $total)))`;

test("a run does nothing until it is resumed", async () => {
  let calls = 0;
  const { f } = await run(
    engine,
    `(module (import "m" "g" (func $g)) (func (export "f") (call $g)))`,
    { m: { g: () => void calls++ } },
  );
  const it = engine.run(f);
  assert.equal(it.status, "ready");
  assert.equal(calls, 0);
  assert.equal(it.resume(), "done");
  assert.equal(calls, 1);
  assert.equal(it.result, undefined);
  it.free();
});

test("a run in slices ends as a call does, with the same fuel however it is sliced", async () => {
  const { sum } = await run(engine, SUM);
  const expected = sum(10000n);
  const used = [];
  for (const slice of [UNLIMITED, 100_000n, 777n, 50n]) {
    const it = engine.run(sum, [10000n]);
    let slices = 1;
    while (it.resume(slice) === "ready") slices++;
    assert.equal(it.result, expected);
    assert.ok(
      slice === UNLIMITED ? slices === 1 : slices > 10000n / slice,
      `${slices} slices of ${slice}`,
    );
    used.push(it.fuelUsed);
    it.free();
  }
  assert.equal(new Set(used).size, 1, `fuel used: ${used}`);
  assert.ok(used[0] >= 119_900n && used[0] <= 120_100n, "one unit for each of 12 instructions");
});

test("a run stops when its fuel is used up, and goes on when it gets more", async () => {
  const { sum } = await run(engine, SUM);
  const it = engine.run(sum, [1000n]);
  it.fuel = 500n;
  assert.equal(it.resume(), "no-fuel");
  assert.equal(it.fuel, 0n);
  assert.throws(() => it.result, TypeError);
  it.fuel = 1_000_000n;
  assert.equal(it.resume(), "done");
  assert.equal(it.result, 500500n);
  it.free();
});

test("a run can be stepped to its end", async () => {
  const { sum } = await run(engine, SUM);
  const it = engine.run(sum, [5n]);
  let steps = 0;
  while (it.status === "ready") {
    it.step();
    steps++;
    assert.ok(steps < 1000);
  }
  assert.ok(steps > 10, `${steps} steps`);
  assert.equal(it.result, 15n);
  it.free();
});

test("frames name the functions of a stopped guest, innermost first", async () => {
  const { outer } = await run(
    engine,
    `(module (func $inner (param i32) (loop (br 0))) (func $outer (export "outer") (call $inner (i32.const 1))))`,
  );
  const it = engine.run(outer);
  assert.equal(it.resume(1000n), "ready");
  assert.deepEqual(
    it.frames.map(({ name, function: index }) => [name, index]),
    [
      ["inner", 0],
      ["outer", 1],
    ],
  );
  assert.ok(it.frames.every(({ offset }) => offset > 8));
  it.free();
});

test("a trap carries the frames it happened in", async () => {
  const { f } = await run(engine, `(module (func $f (export "f") unreachable))`);
  assert.throws(f, (error) => {
    assert.ok(error instanceof WebAssembly.RuntimeError && "frames" in error);
    assert.equal(error.message, "unreachable");
    assert.equal(/** @type {any} */ (error).frames[0].name, "f");
    return true;
  });
});

test("a freed run refuses to be used", async () => {
  const { sum } = await run(engine, SUM);
  const it = engine.run(sum, [1n]);
  it.free();
  it.free();
  assert.throws(() => it.resume(), TypeError);
});

test("only functions of the engine can be run", () => {
  assert.throws(() => engine.run(() => 0), TypeError);
});

const WAITING = `(module
  (import "m" "read" (func $read (param i32) (result i32)))
  (func (export "main") (param i32) (result i32)
    (i32.add (call $read (local.get 0)) (call $read (i32.const 100)))))`;

test("an import may answer a promise, on any host", async () => {
  /** @type {number[]} */
  const asked = [];
  const read = engine.suspending(async (/** @type {number} */ n) => {
    asked.push(n);
    await new Promise((resolve) => setImmediate(resolve));
    return n * 2;
  });
  const { main } = await run(engine, WAITING, { m: { read } });
  const promised = engine.promising(main);
  assert.deepEqual(await Promise.all([promised(1), promised(2)]), [202, 204]);
  assert.deepEqual(asked.sort(), [1, 100, 100, 2].sort());
});

test("a blocked run waits without being called again", async () => {
  let calls = 0;
  /** @type {(value: number) => void} */
  let answer = () => {};
  const read = engine.suspending(() => {
    calls++;
    return new Promise((resolve) => (answer = resolve));
  });
  const { main } = await run(engine, WAITING, { m: { read } });
  const it = engine.run(main, [1]);
  assert.equal(it.resume(), "blocked");
  assert.equal(it.resume(), "blocked");
  assert.equal(calls, 1);
  answer(20);
  await it.unblocked();
  assert.equal(it.resume(), "blocked");
  assert.equal(calls, 2);
  answer(22);
  await it.unblocked();
  assert.equal(it.resume(), "done");
  assert.equal(it.result, 42);
  it.free();
});

test("a rejected promise ends the guest with its reason", async () => {
  const reason = new Error("no such line");
  const read = engine.suspending(() => Promise.reject(reason));
  const { main } = await run(engine, WAITING, { m: { read } });
  await assert.rejects(engine.promising(main)(1), (error) => error === reason);
});

test("a plain call of a guest that must wait says how to call it", async () => {
  const read = engine.suspending(() => new Promise(() => {}));
  const { main } = await run(engine, WAITING, { m: { read } });
  assert.throws(() => main(1), /engine\.promising/);
});

test("a guest that never ends leaves the event loop alive, and can be aborted", async () => {
  const { spin } = await run(engine, `(module (func (export "spin") (loop (br 0))))`);
  const stop = new AbortController();
  let ticks = 0;
  const timer = setInterval(() => ++ticks === 3 && stop.abort(), 1);
  await assert.rejects(engine.promising(spin, { signal: stop.signal })(), { name: "AbortError" });
  clearInterval(timer);
  assert.equal(ticks, 3);
});

test("an import's exception reaches the caller as it was thrown, and the engine lives on", async () => {
  const mine = new RangeError("mine");
  const { f, g } = await run(
    engine,
    `(module (import "m" "f" (func $f)) (func (export "f") (call $f)) (func (export "g") (result i32) i32.const 1))`,
    {
      m: {
        f: () => {
          throw mine;
        },
      },
    },
  );
  assert.throws(f, (error) => error === mine);
  assert.equal(g(), 1);
});

test("guest and host may call each other in turn", async () => {
  /** @type {any} */
  let exports = null;
  const down = (/** @type {number} */ n) => (n === 0 ? 0 : exports.down(n - 1) + 1);
  exports = await run(
    engine,
    `(module (import "m" "down" (func $down (param i32) (result i32)))
      (func (export "down") (param i32) (result i32) (call $down (local.get 0))))`,
    { m: { down } },
  );
  assert.equal(exports.down(50), 50);
});

test("depth is limited by the caller, not by the host's stack", async () => {
  const text = `(module (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0)))))`;
  const shallow = await run(await newEngine({ limits: { callDepth: 100 } }), text);
  assert.equal(shallow.deep(90), 90);
  assert.throws(() => shallow.deep(200), RangeError);
  const deep = await run(
    await newEngine({ limits: { callDepth: 1_000_000, stackBytes: 256 << 20 } }),
    text,
  );
  assert.equal(deep.deep(500_000), 500_000);
});

test("a memory limit makes growing fail, as the specification allows", async () => {
  const small = await newEngine({ limits: { memoryBytes: 2 * 65536 } });
  const { grow } = await run(
    small,
    `(module (memory 1) (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))`,
  );
  assert.deepEqual([grow(1), grow(1)], [1, -1]);
});

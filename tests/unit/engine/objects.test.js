/** Objects of the guest, exceptions, and 64-bit addresses, as JavaScript sees them. */
import assert from "node:assert/strict";
import test from "node:test";
import { newEngine, run } from "./support.js";

const engine = await newEngine();

const OBJECTS = `(module
  (type $point (struct (field $x (mut i32)) (field $y i32)))
  (type $row (array (mut i32)))
  (import "js" "any" (func $any (param anyref) (result anyref)))
  (import "js" "own" (func $own (param (ref null $point)) (result i32)))
  (func (export "point") (param i32) (result (ref $point))
    (struct.new $point (local.get 0) (i32.const 2)))
  (func (export "x") (param (ref $point)) (result i32) (struct.get $point $x (local.get 0)))
  (func (export "row") (param i32) (result (ref $row)) (array.new $row (i32.const 1) (local.get 0)))
  (func (export "through") (param anyref) (result anyref) (call $any (local.get 0)))
  (func (export "same") (param eqref eqref) (result i32) (ref.eq (local.get 0) (local.get 1)))
  (func (export "i31") (param i32) (result i31ref) (ref.i31 (local.get 0)))
  (func (export "unwrap") (param i31ref) (result i32) (i31.get_s (local.get 0)))
  (func (export "out") (param anyref) (result externref) (extern.convert_any (local.get 0)))
  (func (export "in") (param externref) (result anyref) (any.convert_extern (local.get 0)))
  (func (export "give") (param i32) (result i32)
    (call $own (struct.new $point (local.get 0) (i32.const 0))))
  (func (export "waste") (param i32) (result i32)
    (struct.get $point $x (struct.new $point (local.get 0) (i32.const 0))))
  (table (export "table") 2 10 anyref)
  (global (export "kept") (mut (ref null $point)) (ref.null $point)))`;

/** @type {Record<string, any>} */
let seen = {};
const exports = await run(engine, OBJECTS, {
  js: {
    any: (/** @type {unknown} */ value) => (seen.any = value),
    own: (/** @type {unknown} */ value) => {
      seen.own = value;
      return exports.x(value);
    },
  },
});

test("an object of the guest is opaque, frozen, and one and the same", () => {
  const point = exports.point(7);
  assert.equal(typeof point, "object");
  assert.equal(Object.getPrototypeOf(point), null);
  assert.ok(Object.isFrozen(point));
  assert.equal(exports.x(point), 7);
  assert.equal(exports.through(point), point);
  assert.equal(seen.any, point);
  assert.equal(exports.in(exports.out(point)), point);
  assert.equal(exports.same(point, point), 1);
  assert.equal(exports.same(point, exports.point(7)), 0);
});

test("a host function takes the guest's own types", () => {
  assert.equal(exports.give(31), 31);
  assert.notEqual(seen.own, null);
});

test("an object of another type is a TypeError, and so is null where none may be", () => {
  assert.throws(() => exports.x(exports.row(3)), TypeError);
  assert.throws(() => exports.x(null), TypeError);
  assert.throws(() => exports.x({}), TypeError);
  assert.throws(() => exports.same({}, null), TypeError);
  assert.throws(() => exports.unwrap(exports.point(1)), TypeError);
});

test("an i31 is a number, other values pass through as they are", () => {
  assert.equal(exports.i31(-5), -5);
  assert.equal(exports.unwrap(-(2 ** 30)), -(2 ** 30));
  assert.throws(() => exports.unwrap(2 ** 30), TypeError);
  const symbol = Symbol("any");
  for (const value of [0, -0, 1.5, 2 ** 30, "text", symbol, engine, null, undefined, NaN]) {
    assert.ok(Object.is(exports.in(value), value));
    assert.ok(Object.is(exports.out(value), value));
  }
});

test("tables and globals hold objects, and type them", () => {
  const { table, kept } = exports;
  const point = exports.point(9);
  table.set(0, point);
  table.set(1, "js");
  assert.equal(table.get(0), point);
  assert.equal(table.get(1), "js");
  kept.value = point;
  assert.equal(exports.x(kept.value), 9);
  assert.throws(() => (kept.value = exports.row(1)), TypeError);
});

test("objects stay while JavaScript has them, whatever the guest makes meanwhile", async () => {
  const small = await newEngine({ limits: { heapBytes: 1 << 20 } });
  const guest = await run(small, OBJECTS, { js: { any: () => null, own: () => 0 } });
  const points = Array.from({ length: 100 }, (_, i) => guest.point(i));
  for (let i = 0; i < 100_000; i++) guest.waste(i);
  points.forEach((point, i) => assert.equal(guest.x(point), i));
  assert.throws(() => guest.row(1 << 20), WebAssembly.RuntimeError);
  assert.equal(guest.x(guest.point(5)), 5);
});

const EXCEPTIONS = `(module
  (import "js" "tag" (tag $tag (param i32 externref)))
  (import "js" "f" (func $f))
  (tag $mine (export "mine") (param i64))
  (func (export "throw") (param i64) (throw $mine (local.get 0)))
  (func (export "catch") (result i32 externref)
    (block $caught (result i32 externref)
      (try_table (catch $tag $caught) (call $f))
      (i32.const -1) (ref.null extern)))
  (func (export "catch_all") (result i32)
    (block $caught (try_table (catch_all $caught) (call $f)) (return (i32.const 0)))
    (i32.const 1))
  (func (export "never") (result exnref) unreachable)
  (func (export "pass")
    (block $caught (result exnref)
      (try_table (catch_all_ref $caught) (call $f)) (return))
    throw_ref))`;

test("exceptions cross with their tags and values, both ways", async () => {
  const tag = new engine.Tag({ parameters: ["i32", "externref"] });
  let f = () => {};
  const guest = await run(engine, EXCEPTIONS, { js: { tag, f: () => f() } });
  assert.throws(
    () => guest.throw(5n),
    (/** @type {any} */ error) =>
      error instanceof engine.Exception &&
      error.is(guest.mine) &&
      !error.is(tag) &&
      error.getArg(guest.mine, 0) === 5n,
  );
  const payload = { some: "thing" };
  f = () => {
    throw new engine.Exception(tag, [42, payload]);
  };
  assert.deepEqual(guest.catch(), [42, payload]);
  assert.equal(guest.catch_all(), 1);
  const mistake = new Error("of JavaScript");
  f = () => {
    throw mistake;
  };
  assert.equal(guest.catch_all(), 1);
  assert.throws(guest.catch, (error) => error === mistake);
  assert.throws(guest.pass, (error) => error === mistake);
  f = () => guest.throw(1n);
  assert.equal(guest.catch_all(), 1);
  assert.throws(guest.catch, (/** @type {any} */ error) => error.getArg(guest.mine, 0) === 1n);
  f = () => {
    throw new WebAssembly.RuntimeError("a trap");
  };
  assert.throws(guest.catch_all, WebAssembly.RuntimeError);
  assert.throws(guest.never, TypeError); // before anything runs
  assert.throws(() => new engine.Exception(tag, [1]), TypeError);
  assert.throws(() => new engine.Exception(guest.mine, [1]), TypeError);
});

test("memories and tables with 64-bit addresses have bigints", async () => {
  const memory = new engine.Memory({ address: "i64", initial: 1n, maximum: 3n });
  const table = new engine.Table({ element: "externref", address: "i64", initial: 2n });
  const guest = await run(
    engine,
    `(module (import "js" "m" (memory i64 1 3)) (import "js" "t" (table i64 1 externref))
      (func (export "size") (result i64) memory.size)
      (func (export "get") (param i64) (result externref) (table.get (local.get 0))))`,
    { js: { m: memory, t: table } },
  );
  assert.equal(memory.grow(1n), 1n);
  assert.equal(guest.size(), 2n);
  assert.throws(() => memory.grow(/** @type {any} */ (1)), TypeError);
  assert.throws(() => memory.grow(2n), RangeError);
  table.set(1n, "here");
  assert.equal(guest.get(1n), "here");
  assert.equal(table.length, 2n);
  assert.equal(table.grow(3n), 2n);
  assert.throws(() => table.get(9n), RangeError);
});

test("what follows an object among results or arguments is read, though keeping the object made memory grow", async () => {
  /** @type {unknown[]} */
  const kept = [];
  const guest = await run(
    await newEngine(),
    `(module
      (type $point (struct (field i32)))
      (import "js" "see" (func $see (param (ref $point) f64)))
      (func (export "make") (param i32) (result (ref $point) f64)
        (call $see (struct.new $point (local.get 0)) (f64.const 0.5))
        (struct.new $point (local.get 0)) (f64.const 1.5))
      (func (export "x") (param (ref $point)) (result i32) (struct.get $point 0 (local.get 0))))`,
    {
      js: {
        see: (/** @type {unknown} */ point, /** @type {number} */ number) => {
          assert.equal(number, 0.5);
          kept.push(point);
        },
      },
    },
  );
  for (let i = 0; i < 50000; i++) {
    const [point, number] = guest.make(i);
    assert.equal(number, 1.5);
    kept.push(point);
  }
  assert.ok(kept.every((point, i) => guest.x(point) === i >> 1));
});

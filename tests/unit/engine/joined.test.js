/**
 * What the translator joins at selections, comparisons of order, jumps, tables and calls: the same as on the host's
 * WebAssembly, value by value, and where it traps, at the same instruction.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { assemble, newEngine, run } from "./support.js";

const engine = await newEngine();

const EDGES = [0, 1, 2, 3, 31, 0x4000, 0x7fffffff, -0x80000000, -100, -2, -1];
const FLOATS = [0, -0, 1, -1, 0.1, 1e-310, 1e308, -1e308, Infinity, -Infinity, NaN];

/** @param {Record<string, any>} exports @param {string} name @param {unknown[]} args */
function outcome(exports, name, args) {
  try {
    return exports[name](...args);
  } catch (error) {
    const { stack = "", frames } = /** @type {Error & {frames?: {offset: number}[]}} */ (error);
    const host = /wasm-function\[\d+\]:(0x[0-9a-f]+)/.exec(stack)?.[1];
    return `trap at ${frames?.[0]?.offset ?? Number(host)}`;
  }
}

/**
 * Holds every exported function of a module to the host's, for all lists of arguments.
 * @param {string} text
 * @param {unknown[][]} lists
 */
async function agree(text, lists) {
  const ours = await run(engine, text);
  const { instance } = await WebAssembly.instantiate(await assemble(text));
  const theirs = /** @type {Record<string, any>} */ (instance.exports);
  for (const name of Object.keys(theirs)) {
    if (typeof theirs[name] !== "function") continue;
    for (const args of lists) {
      const [got, expected] = [ours, theirs].map((it) => outcome(it, name, args));
      assert.deepEqual(got, expected, `${name} of ${args.join(", ")}`);
    }
  }
}

/** @template T @param {readonly T[]} values */
const pairs = (values) => values.flatMap((a) => values.map((b) => [a, b]));
const long = (/** @type {string} */ of) =>
  `(i64.mul (i64.extend_i32_s ${of}) (i64.const 4294967311))`;
const a = "(local.get $a)";
const b = "(local.get $b)";

test("a selection looks at bits, or at whether there are none", async () => {
  /** @type {string[]} */
  const bodies = [];
  for (const k of [1, 6, 0x4000, 0x7fff, -2, -0x8000, 0x8000]) {
    const bits = `(i32.and ${a} (i32.const ${k}))`;
    const wide = `(i64.and ${long(a)} (i64.const ${k}))`;
    for (const condition of [
      bits,
      `(i32.eqz ${bits})`,
      `(i32.eqz (i32.eqz ${bits}))`,
      `(i64.eqz ${wide})`,
    ]) {
      bodies.push(`(select ${a} ${b} ${condition})`);
      bodies.push(`(select (i32.const 7) (i32.mul ${b} ${b}) ${condition})`);
      bodies.push(`(i32.wrap_i64 (select ${long(b)} (i64.const 5) ${condition}))`);
      bodies.push(
        `(i32.trunc_sat_f64_s (select (f64.const 5) (f64.convert_i32_s ${b}) ${condition}))`,
      );
    }
    // What is tested is used again.
    bodies.push(`(i32.add (select ${a} ${b} (local.tee $c ${bits})) (local.get $c))`);
    bodies.push(
      `(select ${a} ${b} (i64.eqz (local.tee $l ${wide}))) (i32.wrap_i64 (local.get $l)) i32.add`,
    );
  }
  const functions = bodies.map(
    (body, i) =>
      `(func (export "f${i}") (param $a i32) (param $b i32) (result i32) (local $c i32) (local $l i64) ${body})`,
  );
  await agree(`(module ${functions.join("\n")})`, pairs(EDGES));
});

test("the difference of two comparisons is the order of two numbers only where it is", async () => {
  /** @type {string[]} */
  const bodies = [];
  const ops = ["lt_s", "gt_s", "lt_u", "gt_u"];
  for (const first of ops)
    for (const second of ops)
      for (const [x, y] of [
        [a, b],
        [b, a],
      ]) {
        const above = `(i32.${first} ${a} ${b})`;
        const below = `(i32.${second} ${x} ${y})`;
        bodies.push(`(i32.sub ${above} ${below})`);
        bodies.push(`(i32.sub (local.tee $c ${above}) ${below}) local.get $c i32.add`);
      }
  // The first comparison is made in a place that the second reads.
  bodies.push(`(local.set $a (i32.gt_s ${a} ${b})) (i32.sub ${a} (i32.lt_s ${a} ${b}))`);
  bodies.push(
    "(i32.mul (i32.sub (i32.gt_s (i32.mul (local.get $a) (i32.const 3)) (local.get $b)) (i32.lt_s (local.get $a) (local.get $b))) (i32.const 5))",
  );
  const functions = bodies.map(
    (body, i) =>
      `(func (export "f${i}") (param $a i32) (param $b i32) (result i32) (local $c i32) ${body})`,
  );
  await agree(`(module ${functions.join("\n")})`, pairs(EDGES));
});

test("sums, differences and products of three are rounded after each two", async () => {
  /** @type {string[]} */
  const functions = [];
  for (const t of ["f32", "f64"]) {
    const x = t === "f32" ? `(f32.demote_f64 ${a})` : a;
    const y = t === "f32" ? `(f32.demote_f64 ${b})` : b;
    const third = `(${t}.const 0.3)`;
    for (const outer of ["add", "sub", "mul"])
      for (const inner of ["add", "sub", "mul"])
        for (const z of [
          x,
          third,
          `(${t}.load (i32.const 16))`,
          `(${t}.load (i32.add (local.get $i) (i32.const 8)))`,
        ])
          for (const body of [
            `(${t}.${outer} (${t}.${inner} ${x} ${y}) ${z})`,
            `(${t}.${outer} ${z} (${t}.${inner} ${x} ${y}))`,
          ]) {
            const result = t === "f32" ? `(f64.promote_f32 ${body})` : body;
            // Constants have slots in loops.
            functions.push(
              `(func (export "f${functions.length}") (param $a f64) (param $b f64) (result f64) (local $i i32) ${result})`,
              `(func (export "f${functions.length + 1}") (param $a f64) (param $b f64) (result f64) (local $i i32) (loop (result f64) ${result}))`,
            );
          }
  }
  await agree(
    `(module (memory 1) (data (i32.const 8) "\\9a\\99\\99\\99\\99\\99\\b9\\3f\\00\\00\\00\\00\\00\\00\\f8\\7f") ${functions.join("\n")})`,
    pairs(FLOATS),
  );
});

test("integers are multiplied and added, taken off, or combined under a mask, in one", async () => {
  /** @type {string[]} */
  const bodies = [];
  for (const k of [3, -7, 32767, -32768, 70000]) {
    bodies.push(`(i32.sub ${b} (i32.mul ${a} (i32.const ${k})))`);
    bodies.push(`(i32.sub (i32.mul ${a} (i32.const ${k})) ${b})`);
    bodies.push(`(i32.add (i32.mul ${a} (i32.const ${k})) (i32.const 11))`);
    bodies.push(`(i32.sub (i32.mul ${a} (i32.const ${k})) (i32.const 11))`);
    bodies.push(
      `(i32.wrap_i64 (i64.shr_u (i64.add (i64.mul ${long(a)} (i64.const ${k})) (i64.const 1)) (i64.const 9)))`,
    );
    bodies.push(
      `(i32.wrap_i64 (i64.shr_u (i64.add ${long(b)} (i64.mul ${long(a)} (i64.const ${k}))) (i64.const 9)))`,
    );
  }
  bodies.push(
    `(i32.wrap_i64 (i64.shr_u (i64.add (i64.mul ${long(a)} ${long(b)}) ${long(a)}) (i64.const 9)))`,
  );
  for (const op of ["xor", "or", "and", "add"]) {
    bodies.push(`(i32.${op} (i32.and ${a} ${b}) (i32.mul ${a} (i32.const 5)))`);
    bodies.push(`(i32.${op} (i32.mul ${a} (i32.const 5)) (i32.and ${a} ${b}))`);
    bodies.push(`(i32.${op} (i32.and ${a} ${b}) (i32.const 123456))`);
  }
  const functions = bodies.flatMap((body, i) => [
    `(func (export "f${i}") (param $a i32) (param $b i32) (result i32) ${body})`,
    `(func (export "loop${i}") (param $a i32) (param $b i32) (result i32) (loop (result i32) ${body}))`,
  ]);
  await agree(`(module ${functions.join("\n")})`, pairs(EDGES));
});

const PLACES = [0, 4, 8, 12, 65524, 65528, 65532, 65533, 65536, -4, -1, 0x7ffffffc];

test("what lies where memory says is read, and each of two loads traps as itself", async () => {
  const words = PLACES.map((place) =>
    [0, 8, 16, 24]
      .map((bits) => `\\${((place >>> bits) & 255).toString(16).padStart(2, "0")}`)
      .join(""),
  ).join("");
  const load = (/** @type {string} */ of, offset = 0) => `(i32.load offset=${offset} ${of})`;
  const bodies = [
    load(load(a)),
    load(load(a, 4), 8),
    load(load(load(a))),
    `(i32.add ${load(load(a))} ${b})`,
    `(i32.add ${load(`(i32.add ${a} ${b})`)} ${b})`,
    `(i32.add ${b} ${load(`(i32.add ${a} (i32.const 4))`, 4)})`,
    // It is set aside while its local is set, and moves below what a store's address is made of.
    `local.get $a (local.set $a ${load(load(a))}) local.get $a i32.add`,
    `(i32.mul ${load(a)} ${b})`,
    `(i32.mul ${b} ${load(a, 4)})`,
    `(i32.mul ${load(a)} ${load(b)})`,
    // A pointer moves and is read, and both are used, or one is overwritten.
    ...["(i32.const 4)", "(i32.const -4)"].flatMap((k) => {
      const moved = `(local.tee $a (i32.add ${a} ${k}))`;
      const other = `(local.tee $b (i32.add ${a} ${k}))`;
      return [
        `${load(moved)} ${a} i32.add`,
        `${load(moved, 8)} ${a} i32.mul`,
        `(local.set $a ${load(moved)}) ${a}`,
        `(local.set $b ${load(moved)}) (i32.sub ${a} ${b})`,
        `(local.set $a ${load(other)}) (i32.sub ${a} ${b})`,
        `local.get $a local.get $b (local.set $b ${load(moved)}) i32.add ${b} i32.sub ${a} i32.sub`,
        `(i32.store offset=16 ${load(other)} ${a}) (i32.add ${load("(i32.const 16)")} ${b})`,
        `(i32.store (i32.add ${b} (i32.const 16)) ${load(other)}) (i32.add ${load("(i32.const 16)")} ${b})`,
        `(i32.store (i32.add ${b} (i32.const 16)) ${load(load(moved))}) ${a}`,
        `(br_if 0 ${load(moved)} ${b}) drop ${a}`,
        load(load(moved)),
      ];
    }),
    `(i32.store (i32.add ${b} (i32.const 16)) ${load(load(a))}) ${load(`(i32.const 16)`)}`,
    // A table that is chosen from by what is loaded.
    `(block $x (block $y (block $z (br_table $x $y $z ${load(a)})) (return (i32.const 1))) (return (i32.const 2))) (i32.const 3)`,
    `(block $x (result i32) (block $y (result i32) (br_table $x $y $x (i32.const 9) ${load(a, 4)})) (i32.const 3) i32.add)`,
    `(loop $l (block $y (br_table $y $l ${load("(local.tee $a (i32.add (local.get $a) (i32.const 4)))")}))) ${a}`,
    // A store, and the jump behind it.
    `(block $x (block $y (br_if $y ${b}) (i32.store offset=4 ${a} ${b}) (br $x)) (i32.store ${a} (i32.const 6))) ${load(a)}`,
    `(if ${b} (then (i32.store ${a} ${b})) (else (i32.store offset=8 ${a} ${b}))) ${load(a)}`,
  ];
  const functions = bodies.map(
    (body, i) => `(func (export "f${i}") (param $a i32) (param $b i32) (result i32) ${body})`,
  );
  await agree(
    `(module (memory 1) (data (i32.const 0) "${words}") ${functions.join("\n")})`,
    PLACES.flatMap((place) => [0, 1, 8, -4].map((other) => [place, other])),
  );
});

test("copies and pairs of sums before a jump are made before it, in their order, and cost what they did", async () => {
  const loop = (/** @type {string} */ body) =>
    `(local $i i32) (local $j i32) (local $n i32) (local $x i64) (local $y i64)
    (local.set $i ${a}) (local.set $j ${b}) (local.set $y (i64.const 3)) ${body}
    (i32.add (i32.add (i32.mul (local.get $i) (i32.const 31)) (local.get $j)) (i32.add (local.get $n) (i32.wrap_i64 (i64.add (local.get $x) (i64.mul (local.get $y) (i64.const 7))))))`;
  const step = (/** @type {string} */ local, /** @type {number} */ by, from = local) =>
    `(local.set ${local} (i32.add (local.get ${from}) (i32.const ${by})))`;
  const stop = `(br_if $out (i32.gt_u (local.get $n) (i32.const 20)))`;
  const bodies = [
    `(block $out (loop $l ${step("$n", 1)} ${stop} (local.set $i (local.get $j)) (br $l)))`,
    `(block $out (loop $l ${step("$n", 1)} ${stop} (local.set $x (local.get $y)) (br $l)))`,
    `(block $out (loop $l ${step("$n", 1)} ${stop} ${step("$j", 3)} (local.set $i (local.get $j)) (local.set $j (local.get $n)) (br $l)))`,
    `(block $out (loop $l ${step("$n", 1)} ${stop} ${step("$i", 5)} ${step("$j", -3)} (br $l)))`,
    `(block $out (loop $l ${step("$n", 1)} ${stop} ${step("$i", 5)} ${step("$j", -3, "$i")} (br $l)))`,
    `(loop $l ${step("$i", 5)} ${step("$n", 1)} (br_if $l (i32.ne (local.get $n) (i32.const 9))))`,
    `(local.set $n (i32.const -9)) (loop $l ${step("$i", 5)} ${step("$n", 1)} (br_if $l (local.get $n)))`,
    `(local.set $n (i32.const -9)) (loop $l ${step("$n", 1)} ${step("$i", 5)} (br_if $l (local.get $n)))`,
    `(local.set $j (i32.const 50)) (loop $l ${step("$i", 1)} ${step("$n", 2)} (br_if $l (i32.ne (local.get $n) (local.get $j))))`,
    `(local.set $j (i32.const 50)) (loop $l ${step("$n", 2)} ${step("$i", 1)} (br_if $l (i32.ne (local.get $j) (local.get $n))))`,
    `(if ${b} (then (local.set $i (local.get $j))) (else (local.set $j (local.get $i)) (local.set $n (local.get $i))))`,
    `(block $out (br_if $out ${b}) (local.set $i (i32.const 1)) (local.set $j (local.get $i)) (br $out))`,
    `(local.set $n (block $out (result i32) (drop (br_if $out ${a} ${b})) (local.set $i (local.get $j)) (br $out (local.get $i))))`,
  ];
  const functions = bodies.map(
    (body, i) => `(func (export "f${i}") (param $a i32) (param $b i32) (result i32) ${loop(body)})`,
  );
  await agree(`(module ${functions.join("\n")})`, pairs(EDGES));
});

test("a call that copies its arguments itself gives them, to the host and to the guest", async () => {
  const text = `(module
    (type $two (func (param i32 i32) (result i32)))
    (import "host" "wait" (func $wait (type $two)))
    (table 2 funcref) (elem (i32.const 0) $wait $minus)
    (func $minus (type $two) (i32.sub (local.get 0) (local.get 1)))
    (func (export "direct") (param $a i32) (param $b i32) (result i32)
      (i32.add (call $wait ${b} ${a}) (i32.mul (call $minus ${a} ${b}) (i32.const 3))))
    (func (export "one") (param $a i32) (param $b i32) (result i32)
      (i32.add (call $wait (i32.const 5) ${a}) (call $minus ${b} (i32.const 1))))
    (func (export "indirect") (param $a i32) (param $b i32) (result i32)
      (call_indirect (type $two) ${b} ${a} ${a}))
    (func (export "moved") (param $a i32) (param $b i32) (result i32)
      (local.set $b (local.get $a))
      (call_indirect (type $two) ${b} (i32.const 2) ${b})))`;
  let waits = 0;
  /** @type {number[][]} */
  const asked = [];
  const wait = (/** @type {number} */ x, /** @type {number} */ y) => {
    asked.push([x, y]);
    return x * 10 + y;
  };
  const ours = await run(engine, text, {
    host: {
      wait: (/** @type {number} */ x, /** @type {number} */ y) => {
        waits++;
        return wait(x, y);
      },
    },
  });
  const { instance } = await WebAssembly.instantiate(await assemble(text), { host: { wait } });
  const theirs = /** @type {Record<string, any>} */ (instance.exports);
  for (const name of ["direct", "one", "indirect", "moved"])
    for (const args of pairs([0, 1, 2, -1])) {
      asked.length = 0;
      const [got, expected] = [ours, theirs].map((it) => {
        const answer = outcome(it, name, args)
          .toString()
          .replace(/ at .*/, "");
        return [answer, asked.splice(0)];
      });
      assert.deepEqual(got, expected, `${name} of ${args}`);
    }
  assert.ok(waits > 0);
});

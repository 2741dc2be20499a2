/** Instructions that the translator makes one operation of: each is checked against the host's WebAssembly, or arithmetic. */
import assert from "node:assert/strict";
import test from "node:test";
import { assemble, newEngine, run } from "./support.js";

const engine = await newEngine();

const EDGES = [0, 1, 2, 99, 100, 101, 0x7fffffff, -0x80000000, -100, -2, -1];

/** A function's value for each argument in a loop that is left at once, for constants have slots only in loops. */
const DIVISORS = [1, 2, 3, 7, 10, 64, 100, 641, 1000, 32767];

/** @param {string} name @param {string} condition of the `if` */
const remainder = (name, condition) => `(func (export "${name}") (param $a i32) (result i32)
  (local $kept i32) (local $answer i32)
  (loop $once
    (if ${condition} (then (local.set $answer (i32.const 1))) (else (local.set $answer (i32.const 2))))
    (br_if $once (i32.eq (local.get $answer) (i32.const 3))))
  (i32.add (local.get $answer) (i32.shl (local.get $kept) (i32.const 2))))`;

/** @param {number} k */
const remainders = (k) => {
  const rest = `(i32.rem_u (local.get $a) (i32.const ${k}))`;
  return [
    remainder(`zero${k}`, `(i32.eqz ${rest})`),
    remainder(`some${k}`, rest),
    remainder(`kept${k}`, `(i32.eqz (local.tee $kept ${rest}))`),
    remainder(`again${k}`, `(i32.add (local.tee $kept ${rest}) (i32.const 0))`),
  ].join("\n");
};

test("a branch on a remainder goes where division says", async () => {
  const text = `(module ${DIVISORS.map(remainders).join("\n")})`;
  const ours = await run(engine, text);
  const { instance } = await WebAssembly.instantiate(await assemble(text));
  const theirs = /** @type {Record<string, any>} */ (instance.exports);
  for (const k of DIVISORS) {
    for (const a of [...EDGES, k - 1, k, k + 1, 3 * k, 65521 * k, 65521 * k - 1]) {
      for (const name of [`zero${k}`, `some${k}`, `kept${k}`, `again${k}`]) {
        assert.equal(ours[name](a), theirs[name](a), `${name} of ${a}`);
      }
    }
  }
});

test("a loop that counts and compares ends where it should, also beyond the numbers' end", async () => {
  /** @type {Record<string, string>} */
  const ends = {
    lt_s: "(i32.lt_s (local.get $i) (local.get $n))",
    lt_u: "(i32.lt_u (local.get $i) (local.get $n))",
    gt_s: "(i32.gt_s (local.get $n) (local.get $i))",
    gt_u: "(i32.gt_u (local.get $n) (local.get $i))",
    ne: "(i32.ne (local.get $n) (local.get $i))",
    lt_s_k: "(i32.lt_s (local.get $i) (i32.const 100))",
    lt_u_k: "(i32.lt_u (local.get $i) (i32.const -100))",
    itself: "(i32.lt_s (local.get $i) (local.get $i))",
  };
  const loops = Object.entries(ends).map(
    ([name, end]) => `(func (export "${name}") (param $i i32) (param $n i32) (result i32)
      (local $turns i32)
      (loop $again
        (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
        (if (i32.eq (local.get $turns) (i32.const 300)) (then (return (i32.const -1))))
        (local.set $i (i32.add (local.get $i) (i32.const 7)))
        (br_if $again ${end}))
      (i32.add (local.get $i) (local.get $turns)))`,
  );
  const text = `(module ${loops.join("\n")})`;
  const ours = await run(engine, text);
  const { instance } = await WebAssembly.instantiate(await assemble(text));
  const theirs = /** @type {Record<string, any>} */ (instance.exports);
  for (const name of Object.keys(ends)) {
    for (const from of EDGES) {
      for (const to of EDGES) {
        assert.equal(ours[name](from, to), theirs[name](from, to), `${name} of ${from}, ${to}`);
      }
    }
  }
});

test("the fields of a struct keep to their places, however narrow, and so do its neighbours", async () => {
  const fields = ["i8", "i16", "i32", "i64", "f32", "i8", "i16", "i8"];
  const types = fields.map((type) => `(field (mut ${type}))`);
  /** @param {string} value */
  const values = (value) =>
    fields.map((type) =>
      type === "i64"
        ? `(i64.extend_i32_s ${value})`
        : type === "f32"
          ? `(f32.convert_i32_s ${value})`
          : value,
    );
  const counts = fields.map((_, i) => i + 1);
  const functions = counts.map((n) => {
    const sums = fields.slice(0, n).map((type, i) => {
      const get = `struct.get${type === "i8" || type === "i16" ? "_s" : ""} $t${n} ${i} (local.get $one)`;
      if (type === "i64") return `(i32.wrap_i64 (${get}))`;
      return type === "f32" ? `(i32.trunc_f32_s (${get}))` : `(${get})`;
    });
    return `(type $t${n} (struct ${types.slice(0, n).join(" ")}))
      (func (export "sum${n}") (param $a i32) (param $b i32) (result i32)
        (local $one (ref null $t${n})) (local $two (ref null $t${n})) (local $sum i32)
        (local.set $one (struct.new $t${n} ${values("(local.get $a)").slice(0, n).join(" ")}))
        (local.set $two (struct.new $t${n} ${values("(local.get $b)").slice(0, n).join(" ")}))
        ${sums.map((sum) => `(local.set $sum (i32.add (local.get $sum) ${sum}))`).join("\n")}
        (local.set $one (local.get $two))
        ${sums.map((sum) => `(local.set $sum (i32.add (local.get $sum) ${sum}))`).join("\n")}
        (local.get $sum))`;
  });
  const exports = await run(engine, `(module ${functions.join("\n")})`);
  for (const n of counts) {
    assert.equal(exports[`sum${n}`](-3, 100), n * 97);
    assert.equal(exports[`sum${n}`](127, -128), -n);
  }
});

test("a sum with a field reads it, and names what is null", async () => {
  const exports = await run(
    engine,
    `(module
      (type $pair (struct (field $a i32) (field $b i64)))
      (func $pair (param i32) (result (ref null $pair))
        (if (result (ref null $pair)) (local.get 0)
          (then (struct.new $pair (local.get 0) (i64.const 1000000000000)))
          (else (ref.null $pair))))
      (func (export "a") (param $x i32) (param $of i32) (result i32)
        (i32.add (local.get $x) (struct.get $pair $a (call $pair (local.get $of)))))
      (func (export "mirrored") (param $x i32) (param $of i32) (result i32)
        (i32.add (struct.get $pair $a (call $pair (local.get $of))) (local.get $x)))
      (func (export "b") (param $x i64) (param $of i32) (result i64)
        (i64.add (local.get $x) (struct.get $pair $b (call $pair (local.get $of))))))`,
  );
  assert.equal(exports.a(5, 7), 12);
  assert.equal(exports.mirrored(-0x80000000, -1), 0x7fffffff);
  assert.equal(exports.b(5n, 7), 1000000000005n);
  for (const [name, x] of [
    ["a", 5],
    ["mirrored", 5],
    ["b", 5n],
  ])
    assert.throws(() => exports[/** @type {string} */ (name)](x, 0), /null structure reference/);
});

test("arithmetic that is fused computes what its parts do", async () => {
  const a = "(local.get $a)";
  const b = "(local.get $b)";
  const wide = (/** @type {string} */ of) =>
    `(i64.mul (i64.extend_i32_s ${of}) (i64.const 4294967311))`;
  /** @type {string[]} */
  const i32 = [];
  /** @type {string[]} */
  const i64 = [];
  for (const k of [0, 1, 7, 31]) {
    for (const [op, shift] of [
      ["xor", "shl"],
      ["xor", "shr_u"],
      ["xor", "rotl"],
      ["xor", "rotr"],
      ["or", "shl"],
      ["add", "shl"],
    ]) {
      for (const [list, t, x, y, n] of /** @type {const} */ ([
        [i32, "i32", a, b, k],
        [i64, "i64", wide(a), wide(b), 2 * k + 1],
      ])) {
        const shifted = `(${t}.${shift} ${x} (${t}.const ${n}))`;
        list.push(`(${t}.${op} ${y} ${shifted})`, `(${t}.${op} ${shifted} ${y})`);
        list.push(`(${t}.${op} ${shifted} (${t}.${shift} ${y} (${t}.const ${n})))`);
      }
    }
    i32.push(`(i32.and (i32.shr_u ${a} (i32.const ${k})) (i32.const ${k * 5 - 3}))`);
  }
  for (const k of [-32768, -3, 33, 32767, 100000])
    i32.push(`(i32.add (i32.mul ${a} (i32.const ${k})) ${b})`);
  i32.push(`(i32.add (i32.mul ${a} ${b}) ${a})`, `(i32.add (i32.add ${a} ${b}) ${b})`);
  i32.push(`(select ${a} ${b} (i32.eqz ${a}))`, `(select ${a} (i32.const 9) (i32.eqz ${b}))`);
  for (const k of [1, -2, 0x4000, -0x8000]) {
    const bits = `(i32.and ${a} (i32.const ${k}))`;
    i32.push(`(if (result i32) ${bits} (then (i32.const 1)) (else (i32.const 2)))`);
    i32.push(`(if (result i32) (i32.eqz ${bits}) (then (i32.const 1)) (else (i32.const 2)))`);
  }
  i32.push(
    `(loop $l (result i32) (local.set $a (i32.add ${a} (i32.const 1))) (br_if $l (i32.and ${a} (i32.const 1))) ${a})`,
  );
  for (const op of ["div_s", "rem_s"])
    for (const k of [1, 2, 7, 32767]) i32.push(`(i32.${op} ${a} (i32.const ${k}))`);
  const make = (/** @type {string} */ t) => (/** @type {string} */ body, /** @type {number} */ i) =>
    `(func (export "${t}_${i}") (param $a i32) (param $b i32) (result ${t}) ${body})`;
  const text = `(module ${i32.map(make("i32")).join("\n")} ${i64.map(make("i64")).join("\n")})`;
  const ours = await run(engine, text);
  const { instance } = await WebAssembly.instantiate(await assemble(text));
  const theirs = /** @type {Record<string, any>} */ (instance.exports);
  for (const name of Object.keys(theirs))
    for (const x of EDGES)
      for (const y of EDGES)
        assert.equal(ours[name](x, y), theirs[name](x, y), `${name} of ${x}, ${y}`);
});

test("what is used after its local has moved on keeps its value, and pairs of counters keep their order", async () => {
  const text = `(module (memory 1) (data (i32.const 0) "\\01\\02\\03\\04\\05\\06\\07\\08\\09")
    (func (export "after") (param $p i32) (result i32) (local $sum i32)
      (local.set $sum (i32.load8_u (local.get $p) (local.set $p (i32.add (local.get $p) (i32.const 1)))))
      (i32.add (i32.shl (local.get $sum) (i32.const 8)) (local.get $p)))
    (func (export "twice") (param $p i32) (result i32)
      (i32.sub (local.get $p) (i32.mul (local.get $p)
        (local.tee $p (i32.add (local.get $p) (i32.const 5))))))
    (func (export "both") (param $p i32) (result i32)
      local.get $p local.get $p
      (local.set $p (i32.xor (local.get $p) (i32.const 77)))
      i32.mul local.get $p i32.add)
    (func (export "chain") (param $p i32) (param $q i32) (result i32)
      (local.set $p (i32.add (local.get $q) (i32.const 3)))
      (local.set $q (i32.add (local.get $p) (i32.const -9)))
      (i32.mul (local.get $p) (local.get $q)))
    (func (export "zeros") (param $p i32) (result i32) (local $z i32) (local $w i64)
      (local.set $p (i32.const 0))
      (local.set $z (i32.const 0))
      (loop $again
        (local.set $w (i64.const 0))
        (local.set $z (i32.add (local.get $z) (i32.const 1)))
        (local.set $w (i64.add (local.get $w) (i64.const 1)))
        (br_if $again (i32.lt_u (local.get $z) (i32.const 5))))
      (i32.add (local.get $p) (i32.wrap_i64 (local.get $w))))
    (func (export "loop_first") (result i32) (local $z i32) (local $turns i32)
      (loop $again
        (local.set $z (i32.const 0))
        (local.set $z (i32.add (local.get $z) (i32.const 1)))
        (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
        (br_if $again (i32.ne (local.get $turns) (i32.const 4))))
      (local.get $z)))`
    // A value that is set aside while its local is set, in one operand.
    .replace(
      "(local.set $sum (i32.load8_u (local.get $p) (local.set $p (i32.add (local.get $p) (i32.const 1)))))",
      "local.get $p (local.set $p (i32.add (local.get $p) (i32.const 1))) i32.load8_u local.set $sum",
    );
  const ours = await run(engine, text);
  const { instance } = await WebAssembly.instantiate(await assemble(text));
  const theirs = /** @type {Record<string, any>} */ (instance.exports);
  for (const x of [0, 1, 5, 8])
    for (const name of ["after", "twice", "both", "chain", "zeros", "loop_first"])
      assert.equal(ours[name](x, x + 11), theirs[name](x, x + 11), `${name} of ${x}`);
});

test("a fused load or store reaches its place, and traps as itself where that is outside", async () => {
  const text = `(module (memory 2)
    (func (export "put") (param $i i32) (param $v i32)
      (i32.store offset=65540 (i32.shl (local.get $i) (i32.const 2)) (local.get $v)))
    (func (export "put_sum") (param $i i32) (param $v i32)
      (i64.store offset=8 (i32.shl (local.get $i) (i32.const 3))
        (i64.mul (i64.extend_i32_s (local.get $v)) (i64.const 3))))
    (func (export "get") (param $i i32) (result i32)
      (i32.load offset=65540 (i32.shl (local.get $i) (i32.const 2))))
    (func (export "get64") (param $i i32) (result i64)
      (i64.load offset=8 (i32.shl (local.get $i) (i32.const 3))))
    (func (export "sum") (param $i i32) (param $x i32) (result i32)
      (i32.add (local.get $x) (i32.load offset=4 (local.get $i))))
    (func (export "float") (param $i i32) (param $x f64) (result f64)
      (f64.mul (f64.add (local.get $x) (f64.load (local.get $i))) (f64.load offset=8 (local.get $i)))))`;
  const ours = await run(engine, text);
  const { instance } = await WebAssembly.instantiate(await assemble(text));
  const theirs = /** @type {Record<string, any>} */ (instance.exports);
  /** @param {Record<string, any>} it @param {string} name @param {unknown[]} args */
  const outcome = (it, name, ...args) => {
    try {
      return it[name](...args);
    } catch {
      return "trap";
    }
  };
  const places = [
    0, 1, 8000, 8190, 16381, 16382, 16383, 32766, 131064, 131068, -1, -4, 0x3fffffff, 0x40000001,
  ];
  for (const i of places) {
    for (const [name, ...args] of [
      ["put", i, i ^ 0x55aa55aa],
      ["put_sum", i, i ^ 0x1234567],
      ["get", i],
      ["get64", i],
      ["sum", i, 7],
      ["float", i, 0.5],
    ])
      assert.equal(
        outcome(ours, String(name), ...args),
        outcome(theirs, String(name), ...args),
        `${name} of ${i}`,
      );
  }
});

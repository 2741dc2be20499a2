/**
 * The engine's JavaScript interface against the host's own WebAssembly: every case runs on both
 * namespaces, and what comes out, values and errors alike, must be the same.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { assemble, newEngine } from "./support.js";

/** The part of the namespace that both have. @typedef {any} Namespace */

/** @type {Namespace} */
let engine;
before(async () => {
  engine = await newEngine();
});

/**
 * What a case does: its answer, or the class and kind of its error.
 * @param {Namespace} wasm
 * @param {(wasm: Namespace) => unknown} act
 */
function outcome(wasm, act) {
  try {
    return { value: act(wasm) };
  } catch (error) {
    assert.ok(error instanceof Error);
    return { error: error.constructor.name };
  }
}

/**
 * Runs a case on both and compares.
 * @param {string} name
 * @param {string} text module, or "" for none
 * @param {(wasm: Namespace, module: any) => unknown} act
 */
function same(name, text, act) {
  test(name, async () => {
    const bytes = text && (await assemble(text));
    const make = (/** @type {Namespace} */ wasm) => text && new wasm.Module(bytes);
    const [ours, theirs] = [make(engine), make(WebAssembly)];
    const expected = outcome(WebAssembly, (wasm) => act(wasm, theirs));
    assert.deepEqual(
      outcome(engine, (wasm) => act(wasm, ours)),
      expected,
    );
  });
}

const EVERYTHING = `(module
  (import "m" "f" (func (param i32 i64) (result f64)))
  (import "m" "t" (table 1 2 funcref))
  (import "m" "mem" (memory 1))
  (import "m" "g" (global (mut i32)))
  (export "f" (func 0)) (export "t" (table 0)) (export "mem" (memory 0)) (export "g" (global 0)))`;

same("Module.imports lists every kind", EVERYTHING, (wasm, module) => wasm.Module.imports(module));
same("Module.exports lists every kind", EVERYTHING, (wasm, module) => wasm.Module.exports(module));
same(
  "customSections finds all of a name, with their bytes",
  `(module (@custom "a" "one") (@custom "b" "two") (@custom "a" ""))`,
  (wasm, module) =>
    ["a", "b", "c"].map((name) =>
      wasm.Module.customSections(module, name).map((/** @type {ArrayBuffer} */ section) =>
        Buffer.from(section).toString(),
      ),
    ),
);
for (const [what, bytes] of /** @type {[string, unknown][]} */ ([
  ["empty bytes", new Uint8Array()],
  ["a wrong version", Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0)],
  [
    "an invalid body",
    Uint8Array.from([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 10, 4, 1, 2, 0, 11,
    ]),
  ],
  ["no bytes at all", "text"],
])) {
  same(`new Module of ${what} fails as the host's does`, "", (wasm) => new wasm.Module(bytes));
}
same("validate answers yes and no", "", (wasm) => [
  wasm.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)),
  wasm.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d)),
]);

const IDENTITY = `(module
  (func (export "i32") (param i32) (result i32) local.get 0)
  (func (export "i64") (param i64) (result i64) local.get 0)
  (func (export "f32") (param f32) (result f32) local.get 0)
  (func (export "f64") (param f64) (result f64) local.get 0)
  (func (export "any") (param externref) (result externref) local.get 0)
  (func (export "fun") (param funcref) (result funcref) local.get 0)
  (func (export "v128") (param v128))
  (func (export "two") (result i32 i64) i32.const 1 i64.const 2)
  (func (export "none")))`;

const shared = { an: "object" };
for (const [type, values] of /** @type {[string, unknown[]][]} */ ([
  [
    "i32",
    [
      0,
      -1,
      2 ** 31,
      2 ** 32 + 5,
      1.9,
      NaN,
      Infinity,
      "0x10",
      true,
      null,
      undefined,
      {},
      1n,
      Symbol(),
    ],
  ],
  ["i64", [0n, -1n, 2n ** 63n, 2n ** 64n + 5n, "12", true, 1, null, undefined, {}]],
  ["f32", [0.1, -0, 1e40, NaN, "2.5", null, undefined, 1n]],
  ["f64", [0.1, -0, 1e400, NaN, "2.5", null, undefined, 1n]],
  ["any", [null, undefined, 0, "text", shared, Symbol.iterator]],
  ["fun", [null, undefined, 1, () => 0]],
  ["v128", [0]],
])) {
  for (const value of values) {
    same(`${type} converts ${typeof value} ${String(value)}`, IDENTITY, (wasm, module) =>
      new wasm.Instance(module).exports[type](value),
    );
  }
}
same("missing arguments are undefined", IDENTITY, (wasm, module) =>
  new wasm.Instance(module).exports.f64(),
);
same("results are undefined, a value or an array", IDENTITY, (wasm, module) => {
  const { none, i32, two } = new wasm.Instance(module).exports;
  return [none(), i32(7), two()];
});
same("a function reference comes back as the function", IDENTITY, (wasm, module) => {
  const { fun, two } = new wasm.Instance(module).exports;
  return fun(two) === two;
});
same("exported functions tell how many parameters they take", IDENTITY, (wasm, module) => {
  const { none, i32 } = new wasm.Instance(module).exports;
  return [none.length, i32.length];
});
same("exports is frozen and has no prototype", IDENTITY, (wasm, module) => {
  const { exports } = new wasm.Instance(module);
  return [Object.isFrozen(exports), Object.getPrototypeOf(exports)];
});

const CALLER = `(module
  (import "m" "f" (func $f (param i32 i64 f32 f64 externref) (result i64)))
  (import "m" "pair" (func $pair (result i32 f64)))
  (func (export "call") (param externref) (result i64)
    (call $f (i32.const -1) (i64.const -2) (f32.const 0.5) (f64.const 0.25) (local.get 0)))
  (func (export "pair") (result i32 f64) (call $pair)))`;
const good = { f: () => 0n, pair: () => [1, 2] };
same("an import gets its arguments converted", CALLER, (wasm, module) => {
  /** @type {unknown[]} */
  let got = [];
  const f = (/** @type {unknown[]} */ ...args) => ((got = args), 5n);
  const { call } = new wasm.Instance(module, { m: { ...good, f } }).exports;
  return [call(shared), got, got[4] === shared];
});
for (const [what, f] of /** @type {[string, unknown][]} */ ([
  ["a number for an i64", () => 1],
  ["nothing for an i64", () => undefined],
  [
    "an exception",
    () => {
      throw new SyntaxError("mine");
    },
  ],
  ["no function", 5],
])) {
  same(`an import that gives ${what} fails as on the host`, CALLER, (wasm, module) =>
    new wasm.Instance(module, { m: { ...good, f } }).exports.call(null),
  );
}
for (const [what, pair] of /** @type {[string, () => unknown][]} */ ([
  ["an array", () => [1, 2.5]],
  ["any iterable", () => new Set([3, 4])],
  ["too few values", () => [1]],
  ["too many values", () => [1, 2, 3]],
  ["no iterable", () => 1],
])) {
  same(`two results from ${what}`, CALLER, (wasm, module) =>
    new wasm.Instance(module, { m: { ...good, pair } }).exports.pair(),
  );
}
for (const [what, imports] of /** @type {[string, unknown][]} */ ([
  ["no imports object", undefined],
  ["no such module", {}],
  ["a module that is no object", { m: 1 }],
  ["a missing function", { m: { f: () => 0n } }],
])) {
  same(
    `instantiating with ${what} fails as on the host`,
    CALLER,
    (wasm, module) => new wasm.Instance(module, imports),
  );
}
same(
  "a global import takes a number",
  `(module (import "m" "g" (global i32)) (export "g" (global 0)))`,
  (wasm, module) => new wasm.Instance(module, { m: { g: 42 } }).exports.g.value,
);
same(
  "a mutable global import does not",
  `(module (import "m" "g" (global (mut i32))))`,
  (wasm, module) => new wasm.Instance(module, { m: { g: 42 } }) && 0,
);

const TRAPS = `(module (memory 1) (table 2 funcref) (type $t (func))
  (func (export "unreachable") unreachable)
  (func (export "divide") (result i32) i32.const 1 i32.const 0 i32.div_s)
  (func (export "memory") (result i32) i32.const 65536 i32.load)
  (func (export "table") i32.const 5 call_indirect (type $t))
  (func (export "null") i32.const 0 call_indirect (type $t))
  (func $deep (export "deep") call $deep))`;
for (const name of ["unreachable", "divide", "memory", "table", "null", "deep"]) {
  same(`the trap ${name} is the host's class of error`, TRAPS, (wasm, module) =>
    new wasm.Instance(module).exports[name](),
  );
}
same(
  "a start function that traps fails the instance",
  `(module (start 0) (func unreachable))`,
  (wasm, module) => new wasm.Instance(module),
);
same(
  "a segment out of bounds fails the instance",
  `(module (memory 1) (data (i32.const 65536) "x"))`,
  (wasm, module) => new wasm.Instance(module),
);

same("Memory grows, and says what it was", "", (wasm) => {
  const memory = new wasm.Memory({ initial: 1, maximum: 3 });
  return [memory.grow(1), memory.grow(0), outcome(wasm, () => memory.grow(2)), memory.grow(1)];
});
same("Memory refuses senseless sizes", "", (wasm) =>
  [
    {},
    { initial: -1 },
    { initial: 2, maximum: 1 },
    { initial: 70000 },
    { initial: 1, shared: true },
  ].map((descriptor) => Boolean(outcome(wasm, () => new wasm.Memory(descriptor)).error)),
);
same("Table gets, sets and grows", "", (wasm) => {
  const table = new wasm.Table({ element: "externref", initial: 2, maximum: 4 }, "first");
  table.set(1, 7);
  const before = table.grow(1, null);
  return [
    table.length,
    before,
    table.get(0),
    table.get(1),
    table.get(2),
    outcome(wasm, () => table.get(3)),
    outcome(wasm, () => table.grow(5)),
  ];
});
same("Table of functions takes exported functions only", IDENTITY, (wasm, module) => {
  const { two } = new wasm.Instance(module).exports;
  const table = new wasm.Table({ element: "anyfunc", initial: 2 });
  table.set(0, two);
  return [table.get(0) === two, table.get(1), outcome(wasm, () => table.set(1, () => 0))];
});
same("Global has its default, its value, its mutability", "", (wasm) => {
  const global = new wasm.Global({ value: "i64", mutable: true });
  const first = global.value;
  global.value = -5n;
  const fixed = new wasm.Global({ value: "f32" }, 0.1);
  return [
    first,
    global.value,
    global.valueOf(),
    fixed.value,
    outcome(wasm, () => (fixed.value = 1)),
  ];
});
same("what one instance exports another imports, and they share it", EVERYTHING, (wasm, module) => {
  const imports = {
    f: (/** @type {number} */ a, /** @type {bigint} */ b) => a + Number(b),
    t: new wasm.Table({ element: "anyfunc", initial: 1, maximum: 2 }),
    mem: new wasm.Memory({ initial: 1 }),
    g: new wasm.Global({ value: "i32", mutable: true }, 3),
  };
  const first = new wasm.Instance(module, { m: imports }).exports;
  const second = new wasm.Instance(module, { m: first }).exports;
  second.g.value = 9;
  return [
    second.f(1, 2n),
    second.f === first.f,
    second.mem === imports.mem,
    second.t === imports.t,
    imports.g.value,
  ];
});
same("memory and table types that do not fit do not link", EVERYTHING, (wasm, module) => {
  const fits = {
    f: () => 0,
    t: new wasm.Table({ element: "anyfunc", initial: 1, maximum: 2 }),
    mem: new wasm.Memory({ initial: 1 }),
    g: new wasm.Global({ value: "i32", mutable: true }),
  };
  return [
    { ...fits, t: new wasm.Table({ element: "anyfunc", initial: 1 }) },
    { ...fits, mem: new wasm.Memory({ initial: 0 }) },
    { ...fits, g: new wasm.Global({ value: "i64", mutable: true }) },
    { ...fits, g: new wasm.Global({ value: "i32" }) },
    { ...fits, mem: fits.t },
  ].map((m) => outcome(wasm, () => new wasm.Instance(module, { m })));
});

same("what is exported is of the namespace's classes", EVERYTHING, (wasm, module) => {
  const m = {
    f: () => 0,
    t: new wasm.Table({ element: "anyfunc", initial: 1, maximum: 2 }),
    mem: new wasm.Memory({ initial: 1 }),
    g: new wasm.Global({ value: "i32", mutable: true }),
  };
  const instance = new wasm.Instance(module, { m });
  const { t, mem, g } = instance.exports;
  return [
    module instanceof wasm.Module,
    instance instanceof wasm.Instance,
    t instanceof wasm.Table,
    mem instanceof wasm.Memory,
    g instanceof wasm.Global,
    mem instanceof wasm.Global,
  ];
});

test("instantiate answers as WebAssembly.instantiate does", async () => {
  const bytes = await assemble(`(module (func (export "f") (result i32) i32.const 3))`);
  const { module, instance } = await engine.instantiate(bytes);
  assert.equal(instance.exports.f(), 3);
  const again = await engine.instantiate(module);
  assert.equal(again.exports.f(), 3);
  await assert.rejects(engine.instantiate(Uint8Array.of(1)), WebAssembly.CompileError);
});

test("a memory's bytes are a window that guest and host share", async () => {
  const bytes = await assemble(`(module (memory (export "m") 1)
    (func (export "get") (param i32) (result i32) local.get 0 i32.load8_u)
    (func (export "set") (param i32 i32) local.get 0 local.get 1 i32.store8))`);
  const { m, get, set } = new engine.Instance(new engine.Module(bytes)).exports;
  m.bytes[10] = 77;
  set(11, 78);
  assert.equal(get(10), 77);
  assert.equal(new Uint8Array(m.buffer, m.byteOffset, m.byteLength)[11], 78);
  m.grow(20);
  assert.equal(m.byteLength, 21 * 65536);
  assert.equal(m.bytes[11], 78);
});

test("an error of compilation says where", async () => {
  const bytes = await assemble(`(module (func (result i32) i64.const 1))`);
  assert.throws(
    () => new engine.Module(bytes),
    (error) => {
      assert.ok(error instanceof WebAssembly.CompileError && "offset" in error);
      assert.ok(Number(error.offset) > 8 && Number(error.offset) < bytes.length);
      return true;
    },
  );
});

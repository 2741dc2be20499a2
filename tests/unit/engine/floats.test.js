/** Sums and differences of products, which the interpreter computes in one operation: V8 is the oracle. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { assemble, newEngine } from "./support.js";

/** @type {import("../../../node/engine.js").Engine} */
let engine;
before(async () => {
  engine = await newEngine();
});

/** With 1 + 2^-n and their like, rounding once and twice differ. */
const VALUES = [
  ...[0, -0, 1, -1.5, 1e-30, 3e38, 1e308, 5e-324, 1e-45, Infinity, -Infinity, NaN],
  ...[12, 23, 27, 52].flatMap((n) => [1 + 2 ** -n, -1 - 2 ** (1 - n)]),
];

/** @param {string} t */
function functions(t) {
  const product = `(${t}.mul (local.get $x) (local.get $y))`;
  const sums = {
    add: `(${t}.add ${product} (local.get $z))`,
    addBefore: `(${t}.add (local.get $z) ${product})`,
    sub: `(${t}.sub ${product} (local.get $z))`,
    subBefore: `(${t}.sub (local.get $z) ${product})`,
    addConstant: `(${t}.add ${product} (${t}.const 0x1.8p-1))`,
    subFromConstant: `(${t}.sub (${t}.const 0x1.8p-1) ${product})`,
    addLoaded: `(${t}.store (i32.const 8) (local.get $z))
      (${t}.add (${t}.load (i32.const 8)) ${product})`,
    products: `(${t}.add ${product} (${t}.mul (local.get $z) (local.get $x)))`,
    differences: `(${t}.sub ${product} (${t}.mul (local.get $z) (local.get $x)))`,
    nested: `(${t}.sub (${t}.mul (local.get $x) ${product}) (local.get $z))`,
    kept: `(local.set $y (${t}.add (local.tee $x ${product}) (local.get $z)))
      (${t}.div (local.get $x) (local.get $y))`,
  };
  const [bits, int] = t === "f32" ? ["i32.reinterpret_f32", "i32"] : ["i64.reinterpret_f64", "i64"];
  return Object.entries(sums).map(([name, body]) => {
    const lines = body.split("\n");
    const last = lines.pop();
    return `(func (export "${t} ${name}") (param $x ${t}) (param $y ${t}) (param $z ${t}) (result ${int})
      ${lines.join("\n")} (${bits} ${last}))`;
  });
}

/** @param {number | bigint} bits a NaN is the canonical one in Nidus, any in the host */
const canonical = (bits) => {
  if (typeof bits === "bigint")
    return Number.isNaN(new Float64Array(BigInt64Array.of(bits).buffer)[0])
      ? 0x7ff8n << 48n
      : BigInt.asUintN(64, bits);
  return Number.isNaN(new Float32Array(Int32Array.of(bits).buffer)[0]) ? 0x7fc00000 : bits >>> 0;
};

test("sums with products round twice, and their NaNs are canonical, at full speed and in steps", async () => {
  const bytes = await assemble(
    `(module (memory 1) ${[...functions("f32"), ...functions("f64")].join("\n")})`,
  );
  const host = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  const ours = new engine.Instance(new engine.Module(bytes)).exports;
  for (const name of Object.keys(host).filter((key) => key !== "memory")) {
    const expected = /** @type {(...numbers: number[]) => number | bigint} */ (host[name]);
    const found = /** @type {import("../../../node/engine.js").ExportedFunction} */ (ours[name]);
    for (const x of VALUES)
      for (const y of VALUES)
        for (const z of VALUES) {
          const bits = found(x, y, z);
          const unsigned = typeof bits === "bigint" ? BigInt.asUintN(64, bits) : bits >>> 0;
          assert.equal(unsigned, canonical(expected(x, y, z)), `${name} of ${x}, ${y}, ${z}`);
        }
    for (const z of [-1, NaN]) {
      const it = engine.run(found, [1 + 2 ** -27, 1 + 2 ** -12, z]);
      while (it.status === "ready") it.step();
      assert.equal(it.result, found(1 + 2 ** -27, 1 + 2 ** -12, z), `${name} in steps`);
      it.free();
    }
  }
});

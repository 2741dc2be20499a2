/**
 * Every numeric instruction, scalar and SIMD, on operands that are likely to be wrong (limits, zeros of
 * both signs, NaNs, neighbours of powers of two) and on random ones: the engine must agree with the
 * host's WebAssembly to the bit, but for NaNs made by arithmetic, which the engine makes canonical.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { newEngine } from "../engine/support.js";

/** Operand sets per run; each is four operands of 16 bytes. */
const ROWS = 400;
const ROW = 64;
const RESULTS = 65536;

/** @param {number} n */
const leb = (n) => {
  const bytes = [];
  for (; n >= 128; n >>>= 7) bytes.push((n & 127) | 128);
  return [...bytes, n];
};
/** @param {number} id @param {number[]} content */
const section = (id, content) => [id, ...leb(content.length), ...content];

/** How a type is loaded and stored. @type {Record<string, {load: number[], store: number[]}>} */
const ACCESS = {
  i: { load: [0x28, 2], store: [0x36, 2] },
  I: { load: [0x29, 3], store: [0x37, 3] },
  f: { load: [0x2a, 2], store: [0x38, 2] },
  F: { load: [0x2b, 3], store: [0x39, 3] },
  v: { load: [0xfd, 0, 4], store: [0xfd, 11, 4] },
};

/**
 * A module whose function applies the instruction to row after row.
 * @param {number[]} opcode
 * @param {string} signature operand types, then the result's
 */
function moduleOf(opcode, signature) {
  const types = [...signature];
  const result = types[types.length - 1];
  const local = [0x20, 0];
  const operands = types
    .slice(0, -1)
    .flatMap((type, i) => [...local, ...ACCESS[type].load, ...leb(i * 16)]);
  const body = [
    0, // no locals; parameters: the first row and the last
    0x03,
    0x40, // loop
    ...local,
    ...operands,
    ...opcode,
    ...ACCESS[result].store,
    ...leb(RESULTS),
    ...local,
    0x41,
    0xc0,
    0,
    0x6a,
    0x22,
    0,
    0x20,
    1,
    0x49,
    0x0d,
    0, // next row, br_if
    0x0b,
    0x0b,
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 2]),
    ...section(7, [2, 1, 0x66, 0, 0, 1, 0x6d, 2, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** A generator with a seed, so that a failure can be repeated (xorshift32). */
function random() {
  let state = 0x9e3779b9;
  return (/** @type {number} */ below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const F32 = [
  0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x3effffff, 0x3f000000, 0xbf000000,
  0x3f7fffff, 0x3f800000, 0xbf800000, 0xbf7fffff, 0x3fc00000, 0x40200000, 0x4affffff, 0x4b000000,
  0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000,
  0xdf000000, 0xdf000001, 0x5f7fffff, 0x5f800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
  0x7fc00000, 0xffc00000, 0x7f800001, 0x7fa00000, 0xffffffff,
];
const F64 = [
  0n,
  1n << 63n,
  1n,
  0x000fffffffffffffn,
  0x3fdfffffffffffffn,
  0x3fe0000000000000n,
  0xbfe0000000000000n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0xbfefffffffffffffn,
  0x3ff8000000000000n,
  0x4004000000000000n,
  0x432fffffffffffffn,
  0x4330000000000000n,
  0x41dfffffffc00000n,
  0x41dfffffffffffffn,
  0x41e0000000000000n,
  0xc1e0000000000000n,
  0xc1e00000001fffffn,
  0xc1e0000000200000n,
  0x41efffffffffffffn,
  0x41f0000000000000n,
  0x43dfffffffffffffn,
  0x43e0000000000000n,
  0xc3e0000000000000n,
  0xc3e0000000000001n,
  0x43efffffffffffffn,
  0x43f0000000000000n,
  0x36a0000000000000n,
  0x36a0000000000001n,
  0x47efffffefffffffn,
  0x47effffff0000000n,
  0x7fefffffffffffffn,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0xfff8000000000000n,
  0x7ff0000000000001n,
  0xffffffffffffffffn,
];
const WORDS = [
  0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
  0x80000000, 0xffffffff,
];

function operandRows() {
  const below = random();
  const bytes = new Uint8Array(ROWS * ROW);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 16) {
    switch (below(6)) {
      case 0:
        for (let i = 0; i < 16; i += 4) view.setUint32(at + i, F32[below(F32.length)], true);
        break;
      case 1:
        for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, F64[below(F64.length)], true);
        break;
      case 2:
        for (let i = 0; i < 16; i += 4) view.setUint32(at + i, WORDS[below(WORDS.length)], true);
        break;
      case 3:
        for (let i = 0; i < 16; i += 8)
          view.setBigInt64(at + i, BigInt(WORDS[below(WORDS.length)] | 0), true);
        break;
      case 4:
        for (let i = 0; i < 16; i++)
          view.setUint8(at + i, [0, 1, 0x7f, 0x80, 0x81, 0xff, 15, 16][below(8)]);
        break;
      default:
        for (let i = 0; i < 16; i++) view.setUint8(at + i, below(256));
    }
  }
  return bytes;
}

/**
 * Makes NaNs canonical, lane by lane.
 * @param {Uint8Array} bytes
 * @param {"f" | "F" | ""} lanes
 */
function canonical(bytes, lanes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; lanes === "f" && at < bytes.length; at += 4) {
    if (Number.isNaN(view.getFloat32(at, true))) view.setUint32(at, 0x7fc00000, true);
  }
  for (let at = 0; lanes === "F" && at < bytes.length; at += 8) {
    if (Number.isNaN(view.getFloat64(at, true))) {
      view.setBigUint64(at, 0x7ff8000000000000n, true);
    }
  }
  return bytes;
}

/** @type {import("../../../node/engine.js").Engine} */
let engine;
before(async () => {
  engine = await newEngine();
});

const operands = operandRows();

/**
 * @param {string} name
 * @param {number[]} opcode
 * @param {string} signature
 * @param {"f" | "F" | ""} nans lanes whose NaNs are arithmetic's
 * @param {boolean} traps may it trap?
 */
function agree(name, opcode, signature, nans, traps) {
  const bytes = moduleOf(opcode, signature);
  const host = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  const ours = /** @type {any} */ (new engine.Instance(new engine.Module(bytes)).exports);
  const hostMemory = new Uint8Array(/** @type {WebAssembly.Memory} */ (host.m).buffer);
  hostMemory.set(operands);
  ours.m.bytes.set(operands);
  /** @param {Function} f @param {number} from @param {number} to */
  const apply = (f, from, to) => {
    try {
      f(from, to);
      return "";
    } catch (error) {
      assert.ok(error instanceof WebAssembly.RuntimeError);
      return trapKind(error.message);
    }
  };
  const end = ROWS * ROW;
  for (let from = 0; from < end; from += traps ? ROW : end) {
    const to = traps ? from + ROW : end;
    const expected = apply(/** @type {Function} */ (host.f), from, to);
    assert.equal(apply(ours.f, from, to), expected, `${name}, operands ${hexRow(from)}`);
  }
  const expected = canonical(hostMemory.slice(RESULTS, RESULTS + end), nans);
  const got = ours.m.bytes.slice(RESULTS, RESULTS + end);
  if (Buffer.compare(got, expected) === 0) return;
  const at = got.findIndex(
    (/** @type {number} */ byte, /** @type {number} */ i) => byte !== expected[i],
  );
  const row = at - (at % ROW);
  const result = (/** @type {Uint8Array} */ all) =>
    Buffer.from(all.subarray(row, row + 16)).toString("hex");
  assert.equal(result(got), result(expected), `${name}, operands ${hexRow(row)}`);
}

/** @param {number} at */
const hexRow = (at) => Buffer.from(operands.subarray(at, at + 48)).toString("hex");

/** Hosts word their traps differently. @param {string} message */
function trapKind(message) {
  if (/zero/.test(message)) return "zero";
  // V8 has one sentence for a NaN and for what is too large; so has its word for INT_MIN / -1.
  return "range";
}

/** @param {number} first @param {number} last */
const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/**
 * Instructions of one family.
 * @typedef {{what: string, opcodes: number[], prefix?: number[], signature: string, nans?: "f" | "F", traps?: boolean}} Family
 */
/** @type {Family[]} */
const scalar = [
  { what: "i32 tests", opcodes: [0x45], signature: "ii" },
  { what: "i32 comparisons", opcodes: range(0x46, 0x4f), signature: "iii" },
  { what: "i64 tests", opcodes: [0x50], signature: "Ii" },
  { what: "i64 comparisons", opcodes: range(0x51, 0x5a), signature: "IIi" },
  { what: "f32 comparisons", opcodes: range(0x5b, 0x60), signature: "ffi" },
  { what: "f64 comparisons", opcodes: range(0x61, 0x66), signature: "FFi" },
  { what: "i32 unary", opcodes: range(0x67, 0x69), signature: "ii" },
  { what: "i32 binary", opcodes: [...range(0x6a, 0x6c), ...range(0x71, 0x78)], signature: "iii" },
  { what: "i32 division", opcodes: range(0x6d, 0x70), signature: "iii", traps: true },
  { what: "i64 unary", opcodes: range(0x79, 0x7b), signature: "II" },
  { what: "i64 binary", opcodes: [...range(0x7c, 0x7e), ...range(0x83, 0x8a)], signature: "III" },
  { what: "i64 division", opcodes: range(0x7f, 0x82), signature: "III", traps: true },
  { what: "f32 signs", opcodes: [0x8b, 0x8c], signature: "ff" },
  { what: "f32 unary", opcodes: range(0x8d, 0x91), signature: "ff", nans: "f" },
  { what: "f32 binary", opcodes: range(0x92, 0x97), signature: "fff", nans: "f" },
  { what: "f32 copysign", opcodes: [0x98], signature: "fff" },
  { what: "f64 signs", opcodes: [0x99, 0x9a], signature: "FF" },
  { what: "f64 unary", opcodes: range(0x9b, 0x9f), signature: "FF", nans: "F" },
  { what: "f64 binary", opcodes: range(0xa0, 0xa5), signature: "FFF", nans: "F" },
  { what: "f64 copysign", opcodes: [0xa6], signature: "FFF" },
  { what: "i32.wrap", opcodes: [0xa7], signature: "Ii" },
  { what: "f32 to i32", opcodes: [0xa8, 0xa9], signature: "fi", traps: true },
  { what: "f64 to i32", opcodes: [0xaa, 0xab], signature: "Fi", traps: true },
  { what: "i32 to i64", opcodes: [0xac, 0xad], signature: "iI" },
  { what: "f32 to i64", opcodes: [0xae, 0xaf], signature: "fI", traps: true },
  { what: "f64 to i64", opcodes: [0xb0, 0xb1], signature: "FI", traps: true },
  { what: "i32 to f32", opcodes: [0xb2, 0xb3], signature: "if" },
  { what: "i64 to f32", opcodes: [0xb4, 0xb5], signature: "If" },
  { what: "f32.demote", opcodes: [0xb6], signature: "Ff", nans: "f" },
  { what: "i32 to f64", opcodes: [0xb7, 0xb8], signature: "iF" },
  { what: "i64 to f64", opcodes: [0xb9, 0xba], signature: "IF" },
  { what: "f64.promote", opcodes: [0xbb], signature: "fF", nans: "F" },
  { what: "i32.reinterpret", opcodes: [0xbc], signature: "fi" },
  { what: "i64.reinterpret", opcodes: [0xbd], signature: "FI" },
  { what: "f32.reinterpret", opcodes: [0xbe], signature: "if" },
  { what: "f64.reinterpret", opcodes: [0xbf], signature: "IF" },
  { what: "i32 sign extension", opcodes: [0xc0, 0xc1], signature: "ii" },
  { what: "i64 sign extension", opcodes: range(0xc2, 0xc4), signature: "II" },
  { what: "saturating f32 to i32", prefix: [0xfc], opcodes: [0, 1], signature: "fi" },
  { what: "saturating f64 to i32", prefix: [0xfc], opcodes: [2, 3], signature: "Fi" },
  { what: "saturating f32 to i64", prefix: [0xfc], opcodes: [4, 5], signature: "fI" },
  { what: "saturating f64 to i64", prefix: [0xfc], opcodes: [6, 7], signature: "FI" },
];

/** @type {Family[]} */
const simd = [
  { what: "swizzle and comparisons", opcodes: [14, ...range(35, 76)], signature: "vvv" },
  { what: "bitwise", opcodes: range(78, 81), signature: "vvv" },
  { what: "not", opcodes: [77], signature: "vv" },
  { what: "bitselect", opcodes: [82], signature: "vvvv" },
  { what: "tests", opcodes: [83, 99, 100, 131, 132, 163, 164, 195, 196], signature: "vi" },
  {
    what: "shifts",
    opcodes: [107, 108, 109, 139, 140, 141, 171, 172, 173, 203, 204, 205],
    signature: "viv",
  },
  { what: "splats of i32", opcodes: [15, 16, 17], signature: "iv" },
  { what: "splats of others", opcodes: [18], signature: "Iv" },
  {
    what: "integer unary",
    opcodes: [
      96, 97, 98, 124, 125, 126, 127, 128, 129, 135, 136, 137, 138, 160, 161, 167, 168, 169, 170,
      192, 193, 199, 200, 201, 202,
    ],
    signature: "vv",
  },
  {
    what: "integer binary",
    opcodes: [
      101,
      102,
      ...range(110, 115),
      118,
      119,
      120,
      121,
      123,
      130,
      133,
      134,
      ...range(142, 147),
      ...range(149, 153),
      ...range(155, 159),
      174,
      177,
      ...range(181, 186),
      ...range(188, 191),
      206,
      209,
      ...range(213, 223),
    ],
    signature: "vvv",
  },
  { what: "float signs", opcodes: [224, 225, 236, 237], signature: "vv" },
  { what: "f32x4 unary", opcodes: [94, 103, 104, 105, 106, 227], signature: "vv", nans: "f" },
  { what: "f64x2 unary", opcodes: [95, 116, 117, 122, 148, 239], signature: "vv", nans: "F" },
  { what: "f32x4 binary", opcodes: range(228, 233), signature: "vvv", nans: "f" },
  { what: "f64x2 binary", opcodes: range(240, 245), signature: "vvv", nans: "F" },
  { what: "pseudo-minimum and -maximum", opcodes: [234, 235, 246, 247], signature: "vvv" },
  { what: "conversions", opcodes: range(248, 255), signature: "vv" },
];

for (const { what, opcodes, prefix = [], signature, nans = "", traps = false } of scalar) {
  test(`${what} agree with the host`, () => {
    for (const opcode of opcodes) {
      const name = `${what}, opcode ${[...prefix, opcode].map((byte) => byte.toString(16)).join(" ")}`;
      agree(name, [...prefix, opcode], signature, nans, traps);
    }
  });
}
for (const { what, opcodes, signature, nans = "" } of simd) {
  test(`SIMD ${what} agree with the host`, () => {
    for (const opcode of opcodes) {
      agree(`${what}, opcode fd ${opcode}`, [0xfd, ...leb(opcode)], signature, nans, false);
    }
  });
}

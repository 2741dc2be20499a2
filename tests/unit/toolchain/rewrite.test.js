// Rewritten modules do what the originals do, and their instances can be put back to the beginning.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import wabt from "wabt";
import { locateToolchain } from "../../../node/toolchain.js";
import { LARGEST_KEPT, capture, fingerprint } from "../../../web/image.js";
import { createRewriter } from "../../../web/rewrite.js";
import { boot, tools as loadTools } from "./support.js";

await boot(); // learns what errnos are called
const tools = await loadTools();

/** @param {string} text */
async function assemble(text) {
  const { parseWat } = await wabt();
  const parsed = parseWat("test.wat", text, { bulk_memory: true });
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return buffer;
}

/**
 * What becomes of a module, part by part.
 * @param {Uint8Array} bytes
 * @param {number} [piece] bytes at a time
 * @param {boolean} [known]
 */
function partsOf(bytes, piece = bytes.length, known = true) {
  const rewriter = createRewriter(tools, known);
  /** @type {Uint8Array[]} */
  const parts = [];
  /** @param {Uint8Array} part */
  const pass = (part) => void parts.push(part);
  try {
    for (let at = 0; at < bytes.length; at += piece) {
      rewriter.push(bytes.subarray(at, at + piece), pass);
    }
    rewriter.push(undefined, pass);
  } finally {
    rewriter.close();
  }
  return parts;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} [piece] bytes at a time
 */
function rewrite(bytes, piece) {
  return new Uint8Array(Buffer.concat(partsOf(bytes, piece)));
}

/** @param {WebAssembly.Instance} instance */
function imageOf(instance) {
  const image = capture(instance);
  assert.ok(image);
  return image;
}

/** `sbrk` as wasi-libc has it, a stack pointer that moves, and bytes of every kind to be put back. */
const PROGRAM = `(module
  (type $unrelated (func (param i64)))
  (import "env" "note" (func $note (param i32)))
  (memory (export "memory") 2 100)
  (global $stack (mut i32) (i32.const 65536))
  (global $wide (mut i64) (i64.const -5))
  (global $fixed i32 (i32.const 9))
  (table 1 funcref)
  (elem (i32.const 0) $sbrk)
  (func $sbrk (export "sbrk") (param $bytes i32) (result i32)
    (if (i32.eqz (local.get $bytes)) (then (return (i32.shl (memory.size) (i32.const 16)))))
    (local.set $bytes (memory.grow (i32.shr_u (local.get $bytes) (i32.const 16))))
    (if (i32.eq (local.get $bytes) (i32.const -1)) (then (return (i32.const -1))))
    (i32.shl (local.get $bytes) (i32.const 16)))
  (func (export "state") (result i32)
    (i32.add (global.get $stack) (i32.add (i32.wrap_i64 (global.get $wide)) (i32.load (i32.const 70000)))))
  (func (export "run") (result i32)
    (local $new i32)
    (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
    (global.set $wide (i64.add (global.get $wide) (i64.const 1)))
    (i32.store (i32.const 70000) (i32.const 77))
    (i32.store (i32.const 8) (i32.const 78))
    (call $note (i32.load (i32.const 16)))
    (local.set $new (call $sbrk (i32.const 131072)))
    (call $note (i32.load offset=131068 (local.get $new)))
    (i32.store offset=131068 (local.get $new) (i32.const 79))
    (local.get $new))
  (func (export "constants") (result f64)
    (block (unreachable)) (f64.const 2) (i64.const 64) (drop) (i32.const 63) (drop))
  (data (i32.const 16) "\\40\\00\\3f\\00"))`;

/**
 * @param {WebAssembly.Module} module
 * @param {number[]} notes
 */
async function start(module, notes = []) {
  const env = { note: (/** @type {number} */ value) => void notes.push(value) };
  const instance = await WebAssembly.instantiate(module, { env });
  const exports = /** @type {Record<string, any>} */ (instance.exports);
  return { instance, exports };
}

test("a rewritten module is valid, of the same length in code, and tells its globals", async () => {
  const module = await WebAssembly.compile(rewrite(await assemble(PROGRAM)));
  const added = WebAssembly.Module.exports(module).filter(({ name }) => name.startsWith("nidus:"));
  assert.match(fingerprint(module) ?? "", /^[0-9a-f]{16}$/);
  assert.equal(added.length, 3);
  assert.match(added[0].name, /:pages$/);
});

test("memory.size and memory.grow answer as before, to the limit and beyond", async () => {
  const bytes = await assemble(PROGRAM);
  const before = await start(await WebAssembly.compile(bytes));
  const after = await start(await WebAssembly.compile(rewrite(bytes)));
  for (const pages of [0, 1, 3, 0, 40, 0, 50, 0, 4, 1, 65535, 0]) {
    const answer = before.exports.sbrk(pages * 65536);
    assert.equal(after.exports.sbrk(pages * 65536), answer, `${pages} pages`);
  }
});

test("the memory really grows by much at a time", async () => {
  const wide = PROGRAM.replace("2 100", "2 10000");
  const { exports } = await start(await WebAssembly.compile(rewrite(await assemble(wide))));
  const { buffer } = exports.memory;
  exports.sbrk(65536);
  const grown = exports.memory.buffer;
  assert.notEqual(grown, buffer);
  for (let i = 0; i < 200; i++) exports.sbrk(65536);
  assert.equal(exports.memory.buffer, grown);
});

test("a restored instance cannot be told from a fresh one", async () => {
  const module = await WebAssembly.compile(rewrite(await assemble(PROGRAM)));
  /** @type {number[]} */
  const notes = [];
  const { instance, exports } = await start(module, notes);
  const image = imageOf(instance);
  const fresh = new Uint8Array(exports.memory.buffer).slice();
  for (let round = 0; round < 5; round++) {
    assert.equal(exports.state(), 65531);
    assert.equal(exports.run(), 2 * 65536);
    assert.equal(exports.state(), 65536 - 16 - 4 + 77);
    assert.equal(exports.sbrk(0), 4 * 65536);
    assert.ok(image.restore());
    assert.equal(exports.sbrk(0), 2 * 65536);
    const restored = new Uint8Array(exports.memory.buffer);
    assert.deepEqual(restored.subarray(0, fresh.length), fresh);
    assert.ok(restored.subarray(fresh.length).every((byte) => byte === 0));
  }
  assert.deepEqual(notes, Array(5).fill([0x003f0040, 0]).flat());
});

test("an instance whose memory became large is given up", async () => {
  const wide = PROGRAM.replace("2 100", "2 10000");
  const module = await WebAssembly.compile(rewrite(await assemble(wide)));
  const { instance, exports } = await start(module);
  const image = imageOf(instance);
  exports.sbrk(65536 * 100);
  assert.ok(image.restore());
  exports.sbrk(LARGEST_KEPT);
  assert.ok(!image.restore());
});

test("a module is rewritten alike however it arrives", async () => {
  const bytes = await assemble(PROGRAM);
  const whole = rewrite(bytes);
  for (let piece = 1; piece < 40; piece++) assert.deepEqual(rewrite(bytes, piece), whole);
});

test("a module with state that cannot be reached passes unchanged", async () => {
  const modules = [
    `(module (import "env" "memory" (memory 1)) (func (export "f")))`,
    `(module (import "env" "g" (global (mut i32))) (memory 1) (func (export "f")))`,
    `(module (memory 1) (global (mut i32) (i32.const 0)) (func $f) (start $f))`,
    `(module (memory 1) (global (mut i32) (i32.const 0)) (data $d "x")
       (func (export "f") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))))`,
    `(module (memory 1) (func (export "f")))`,
  ];
  for (const text of modules) {
    const bytes = await assemble(text);
    assert.deepEqual(rewrite(bytes), bytes, text);
    assert.equal(fingerprint(await WebAssembly.compile(bytes)), undefined);
    assert.deepEqual(rewrite(bytes, 3), bytes, text);
  }
  const html = new TextEncoder().encode("<!doctype html>");
  assert.deepEqual(rewrite(html, 4), html);
});

test("a program that grows its memory in another way is not rewritten by halves", async () => {
  const text = PROGRAM.replace(
    "(i32.shr_u (local.get $bytes) (i32.const 16))",
    "(local.get $bytes)",
  );
  const bytes = await assemble(text);
  assert.throws(() => rewrite(bytes), { code: "ENOTSUP" });
});

test("what is known of the compiler's build is what looking at each byte finds", async () => {
  const bytes = readFileSync(join(locateToolchain(import.meta.url), "llvm.core.wasm"));
  const known = partsOf(bytes, 1 << 20);
  const found = Buffer.concat(partsOf(bytes, 1 << 20, false));
  assert.equal(Buffer.compare(Buffer.concat(known), found), 0);
  assert.notEqual(Buffer.compare(bytes, found), 0);
  const same = known.filter(({ buffer }) => buffer === bytes.buffer);
  const spared = same.reduce((sum, { length }) => sum + length, 0);
  assert.ok(spared > 0.9 * bytes.length, "the package has another build");
});

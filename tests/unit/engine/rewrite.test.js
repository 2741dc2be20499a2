/**
 * The rewriter: what is added works, what was there stays, and debug information follows the code.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { boot, sh } from "../toolchain/support.js";
import { compareSlices } from "./slices.js";
import { assemble, newEngine } from "./support.js";

const engine = await newEngine();

/**
 * A module of text, rewritten and instantiated by the host.
 * @param {string} text
 * @param {{checks?: boolean, globals?: boolean}} how
 * @param {WebAssembly.Imports} [imports]
 */
async function rewritten(text, how, imports) {
  const { bytes } = new engine.Module(await assemble(text)).rewrite(how);
  const { instance } = await WebAssembly.instantiate(bytes, imports);
  return /** @type {Record<string, any>} */ (instance.exports);
}

/**
 * A function of JavaScript as a table takes it.
 * @param {() => void} call
 */
async function asWasm(call) {
  const bytes = await assemble('(module (import "" "f" (func $f)) (export "f" (func $f)))');
  const { instance } = await WebAssembly.instantiate(bytes, { "": { f: call } });
  return instance.exports.f;
}

test("an endless loop is interrupted when its count is used up", async () => {
  const exports = await rewritten('(module (func (export "spin") (loop (br 0))))', {
    checks: true,
  });
  class Interrupted extends Error {}
  exports["nidus:check"].set(
    0,
    await asWasm(() => {
      throw new Interrupted();
    }),
  );
  exports["nidus:count"].value = 1_000_000n;
  assert.throws(() => exports.spin(), Interrupted);
});

test("endless recursion and endless tail calls are interrupted too", async () => {
  const exports = await rewritten(
    `(module (func $a (export "deep") (call $a) (drop (i32.const 1)))
       (func $b (export "tail") (return_call $b)))`,
    { checks: true },
  );
  exports["nidus:check"].set(
    0,
    await asWasm(() => {
      throw new Error("enough");
    }),
  );
  for (const name of ["deep", "tail"]) {
    exports["nidus:count"].value = 1000n;
    assert.throws(() => exports[name](), /enough/);
  }
});

test("a check may raise the count and let the guest go on; two runs count the same", async () => {
  const exports = await rewritten(
    `(module (func (export "sum") (param $n i32) (result i64) (local $s i64)
       (loop $l
         (local.set $s (i64.add (local.get $s) (i64.extend_i32_u (local.get $n))))
         (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
       (local.get $s)))`,
    { checks: true },
  );
  let checks = 0;
  const again = await asWasm(() => {
    checks++;
    exports["nidus:count"].value += 10_000n;
  });
  exports["nidus:check"].set(0, again);
  const run = () => {
    checks = 0;
    exports["nidus:count"].value = 10_000n;
    assert.equal(exports.sum(100_000), 5_000_050_000n);
    return [checks, exports["nidus:count"].value];
  };
  const first = run();
  assert.ok(Number(first[0]) > 50, `${first[0]} checks`);
  assert.deepEqual(run(), first);
});

const corpus = new URL("../../fuzz/corpus/rewrite/", import.meta.url);

/** What this host compiles, or a refusal. @param {string} name @returns {Promise<[Uint8Array, Uint8Array]>} */
async function seed(name) {
  const plain = await assemble(readFileSync(new URL(`${name}.wat`, corpus), "latin1"));
  return [plain, new engine.Module(plain).rewrite({ checks: true }).bytes];
}

for (const [name, functions] of /** @type {[string, string][]} */ ([
  ["control", "table answer pairs calls odd tail fault"],
  ["exceptions", "caught shared heads uncaught again deep"],
  ["legacy", "caught loops delegates uncaught"],
  ["objects", "walk mixed refs plain wide"],
])) {
  const host = name === "control" || name === "legacy"; // what Node 20 has
  test(`whatever the control flow, results stay and two runs count the same, in slices of any length: ${name}`, async () => {
    const [plain, made] = await seed(name);
    for (const wasm of host ? [engine, WebAssembly] : [engine]) {
      const { names, faults } = compareSlices(wasm, plain, made);
      assert.deepEqual(names, functions.split(" "));
      assert.deepEqual(faults, []);
    }
  });
}

test("what counts nothing itself is counted by its caller; what calls itself is checked once", async () => {
  const exports = await rewritten(
    `(module
       (func $leaf (param i32) (result i32) ${"(i32.add (i32.const 1) ".repeat(20)} (local.get 0) ${")".repeat(20)})
       (func (export "loop") (param i32) (result i32)
         (loop $l (result i32) (drop (call $leaf (i32.const 0)))
           (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (local.get 0)))
       (func $fib (export "fib") (param i32) (result i32)
         (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
           (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                          (call $fib (i32.sub (local.get 0) (i32.const 2))))))))`,
    { checks: true },
  );
  /** @param {string} name @param {number} n */
  const cost = (name, n) => {
    exports["nidus:count"].value = 1_000_000n;
    exports[name](n);
    return Number(1_000_000n - exports["nidus:count"].value);
  };
  const round = cost("loop", 2) - cost("loop", 1);
  assert.ok(
    round > 40 && round < 60,
    `${round} a round of 41 instructions in the callee, 9 in the loop`,
  );
  assert.equal(cost("fib", 5) % cost("fib", 1), 0);
  assert.equal(cost("fib", 5) / cost("fib", 1), 15);
});

test("a tree of calls that is too large for one step is checked", async () => {
  const levels = Array.from(
    { length: 30 },
    (_, i) => `(func $f${i} (call $f${i + 1}) (call $f${i + 1}))`,
  );
  const exports = await rewritten(
    `(module ${levels.join(" ")} (func $f30) (export "f" (func $f0)))`,
    { checks: true },
  );
  exports["nidus:check"].set(
    0,
    await asWasm(() => {
      throw new Error("enough");
    }),
  );
  exports["nidus:count"].value = 100_000n;
  assert.throws(() => exports.f(), /enough/);
});

test("a check that does not raise the count lets the guest go on to the next check", async () => {
  const exports = await rewritten(
    `(module (func (export "f") (param i32)
       (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`,
    { checks: true },
  );
  let checks = 0;
  exports["nidus:check"].set(0, await asWasm(() => void checks++));
  exports["nidus:count"].value = 0n;
  exports.f(100);
  assert.equal(checks, 100);
});

test("branch hints stay with their instructions", async () => {
  // In $hinted, at the offsets 5 and 13: an `if` in a loop, and a `br_if` behind it.
  const text = `(module (func)
    (func $hinted (export "f") (param i32) (result i32)
      (loop $l
        (if (local.get 0) (then (call 0)))
        (br_if $l (i32.eqz (i32.const 1))))
      (local.get 0)))`;
  const assembled = new Uint8Array(await assemble(text));
  const code = codeOf(assembled);
  const body = Buffer.from(code).indexOf(Buffer.from([0x00, 0x03, 0x40, 0x20, 0x00, 0x04, 0x40]));
  assert.deepEqual([code[body + 5], code[body + 13]], [0x04, 0x0d]);
  const name = Buffer.from("metadata.code.branch_hint");
  const hints = [1, 1, 2, 5, 1, 0, 13, 1, 1];
  const contents = [name.length, ...name, ...hints];
  // Before the code, as the format wants it.
  const at = code.byteOffset - 2;
  assert.equal(assembled[at], 10);
  const bytes = Buffer.concat([
    assembled.subarray(0, at),
    Buffer.from([0, contents.length, ...contents]),
    assembled.subarray(at),
  ]);
  const made = new engine.Module(bytes).rewrite({ checks: true }).bytes;
  const [section] = WebAssembly.Module.customSections(
    new WebAssembly.Module(made),
    "metadata.code.branch_hint",
  );
  assert.ok(section);
  const [functions, index, count, first, size, value, second, ...rest] = new Uint8Array(section);
  assert.deepEqual([functions, index, count, size, value, rest], [1, 1, 2, 1, 0, [1, 1]]);
  const moved = codeOf(made);
  // The second body, behind the count of bodies and the first, which is { 2 bytes, no locals, end }.
  assert.deepEqual([...moved.subarray(0, 4)], [3, 2, 0, 0x0b]);
  assert.deepEqual([...moved.subarray(5 + first, 7 + first)], [0x04, 0x40]);
  assert.deepEqual([...moved.subarray(5 + second - 1, 5 + second + 1)], [0x45, 0x0d]);

  bytes[bytes.indexOf(name) + name.length + 1] = 7; // a function that there is not
  const without = new engine.Module(bytes).rewrite({ checks: true }).bytes;
  assert.equal(Buffer.from(without).includes(name), false);
});

test("a function that neither loops nor calls is copied as it is", async () => {
  const bytes = await assemble(
    '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))',
  );
  const made = new engine.Module(bytes).rewrite({ checks: true }).bytes;
  const body = Buffer.from([0x20, 0x00, 0x20, 0x01, 0x6a, 0x0b]);
  assert.ok(Buffer.from(made).includes(body));
});

test("hidden mutable globals are exported by their index, constants and imports are not", async () => {
  const exports = await rewritten(
    `(module (import "e" "g" (global $i (mut i32)))
       (global $c i32 (i32.const 1)) (global $a (mut i32) (i32.const 2)) (global $b (mut f64) (f64.const 3)))`,
    { globals: true },
    { e: { g: new WebAssembly.Global({ value: "i32", mutable: true }, 7) } },
  );
  assert.deepEqual(Object.keys(exports).sort(), ["nidus:global:2", "nidus:global:3"]);
  assert.equal(exports["nidus:global:2"].value, 2);
  assert.equal(exports["nidus:global:3"].value, 3);
});

test("a module that exports a name of the rewriter's is refused by name", async () => {
  const module = new engine.Module(await assemble('(module (func (export "nidus:count")))'));
  assert.throws(() => module.rewrite({ checks: true }), /already exports "nidus:count"/);
});

test("without anything to do the module stays what it was, custom sections included", async () => {
  const bytes = await assemble(
    '(module (@custom "x" (after data) "abc") (memory 1) (data (i32.const 0) "d") (func))',
  ).catch(() => assemble('(module (memory 1) (data (i32.const 0) "d") (func))'));
  assert.deepEqual(new engine.Module(bytes).rewrite({}).bytes, new Uint8Array(bytes));
});

/** @typedef {{address: number, text: string}} Row */

const PROGRAM = `#include <stdio.h>
#include <stdlib.h>
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static int square(int x) { int s = 0; for (int i = 0; i < x; i++) s += x; return s; }
int left_out(int x) {
  while (x & 1) x = square(x) / 3;
  return x;
}
int main(int argc, char **argv) {
  int v[10];
  for (int i = 0; i < 10; i++) v[i] = i * 7 % 10;
  qsort(v, 10, sizeof *v, compare);
  for (int i = 0; i < 10; i++) printf("%d ", v[i] + square(i));
  return 0;
}
`;

/**
 * The rows of all line programs, as LLVM prints them.
 * @param {string} dump
 * @returns {Row[]}
 */
function lineRows(dump) {
  return Array.from(dump.matchAll(/^0x([0-9a-f]{16}) +(.*)$/gm), ([, address = "", text = ""]) => ({
    address: parseInt(address, 16),
    text: text.trim(),
  }));
}

/** Contents of the code section. @param {Uint8Array} bytes */
function codeOf(bytes) {
  let at = 8;
  const u32 = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  for (;;) {
    const id = bytes[at++];
    const size = u32();
    if (id === 10) return bytes.subarray(at, at + size);
    at += size;
  }
}

/** LLVM's reader of DWARF, which comes with Emscripten; Debian's versions name it differently. */
function dwarfdump() {
  const names = readdirSync("/usr/bin").filter((name) => /^llvm-dwarfdump(-\d+)?$/.test(name));
  assert.ok(names[0], "llvm-dwarfdump is installed (the set-up does it)");
  return join("/usr/bin", names[0]);
}

for (const options of ["-O0", "-O2", "-O2 -gdwarf-4", "-O0 -gdwarf-5", "-O2 -gdwarf-5"]) {
  test(`debug information leads to the same instructions after rewriting (${options})`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "nidus-rewrite-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const system = await boot({ "main.c": PROGRAM });
    const built = await sh(system, `cc -g ${options} main.c -o old.wasm`);
    assert.equal(built.code, 0, built.stderr);
    const old = await system.fs.readFile("/home/old.wasm");
    const { bytes, debugDropped } = new engine.Module(old).rewrite({ checks: true, globals: true });
    assert.equal(debugDropped, false);
    const sections = (/** @type {string} */ name) =>
      WebAssembly.Module.customSections(new WebAssembly.Module(bytes), name).length;
    const five = options.includes("dwarf-5") ? 1 : 0;
    assert.equal(sections(".debug_addr"), five);
    assert.equal(sections(".debug_rnglists"), five);
    assert.equal(sections(".debug_loclists"), five && options.includes("-O2") ? 1 : 0);
    await system.fs.writeFile("/home/new.wasm", bytes);
    writeFileSync(join(folder, "old.wasm"), old);
    writeFileSync(join(folder, "new.wasm"), bytes);
    /** @param {string} what @param {string} file */
    const dump = (what, file) =>
      execFileSync(dwarfdump(), [what, join(folder, file)], { encoding: "utf8" });
    assert.match(dump("--verify", "new.wasm"), /No errors/);

    const [before, after] = [dump("--debug-line", "old.wasm"), dump("--debug-line", "new.wasm")];
    const [oldRows, newRows] = [lineRows(before), lineRows(after)];
    assert.ok(oldRows.length > 40, `${oldRows.length} rows`);
    assert.deepEqual(
      newRows.map((row) => row.text),
      oldRows.map((row) => row.text),
    );
    const [oldCode, newCode] = [codeOf(old), codeOf(bytes)];
    oldRows.forEach((row, i) => {
      const moved = newRows[i]?.address ?? -1;
      if (row.text.includes("end_sequence")) return;
      // A sequence begins at a function's count of local declarations, which may have grown by one.
      const begins = i === 0 || oldRows[i - 1]?.text.includes("end_sequence");
      if (begins && newCode[moved] === (oldCode[row.address] ?? 0) + 1) return;
      assert.equal(newCode[moved], oldCode[row.address], `row ${i}: 0x${row.address.toString(16)}`);
    });

    // Every address of the entries is that of the line table's rows, or moved as its neighbours are.
    const moved = new Map(oldRows.map((row, i) => [row.address, newRows[i]?.address]));
    const places =
      /DW_AT_(?:low|high|return|call_return)_pc\s+\(0x([0-9a-f]+)\)|\[0x([0-9a-f]+), 0x([0-9a-f]+)\)/g;
    const addresses = (/** @type {string} */ text) =>
      Array.from(text.matchAll(places), ([, ...hex]) =>
        hex.filter((digits) => digits !== undefined).map((digits) => parseInt(digits, 16)),
      ).flat();
    const [oldAt, newAt] = [
      addresses(dump("--debug-info", "old.wasm")),
      addresses(dump("--debug-info", "new.wasm")),
    ];
    assert.equal(newAt.length, oldAt.length);
    const known = oldAt.filter((address) => moved.has(address));
    assert.ok(known.length >= 4, `${known.length} addresses are those of rows`);
    oldAt.forEach((address, i) => {
      if (moved.has(address)) assert.equal(newAt[i], moved.get(address));
    });
    const result = await system.exec("./new.wasm", [], { cwd: "/home" });
    assert.equal(result.stdout, "0 2 6 12 20 30 42 56 72 90 ");
    await system.close();
  });
}

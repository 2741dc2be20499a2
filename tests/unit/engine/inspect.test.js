/**
 * `nidus inspect`: what it finds in modules made for it, natively and through engine.wasm.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";
import { describeModule } from "../../../node/inspect.js";
import { assemble } from "../../spec/assemble.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "nidus-inspect-"));
after(() => rmSync(scratch, { recursive: true }));

/** @param {string} text */
const described = async (text) => describeModule(await assemble(text), "module");

/** The features a description names, each with its count and example. @param {string} description */
function featuresOf(description) {
  const part = /^features beyond WebAssembly 1\.0\n((?: .*\n)+)/m.exec(description)?.[1] ?? "";
  return part.split("\n").flatMap((line) => line.trim() || []);
}

/** Modules that need one feature, and how it is named. @type {Record<string, string>} */
const modules = {
  none: `(module (func (param i32) (result i32) local.get 0))`,
  "importing and exporting mutable globals: 1 use, a global": `(module (global (export "g") (mut i32) i32.const 0) (global (mut i32) i32.const 0))`,
  "sign extension: 2 uses, first i64.extend32_s": `(module (func (drop (i64.extend32_s (i64.const 0))) (drop (i32.extend8_s (i32.const 0)))))`,
  "saturating conversions: 1 use, i32.trunc_sat_f64_u": `(module (func (drop (i32.trunc_sat_f64_u (f64.const 0)))))`,
  "multiple values: 1 use, a function type": `(module (func (result i32 i32) i32.const 1 i32.const 2))`,
  "bulk memory: 1 use, memory.fill": `(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))`,
  "reference types: 1 use, externref": `(module (func (param externref)))`,
  "fixed-width SIMD: 1 use, v128.const": `(module (func v128.const i64x2 0 0 drop))`,
  "threads: 1 use, atomic.fence": `(module (func atomic.fence))`,
  "extended constant expressions: 1 use, i32.add": `(module (global i32 (i32.add (i32.const 1) (i32.const 2))))`,
  "tail calls: 1 use, return_call": `(module (func $f return_call $f))`,
  "relaxed SIMD: 1 use, i8x16.relaxed_swizzle": `(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))`,
  "multiple memories: 1 use, another memory": `(module (memory 1) (memory 1))`,
  "64-bit memories and tables: 1 use, a memory": `(module (memory i64 1))`,
  "custom page sizes: 1 use, a memory": `(module (memory 1 (pagesize 1)))`,
  "wide arithmetic: 1 use, i64.mul_wide_u": `(module (func (i64.mul_wide_u (i64.const 1) (i64.const 2)) drop drop))`,
};

for (const [expected, text] of Object.entries(modules)) {
  test(`names what a module needs: ${expected}`, async () => {
    const features = featuresOf(await described(text)).filter(
      // Those that come with the one meant.
      (line) =>
        expected.includes("SIMD") === false || line.startsWith(expected.split(":")[0] ?? ""),
    );
    if (expected === "none") assert.deepEqual(features, ["none"]);
    else assert.ok(features.includes(expected), features.join("\n"));
    if (!/SIMD|wide/.test(expected)) assert.equal(features.length, 1, features.join("\n"));
  });
}

test("names the features of garbage collection, references and exceptions", async () => {
  const gc = featuresOf(
    await described(
      `(module (rec (type $s (sub (struct (field (mut i8)))))) (func (drop (struct.new $s (i32.const 1)))))`,
    ),
  );
  assert.deepEqual(gc, ["garbage collection: 3 uses, first a struct type"]);
  const typed = featuresOf(
    await described(
      `(module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))`,
    ),
  );
  assert.deepEqual(typed, [
    "typed function references: 2 uses, first a reference to a defined type",
  ]);
  const caught = featuresOf(
    await described(`(module (tag $t) (func (block (try_table (catch $t 0) (throw $t)))))`),
  );
  assert.deepEqual(caught, ["exceptions: 1 use, try_table"]);
  const legacy = featuresOf(
    await described(`(module (tag $t) (func try (throw $t) catch $t end))`),
  );
  assert.deepEqual(legacy, ["legacy exceptions: 3 uses, first try"]);
});

test("says since when hosts run a module, and which never do", async () => {
  const hosts = async (/** @type {string} */ text) =>
    (await described(text)).split("hosts that run it directly\n")[1]?.split("\n").slice(0, 4);
  assert.deepEqual(await hosts(`(module)`), [
    "  Chrome and Edge: every release with WebAssembly",
    "  Firefox: every release with WebAssembly",
    "  Safari: every release with WebAssembly",
    "  Node: every release with WebAssembly",
  ]);
  assert.deepEqual(await hosts(`(module (memory i64 1) (func $f return_call $f))`), [
    "  Chrome and Edge 133 or newer (64-bit memories and tables)",
    "  Firefox 134 or newer (64-bit memories and tables)",
    "  Safari: no release yet (64-bit memories and tables)",
    "  Node 24 or newer (64-bit memories and tables)",
  ]);
});

test("lists sections, types, imports and exports", async () => {
  const text = await described(`(module
    (type $p (sub (struct (field i32) (field (mut f64)))))
    (type $a (sub final $p (struct (field i32) (field (mut f64)) (field (ref null $p)))))
    (import "env" "f" (func (param i64) (result f32)))
    (import "env" "m" (memory 1 5))
    (import "env" "t" (table 2 externref))
    (global (export "g") (mut i64) i64.const 0)
    (tag (export "e") (param i32))
    (func (export "run"))
    (start 1))`);
  for (const line of [
    "types",
    "  0  (sub (struct (field i32) (field (mut f64))))",
    "  1  (sub final 0 (struct (field i32) (field (mut f64)) (field (ref null 0))))",
    '  "env" "f"  (func (param i64) (result f32))',
    '  "env" "m"  memory, 1 to 5 pages',
    '  "env" "t"  table of externref, 2 elements or more',
    '  "g"  global, mutable i64',
    '  "e"  tag (func (param i32))',
    '  "run"  (func)',
    "start",
    "  function 1",
  ]) {
    assert.ok(text.split("\n").includes(line), `${line}\nis not in\n${text}`);
  }
  assert.match(text, /^ {2}0x[0-9a-f]+ {2}code, 1 entry, \d+ bytes$/m);
});

test("escapes in names what a terminal would obey", async () => {
  const text = await described(
    `(module (func (export "\\1b[31m\\n\\"\\\\\\c2\\9b\\e2\\80\\aeb\\c3\\a9")))`,
  );
  assert.ok(text.includes('  "\\1b[31m\\0a\\22\\5c\\c2\\9b\\e2\\80\\aebé"  (func)\n'), text);
});

test("says where and why bytes are no valid module", async () => {
  const bytes = await assemble(`(module (func (result i32)))`);
  await assert.rejects(describeModule(bytes, "wrong.wasm"), {
    code: "ENOEXEC",
    message: /^wrong\.wasm is not a valid module: .+ \(at byte 0x[0-9a-f]+\)$/,
  });
  await assert.rejects(describeModule(new Uint8Array(0), "empty.wasm"), /is not a valid module/);
});

test("both commands print the same", async () => {
  const file = join(scratch, "m.wasm");
  writeFileSync(
    file,
    await assemble(`(module (memory (export "memory") 1) (func (export "_start")))`),
  );
  const [native, node] = [
    spawnSync(join(root, "build/native/nidus"), ["inspect", file], { encoding: "utf8" }),
    spawnSync(process.execPath, [join(root, "node/cli.js"), "inspect", file], { encoding: "utf8" }),
  ];
  assert.equal(native.status, 0, native.stderr);
  assert.equal(node.stdout, native.stdout);
  assert.equal(node.status, 0);
  for (const args of [["inspect"], ["inspect", "a", "b"]]) {
    assert.equal(spawnSync(process.execPath, [join(root, "node/cli.js"), ...args]).status, 2);
    assert.equal(spawnSync(join(root, "build/native/nidus"), args).status, 2);
  }
});

/**
 * The gate and the bridge, as kernel.wasm writes them, validated by the host's own engine in every variant
 * that it knows: memory64 and multi-memory are younger than some hosts.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const bytes = readFileSync(new URL("../../../web/kernel.wasm", import.meta.url));

/** The kernel with a host that is never called. */
function kernel() {
  const module = new WebAssembly.Module(bytes);
  /** @type {Record<string, Record<string, WebAssembly.ImportValue>>} */
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    assert.equal(kind, "function", `${from}.${name}`);
    (imports[from] ??= {})[name] = () => {
      throw new Error(`${from}.${name} was called`);
    };
  }
  if (imports.host) imports.host.now = () => 0;
  const exports = /** @type {any} */ (new WebAssembly.Instance(module, imports).exports);
  exports._initialize?.();
  return exports;
}

/** @param {any} k @param {number} result */
function given(k, result) {
  assert.equal(result, 0);
  const [ptr, length] = new Uint32Array(k.memory.buffer, k.nidus_given(), 2);
  return new Uint8Array(k.memory.buffer).slice(ptr, ptr + length);
}

/** A module with two memories, and one with a 64-bit memory. */
const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const multiMemory = WebAssembly.validate(new Uint8Array([...header, 5, 5, 2, 0, 0, 0, 0]));
const memory64 = WebAssembly.validate(new Uint8Array([...header, 5, 3, 1, 4, 0]));

test("the gate is a valid module that exports every system call", () => {
  const k = kernel();
  const gate = given(k, k.nidus_gate());
  assert.ok(WebAssembly.validate(gate));
  const module = new WebAssembly.Module(gate);
  const names = WebAssembly.Module.exports(module).map((entry) => entry.name);
  assert.equal(names.length, 63);
  for (const name of names) assert.equal(typeof k[name], "function", name);
  const imported = WebAssembly.Module.imports(module).filter((entry) => entry.module === "kernel");
  for (const { name } of imported) assert.equal(typeof k[name], "function", name);
});

for (let flags = 0; flags < 16; flags++) {
  const hostCopies = (flags & 8) !== 0;
  const wide = (flags & 4) !== 0;
  const known = hostCopies || (multiMemory && (!wide || memory64));
  test(
    `the bridge with flags ${flags} is a valid module`,
    { skip: !known && "this host lacks multi-memory or memory64" },
    () => {
      const k = kernel();
      const bridge = given(k, k.nidus_bridge(flags));
      assert.ok(WebAssembly.validate(bridge));
      const module = new WebAssembly.Module(bridge);
      const exports = WebAssembly.Module.exports(module).map((entry) => entry.name);
      assert.deepEqual(exports, ["read", "write"]);
    },
  );
}

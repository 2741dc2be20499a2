/** Loading the kernel: what works, and what each wrong file is called. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { explainCompileError } from "../../../web/assets.js";
import { Host } from "../../../web/host.js";
import { loadSharedKernel } from "../../../web/shared-kernel.js";
import { System } from "../../../web/system.js";
import { KERNEL, SHARED_KERNEL, assemble, boot } from "./support.js";

/**
 * Serves one answer; answers its address.
 * @param {import("node:test").TestContext} t
 * @param {number} status
 * @param {string | Uint8Array} body
 */
async function serve(t, status, body) {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  t.after(() => server.close());
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${port}/kernel.wasm`;
}

test("the kernel is taken as bytes, a module, a response, an address, or a promise of one", async (t) => {
  const url = await serve(t, 200, KERNEL);
  for (const kernel of [
    KERNEL,
    KERNEL.buffer.slice(KERNEL.byteOffset, KERNEL.byteOffset + KERNEL.length),
    await WebAssembly.compile(KERNEL),
    new Response(KERNEL),
    url,
    new URL(url),
    Promise.resolve(KERNEL),
  ]) {
    const system = await System.create({ kernel });
    assert.deepEqual(await system.fs.readdir("/"), ["dev", "tmp"]);
  }
});

test("a page served in place of the kernel is called by its name", async (t) => {
  const url = await serve(t, 200, "\n<!DOCTYPE html><title>Not found</title>");
  await assert.rejects(System.create({ kernel: url }), {
    code: "NIDUS_ASSET",
    message:
      "kernel.wasm is an HTML page, not a WebAssembly module; serve the package's own file at that " +
      'address (with Vite up to 7, add optimizeDeps.exclude: ["nidus"]).',
  });
});

test("a missing kernel is told with its address and the server's answer", async (t) => {
  const url = await serve(t, 404, "");
  await assert.rejects(System.create({ kernel: url }), {
    code: "NIDUS_ASSET",
    message: `kernel.wasm is missing: ${url} answered 404; serve the file there, or give its address in assets.`,
  });
});

test("an address nobody answers at is told", async () => {
  await assert.rejects(System.create({ kernel: "http://127.0.0.1:9/kernel.wasm" }), {
    code: "NIDUS_ASSET",
    message: /^Cannot fetch kernel\.wasm from http:\/\/127\.0\.0\.1:9\/kernel\.wasm: .*connect-src/,
  });
});

test("an empty, cut-off or foreign file is told from a module", async () => {
  const empty = System.create({ kernel: new Uint8Array() });
  await assert.rejects(empty, { code: "NIDUS_ASSET", message: /^kernel\.wasm is empty/ });
  const cut = System.create({ kernel: KERNEL.subarray(0, 1000) });
  await assert.rejects(cut, {
    code: "ENOEXEC",
    message: /^kernel\.wasm is not a valid WebAssembly/,
  });
  const zip = System.create({ kernel: Uint8Array.of(0x50, 0x4b, 3, 4) });
  await assert.rejects(zip, { message: /kernel\.wasm is a file that begins with 50 4b 03 04/ });
});

test("a kernel of another version is told", async () => {
  const foreign = await assemble(`(module (import "host" "teleport" (func)) (func (export "x")))`);
  await assert.rejects(System.create({ kernel: foreign }), {
    code: "NIDUS_KERNEL",
    message: /^The kernel does not fit this host library .*install both from one release/,
  });
});

test("a content security policy that forbids WebAssembly is named, whichever browser says so", () => {
  for (const text of [
    "WebAssembly.compile(): Compiling or instantiating WebAssembly module violates the following Content Security policy directive because neither 'wasm-eval' nor 'unsafe-eval' is an allowed source",
    "WebAssembly.compile(): Wasm code generation disallowed by embedder",
    "call to WebAssembly.compile() blocked by CSP",
    "Refused to create a WebAssembly object because 'unsafe-eval' or 'wasm-unsafe-eval' is not an allowed source",
  ]) {
    const { code, message } = explainCompileError(
      new WebAssembly.CompileError(text),
      "kernel.wasm",
    );
    assert.equal(code, "NIDUS_CSP");
    assert.match(
      message,
      /kernel\.wasm cannot be compiled; add 'wasm-unsafe-eval' to its script-src/,
    );
  }
});

test("the shared kernel boots over a memory of its own", async () => {
  const host = new Host();
  const kernel = await loadSharedKernel({ source: SHARED_KERNEL, host });
  assert.ok(kernel.memory.buffer instanceof SharedArrayBuffer);
  assert.equal(kernel.u8().buffer, kernel.memory.buffer);
});

test("views of kernel memory are valid after it has grown", async () => {
  const { kernel } = await boot();
  const before = kernel.u8();
  const ptr = kernel.alloc(16 * 1024 * 1024);
  assert.equal(before.length, 0);
  kernel.u8()[ptr + 16 * 1024 * 1024 - 1] = 9;
  assert.equal(kernel.u8()[ptr + 16 * 1024 * 1024 - 1], 9);
  kernel.free(ptr);
});

test("memory that cannot be had is ENOMEM", async () => {
  const { kernel } = await boot();
  assert.throws(() => kernel.alloc(0xf0000000), { code: "ENOMEM" });
});

test("random bytes of any number come from the host", async () => {
  const { kernel } = await boot();
  const ptr = kernel.alloc(200_000);
  kernel.u8().fill(0, ptr, ptr + 200_000);
  kernel.raw.nidus_enter(1);
  assert.equal(kernel.raw.random_get(ptr, 200_000), 0);
  const bytes = kernel.u8().slice(ptr, ptr + 200_000);
  const seen = new Set(bytes);
  assert.equal(seen.size, 256);
  const zeros = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
  assert.ok(zeros < 2000, "all of it is filled");
});

test("the kernel's memory grows in steps that grow with it, since each costs a garbage collection", async () => {
  const { kernel, sync } = await System.create({ kernel: KERNEL });
  let steps = 0;
  let buffer = kernel.memory.buffer;
  for (let i = 0; i < 2000; i++) {
    sync.writeFile(`/tmp/${i}`, new Uint8Array(10_000));
    if (buffer !== kernel.memory.buffer) steps += 1;
    buffer = kernel.memory.buffer;
  }
  assert.ok(buffer.byteLength > 20e6 && steps < 60, `${steps} steps`);
});

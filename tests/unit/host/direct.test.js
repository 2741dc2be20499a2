/**
 * On a host with multi-memory a system call is wasm calling wasm: no JavaScript stands between guest
 * and kernel. tests/browser/direct.test.js shows the same in Chromium.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { hasMultiMemory } from "../../../web/bridge.js";
import { Host } from "../../../web/host.js";
import { loadKernel } from "../../../web/kernel.js";
import { between, watchWrites } from "./direct.js";
import { KERNEL, REWRITER, writesFile } from "./support.js";

const skip = !hasMultiMemory() && "this Node has no multi-memory";

test("during fd_write only wasm lies between the guest and the kernel", async () => {
  const { stacks, calls, status, written } = await watchWrites(
    KERNEL,
    await writesFile("out", "written"),
    { rewriter: () => REWRITER },
  );
  assert.equal(status.code, 0);
  assert.equal(written, "written");
  // The kernel asks for the time, for time stamps, and for nothing else.
  assert.deepEqual(Object.keys(calls), ["now"]);
  assert.ok(stacks.length > 0);
  for (const stack of stacks) {
    const { modules, scripts } = between(stack);
    assert.deepEqual(scripts, [], stack.join("\n"));
    if (modules.length === 3) return; // guest, gate and kernel
  }
  assert.fail(stacks.map((stack) => stack.join("\n")).join("\n\n"));
});

test("with multi-memory the bridge imports two memories and nothing else", { skip }, async () => {
  const kernel = await loadKernel({ source: KERNEL, host: new Host() });
  const bridge = await WebAssembly.compile(kernel.take("nidus_bridge", 0)[1]);
  assert.deepEqual(
    WebAssembly.Module.imports(bridge).map(({ module, name, kind }) => [module, name, kind]),
    [
      ["kernel", "memory", "memory"],
      ["guest", "memory", "memory"],
    ],
  );
  const gate = await WebAssembly.compile(kernel.take("nidus_gate")[1]);
  const fromHost = WebAssembly.Module.imports(gate).filter(({ module }) => module === "host");
  assert.deepEqual(
    fromHost.map(({ name }) => name),
    ["park", "exit"],
  );
});

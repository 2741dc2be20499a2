/** What programs are made of that share a thread; and their turns, which tests/browser/turns.test.js has in pages. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Engine } from "../../../node/engine.js";
import { LARGEST, addChecks } from "../../../web/rewrite-checks.js";
import { SHIM } from "../../../web/turns.js";
import { hasJSPI } from "../../../web/process.js";
import { REWRITER, assemble, boot, cat, failsWith, loops, loopsAtStart, says } from "./support.js";

const source = () => REWRITER;
const SHELL = readFileSync(new URL("../../../web/shell.wasm", import.meta.url));

test("programs get the checks that the engine's rewriter makes, one after the other, large ones too", async () => {
  const engine = await Engine.create();
  for (const bytes of [await loops(), SHELL, await cat(), SHELL, await says("hello\n")]) {
    const expected = new engine.Module(bytes).rewrite({ checks: true }).bytes;
    assert.deepEqual((await addChecks(bytes, source))?.bytes, expected);
  }
});

test("of a program it is told whether it has a start function", async () => {
  assert.equal((await addChecks(await loopsAtStart(), source))?.starts, true);
  assert.equal((await addChecks(await loops(), source))?.starts, false);
});

test("what is no module, or too large, or has the rewriter's names, is left as it is", async () => {
  const named = await assemble(`(module (func (export "nidus:check")))`);
  for (const bytes of [
    new Uint8Array(0),
    new TextEncoder().encode("#!/bin/sh\n"),
    (await loops()).subarray(0, 60),
    named,
    new Uint8Array(LARGEST + 1),
  ]) {
    assert.equal(await addChecks(bytes, source), null);
  }
});

test("a large program is rewritten though the host refuses or cannot start the worker for it", async () => {
  const large = await assemble(
    `(module (func (local i32) ${"(local.set 0 (i32.const 1))".repeat(300_000)}) (func (loop (br 0))))`,
  );
  const engine = await Engine.create();
  const expected = new engine.Module(large).rewrite({ checks: true }).bytes;
  class Refuses {
    constructor() {
      throw new Error("another origin");
    }
  }
  class Fails {
    postMessage() {
      queueMicrotask(() => this.onerror(new Event("error")));
    }
    onerror(/** @type {Event} */ _event) {}
    terminate() {}
  }
  const global = /** @type {{Worker?: unknown}} */ (globalThis);
  const { Worker } = global;
  try {
    for (const each of [Refuses, Fails]) {
      global.Worker = each;
      assert.deepEqual((await addChecks(large, source))?.bytes, expected);
    }
  } finally {
    global.Worker = Worker;
  }
});

test("a rewriter of another release is refused by name", async () => {
  const other = await assemble(`(module (memory (export "memory") 1)
    (func (export "rewrite_version") (result i32) (i32.const 0)))`);
  const turns = await import(/** @type {string} */ ("../../../web/rewrite-checks.js?another"));
  const { message } = await failsWith(
    async () => turns.addChecks(await loops(), () => other),
    "NIDUS_ENGINE",
  );
  assert.match(message, /^rewrite\.wasm does not fit this host library; install both/);
});

test("the shim between guest and JavaScript is what its text says", async () => {
  const text = readFileSync(new URL("../../../web/turns.js", import.meta.url), "utf8");
  const [, shim = ""] = /^ \* (\(module\n[^]*?)\n \*\/\nexport const SHIM/m.exec(text) ?? [];
  const bytes = await assemble(shim.replaceAll("\n *", "\n"));
  assert.equal(Buffer.from(bytes).toString("hex"), SHIM.replaceAll(" ", ""));
});

test(
  "in a Node that can suspend programs, an endless loop lets others go on, and any signal ends it",
  { skip: !hasJSPI() && "this Node has no JSPI" },
  async () => {
    const system = await boot();
    const waits = await system.spawn(await cat());
    const beside = await system.spawn(await loops());
    for (const signal of ["SIGINT", "SIGKILL"]) {
      const loop = await system.spawn(await loops());
      const { stdout } = await system.exec(await says("meanwhile\n"));
      assert.equal(stdout, "meanwhile\n");
      assert.equal(loop.kill(signal), false);
      assert.deepEqual(await loop.exit, { code: null, signal, trap: null });
    }
    const writer = /** @type {WritableStream<Uint8Array>} */ (waits.stdin).getWriter();
    await writer.write(new TextEncoder().encode("it waited"));
    await writer.close();
    assert.equal(await new Response(waits.stdout).text(), "it waited");
    assert.equal((await waits.exit).code, 0);
    await system.close();
    assert.equal((await beside.exit).signal, "SIGKILL");
  },
);

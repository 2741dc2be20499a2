// Loading the compiler: progress, failures, and one compilation for all systems.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { toolchainBytes } from "../../../node/assets.js";
import { locateToolchain, nodeToolchain } from "../../../node/toolchain.js";
import { NidusError } from "../../../web/errors.js";
import { fingerprint } from "../../../web/image.js";
import { System } from "../../../web/system.js";
import { createToolchain, installToolchain } from "../../../web/toolchain/index.js";
import { HELLO, compiler, sh } from "./support.js";

const KERNEL = await readFile(new URL("../../../web/kernel.wasm", import.meta.url));
const TOOLS = toolchainBytes();
const CLI = fileURLToPath(new URL("../../../node/cli.js", import.meta.url));

async function system() {
  const made = await System.create({ kernel: KERNEL });
  await made.fs.mkdir("/home", { recursive: true });
  await made.fs.writeFile("/home/hello.c", HELLO);
  return made;
}

test("nothing is loaded before a command is used, and then progress is told in bytes", async () => {
  /** @type {import("../../../web/toolchain/load.js").Progress[]} */
  const told = [];
  const toolchain = nodeToolchain({ from: import.meta.url, onProgress: (each) => told.push(each) });
  const first = await system();
  toolchain.install(first);
  assert.equal(told.length, 0);
  assert.equal((await sh(first, "cc hello.c")).code, 0);
  for (const file of ["llvm.core.wasm", "llvm-resources.tar"]) {
    const steps = told.filter((each) => each.file === file && each.phase === "download");
    const last = steps[steps.length - 1];
    assert.ok(last.total > 1e6 && last.loaded === last.total, file);
    for (let i = 1; i < steps.length; i++) assert.ok(steps[i].loaded > steps[i - 1].loaded);
  }
  assert.equal(told.filter(({ phase }) => phase === "compile").length, 1);
  assert.equal(told.filter(({ phase }) => phase === "mount").length, 1);

  const second = await system();
  toolchain.install(second);
  assert.equal((await sh(second, "cc hello.c")).code, 0);
  assert.equal(told.filter(({ phase }) => phase === "compile").length, 1, "compiled again");
  assert.equal(await toolchain.load(second), await compiler());
});

test("a missing package is one sentence that says what to install", async () => {
  const toolchain = createToolchain({
    llvm: () => {
      throw new NidusError("NIDUS_TOOLCHAIN", "The compiler is not installed; install it.");
    },
    sysroot: new Uint8Array(1024),
  });
  const made = await system();
  toolchain.install(made);
  const { code, stderr } = await sh(made, "cc hello.c");
  assert.deepEqual([code, stderr], [127, "cc: The compiler is not installed; install it.\n"]);
});

test("an HTML page in place of the compiler is named", async () => {
  const html = new TextEncoder().encode("<!doctype html><title>Not found</title>");
  const made = await system();
  const archive = await readFile(join(locateToolchain(import.meta.url), "llvm-resources.tar"));
  for (const llvm of [() => html, () => new Blob([html])]) {
    createToolchain({ llvm, sysroot: archive, tools: TOOLS }).install(made);
    const { code, stderr } = await sh(made, "cc hello.c");
    assert.equal(code, 127);
    assert.match(
      stderr,
      /^cc: llvm\.core\.wasm is an HTML page, not a WebAssembly module; serve .*\n$/,
    );
  }
});

test("toolchain.wasm imports nothing, and what stands in its place is named", async () => {
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(TOOLS)), []);
  const made = await system();
  const sysroot = await readFile(join(locateToolchain(import.meta.url), "llvm-resources.tar"));
  createToolchain({ llvm: await compiler(), sysroot, tools: new Uint8Array() }).install(made);
  for (let round = 0; round < 2; round++) {
    const { code, stderr } = await sh(made, "cc hello.c");
    assert.equal(code, 127);
    assert.match(stderr, /^cc: toolchain\.wasm is empty, not a WebAssembly module; serve the/);
  }
});

test("an archive without a C library is refused", async () => {
  const made = await system();
  createToolchain({ llvm: await compiler(), sysroot: new Uint8Array(1024), tools: TOOLS }).install(
    made,
  );
  const { code, stderr } = await sh(made, "cc hello.c");
  assert.equal(code, 127);
  assert.match(stderr, /^cc: llvm-resources\.tar holds no C library/);
  assert.equal(made.sync.exists("/usr/lib"), false);
});

test("a compiler that streams in is rewritten too, and one that was not still compiles", async () => {
  const folder = locateToolchain(import.meta.url);
  const bytes = await readFile(join(folder, "llvm.core.wasm"));
  const archive = await readFile(join(folder, "llvm-resources.tar"));
  const llvm = new Blob([bytes]).stream();
  const streamed = await createToolchain({ llvm, sysroot: archive, tools: TOOLS }).load(
    await system(),
  );
  assert.ok(fingerprint(streamed));
  for (const module of [streamed, await WebAssembly.compile(bytes)]) {
    const made = await system();
    await installToolchain(made, { module, resources: archive, tools: TOOLS });
    const { code, stderr } = await sh(made, "cc -O1 hello.c -o hello");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal((await sh(made, "./hello")).stdout, "hello\n");
  }
});

test("nidus cc works on the files of this machine", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nidus-cc-"));
  try {
    await writeFile(join(folder, "hello.c"), HELLO);
    await writeFile(join(folder, "bad.c"), "int x = ;\n");
    const run = promisify(execFile);
    /** @param {string[]} args */
    const nidus = (...args) => run(process.execPath, [CLI, ...args], { cwd: folder });
    const { stdout, stderr } = await nidus("cc", "-O2", "hello.c", "-o", "hello.wasm");
    assert.deepEqual([stdout, stderr], ["", ""]);
    assert.equal((await nidus("run", "hello.wasm")).stdout, "hello\n");
    await assert.rejects(nidus("cc", "-c", join(folder, "bad.c")), (error) => {
      const failed = /** @type {{code: number, stderr: string}} */ (/** @type {unknown} */ (error));
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /bad\.c:1:9: error: expected expression\n/);
      return true;
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("without the library of threads all compiles but programs with threads, which is said", async () => {
  const made = await system();
  const sysroot = await readFile(join(locateToolchain(import.meta.url), "llvm-resources.tar"));
  const threads = new URL("file:///nowhere/pthread.tar");
  createToolchain({ llvm: await compiler(), sysroot, tools: TOOLS, threads }).install(made);
  assert.equal((await sh(made, "cc hello.c")).code, 0);
  const { code, stderr } = await sh(made, "cc -pthread hello.c");
  assert.equal(code, 127);
  assert.match(
    stderr,
    /^cc: Cannot fetch pthread\.tar from file:\/\/\/nowhere\/pthread\.tar: .*\n$/,
  );
});

/**
 * `nidus/wasi` in Node, with `node:wasi` as the oracle: the same options, the same programs, the same ends.
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { WASI as Oracle } from "node:wasi";
import { Nidus } from "../../node/index.js";
import { Volume, WASI } from "../../node/wasi.js";
import * as guests from "../unit/host/support.js";

const programs = new URL("./programs/", import.meta.url);
const scratch = fs.mkdtempSync(join(tmpdir(), "nidus-wasi-class-"));
after(() => fs.rmSync(scratch, { recursive: true }));

/** @type {Map<string, Uint8Array>} programs by their names */
const built = new Map();
/** Those of the programs for which `node:wasi` does what Linux does. */
const SAME = ["descriptors", "files", "memory", "signals"];

before(async () => {
  const system = await Nidus.boot({
    toolchain: true,
    mounts: { "/src": { type: "host", folder: programs.pathname, readOnly: true } },
  });
  for (const name of SAME) {
    const options = ["-O1", "-w", "-D_GNU_SOURCE", `/src/${name}.c`, "-o", "/home/out"];
    const { code, stderr } = await system.exec("cc", options);
    assert.equal(code, 0, stderr);
    built.set(name, await system.fs.readFile("/home/out"));
  }
});

/** What an expression answers, or throws. @param {() => unknown} act */
function outcome(act) {
  try {
    return { value: act() };
  } catch (error) {
    const { name, code, message } = /** @type {any} */ (error);
    return { name, code, message };
  }
}

/**
 * Runs a program with its streams in files.
 * @param {typeof Oracle | typeof WASI} Class
 * @param {Uint8Array} bytes
 * @param {any} [options]
 */
function run(Class, bytes, options = {}) {
  const folder = fs.mkdtempSync(join(scratch, "run-"));
  const path = (/** @type {string} */ name) => join(folder, name);
  fs.mkdirSync(path("home"));
  fs.writeFileSync(path("in"), options.input ?? "");
  const stdin = fs.openSync(path("in"), "r");
  const stdout = fs.openSync(path("out"), "w");
  const stderr = fs.openSync(path("err"), "w");
  const preopens = { "/": path("home") };
  const wasi = new Class({ version: "preview1", preopens, stdin, stdout, stderr, ...options });
  const module = new WebAssembly.Module(bytes);
  const end = outcome(() => wasi.start(new WebAssembly.Instance(module, wasi.getImportObject())));
  for (const fd of [stdin, stdout, stderr]) fs.closeSync(fd);
  const text = (/** @type {string} */ name) => fs.readFileSync(path(name), "utf8");
  return { end, out: text("out"), err: text("err") };
}

test("options are checked as node:wasi checks them, with its errors", () => {
  const version = "preview1";
  const wrong = [
    undefined,
    null,
    5,
    [],
    {},
    { version: "preview2" },
    { version: 5 },
    { version, args: 5 },
    { version, args: {} },
    { version, env: 5 },
    { version, env: null },
    { version, preopens: "x" },
    { version, stdin: "x" },
    { version, stdin: -1 },
    { version, stdin: 1.5 },
    { version, stdout: 2 ** 40 },
    { version, stdout: null },
    { version, stderr: {} },
    { version, returnOnExit: 1 },
    { version, returnOnExit: null },
  ];
  for (const options of wrong) {
    const [expected, got] = [Oracle, WASI].map((Class) =>
      outcome(() => new Class(/** @type {any} */ (options))),
    );
    assert.ok(expected?.code, JSON.stringify(options));
    assert.deepEqual(got, expected, JSON.stringify(options));
  }
  for (const options of [
    { version, preopens: { "/x": "/nothing/here" } },
    { version, stdin: 987654 },
  ]) {
    const [expected, got] = [Oracle, WASI].map((Class) => outcome(() => new Class(options)));
    assert.equal(got?.code, expected?.code);
  }
});

test("instances are checked as node:wasi checks them", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const call = () => {};
  const instances = [
    undefined,
    null,
    5,
    {},
    { exports: 5 },
    { exports: {} },
    { exports: { memory: 5 } },
    { exports: { memory: { buffer: new ArrayBuffer(8) }, _start: call } },
    { exports: { memory } },
    { exports: { memory, _start: call } },
    { exports: { memory, _start: 5 } },
    { exports: { memory, _initialize: call } },
    { exports: { memory, _initialize: 5 } },
    { exports: { memory, _start: call, _initialize: call } },
  ];
  for (const method of /** @type {const} */ (["start", "initialize"])) {
    for (const instance of instances) {
      const [expected, got] = [Oracle, WASI].map((Class) => {
        const wasi = new Class({ version: "preview1" });
        return outcome(() => wasi[method](/** @type {any} */ (instance)));
      });
      assert.deepEqual(got, expected);
    }
  }
  // Of node:wasi only newer Nodes have it.
  const Classes = "finalizeBindings" in Oracle.prototype ? [Oracle, WASI] : [WASI];
  for (const Class of Classes) {
    const bind = (/** @type {any[]} */ ...args) =>
      outcome(() =>
        /** @type {any} */ (new Class({ version: "preview1" })).finalizeBindings(...args),
      );
    assert.deepEqual(bind({ exports: { memory } }), { value: undefined });
    assert.deepEqual(bind({ exports: {} }, { memory }), { value: undefined });
    for (const args of [
      [],
      [null],
      [{}],
      [{ exports: {} }],
      [{ exports: { memory } }, { memory: 5 }],
    ])
      assert.equal(bind(...args).code, "ERR_INVALID_ARG_TYPE");
    assert.equal(bind({ exports: { memory } }, { memory: null }).code, "ERR_INVALID_ARG_TYPE");
  }
  const wasi = new WASI({ version: "preview1" });
  wasi.finalizeBindings({ exports: {} }, { memory });
  assert.equal(outcome(() => wasi.start({ exports: { memory } })).code, "ERR_WASI_ALREADY_STARTED");
});

test("what a program imports has the same names", () => {
  for (const version of /** @type {const} */ (["preview1", "unstable"])) {
    const [expected, got] = [Oracle, WASI].map((Class) => new Class({ version }).getImportObject());
    assert.deepEqual(Object.keys(got), Object.keys(expected));
    const [module = ""] = Object.keys(got);
    const names = (/** @type {any} */ object) => Object.keys(object[module]).sort();
    assert.deepEqual(names(got), names(expected));
  }
});

for (const name of SAME) {
  test(`${name}.c does the same under nidus/wasi and under node:wasi`, () => {
    const bytes = built.get(name) ?? new Uint8Array(0);
    assert.deepEqual(run(WASI, bytes), run(Oracle, bytes));
  });
}

test("arguments, variables, input and exit codes are the same", async () => {
  const options = { args: ["name", 5, "ü"], env: { A: "1", B: undefined, C: 3 }, input: "typed" };
  for (const bytes of [await guests.echoes(), await guests.cat(), await guests.exits(77)]) {
    const [expected, got] = [Oracle, WASI].map((Class) => run(Class, bytes, options));
    assert.deepEqual(got, expected);
  }
});

test("with returnOnExit false the program's exit is that of Node", async () => {
  const file = join(scratch, "exits.wasm");
  fs.writeFileSync(file, await guests.exits(7));
  const script = (/** @type {string} */ from) => `
    import { WASI } from ${JSON.stringify(from)};
    import { readFileSync } from "node:fs";
    const wasi = new WASI({ version: "preview1", returnOnExit: false });
    const module = new WebAssembly.Module(readFileSync(${JSON.stringify(file)}));
    wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));
    console.log("not reached");`;
  for (const from of ["node:wasi", new URL("../../node/wasi.js", import.meta.url).href]) {
    const args = ["--no-warnings", "--input-type=module", "-e", script(from)];
    const { status, stdout } = spawnSync(process.execPath, args);
    assert.deepEqual([status, String(stdout)], [7, ""]);
  }
});

test("a reactor is made ready by initialize, and its exports may call on", async () => {
  const reactor = await guests.assemble(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "ready again ")
    (func (export "_initialize") (drop (call $say (i32.const 64))))
    (func $say (export "say") (param i32) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (i32.store (i32.const 4) (i32.const 6))
      (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))`);
  let out = "";
  const wasi = new WASI({
    version: "preview1",
    stdout: (bytes) => void (out += new TextDecoder().decode(bytes)),
  });
  const instance = new WebAssembly.Instance(
    new WebAssembly.Module(/** @type {Uint8Array<ArrayBuffer>} */ (reactor)),
    wasi.getImportObject(),
  );
  assert.equal(wasi.initialize(instance), undefined);
  const say = /** @type {(at: number) => number} */ (instance.exports.say);
  assert.equal(say(70), 0);
  assert.equal(out, "ready again ");
});

/** Runs `cc`'s programs on volumes: copies `in` to `out` and answers errno. */
const COPY = `(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 64) "inout")
  (func $check (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
  (func (export "_start")
    (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 2)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
    (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 66) (i32.const 3)
      (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 20)))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 200000))
    (call $check (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 4)))
    (call $check
      (call $write (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 8)))))`;

/** @param {any} preopens */
async function copyIn(preopens) {
  const wasi = new WASI({ version: "preview1", preopens });
  const module = new WebAssembly.Module(
    /** @type {Uint8Array<ArrayBuffer>} */ (await guests.assemble(COPY)),
  );
  return wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));
}

test("a volume is given to programs, one after the other, and read and saved from outside", async () => {
  const volume = new Volume({ in: "contents", sub: { directory: { link: { symlink: "../in" } } } });
  assert.equal(await copyIn({ "/home": volume }), 0);
  assert.equal(volume.readText("out"), "contents");
  volume.writeFile("in", volume.readText("out").toUpperCase());
  assert.equal(await copyIn({ "/": volume }), 0);
  assert.equal(volume.readText("out"), "CONTENTS");
  assert.deepEqual(volume.readdir(), ["in", "out", "sub"]);
  assert.equal(volume.readText("sub/link"), "CONTENTS");

  const folder = fs.mkdtempSync(join(scratch, "saved-"));
  await volume.saveTo(/** @type {any} */ (fs.promises), folder);
  assert.equal(fs.readFileSync(join(folder, "sub/link"), "utf8"), "CONTENTS");
  const system = await Nidus.boot();
  await volume.saveTo(system.fs, "/home/v");
  assert.equal(await system.fs.readFile("/home/v/out", "utf8"), "CONTENTS");
  const again = await Volume.from(system.fs, "/home/v");
  assert.deepEqual(again.toTree(), volume.toTree());
  assert.throws(() => volume.readFile("../x"), { code: "EINVAL" });
});

test("files may be given as a literal; a volume has a limit, beyond which is ENOSPC", async () => {
  const large = new Uint8Array(150_000).fill(7);
  assert.equal(await copyIn({ "/": { in: large } }), 0);
  const volume = new Volume({ in: large }, { maxBytes: 200_000 });
  const ENOSPC = 51;
  assert.equal(await copyIn({ "/": volume }), ENOSPC);
  assert.ok(volume.stat("out").size < large.length);
});

test("input comes from bytes and from functions", async () => {
  const module = new WebAssembly.Module(
    /** @type {Uint8Array<ArrayBuffer>} */ (await guests.cat()),
  );
  const words = ["one ", "two", undefined];
  for (const stdin of [new TextEncoder().encode("one two"), () => words.shift()]) {
    let out = "";
    const stdout = (/** @type {Uint8Array} */ bytes) =>
      void (out += new TextDecoder().decode(bytes));
    const wasi = new WASI({ version: "preview1", stdin, stdout });
    assert.equal(wasi.start(new WebAssembly.Instance(module, wasi.getImportObject())), 0);
    assert.equal(out, "one two");
  }
});

test("a program that traps makes start throw; waiting takes its time", async () => {
  const trap = await guests.guest("unreachable");
  assert.throws(() => {
    const wasi = new WASI({ version: "preview1" });
    const module = new WebAssembly.Module(/** @type {Uint8Array<ArrayBuffer>} */ (trap));
    wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));
  }, WebAssembly.RuntimeError);
  const begin = performance.now();
  run(WASI, await guests.sleeps(50));
  assert.ok(performance.now() - begin >= 50);
});

test("what can be reached no more gives its process and its memory back", async () => {
  const file = join(scratch, "many.mjs");
  fs.writeFileSync(join(scratch, "says.wasm"), await guests.says("x"));
  fs.writeFileSync(
    file,
    `import { WASI, Volume } from ${JSON.stringify(new URL("../../node/wasi.js", import.meta.url).href)};
     import { readFileSync } from "node:fs";
     const module = new WebAssembly.Module(readFileSync(new URL("./says.wasm", import.meta.url)));
     for (let i = 0; i < 600; i++) {
       const instances = [];
       const wasi = new WASI({
         version: "preview1",
         preopens: { "/": new Volume({ large: new Uint8Array(1 << 20) }) },
         stdout: () => void instances.length,
       });
       instances.push(new WebAssembly.Instance(module, wasi.getImportObject()));
       wasi.start(instances[0]);
       if (i % 20 === 19) { gc(); await new Promise((resolve) => setTimeout(resolve, 1)); }
     }
     console.log(process.memoryUsage().rss);`,
  );
  // Six hundred volumes of 1 MB each would be 600 MB in the kernel's memory.
  const rss = Number(execFileSync(process.execPath, ["--expose-gc", file]));
  assert.ok(rss > 0 && rss < 300e6, `${rss} bytes after ${pathToFileURL(file)}`);
});

/**
 * Programs and commands of a system: how they start, what they get, how they end, and that nothing
 * stays behind. Whatever copies between memories (wasm or JavaScript), the outcome is the same: the
 * tests run with every way that this Node has.
 */

import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { hasMultiMemory } from "../../../web/bridge.js";
import { hasJSPI } from "../../../web/process.js";
import * as guests from "./support.js";
import { assemble, boot, guest, says } from "./support.js";

const ways = [false, true].flatMap((shared) =>
  (hasMultiMemory() ? [true, false] : [false]).map((multiMemory) => ({ shared, multiMemory })),
);

for (const { shared, multiMemory } of ways) {
  const how =
    (multiMemory ? "copying in wasm" : "copying in JavaScript") + (shared ? ", memory shared" : "");
  const way = shared ? { shared, multiMemory, kernel: guests.SHARED_KERNEL } : { multiMemory };

  test(`a program's output and exit code come back (${how})`, async () => {
    const system = await boot(way);
    const result = await system.exec(await says("hello, world\n"));
    assert.deepEqual(result, {
      code: 0,
      signal: null,
      trap: null,
      stdout: "hello, world\n",
      stderr: "",
    });
    assert.equal((await system.exec(await says("oops", 2))).stderr, "oops");
    assert.equal((await system.exec(await guests.exits(42))).code, 42);
  });

  test(`arguments and variables arrive as they were given (${how})`, async () => {
    const system = await boot({ ...way, env: { HOME: "/home" } });
    const args = ["", "two words", "ünï", "--", "x".repeat(3000)];
    const { stdout } = await system.exec(await guests.echoes(), args, {
      argv0: "name",
      env: { EMPTY: "", A: "1=2" },
      preopens: {},
    });
    const expected = ["name", ...args, "HOME=/home", "EMPTY=", "A=1=2"];
    assert.deepEqual(stdout.split("\0").slice(0, -1), expected);
  });

  test(`ten megabytes go through a program unchanged (${how})`, async () => {
    const system = await boot(way);
    const input = "0123456789abcdef".repeat(650_000) + "end";
    const { stdout, code } = await system.exec(await guests.cat(), [], { input });
    assert.equal(code, 0);
    assert.equal(stdout.length, input.length);
    assert.ok(stdout === input);
  });

  test(`a file written by a program is there (${how})`, async () => {
    const system = await boot(way);
    await system.fs.mkdir("/home");
    const program = await guests.writesFile("out.txt", "written by a guest");
    const { code } = await system.exec(program, [], { preopens: { here: "/home" } });
    assert.equal(code, 0);
    assert.equal(await system.fs.readFile("/home/out.txt", "utf8"), "written by a guest");
  });

  test(`copies of every length and alignment arrive, also after memory grew (${how})`, async () => {
    const system = await boot(way);
    // Reads N bytes to address A, N and A from the first two bytes of input, after growing by a page.
    const program = await guest(
      `(drop (memory.grow (i32.const 1)))
       (loop $next
         (i32.store (i32.const 16) (i32.const 32))
         (i32.store (i32.const 20) (i32.const 2))
         (call $check (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
         (if (i32.load (i32.const 24)) (then
           (local.set $at (i32.add (i32.const 140000) (i32.load8_u (i32.const 33))))
           (i32.store (i32.const 16) (local.get $at))
           (i32.store (i32.const 20) (i32.load8_u (i32.const 32)))
           (call $check (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
           (call $put (i32.const 1) (local.get $at) (i32.load8_u (i32.const 32)))
           (drop (memory.grow (i32.const 1)))
           (br $next))))`,
      { uses: ["fd_read"], locals: "$at i32" },
    );
    /** @type {number[]} */
    const input = [];
    /** @type {number[]} */
    const expected = [];
    for (let length = 1; length < 140; length += length < 70 ? 1 : 23) {
      const contents = Array.from({ length }, (_, i) => (i * 7 + length) & 0xff);
      input.push(length, (length * 5) & 7, ...contents);
      expected.push(...contents);
    }
    /** @type {number[]} */
    const found = [];
    const { code } = await system.exec(program, [], {
      input: Uint8Array.from(input),
      stdout: (bytes) => void found.push(...bytes),
    });
    assert.equal(code, 0);
    assert.deepEqual(found, expected);
  });

  test(`an address outside of the program's memory is EFAULT, not a crash (${how})`, async () => {
    const system = await boot(way);
    for (const [address, length] of [
      ["131072", "1"],
      ["131070", "4"],
      ["-4", "8"],
      ["-1", "-1"],
    ]) {
      const program = await guest(
        `(i32.store (i32.const 0) (i32.const ${address}))
         (i32.store (i32.const 4) (i32.const ${length}))
         (call $check (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))`,
      );
      const { code } = await system.exec(program);
      assert.equal(code, 21, `${address}+${length}`);
    }
  });

  test(`a thousand processes leave no table slot, stream or memory behind (${how})`, async () => {
    const system = await boot(way);
    const module = await WebAssembly.compile(
      /** @type {Uint8Array<ArrayBuffer>} */ (await says("x")),
    );
    const run = async (/** @type {number} */ count) => {
      for (let i = 0; i < count; i++) await system.exec(module);
    };
    await run(20);
    const slots = system.kernel.table.length;
    const memory = system.kernel.memory.buffer.byteLength;
    await run(1000);
    assert.equal(system.kernel.table.length, slots);
    assert.equal(system.kernel.memory.buffer.byteLength, memory);
    assert.equal(system.running.size, 0);
  });
}

test("a trap is told with its message and where it happened", async () => {
  const system = await boot();
  const program = await guest(`(call $deep)`, { functions: `(func $deep (unreachable))` });
  const { code, signal, trap } = await system.exec(program);
  assert.equal(code, 134);
  assert.equal(signal, null);
  assert.match(trap?.message ?? "", /unreachable/);
  assert.match(trap?.stack ?? "", /wasm/);
});

test("endless recursion is a trap like any other", async () => {
  const system = await boot();
  const program = await guest(`(call $deep)`, {
    functions: `(func $deep (call $deep) (call $deep))`,
  });
  const { code, trap } = await system.exec(program);
  assert.equal(code, 134);
  assert.match(trap?.message ?? "", /call stack/);
  assert.equal((await system.exec(await says("still here"))).stdout, "still here");
});

test("a fatal signal a program raises ends it by that name", async () => {
  const system = await boot();
  const program = await guest(`(call $check (call $proc_raise (i32.const 6)))`, {
    uses: ["proc_raise"],
  });
  const { code, signal } = await system.exec(program);
  assert.deepEqual({ code, signal }, { code: null, signal: "SIGABRT" });
});

test("a reactor is initialised", async () => {
  const system = await boot();
  const reactor = await assemble(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_initialize") (call $exit (i32.const 7))))`);
  assert.equal((await system.exec(reactor)).code, 7);
});

/** @type {Record<string, [string, RegExp]>} */
const refused = {
  "that imports a foreign function": [
    `(module (import "env" "emscripten_run" (func)) (memory (export "memory") 1) (func (export "_start")))`,
    /imports env\.emscripten_run \(function\), which Nidus does not provide; build it for wasm32-wasi/,
  ],
  "that imports a call WASI does not have": [
    `(module (import "wasi_snapshot_preview1" "fd_fly" (func)) (memory (export "memory") 1) (func (export "_start")))`,
    /imports wasi_snapshot_preview1\.fd_fly/,
  ],
  "that imports its memory": [
    `(module (import "env" "memory" (memory 1)) (func (export "_start")))`,
    /imports its memory \(env\.memory\)/,
  ],
  "without a memory": [`(module (func (export "_start")))`, /exports no memory called "memory"/],
  "without an entry": [
    `(module (memory (export "memory") 1) (func (export "main")))`,
    /exports neither _start nor _initialize/,
  ],
};
for (const [what, [text, sentence]] of Object.entries(refused)) {
  test(`a module ${what} is refused with a sentence`, async () => {
    const system = await boot();
    await system.fs.writeFile("/p.wasm", await assemble(text));
    await assert.rejects(system.exec("/p.wasm"), { code: "ENOEXEC", message: sentence });
    assert.equal(system.running.size, 0);
  });
}

test("a call imported with a wrong signature stops the program with the host's message", async () => {
  const system = await boot();
  const program = await assemble(`(module
    (import "wasi_snapshot_preview1" "fd_close" (func (param i64)))
    (memory (export "memory") 1) (func (export "_start")))`);
  const { code, trap } = await system.exec(program);
  assert.equal(code, 134);
  assert.match(trap?.message ?? "", /fd_close/);
});

test("what is no WebAssembly module is refused, by what it is", async () => {
  const system = await boot();
  for (const [contents, sentence] of /** @type {[string | Uint8Array, RegExp][]} */ ([
    ["#!/bin/sh\n", /\/p is a file that begins with 23 21 2f 62, not a WebAssembly module/],
    ["", /\/p is empty/],
    ["<!doctype html>", /\/p is an HTML page/],
    [Uint8Array.of(0, 97, 115, 109, 13, 0, 1, 0), /is a component.*wasm32-wasip1/],
    [Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 99), /not a valid WebAssembly module/],
  ])) {
    await system.fs.writeFile("/p", contents);
    await assert.rejects(system.exec("/p"), { code: "ENOEXEC", message: sentence });
  }
});

test("a program is found by path, in the working folder, and in PATH", async () => {
  const system = await boot();
  await system.fs.mkdir("/usr/bin", { recursive: true });
  await system.fs.mkdir("/home", { recursive: true });
  await system.fs.writeFile("/usr/bin/tool", await says("in PATH"));
  await system.fs.writeFile("/home/tool", await says("at home"));
  const output = async (/** @type {string} */ command) =>
    (await system.exec(command, [], { cwd: "/home" })).stdout;
  assert.equal(await output("tool"), "in PATH");
  assert.equal(await output("./tool"), "at home");
  assert.equal(await output("/home/tool"), "at home");
  assert.equal(await output("../usr/bin/tool"), "in PATH");
  await assert.rejects(system.exec("nothing"), {
    code: "ENOENT",
    message: /no command "nothing".*\.\/nothing/,
  });
  await assert.rejects(system.exec("./nothing"), { code: "ENOENT" });
  await assert.rejects(system.exec("/home"), { code: "EACCES" });
});

test("a program that was rebuilt is compiled anew", async () => {
  const system = await boot();
  for (const text of ["first", "second", "third"]) {
    await system.fs.writeFile("/program", await says(text));
    assert.equal((await system.exec("/program")).stdout, text);
    assert.equal((await system.exec("/program")).stdout, text);
  }
});

test("a program rebuilt within the same millisecond is compiled anew", async () => {
  const system = await boot();
  const versions = await Promise.all(["a", "b"].map((text) => says(text)));
  for (let i = 0; i < 100; i++) {
    await system.fs.writeFile("/program", versions[i % 2] ?? "");
    assert.equal((await system.exec("/program")).stdout, "ab"[i % 2]);
  }
});

test("a program sees every folder of the root and its working folder", async () => {
  const system = await boot();
  await system.fs.mkdir("/home/deep", { recursive: true });
  await system.fs.symlink("home", "/house");
  await system.fs.writeFile("/file", "");
  const program = await guests.preopens();
  const { stdout } = await system.exec(program, [], { cwd: "/home/deep" });
  assert.deepEqual(stdout.trim().split("\n"), ["/dev", "/home", "/house", "/tmp", "."]);
  await assert.rejects(system.exec(program, [], { cwd: "/none" }), { code: "ENOENT" });
  await assert.rejects(system.exec(program, [], { cwd: "/file" }), { code: "ENOTDIR" });
});

test("a program in its working folder writes there", async () => {
  const system = await boot();
  await system.fs.mkdir("/home");
  await system.fs.mkdir("/other");
  const relative = await guests.writesFile("../other/out", "via the working folder");
  // The working folder is the last preopen: /dev, /home, /other, /tmp, then it.
  const program = await guest(
    `(call $check (call $path_open (i32.const 7) (i32.const 1) (i32.const 1024)
       (i32.const 12) (i32.const 9) (i64.const 0x7ffffff) (i64.const 0x7ffffff)
       (i32.const 0) (i32.const 32)))
     (call $put (i32.load (i32.const 32)) (i32.const 1036) (i32.const 2))`,
    { uses: ["path_open"], data: "../other/outok" },
  );
  assert.equal((await system.exec(program, [], { cwd: "/home" })).code, 0);
  assert.equal(await system.fs.readFile("/other/out", "utf8"), "ok");
  // A preopen given by name does not let anybody climb out.
  const jailed = await system.exec(relative, [], { preopens: { "/": "/home" } });
  assert.equal(jailed.code, 63);
});

test("output goes to a file of the tree, anew or appended", async () => {
  const system = await boot();
  const program = await says("line\n");
  await system.exec(program, [], { stdout: { file: "/log" } });
  await system.exec(program, [], { stdout: { file: "/log" } });
  assert.equal(await system.fs.readFile("/log", "utf8"), "line\n");
  await system.exec(program, [], { stdout: { file: "/log", append: true } });
  assert.equal(await system.fs.readFile("/log", "utf8"), "line\nline\n");
  const { stdout } = await system.exec(await guests.cat(), [], { stdin: { file: "/log" } });
  assert.equal(stdout, "line\nline\n");
  await assert.rejects(system.exec(program, [], { stdin: { file: "/none" } }), { code: "ENOENT" });
});

test("spawned programs have web streams", async () => {
  const system = await boot();
  const process = await system.spawn(await guests.cat());
  const writer = /** @type {WritableStream<Uint8Array>} */ (process.stdin).getWriter();
  writer.write(new TextEncoder().encode("through "));
  writer.write(new TextEncoder().encode("streams"));
  writer.close();
  const text = await new Response(process.stdout).text();
  assert.equal(text, "through streams");
  assert.equal((await process.exit).code, 0);
});

test("a terminal has one output for both", async () => {
  const system = await boot();
  const both = await guest(
    `(call $put (i32.const 1) (i32.const 1024) (i32.const 3))
     (call $put (i32.const 2) (i32.const 1027) (i32.const 3))`,
    { data: "outerr" },
  );
  const process = await system.spawn(both, [], { terminal: { cols: 80, rows: 24 }, stdin: "null" });
  assert.equal(process.stdout, null);
  assert.equal(await new Response(process.output).text(), "outerr");
});

test("an output nobody reads any more is EPIPE for the program", async () => {
  const system = await boot();
  const process = await system.spawn(await says("unread"));
  await /** @type {ReadableStream<Uint8Array>} */ (process.stdout).cancel();
  assert.equal((await process.exit).code, 64);
});

test("commands are functions with streams, children and an exit code", async () => {
  const system = await boot();
  const program = await says("from the child\n");
  system.commands.set("greet", async ({ args, stdout, stderr, cwd, argv0, spawn, exec }) => {
    await stdout.write(`${argv0} ${args.join("+")} in ${cwd}\n`);
    await stderr.write("grumble\n");
    const { stdout: collected } = await exec(program);
    await stdout.write(collected.toUpperCase());
    const child = await spawn(program);
    await child.exit;
    return 3;
  });
  await system.fs.mkdir("/home");
  const { code, stdout, stderr } = await system.exec("greet", ["a", "b"], { cwd: "/home" });
  assert.equal(code, 3);
  assert.equal(stdout, "greet a+b in /home\nFROM THE CHILD\nfrom the child\n");
  assert.equal(stderr, "grumble\n");
});

test("what a command answers beyond its code reaches the caller", async () => {
  const system = await boot();
  system.commands.set("judge", () => ({ code: 1, diagnostics: [{ line: 3 }] }));
  const { code, diagnostics } = await system.exec("judge");
  assert.deepEqual({ code, diagnostics }, { code: 1, diagnostics: [{ line: 3 }] });
});

test("a command that throws says why on standard error and exits with 1", async () => {
  const system = await boot();
  system.commands.set("broken", async () => {
    await system.fs.readFile("/none");
    return 0;
  });
  const { code, stderr } = await system.exec("broken");
  assert.equal(code, 1);
  assert.equal(stderr, "broken: ENOENT: no such file or directory, open '/none'\n");
});

test("a command reads its input and writes to redirected files, as do its children", async () => {
  const system = await boot();
  const program = await says("child\n");
  system.commands.set("filter", async ({ stdin, stdout, spawn }) => {
    await stdout.write((await stdin.text()).toUpperCase());
    await (
      await spawn(program)
    ).exit;
    await stdout.write("last\n");
    return 0;
  });
  await system.exec("filter", [], { input: "first\n", stdout: { file: "/out" } });
  assert.equal(await system.fs.readFile("/out", "utf8"), "FIRST\nchild\nlast\n");
});

test("a command waits for its input, and for whoever reads its output", async () => {
  const system = await boot();
  system.commands.set("upper", async ({ stdin, stdout }) => {
    await stdout.write((await stdin.text()).toUpperCase());
    return 0;
  });
  const process = await system.spawn("upper");
  const text = "many words ".repeat(100_000);
  const written = new Promise((resolve) => setTimeout(resolve, 10)).then(async () => {
    const writer = /** @type {WritableStream<Uint8Array>} */ (process.stdin).getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  });
  const output = await new Response(process.stdout).text();
  assert.equal(output, text.toUpperCase());
  await written;
  assert.equal((await process.exit).code, 0);
});

test("killing a command kills its children", { skip: !hasJSPI() && "needs JSPI" }, async () => {
  const system = await boot();
  const sleeper = await guests.sleeps(60_000);
  const born = new Promise((resolve) => {
    system.commands.set("nurse", async ({ spawn }) => {
      const child = await spawn(sleeper);
      resolve(child);
      await child.exit;
      return 0;
    });
  });
  const process = await system.spawn("nurse");
  await born;
  assert.equal(system.running.size, 2);
  process.kill("SIGINT");
  const { code, signal } = await process.exit;
  assert.deepEqual({ code, signal }, { code: null, signal: "SIGINT" });
  assert.equal(system.running.size, 0);
});

test("a command that does not listen is killed all the same", async () => {
  const system = await boot();
  system.commands.set("deaf", () => new Promise(() => {}));
  const process = await system.spawn("deaf");
  process.start();
  process.kill("SIGKILL");
  assert.equal((await process.exit).signal, "SIGKILL");
});

test("a process killed before it began never runs", async () => {
  const system = await boot();
  const process = await system.spawn(await says("never"));
  process.kill("SIGTERM");
  const { code, signal } = await process.exit;
  assert.deepEqual({ code, signal }, { code: null, signal: "SIGTERM" });
  assert.equal(await new Response(process.stdout).text(), "");
  assert.throws(() => process.kill("SIGNONSENSE"), { code: "EINVAL" });
});

test("an aborted signal keeps a process from starting", async () => {
  const system = await boot();
  const signal = AbortSignal.abort();
  await assert.rejects(system.exec(await says("x"), [], { signal }), { name: "AbortError" });
});

test("a program waits for the clock, without JSPI in the thread", async () => {
  /** @type {bigint[]} */
  const deadlines = [];
  const system = await boot({
    jspi: false,
    waitSync(_pid, kinds, deadline) {
      assert.equal(kinds, 1);
      deadlines.push(deadline);
      const cell = new Int32Array(new SharedArrayBuffer(4));
      Atomics.wait(cell, 0, 0, Number(deadline) / 1e6 - performance.now());
    },
  });
  const before = performance.now();
  const { stdout } = await system.exec(await guests.sleeps(30));
  assert.equal(stdout, "awake\n");
  assert.ok(performance.now() - before >= 29);
  assert.ok(deadlines.length >= 1 && deadlines.length < 4);
});

test("whoever waits for a program may kill it", async () => {
  const system = await boot({
    jspi: false,
    waitSync() {
      return constants.signals.SIGINT;
    },
  });
  const { code, signal } = await system.exec(await guests.sleeps(1000));
  assert.deepEqual({ code, signal }, { code: null, signal: "SIGINT" });
});

test("where a program cannot wait it is ended with a sentence", async () => {
  const system = await boot({ jspi: false });
  const { code, trap } = await system.exec(await guests.sleeps(1000), [], { tier: "direct" });
  assert.equal(code, 134);
  assert.match(trap?.message ?? "", /^ENOTSUP: the program waits for input, output or a clock/);
});

test("with JSPI programs wait side by side", { skip: !hasJSPI() && "needs JSPI" }, async () => {
  const system = await boot();
  const before = performance.now();
  const sleeper = await guests.sleeps(50);
  const results = await Promise.all(Array.from({ length: 20 }, () => system.exec(sleeper)));
  assert.ok(results.every(({ stdout }) => stdout === "awake\n"));
  assert.ok(performance.now() - before < 600);
});

test("with JSPI a program waits for its input", { skip: !hasJSPI() && "needs JSPI" }, async () => {
  const system = await boot();
  const process = await system.spawn(await guests.cat());
  const reader = /** @type {ReadableStream<Uint8Array>} */ (process.stdout).getReader();
  const writer = /** @type {WritableStream<Uint8Array>} */ (process.stdin).getWriter();
  for (const text of ["one", "two", "three"]) {
    await writer.write(new TextEncoder().encode(text));
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), text);
  }
  await writer.close();
  assert.equal((await reader.read()).done, true);
  assert.equal((await process.exit).code, 0);
});

test("with JSPI a writer waits for its reader", { skip: !hasJSPI() && "needs JSPI" }, async () => {
  const system = await boot();
  const chunk = new Uint8Array(100_000).fill(97);
  let given = 0;
  const stdin = new ReadableStream({
    pull(controller) {
      if (given++ < 100) controller.enqueue(chunk);
      else controller.close();
    },
  });
  const process = await system.spawn(await guests.cat(), [], { stdin });
  // Until nothing has moved for a hundred turns.
  for (let still = 0, before = -1; still < 100; still = given === before ? still + 1 : 0) {
    before = given;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(given > 0 && given < 20, `${given} chunks were taken though nobody read`);
  const all = new Uint8Array(await new Response(process.stdout).arrayBuffer());
  assert.equal(all.length, 10_000_000);
});

test(
  "with JSPI a parked program is killed at once",
  { skip: !hasJSPI() && "needs JSPI" },
  async () => {
    const system = await boot();
    const process = await system.spawn(await guests.cat());
    const writer = /** @type {WritableStream<Uint8Array>} */ (process.stdin).getWriter();
    await writer.write(new TextEncoder().encode("on"));
    // What it read is out, so it asks for more, which does not come.
    await /** @type {ReadableStream<Uint8Array>} */ (process.stdout).getReader().read();
    process.kill("SIGTERM");
    const { code, signal } = await process.exit;
    assert.deepEqual({ code, signal }, { code: null, signal: "SIGTERM" });
  },
);

test("closing a system ends everything in it", async () => {
  const system = await boot();
  system.commands.set("deaf", () => new Promise(() => {}));
  const process = await system.spawn("deaf");
  await system.close();
  assert.equal((await process.exit).signal, "SIGKILL");
});

test("systems do not know of each other", async () => {
  const [a, b] = await Promise.all([boot(), boot()]);
  await a.fs.writeFile("/mine", "a");
  await assert.rejects(b.fs.readFile("/mine"), { code: "ENOENT" });
});

test("instances of a recycled module begin each run as fresh ones", async () => {
  const system = await boot();
  // Counts in memory: prints the digit it finds there, and adds one.
  const module = await WebAssembly.compile(
    /** @type {Uint8Array<ArrayBuffer>} */ (
      await guest(
        `(call $put (i32.const 1) (i32.const 1024) (i32.const 1))
         (i32.store8 (i32.const 1024) (i32.add (i32.load8_u (i32.const 1024)) (i32.const 1)))`,
        { data: "0" },
      )
    ),
  );
  let captured = 0;
  let restored = 0;
  system.runner.recycle(module, (instance) => {
    captured++;
    const memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    const image = new Uint8Array(memory.buffer).slice();
    return {
      restore() {
        restored++;
        new Uint8Array(memory.buffer).set(image);
        return restored < 3;
      },
    };
  });
  let output = "";
  for (let i = 0; i < 5; i++) output += (await system.exec(module)).stdout;
  assert.equal(output, "00000");
  assert.deepEqual({ captured, restored }, { captured: 3, restored: 5 });
});

test("a program that is ended while its thread is elsewhere makes no further call", async () => {
  const system = await boot();
  // It writes again and again, whatever comes of it.
  const bytes = await guest(
    `(loop $for_ever
       (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 1))
       (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
       (br $for_ever))`,
    { data: "x" },
  );
  let writes = 0;
  /** @type {import("../../../web/spawn.js").Process | undefined} */
  let process;
  const screen = {
    write: (/** @type {Uint8Array} */ from) => {
      if (++writes === 3) process?.kill("SIGKILL");
      return from.length;
    },
    ready: () => 2,
  };
  process = await system.spawn(bytes, [], {
    tier: "direct",
    streams: /** @type {any} */ ([{ read: () => 0, ready: () => 5 }, screen, screen]),
  });
  assert.equal((await process.exit).signal, "SIGKILL");
  assert.equal(writes, 3);
});

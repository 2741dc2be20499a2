/** The `nidus` command, as a shell meets it. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as guests from "./support.js";
import { guest } from "./support.js";

const CLI = fileURLToPath(new URL("../../../node/cli.js", import.meta.url));
const folder = fs.mkdtempSync(join(tmpdir(), "nidus-cli-"));
after(() => fs.rmSync(folder, { recursive: true }));

/**
 * Puts a guest into a file; answers its path.
 * @param {string} name
 * @param {Promise<Uint8Array>} bytes
 */
async function program(name, bytes) {
  const path = join(folder, name);
  fs.writeFileSync(path, await bytes);
  return path;
}

/**
 * @param {string[]} args
 * @param {import("node:child_process").SpawnSyncOptions} [options]
 */
function nidus(args, options = {}) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    cwd: folder,
    ...options,
  });
  return { status, signal, stdout: String(stdout), stderr: String(stderr) };
}

/** @param {string[]} args @param {import("node:child_process").StdioOptions} [stdio] */
function start(args, stdio = "pipe") {
  return spawn(process.execPath, [CLI, ...args], { cwd: folder, stdio });
}

/** Processor time a process has used, in hundredths of a second. @param {number | undefined} pid */
function ticks(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

test("a program's output and exit code are passed on", async () => {
  const hello = await program("hello.wasm", guests.says("hello, world\n"));
  assert.deepEqual(nidus(["run", hello]), {
    status: 0,
    signal: null,
    stdout: "hello, world\n",
    stderr: "",
  });
  const error = await program("error.wasm", guests.says("oops\n", 2));
  assert.equal(nidus(["run", error]).stderr, "oops\n");
  for (const code of [1, 7, 126, 255]) {
    const exit = await program("exit.wasm", guests.exits(code));
    assert.equal(nidus(["run", exit]).status, code);
  }
});

test("a trap is told on standard error, with exit code 134", async () => {
  const trap = await program("trap.wasm", guest(`(unreachable)`));
  const { status, stdout, stderr } = nidus(["run", trap]);
  assert.equal(status, 134);
  assert.equal(stdout, "");
  assert.match(stderr, /^nidus: .*trap\.wasm was stopped: unreachable\n.*wasm/s);
});

test("arguments after the program are the program's, options before it are nidus's", async () => {
  const echo = await program("echo.wasm", guests.echoes());
  const strings = (/** @type {string[]} */ args, env = {}) =>
    nidus(args, { env: { ...process.env, ...env } })
      .stdout.split("\0")
      .slice(0, -1);
  assert.deepEqual(strings(["run", "echo.wasm", "--dir", "a b", "", "--", "-x"]), [
    "echo.wasm",
    "--dir",
    "a b",
    "",
    "--",
    "-x",
  ]);
  assert.deepEqual(
    strings(["run", "--env", "A=1=2", "--env=B=", "--env", "C", "--env", "UNSET", echo, "x"], {
      C: "inherited",
    }),
    ["echo.wasm", "x", "A=1=2", "B=", "C=inherited"],
  );
  assert.deepEqual(strings(["run", "--", "echo.wasm", "--"]), ["echo.wasm", "--"]);
  assert.deepEqual(strings(["run", "--tier", "direct", "--tier=auto", "echo.wasm"]), ["echo.wasm"]);
});

test("folders are given by name, and nothing else is", async () => {
  await program("write.wasm", guests.writesFile("out.txt", "by a guest"));
  fs.mkdirSync(join(folder, "given"));
  for (const dir of ["given::/data", "given", `${join(folder, "given")}::.`, "given::/"]) {
    fs.rmSync(join(folder, "given/out.txt"), { force: true });
    const { status, stderr } = nidus(["run", "--dir", dir, "write.wasm"]);
    assert.deepEqual([status, stderr], [0, ""], dir);
    assert.equal(fs.readFileSync(join(folder, "given/out.txt"), "utf8"), "by a guest");
  }
  // Without a folder there is no descriptor 3.
  assert.equal(nidus(["run", "write.wasm"]).status, 8);
  // Outside of it nothing is reached.
  const climb = await program("climb.wasm", guests.writesFile("../out.txt", "escaped"));
  assert.notEqual(nidus(["run", "--dir", "given::/data", climb]).status, 0);
  assert.ok(!fs.existsSync(join(folder, "out.txt")));
});

test("several folders are preopened in the order they were given", async () => {
  fs.mkdirSync(join(folder, "a"));
  fs.mkdirSync(join(folder, "b"));
  await program("list.wasm", guests.preopens());
  const { stdout } = nidus(["run", "--dir", "b", "--dir=a::/x/y", "--dir", "b::two", "list.wasm"]);
  assert.equal(stdout, "b\n/x/y\ntwo\n");
});

test("standard input ends where it ends", async () => {
  const cat = await program("cat.wasm", guests.cat());
  assert.equal(nidus(["run", cat], { input: "" }).stdout, "");
  assert.equal(nidus(["run", cat], { input: "no newline" }).stdout, "no newline");
  assert.equal(nidus(["run", cat], { stdio: ["ignore", "pipe", "pipe"] }).status, 0);
  const file = join(folder, "input");
  fs.writeFileSync(file, "from a file");
  const fd = fs.openSync(file, "r");
  assert.equal(nidus(["run", cat], { stdio: [fd, "pipe", "pipe"] }).stdout, "from a file");
  fs.closeSync(fd);
});

test("a hundred megabytes go through a pipe whole", { timeout: 60_000 }, async () => {
  const cat = await program("cat.wasm", guests.cat());
  const child = start(["run", cat]);
  const block = Buffer.alloc(1_000_003, 0);
  for (let i = 0; i < block.length; i++) block[i] = (i * 2654435761) >>> 24;
  const [sent, got] = [createHash("sha256"), createHash("sha256")];
  let size = 0;
  child.stdout?.on("data", (chunk) => {
    size += chunk.length;
    got.update(chunk);
  });
  for (let i = 0; i < 100; i++) {
    sent.update(block);
    if (!child.stdin?.write(block)) await once(/** @type {any} */ (child.stdin), "drain");
  }
  child.stdin?.end();
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  assert.equal(size, 100 * block.length);
  assert.equal(got.digest("hex"), sent.digest("hex"));
});

test("what is typed arrives at once, and what is said is seen at once", async () => {
  const cat = await program("cat.wasm", guests.cat());
  const child = start(["run", cat]);
  for (const line of ["first\n", "second\n", "third"]) {
    child.stdin?.write(line);
    const [chunk] = await once(/** @type {any} */ (child.stdout), "data");
    assert.equal(String(chunk), line);
  }
  child.stdin?.end();
  assert.deepEqual(await once(child, "close"), [0, null]);
});

test("a non-blocking standard input is waited for, without spinning", async (t) => {
  const fifo = join(folder, "fifo");
  if (spawnSync("mkfifo", [fifo]).status !== 0) return t.skip("this system has no mkfifo");
  const cat = await program("cat.wasm", guests.cat());
  const reading = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const writing = fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
  const child = start(["run", cat], [reading, "pipe", "inherit"]);
  fs.closeSync(reading);
  fs.writeSync(writing, "one");
  assert.equal(String((await once(/** @type {any} */ (child.stdout), "data"))[0]), "one");
  const before = ticks(child.pid);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(ticks(child.pid) - before < 15, "waiting cost processor time");
  fs.writeSync(writing, "two");
  assert.equal(String((await once(/** @type {any} */ (child.stdout), "data"))[0]), "two");
  fs.closeSync(writing);
  assert.deepEqual(await once(child, "close"), [0, null]);
});

test("a non-blocking standard output that is full is waited for", async (t) => {
  const fifo = join(folder, "fifo-out");
  if (spawnSync("mkfifo", [fifo]).status !== 0) return t.skip("this system has no mkfifo");
  const cat = await program("cat.wasm", guests.cat());
  const reading = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const writing = fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
  const input = join(folder, "input");
  const contents = Buffer.alloc(1_000_000, "0123456789");
  fs.writeFileSync(input, contents);
  const from = fs.openSync(input, "r");
  const closed = once(start(["run", cat], [from, writing, "inherit"]), "close");
  fs.closeSync(from);
  fs.closeSync(writing);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const got = fs.createReadStream("", { fd: fs.openSync(fifo, "r"), autoClose: true });
  fs.closeSync(reading);
  const chunks = await got.toArray();
  assert.ok(Buffer.concat(chunks).equals(contents));
  assert.deepEqual(await closed, [0, null]);
});

test("a reader that goes away ends the program quietly", async () => {
  const cat = await program("cat.wasm", guests.cat());
  const child = start(["run", cat]);
  let complaint = "";
  child.stderr?.on("data", (chunk) => (complaint += chunk));
  child.stdin?.on("error", () => {});
  child.stdin?.write(Buffer.alloc(10_000_000, "x"));
  await once(/** @type {any} */ (child.stdout), "data");
  child.stdout?.destroy();
  assert.deepEqual(await once(child, "close"), [141, null]);
  assert.equal(complaint, "");
});

test("a program sleeps without costing processor time", async () => {
  // Long enough for a busy machine to start it.
  const sleeper = await program("sleep.wasm", guests.sleeps(3000));
  const child = start(["run", sleeper]);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const before = ticks(child.pid);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.ok(ticks(child.pid) - before < 10);
  const [chunk] = await once(/** @type {any} */ (child.stdout), "data");
  assert.equal(String(chunk), "awake\n");
});

test("a program that asks whether there is input hears the truth", async () => {
  // Waits for input or 300 ms, and prints the type of what happened: 0 clock, 1 input. Three times.
  const asks = await program(
    "asks.wasm",
    guest(
      `(loop $again
         (i32.store8 (i32.const 72) (i32.const 0))
         (i32.store (i32.const 80) (i32.const 1))
         (i64.store (i32.const 88) (i64.const 300000000))
         (i32.store8 (i32.const 120) (i32.const 1))
         (i32.store (i32.const 128) (i32.const 0))
         (call $check (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 2) (i32.const 24)))
         (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (i32.load8_u (i32.const 266))))
         (call $put (i32.const 1) (i32.const 1024) (i32.const 1))
         (if (i32.eq (i32.load8_u (i32.const 266)) (i32.const 1)) (then
           (i32.store (i32.const 16) (i32.const 2048))
           (i32.store (i32.const 20) (i32.const 100))
           (call $check (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
           (call $put (i32.const 1) (i32.const 2048) (i32.load (i32.const 24)))))
         (local.set $n (i32.add (local.get $n) (i32.const 1)))
         (br_if $again (i32.lt_u (local.get $n) (i32.const 3))))`,
      { uses: ["poll_oneoff", "fd_read"], locals: "$n i32" },
    ),
  );
  const fifo = join(folder, "fifo-asks");
  spawnSync("mkfifo", [fifo]);
  const reading = fs.openSync(fifo, fs.constants.O_RDWR);
  const child = start(["run", asks], [reading, "pipe", "inherit"]);
  const next = async () => String((await once(/** @type {any} */ (child.stdout), "data"))[0]);
  assert.equal(await next(), "0");
  fs.writeSync(reading, "typed");
  let heard = await next();
  if (heard === "1") heard += await next();
  assert.equal(heard, "1typed");
  assert.equal(await next(), "0");
  assert.deepEqual(await once(child, "close"), [0, null]);
  fs.closeSync(reading);
});

/** @type {Record<string, [string[], number, RegExp]>} */
const wrong = {
  "an unknown option of run": [
    ["run", "--fast", "x.wasm"],
    2,
    /^nidus: there is no option --fast of nidus run; see nidus help run\n$/,
  ],
  "an unknown option": [["--fast"], 2, /^nidus: there is no option --fast; see nidus help\n$/],
  "an unknown command": [
    ["jump"],
    2,
    /^nidus: there is no command "jump"; a program is run by: nidus run jump\n$/,
  ],
  "no command": [[], 2, /^usage: nidus run/],
  "no program": [["run"], 2, /^nidus: nidus run needs a program to run; see nidus help run\n$/],
  "an option without its value": [
    ["run", "--dir"],
    2,
    /^nidus: the option --dir needs a value; .*\n$/,
  ],
  "a folder without a name": [
    ["run", "--dir", "a::", "x"],
    2,
    /^nidus: --dir a:: lacks a folder: .*\n$/,
  ],
  "a variable without a name": [
    ["run", "--env", "=1", "x"],
    2,
    /^nidus: --env =1 lacks a name: .*\n$/,
  ],
  "a tier that is not there": [
    ["run", "--tier", "warp", "x"],
    2,
    /^nidus: there is no tier "warp": .*\n$/,
  ],
  "a missing program": [
    ["run", "none.wasm"],
    1,
    /^nidus: cannot read none\.wasm: ENOENT: no such file or directory\n$/,
  ],
  "a folder as the program": [
    ["run", "."],
    1,
    /^nidus: cannot read \.: EISDIR: illegal operation on a directory\n$/,
  ],
  "a text as the program": [
    ["run", "text"],
    1,
    /^nidus: ENOEXEC: text is a file that begins with 6e 6f 20 77, not a WebAssembly module\n$/,
  ],
  "a missing folder": [
    ["run", "--dir", "none::/x", "hello.wasm"],
    1,
    /^nidus: ENOENT: no such file or directory, mount 'none'\n$/,
  ],
  "a file as a folder": [
    ["run", "--dir", "text::/x", "hello.wasm"],
    1,
    /^nidus: ENOTDIR: not a directory, mount 'text'\n$/,
  ],
};
for (const [what, [args, code, sentence]] of Object.entries(wrong)) {
  test(`${what} is answered with one sentence and exit code ${code}`, async () => {
    fs.writeFileSync(join(folder, "text"), "no wasm");
    await program("hello.wasm", guests.says("hello\n"));
    const { status, stdout, stderr } = nidus(args);
    assert.match(stderr, sentence);
    assert.equal(stdout, "");
    assert.equal(status, code);
  });
}

test("help and version go to standard output", () => {
  const { version } = JSON.parse(
    fs.readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
  );
  assert.equal(nidus(["--version"]).stdout, `nidus ${version}\n`);
  for (const verb of ["help", "--help", "-h"]) {
    const { status, stdout } = nidus([verb]);
    assert.equal(status, 0);
    assert.match(stdout, /nidus run \[options\] PROGRAM\.wasm/);
  }
});

test("a small program starts in less than four times what bare Node needs", async () => {
  const hello = await program("hello.wasm", guests.says("hello\n"));
  /** @param {string[]} args */
  const median = (args) => {
    const times = Array.from({ length: 7 }, () => {
      const before = performance.now();
      spawnSync(process.execPath, args);
      return performance.now() - before;
    });
    return times.sort((a, b) => a - b)[3] ?? 0;
  };
  const [bare, ours] = [median(["-e", "0"]), median([CLI, "run", hello])];
  assert.ok(ours < bare * 4, `${ours.toFixed()} ms against ${bare.toFixed()} ms`);
});

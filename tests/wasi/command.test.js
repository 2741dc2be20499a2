/**
 * What `nidus run` does the same natively and on both tiers in Node.
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { assemble, echoes } from "../unit/host/support.js";

const CLI = fileURLToPath(new URL("../../node/cli.js", import.meta.url));
const NATIVE = fileURLToPath(new URL("../../build/native/nidus", import.meta.url));
const scratch = fs.mkdtempSync(join(tmpdir(), "nidus-command-"));
const program = join(scratch, "writes.wasm");
const polls = join(scratch, "polls.wasm");
const echo = join(scratch, "echo.wasm");
after(() => fs.rmSync(scratch, { recursive: true }));

/** Writes `mine` to a new file of its folder, then `theirs` to standard output and error, then `mine` again. */
const WRITES = `(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "file") (data (i32.const 72) "mine") (data (i32.const 80) "theirs")
  (data (i32.const 16) "\\48\\00\\00\\00\\04\\00\\00\\00\\50\\00\\00\\00\\06\\00\\00\\00")
  (func (export "_start")
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
      (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 0)) (then unreachable))
    (drop (call $write (i32.load (i32.const 0)) (i32.const 16) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 24) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 2) (i32.const 24) (i32.const 1) (i32.const 4)))
    (drop (call $read (i32.const 0) (i32.const 24) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.load (i32.const 0)) (i32.const 16) (i32.const 1) (i32.const 4)))))`;

/**
 * Waits for input by poll_oneoff, reads, waits once more, and exits with what it has read and 10 and 100 for a hang-up
 * that the first and the second wait tell of.
 */
const POLLS = `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\\01") (data (i32.const 48) "\\00\\04\\00\\00\\09")
  (func $hung_up (result i32)
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 96)))
    (i32.load16_u (i32.const 88)))
  (func (export "_start")
    (local $first i32)
    (local.set $first (call $hung_up))
    (drop (call $read (i32.const 0) (i32.const 48) (i32.const 1) (i32.const 100)))
    (call $exit (i32.add (i32.load (i32.const 100))
      (i32.add (i32.mul (local.get $first) (i32.const 10))
        (i32.mul (call $hung_up) (i32.const 100)))))))`;

before(async () => {
  fs.writeFileSync(polls, await assemble(POLLS));
  fs.writeFileSync(program, await assemble(WRITES));
  fs.writeFileSync(echo, await echoes());
});

/** @type {Record<string, string[]>} */
const hosts = {
  natively: [NATIVE, "run"],
  "on the direct tier": [process.execPath, CLI, "run", "--tier", "direct"],
  "on the interpreter": [process.execPath, CLI, "run", "--tier", "interp"],
};

for (const [where, command] of Object.entries(hosts)) {
  // What is opened must not take their numbers on this machine, and be written over by what goes to them.
  test(`${where}, a file does not take the place of a standard stream that is closed`, () => {
    for (const closed of ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"]) {
      const folder = fs.mkdtempSync(join(scratch, "home-"));
      const args = [...command, "--dir", `${folder}::/home`, program];
      const { status } = spawnSync("sh", ["-c", `"$@" ${closed}`, "sh", ...args]);
      assert.equal(status, 0, closed);
      assert.equal(fs.readFileSync(join(folder, "file"), "latin1"), "minemine", closed);
    }
  });

  test(`${where}, a pipe hangs up when what was written to it has been read`, () => {
    const fifo = join(fs.mkdtempSync(join(scratch, "fifo-")), "fifo");
    execFileSync("mkfifo", [fifo]);
    const input = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const output = fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    fs.writeSync(output, "abc");
    fs.closeSync(output);
    const [file = "", ...first] = command;
    const { status } = spawnSync(file, [...first, polls], {
      stdio: [input, "pipe", "pipe"],
      timeout: 60_000,
    });
    fs.closeSync(input);
    assert.equal(status, 3 + 100);
  });

  test(`${where}, --env sets a variable, hands one on, and is refused without a name`, () => {
    const [file = "", ...first] = command;
    const run = (/** @type {string[]} */ ...options) =>
      spawnSync(file, [...first, ...options, echo], {
        env: { PATH: process.env.PATH, C: "inherited", CC: "not", D: "" },
        encoding: "utf8",
      });
    const given = ["A=1=2", "B=", "C", "D", "UNSET", "E=1", "E=ü", "EE=2"];
    const { stdout } = run(...given.flatMap((each) => ["--env", each]));
    const [name = "", ...variables] = stdout.split("\0").filter(Boolean);
    assert.equal(name, "echo.wasm");
    assert.deepEqual(variables, ["A=1=2", "B=", "C=inherited", "D=", "E=ü", "EE=2"]);
    const { status, stderr } = run("--env", "=1");
    assert.equal(status, 2);
    assert.match(stderr, /--env =1 lacks a name/);
  });
}

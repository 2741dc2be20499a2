/** Terminals: what is typed at a process reaches it through the kernel's line discipline. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Nidus } from "../../../node/index.js";
import { assemble, boot, cat, guest, loops } from "./support.js";

const size = { cols: 80, rows: 24 };

/** The screen of a process: what it got so far, and a wait for something to be on it. */
function screenOf(/** @type {import("../../../web/spawn.js").Process} */ { output }) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (output).getReader();
  const decoder = new TextDecoder();
  let text = "";
  return {
    /** @param {string} wanted */
    async shows(wanted) {
      while (!text.includes(wanted)) {
        const { done, value } = await reader.read();
        if (done)
          assert.fail(`never shown: ${JSON.stringify(wanted)}, but ${JSON.stringify(text)}`);
        text += decoder.decode(value, { stream: true });
      }
      return text;
    },
    async end() {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return text;
        text += decoder.decode(value, { stream: true });
      }
    },
  };
}

test("a line that is typed is echoed, corrected, and read as a whole", async () => {
  const system = await boot();
  const process = await system.spawn(await cat(), [], { terminal: size, tier: "interp" });
  const screen = screenOf(process);
  process.type?.("Grüx\x7fße 世界\x7f!");
  assert.equal(await screen.shows("!"), "Grüx\b \bße 世界\b \b\b \b!");
  process.type?.("\r");
  await screen.shows("\r\nGrüße 世!\r\n");
  process.type?.("\x04");
  assert.equal((await process.exit).code, 0);
});

test("^C ends a program that reads, one that computes, and a command", async () => {
  const system = await boot();
  system.commands.set("waits", async ({ signal, stdout }) => {
    await stdout.write("waits\n");
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(0)));
  });
  for (const program of [await cat(), await loops(), "waits"]) {
    const process = await system.spawn(program, [], { terminal: size, tier: "interp" });
    const screen = screenOf(process);
    process.type?.("ab\x03");
    assert.deepEqual(await process.exit, { code: null, signal: "SIGINT", trap: null });
    assert.match(await screen.end(), /ab\^C/);
  }
});

test("a program in raw mode gets each key as it is, and the size of the window", async () => {
  const system = await boot();
  // Clears ICANON, ECHO and ISIG, tells the columns as a character, then copies ten keys.
  const program = await assemble(`(module
    (import "nidus_tty" "tty_get" (func $get (param i32 i32) (result i32)))
    (import "nidus_tty" "tty_set" (func $set (param i32 i32 i32) (result i32)))
    (import "nidus_tty" "tty_size" (func $size (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") (local $i i32)
      (drop (call $get (i32.const 0) (i32.const 64)))
      (i32.store (i32.const 76) (i32.const 0))
      (drop (call $set (i32.const 0) (i32.const 2) (i32.const 64)))
      (i32.store (i32.const 0) (i32.const 32))
      (i32.store (i32.const 4) (i32.const 1))
      (loop $next
        (drop (call $size (i32.const 1) (i32.const 128)))
        (i32.store8 (i32.const 32) (i32.load16_u (i32.const 130)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 3))))))`);
  const process = await system.spawn(program, [], { terminal: size, tier: "interp" });
  const screen = screenOf(process);
  await screen.shows("P");
  process.type?.("\x03");
  assert.equal(await screen.shows("\x03P"), "P\x03P");
  process.resize(65, 10);
  process.type?.("\x7f");
  assert.equal(await screen.shows("A"), "P\x03P\x7fA");
  process.type?.("\r");
  assert.equal(await screen.end(), "P\x03P\x7fA\r\n");
  assert.equal((await process.exit).code, 0);
});

test("what is pasted arrives whole, however slowly it is read", async () => {
  const system = await boot();
  // Makes one number of all bytes that it reads, and writes that.
  const program = await guest(
    `(i32.store (i32.const 16) (i32.const 4096))
     (i32.store (i32.const 20) (i32.const 100))
     (loop $again
       (call $check (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
       (if (i32.load (i32.const 24)) (then
         (local.set $at (i32.const 4096))
         (loop $byte
           (local.set $sum (i32.add (i32.load8_u (local.get $at)) (i32.mul (local.get $sum) (i32.const 31))))
           (local.set $at (i32.add (local.get $at) (i32.const 1)))
           (br_if $byte (i32.lt_u (local.get $at) (i32.add (i32.const 4096) (i32.load (i32.const 24))))))
         (br $again))))
     (loop $digit
       (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (i32.rem_u (local.get $sum) (i32.const 10))))
       (local.set $sum (i32.div_u (local.get $sum) (i32.const 10)))
       (call $put (i32.const 1) (i32.const 1024) (i32.const 1))
       (br_if $digit (local.get $sum)))`,
    { uses: ["fd_read"], locals: "$sum i32) (local $at i32" },
  );
  const process = await system.spawn(program, [], { terminal: size, tier: "interp" });
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join("");
  let sum = 0;
  for (const byte of new TextEncoder().encode(lines)) sum = (Math.imul(sum, 31) + byte) >>> 0;
  const ended = screenOf(process).end();
  process.type?.(lines);
  await /** @type {WritableStream} */ (process.stdin).getWriter().close();
  const number = Array.from(String(sum)).reverse().join("");
  assert.equal(await ended, lines.replaceAll("\n", "\r\n") + number);
});

test("the end of input, which nobody sees, reaches a program in a worker", async () => {
  const system = await Nidus.boot({ workers: true });
  const process = await system.spawn(await cat(), [], { terminal: size, tier: "direct" });
  const screen = screenOf(process);
  process.type?.("ab\r");
  await screen.shows("\r\nab\r\n");
  process.type?.("\x04");
  assert.equal((await process.exit).code, 0);
  await system.close();
});

/**
 * What the tests of the host library share: guests as text, and systems.
 *
 * The guests are written in WebAssembly's text format and not in C, so that each shows exactly which
 * calls it makes and no compiler stands between a failing test and its cause.
 */

import { readFileSync } from "node:fs";
import wabt from "wabt";
import { System } from "../../../node/system.js";
import { planWebStreams } from "../../../node/web-streams.js";

/** @type {Map<string, Uint8Array>} */
const assembled = new Map();

export const ENGINE = readFileSync(new URL("../../../web/engine.wasm", import.meta.url));
export const REWRITER = readFileSync(new URL("../../../web/rewrite.wasm", import.meta.url));
export const KERNEL = readFileSync(new URL("../../../web/kernel.wasm", import.meta.url));
export const SHARED_KERNEL = readFileSync(
  new URL("../../../web/kernel.shared.wasm", import.meta.url),
);

/**
 * @param {string} text
 * @param {import("wabt").WasmFeatures} [features] besides those of all
 * @returns {Promise<Uint8Array>}
 */
export async function assemble(text, features) {
  const known = assembled.get(text);
  if (known !== undefined) return known;
  const { parseWat } = await wabt();
  const parsed = parseWat("guest.wat", text, {
    multi_memory: true,
    bulk_memory: true,
    threads: true,
    mutable_globals: true,
    ...features,
  });
  const bytes = parsed.toBinary({}).buffer;
  parsed.destroy();
  assembled.set(text, bytes);
  return bytes;
}

/** Imports by name, each with its type as WASI has it. */
const TYPES = {
  args_get: "i32 i32",
  args_sizes_get: "i32 i32",
  environ_get: "i32 i32",
  environ_sizes_get: "i32 i32",
  clock_time_get: "i32 i64 i32",
  fd_close: "i32",
  fd_fdstat_get: "i32 i32",
  fd_prestat_get: "i32 i32",
  fd_prestat_dir_name: "i32 i32 i32",
  fd_read: "i32 i32 i32 i32",
  fd_seek: "i32 i64 i32 i32",
  fd_sync: "i32",
  fd_write: "i32 i32 i32 i32",
  path_open: "i32 i32 i32 i32 i32 i64 i64 i32 i32",
  path_rename: "i32 i32 i32 i32 i32 i32",
  path_unlink_file: "i32 i32 i32",
  poll_oneoff: "i32 i32 i32 i32",
  proc_exit: "i32",
  proc_raise: "i32",
  random_get: "i32 i32",
};

/**
 * A guest: memory of two pages, the calls it uses, and the body of `_start`. Below 1024 is for the
 * guest's own use; `$put` writes bytes to a descriptor and traps if that fails.
 * @param {string} body
 * @param {{data?: string, locals?: string, uses?: (keyof typeof TYPES)[], functions?: string}} [more]
 */
export function guest(body, { data = "", locals = "", uses = [], functions = "" } = {}) {
  const calls = new Set([...uses, "fd_write", "proc_exit"]);
  const imports = Array.from(calls, (name) => {
    const type = TYPES[/** @type {keyof typeof TYPES} */ (name)];
    const result = name === "proc_exit" ? "" : "(result i32)";
    return `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${type}) ${result}))`;
  });
  return assemble(`(module
    ${imports.join("\n")}
    (memory (export "memory") 2)
    (data (i32.const 1024) "${data}")
    (func $check (param $errno i32)
      (if (local.get $errno) (then (call $proc_exit (local.get $errno)))))
    (func $put (param $fd i32) (param $at i32) (param $length i32)
      (loop $more
        (if (i32.eqz (local.get $length)) (then (return)))
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $length))
        (call $check (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
        (local.set $length (i32.sub (local.get $length) (i32.load (i32.const 8))))
        (br $more)))
    ${functions}
    (func (export "_start") (local ${locals || "i32"})
      ${body}))`);
}

/** Writes `text` to standard output. @param {string} text @param {number} [fd] */
export function says(text, fd = 1) {
  const length = new TextEncoder().encode(text).length;
  const data = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
  return guest(`(call $put (i32.const ${fd}) (i32.const 1024) (i32.const ${length}))`, { data });
}

/** Ends with `code`. @param {number} code */
export function exits(code) {
  return guest(`(call $proc_exit (i32.const ${code}))`);
}

/** Copies standard input to standard output, 64 KiB at a time. */
export function cat() {
  return guest(
    `(loop $again
       (i32.store (i32.const 16) (i32.const 4096))
       (i32.store (i32.const 20) (i32.const 65536))
       (call $check (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
       (if (i32.load (i32.const 24)) (then
         (call $put (i32.const 1) (i32.const 4096) (i32.load (i32.const 24)))
         (br $again))))`,
    { uses: ["fd_read"] },
  );
}

/** Writes its arguments, each ended by a NUL, to standard output; then its variables. */
export function echoes() {
  return guest(
    `(call $check (call $args_sizes_get (i32.const 16) (i32.const 20)))
     (call $check (call $args_get (i32.const 1024) (i32.const 8192)))
     (call $put (i32.const 1) (i32.const 8192) (i32.load (i32.const 20)))
     (call $check (call $environ_sizes_get (i32.const 16) (i32.const 20)))
     (call $check (call $environ_get (i32.const 1024) (i32.const 8192)))
     (call $put (i32.const 1) (i32.const 8192) (i32.load (i32.const 20)))`,
    { uses: ["args_get", "args_sizes_get", "environ_get", "environ_sizes_get"] },
  );
}

/** Waits for `milliseconds`, then says so. @param {number} milliseconds */
export function sleeps(milliseconds) {
  // A subscription: userdata, tag 0 (clock), id 1 (monotonic), timeout, precision, flags 0 (relative).
  return guest(
    `(i64.store (i32.const 64) (i64.const 7))
     (i32.store8 (i32.const 72) (i32.const 0))
     (i32.store (i32.const 80) (i32.const 1))
     (i64.store (i32.const 88) (i64.const ${milliseconds * 1e6}))
     (call $check (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 24)))
     (call $put (i32.const 1) (i32.const 1024) (i32.const 6))`,
    { uses: ["poll_oneoff"], data: "awake\\n" },
  );
}

/** Prints the names of its preopens, a line each. */
export function preopens() {
  return guest(
    `(local.set $fd (i32.const 3))
     (loop $next
       (if (i32.eqz (call $fd_prestat_get (local.get $fd) (i32.const 16))) (then
         (call $check (call $fd_prestat_dir_name (local.get $fd) (i32.const 1024)
           (i32.load (i32.const 20))))
         (i32.store8 (i32.add (i32.const 1024) (i32.load (i32.const 20))) (i32.const 10))
         (call $put (i32.const 1) (i32.const 1024)
           (i32.add (i32.load (i32.const 20)) (i32.const 1)))
         (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
         (br $next))))`,
    { uses: ["fd_prestat_get", "fd_prestat_dir_name"], locals: "$fd i32" },
  );
}

/** Never returns and never waits. */
export function loops() {
  return guest(`(loop $forever (br $forever))`);
}

/** Never returns from its start function, where a host can do nothing but end the whole thread. */
export function loopsAtStart() {
  return guest("", { functions: "(func $spin (loop $forever (br $forever))) (start $spin)" });
}

/**
 * Opens a file of its first preopen for writing and puts `text` into it; ends with the errno.
 * @param {string} path
 * @param {string} text
 * @param {string} [sync] what else it does with the file
 */
export function writesFile(path, text, sync = "") {
  const from = 1024 + path.length;
  return guest(
    `(call $check (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024)
       (i32.const ${path.length}) (i32.const 9) (i64.const 0x7ffffff) (i64.const 0x7ffffff)
       (i32.const 0) (i32.const 32)))
     (call $put (i32.load (i32.const 32)) (i32.const ${from}) (i32.const ${text.length}))
     ${sync}
     (call $check (call $fd_close (i32.load (i32.const 32))))`,
    {
      uses: ["path_open", "fd_close", ...(sync ? /** @type {const} */ (["fd_sync"]) : [])],
      data: path + text,
    },
  );
}

/** The same, and waits until it is stored. @param {string} path @param {string} text */
export function syncsFile(path, text) {
  return writesFile(path, text, "(call $check (call $fd_sync (i32.load (i32.const 32))))");
}

/**
 * @param {import("../../../node/system.js").SystemOptions} [options]
 * @returns {Promise<System>}
 */
export function boot(options) {
  return System.create({
    kernel: KERNEL,
    engine: () => ENGINE,
    stdio: planWebStreams,
    ...options,
  });
}

/** Rejects or throws with this code; answers the error. @param {() => unknown} action @param {string} code */
export async function failsWith(action, code) {
  try {
    await action();
  } catch (error) {
    const { code: found, message } = /** @type {{code: string, message: string}} */ (error);
    if (found === code) return { code: found, message };
    throw error;
  }
  throw new Error(`nothing failed, but ${code} was expected`);
}

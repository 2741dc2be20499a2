/**
 * Process images: an instance put back to what it was before it ran, so that it can serve the next
 * process without being instantiated again.
 *
 * Instantiating the 75 MB compiler costs 15 to 50 ms each time, most of it for tables of functions that
 * never change; writing its first 10 MB of memory anew costs 1.5 ms.
 *
 * The invariant: a restored instance cannot be told from a fresh one.
 * - Memory: what it held at the start is written again, and all else that the program had is zeroed. How
 *   much it had, its *pages* say (wasi-polyfill/src/rewriter.h); the memory itself stays as large as it
 *   became, which the program cannot see.
 * - Globals: the rewriter exports the mutable ones; they are set.
 * - Tables and segments: what clang makes of C and C++ has no instruction that changes them.
 */

/** An instance whose memory became larger is not kept, in bytes. */
export const LARGEST_KEPT = 128 * 1024 * 1024;

/** The names of the exports that the rewriter added for this; there are others beginning with `nidus:` (turns.js). */
const ADDED = /^nidus:[\da-f]{16}:/;
const PAGE = 65536;

/**
 * The build of a program that was rewritten, as the rewriter tells it from others.
 *
 * @param {WebAssembly.Module} module
 */
export function fingerprint(module) {
  const added = WebAssembly.Module.exports(module).find(({ name }) => ADDED.test(name));
  return added?.name.split(":")[1];
}

/**
 * Keeps the state of an instance that has not run; null if its module has state that cannot be reached.
 *
 * @param {WebAssembly.Instance} instance
 * @returns {import("./process.js").Image | null}
 */
export function capture({ exports }) {
  const names = Object.keys(exports).filter((name) => ADDED.test(name));
  // The first one counts the pages.
  const globals = names.map((name) => /** @type {WebAssembly.Global} */ (exports[name]));
  const [pages] = globals;
  if (pages === undefined) return null;
  const values = globals.map(({ value }) => value);
  const memory = /** @type {WebAssembly.Memory} */ (exports.memory);
  // Below its data lies its stack, which is empty.
  const words = new Int32Array(memory.buffer);
  let from = 0;
  while (words[from] === 0) from++;
  from *= 4;
  const bytes = new Uint8Array(memory.buffer.slice(from));
  return {
    restore() {
      if (memory.buffer.byteLength > LARGEST_KEPT) return false;
      const now = new Uint8Array(memory.buffer, 0, pages.value * PAGE);
      now.fill(0, 0, from);
      now.set(bytes, from);
      now.fill(0, from + bytes.length);
      globals.forEach((global, i) => (global.value = values[i]));
      return true;
    },
  };
}

/**
 * Process images: an instance put back to what it was before it ran, so that it can serve the next
 * process without being instantiated again.
 *
 * Instantiating the 75 MB compiler costs 15 to 50 ms each time, most of it for tables of functions that
 * never change; writing its first 10 MB of memory anew costs 1.5 ms.
 *
 * The invariant: a restored instance cannot be told from a fresh one.
 * - Memory: the bytes that were not zero at the start are written again, all others that the program
 *   had are zeroed. How much it had, its *pages* say (rewrite.js); the memory itself stays as large as it
 *   became, which the program cannot see.
 * - Globals: the mutable ones are exported by rewrite.js, and set.
 * - Tables and segments: what clang makes of C and C++ has no instruction that changes them.
 */

import { rewrittenExports } from "./rewrite.js";

/** An instance whose memory became larger is not kept, in bytes. */
export const LARGEST_KEPT = 128 * 1024 * 1024;

const PAGE = 65536;

/** The state of an instance before its first run. */
export class Image {
  #memory;
  #pages;
  #from;
  #bytes;
  #globals;

  /**
   * Keeps the state of an instance that has not run; null if its module has state that cannot be
   * reached.
   *
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Instance} instance
   */
  static capture(module, instance) {
    const rewritten = rewrittenExports(module);
    return rewritten && new Image(instance, rewritten);
  }

  /**
   * @param {WebAssembly.Instance} instance
   * @param {import("./rewrite.js").Rewritten} rewritten
   */
  constructor({ exports }, { pages, globals }) {
    this.#memory = /** @type {WebAssembly.Memory} */ (exports.memory);
    this.#pages = /** @type {WebAssembly.Global} */ (exports[pages]);
    const { buffer } = this.#memory;
    const words = new Int32Array(buffer);
    let first = 0;
    let end = words.length;
    while (first < end && words[first] === 0) first++;
    while (end > first && words[end - 1] === 0) end--;
    this.#from = first * 4;
    this.#bytes = new Uint8Array(buffer).slice(first * 4, end * 4);
    this.#globals = [pages, ...globals].map((name) => {
      const global = /** @type {WebAssembly.Global} */ (exports[name]);
      return { global, value: global.value };
    });
  }

  /** Whether the instance has become too large to be kept. */
  get isLarge() {
    return this.#memory.buffer.byteLength > LARGEST_KEPT;
  }

  /** Puts the instance back; false when it had better be replaced. */
  restore() {
    if (this.isLarge) return false;
    const memory = new Uint8Array(this.#memory.buffer, 0, this.#pages.value * PAGE);
    memory.fill(0, 0, this.#from);
    memory.set(this.#bytes, this.#from);
    memory.fill(0, this.#from + this.#bytes.length);
    for (const { global, value } of this.#globals) global.value = value;
    return true;
  }
}

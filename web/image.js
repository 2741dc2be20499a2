/**
 * Process images: an instance put back to what it was before it ran, so that it can serve the next
 * process without being instantiated again.
 *
 * Instantiating the 75 MB compiler costs 15 to 50 ms each time, most of it for tables of functions that
 * never change; writing its first 10 MB of memory anew costs 1.5 ms.
 *
 * The invariant: a restored instance cannot be told from a fresh one, but for the size of its memory.
 * - Memory: the bytes that were not zero at the start are written again, what the last run could
 *   change besides is zeroed: the rest of the first memory, and what that run itself added.
 * - Globals: the mutable ones are exported by rewrite.js, and set.
 * - Tables and segments: what clang makes of C and C++ has no instruction that changes them.
 *
 * A C library takes new memory from the end, so what one run added stays unused by the next. When that
 * has become `KEPT_GROWTH`, the instance is given up.
 */

import { rewrittenExports } from "./rewrite.js";

/** Memory that runs may add to an instance, in bytes. */
export const KEPT_GROWTH = 128 * 1024 * 1024;

/** The state of an instance before its first run. */
export class Image {
  #memory;
  #from;
  #bytes;
  #size;
  #zeroFrom;
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
    return rewritten && new Image(instance, rewritten.globals);
  }

  /**
   * @param {WebAssembly.Instance} instance
   * @param {readonly string[]} globals
   */
  constructor(instance, globals) {
    this.#memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    const { buffer } = this.#memory;
    const words = new BigUint64Array(buffer);
    let first = 0;
    let end = words.length;
    while (first < end && words[first] === 0n) first++;
    while (end > first && words[end - 1] === 0n) end--;
    this.#from = first * 8;
    this.#bytes = new Uint8Array(buffer).slice(first * 8, end * 8);
    this.#size = buffer.byteLength;
    this.#zeroFrom = buffer.byteLength;
    this.#globals = globals.map((name) => {
      const global = /** @type {WebAssembly.Global} */ (instance.exports[name]);
      return { global, value: global.value };
    });
  }

  /** Whether the instance is still worth keeping. */
  get isSmall() {
    return this.#memory.buffer.byteLength - this.#size <= KEPT_GROWTH;
  }

  /** Puts the instance back; false when it had better be replaced. */
  restore() {
    if (!this.isSmall) return false;
    const memory = new Uint8Array(this.#memory.buffer);
    memory.fill(0, 0, this.#from);
    memory.set(this.#bytes, this.#from);
    memory.fill(0, this.#from + this.#bytes.length, this.#size);
    // What earlier runs added was zeroed when they had ended, and nothing refers to it since.
    memory.fill(0, this.#zeroFrom);
    this.#zeroFrom = memory.length;
    for (const { global, value } of this.#globals) global.value = value;
    return true;
  }
}

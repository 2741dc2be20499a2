/**
 * Threads of programs on the direct tier: each a worker of the pool (threads.js) with an instance of its own over one
 * memory. What the system's thread does for a process that may have some, and what a worker gives its instance.
 *
 *   worker of a thread ── thread-spawn: takes a number, tells, and goes on
 *     │ "spawn"
 *   system's thread ── finds a worker for it; when one ends the process, ends all others
 *
 * Invariants: a number is one thread's at a time: it is taken by compare-and-swap, and given back by the system's thread when
 * the worker has told that its thread is over; a process is answered once, when none of its threads runs any more.
 */

import { NidusError } from "./errors.js";

/** For wasi-threads: WASI's errno, negative. */
const EAGAIN = -6;
const PAGE_MOST = 65536;

/** Thrown through a thread that ends itself; it carries nothing. */
export const THREAD_ENDED = {};

/**
 * What the threads of a process share.
 * @typedef {object} Shared
 * @property {WebAssembly.Memory} memory
 * @property {Int32Array<SharedArrayBuffer>} numbers 1 for each that is taken; as many as there may be, and 0 for the first thread
 *
 * @typedef {Shared & {number: number, argument: number}} GuestThread
 */

/**
 * The limits of the memory that a module imports, in pages; null where it imports none.
 * @param {Uint8Array} bytes of a module that is valid
 * @returns {{initial: number, maximum: number, shared: boolean} | null}
 */
export function importedMemory(bytes) {
  let at = 8;
  const number = () => {
    for (let value = 0, shift = 1; ; shift *= 128) {
      const byte = /** @type {number} */ (bytes[at++]);
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const skipName = () => {
    const length = number();
    at += length;
  };
  const limits = () => {
    const flags = number();
    const initial = number();
    return { initial, maximum: flags & 1 ? number() : PAGE_MOST, shared: (flags & 2) !== 0 };
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const end = number() + at;
    for (let left = section === 2 ? number() : 0; left > 0; left--) {
      skipName();
      skipName();
      const kind = bytes[at++];
      if (kind === 2) return limits();
      // A function or a tag has a type, behind a byte for a tag; others do not come in programs.
      if (kind !== 0) return null;
      number();
    }
    if (section === 2) return null;
    at = end;
  }
  return null;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} most threads beside the first one
 * @param {string} name
 * @returns {Shared}
 */
export function share(bytes, most, name) {
  const limits = importedMemory(bytes);
  try {
    if (!limits?.shared) throw new Error("it imports none that is shared");
    const memory = new WebAssembly.Memory(limits);
    const numbers = new Int32Array(new SharedArrayBuffer(4 * (Math.min(most >>> 0, 4095) + 1)));
    return { memory, numbers };
  } catch (cause) {
    const why = /** @type {Error} */ (cause).message;
    throw new NidusError(
      "ENOMEM",
      `the memory that the threads of ${name} share cannot be made: ${why}`,
    );
  }
}

/**
 * What the instance of a thread imports besides system calls.
 * @param {GuestThread} thread
 * @param {(number: number, argument: number) => void} start
 */
export function threadImports({ memory, numbers }, start) {
  const wasi = {
    "thread-spawn": (/** @type {number} */ argument) => {
      for (let number = 1; number < numbers.length; number++) {
        if (Atomics.compareExchange(numbers, number, 0, 1) !== 0) continue;
        start(number, argument);
        return number;
      }
      return EAGAIN;
    },
  };
  const exit = () => {
    throw THREAD_ENDED;
  };
  return { modules: { env: { memory }, wasi }, exit };
}

/**
 * One instance of the kernel, or of toolchain.wasm, which is asked alike: its exports, views of its memory,
 * its table, and how text and bytes get in and out. docs/kernel-abi.md is the contract.
 *
 * Invariant: no view of kernel memory is kept across a call into the kernel, since any call may
 * grow the memory and detach it; `u8()` hands out a valid one each time.
 */

import { compileAsset } from "./assets.js";
import { NidusError, learnErrnos, messageOf } from "./errors.js";
import { concat } from "./streams.js";

const ENOMEM = 48;
/** What the `fs_…` imports answer on a host without folders. */
const NOTSUP = -58;

/** @typedef {(...values: (number | bigint)[]) => number} KernelFunction */
/**
 * @typedef {Record<string, KernelFunction> & {
 *   nidus_wait_deadline(pid: number): bigint,
 * }} KernelExports
 */
/** @typedef {import("./host.js").Host} Host */

/**
 * @typedef {object} KernelOptions
 * @property {import("./assets.js").ModuleSource | Promise<import("./assets.js").ModuleSource>} [source]
 *   the kernel; left out, it is fetched from beside this file
 * @property {Host} host
 */

/**
 * Loads, instantiates and boots the kernel.
 * @param {KernelOptions} options
 * @returns {Promise<Kernel>}
 */
export async function loadKernel({ source, host }) {
  const module = await compileAsset(
    source ?? new URL("./kernel.wasm", import.meta.url),
    "kernel.wasm",
  );
  const kernel = new Kernel(await instantiateKernel(module, host));
  kernel.boot(host);
  return kernel;
}

/**
 * @param {WebAssembly.Module} module
 * @param {Host} host
 * @param {WebAssembly.ModuleImports} [env]
 */
export async function instantiateKernel(module, host, env = {}) {
  const folders = {
    /** @type {(imports: import("./host.js").HostImports, name: string) => unknown} */
    get: (imports, name) => imports[name] ?? (name.startsWith("fs_") ? () => NOTSUP : undefined),
  };
  try {
    return await WebAssembly.instantiate(module, { host: new Proxy(host.imports, folders), env });
  } catch (cause) {
    throw new NidusError(
      "NIDUS_KERNEL",
      `The kernel does not fit this host library (${messageOf(cause)}); install both from one release.`,
      { cause },
    );
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Kernel {
  /** @type {number[]} table slots of ended processes */
  #slots = [];
  /** Other threads have instances over the same memory, and the kernel's lock is to be held (shared-kernel.js). */
  shared = false;

  /**
   * @param {WebAssembly.Instance} instance
   * @param {unknown} [memory]
   */
  constructor({ exports }, memory = exports.memory) {
    /** The exports as they are: what the gate imports, and what the host calls back into. */
    this.raw = /** @type {KernelExports} */ (/** @type {unknown} */ (exports));
    /** The exports for the host. */
    this.exports = this.raw;
    this.memory = /** @type {WebAssembly.Memory} */ (memory);
    this.table = /** @type {WebAssembly.Table} */ (exports.__indirect_function_table);
  }

  /**
   * Makes the system, in the first instance over a memory.
   * @param {Host} host
   */
  boot(host) {
    this.raw._initialize?.();
    this.join(host);
    this.check(this.exports.nidus_boot(), "boot");
  }

  /**
   * Lets the host reach this memory, and learns what errnos are called.
   * @param {Host} host
   */
  join(host) {
    host.kernel = this;
    learnErrnos(decoder.decode(this.take("nidus_errno_texts")[1]));
  }

  /**
   * Makes several calls with nothing in between, where other threads might.
   * @template T
   * @param {() => T} calls
   */
  together(calls) {
    return calls();
  }

  /**
   * A system call of a process begins, and ends.
   * @param {number} pid
   */
  enter(pid) {
    this.raw.nidus_enter(pid);
  }

  /** @param {number} _pid */
  leave(_pid) {}

  /** The kernel's memory, as it is now. */
  u8() {
    return new Uint8Array(this.memory.buffer);
  }

  /**
   * The result of a `nidus_…` function, or the error it means.
   * @param {number} result
   * @param {string} syscall
   * @param {string} [path]
   */
  check(result, syscall, path) {
    if (result < 0) throw NidusError.fromErrno(-result, syscall, path);
    return result;
  }

  /**
   * Memory of the kernel for the host's use.
   * @param {number} size
   * @param {number} [old] what is to become so large
   */
  alloc(size, old = 0) {
    const ptr = this.exports.nidus_realloc(old, size) >>> 0;
    if (ptr === 0) throw NidusError.fromErrno(ENOMEM, "alloc");
    return ptr;
  }

  /** @param {number} ptr */
  free(ptr) {
    this.exports.nidus_free(ptr);
  }

  /**
   * Calls a function that gives bytes out: its result, and a copy of them.
   * @param {string} which
   * @param {number[]} values
   * @returns {[number, Uint8Array<ArrayBuffer>]}
   */
  take(which, ...values) {
    const result = /** @type {KernelFunction} */ (this.raw[which])(...values);
    const [ptr = 0, length = 0] = new Uint32Array(this.memory.buffer, this.raw.nidus_given(), 2);
    return [result, /** @type {Uint8Array<ArrayBuffer>} */ (this.u8().slice(ptr, ptr + length))];
  }

  /**
   * The same of a function that is given bytes, one value after the other: where they lie, and how many there
   * are in all.
   * @param {string} which
   * @param {Uint8Array[]} values
   * @param {number[]} numbers
   */
  call(which, values, ...numbers) {
    const all = concat(values);
    const at = this.alloc(all.length + 1);
    this.u8().set(all, at);
    try {
      return this.take(which, at, all.length, ...numbers);
    } finally {
      this.free(at);
    }
  }

  /**
   * The same of one that may refuse: throws what it says then.
   * @param {string} which
   * @param {Uint8Array[]} values
   * @param {number[]} numbers
   */
  request(which, values, ...numbers) {
    const answer = this.call(which, values, ...numbers);
    const [result, given] = answer;
    if (result >= 0) return answer;
    const [sentence, syscall = which, path] = decoder.decode(given).split("\0");
    const error = NidusError.fromErrno(-result, syscall, path || undefined);
    throw sentence ? new NidusError(error.code, sentence, error) : error;
  }

  /**
   * Compares the files of a volume with the chunks that its store has.
   * @param {number} mount
   * @param {[ino: number, index: number][]} keys of the chunks, in ascending order
   * @param {number} repair what is done about differences, as `nidus_volume_check` counts it
   * @param {string} [syscall] what the caller is called in an error
   * @returns {{kind: "missing" | "stray", ino: number, index: number}[]}
   */
  compareChunks(mount, keys, repair, syscall = "check") {
    const numbers = new Uint8Array(new Float64Array(keys.flat()).buffer);
    const [count, json] = this.call("nidus_volume_check", [numbers], mount, repair);
    this.check(count, syscall);
    return JSON.parse(decoder.decode(json));
  }

  /**
   * Calls a function of the kernel that is asked with strings. Answers its number and the strings that it
   * answers, or throws what it refuses.
   * @param {string} which
   * @param {string[]} strings
   * @param {number[]} numbers
   * @returns {[number, ...string[]]}
   */
  ask(which, strings, ...numbers) {
    const bytes = encoder.encode(strings.map(plain).join("\0") + "\0");
    const [result, given] = this.request(which, [bytes], ...numbers);
    return [result, ...decoder.decode(given).split("\0")];
  }

  /**
   * Places a function in the kernel's table.
   * @param {WebAssembly.ExportValue} value an export of some instance
   */
  place(value) {
    const slot = this.#slots.pop() ?? this.table.grow(1);
    this.table.set(slot, value);
    return slot;
  }

  /**
   * Takes back a slot, so that neither the function nor its memory is kept alive.
   * @param {number} slot
   */
  unplace(slot) {
    this.table.set(slot, null);
    this.#slots.push(slot);
  }
}

/**
 * A path in UTF-8; one with a NUL can name no file.
 * @param {string} path
 */
export function encodePath(path) {
  return encoder.encode(plain(path));
}

/**
 * Refuses what is no text, and text that the kernel would take for several.
 * @param {unknown} text
 */
function plain(text) {
  const wrong =
    typeof text !== "string"
      ? `a path must be a string, not ${typeof text}`
      : text.includes("\0") && `${JSON.stringify(text)} contains a NUL`;
  if (wrong) throw new NidusError("EINVAL", `EINVAL: ${wrong}`);
  return /** @type {string} */ (text);
}

/**
 * One instance of the kernel: its exports, views of its memory, its table, and how text and bytes
 * get in and out. docs/kernel-abi.md is the contract.
 *
 * Invariant: no view of kernel memory is kept across a call into the kernel, since any call may
 * grow the memory and detach it; `u8()` and `dv()` hand out a valid one each time.
 */

import { compileAsset } from "./assets.js";
import { NidusError, learnErrnos, messageOf } from "./errors.js";

/** Limits of the memory made for `kernel.shared.wasm`, in pages of 64 KiB; 1 GiB at most. */
export const SHARED_PAGES = { initial: 32, maximum: 16384 };
/** Size of the C stack of each further instance over a shared memory. */
export const STACK_SIZE = 64 * 1024;
/** What a handler answers when it would block. */
export const WOULD_BLOCK = 0x10000;
/** The kernel's "no deadline". */
export const NEVER = 2n ** 63n - 1n;

/** @typedef {(...values: (number | bigint)[]) => number} KernelFunction */
/**
 * @typedef {Record<string, KernelFunction> & {
 *   nidus_wait_deadline(pid: number): bigint,
 * }} KernelExports
 */
/** @typedef {import("./host.js").HostImports} HostImports */

/** A process of the kernel that is always there, to hold the lock as. */
const HOST_PID = 1;

/**
 * @typedef {object} KernelOptions
 * @property {import("./assets.js").ModuleSource | Promise<import("./assets.js").ModuleSource>} [source]
 *   the kernel; left out, it is fetched from beside this file
 * @property {boolean} [shared] use the build with shared memory
 * @property {WebAssembly.Memory} [memory] join this memory, whose first instance booted already
 * @property {number} [stack] with `memory`: what `newStack` of the first instance gave
 * @property {HostImports} host
 * @property {(kernel: Kernel) => void} [attach] called before anything of the kernel is
 */

/**
 * Loads and instantiates the kernel, and boots it unless it joins a booted memory.
 * @param {KernelOptions} options
 * @returns {Promise<Kernel>}
 */
export async function loadKernel({ source, shared = false, memory, stack, host, attach }) {
  const isShared = shared || memory !== undefined;
  const module = await (isShared
    ? compileAsset(source ?? new URL("./kernel.shared.wasm", import.meta.url), "kernel.shared.wasm")
    : compileAsset(source ?? new URL("./kernel.wasm", import.meta.url), "kernel.wasm"));
  const joint = isShared
    ? (memory ?? new WebAssembly.Memory({ ...SHARED_PAGES, shared: true }))
    : undefined;
  /** @type {WebAssembly.Instance} */
  let instance;
  try {
    instance = await WebAssembly.instantiate(module, {
      host: { ...host },
      env: joint === undefined ? {} : { memory: joint },
    });
  } catch (cause) {
    throw new NidusError(
      "NIDUS_KERNEL",
      `The kernel does not fit this host library (${messageOf(cause)}); install both from one release.`,
      { cause },
    );
  }
  const kernel = new Kernel(module, instance, joint);
  attach?.(kernel);
  const { _initialize } = instance.exports;
  if (memory === undefined) {
    if (typeof _initialize === "function") _initialize();
    kernel.check(kernel.exports.nidus_boot(), "boot");
  } else {
    // As it is: even taking the lock needs a stack.
    kernel.raw.nidus_stack(/** @type {number} */ (stack));
  }
  learnErrnos(decoder.decode(kernel.generated("nidus_errno_texts")));
  return kernel;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Kernel {
  /** @type {Uint8Array} */
  #u8;
  /** @type {DataView} */
  #dv;
  /** @type {number[]} table slots of ended processes */
  #slots = [];

  /**
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Instance} instance
   * @param {WebAssembly.Memory} [memory] of a shared build
   */
  constructor(module, instance, memory) {
    this.module = module;
    /** The exports as they are: what the gate imports, and what the host calls back into. */
    this.raw = /** @type {KernelExports} */ (/** @type {unknown} */ (instance.exports));
    this.shared = memory !== undefined;
    /** The exports for the host; over a shared memory each `nidus_…` call holds the kernel's lock. */
    this.exports = this.shared ? lockEach(this.raw) : this.raw;
    this.memory = memory ?? /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    this.table = /** @type {WebAssembly.Table} */ (instance.exports.__indirect_function_table);
    this.#u8 = new Uint8Array(this.memory.buffer);
    this.#dv = new DataView(this.memory.buffer);
  }

  /** The kernel's memory, as it is now. */
  u8() {
    if (this.#u8.buffer !== this.memory.buffer) this.#u8 = new Uint8Array(this.memory.buffer);
    return this.#u8;
  }

  /** The kernel's memory, as it is now. */
  dv() {
    if (this.#dv.buffer !== this.memory.buffer) this.#dv = new DataView(this.memory.buffer);
    return this.#dv;
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
   */
  alloc(size) {
    return this.#allocated(this.exports.nidus_alloc(size), size);
  }

  /**
   * The same for the host's imports, which the kernel calls with its lock held.
   * @param {number} size
   */
  allocWithin(size) {
    return this.#allocated(this.raw.nidus_alloc(size), size);
  }

  /**
   * @param {number} result
   * @param {number} size
   */
  #allocated(result, size) {
    const ptr = result >>> 0;
    if (ptr === 0) throw NidusError.fromErrno(48, "alloc");
    // Another thread may have let a shared memory grow; growing by nothing makes this one notice.
    if (this.shared && ptr + size > this.u8().length) this.memory.grow(0);
    return ptr;
  }

  /** @param {number} ptr */
  free(ptr) {
    this.exports.nidus_free(ptr);
  }

  /**
   * Calls `use` with bytes lying in kernel memory, each at an address, and frees them.
   * @template T
   * @param {Uint8Array[]} values
   * @param {(...addresses: number[]) => T} use
   * @returns {T}
   */
  withBytes(values, use) {
    let size = 1;
    for (const value of values) size += value.length;
    const base = this.alloc(size);
    try {
      const addresses = [];
      let at = base;
      for (const value of values) {
        this.u8().set(value, at);
        addresses.push(at);
        at += value.length;
      }
      return use(...addresses);
    } finally {
      this.free(base);
    }
  }

  /**
   * Calls `use` with the address and length of a path.
   * @template T
   * @param {string} path
   * @param {(ptr: number, len: number) => T} use
   */
  withPath(path, use) {
    const bytes = encodePath(path);
    return this.withBytes([bytes], (ptr) => use(ptr, bytes.length));
  }

  /**
   * @param {number} ptr
   * @param {number} len
   */
  text(ptr, len) {
    const bytes = this.u8().subarray(ptr, ptr + len);
    // Browsers refuse to decode from shared memory.
    return decoder.decode(this.shared ? bytes.slice() : bytes);
  }

  /**
   * A copy of bytes that the kernel gives: modules, texts, and the plans of the toolchain.
   * @param {"nidus_errno_texts" | "nidus_gate" | "nidus_bridge" | "nidus_cc_plan" | "nidus_cc_driver"} which
   * @param {number[]} values
   * @returns {Uint8Array<ArrayBuffer>}
   */
  generated(which, ...values) {
    const out = this.alloc(8);
    if (this.shared) this.raw.nidus_enter(HOST_PID);
    try {
      this.check(this.raw[which](out, ...values), which);
      const ptr = this.dv().getUint32(out, true);
      const copy = new Uint8Array(this.dv().getUint32(out + 4, true));
      copy.set(this.u8().subarray(ptr, ptr + copy.length));
      return copy;
    } finally {
      if (this.shared) this.raw.nidus_leave(HOST_PID);
      this.free(out);
    }
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
    for (const text of strings) {
      if (!text.includes("\0")) continue;
      throw new NidusError("EINVAL", `EINVAL: ${JSON.stringify(text)} contains a NUL`);
    }
    const bytes = encoder.encode(strings.join("\0") + "\0");
    return this.withBytes([new Uint8Array(8), bytes], (out, at) => {
      const call = /** @type {KernelFunction} */ (this.exports[which]);
      const result = call(out, at, bytes.length, ...numbers);
      const ptr = this.dv().getUint32(out, true);
      const length = this.dv().getUint32(out + 4, true);
      const reply = length > 0 ? this.text(this.#allocated(ptr, length), length).split("\0") : [];
      this.free(ptr);
      if (result >= 0) return [result, ...reply];
      const [sentence, syscall = which, path] = reply;
      const error = NidusError.fromErrno(-result, syscall, path || undefined);
      throw sentence ? new NidusError(error.code, sentence, error) : error;
    });
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

  /** A C stack for a further instance over this memory. */
  newStack() {
    return (this.alloc(STACK_SIZE) + STACK_SIZE) & ~15;
  }
}

/**
 * @param {KernelExports} raw
 * @returns {KernelExports}
 */
function lockEach(raw) {
  /** @type {Record<string, KernelFunction>} */
  const locked = { ...raw };
  for (const [name, call] of Object.entries(raw)) {
    if (!name.startsWith("nidus_") || /^nidus_(enter|leave|boot)$/.test(name)) continue;
    locked[name] = (...values) => {
      raw.nidus_enter(HOST_PID);
      try {
        return /** @type {KernelFunction} */ (call)(...values);
      } finally {
        raw.nidus_leave(HOST_PID);
      }
    };
  }
  return /** @type {KernelExports} */ (/** @type {unknown} */ (locked));
}

/**
 * A path in UTF-8; one with a NUL can name no file.
 * @param {string} path
 */
export function encodePath(path) {
  if (typeof path !== "string") {
    throw new NidusError("EINVAL", `EINVAL: a path must be a string, not ${typeof path}`);
  }
  if (path.includes("\0")) {
    throw new NidusError("EINVAL", `EINVAL: the path ${JSON.stringify(path)} contains a NUL`);
  }
  return encoder.encode(path);
}

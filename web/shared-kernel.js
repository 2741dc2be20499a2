/**
 * A kernel whose memory is shared: `kernel.shared.wasm`, of which each thread has an instance with a stack
 * of its own over the one memory.
 *
 * Invariant: whatever an instance does with the memory, it does with the kernel's lock held: each call of
 * `exports` takes it, and system calls are bracketed by `nidus_enter` and `nidus_leave`.
 */

import { compileAsset } from "./assets.js";
import { Kernel, instantiateKernel } from "./kernel.js";

/** @typedef {import("./kernel.js").KernelExports} KernelExports */
/** @typedef {import("./kernel.js").KernelFunction} KernelFunction */

/** Limits of the memory that is made, in pages of 64 KiB; 1 GiB at most. */
const PAGES = { initial: 32, maximum: 16384 };
/** Size of the C stack of each further instance. */
const STACK_SIZE = 64 * 1024;
/** A process of the kernel that is always there, to hold the lock as. */
const HOST_PID = 1;

/**
 * @typedef {object} Joining
 * @property {WebAssembly.Memory} [memory] join this memory, whose first instance booted already
 * @property {number} [stack] with `memory`: what `newStack` of the first instance gave
 */

/**
 * Loads and instantiates the shared kernel, and boots it unless it joins a booted memory.
 * @param {import("./kernel.js").KernelOptions & Joining} options
 * @returns {Promise<SharedKernel>}
 */
export async function loadSharedKernel({ source, host, memory, stack }) {
  const module = await compileAsset(
    source ?? new URL("./kernel.shared.wasm", import.meta.url),
    "kernel.shared.wasm",
  );
  const joint = memory ?? new WebAssembly.Memory({ ...PAGES, shared: true });
  // Who has all processes in one thread needs not to be told.
  host.imports.changed ??= () => {};
  const instance = await instantiateKernel(module, host, { memory: joint });
  const kernel = new SharedKernel(instance, joint, module);
  if (memory === undefined) {
    kernel.boot(host);
  } else {
    // As it is: even taking the lock needs a stack.
    kernel.raw.nidus_stack(/** @type {number} */ (stack));
    kernel.join(host);
  }
  return kernel;
}

export class SharedKernel extends Kernel {
  /** How many calls of this thread's are under way that hold the lock, one in the other. */
  #depth = 0;

  /**
   * @param {WebAssembly.Instance} instance
   * @param {WebAssembly.Memory} memory
   * @param {WebAssembly.Module} module
   */
  constructor(instance, memory, module) {
    super(instance, memory);
    this.shared = true;
    this.module = module;
    this.exports = this.#lockEach();
  }

  /**
   * @override
   * @template T
   * @param {() => T} calls
   */
  together(calls) {
    this.enter(HOST_PID);
    try {
      return calls();
    } finally {
      this.leave(HOST_PID);
    }
  }

  /**
   * @override
   * @param {number} pid
   */
  enter(pid) {
    if (this.#depth++ === 0) this.raw.nidus_enter(pid);
  }

  /**
   * @override
   * @param {number} pid
   */
  leave(pid) {
    if (--this.#depth === 0) this.raw.nidus_leave(pid);
  }

  #lockEach() {
    /** @type {Record<string, KernelFunction>} */
    const exports = { ...this.raw };
    for (const [name, call] of Object.entries(this.raw)) {
      if (!name.startsWith("nidus_") || /^nidus_(enter|leave|boot)$/.test(name)) continue;
      exports[name] = (...values) => {
        this.enter(HOST_PID);
        try {
          return /** @type {KernelFunction} */ (call)(...values);
        } finally {
          this.leave(HOST_PID);
        }
      };
    }
    return /** @type {KernelExports} */ (/** @type {unknown} */ (exports));
  }

  /**
   * @override
   * @param {number} size
   * @param {number} [old]
   */
  alloc(size, old) {
    const ptr = super.alloc(size, old);
    // Another thread may have let the memory grow; growing by nothing makes this one notice.
    if (ptr + size > this.u8().length) this.memory.grow(0);
    return ptr;
  }

  /**
   * @override
   * @param {string} which
   * @param {number[]} values
   */
  take(which, ...values) {
    return this.together(() => super.take(which, ...values));
  }

  /** A C stack for a further instance over this memory, and above it the thread's word. */
  newStack() {
    const top = (this.alloc(STACK_SIZE + 16) + STACK_SIZE) & ~15;
    new Int32Array(this.memory.buffer)[top >> 2] = 0;
    return top;
  }
}

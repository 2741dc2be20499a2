/**
 * Running a guest on the direct tier: gate, guest and bridge are instantiated, the bridge is placed in
 * the kernel's table, and the guest's entry is called (docs/kernel-abi.md has the drawing).
 *
 * Invariants: whatever way a guest ends (return, proc_exit, trap, kill, failure to start), its kernel
 * process is ended and reaped and its table slots are free again when `run` settles; a parked process
 * waits for `wake`, its deadline or a kill and never spins.
 */

import { compileBytes } from "./assets.js";
import { copyFunctions, hasMultiMemory } from "./bridge.js";
import { NidusError, signalName, signalNumber } from "./errors.js";
import { NEVER } from "./kernel.js";

/** The exit code of a program that trapped: 128 + SIGABRT, as other runtimes answer. */
export const TRAP_CODE = 134;
/** The exit code of a program whose fuel was used up: 128 + SIGXCPU. */
export const LIMIT_CODE = 152;
/** The longest a timer can be set for; a longer wait is renewed. */
const LONGEST_TIMER = 2 ** 31 - 1;

const BRIDGE = { sharedKernel: 2, hostCopy: 8 };
const WAIT = { clock: 1, flush: 8 };
const PREVIEW1 = "wasi_snapshot_preview1";

/**
 * How a process ended: `code` is what it exited with, null when a signal ended it; `trap` says why it
 * was stopped, then `code` is 134.
 * @typedef {object} ExitStatus
 * @property {number | null} code
 * @property {string | null} signal such as `SIGKILL`
 * @property {{message: string, stack: string} | null} trap
 * @property {"fuel"} [limit] the limit that stopped it; then `code` is 152
 */

/**
 * @typedef {object} RunnerOptions
 * @property {boolean} [jspi] wait through JSPI; left out: where the host has it
 * @property {(pid: number, kinds: number, deadline: bigint) => void} [waitSync] how to wait without
 *   JSPI: returns when the process should look again, or throws `Killed`; the deadline is in monotonic
 *   nanoseconds
 * @property {() => Promise<void>} [flush] makes what processes wrote permanent
 * @property {boolean} [multiMemory] left out: where the host has it
 * @property {import("./interp.js").Interpretation["engine"]} [engine] engine.wasm, for the interp tier
 */

/** Thrown by `waitSync` to end the process that waits. */
export class Killed {
  /** @param {string} signal */
  constructor(signal) {
    this.signal = signal;
  }
}

/** Thrown through a guest that has ended; it carries nothing. */
const ENDED = Object.freeze({ ended: true });

const jspi =
  /** @type {{
   *   Suspending?: new (f: Function) => WebAssembly.ImportValue,
   *   promising?: (f: Function) => () => Promise<void> }} */ (
    /** @type {unknown} */ (WebAssembly)
  );

/** The host can suspend a guest while it waits (JavaScript Promise Integration). */
export function hasJSPI() {
  return typeof jspi.Suspending === "function" && typeof jspi.promising === "function";
}

/** @typedef {{reject: (thrown: unknown) => void, resolve: () => void}} Parked */

/**
 * What serves a process, and may serve another one after it.
 * @typedef {object} Guest
 * @property {WebAssembly.Global} pid
 * @property {WebAssembly.Instance} instance
 * @property {number[]} slots the bridge's places in the kernel's table
 * @property {Image | null} image
 */

/**
 * The state of an instance before it ran; `restore` answers whether it could be put back. One that
 * `isLarge` is not worth its memory while it is idle.
 * @typedef {{restore: () => boolean, readonly isLarge?: boolean}} Image
 * @typedef {(instance: WebAssembly.Instance) => Image | null} Capture
 */

/** @typedef {WebAssembly.Module | import("./interpreted.js").Interpreted} Guestable a program, on one tier or the other */

/** Runs guests over one kernel instance. */
export class Runner {
  /** @type {WeakMap<WebAssembly.Module, {capture: Capture, idle: Guest | null}>} */
  #recycled = new WeakMap();
  /** @type {Promise<WebAssembly.Module> | null} */
  #gate = null;
  /** @type {Map<number, Promise<WebAssembly.Module>>} by flags */
  #bridges = new Map();
  /** @type {Map<number, Parked>} by pid */
  #parked = new Map();
  #multiMemory;
  #waitSync;
  #flush;
  #engine;

  /**
   * @param {import("./kernel.js").Kernel} kernel
   * @param {RunnerOptions} options
   */
  constructor(kernel, options) {
    this.kernel = kernel;
    /** Processes can wait without holding up the thread. */
    this.patient = options.jspi ?? hasJSPI();
    this.#multiMemory = options.multiMemory ?? hasMultiMemory();
    this.#waitSync = options.waitSync;
    this.#flush = options.flush;
    this.#engine = options.engine;
  }

  /**
   * Lets instances of a module serve one process after the other. `capture` is called with each fresh
   * instance before it runs, and answers how to make it fresh again, or null when it cannot be. One
   * idle instance is kept; one whose run trapped or was killed is dropped.
   * @param {WebAssembly.Module} module
   * @param {Capture} capture
   */
  recycle(module, capture) {
    this.#recycled.set(module, { capture, idle: null });
  }

  /**
   * Runs a program as process `pid` to its end.
   * @param {number} pid
   * @param {Guestable} program
   * @param {string} name for messages
   * @returns {Promise<ExitStatus>}
   */
  async run(pid, program, name) {
    return program instanceof WebAssembly.Module
      ? this.#runDirect(pid, program, name)
      : this.#runInterpreted(pid, program, name);
  }

  /**
   * Throws if it is no module for the engine.
   * @param {import("./interpreted.js").Interpreted} program
   * @param {string} name for messages
   */
  async loadInterpreted(program, name) {
    const { load } = await import("./interp.js");
    await load(program, this.#engine, name);
  }

  /**
   * @param {number} pid
   * @param {import("./interpreted.js").Interpreted} program
   * @param {string} name
   * @returns {Promise<ExitStatus>}
   */
  async #runInterpreted(pid, program, name) {
    const { kernel } = this;
    /** @type {number[]} */
    const slots = [];
    /** @type {unknown} */
    let thrown = null;
    let failed = false;
    /** @type {"fuel" | undefined} */
    let limit;
    try {
      const { interpret } = await import("./interp.js");
      limit = await interpret({
        kernel,
        pid,
        program,
        name,
        engine: this.#engine,
        park: (process) => this.#parkAsync(process),
        ended: ENDED,
        inspect: inspectShape,
        bridge: async (host) =>
          (await WebAssembly.instantiate(await this.#bridgeModule(BRIDGE.hostCopy), { host }))
            .exports,
        bind: (read, write) => {
          slots.push(kernel.place(read), kernel.place(write));
          const [readAt = 0, writeAt = 0] = slots;
          kernel.check(kernel.exports.nidus_process_memory(pid, readAt, writeAt), "spawn");
        },
      });
    } catch (error) {
      thrown = error;
      failed = true;
    }
    const code = kernel.exports.nidus_process_exit_code(pid);
    this.retire(pid, 0);
    for (const slot of slots) kernel.unplace(slot);
    if (limit !== undefined) return { code: LIMIT_CODE, signal: null, trap: null, limit };
    return judge(code, failed, thrown);
  }

  /**
   * @param {number} pid
   * @param {WebAssembly.Module} module
   * @param {string} name
   * @returns {Promise<ExitStatus>}
   */
  async #runDirect(pid, module, name) {
    const { exports } = this.kernel;
    /** @type {Guest | null} */
    let guest = null;
    /** @type {unknown} */
    let thrown = null;
    let failed = true;
    try {
      const entry = inspect(module, name);
      guest = this.#takeIdle(module, pid) ?? (await this.#instantiate(module, pid));
      await this.#call(pid, guest, entry);
      failed = false;
    } catch (error) {
      thrown = error;
    }
    const code = exports.nidus_process_exit_code(pid);
    this.retire(pid, 0);
    const status = judge(code, failed, thrown);
    if (guest !== null) this.#giveBack(module, guest, status);
    return status;
  }

  /**
   * Ends a kernel process, if it has not ended, and forgets it.
   * @param {number} pid
   * @param {number} code
   */
  retire(pid, code) {
    this.kernel.exports.nidus_process_end(pid, code);
    this.kernel.check(this.kernel.exports.nidus_process_reap(pid), "reap");
  }

  /**
   * Ends a process that is parked or has not begun; one that computes in this thread cannot be
   * reached. Answers whether it was parked.
   * @param {number} pid
   * @param {string} signal
   */
  kill(pid, signal) {
    this.kernel.exports.nidus_process_end(pid, 256 + signalNumber(signal));
    this.#parked.get(pid)?.reject(ENDED);
    return this.#parked.has(pid);
  }

  /** Something changed that parked processes may wait for: each looks again. */
  wake() {
    for (const parked of this.#parked.values()) parked.resolve();
  }

  /**
   * @param {WebAssembly.Module} module
   * @param {number} pid
   * @returns {Guest | null}
   */
  #takeIdle(module, pid) {
    const recycled = this.#recycled.get(module);
    const guest = recycled?.idle ?? null;
    if (recycled === undefined || guest === null) return null;
    recycled.idle = null;
    if (guest.image !== null && guest.image.restore()) {
      guest.pid.value = pid;
      return guest;
    }
    this.#drop(guest);
    return null;
  }

  /**
   * @param {WebAssembly.Module} module
   * @param {Guest} guest
   * @param {ExitStatus} status
   */
  #giveBack(module, guest, status) {
    const recycled = this.#recycled.get(module);
    const ended = status.trap === null && status.signal === null;
    if (recycled?.idle === null && ended && guest.image !== null && !guest.image.isLarge) {
      recycled.idle = guest;
    } else {
      this.#drop(guest);
    }
  }

  /** @param {Guest} guest */
  #drop({ slots }) {
    for (const slot of slots) this.kernel.unplace(slot);
  }

  /**
   * @param {WebAssembly.Module} module
   * @param {number} number of the process
   * @returns {Promise<Guest>}
   */
  async #instantiate(module, number) {
    const { kernel } = this;
    // Mutable, so that the instances can serve another process later.
    const pid = new WebAssembly.Global({ value: "i32", mutable: true }, number);
    // proc_raise of a signal that is ignored does not end it.
    const exit = (/** @type {number} */ process) => {
      if (kernel.exports.nidus_process_exit_code(process) >= 0) throw ENDED;
    };
    const gate = new WebAssembly.Instance(await this.#gateModule(), {
      process: { pid },
      kernel: kernel.raw,
      host: { park: this.#park(), exit },
    });
    const instance = await instantiate(module, { [PREVIEW1]: gate.exports });
    const memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    const flags =
      (kernel.shared ? BRIDGE.sharedKernel : 0) | (this.#multiMemory ? 0 : BRIDGE.hostCopy);
    const bridge = new WebAssembly.Instance(await this.#bridgeModule(flags), {
      kernel: { memory: kernel.memory },
      guest: { memory },
      host: this.#multiMemory
        ? {}
        : copyFunctions(kernel.memory, () => new Uint8Array(memory.buffer), kernel.shared),
    });
    const { read, write } = bridge.exports;
    const slots = [kernel.place(read), kernel.place(write)];
    const image = this.#recycled.get(module)?.capture(instance) ?? null;
    return { pid, instance, slots, image };
  }

  /**
   * Binds a guest to its process and calls it.
   * @param {number} pid
   * @param {Guest} guest
   * @param {string} entry
   */
  async #call(pid, { instance, slots }, entry) {
    const { exports } = this.kernel;
    // A kill may have come while the instances were made.
    if (exports.nidus_process_exit_code(pid) >= 0) throw ENDED;
    const [read = 0, write = 0] = slots;
    this.kernel.check(exports.nidus_process_memory(pid, read, write), "spawn");
    const start = /** @type {() => void} */ (instance.exports[entry]);
    if (this.patient && jspi.promising !== undefined) await jspi.promising(start)();
    else start();
  }

  #gateModule() {
    return (this.#gate ??= compileBytes(this.kernel.generated("nidus_gate"), "the gate"));
  }

  /** @param {number} flags */
  #bridgeModule(flags) {
    let module = this.#bridges.get(flags);
    if (module === undefined) {
      module = compileBytes(this.kernel.generated("nidus_bridge", flags), "the bridge");
      this.#bridges.set(flags, module);
    }
    return module;
  }

  /** The gate's import: returns when the process should try its call again, or throws. */
  #park() {
    if (this.patient && jspi.Suspending !== undefined) {
      return new jspi.Suspending((/** @type {number} */ pid) => this.#parkAsync(pid));
    }
    return (/** @type {number} */ pid) => {
      const { kinds, deadline } = this.#waitsFor(pid);
      if (this.#waitSync !== undefined) return this.#waitSync(pid, kinds, deadline);
      throw new NidusError(
        "ENOTSUP",
        "ENOTSUP: the program waits for input, output or a clock, and this host cannot hold it " +
          "(no JSPI, no shared memory): give it all its input at the start, or use a newer browser " +
          "or Node 26.",
      );
    };
  }

  /** @param {number} pid */
  #waitsFor(pid) {
    const { exports } = this.kernel;
    return { kinds: exports.nidus_wait_kinds(pid), deadline: exports.nidus_wait_deadline(pid) };
  }

  /** @param {number} pid */
  async #parkAsync(pid) {
    const { kinds, deadline } = this.#waitsFor(pid);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    try {
      await new Promise((resolve, reject) => {
        const go = () => resolve(undefined);
        this.#parked.set(pid, { resolve: go, reject });
        if (kinds & WAIT.clock && deadline !== NEVER) {
          const left = Number(deadline) / 1e6 - performance.now();
          timer = setTimeout(go, Math.min(Math.max(Math.ceil(left), 0), LONGEST_TIMER));
        }
        if (kinds & WAIT.flush) (this.#flush?.() ?? Promise.resolve()).then(go, go);
      });
    } finally {
      clearTimeout(timer);
      this.#parked.delete(pid);
    }
  }
}

/**
 * @param {number} code the kernel's
 * @param {boolean} failed the guest threw
 * @param {unknown} thrown
 * @returns {ExitStatus}
 */
function judge(code, failed, thrown) {
  if (thrown instanceof Killed) return killed(thrown.signal);
  if (code >= 256) return killed(signalName(code - 256));
  if (code >= 0) return { code, signal: null, trap: null };
  if (!failed) return { code: 0, signal: null, trap: null };
  return { code: TRAP_CODE, signal: null, trap: describeTrap(thrown) };
}

/** @param {string} signal */
function killed(signal) {
  return { code: null, signal, trap: null };
}

/** @param {unknown} thrown */
function describeTrap(thrown) {
  if (!(thrown instanceof Error)) {
    return { message: `the program threw ${String(thrown)}`, stack: "" };
  }
  const frames = (thrown.stack ?? "").split("\n").filter((line) => line.includes("wasm"));
  return { message: thrown.message, stack: frames.join("\n") };
}

/**
 * In this turn where the host allows it, which spares a process some 100 us; a page's main thread may
 * refuse large modules.
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Imports} imports
 */
function instantiate(module, imports) {
  try {
    return new WebAssembly.Instance(module, imports);
  } catch (error) {
    if (error instanceof RangeError) return WebAssembly.instantiate(module, imports);
    throw error;
  }
}

/** @type {WeakMap<WebAssembly.Module, string>} entry points of modules that passed */
const inspected = new WeakMap();

/**
 * The name of a program's entry point; throws one sentence when the program cannot run here.
 * @param {WebAssembly.Module} module
 * @param {string} name
 */
export function inspect(module, name) {
  const known = inspected.get(module);
  if (known !== undefined) return known;
  const { imports, exports } = WebAssembly.Module;
  const entry = inspectShape(imports(module), exports(module), name);
  inspected.set(module, entry);
  return entry;
}

/**
 * The same for what a module imports and exports, whoever read it.
 * @param {{module: string, name: string, kind: string}[]} imports
 * @param {{name: string, kind: string}[]} exported
 * @param {string} name
 */
function inspectShape(imports, exported, name) {
  /** @param {string} sentence */
  const refuse = (sentence) => new NidusError("ENOEXEC", `${name} ${sentence}`);
  for (const { module: from, name: what, kind } of imports) {
    if (kind === "memory") {
      throw refuse(
        `imports its memory (${from}.${what}), as programs with threads do, which Nidus does not ` +
          `run yet; build it without -pthread and --import-memory`,
      );
    }
    if (from === "wasi_unstable") {
      throw refuse("was built for wasi_unstable of 2019; rebuild it with a current wasi-sdk");
    }
    if (from !== PREVIEW1 || kind !== "function" || !SYSTEM_CALLS.has(what)) {
      throw refuse(
        `imports ${from}.${what} (${kind}), which Nidus does not provide; build it for wasm32-wasi`,
      );
    }
  }
  const exports = new Map(exported.map((e) => [e.name, e.kind]));
  if (exports.get("memory") !== "memory") {
    throw refuse(`exports no memory called "memory", so it can make no system call; export it`);
  }
  const entry = ["_start", "_initialize"].find((each) => exports.get(each) === "function");
  if (entry === undefined) {
    throw refuse(`exports neither _start nor _initialize: it is a library; link it as a program`);
  }
  return entry;
}

/** The functions of wasi_snapshot_preview1. */
const SYSTEM_CALLS = new Set(
  (
    "args_get args_sizes_get environ_get environ_sizes_get clock_res_get clock_time_get fd_advise " +
    "fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights " +
    "fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread fd_prestat_get " +
    "fd_prestat_dir_name fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync fd_tell fd_write " +
    "path_create_directory path_filestat_get path_filestat_set_times path_link path_open " +
    "path_readlink path_remove_directory path_rename path_symlink path_unlink_file poll_oneoff " +
    "proc_exit proc_raise sched_yield random_get sock_accept sock_recv sock_send sock_shutdown"
  ).split(" "),
);

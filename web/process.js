/**
 * Running a guest as a process of the kernel, on either tier: what executes it is made, the bridge to its
 * memory is placed in the kernel's table, and it runs to its end (docs/kernel-abi.md has the drawing).
 *
 * Invariants: whatever way a guest ends (return, proc_exit, trap, kill, failure to start), its kernel
 * process is ended and reaped and its table slots are free again when `run` settles; a parked process
 * waits for `wake`, its deadline or a kill and never spins. How the process was made does not matter: who
 * has a kernel over its memory, its number and the program can run it.
 */

import { copyFunctions, hasMultiMemory } from "./bridge.js";
import { signalName } from "./errors.js";

/** The exit code of a program that trapped: 128 + SIGABRT, as other runtimes answer. */
const TRAP_CODE = 134;
/** The exit code of a program that a limit ended: 128 + SIGXCPU. */
const LIMIT_CODE = 152;
/** The kernel's code for a process that a signal ended is this and the signal. */
const SIGNALLED = 256;
/** From here on, for one that a limit ended: this and the limit's place among those, so 513 for fuel (interp.js). */
const LIMITED = 512;
const ENDING = /** @type {const} */ (["output", "fuel", "time"]);

/** Flags of the bridge, and what a process waits for (docs/kernel-abi.md). */
const SHARED_GUEST = 1;
const SHARED_KERNEL = 2;
const HOST_COPY = 8;
const CLOCK = 1;
const FLUSH = 8;
const CHUNK = 16;
/** Of a timer, in milliseconds. */
const LONGEST = 0x7fff_ffff;
/** The signal of what trapped, for the process that waits for it. */
const ABORTED = SIGNALLED + 6;

/**
 * How a process ended: `code` is what it exited with, null when a signal ended it; `trap` says why it
 * was stopped, then `code` is 134.
 * @typedef {object} ExitStatus
 * @property {number | null} code
 * @property {string | null} signal such as `SIGKILL`
 * @property {{message: string, stack: string} | null} trap
 * @property {"fuel" | "time" | "output"} [limit] the limit that stopped it; then `code` is 152
 */

/**
 * What a process may use at most. With `fuel`, `memory`, `time` or `seed` it runs on the interpreter.
 * @typedef {object} Limits
 * @property {number | bigint} [fuel] instructions, about; then it is stopped
 * @property {number} [time] seconds from its start, waiting included; then it is stopped
 * @property {number} [output] bytes that go to its streams; then it is stopped
 * @property {number} [memory] bytes; beyond them `memory.grow` fails, so `malloc` answers NULL
 * @property {number} [fileSize] bytes of a file that it makes longer; beyond them is `EFBIG`
 * @property {number} [descriptors] how many may be open; beyond them is `EMFILE`
 * @property {number} [processes] how many there may be of it and all that descend from it; beyond them is `EAGAIN`.
 *   These have the same limits, each for itself
 * @property {number} [threads] how many it may have beside its first one; beyond them is `EAGAIN`. Left out: 64
 * @property {number} [seed] no limit: decides how threads take turns on the interpreter, the same way each time. Left out: 0
 */

/**
 * @typedef {object} RunnerOptions
 * @property {boolean} [jspi] false: do not wait through JSPI even where the host has it
 * @property {(pid: number, kinds: number, deadline: bigint) => number | void} [waitSync] how to wait
 *   without JSPI: returns when the process should look again, with the number of a signal if one is to end it;
 *   the deadline is in monotonic nanoseconds
 * @property {() => Promise<void>} flush makes what processes wrote permanent
 * @property {() => Promise<unknown> | null} [settle] resolves when contents of files have come
 * @property {() => void} [prepared] a program has spawned others, which wait to be run
 * @property {boolean} [multiMemory] left out: where the host has it
 * @property {(change: number) => void} [deaf] begins (1) and ends (-1) to run a program that nothing interrupts while it computes
 * @property {(pid: number) => void} [park] waits, instead of `waitSync`, in a thread that runs this process alone
 * @property {(pid: number) => boolean} [hasEnded] whether that process has ended
 */

/** Thrown through a guest that has ended; it carries nothing. */
const ENDED = {};

export const jspi =
  /** @type {{
   *   Suspending: new (f: Function) => WebAssembly.ImportValue,
   *   promising: (f: Function) => () => Promise<undefined> }} */ (
    /** @type {unknown} */ (WebAssembly)
  );

/** The host can suspend a guest while it waits (JavaScript Promise Integration). */
export function hasJSPI() {
  return "Suspending" in WebAssembly;
}

/**
 * What serves a process; on the direct tier it may serve another one after it.
 * @typedef {object} Guest
 * @property {number[]} slots the bridge's places in the kernel's table
 * @property {() => Promise<undefined> | undefined} start runs it to its end
 * @property {Image | null} [image]
 * @property {WebAssembly.Global} [pid] whom it serves, on the direct tier
 */

/**
 * The state of an instance before it ran; `restore` answers whether it was put back, which one that became too
 * large is not worth.
 * @typedef {{restore: () => boolean}} Image
 * @typedef {(instance: WebAssembly.Instance) => Image | null} Capture
 * @typedef {{capture: Capture, idle?: Guest}} Recycled
 */

/**
 * A program that can run here: compiled by the host, or to be served by an engine.
 * @typedef {Awaited<ReturnType<typeof import("./interp.js").load>>} Loaded
 * @typedef {(how: import("./interp.js").Interpretation) => Promise<ReturnType<Loaded["serve"]>>} Serve
 * @typedef {{module: WebAssembly.Module, serve?: undefined, entry: string, shared?: import("./guest-threads.js").Shared}} Compiled
 *   `shared`: it may have threads
 * @typedef {{module?: undefined, serve: Serve}} Interpreted
 * @typedef {Compiled | Interpreted} Guestable
 */

/**
 * Whether this was thrown through a guest because it has ended.
 * @param {unknown} thrown
 */
export function isEnd(thrown) {
  return thrown === ENDED;
}

/** Runs guests over one kernel instance. */
export class Runner {
  #kernel;
  #options;
  #multiMemory;
  #suspends;
  /** @type {WeakMap<WebAssembly.Module, Recycled>} */
  #recycled = new WeakMap();
  /** Changes of pipes that parked processes have seen. */
  #events = 0;
  /** @type {Record<string, WebAssembly.Module>} what the kernel generates */
  #modules = {};
  /** @type {Set<{resolve: () => void, words?: number}>} `words`: of the process, where threads share the kernel */
  #parked = new Set();
  /**
   * Where programs on the direct tier run in threads of their own (threads.js).
   * @type {import("./threads.js").SystemThreads | null}
   */
  threads = null;
  /**
   * Where they share this one, once there is a program.
   * @type {import("./turns.js").RunnerTurns | null}
   */
  turns = null;

  /**
   * @param {import("./kernel.js").Kernel} kernel
   * @param {RunnerOptions} options
   */
  constructor(kernel, options) {
    this.#kernel = kernel;
    this.#options = options;
    this.#multiMemory = options.multiMemory ?? hasMultiMemory();
    this.#suspends = options.jspi !== false && hasJSPI();
  }

  /** Processes can wait without holding up the thread. */
  get patient() {
    return this.#suspends || this.threads !== null;
  }

  /** Programs share this thread, and can be suspended in it whatever they do. */
  get shares() {
    return this.#suspends && !this.threads;
  }

  /**
   * Lets instances of a module serve one process after the other. `capture` is called with each fresh
   * instance before it runs, and answers how to make it fresh again, or null when it cannot be. One
   * idle instance is kept; one whose run trapped or was killed is dropped.
   * @param {WebAssembly.Module} module
   * @param {Capture} capture
   */
  recycle(module, capture) {
    this.#recycled.set(module, { capture });
  }

  /**
   * Runs a program as process `pid` to its end.
   * @param {number} pid
   * @param {Guestable} program
   * @param {(trap: NonNullable<ExitStatus["trap"]>) => void} [tell] is told why it trapped, while its output is open
   * @returns {Promise<ExitStatus>}
   */
  async run(pid, program, tell) {
    const failure =
      this.threads && program.module
        ? await this.threads.run(pid, program, this.#recycled.has(program.module))
        : await this.execute(pid, program);
    return this.finish(pid, failure, tell, program.module);
  }

  /**
   * Executes a program in this thread, and answers what was thrown through it.
   * @param {number} pid
   * @param {Guestable} program
   * @param {import("./process-thread.js").Executed} [thread] which of its threads this one is; left out: it has one
   * @returns {Promise<{thrown: unknown} | undefined>}
   */
  async execute(pid, program, thread) {
    const { exports } = this.#kernel;
    const { module } = program;
    const recycled = module && this.#recycled.get(module);
    const deaf = module && !this.turns?.takes(module, recycled);
    let guest = recycled?.idle;
    /** @type {{thrown: unknown} | undefined} */
    let failure;
    if (deaf) this.#options.deaf?.(1);
    try {
      if (recycled && guest) {
        recycled.idle = undefined;
        /** @type {WebAssembly.Global} */ (guest.pid).value = pid;
      } else {
        guest = await (module
          ? this.#instantiate(pid, program, recycled, thread)
          : this.#interpret(pid, program));
      }
      // A kill may have come meanwhile.
      const [read, write] = guest.slots;
      const bound = thread?.number
        ? exports.nidus_thread_memory(pid, thread.number, read, write)
        : exports.nidus_process_memory(pid, read, write);
      if (bound < 0) throw ENDED;
      await guest.start();
    } catch (thrown) {
      failure = { thrown };
    }
    if (deaf) this.#options.deaf?.(-1);
    const code = exports.nidus_process_exit_code(pid);
    const { slots = [], image } = guest ?? {};
    // It came to its end by itself.
    const whole = code < 0 ? !failure : code < SIGNALLED;
    if (recycled && !recycled.idle && whole && image?.restore()) recycled.idle = guest;
    // In this order, so that the next one has the same.
    else for (const slot of slots.reverse()) this.#kernel.unplace(slot);
    return failure;
  }

  /**
   * Ends a kernel process, if it has not ended, and forgets it. Answers how it ended.
   * @param {number} pid
   * @param {{thrown: unknown}} [failure]
   * @param {Parameters<Runner["run"]>[2]} [tell]
   * @param {WebAssembly.Module} [module] its program, on the direct tier
   * @returns {ExitStatus}
   */
  finish(pid, failure, tell, module) {
    const { exports } = this.#kernel;
    const trap = failure && !this.hasEnded(pid) ? describeTrap(failure.thrown) : null;
    if (trap) {
      this.turns?.locate(module, trap);
      tell?.(trap);
      exports.nidus_process_end(pid, ABORTED);
    }
    const code = exports.nidus_process_finish(pid);
    this.changed();
    if (trap) return { code: TRAP_CODE, signal: null, trap };
    if (code >= LIMITED) {
      return { code: LIMIT_CODE, signal: null, trap: null, limit: ENDING[code - LIMITED] };
    }
    if (code >= SIGNALLED) return { code: null, signal: signalName(code - SIGNALLED), trap: null };
    return { code: Math.max(code, 0), signal: null, trap };
  }

  /**
   * Sends a signal to a process that is parked or has not begun; one that computes in this thread sees it at its next turn.
   * @param {number} pid
   * @param {number} signal
   */
  kill(pid, signal) {
    this.#kernel.exports.nidus_process_signal(pid, signal);
    this.changed();
  }

  /** @param {number} pid */
  hasEnded(pid) {
    return this.#kernel.exports.nidus_process_exit_code(pid) >= 0;
  }

  /**
   * Calls when something has changed, as for who is parked; answers what ends that.
   * @param {() => void} resolve
   */
  watch(resolve) {
    const watcher = { resolve };
    this.#parked.add(watcher);
    return () => void this.#parked.delete(watcher);
  }

  /** Lets parked processes look again if a pipe has changed. */
  changed() {
    const events = this.#kernel.exports.nidus_events();
    if (events === this.#events) return;
    this.#events = events;
    if (this.#kernel.exports.nidus_prepared() > 0) this.#options.prepared?.();
    this.wake();
  }

  /** Something changed that parked processes may wait for: each looks again. */
  wake() {
    for (const { resolve } of this.#parked) resolve();
    if (this.threads) this.#kernel.exports.nidus_wake();
  }

  /** Another thread has changed something: those that the kernel woke, and who watches, look again. */
  ring() {
    if (this.#kernel.exports.nidus_prepared() > 0) this.#options.prepared?.();
    const words = new Int32Array(this.#kernel.memory.buffer);
    for (const { resolve, words: at } of this.#parked) {
      if (!at || !Atomics.load(words, at >> 2)) resolve();
    }
  }

  /** Before a command looks for what it may then wait for: another thread that changes anything says so. */
  listen() {
    if (this.threads) this.#kernel.exports.nidus_listen();
  }

  /**
   * @param {number} number of the process
   * @param {Compiled} program
   * @param {Recycled} [recycled]
   * @param {import("./process-thread.js").Executed} [thread]
   * @returns {Promise<Guest>}
   */
  async #instantiate(number, { module, entry }, recycled, thread) {
    const kernel = this.#kernel;
    // Mutable, so that the instances can serve another process later.
    const pid = new WebAssembly.Global({ value: "i32", mutable: true }, number);
    // proc_raise of a signal that is ignored does not end it.
    const { hasEnded = this.hasEnded.bind(this) } = this.#options;
    const exit = (/** @type {number} */ process) => {
      if (hasEnded(process)) throw ENDED;
    };
    const gate = new WebAssembly.Instance(this.#module("nidus_gate"), {
      process: { pid },
      kernel: thread ? { ...kernel.raw, nidus_enter: thread.enter } : kernel.raw,
      host: { park: this.#gatePark(), exit },
    });
    const instance = await instantiate(module, {
      wasi_snapshot_preview1: gate.exports,
      nidus_process: thread ? { ...gate.exports, thread_exit: thread.imports.exit } : gate.exports,
      ...thread?.imports.modules,
      nidus_tty: gate.exports,
      // Asked for by the modules that import from it, which speak the older snapshot.
      get wasi_unstable() {
        kernel.exports.nidus_process_snapshot0(number, 1);
        return gate.exports;
      },
    });
    this.turns?.join(module, instance.exports, pid, recycled);
    const memory = /** @type {WebAssembly.Memory} */ (thread?.memory ?? instance.exports.memory);
    const bytes = () => {
      // Another thread may have let it grow, which growing it by nothing makes this one notice.
      if (thread) memory.grow(0);
      return new Uint8Array(memory.buffer);
    };
    const image = recycled?.capture(instance);
    const copies = this.#multiMemory
      ? undefined
      : copyFunctions(kernel.memory, bytes, kernel.shared);
    const call = /** @type {() => undefined} */ (
      thread ? thread.call(instance.exports, entry) : instance.exports[entry]
    );
    return {
      slots: this.#bridge({ memory }, copies, thread && SHARED_GUEST),
      start: this.#suspends ? jspi.promising(call) : call,
      image,
      pid,
    };
  }

  /**
   * @param {number} pid
   * @param {Interpreted} program
   * @returns {Promise<Guest>}
   */
  async #interpret(pid, { serve }) {
    const { copies, start } = await serve({
      kernel: this.#kernel,
      pid,
      park: (wait) => this.park(pid, wait),
      changed: () => this.changed(),
      ended: ENDED,
    });
    return { slots: this.#bridge({}, copies), start };
  }

  /**
   * Places functions in the kernel's table that copy between it and a guest: in wasm, or those given.
   * @param {Record<string, WebAssembly.ImportValue>} guest
   * @param {WebAssembly.ModuleImports} [copies]
   * @param {number} [sharing]
   */
  #bridge(guest, copies, sharing = 0) {
    const kernel = this.#kernel;
    const flags = copies ? HOST_COPY : (kernel.shared ? SHARED_KERNEL : 0) | sharing;
    const bridge = new WebAssembly.Instance(this.#module("nidus_bridge", flags), {
      kernel: { memory: kernel.memory },
      guest,
      host: copies ?? {},
    });
    const { read, write } = bridge.exports;
    return [kernel.place(read), kernel.place(write)];
  }

  /**
   * @param {"nidus_gate" | "nidus_bridge"} which
   * @param {number} flags
   */
  #module(which, flags = 0) {
    return (this.#modules[which + flags] ??= new WebAssembly.Module(
      this.#kernel.take(which, flags)[1],
    ));
  }

  /** The gate's import: returns when the process should try its call again, or throws. */
  #gatePark() {
    const { exports } = this.#kernel;
    const { park, hasEnded } = this.#options;
    if (park) {
      return (/** @type {number} */ pid) => {
        park(pid);
        if (hasEnded?.(pid)) throw ENDED;
      };
    }
    const waitSync =
      this.#options.waitSync ?? (() => void this.#kernel.ask("nidus_program_unheld", []));
    return this.#suspends
      ? new jspi.Suspending((/** @type {number} */ pid) => this.park(pid))
      : (/** @type {number} */ pid) => {
          const kinds = exports.nidus_wait_kinds(pid);
          const signal = waitSync(pid, kinds, exports.nidus_wait_deadline(pid));
          if (signal) this.kill(pid, signal);
          if (this.hasEnded(pid)) throw ENDED;
        };
  }

  /**
   * Resolves when the process should look again at what it waits for; rejects once it has been killed.
   * @param {number} pid
   * @param {import("./interp.js").Wait} [wait] what all of its threads wait for; left out: it has one
   */
  async park(pid, wait) {
    const { exports } = this.#kernel;
    const kinds = wait?.kinds ?? exports.nidus_wait_kinds(pid);
    const time = wait?.time ?? exports.nidus_wait_time(pid);
    // Of a command no call blocks, and it has to be told of any change; so do several threads together.
    const words = this.threads && kinds && !wait?.many ? exports.nidus_process_words(pid) : 0;
    this.changed();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    /** @type {any} */
    let parked;
    try {
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          this.#parked.add((parked = { resolve, words }));
          if (!words) this.listen();
          // Another thread may have changed meanwhile what it waits for.
          if (words && !Atomics.load(new Int32Array(this.#kernel.memory.buffer), words >> 2)) {
            resolve();
          }
          if (wait?.many && wait.events !== exports.nidus_events()) resolve();
          if (kinds & CLOCK || wait) timer = setTimeout(resolve, Math.min(time, LONGEST));
          if (kinds & FLUSH) this.#options.flush().then(resolve, () => resolve());
          if (kinds & CHUNK) (this.#options.settle?.() ?? Promise.resolve()).then(() => resolve());
        })
      );
    } finally {
      clearTimeout(timer);
      this.#parked.delete(parked);
    }
    if (this.hasEnded(pid)) throw ENDED;
  }
}

/**
 * Why a guest trapped.
 * @param {unknown} thrown
 */
export function describeTrap(thrown) {
  const {
    name,
    message = `the program threw ${String(thrown)}`,
    stack = "",
  } = thrown instanceof Error ? thrown : {};
  // The message is no frame, though it may name a file of wasm.
  const frames = stack.replace(`${name}: ${message}`, "");
  return { message, stack: (frames.match(/.*wasm.*/g) ?? []).join("\n") };
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

/**
 * The interp tier: a guest on the engine's interpreter, as a process of the kernel.
 *
 * The guest runs in slices and returns to the event loop between them, so the thread stays responsive,
 * a kill is seen within a slice, and a call that would block simply is not resumed until it can go on:
 * no special host is needed for any of it. Each process has an engine of its own, whose memory goes when
 * the process does. What the engine does for it is core/wasm/guest.h.
 *
 * Threads of the guest's (wasi-threads) are the engine's, which lets them take turns; the kernel is told whose call
 * comes. One that waits for the kernel asks again in each slice, so the process parks only when none can go on.
 *
 * Invariant: the kernel is never entered while the guest's slice is suspended in it; a system call is
 * made, answers or would block, and is made again with the same arguments.
 */

import { compileAsset } from "./assets.js";
import { copyFunctions } from "./bridge.js";
import { instantiateEngine, turn } from "./engine-wasm.js";
import { NidusError } from "./errors.js";
import { MOST_THREADS } from "./limits.js";

/** Answers of `engine_guest_resume`; all others mean that it trapped. */
const READY = 1;
const DONE = 2;
const BLOCKED = 4;
const NO_FUEL = 5;
/** For the kernel, of a process whose fuel is used up (process.js). */
const OUT_OF_FUEL = 513;
/** What a system call answers that has to be made again. */
const WOULD_BLOCK = 0x10000;
/** Programs that have ended and can be run again without being loaded: as many, and of engines with so many bytes at most. */
const IDLE = 16;
const IDLE_BYTES = 1 << 23;

/**
 * @typedef {object} Interpretation
 * @property {import("./kernel.js").Kernel} kernel
 * @property {number} pid
 * @property {(wait: Wait) => Promise<void>} park waits for what the process waits for
 * @property {() => void} changed lets others look again at what the process may have changed
 * @property {unknown} ended what is thrown through a guest that has ended
 */

/**
 * What a process waits for, and for how many milliseconds at most; of several threads: how much had changed
 * before they were asked.
 * @typedef {{kinds: number, time: number, many?: boolean, events?: number}} Wait
 */

/**
 * Where engine.wasm comes from, asked for when the first program is interpreted.
 * @typedef {() => import("./assets.js").ModuleSource | Promise<import("./assets.js").ModuleSource>} EngineSource
 */

/** @typedef {{module: string, name: string, kind: string, params: number[]}} Import `params`: 1 for an i64 */

/** A program that an engine of its own has loaded, and so found valid. */
class Loaded {
  #engine;
  #guest;
  #name;
  #label = 0;
  /** @type {Import[]} */
  imports;
  /** @type {{name: string, kind: string}[]} */
  exports;
  /**
   * What the guest's imported functions do: the index of the import, the address of its arguments, the
   * guest's memory, the thread that calls. All of it lies in the engine's memory.
   * @type {(index: number, slots: number, base: number, size: number, thread: number) => number}
   */
  call = () => 0;

  /**
   * @param {WebAssembly.Module} module engine.wasm
   * @param {Uint8Array} bytes
   * @param {string} name
   * @param {number} [most] bytes that its memory may have
   */
  constructor(module, bytes, name, most) {
    const engine = instantiateEngine(module, {
      guest_call: (index, slots, base, size, thread) =>
        this.call(index, slots >>> 0, base >>> 0, size >>> 0, thread),
    });
    this.#engine = engine;
    this.#name = name;
    const block = engine.engine_alloc(bytes.length) >>> 0;
    this.#guest = engine.engine_guest_new(/** @type {number} */ (most));
    if (!block || !this.#guest) throw this.#refusal("the engine has no memory left for it");
    new Uint8Array(this.buffer).set(bytes, block);
    const answer = engine.engine_guest_load(this.#guest, block, bytes.length, 0);
    ({ imports: this.imports, exports: this.exports } = this.#accepted(answer));
    this.reset(name);
  }

  /**
   * Makes it what it was when it had been loaded, but for what was translated.
   * @param {string} name
   */
  reset(name) {
    const engine = this.#engine;
    const label = new TextEncoder().encode(name);
    engine.engine_release(this.#label);
    this.#name = name;
    this.#label = engine.engine_alloc(label.length + 1) >>> 0;
    if (!this.#label) throw this.#refusal("the engine has no memory left for it");
    new Uint8Array(this.buffer).set(label, this.#label);
    engine.engine_guest_reset(this.#guest, this.#label, label.length);
  }

  get buffer() {
    return this.#engine.memory.buffer;
  }

  /**
   * @param {string} entry
   * @param {bigint} fuel
   * @param {number} threads
   * @param {number} seed
   */
  start(entry, fuel, threads, seed) {
    const index = this.exports.findIndex(({ name }) => name === entry);
    this.#accepted(this.#engine.engine_guest_start(this.#guest, index, fuel, threads, seed));
  }

  resume() {
    return this.#engine.engine_guest_resume(this.#guest, performance.now());
  }

  /** How many milliseconds may pass until a thread's wait for another one is over. */
  patience() {
    return this.#engine.engine_guest_deadline(this.#guest) - performance.now();
  }

  /** Why it trapped, with the guest's frames where a host's own would stand. */
  trap() {
    const answer = this.#answer(this.#engine.engine_guest_trap(this.#guest));
    return Object.assign(new WebAssembly.RuntimeError(), answer);
  }

  /** @param {number} at of a text in JSON */
  #answer(at) {
    const memory = new Uint8Array(this.buffer);
    // A copy, for the memory may be larger than TextDecoder takes.
    const text = memory.slice(at >>> 0, memory.indexOf(0, at >>> 0));
    return JSON.parse(new TextDecoder().decode(text));
  }

  /** @param {number} at */
  #accepted(at) {
    const answer = this.#answer(at);
    if (answer.message) throw this.#refusal(answer.message);
    return answer;
  }

  /** @param {string} why */
  #refusal(why) {
    return new NidusError("ENOEXEC", `${this.#name} cannot be run by the interpreter: ${why}`);
  }
}

/** @type {Promise<WebAssembly.Module> | null} */
let compiledEngine = null;

/**
 * A program, valid and ready to be interpreted; throws what is wrong with it.
 * @param {() => Promise<Uint8Array>} bytes
 * @param {EngineSource | undefined} source
 * @param {string} name for messages
 * @param {import("./process.js").Limits} limits
 * @param {Map<string, Loaded>} idle what has ended and may be run again
 * @param {string} file the key of the file's contents; without one it is not kept
 */
export async function load(bytes, source, name, limits, idle, file) {
  const { fuel = -1, memory, time = Infinity, threads = MOST_THREADS, seed = 0 } = limits;
  compiledEngine ??= compileAsset(
    source?.() ?? new URL("./engine.wasm", import.meta.url),
    "engine.wasm",
  );
  compiledEngine.catch(() => (compiledEngine = null));
  const key = `${file} ${memory}`;
  const kept = idle.get(key);
  idle.delete(key);
  kept?.reset(name);
  const guest = kept ?? new Loaded(await compiledEngine, await bytes(), name, memory);
  return {
    imports: guest.imports,
    exports: guest.exports,
    /**
     * Makes it a process: how the kernel copies from and to its memory, and what runs it to its end.
     * @param {Interpretation} how
     * @param {string} entry the export that is called
     */
    serve(how, entry) {
      /** @type {Map<number, Wait>} */
      const waits = new Map();
      const copies = serve(guest, how, waits);
      const start = async () => {
        // Of a program that has none, no thread but 0 calls.
        if (guest.imports.some(({ kind }) => kind === "memory"))
          how.kernel.exports.nidus_process_threads(how.pid, threads);
        guest.start(entry, BigInt(fuel), threads, seed);
        const traps = await run(guest, how, waits, 1000 * time);
        if (file && guest.buffer.byteLength <= IDLE_BYTES) {
          idle.set(key, guest);
          for (const oldest of idle.keys()) if (idle.size > IDLE) idle.delete(oldest);
        }
        if (traps) throw traps;
        return undefined;
      };
      return { copies, start };
    },
  };
}

/**
 * Runs a program that was started to its end; answers what is to be thrown, if it has not returned.
 * @param {Loaded} guest
 * @param {Interpretation} how
 * @param {Map<number, Wait>} waits of threads whose calls would block; the times are moments
 * @param {number} longest milliseconds after which it looks whether it has been ended
 * @returns {Promise<unknown>}
 */
async function run(guest, { kernel, pid, park, changed, ended }, waits, longest) {
  for (;;) {
    const events = kernel.exports.nidus_events();
    const answer = guest.resume();
    if (kernel.exports.nidus_process_exit_code(pid) >= 0) return ended;
    switch (answer) {
      case READY:
        changed();
        await turn();
        break;
      case BLOCKED:
        await park({
          ...joined([...waits.values()], Math.min(guest.patience(), longest)),
          many: waits.size > 1,
          events,
        });
        break;
      case DONE:
        return undefined;
      case NO_FUEL:
        kernel.exports.nidus_process_end(pid, OUT_OF_FUEL);
        break;
      default:
        return guest.trap();
    }
  }
}

/**
 * What all threads together wait for. A moment that has passed meanwhile is no time at all: timers warn of less.
 * @param {Wait[]} waits
 * @param {number} time
 */
function joined(waits, time) {
  const now = performance.now();
  return {
    kinds: waits.reduce((kinds, each) => kinds | each.kinds, 0),
    time: Math.max(0, Math.min(time, ...waits.map((each) => each.time - now))),
  };
}

/**
 * Lets the guest's calls reach the kernel. Answers how the kernel copies from and to the guest's memory.
 * @param {Loaded} guest
 * @param {Interpretation} how
 * @param {Map<number, Wait>} waits
 */
function serve(guest, { kernel, pid }, waits) {
  let [base, size] = [0, 0];
  let words = new Int32Array(0);
  let longs = new BigInt64Array(0);
  const copies = copyFunctions(
    kernel.memory,
    () => new Uint8Array(guest.buffer, base, size),
    kernel.shared,
  );
  const handlers = guest.imports.map(({ module, name }) => {
    // Who imports from it speaks the older snapshot.
    if (module === "wasi_unstable") kernel.exports.nidus_process_snapshot0(pid, 1);
    return kernel.raw[name];
  });
  let current = 0;
  guest.call = (index, slots, at, length, thread) => {
    size = length;
    if (at !== base || words.length === 0) {
      base = at;
      words = new Int32Array(guest.buffer);
      longs = new BigInt64Array(guest.buffer);
      copies.refresh();
    }
    const args = guest.imports[index].params.map((long, i) =>
      long ? longs[slots / 8 + i] : words[slots / 4 + 2 * i],
    );
    kernel.enter(pid);
    let result;
    try {
      // With another number, which for programs with one thread is never.
      const refused = thread === current ? 0 : kernel.raw.nidus_thread(thread);
      if (!refused) current = thread;
      result = refused || /** @type {Function} */ (handlers[index])(...args);
    } finally {
      kernel.leave(pid);
    }
    // To be made again, which it never is: nothing is thrown through the engine, which may serve again.
    if (kernel.exports.nidus_process_exit_code(pid) >= 0) return WOULD_BLOCK;
    if (result === WOULD_BLOCK) {
      const kinds = kernel.exports.nidus_wait_kinds(pid);
      waits.set(thread, { kinds, time: performance.now() + kernel.exports.nidus_wait_time(pid) });
    } else if (waits.size > 0) waits.delete(thread);
    return result;
  };
  return copies;
}

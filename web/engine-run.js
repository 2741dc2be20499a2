/**
 * Runs: executions that can stop and go on. A run is one guest call with a stack of its own, inside
 * the engine's memory; nothing of it is on JavaScript's stack between two slices.
 *
 *            start                 slice used up              returned
 *   (new) ----------> ready <------------------------> ready ----------> done
 *                       |  an import's promise is pending
 *                       |-------------------> blocked (resume asks again)
 *                       |  fuel is used up
 *                       |-------------------> no-fuel (add fuel, resume)
 *                       '-------------------> trapped
 */

import {
  STATUSES,
  TRAP_EXCEPTION,
  TRAP_EXHAUSTED,
  UNLIMITED,
  V128,
  VALUE_SIZE,
  isException,
} from "./engine-abi.js";
import { convert, loadResults, storeValue } from "./engine-values.js";
import { turn } from "./engine-wasm.js";

/** @typedef {import("./engine-core.js").Core} Core */
/** @typedef {(typeof STATUSES)[number]} RunStatus */

/**
 * Fuel of one slice: some milliseconds. V8 never moves a running function of wasm to optimised code, so
 * even a call that nobody wants to interrupt returns and enters the interpreter again this often.
 */
const SLICE = 2_000_000n;

/**
 * @typedef {object} Frame one guest function of a run, innermost first
 * @property {number} instance tells instances apart
 * @property {number} function its index in its module, imports first
 * @property {string} name from the name section, or ""
 * @property {number} offset of the instruction, from the module's first byte
 */

/** @typedef {{promise: PromiseLike<unknown>, state: "pending" | "fulfilled" | "rejected", value: unknown}} Pending */

export class Run {
  #core;
  #pointer;
  #type;
  #block = 0;
  #fuelBefore;

  /**
   * Prepares a call; nothing of the guest runs yet.
   * @param {Core} core
   * @param {number} func
   * @param {unknown[]} args
   */
  constructor(core, func, args) {
    const { abi, references } = core;
    this.#core = core;
    this.#type = core.functionType(func);
    const { params, results } = this.#type;
    if ([...params, ...results].some((type) => type === V128 || isException(type))) {
      throw new TypeError("A v128 or exnref cannot cross between JavaScript and WebAssembly.");
    }
    const values = params.map((type, i) => convert(args[i], type, references));
    this.#pointer = core.takeRun(this);
    // The engine's run may have served another call.
    this.#fuelBefore = abi.exports.engine_run_fuel_used(this.#pointer);
    this.#block = abi.alloc(VALUE_SIZE * Math.max(params.length, results.length));
    const dv = abi.dv();
    values.forEach((value, i) => storeValue(dv, this.#block + i * VALUE_SIZE, value, params[i]));
    const code = abi.exports.engine_run_start(this.#pointer, func, this.#block, params.length);
    if (code !== 0) {
      this.free();
      throw new TypeError("The arguments do not fit the function.");
    }
    /** What an import waits for. @type {Pending | undefined} */
    this.pending = undefined;
    /** What an import threw. @type {{error: unknown} | undefined} */
    this.thrown = undefined;
  }

  /** @returns {RunStatus} */
  get status() {
    return STATUSES[this.#core.abi.exports.engine_run_status(this.#live())];
  }

  /** Units left: about one per instruction of the guest; `UNLIMITED` unless it was set. */
  get fuel() {
    return BigInt.asUintN(64, this.#core.abi.exports.engine_run_fuel(this.#live()));
  }

  set fuel(/** @type {bigint} */ units) {
    this.#core.abi.exports.engine_run_set_fuel(this.#live(), units);
  }

  get fuelUsed() {
    const used = this.#core.abi.exports.engine_run_fuel_used(this.#live());
    return BigInt.asUintN(64, used - this.#fuelBefore);
  }

  /**
   * Goes on for about so much fuel; without an argument, until something else ends it.
   * @param {bigint} [slice]
   * @returns {RunStatus}
   */
  resume(slice = UNLIMITED) {
    return STATUSES[this.#core.abi.exports.engine_run_resume(this.#live(), slice)];
  }

  /**
   * Executes one operation of the engine: one or a few instructions of the guest.
   * @returns {RunStatus}
   */
  step() {
    return STATUSES[this.#core.abi.exports.engine_run_step(this.#live())];
  }

  /**
   * What the function returned, as JavaScript has it; the error it ended with is thrown. For a run that is
   * "done" or "trapped".
   */
  get result() {
    const status = this.status;
    if (status === "trapped") throw this.error;
    if (status !== "done") throw new TypeError(`The run is ${status}: it has no result yet.`);
    const { abi, references } = this.#core;
    abi.exports.engine_run_results(this.#live(), this.#block);
    return loadResults(abi, this.#block, this.#type.results, references);
  }

  /** Why the run trapped; what an import threw is given as it is, and so is an exception of the guest's. */
  get error() {
    if (this.thrown) return this.thrown.error;
    const { abi } = this.#core;
    const trap = abi.exports.engine_run_trap(this.#live(), abi.scratch);
    if (trap === TRAP_EXCEPTION) {
      const reference = abi.exports.engine_run_exception(this.#live());
      this.thrown = { error: this.#core.uncaught(reference) };
      return this.thrown.error;
    }
    const text = abi.cText(abi.dv().getUint32(abi.scratch, true));
    const Kind = trap === TRAP_EXHAUSTED ? RangeError : WebAssembly.RuntimeError;
    return Object.assign(new Kind(text), { trap, frames: this.frames });
  }

  /** The guest's stack, innermost first: the first hundred frames. @returns {Frame[]} */
  get frames() {
    const { abi } = this.#core;
    const count = Math.min(100, abi.exports.engine_run_frame_count(this.#live()));
    /** @type {Frame[]} */
    const frames = [];
    for (let i = 0; i < count; i++) {
      if (abi.exports.engine_run_frame(this.#live(), i, abi.scratch) === 0) break;
      const [instance, index, offset] = [0, 4, 8].map((at) =>
        abi.dv().getUint32(abi.scratch + at, true),
      );
      frames.push({ instance, function: index, offset, name: abi.name(abi.scratch + 12) });
    }
    return frames;
  }

  /** Settled when what the import waits for has come; at once when the run is not blocked. */
  async unblocked() {
    try {
      await this.pending?.promise;
    } catch {
      // The import's caller, which is the guest, sees it at the next resume.
    }
  }

  /**
   * Runs to the end in slices, letting others have the thread in between.
   * @param {{slice?: bigint, signal?: AbortSignal}} [options]
   * @returns {Promise<unknown>} the result
   */
  async finish({ slice = SLICE, signal } = {}) {
    for (;;) {
      signal?.throwIfAborted();
      switch (this.resume(slice)) {
        case "blocked":
          await raceAbort(this.unblocked(), signal);
          break;
        case "ready":
          await turn();
          break;
        case "no-fuel":
          throw this.noFuel();
        default:
          return this.result;
      }
    }
  }

  /** Runs to the end now, in slices for the sake of speed. */
  finishSync() {
    for (;;) {
      switch (this.resume(SLICE)) {
        case "ready":
          break;
        case "blocked":
          throw new WebAssembly.RuntimeError(
            "An import waits for a promise, so its caller must be called through engine.promising.",
          );
        case "no-fuel":
          throw this.noFuel();
        default:
          return this.result;
      }
    }
  }

  noFuel() {
    const error = new WebAssembly.RuntimeError("The fuel is used up.");
    return Object.assign(error, { frames: this.frames });
  }

  /** Drops the run, finished or not. */
  free() {
    if (this.#pointer === 0) return;
    this.#core.giveRun(this.#pointer);
    this.#core.abi.exports.engine_release(this.#block);
    this.#pointer = 0;
  }

  #live() {
    if (this.#pointer === 0) throw new TypeError("The run was freed.");
    return this.#pointer;
  }
}

/**
 * @param {Promise<void>} promise
 * @param {AbortSignal} [signal]
 */
function raceAbort(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(() => {
      signal.removeEventListener("abort", abort);
      resolve(undefined);
    });
  });
}

/**
 * A host function's answer to the guest: its values, or that it waits, or that it failed.
 * @param {Run} run
 * @param {() => unknown} call calls the function of JavaScript
 * @returns {{state: "done", value: unknown} | {state: "blocked"}}
 */
export function answerSuspending(run, call) {
  const { pending } = run;
  if (pending) {
    if (pending.state === "pending") return { state: "blocked" };
    run.pending = undefined;
    if (pending.state === "rejected") throw pending.value;
    return { state: "done", value: pending.value };
  }
  const value = call();
  if (!isThenable(value)) return { state: "done", value };
  /** @type {Pending} */
  const fresh = { promise: value, state: "pending", value: undefined };
  fresh.promise = value.then(
    (settled) => void Object.assign(fresh, { state: "fulfilled", value: settled }),
    (reason) => void Object.assign(fresh, { state: "rejected", value: reason }),
  );
  run.pending = fresh;
  return { state: "blocked" };
}

/** @param {unknown} value @returns {value is PromiseLike<unknown>} */
function isThenable(value) {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}

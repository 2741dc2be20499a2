/**
 * What the objects of one engine share: the loaded engine.wasm, its store, the references that
 * cross, and the host functions by number.
 *
 * Invariant: while the guest runs, `#running` is the stack of runs entered, innermost last; a host
 * function's exception is kept with its run and never unwinds through engine.wasm.
 */

import {
  Abi,
  ERROR_LINK,
  ERROR_TRAP,
  EXTERNREF,
  FUNC,
  HOST_BLOCK,
  HOST_DONE,
  HOST_THROW,
  HOST_TRAP,
  TRAP_HOST,
  isDefined,
} from "./engine-abi.js";
import { EngineException, EngineTag } from "./engine-exceptions.js";
import { Run, answerSuspending } from "./engine-run.js";
import { References, convert, convertResults, loadSlot, storeSlot } from "./engine-values.js";

/** @typedef {import("./engine-values.js").ExportedFunction} ExportedFunction */
/** @typedef {import("./engine-abi.js").ExternType} ExternType */
/** @typedef {{call: Function, type: ExternType, suspending: boolean}} HostFunction */

/**
 * @typedef {object} Limits
 * @property {number} [callDepth] most frames of a run; 20,000 unless given
 * @property {number} [stackBytes] most bytes of a run's operands; 8 MiB unless given
 * @property {number | bigint} [memoryBytes] largest memory; 4 GiB unless given
 * @property {number | bigint} [tableElements] largest table; 10,000,000 unless given
 * @property {number | bigint} [heapBytes] most bytes of structs, arrays and exceptions; 1 GiB unless given
 */

/** Runs kept for the next call. */
const SPARE_RUNS = 8;

export class Core {
  /** @type {HostFunction[]} */
  #host = [];
  /** Host functions that were made already, by function and signature.
   * @type {WeakMap<Function, Map<string, number>>} */
  #made = new WeakMap();
  /** @type {Map<number, Run>} */
  #runs = new Map();
  /** @type {number[]} */
  #spare = [];
  /** @type {Map<number, ExternType>} */
  #types = new Map();
  /** @type {EngineTag | undefined} */
  #errorTag;
  /** Tags by pointer. @type {Map<number, EngineTag>} */
  tags = new Map();

  /**
   * @param {WebAssembly.Module} module
   * @param {Limits} limits
   */
  constructor(module, limits) {
    this.abi = new Abi(module, (id, call, run, slots) => this.#hostCall(id, call, run, slots));
    const { exports } = this.abi;
    this.engine = this.abi.made(
      exports.engine_new(
        limits.callDepth ?? 0,
        limits.stackBytes ?? 0,
        BigInt(limits.memoryBytes ?? 0),
        BigInt(limits.tableElements ?? 0),
        BigInt(limits.heapBytes ?? 0),
      ),
      "an engine",
    );
    this.store = this.abi.made(exports.engine_store_new(this.engine), "a store");
    this.references = new References(this.abi, this.store, (pointer) => this.#wrap(pointer));
  }

  /** @param {number} func @returns {ExternType} */
  functionType(func) {
    let type = this.#types.get(func);
    if (!type) {
      type = this.abi.typeOf(FUNC, func);
      this.#types.set(func, type);
    }
    return type;
  }

  /**
   * The function of JavaScript that calls a function of the engine.
   * @param {number} pointer
   * @returns {ExportedFunction}
   */
  #wrap(pointer) {
    const { params } = this.functionType(pointer);
    /** @param {unknown[]} args */
    const call = (...args) => {
      const run = new Run(this, pointer, args);
      try {
        return run.finishSync();
      } finally {
        run.free();
      }
    };
    return Object.defineProperty(call, "length", { value: params.length });
  }

  /** @param {Run} run @returns {number} */
  takeRun(run) {
    const { abi } = this;
    const pointer =
      this.#spare.pop() ?? abi.made(abi.exports.engine_run_new(this.store), "another run");
    this.#runs.set(pointer, run);
    return pointer;
  }

  /** @param {number} pointer */
  giveRun(pointer) {
    this.#runs.delete(pointer);
    // A run that met a limit of fuel, or holds frames, is not worth keeping.
    const done = this.abi.exports.engine_run_status(pointer) === 2;
    const untouched =
      BigInt.asUintN(64, this.abi.exports.engine_run_fuel(pointer)) === 2n ** 64n - 1n;
    if (done && untouched && this.#spare.length < SPARE_RUNS) this.#spare.push(pointer);
    else this.abi.exports.engine_run_free(pointer);
  }

  /**
   * The engine's function for a function of JavaScript.
   * @param {Function} call
   * @param {ExternType} type
   * @param {boolean} suspending may it answer a promise, which the guest then waits for?
   * @param {number} module whose import wants it
   * @param {number} index of that import
   */
  hostFunction(call, type, suspending, module, index) {
    const own = [...type.params, ...type.results].some(isDefined);
    const key = `${own ? `${module} ${index}` : `${type.params} ${type.results}`} ${suspending}`;
    const made = this.#made.get(call) ?? new Map();
    let pointer = made.get(key);
    if (pointer === undefined) {
      const id = this.#host.push({ call, type, suspending }) - 1;
      pointer = this.abi.made(
        this.abi.exports.engine_func_new_import(this.store, module, index, id),
        "a host function",
      );
      // In the terms of the store, which those of its module may differ from.
      this.#host[id].type = this.functionType(pointer);
      made.set(key, pointer);
      this.#made.set(call, made);
    }
    return pointer;
  }

  /**
   * A guest calls a host function: its parameters are in the slots, its results go there.
   * @param {number} id
   * @param {number} call
   * @param {number} runPointer
   * @param {number} slots
   */
  #hostCall(id, call, runPointer, slots) {
    const { abi, references } = this;
    const host = this.#host[id];
    const run = this.#runs.get(runPointer);
    try {
      const { params, results } = host.type;
      const invoke = () => {
        const args = params.map((type, i) => loadSlot(abi, slots + 8 * i, type, references));
        return host.call(...args);
      };
      let value;
      if (host.suspending && run) {
        const answer = answerSuspending(run, invoke);
        if (answer.state === "blocked") return HOST_BLOCK;
        value = answer.value;
      } else value = invoke();
      const values = convertResults(value, results, references);
      const dv = abi.dv();
      values.forEach((one, i) => storeSlot(dv, slots + 8 * i, one, results[i]));
      return HOST_DONE;
    } catch (error) {
      const reference = this.#asException(error, call);
      if (reference !== undefined) {
        abi.exports.engine_call_throw(call, reference);
        return HOST_THROW;
      }
      if (run) run.thrown = { error };
      abi.exports.engine_call_trap(call, TRAP_HOST);
      return HOST_TRAP;
    }
  }

  /** The tag of what JavaScript throws that is no exception of a guest's. */
  get errorTag() {
    return (this.#errorTag ??= new EngineTag(this, [EXTERNREF]));
  }

  /**
   * The exception that the guest gets when an import throws; undefined where nothing could catch it, and for
   * traps, which nothing may.
   * @param {unknown} error
   * @param {number} call
   */
  #asException(error, call) {
    if (error instanceof EngineException && error.core === this) return error.reference;
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) return undefined;
    if (this.abi.exports.engine_call_catchable(call) === 0) return undefined;
    return new EngineException(this, this.errorTag, [error]).reference;
  }

  /**
   * What an exception that no guest caught is in JavaScript.
   * @param {bigint} reference
   */
  uncaught(reference) {
    const exception = new EngineException(this, reference);
    return exception.is(this.errorTag) ? exception.getArg(this.errorTag, 0) : exception;
  }

  /** The error that the call before left, as the JavaScript Interface names it. */
  takeError() {
    const { code, offset, text } = this.abi.error();
    if (code === ERROR_LINK) return new WebAssembly.LinkError(text);
    if (code === ERROR_TRAP) return new WebAssembly.RuntimeError(text);
    return Object.assign(new WebAssembly.CompileError(`${text} (at byte ${offset})`), { offset });
  }

  /**
   * A global's first value, or the like, converted.
   * @param {unknown} value
   * @param {number} type
   */
  convert(value, type) {
    return convert(value, type, this.references);
  }
}

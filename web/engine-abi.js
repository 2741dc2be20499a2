/**
 * engine.wasm seen from JavaScript: its exports, its memory, and the flat records that cross.
 * core/wasm/exports.c is the other side; offsets here are asserted there.
 *
 * Invariant: no view of the engine's memory is kept across a call into it, since any call may grow
 * the memory and detach it; `dv()` and `u8()` hand out a valid one each time.
 */

import { instantiateEngine } from "./engine-wasm.js";

/** Kinds of externals, by the engine's number. */
export const KINDS = /** @type {const} */ (["function", "table", "memory", "global", "tag"]);
export const FUNC = 0;
export const TABLE = 1;
export const MEMORY = 2;
export const GLOBAL = 3;
export const TAG = 4;

/** Flags of a flat type. */
export const MUTABLE = 1;
export const IS64 = 2;
export const SHARED = 4;
export const BOUNDED = 8;

/** The kind of a value type: its low four bits. */
export const I32 = 1;
export const I64 = 2;
export const F32 = 3;
export const F64 = 4;
export const V128 = 5;
export const REF = 6;

export const FUNCREF = 0xffff7016;
export const EXTERNREF = 0xffff6f16;
/** Heap types: their codes in the binary format behind 0xffff00; less is a type of a module's own. */
const ABSTRACT = 0xffff00;
const [HEAP_EXN, HEAP_FUNC, HEAP_NOFUNC, HEAP_NOEXN] = [0xffff69, 0xffff70, 0xffff73, 0xffff74];
export const ANYREF = 0xffff6e16;

/** Sizes of records. */
export const VALUE_SIZE = 24;
export const EXTERN_SIZE = 8;
const ERROR_SIZE = 204;
const TYPE_SIZE = 48;

/** Answers of `engine_run_resume`, by number. */
export const STATUSES = /** @type {const} */ ([
  "idle",
  "ready",
  "done",
  "trapped",
  "blocked",
  "no-fuel",
]);

/** Answers of a host function. */
export const HOST_DONE = 0;
export const HOST_BLOCK = 1;
export const HOST_TRAP = 2;
export const HOST_THROW = 4;
/** `enum nidus_trap`. */
export const TRAP_EXHAUSTED = 10;
export const TRAP_HOST = 17;
export const TRAP_EXCEPTION = 21;

/** `enum nidus_code`. */
export const ERROR_LINK = 6;
export const ERROR_TRAP = 7;

/** Fuel without end. */
export const UNLIMITED = 2n ** 64n - 1n;

/**
 * @typedef {object} ExternType
 * @property {number} kind
 * @property {number} type of a table's elements, of a global's value
 * @property {number} flags
 * @property {number[]} params
 * @property {number[]} results
 * @property {bigint} minimum
 * @property {bigint} maximum
 */

/** @typedef {{code: number, trap: number, offset: number, text: string}} EngineError */

const decoder = new TextDecoder();

export class Abi {
  /** @type {Uint8Array} */
  #u8 = new Uint8Array(0);
  /** @type {DataView} */
  #dv = new DataView(new ArrayBuffer(0));

  /**
   * @param {WebAssembly.Module} module
   * @param {(id: number, call: number, run: number, slots: number) => number} hostCall
   */
  constructor(module, hostCall) {
    this.exports = instantiateEngine(module, { call: hostCall });
    /** Room for one error, one flat item or the like; whoever writes it reads it at once. */
    this.scratch = this.alloc(256);
  }

  u8() {
    const { buffer } = this.exports.memory;
    if (this.#u8.buffer !== buffer) this.#u8 = new Uint8Array(buffer);
    return this.#u8;
  }

  dv() {
    const { buffer } = this.exports.memory;
    if (this.#dv.buffer !== buffer) this.#dv = new DataView(buffer);
    return this.#dv;
  }

  /**
   * A block in the engine's memory.
   * @param {number} size
   */
  alloc(size) {
    const block = this.exports.engine_alloc(size || 1) >>> 0;
    if (block === 0) throw new RangeError(`The engine has no memory left for ${size} bytes.`);
    return block;
  }

  /**
   * Hands a copy of the bytes to `use`, for as long as that runs.
   * @template T
   * @param {Uint8Array} bytes
   * @param {(block: number) => T} use
   */
  withBytes(bytes, use) {
    const block = this.alloc(bytes.length);
    try {
      this.u8().set(bytes, block);
      return use(block);
    } finally {
      this.exports.engine_release(block);
    }
  }

  /**
   * The pointer that an export answered, or an error when it is 0.
   * @param {number} pointer
   * @param {string} what could not be made
   */
  made(pointer, what) {
    if (pointer === 0) throw new RangeError(`The engine cannot make ${what}: beyond its limits.`);
    return pointer >>> 0;
  }

  /**
   * @param {number} at
   * @param {number} length
   */
  text(at, length) {
    // A copy, for memory may be shared or larger than TextDecoder takes.
    return decoder.decode(this.u8().slice(at, at + length));
  }

  /** @param {number} at of a text that ends with a zero byte */
  cText(at) {
    const bytes = this.u8();
    return this.text(at, bytes.indexOf(0, at) - at);
  }

  /** @param {number} at of a `struct nidus_name` */
  name(at) {
    return this.text(this.dv().getUint32(at, true), this.dv().getUint32(at + 4, true));
  }

  clearError() {
    this.u8().fill(0, this.scratch, this.scratch + ERROR_SIZE);
    return this.scratch;
  }

  /** @returns {EngineError} what the call before left in the scratch block */
  error() {
    const dv = this.dv();
    return {
      code: dv.getUint32(this.scratch, true),
      trap: dv.getUint32(this.scratch + 4, true),
      offset: dv.getUint32(this.scratch + 8, true),
      text: this.cText(this.scratch + 12),
    };
  }

  /**
   * @param {number} at of a flat type
   * @returns {ExternType}
   */
  readType(at) {
    const dv = this.dv();
    /** @param {number} field @param {number} count */
    const types = (field, count) => {
      const list = dv.getUint32(at + field, true);
      return Array.from({ length: count }, (_, i) => dv.getUint32(list + 4 * i, true));
    };
    return {
      kind: dv.getUint32(at, true),
      type: dv.getUint32(at + 4, true),
      flags: dv.getUint32(at + 8, true),
      params: types(20, dv.getUint32(at + 12, true)),
      results: types(24, dv.getUint32(at + 16, true)),
      minimum: dv.getBigUint64(at + 32, true),
      maximum: dv.getBigUint64(at + 40, true),
    };
  }

  /**
   * A flat type in a block that the caller releases.
   * @param {Partial<ExternType>} type
   */
  writeType({ kind = 0, type = 0, flags = 0, params = [], results = [], minimum, maximum }) {
    const block = this.alloc(TYPE_SIZE + 4 * (params.length + results.length));
    const dv = this.dv();
    const list = block + TYPE_SIZE;
    [...params, ...results].forEach((value, i) => dv.setUint32(list + 4 * i, value, true));
    const words = [kind, type, flags, params.length, results.length];
    [...words, list, list + 4 * params.length, 0].forEach((word, i) =>
      dv.setUint32(block + 4 * i, word, true),
    );
    dv.setBigUint64(block + 32, minimum ?? 0n, true);
    dv.setBigUint64(block + 40, maximum ?? 0n, true);
    return block;
  }

  /**
   * The type of a run-time object.
   * @param {number} kind
   * @param {number} pointer
   */
  typeOf(kind, pointer) {
    const { scratch } = this;
    this.dv().setUint32(scratch, kind, true);
    this.dv().setUint32(scratch + 4, pointer, true);
    this.exports.engine_extern_type(scratch, scratch + 8);
    return this.readType(scratch + 8);
  }

  /**
   * An import or export of a module.
   * @param {"import" | "export"} which
   * @param {number} module
   * @param {number} index
   */
  moduleItem(which, module, index) {
    const { scratch } = this;
    this.exports[`engine_module_${which}`](module, index, scratch);
    const [from, name] = [this.name(scratch), this.name(scratch + 8)];
    return { from, name, type: this.readType(scratch + 16) };
  }
}

/** Is it a type of functions alone? @param {number} type */
export const isFunction = (type) => type >>> 8 === HEAP_FUNC || type >>> 8 === HEAP_NOFUNC;
/** Is it a type of exceptions, which JavaScript never holds by reference? @param {number} type */
export const isException = (type) => type >>> 8 === HEAP_EXN || type >>> 8 === HEAP_NOEXN;
/** Is it a type of its module's own: of functions, structs or arrays? @param {number} type */
export const isDefined = (type) => (type & 15) === REF && type >>> 8 < ABSTRACT;

/**
 * Values between JavaScript and the engine, as the WebAssembly JavaScript Interface converts them
 * (its ToWebAssemblyValue and ToJSValue).
 *
 * Invariant: a value outside JavaScript's reach of the type (v128; a function of elsewhere) is a
 * TypeError before anything runs.
 */

import {
  ANYREF,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I32,
  I64,
  V128,
  VALUE_SIZE,
  isDefined,
  isException,
  isFunction,
} from "./engine-abi.js";

/** @typedef {(...args: unknown[]) => unknown} ExportedFunction */

/** The two highest bits of a reference say what it is; core/src/heap.h draws it. */
const I31_TAG = 2n;
const OBJECT_TAG = 3n;
/** References of these types need no check: every value fits. */
const OPEN_TYPES = new Set([FUNCREF, EXTERNREF, ANYREF]);

/**
 * Keeps references: functions of the engine by pointer, values of JavaScript by number. Such an entry
 * lives as long as the engine, because a guest may hold the reference anywhere. An object of the guest's
 * (a struct or array) is an opaque, frozen object here, which keeps it alive for as long as it lives itself.
 */
export class References {
  #abi;
  #store;
  /** @type {Map<number, ExportedFunction>} */
  #functions = new Map();
  /** @type {WeakMap<ExportedFunction, number>} */
  #pointers = new WeakMap();
  /** @type {unknown[]} the reference n is at n - 1, for 0 is null */
  #values = [];
  /** @type {Map<unknown, number>} */
  #numbers = new Map();
  /** @type {Map<bigint, WeakRef<object>>} */
  #objects = new Map();
  /** @type {WeakMap<object, bigint>} */
  #held = new WeakMap();
  #finalizer = new FinalizationRegistry((/** @type {bigint} */ reference) => {
    if (!this.#objects.get(reference)?.deref()) this.#objects.delete(reference);
    this.release(reference);
  });

  /**
   * @param {import("./engine-abi.js").Abi} abi
   * @param {number} store
   * @param {(pointer: number) => ExportedFunction} wrap makes the function of a pointer
   */
  constructor(abi, store, wrap) {
    this.#abi = abi;
    this.#store = store;
    this.wrap = wrap;
  }

  /**
   * The one function of a pointer.
   * @param {number} pointer
   */
  function(pointer) {
    let found = this.#functions.get(pointer);
    if (!found) {
      found = this.wrap(pointer);
      this.#functions.set(pointer, found);
      this.#pointers.set(found, pointer);
    }
    return found;
  }

  /**
   * The pointer of one of this engine's functions, or undefined.
   * @param {unknown} value
   */
  pointer(value) {
    return typeof value === "function"
      ? this.#pointers.get(/** @type {ExportedFunction} */ (value))
      : undefined;
  }

  /** Keeps an object of the guest's heap. @param {bigint} reference */
  hold(reference) {
    if (this.#abi.exports.engine_ref_hold(this.#store, reference) !== 0) {
      throw new RangeError("The engine has no memory left to keep an object.");
    }
  }

  /** @param {bigint} reference */
  release(reference) {
    this.#abi.exports.engine_ref_release(this.#store, reference);
  }

  /**
   * The one opaque object for an object of the guest's.
   * @param {bigint} reference
   */
  #object(reference) {
    let found = this.#objects.get(reference)?.deref();
    if (!found) {
      this.hold(reference);
      found = Object.freeze(/** @type {object} */ (Object.create(null)));
      this.#objects.set(reference, new WeakRef(found));
      this.#held.set(found, reference);
      this.#finalizer.register(found, reference);
    }
    return found;
  }

  /**
   * A value of JavaScript as an anyref or externref.
   * @param {unknown} value
   */
  #any(value) {
    const held = typeof value === "object" && value !== null ? this.#held.get(value) : undefined;
    if (held !== undefined) return held;
    if (Number.isInteger(value) && !Object.is(value, -0)) {
      const number = /** @type {number} */ (value);
      if (number >= -(2 ** 30) && number < 2 ** 30) {
        return (I31_TAG << 62n) | BigInt.asUintN(31, BigInt(number));
      }
    }
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.#values.push(value);
      this.#numbers.set(value, number);
    }
    return BigInt(number);
  }

  /**
   * @param {unknown} value
   * @param {number} type
   * @returns {bigint}
   */
  toEngine(value, type) {
    if (isException(type)) throw new TypeError("An exnref cannot cross from JavaScript.");
    const pointer = isFunction(type) || isDefined(type) ? this.pointer(value) : undefined;
    if (isFunction(type) && value !== null && pointer === undefined) {
      throw new TypeError("A function reference is null or a function that this engine exported.");
    }
    const reference =
      value === null ? 0n : pointer !== undefined ? BigInt(pointer) : this.#any(value);
    if (
      !OPEN_TYPES.has(type) &&
      this.#abi.exports.engine_ref_matches(this.#store, reference, type) === 0
    ) {
      throw new TypeError("The value does not have the type of reference that is wanted.");
    }
    return reference;
  }

  /**
   * @param {bigint} reference
   * @param {number} type
   */
  toJs(reference, type) {
    if (isException(type)) throw new TypeError("An exnref cannot cross to JavaScript.");
    if (reference === 0n) return null;
    const tag = reference >> 62n;
    if (tag === I31_TAG) return Number(BigInt.asIntN(31, reference));
    if (tag === OBJECT_TAG) return this.#object(reference);
    return isFunction(type) || isDefined(type)
      ? this.function(Number(reference))
      : this.#values[Number(reference) - 1];
  }
}

/**
 * The value, ready to be stored: a number or bigint. Conversion may run the caller's code (valueOf),
 * so all of it happens before any of the engine's memory is touched.
 * @param {unknown} value
 * @param {number} type
 * @param {References} references
 * @returns {number | bigint}
 */
export function convert(value, type, references) {
  switch (type & 15) {
    case I32:
      return /** @type {number} */ (value) | 0;
    case I64:
      return BigInt.asIntN(64, /** @type {bigint} */ (value));
    case F32:
    case F64:
      return +(/** @type {number} */ (value));
    case V128:
      throw new TypeError("A v128 cannot cross between JavaScript and WebAssembly.");
    default:
      return references.toEngine(value, type);
  }
}

/**
 * Stores what `convert` made, in a 64-bit slot.
 * @param {DataView} dv
 * @param {number} at
 * @param {number | bigint} value
 * @param {number} type
 */
export function storeSlot(dv, at, value, type) {
  switch (type & 15) {
    case I32:
      return dv.setInt32(at, Number(value), true);
    case F32:
      return dv.setFloat32(at, Number(value), true);
    case F64:
      return dv.setFloat64(at, Number(value), true);
    default:
      return dv.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
  }
}

/**
 * Keeping a guest's object may make the engine's memory grow, so each slot is read through the view of that moment.
 * @param {import("./engine-abi.js").Abi} abi
 * @param {number} at of a 64-bit slot
 * @param {number} type
 * @param {References} references
 * @returns {unknown}
 */
export function loadSlot(abi, at, type, references) {
  const dv = abi.dv();
  switch (type & 15) {
    case I32:
      return dv.getInt32(at, true);
    case I64:
      return dv.getBigInt64(at, true);
    case F32:
      return dv.getFloat32(at, true);
    case F64:
      return dv.getFloat64(at, true);
    case V128:
      throw new TypeError("A v128 cannot cross between JavaScript and WebAssembly.");
    default:
      return references.toJs(dv.getBigUint64(at, true), type);
  }
}

/**
 * Stores a `struct nidus_value`.
 * @param {DataView} dv
 * @param {number} at
 * @param {number | bigint} value
 * @param {number} type
 */
export function storeValue(dv, at, value, type) {
  dv.setUint32(at, type, true);
  storeSlot(dv, at + 8, value, type);
}

/**
 * What a function with these results answers in JavaScript: undefined, a value, or an array.
 * @param {import("./engine-abi.js").Abi} abi
 * @param {number} at of an array of `struct nidus_value`
 * @param {number[]} types
 * @param {References} references
 */
export function loadResults(abi, at, types, references) {
  const values = types.map((type, i) => loadSlot(abi, at + i * VALUE_SIZE + 8, type, references));
  return values.length <= 1 ? values[0] : values;
}

/**
 * The results that a function of JavaScript answered, one for each type.
 * @param {unknown} answer
 * @param {number[]} types
 * @param {References} references
 */
export function convertResults(answer, types, references) {
  if (types.length === 0) return [];
  if (types.length === 1) return [convert(answer, types[0], references)];
  const values = [.../** @type {Iterable<unknown>} */ (answer)];
  if (values.length !== types.length) {
    throw new TypeError(`The function has ${types.length} results, but answered ${values.length}.`);
  }
  return values.map((value, i) => convert(value, types[i], references));
}

/** @type {Readonly<Record<string, number>>} */
const CODES = {
  i32: I32,
  i64: I64,
  f32: F32,
  f64: F64,
  v128: V128,
  anyfunc: 0xffff7016,
  funcref: 0xffff7016,
  externref: 0xffff6f16,
  anyref: 0xffff6e16,
  eqref: 0xffff6d16,
  i31ref: 0xffff6c16,
  structref: 0xffff6b16,
  arrayref: 0xffff6a16,
  nullref: 0xffff7116,
  nullexternref: 0xffff7216,
  nullfuncref: 0xffff7316,
};

/**
 * The number of a value type's name.
 * @param {string} name
 */
export function typeCode(name) {
  const code = CODES[name];
  if (code === undefined) throw new TypeError(`There is no value type "${name}".`);
  return code;
}

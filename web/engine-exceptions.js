/**
 * Tag and Exception with the behaviour of the WebAssembly JavaScript Interface, on the objects of one engine.
 *
 * Invariant: an exception's object keeps the engine's one alive for as long as it lives itself.
 */

import { TAG, VALUE_SIZE } from "./engine-abi.js";
import { convert, loadSlot, storeValue, typeCode } from "./engine-values.js";

/** @typedef {import("./engine-core.js").Core} Core */

export class EngineTag {
  /**
   * @param {Core} core
   * @param {{parameters: Iterable<string>} | number[] | number} from a descriptor, the codes of its types, or
   *   the pointer of one that exists
   */
  constructor(core, from) {
    this.core = core;
    if (typeof from === "number") {
      this.pointer = from;
    } else {
      const { abi } = core;
      const types = Array.isArray(from) ? from : Array.from(from.parameters, typeCode);
      const block = abi.alloc(4 * types.length);
      types.forEach((type, i) => abi.dv().setUint32(block + 4 * i, type, true));
      const pointer = abi.exports.engine_tag_new(core.store, types.length, block) >>> 0;
      abi.exports.engine_release(block);
      this.pointer = abi.made(pointer, "a tag");
      core.tags.set(this.pointer, this);
    }
    /** The codes of its parameters' types. */
    this.types = core.abi.typeOf(TAG, this.pointer).params;
  }

  /**
   * The one object for a tag of the engine.
   * @param {Core} core
   * @param {number} pointer
   */
  static of(core, pointer) {
    let found = core.tags.get(pointer);
    if (!found) core.tags.set(pointer, (found = new EngineTag(core, pointer)));
    return found;
  }
}

export class EngineException {
  /** @type {FinalizationRegistry<{core: Core, reference: bigint}>} */
  static #finalizer = new FinalizationRegistry(({ core, reference }) =>
    core.references.release(reference),
  );

  /**
   * @param {Core} core
   * @param {EngineTag | bigint} from its tag, or the reference of one that exists
   * @param {Iterable<unknown>} [payload]
   */
  constructor(core, from, payload = []) {
    this.core = core;
    const { abi, references } = core;
    if (typeof from === "bigint") {
      this.reference = BigInt.asUintN(64, from);
    } else {
      if (!(from instanceof EngineTag) || from.core !== core) {
        throw new TypeError("An exception is made from a tag of the same engine.");
      }
      const given = [...payload];
      if (given.length !== from.types.length) {
        throw new TypeError(`The tag has ${from.types.length} values, not ${given.length}.`);
      }
      const values = given.map((value, i) => convert(value, from.types[i], references));
      const block = abi.alloc(VALUE_SIZE * values.length);
      const dv = abi.dv();
      values.forEach((value, i) => storeValue(dv, block + i * VALUE_SIZE, value, from.types[i]));
      const { length } = values;
      const made = abi.exports.engine_exception_new(core.store, from.pointer, block, length);
      abi.exports.engine_release(block);
      if (made === 0n) throw new RangeError("The engine has no room left for an exception.");
      this.reference = BigInt.asUintN(64, made);
    }
    references.hold(this.reference);
    EngineException.#finalizer.register(this, { core, reference: this.reference });
  }

  get tag() {
    const { exports } = this.core.abi;
    const pointer = /** @type {(reference: bigint) => number} */ (exports.engine_exception_tag)(
      this.reference,
    );
    return EngineTag.of(this.core, pointer >>> 0);
  }

  /** @param {EngineTag} tag */
  is(tag) {
    return this.tag === tag;
  }

  /**
   * One of its values.
   * @param {EngineTag} tag its own
   * @param {number} index
   */
  getArg(tag, index) {
    if (!this.is(tag)) throw new TypeError("The exception has another tag.");
    if (!(index >= 0 && index < tag.types.length)) {
      throw new RangeError(`The exception has no value ${index}.`);
    }
    const { abi, references, store } = this.core;
    const block = abi.alloc(VALUE_SIZE * tag.types.length);
    try {
      abi.exports.engine_exception_values(store, this.reference, block);
      const at = block + Math.trunc(index) * VALUE_SIZE + 8;
      return loadSlot(abi, at, tag.types[Math.trunc(index)], references);
    } finally {
      abi.exports.engine_release(block);
    }
  }
}

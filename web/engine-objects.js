/**
 * Module, Instance, Memory, Table and Global with the behaviour of the WebAssembly JavaScript
 * Interface, on the objects of one engine. `Engine` makes a class of each that knows its engine.
 *
 * Invariant: one JavaScript object per object of the engine, kept in the engine's `identity` map.
 */

import {
  BOUNDED,
  EXTERN_SIZE,
  FUNC,
  GLOBAL,
  IS64,
  KINDS,
  MEMORY,
  MUTABLE,
  SHARED,
  TABLE,
  TAG,
  V128,
  isDefined,
  isFunction,
} from "./engine-abi.js";
import { EngineTag } from "./engine-exceptions.js";
import { Run } from "./engine-run.js";
import { loadSlot, storeValue, typeCode } from "./engine-values.js";

/** @typedef {import("./engine-core.js").Core} Core */
/** @typedef {import("./engine-abi.js").ExternType} ExternType */
/** @typedef {Record<string, Record<string, unknown>>} Imports */
/** @typedef {EngineMemory | EngineTable | EngineGlobal} EngineObject */
/** @typedef {import("./engine-values.js").ExportedFunction | EngineObject | EngineTag} ExportValue */
/**
 * @typedef {object} LimitsDescriptor
 * @property {number | bigint} initial
 * @property {number | bigint} [maximum]
 * @property {"i32" | "i64"} [address] with "i64" all sizes and indices are bigints
 */
/** @typedef {LimitsDescriptor & {shared?: boolean}} MemoryDescriptor */
/** @typedef {LimitsDescriptor & {element: string}} TableDescriptor */
/** @typedef {{value: string, mutable?: boolean}} GlobalDescriptor */

/** Objects by engine and pointer. @type {WeakMap<Core, Map<number, EngineObject>>} */
const identity = new WeakMap();

/** @param {Core} core */
function objectsOf(core) {
  let objects = identity.get(core);
  if (!objects) identity.set(core, (objects = new Map()));
  return objects;
}

/** @param {BufferSource} source */
function bytesOf(source) {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  throw new TypeError("A module is made from an ArrayBuffer or a typed array.");
}

/**
 * A count of pages or elements as the Interface converts it.
 * @param {unknown} value
 * @param {string} what
 */
function count(value, what) {
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0 || Math.trunc(number) > 0xffffffff) {
    throw new TypeError(`${what} must be a number from 0 to 4294967295, not ${value}.`);
  }
  return BigInt(Math.trunc(number));
}

/**
 * A size or an index, as wide as the memory or table says.
 * @param {unknown} value
 * @param {string} what
 * @param {boolean} is64
 */
function address(value, what, is64) {
  if (!is64) return count(value, what);
  if (typeof value !== "bigint") throw new TypeError(`${what} must be a bigint, not ${value}.`);
  if (value < 0n || value >= 2n ** 64n) {
    throw new TypeError(`${what} must be a bigint from 0 to 2^64 - 1, not ${value}.`);
  }
  return value;
}

/**
 * @param {LimitsDescriptor} descriptor
 * @returns {{minimum: bigint, maximum: bigint, flags: number}}
 */
function limitsOf(descriptor) {
  const is64 = descriptor.address === "i64";
  const wide = is64 ? IS64 : 0;
  const minimum = address(descriptor.initial, "initial", is64);
  if (descriptor.maximum === undefined) return { minimum, maximum: 0n, flags: wide };
  const maximum = address(descriptor.maximum, "maximum", is64);
  if (maximum < minimum) throw new RangeError("maximum must not be less than initial.");
  return { minimum, maximum, flags: BOUNDED | wide };
}

export class EngineModule {
  /** Frees modules that nobody can reach any more; their instances keep what they need. */
  static #finalizer = new FinalizationRegistry(
    (/** @type {{core: Core, pointer: number}} */ { core, pointer }) =>
      core.abi.exports.engine_module_free(pointer),
  );

  /**
   * @param {Core} core
   * @param {BufferSource} source
   */
  constructor(core, source) {
    const { abi } = core;
    const bytes = bytesOf(source);
    this.pointer = abi.withBytes(bytes, (block) => {
      const error = abi.clearError();
      return abi.exports.engine_module_load(core.engine, block, bytes.length, error) >>> 0;
    });
    if (this.pointer === 0) throw core.takeError();
    this.core = core;
    EngineModule.#finalizer.register(this, { core, pointer: this.pointer });
  }

  /**
   * @param {Core} core
   * @param {BufferSource} source
   */
  static validate(core, source) {
    const bytes = bytesOf(source);
    const { abi } = core;
    return abi.withBytes(
      bytes,
      (block) => abi.exports.engine_module_validate(core.engine, block, bytes.length, 0) === 0,
    );
  }

  /**
   * A module that computes the same and can be counted and interrupted, or looked into, by a host that
   * runs it itself (core/include/nidus/rewrite.h says what is added).
   * @param {{checks?: boolean, globals?: boolean}} how `checks`: a countdown, the global `nidus:count`, at
   *   loop heads and at function entries that need it, which calls element 0 of the table `nidus:check` when it is used
   *   up; `globals`: every mutable global exported, as `nidus:global:INDEX`
   * @returns {{bytes: Uint8Array<ArrayBuffer>, debugDropped: boolean}} `debugDropped`: debug sections
   *   that were not understood were left out
   */
  rewrite({ checks = false, globals = false }) {
    const { abi, engine } = this.core;
    const out = abi.alloc(20);
    try {
      const flags = (checks ? 1 : 0) | (globals ? 2 : 0);
      const code = abi.exports.engine_module_rewrite(this.pointer, flags, out, abi.clearError());
      if (code !== 0) throw this.core.takeError();
      const [at, size, dropped] = [0, 4, 8].map((field) => abi.dv().getUint32(out + field, true));
      const bytes = abi.u8().slice(at, at + size);
      abi.exports.engine_rewritten_free(engine, out);
      return { bytes, debugDropped: (dropped & 0xff) !== 0 };
    } finally {
      abi.exports.engine_release(out);
    }
  }

  /** Every import with its type. */
  get importTypes() {
    const { abi } = this.core;
    const length = abi.exports.engine_module_import_count(this.pointer);
    return Array.from({ length }, (_, i) => abi.moduleItem("import", this.pointer, i));
  }

  /** Every export with its type. */
  get exportTypes() {
    const { abi } = this.core;
    const length = abi.exports.engine_module_export_count(this.pointer);
    return Array.from({ length }, (_, i) => abi.moduleItem("export", this.pointer, i));
  }

  /** As `WebAssembly.Module.imports`. @param {EngineModule} module */
  static imports(module) {
    return module.importTypes.map(({ from, name, type }) => ({
      module: from,
      name,
      kind: KINDS[type.kind],
    }));
  }

  /** As `WebAssembly.Module.exports`. @param {EngineModule} module */
  static exports(module) {
    return module.exportTypes.map(({ name, type }) => ({ name, kind: KINDS[type.kind] }));
  }

  /**
   * As `WebAssembly.Module.customSections`.
   * @param {EngineModule} module
   * @param {string} name
   */
  static customSections(module, name) {
    const { abi } = module.core;
    const length = abi.exports.engine_module_custom_count(module.pointer);
    /** @type {ArrayBuffer[]} */
    const sections = [];
    for (let i = 0; i < length; i++) {
      abi.exports.engine_module_custom(module.pointer, i, abi.scratch);
      if (abi.name(abi.scratch) !== name) continue;
      const at = abi.dv().getUint32(abi.scratch + 8, true);
      const size = abi.dv().getUint32(abi.scratch + 12, true);
      sections.push(new Uint8Array(abi.u8().subarray(at, at + size)).buffer);
    }
    return sections;
  }
}

/** Marks an import that may answer a promise. */
export class Suspending {
  /** @param {Function} func */
  constructor(func) {
    if (typeof func !== "function") throw new TypeError("Suspending needs a function.");
    this.func = func;
  }
}

export class EngineInstance {
  #start;

  /**
   * Links; does not run the start function.
   * @param {Core} core
   * @param {EngineModule} module
   * @param {Imports} [imports]
   */
  constructor(core, module, imports) {
    if (!(module instanceof EngineModule) || module.core !== core) {
      throw new TypeError("An instance is made from a module of the same engine.");
    }
    const { abi } = core;
    const needed = module.importTypes;
    if (needed.length > 0 && (typeof imports !== "object" || imports === null)) {
      throw new TypeError("The module has imports, so the second argument must be an object.");
    }
    const items = needed.map((item, i) => resolveImport(core, module, i, item, imports ?? {}));
    const block = abi.alloc(EXTERN_SIZE * items.length);
    items.forEach(({ kind, pointer }, i) => {
      abi.dv().setUint32(block + i * EXTERN_SIZE, kind, true);
      abi.dv().setUint32(block + i * EXTERN_SIZE + 4, pointer, true);
    });
    const error = abi.clearError();
    const pointer =
      abi.exports.engine_instance_new(core.store, module.pointer, block, items.length, error) >>> 0;
    abi.exports.engine_release(block);
    if (pointer === 0) throw core.takeError();
    this.core = core;
    this.pointer = pointer;
    this.#start = abi.exports.engine_instance_start(pointer) >>> 0;

    /** @type {Record<string, ExportValue>} */
    const exports = Object.create(null);
    module.exportTypes.forEach(({ name }, i) => {
      abi.exports.engine_instance_export(pointer, i, abi.scratch);
      const kind = abi.dv().getUint32(abi.scratch, true);
      exports[name] = wrap(core, kind, abi.dv().getUint32(abi.scratch + 4, true));
    });
    /** As `WebAssembly.Instance.prototype.exports`. */
    this.exports = Object.freeze(exports);
  }

  /** Runs the start function, if there is one. */
  startSync() {
    if (this.#start !== 0) this.core.references.function(this.#start)();
  }

  /** The same in slices; its imports may answer promises. */
  async start() {
    if (this.#start === 0) return;
    const run = new Run(this.core, this.#start, []);
    try {
      await run.finish();
    } finally {
      run.free();
    }
  }
}

/**
 * The JavaScript value of an external.
 * @param {Core} core
 * @param {number} kind
 * @param {number} pointer
 */
function wrap(core, kind, pointer) {
  if (kind === FUNC) return core.references.function(pointer);
  if (kind === TAG) return EngineTag.of(core, pointer);
  const objects = objectsOf(core);
  let found = objects.get(pointer);
  if (!found) {
    if (kind === MEMORY) found = new EngineMemory(core, pointer);
    else if (kind === TABLE) found = new EngineTable(core, pointer);
    else found = new EngineGlobal(core, pointer);
    objects.set(pointer, found);
  }
  return found;
}

/**
 * What the imports object offers for an import.
 * @param {Core} core
 * @param {EngineModule} module
 * @param {number} index of the import
 * @param {{from: string, name: string, type: ExternType}} item
 * @param {Imports} imports
 * @returns {{kind: number, pointer: number}}
 */
function resolveImport(core, module, index, { from, name, type }, imports) {
  const folder = imports[from];
  if ((typeof folder !== "object" || folder === null) && typeof folder !== "function") {
    throw new TypeError(`The imports have no object "${from}", which must hold "${name}".`);
  }
  const value = folder[name];
  const wrong = (/** @type {string} */ wanted) =>
    new WebAssembly.LinkError(`The import "${from}" "${name}" must be ${wanted}.`);
  switch (type.kind) {
    case FUNC: {
      const suspending = value instanceof Suspending;
      const func = suspending ? value.func : value;
      if (typeof func !== "function") throw wrong("a function");
      const pointer =
        core.references.pointer(func) ??
        core.hostFunction(func, type, suspending, module.pointer, index);
      return { kind: FUNC, pointer };
    }
    case TABLE:
      if (!(value instanceof EngineTable) || value.core !== core)
        throw wrong("a table of this engine");
      return { kind: TABLE, pointer: value.pointer };
    case MEMORY:
      if (!(value instanceof EngineMemory) || value.core !== core)
        throw wrong("a memory of this engine");
      return { kind: MEMORY, pointer: value.pointer };
    case GLOBAL: {
      if (value instanceof EngineGlobal && value.core === core)
        return { kind: GLOBAL, pointer: value.pointer };
      const code = type.type & 15;
      const fits =
        code === 2
          ? typeof value === "bigint"
          : code < V128
            ? typeof value === "number"
            : code !== V128;
      if (type.flags & MUTABLE || !fits || isDefined(type.type))
        throw wrong("a global of this engine");
      const pointer = globalNew(core, type.type, false, core.convert(value, type.type));
      return { kind: GLOBAL, pointer };
    }
    default:
      if (!(value instanceof EngineTag) || value.core !== core) throw wrong("a tag of this engine");
      return { kind: TAG, pointer: value.pointer };
  }
}

export class EngineMemory {
  /** @type {boolean | undefined} */
  #is64;

  /**
   * @param {Core} core
   * @param {MemoryDescriptor | number} from a descriptor, or the pointer of one that exists
   */
  constructor(core, from) {
    this.core = core;
    if (typeof from === "number") {
      this.pointer = from;
      return;
    }
    const { flags, ...limits } = limitsOf(from);
    if (from.shared && from.maximum === undefined) {
      throw new TypeError("A shared memory must have a maximum.");
    }
    const { abi } = core;
    const block = abi.writeType({
      kind: MEMORY,
      ...limits,
      flags: flags | (from.shared ? SHARED : 0),
    });
    const pointer = abi.exports.engine_memory_new(core.store, block) >>> 0;
    abi.exports.engine_release(block);
    this.pointer = abi.made(pointer, `a memory of ${limits.minimum} pages`);
    objectsOf(core).set(this.pointer, this);
  }

  /** The engine's own memory, in which this one lies from `byteOffset` on until either grows. */
  get buffer() {
    return this.core.abi.exports.memory.buffer;
  }

  get byteOffset() {
    return this.core.abi.exports.engine_memory_data(this.pointer) >>> 0;
  }

  get byteLength() {
    return this.core.abi.exports.engine_memory_size(this.pointer) >>> 0;
  }

  /** All of it, as it is now; ask again after anything ran. */
  get bytes() {
    const [offset, length] = [this.byteOffset, this.byteLength];
    return new Uint8Array(this.buffer, offset, length);
  }

  /**
   * Grows by so many pages and answers how many there were; both are bigints when addresses are.
   * @param {number | bigint} delta
   */
  grow(delta) {
    const { abi } = this.core;
    this.#is64 ??= (abi.typeOf(MEMORY, this.pointer).flags & IS64) !== 0;
    const before = BigInt.asUintN(64, abi.exports.engine_memory_pages(this.pointer));
    const pages = address(delta, "The number of pages", this.#is64);
    if (abi.exports.engine_memory_grow(this.pointer, pages) === 0) {
      throw new RangeError(`The memory of ${before} pages cannot grow by ${delta}.`);
    }
    return this.#is64 ? before : Number(before);
  }
}

export class EngineTable {
  #type;
  #is64;

  /**
   * @param {Core} core
   * @param {TableDescriptor | number} from a descriptor, or the pointer of one that exists
   * @param {unknown} [init]
   */
  constructor(core, from, init) {
    const { abi } = core;
    this.core = core;
    if (typeof from === "number") this.pointer = from;
    else {
      const type = typeCode(from.element);
      if ((type & 15) !== 6) throw new TypeError(`A table cannot hold ${from.element}.`);
      const limits = limitsOf(from);
      const first = initialReference(core, init, type);
      const block = abi.writeType({ kind: TABLE, type, ...limits });
      const pointer = abi.exports.engine_table_new(core.store, block, first) >>> 0;
      abi.exports.engine_release(block);
      this.pointer = abi.made(pointer, `a table of ${limits.minimum} elements`);
      objectsOf(core).set(this.pointer, this);
    }
    const { type, flags } = abi.typeOf(TABLE, this.pointer);
    this.#type = type;
    this.#is64 = (flags & IS64) !== 0;
  }

  get length() {
    const size = BigInt.asUintN(64, this.core.abi.exports.engine_table_size(this.pointer));
    return this.#is64 ? size : Number(size);
  }

  /** @param {number | bigint} index @returns {unknown} */
  get(index) {
    const { abi, references } = this.core;
    if (abi.exports.engine_table_get(this.pointer, this.#index(index), abi.scratch) === 0) {
      throw new RangeError(`The table has no element ${index}.`);
    }
    return references.toJs(abi.dv().getBigUint64(abi.scratch, true), this.#type);
  }

  /** @param {number | bigint} index @param {unknown} [value] */
  set(index, value) {
    const { abi } = this.core;
    const reference = initialReference(this.core, value, this.#type);
    if (abi.exports.engine_table_set(this.pointer, this.#index(index), reference) === 0) {
      throw new RangeError(`The table has no element ${index}.`);
    }
  }

  /** @param {number | bigint} delta @param {unknown} [init] */
  grow(delta, init) {
    const before = this.length;
    const reference = initialReference(this.core, init, this.#type);
    if (
      this.core.abi.exports.engine_table_grow(this.pointer, this.#index(delta), reference) === 0
    ) {
      throw new RangeError(`The table of ${before} elements cannot grow by ${delta}.`);
    }
    return before;
  }

  /** @param {number | bigint} index */
  #index(index) {
    return address(index, "The index", this.#is64);
  }
}

/**
 * A reference from JavaScript, undefined being the null of functions.
 * @param {Core} core
 * @param {unknown} value
 * @param {number} type
 */
function initialReference(core, value, type) {
  return core.references.toEngine(value === undefined && isFunction(type) ? null : value, type);
}

/**
 * @param {Core} core
 * @param {number} type
 * @param {boolean} mutable
 * @param {number | bigint} value
 */
function globalNew(core, type, mutable, value) {
  const { abi } = core;
  storeValue(abi.dv(), abi.scratch, value, type);
  const pointer = abi.exports.engine_global_new(core.store, abi.scratch, mutable ? 1 : 0);
  return abi.made(pointer, "a global");
}

export class EngineGlobal {
  #type;

  /**
   * @param {Core} core
   * @param {GlobalDescriptor | number} from a descriptor, or the pointer of one that exists
   * @param {unknown} [value]
   */
  constructor(core, from, value) {
    this.core = core;
    if (typeof from === "number") this.pointer = from;
    else {
      const type = typeCode(from.value);
      this.pointer = globalNew(core, type, from.mutable === true, firstValue(core, value, type));
      objectsOf(core).set(this.pointer, this);
    }
    this.#type = core.abi.typeOf(GLOBAL, this.pointer);
  }

  /** @returns {unknown} */
  get value() {
    const { abi, references } = this.core;
    abi.exports.engine_global_get(this.pointer, abi.scratch);
    return loadSlot(abi, abi.scratch + 8, this.#type.type, references);
  }

  set value(/** @type {unknown} */ value) {
    if ((this.#type.flags & MUTABLE) === 0) throw new TypeError("The global is immutable.");
    const { abi } = this.core;
    const converted = this.core.convert(value, this.#type.type);
    storeValue(abi.dv(), abi.scratch, converted, this.#type.type);
    abi.exports.engine_global_set(this.pointer, abi.scratch);
  }

  valueOf() {
    return this.value;
  }
}

/**
 * A new global's value: zero or null where none is given.
 * @param {Core} core
 * @param {unknown} value
 * @param {number} type
 */
function firstValue(core, value, type) {
  if ((type & 15) === 6) return initialReference(core, value, type);
  if (value !== undefined) return core.convert(value, type);
  return (type & 15) === 2 ? 0n : 0;
}

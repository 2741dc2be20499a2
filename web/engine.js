/**
 * The engine in JavaScript: WebAssembly interpreted, so that it can be stopped anywhere. An `Engine`
 * has the shape of the global `WebAssembly`, plus runs with fuel, steps and resumption.
 *
 * ```js
 * import { Engine } from "nidus/engine";
 * const engine = await Engine.create();
 * const { instance } = await engine.instantiate(bytes, imports);
 * instance.exports.add(1, 2); // as with WebAssembly
 *
 * const run = engine.run(instance.exports.main, []); // prepared, not yet running
 * run.fuel = 1_000_000n;
 * while (run.resume(10_000n) === "ready") draw(run.frames);
 * ```
 *
 * It differs from the global `WebAssembly` in three ways. The bytes of a memory lie inside the engine's
 * own memory: `buffer` is that, and a memory has `byteOffset` and `byteLength` like a typed array, and
 * `bytes` for all of it. What a guest holds by reference lives as long as the engine, and the guest's own
 * structs and arrays as long as either side has them. An import made by
 * `engine.suspending` may answer a promise on any host, for a guest called by `engine.promising`.
 */

import { compileAsset } from "./assets.js";
import { Core } from "./engine-core.js";
import { EngineException, EngineTag } from "./engine-exceptions.js";
import {
  EngineGlobal,
  EngineInstance,
  EngineMemory,
  EngineModule,
  EngineTable,
  Suspending,
} from "./engine-objects.js";
import { Run } from "./engine-run.js";

/** @typedef {import("./engine-core.js").Limits} Limits */
/** @typedef {import("./engine-objects.js").Imports} Imports */
/** @typedef {import("./engine-run.js").Frame} Frame */
/** @typedef {import("./engine-run.js").RunStatus} RunStatus */
/** @typedef {import("./engine-values.js").ExportedFunction} ExportedFunction */

/**
 * @typedef {object} EngineOptions
 * @property {import("./assets.js").ModuleSource | Promise<import("./assets.js").ModuleSource>} [source]
 *   engine.wasm; left out, it is fetched from beside this file
 * @property {Limits} [limits]
 */

export {
  EngineException,
  EngineGlobal,
  EngineInstance,
  EngineMemory,
  EngineModule,
  EngineTable,
  EngineTag,
  Run,
  Suspending,
};
export { UNLIMITED } from "./engine-abi.js";

export class Engine {
  #core;

  /**
   * Use `Engine.create`.
   * @param {WebAssembly.Module} module engine.wasm
   * @param {Limits} limits
   */
  constructor(module, limits) {
    const core = new Core(module, limits);
    this.#core = core;

    /** As `WebAssembly.Module`. */
    this.Module = class Module extends EngineModule {
      /** @param {BufferSource} bytes */
      constructor(bytes) {
        super(core, bytes);
      }
    };
    /** As `WebAssembly.Instance`. */
    this.Instance = class Instance extends EngineInstance {
      /** @param {EngineModule} module @param {Imports} [imports] */
      constructor(module, imports) {
        super(core, module, imports);
        this.startSync();
      }
    };
    /** As `WebAssembly.Memory`, but for `buffer`. */
    this.Memory = class Memory extends EngineMemory {
      /** @param {import("./engine-objects.js").MemoryDescriptor} descriptor */
      constructor(descriptor) {
        super(core, descriptor);
      }
    };
    /** As `WebAssembly.Table`. */
    this.Table = class Table extends EngineTable {
      /** @param {import("./engine-objects.js").TableDescriptor} descriptor @param {unknown} [init] */
      constructor(descriptor, init) {
        super(core, descriptor, init);
      }
    };
    /** As `WebAssembly.Global`. */
    this.Global = class Global extends EngineGlobal {
      /** @param {import("./engine-objects.js").GlobalDescriptor} descriptor @param {unknown} [value] */
      constructor(descriptor, value) {
        super(core, descriptor, value);
      }
    };
    /** As `WebAssembly.Tag`. */
    this.Tag = class Tag extends EngineTag {
      /** @param {{parameters: Iterable<string>}} descriptor */
      constructor(descriptor) {
        super(core, descriptor);
      }
    };
    /** As `WebAssembly.Exception`. */
    this.Exception = class Exception extends EngineException {
      /** @param {EngineTag} tag @param {Iterable<unknown>} [payload] */
      constructor(tag, payload) {
        super(core, tag, payload);
      }
    };
    /** As `WebAssembly.JSTag`: the tag of what an import throws that is no `Exception`. */
    this.JSTag = core.errorTag;
    // What instances export is made by the bases; it is of these classes all the same.
    for (const [Class, Base] of /** @type {[Function, typeof EngineModule][]} */ ([
      [this.Module, EngineModule],
      [this.Instance, EngineInstance],
      [this.Memory, EngineMemory],
      [this.Table, EngineTable],
      [this.Global, EngineGlobal],
      [this.Tag, EngineTag],
      [this.Exception, EngineException],
    ])) {
      Object.defineProperty(Class, Symbol.hasInstance, {
        value: (/** @type {unknown} */ item) => item instanceof Base && item.core === core,
      });
    }
  }

  /**
   * Loads engine.wasm. Every engine has a memory of its own, for all that is made in it.
   * @param {EngineOptions} [options]
   */
  static async create({ source, limits = {} } = {}) {
    const given = source ?? new URL("./engine.wasm", import.meta.url);
    return new Engine(await compileAsset(given, "engine.wasm"), limits);
  }

  /**
   * Is it a valid module?
   * @param {BufferSource} bytes
   */
  validate(bytes) {
    return EngineModule.validate(this.#core, bytes);
  }

  /**
   * @param {BufferSource} bytes
   * @returns {Promise<EngineModule>}
   */
  async compile(bytes) {
    return new this.Module(bytes);
  }

  /**
   * @overload
   * @param {BufferSource} source
   * @param {Imports} [imports]
   * @returns {Promise<{module: EngineModule, instance: EngineInstance}>}
   */
  /**
   * @overload
   * @param {EngineModule} source
   * @param {Imports} [imports]
   * @returns {Promise<EngineInstance>}
   */
  /**
   * Links, and runs the start function, which may wait for promises here.
   * @param {BufferSource | EngineModule} source
   * @param {Imports} [imports]
   * @returns {Promise<EngineInstance | {module: EngineModule, instance: EngineInstance}>}
   */
  async instantiate(source, imports) {
    const module = source instanceof EngineModule ? source : new this.Module(source);
    const instance = new EngineInstance(this.#core, module, imports);
    await instance.start();
    return module === source ? instance : { module, instance };
  }

  /**
   * Prepares a call that runs only when it is resumed.
   * @param {Function} func one that this engine exported
   * @param {unknown[]} [args]
   */
  run(func, args = []) {
    const pointer = this.#core.references.pointer(func);
    if (pointer === undefined) {
      throw new TypeError("engine.run needs a function that this engine exported.");
    }
    return new Run(this.#core, pointer, args);
  }

  /**
   * The function, asynchronous: it runs in slices between which the page lives, and its imports made by
   * `suspending` may answer promises.
   * @param {Function} func one that this engine exported
   * @param {{slice?: bigint, signal?: AbortSignal}} [options]
   * @returns {(...args: unknown[]) => Promise<unknown>}
   */
  promising(func, options) {
    return async (...args) => {
      const run = this.run(func, args);
      try {
        return await run.finish(options);
      } finally {
        run.free();
      }
    };
  }

  /**
   * An import that may answer a promise; the guest waits for it.
   * @param {Function} func
   */
  suspending(func) {
    return new Suspending(func);
  }
}

/**
 * The engine for Node: as web/engine.js, with engine.wasm read from the package's own folder.
 */

import { compileAsset } from "../web/assets.js";
import { Engine as WebEngine } from "../web/engine.js";
import { engineBytes } from "./assets.js";

export * from "../web/engine.js";

/** @typedef {import("../web/engine.js").EngineOptions} EngineOptions */

export class Engine extends WebEngine {
  /**
   * Loads engine.wasm. Every engine has a memory of its own, for all that is made in it.
   * @override
   * @param {EngineOptions} [options]
   */
  static async create({ source = engineBytes(), limits = {} } = {}) {
    return new Engine(await compileAsset(source, "engine.wasm"), limits);
  }
}

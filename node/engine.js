/**
 * The engine for Node: as web/engine.js, with engine.wasm read from the package's own folder.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compileAsset } from "../web/assets.js";
import { Engine as WebEngine } from "../web/engine.js";
import { NidusError } from "../web/errors.js";

export * from "../web/engine.js";

/** @typedef {import("../web/engine.js").EngineOptions} EngineOptions */

function engineBytes() {
  const path = fileURLToPath(new URL("../web/engine.wasm", import.meta.url));
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new NidusError(
      "NIDUS_ASSET",
      `engine.wasm cannot be read at ${path}; install the package again, or in a clone of its ` +
        `repository run: npm run setup`,
      { cause },
    );
  }
}

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

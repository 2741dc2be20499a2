/** What the engine's tests share: an engine, modules from text, and the host's WebAssembly beside it. */
import { Engine } from "../../../node/engine.js";
import { assemble } from "../../spec/assemble.mjs";

export { assemble };

/** @param {import("../../../node/engine.js").EngineOptions} [options] */
export const newEngine = (options) => Engine.create(options);

/** @typedef {Record<string, any>} Exports exported things, called without ceremony */

/**
 * An instance of a module in text form.
 * @param {Engine} engine
 * @param {string} text
 * @param {import("../../../web/engine-objects.js").Imports} [imports]
 * @returns {Promise<Exports>}
 */
export async function run(engine, text, imports) {
  const module = new engine.Module(await assemble(text));
  return new engine.Instance(module, imports).exports;
}

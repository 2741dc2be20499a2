/**
 * `nidus inspect`: what a module is made of, as the engine describes it.
 */

import { readFileSync } from "node:fs";
import { instantiateEngine } from "../web/engine-wasm.js";
import { NidusError, messageOf } from "../web/errors.js";
import { engineBytes } from "./assets.js";

/**
 * @param {string[]} args the module's file
 * @returns {Promise<string>}
 */
export async function inspect(args) {
  const [path] = args;
  if (path === undefined || args.length > 1) {
    throw new NidusError("EUSAGE", "nidus inspect takes one module; see nidus help");
  }
  return `${path}: ${await describeModule(readModule(path), path)}`;
}

/**
 * The description of a module; throws why it is none.
 * @param {Uint8Array} bytes
 * @param {string} name for messages
 */
export async function describeModule(bytes, name) {
  const engine = instantiateEngine(await WebAssembly.compile(await engineBytes()), {});
  const at = engine.engine_alloc(bytes.length + 1) >>> 0;
  if (at === 0) throw new NidusError("ENOMEM", `there is not enough memory to inspect ${name}`);
  new Uint8Array(engine.memory.buffer).set(bytes, at);
  const answer = engine.engine_inspect(at, bytes.length) >>> 0;
  const memory = new Uint8Array(engine.memory.buffer);
  const json = new TextDecoder().decode(memory.subarray(answer, memory.indexOf(0, answer)));
  /** @type {{text?: string, message?: string}} */
  const { text, message } = JSON.parse(json);
  if (text === undefined) {
    throw new NidusError("ENOEXEC", `${name} is not a valid module: ${message}`);
  }
  return text;
}

/** @param {string} path */
function readModule(path) {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new NidusError("ENOENT", `the module ${path} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

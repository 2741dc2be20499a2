/**
 * What can still be read of a volume whose log contradicts itself: salvage.wasm (wasi-polyfill/src/volume_salvage.c) makes
 * the log of a tree of it. Loaded for who asks to repair volumes, and the module only if one needs it.
 */

import { compileAsset } from "./assets.js";
import { NidusError } from "./errors.js";

/**
 * @typedef {object} SalvageExports
 * @property {WebAssembly.Memory} memory
 * @property {() => void} [_initialize]
 * @property {(size: number) => number} alloc
 * @property {(ptr: number, length: number) => number} put_segment
 * @property {() => number} salvage
 * @property {(i: number) => number} segment
 * @property {(i: number) => number} segment_length
 * @property {() => number} unusable
 * @property {() => number} moved
 */

/**
 * Answers a log that a mount takes in, and a sentence that says what is not as it was.
 * @param {Uint8Array[]} log all its segments, in order
 * @param {import("./assets.js").ModuleSource} [source] left out: the package's own file
 * @returns {Promise<{segments: Uint8Array<ArrayBuffer>[], told: string}>}
 */
export async function salvage(log, source = new URL("./salvage.wasm", import.meta.url)) {
  const module = await compileAsset(source, "salvage.wasm");
  const { exports } = await WebAssembly.instantiate(module, {});
  const salvager = /** @type {SalvageExports} */ (/** @type {unknown} */ (exports));
  /** @type {(ptr: number, length: number) => Uint8Array<ArrayBuffer>} */
  const bytes = (ptr, length) =>
    new Uint8Array(/** @type {ArrayBuffer} */ (salvager.memory.buffer), ptr >>> 0, length >>> 0);
  /** @param {number} result */
  const check = (result) => {
    if (result < 0) throw NidusError.fromErrno(-result, "repair");
    return result;
  };
  salvager._initialize?.();
  for (const segment of log) {
    const ptr = salvager.alloc(segment.length);
    if (ptr) bytes(ptr, segment.length).set(segment);
    check(salvager.put_segment(ptr, segment.length));
  }
  const segments = Array.from({ length: check(salvager.salvage()) }, (_, i) =>
    bytes(salvager.segment(i), salvager.segment_length(i)).slice(),
  );
  const told =
    `the log contradicted itself: parts of it that could not be used: ${salvager.unusable()}; ` +
    `files and folders that are in lost+found now: ${salvager.moved()}`;
  return { segments, told };
}

/**
 * Mounts a volume; if its log contradicts itself, what can be read of that.
 * @template T
 * @param {import("./volume.js").Store} store
 * @param {(repaired?: string) => Promise<T>} attempt mounts the log that the store answers: its own, or as `repaired` tells
 * @param {import("./assets.js").ModuleSource} [source] of salvage.wasm
 * @returns {Promise<T>}
 */
export async function repairing(store, attempt, source) {
  /** @type {Uint8Array[]} */
  let log = [];
  const { open } = store;
  store.open = async (view) => (log = await open(view));
  return attempt().catch(async (error) => {
    if (error.code !== "EIO" || log.length === 0) throw error;
    const { segments, told } = await salvage(log, source);
    store.open = async () => segments;
    return attempt(told);
  });
}

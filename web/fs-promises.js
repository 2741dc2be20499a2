/**
 * The files of a system in the shape of `node:fs/promises`.
 *
 * Every method is an own, enumerable function without `this`, and so is `promises`, which is the object
 * itself: libraries that ask for node's `fs` or for `fs.promises` (isomorphic-git) take it as it is.
 */

/** @typedef {import("./fs.js").FsSync} FsSync */
/** @typedef {import("./fs.js").Encoding} Encoding */
/** @typedef {import("./fs.js").ReadOptions} ReadOptions */
/** @typedef {import("./fs.js").WriteOptions} WriteOptions */
/** @typedef {import("./fs.js").FileContents} FileContents */
/** @typedef {import("./stats.js").Stats} Stats */
/** @typedef {import("./stats.js").Dirent} Dirent */

/** @typedef {"exists" | "open" | "read" | "write" | "close"} NotNodes */
/** @typedef {NotNodes | "readFile" | "readdir"} Apart the methods whose types are not derived */

/**
 * @typedef {{
 *   (path: string, options: Encoding | {encoding: Encoding, signal?: AbortSignal}): Promise<string>,
 *   (path: string, options?: {encoding?: null, signal?: AbortSignal} | null): Promise<Uint8Array<ArrayBuffer>>,
 *   (path: string, options?: Encoding | ReadOptions | null): Promise<string | Uint8Array<ArrayBuffer>>,
 * }} ReadFile
 */
/**
 * @typedef {{
 *   (path: string, options: {withFileTypes: true, recursive?: boolean}): Promise<Dirent[]>,
 *   (path: string, options?: {withFileTypes?: false, recursive?: boolean} | Encoding | null): Promise<string[]>,
 * }} Readdir
 */
/**
 * @typedef {{[Name in Exclude<keyof FsSync, Apart>]:
 *   (...values: Parameters<FsSync[Name]>) => Promise<ReturnType<FsSync[Name]>>}
 *   & {readFile: ReadFile, readdir: Readdir}} Methods
 */
/** @typedef {Methods & {promises: Methods}} Fs */

/**
 * The methods of these names, as one function does them.
 * @param {string[]} names
 * @param {(name: string, ...values: any[]) => unknown} call
 * @returns {Fs}
 */
export function createFs(names, call) {
  /** @type {Record<string, unknown>} */
  const fs = {};
  for (const name of names) {
    fs[name] = async (/** @type {any[]} */ ...values) => {
      const signal = values.at(-1)?.signal;
      // It cannot be sent to a worker; what it may stop is one short call.
      if (signal) values.push({ ...values.pop(), signal: signal.throwIfAborted() });
      return call(name, ...values);
    };
  }
  fs.promises = fs;
  return /** @type {Fs} */ (/** @type {unknown} */ (fs));
}

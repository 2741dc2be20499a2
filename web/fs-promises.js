/**
 * The files of a system in the shape of `node:fs/promises`.
 *
 * Every method is an own, enumerable, bound function, and so is `promises`, which is the object
 * itself: libraries that ask for node's `fs` or for `fs.promises` (isomorphic-git) take it as it is.
 */

import { NidusError } from "./errors.js";
import { decodeText } from "./fs.js";

/** @typedef {import("./fs.js").FsSync} FsSync */
/** @typedef {import("./fs.js").FileContents} FileContents */
/** @typedef {import("./stats.js").Stats} Stats */
/** @typedef {import("./stats.js").Dirent} Dirent */

/** @typedef {"utf8" | "utf-8"} Encoding */
/** @typedef {{encoding?: Encoding | null, signal?: AbortSignal}} ReadOptions */
/** @typedef {{encoding?: Encoding | null, flag?: "w" | "wx" | "a", mode?: number, signal?: AbortSignal}} WriteOptions */

/**
 * @param {unknown} options
 * @returns {boolean} text is wanted
 */
function wantsText(options) {
  const encoding =
    typeof options === "object" && options !== null
      ? /** @type {{encoding?: unknown}} */ (options).encoding
      : options;
  if (encoding === undefined || encoding === null || encoding === "buffer") return false;
  if (encoding === "utf8" || encoding === "utf-8") return true;
  throw new NidusError("EINVAL", `EINVAL: the encoding "${encoding}" is not known; use "utf8"`);
}

/**
 * @param {FsSync} sync
 */
export function createFs(sync) {
  /**
   * @overload
   * @param {string} path
   * @param {Encoding | {encoding: Encoding, signal?: AbortSignal}} options
   * @returns {Promise<string>}
   */
  /**
   * @overload
   * @param {string} path
   * @param {{encoding?: null, signal?: AbortSignal} | null} [options]
   * @returns {Promise<Uint8Array>}
   */
  /**
   * @param {string} path
   * @param {Encoding | ReadOptions | null} [options]
   * @returns {Promise<string | Uint8Array>}
   */
  async function readFile(path, options) {
    const text = wantsText(options);
    if (typeof options === "object") options?.signal?.throwIfAborted();
    const bytes = sync.readFile(path);
    return text ? decodeText(bytes) : bytes;
  }

  /**
   * @overload
   * @param {string} path
   * @param {{withFileTypes: true, recursive?: boolean}} options
   * @returns {Promise<Dirent[]>}
   */
  /**
   * @overload
   * @param {string} path
   * @param {{withFileTypes?: false, recursive?: boolean} | Encoding | null} [options]
   * @returns {Promise<string[]>}
   */
  /**
   * @param {string} path
   * @param {{withFileTypes?: boolean, recursive?: boolean} | Encoding | null} [options]
   * @returns {Promise<string[] | Dirent[]>}
   */
  async function readdir(path, options) {
    const { withFileTypes = false, recursive = false } =
      typeof options === "object" && options !== null ? options : {};
    const base = path.endsWith("/") ? path : `${path}/`;
    const entries = sync.readdir(path);
    for (let i = 0; recursive && i < entries.length; i++) {
      const { name, parentPath, isDirectory } = /** @type {Dirent} */ (entries[i]);
      if (!isDirectory.call(entries[i])) continue;
      entries.push(
        ...sync.readdir(parentPath.endsWith("/") ? parentPath + name : `${parentPath}/${name}`),
      );
    }
    if (withFileTypes) return entries;
    return entries.map(({ name, parentPath }) =>
      parentPath === path ? name : `${parentPath}/${name}`.slice(base.length),
    );
  }

  /**
   * @param {string} path
   * @param {FileContents} contents
   * @param {Encoding | WriteOptions | null} [options]
   * @returns {Promise<void>}
   */
  async function writeFile(path, contents, options) {
    wantsText(options);
    const { flag = "w", mode, signal } = typeof options === "object" ? (options ?? {}) : {};
    signal?.throwIfAborted();
    const isNew = mode !== undefined && !sync.exists(path);
    sync.writeFile(path, contents, flag);
    if (isNew) sync.chmod(path, mode);
  }

  const fs = {
    readFile,
    readdir,
    writeFile,

    /**
     * @param {string} path
     * @param {FileContents} contents
     * @param {Encoding | WriteOptions | null} [options]
     * @returns {Promise<void>}
     */
    appendFile: (path, contents, options) =>
      writeFile(path, contents, { ...(typeof options === "object" ? options : {}), flag: "a" }),

    /**
     * @param {string} path
     * @param {{recursive?: boolean, mode?: number} | number} [options]
     * @returns {Promise<string | undefined>} the first folder made, if `recursive`
     */
    async mkdir(path, options) {
      const { recursive = false, mode } = typeof options === "object" ? options : { mode: options };
      if (recursive) return sync.mkdirs(path);
      sync.mkdir(path);
      if (mode !== undefined) sync.chmod(path, mode);
      return undefined;
    },

    /** @param {string} path */
    stat: async (path) => sync.stat(path),
    /** @param {string} path */
    lstat: async (path) => sync.stat(path, false),

    /**
     * Rejects unless the path leads to something.
     * @param {string} path
     */
    async access(path) {
      try {
        sync.stat(path);
      } catch (error) {
        throw error instanceof NidusError && error.errno !== undefined
          ? NidusError.fromErrno(error.errno, "access", path)
          : error;
      }
    },

    /** @param {string} path */
    rmdir: async (path) => sync.rmdir(path),
    /** @param {string} path */
    unlink: async (path) => sync.unlink(path),
    /** @type {(path: string, options?: {recursive?: boolean, force?: boolean}) => Promise<void>} */
    rm: async (path, options) => sync.rm(path, options),
    /** @type {(from: string, to: string) => Promise<void>} */
    rename: async (from, to) => sync.rename(from, to),
    /** @type {(from: string, to: string) => Promise<void>} */
    link: async (from, to) => sync.link(from, to),
    /** @type {(target: string, path: string) => Promise<void>} */
    symlink: async (target, path) => sync.symlink(target, path),
    /** @param {string} path */
    readlink: async (path) => sync.readlink(path),
    /** @param {string} path */
    realpath: async (path) => sync.realpath(path),
    /** @type {(path: string, size?: number) => Promise<void>} */
    truncate: async (path, size) => sync.truncate(path, size),
    /** @type {(path: string, atime: number | Date, mtime: number | Date) => Promise<void>} */
    utimes: async (path, atime, mtime) => sync.utimes(path, atime, mtime),
    /** @type {(path: string, mode: number) => Promise<void>} */
    chmod: async (path, mode) => sync.chmod(path, mode),
    /** @type {(from: string, to: string, flags?: number) => Promise<void>} */
    copyFile: async (from, to, flags = 0) => sync.copyFile(from, to, (flags & 1) !== 0),
    /** @type {(from: string, to: string, options?: {recursive?: boolean, force?: boolean, errorOnExist?: boolean}) => Promise<void>} */
    cp: async (from, to, options) => sync.cp(from, to, options),
    /** @param {string} prefix */
    mkdtemp: async (prefix) => sync.mkdtemp(prefix),
  };
  const whole = /** @type {typeof fs & {promises: typeof fs}} */ (fs);
  whole.promises = fs;
  return whole;
}

/** @typedef {ReturnType<typeof createFs>} Fs */

/**
 * The files of a system for the host, synchronously, in the shape of `node:fs/promises`: what the kernel's
 * `nidus_fs` does, and the methods made of it.
 *
 * Invariant: nothing is cached here, and no state of a call outlives it in kernel memory. What the kernel
 * refuses is thrown as a NidusError with node's `code` and wording.
 */

import { NidusError } from "./errors.js";
import { encodePath } from "./kernel.js";
import { Dirent, Stats } from "./stats.js";
import { toBytes } from "./streams.js";

/** The kernel's operations (fs.h) in their order. Those below `ONE_PATH` take two paths. */
const OPERATIONS = (
  "copyFile cp link rename symlink chmod mkdir mkdtemp rm rmdir truncate unlink utimes " +
  "access lstat readdir readlink realpath stat"
).split(" ");
const ONE_PATH = 5;
const EXISTS = 19;
const OPEN = 20;
const READ = 21;
const WRITE = 22;
const CLOSE = 23;
/** What an answer is, by its kind: 0 nothing, 1 text; from NUMBER on a number. Below 0 it is an errno. */
const LIST = 2;
const STATS = 4;
const NUMBER = 5;
/** How much is written at a time. */
const PIECE = 256 * 1024;
/** Room to read into at what should be the end of a file. */
const END_ROOM = 4096;
/** The options that are true or false, in the kernel's order. */
const SWITCHES = ["recursive", "force", "errorOnExist", "withFileTypes"];

const decoder = new TextDecoder();

/** @typedef {string | Uint8Array | ArrayBuffer} FileContents */
/** @typedef {"utf8" | "utf-8"} Encoding */
/** @typedef {{encoding?: Encoding | null, signal?: AbortSignal}} ReadOptions */
/** @typedef {"w" | "wx" | "a"} WriteFlag */
/** @typedef {{encoding?: Encoding | null, flag?: WriteFlag, mode?: number, signal?: AbortSignal}} WriteOptions */
/** @typedef {"r" | "r+" | "w+" | "wx+" | "a+" | WriteFlag} OpenFlag */

/**
 * @typedef {{
 *   (path: string, options: Encoding | {encoding: Encoding, signal?: AbortSignal}): string,
 *   (path: string, options?: {encoding?: null, signal?: AbortSignal} | null): Uint8Array<ArrayBuffer>,
 *   (path: string, options?: Encoding | ReadOptions | null): string | Uint8Array<ArrayBuffer>,
 * }} ReadFile
 */
/**
 * @typedef {{
 *   (path: string, options: {withFileTypes: true, recursive?: boolean}): Dirent[],
 *   (path: string, options?: {withFileTypes?: false, recursive?: boolean} | Encoding | null): string[],
 * }} Readdir
 */

/**
 * What every method does, node's name for name; `mkdir` with `recursive` answers the first folder made.
 * @typedef {object} FsSync
 * @property {(from: string, to: string, flags?: number) => void} copyFile
 * @property {(from: string, to: string, options?: {recursive?: boolean, force?: boolean, errorOnExist?: boolean}) => void} cp
 * @property {(from: string, to: string) => void} link
 * @property {(from: string, to: string) => void} rename
 * @property {(target: string, path: string) => void} symlink
 * @property {(path: string, mode: number) => void} chmod
 * @property {(path: string, options?: {recursive?: boolean, mode?: number} | number) => string | undefined} mkdir
 * @property {(prefix: string) => string} mkdtemp
 * @property {(path: string, options?: {recursive?: boolean, force?: boolean}) => void} rm
 * @property {(path: string) => void} rmdir
 * @property {(path: string, size?: number) => void} truncate
 * @property {(path: string) => void} unlink
 * @property {(path: string, atime: number | Date, mtime: number | Date) => void} utimes times in seconds, or dates
 * @property {(path: string) => void} access throws unless the path leads to something
 * @property {(path: string) => Stats} lstat
 * @property {Readdir} readdir in the order of the names
 * @property {(path: string) => string} readlink
 * @property {(path: string) => string} realpath
 * @property {(path: string) => Stats} stat
 * @property {ReadFile} readFile
 * @property {(path: string, contents: FileContents, options?: Encoding | WriteOptions | null) => void} writeFile
 * @property {(path: string, contents: FileContents, options?: Encoding | WriteOptions | null) => void} appendFile
 * @property {(path: string) => boolean} exists
 * @property {(path: string, flag?: OpenFlag, mode?: number) => number} open answers a descriptor of process 1
 * @property {(fd: number, into: Uint8Array, path?: string) => number} read 0 at the end; `path` for the error
 * @property {(fd: number, bytes: Uint8Array, path?: string) => void} write all of them
 * @property {(fd: number) => void} close
 */

/**
 * A number of node's for the kernel, which takes dates as seconds.
 * @param {unknown} value
 */
function numberOf(value) {
  const number = /** @type {number} */ (value);
  return value instanceof Date ? number / 1000 : number;
}

/**
 * Is text wanted?
 * @param {unknown} options
 */
function wantsText(options) {
  const { encoding = options } = Object(options);
  if (/^utf-?8$/.test(encoding)) return true;
  if (typeof encoding !== "string" || encoding === "buffer") return false;
  throw new NidusError("EINVAL", `EINVAL: the encoding "${encoding}" is not known; use "utf8"`);
}

/**
 * @param {import("./kernel.js").Kernel} kernel
 * @returns {FsSync}
 */
export function createSync(kernel) {
  /**
   * One operation of the kernel.
   * @param {number} operation
   * @param {(string | Uint8Array)[]} values one or two
   * @param {unknown} [options] node's, or the number that stands in their place
   * @param {unknown} [second] a further number
   * @param {Uint8Array} [into] where bytes go
   * @returns {any}
   */
  function call(operation, values, options, second, into) {
    const given = Object(options);
    const switches = SWITCHES.reduce(
      (bits, name, i) => bits | ((given[name] == null ? 0 : given[name] ? 1 : 2) << (2 * i)),
      0,
    );
    const bytes = values.map((value) => (value instanceof Uint8Array ? value : encodePath(value)));
    const [first, next = 0] = bytes.map(({ length }) => length);
    const numbers = [
      first,
      next,
      switches,
      numberOf(given.mode ?? options ?? NaN),
      numberOf(second),
    ];
    const [kind, answer] = kernel.withBytes(bytes, (at) =>
      kernel.take("nidus_fs", [operation, at, ...numbers], (view, result) => {
        if (result < NUMBER) return view.slice();
        into?.set(view);
        return view;
      }),
    );
    if (kind >= NUMBER) return kind - NUMBER;
    if (kind === STATS) return new Stats(new Float64Array(answer.buffer));
    const text = decodeText(answer);
    const list = text.split("\0");
    if (kind < 0) throw NidusError.fromErrno(-kind, .../** @type {[string]} */ (list));
    if (kind < LIST) return kind ? text : undefined;
    list.pop();
    return kind === LIST ? list : list.map((record) => new Dirent(record));
  }

  /** @param {string} path @param {string} [flag] @param {number} [mode] @returns {number} */
  const open = (path, flag = "r", mode) => call(OPEN, [path, flag], mode);

  /** @param {number} fd @param {Uint8Array} into @param {string} [path] @returns {number} */
  const read = (fd, into, path = "") => call(READ, [path], fd, into.length, into);

  /** @param {number} fd @param {Uint8Array} bytes @param {string} [path] */
  const write = (fd, bytes, path = "") => {
    for (let at = 0; at < bytes.length; at += PIECE) {
      call(WRITE, [path, bytes.subarray(at, at + PIECE)], fd);
    }
  };

  /** @param {number} fd */
  const close = (fd) => call(CLOSE, [""], fd);

  /** @param {string} path @param {unknown} [options] */
  const readFile = (path, options) => {
    const text = wantsText(options);
    const fd = open(path);
    try {
      let bytes = new Uint8Array(sync.stat(path).size);
      let size = 0;
      for (;;) {
        // Some more room than the file is said to need shows whether it grew, or is a device.
        const room = size < bytes.length ? bytes.subarray(size) : new Uint8Array(END_ROOM);
        const got = read(fd, room, path);
        if (got === 0) break;
        if (size === bytes.length) {
          const longer = new Uint8Array(2 * size + END_ROOM);
          longer.set(bytes);
          longer.set(room, size);
          bytes = longer;
        }
        size += got;
      }
      if (size < bytes.length) bytes = bytes.slice(0, size);
      return text ? decodeText(bytes) : bytes;
    } finally {
      close(fd);
    }
  };

  /** @type {FsSync["writeFile"]} */
  const writeFile = (path, contents, options) => {
    wantsText(options);
    const { flag = "w", mode } = /** @type {WriteOptions} */ (Object(options));
    const fd = open(path, flag, mode);
    try {
      write(fd, toBytes(contents), path);
    } finally {
      close(fd);
    }
  };

  /** @type {FsSync["appendFile"]} */
  const appendFile = (path, contents, options) =>
    writeFile(path, contents, { .../** @type {WriteOptions} */ (Object(options)), flag: "a" });

  /** @param {string} path */
  const exists = (path) => call(EXISTS, [path]) > 0;

  const operations = OPERATIONS.map((name, number) => [
    name,
    (/** @type {string} */ path, /** @type {any} */ next, /** @type {unknown} */ last) =>
      number < ONE_PATH ? call(number, [path, next], last) : call(number, [path], next, last),
  ]);
  const more = { readFile, writeFile, appendFile, exists, open, read, write, close };
  const sync = /** @type {FsSync} */ ({ ...Object.fromEntries(operations), ...more });
  return sync;
}

/** @param {Uint8Array} bytes */
export const decodeText = (bytes) => decoder.decode(bytes);

/**
 * The files of a system for the host, in the shape of `node:fs/promises`: what the kernel's `nidus_fs` does, and the
 * methods made of it. Each is a generator, which yields where it has to wait for contents that are not in memory; who
 * cannot wait gets `EAGAIN` there.
 *
 * Invariant: nothing is cached here, and no state of a call outlives it in kernel memory. What the kernel
 * refuses is thrown as a NidusError with node's `code` and wording.
 */

import {
  FS_CLOSE,
  FS_EXISTS,
  FS_FIELDS,
  FS_LIST,
  FS_NUMBER,
  FS_ONE_PATH,
  FS_OPEN,
  FS_READ,
  FS_STATS,
  FS_WAITS,
  FS_WRITE,
} from "./abi.js";
import { NidusError } from "./errors.js";
import { encodePath } from "./kernel.js";
import { FS_PIECE } from "./limits.js";
import { revive } from "./stats.js";
import { concat, toBytes } from "./streams.js";

/** The kernel's operations (fs.h) in their order. Those below `FS_ONE_PATH` take two paths. */
const OPERATIONS = (
  "copyFile cp link rename symlink chmod mkdir mkdtemp rm rmdir truncate unlink utimes " +
  "access lstat readdir readlink realpath stat"
).split(" ");
/** The options that are true or false, in the kernel's order. */
const SWITCHES = ["recursive", "force", "errorOnExist", "withFileTypes"];

/** Operations that copy: they may go on. */
const FS_COPIES = 2;
const EAGAIN = 6;

const decoder = new TextDecoder();

/** @typedef {import("./stats.js").Dirent} Dirent */
/** @typedef {import("./stats.js").Stats} Stats */
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
 * @property {(fd: number, path?: string, pid?: number) => Uint8Array<ArrayBuffer>} read some bytes, none at the
 *   end; `path` for the error, `pid` if it is not process 1 whose descriptor it is
 * @property {(fd: number, bytes: Uint8Array, path?: string, pid?: number) => number} write some of them at least;
 *   answers how many
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
 * The fields of a `Stats`.
 * @param {Float64Array} values
 * @param {string[]} names
 */
function statsFields(values, names) {
  const stats = /** @type {Record<string, unknown>} */ ({});
  names.forEach((name, i) => {
    const value = /** @type {number} */ (values[i]);
    stats[name] = value;
    if (/Ms/.test(name)) stats[name.slice(0, -2)] = new Date(value);
  });
  return stats;
}

/**
 * The fields of a `Dirent`.
 * @param {string} record the digit of its type, its name, "/", and the folder it lies in
 */
function direntFields(record) {
  const end = record.indexOf("/");
  return { type: Number(record[0]), name: record.slice(1, end), parentPath: record.slice(end + 1) };
}

/** @typedef {Generator<void, any, void>} Steps */

/**
 * The methods for who cannot wait.
 * @param {import("./kernel.js").Kernel} kernel
 * @returns {FsSync}
 */
export function createSync(kernel, steps = createSteps(kernel)) {
  const methods = Object.entries(steps).map(([name, method]) => [
    name,
    (/** @type {any[]} */ ...values) => {
      const run = method(...values);
      const { done, value } = run.next();
      if (done) return value;
      run.return(undefined);
      throw NidusError.fromErrno(EAGAIN, name);
    },
  ]);
  return Object.fromEntries(methods);
}

/**
 * @param {import("./kernel.js").Kernel} kernel
 * @returns {Record<string, (...values: any[]) => Steps>}
 */
export function createSteps(kernel) {
  /**
   * One operation of the kernel.
   * @param {number} operation
   * @param {(string | Uint8Array)[]} values one or two
   * @param {unknown} [options] node's, or the number that stands in their place
   * @param {unknown} [second] a further number
   * @param {number} [pid] of the process whose descriptor is meant; left out: process 1
   * @returns {Steps}
   */
  function* call(operation, values, options, second, pid = 0) {
    const given = Object(options);
    const switches = SWITCHES.reduce(
      (bits, name, i) => bits | ((given[name] == null ? 0 : given[name] ? 1 : 2) << (2 * i)),
      pid,
    );
    const bytes = values.map((value) => (value instanceof Uint8Array ? value : encodePath(value)));
    let x = numberOf(given.mode ?? options ?? NaN);
    let y = numberOf(second);
    let kind, answer;
    for (;;) {
      [kind, answer] = kernel.call("nidus_fs", bytes, operation, bytes[0].length, switches, x, y);
      // A copy goes on where it was.
      if (kind === FS_WAITS && operation < FS_COPIES) [x, y] = new Float64Array(answer.buffer);
      else if (kind !== FS_WAITS) break;
      yield;
    }
    if (kind >= FS_NUMBER) return operation === FS_READ ? answer : kind - FS_NUMBER;
    const isStats = kind === FS_STATS;
    const text = decodeText(answer.subarray(isStats ? FS_FIELDS : 0));
    const list = text.split("\0");
    if (isStats)
      return revive(statsFields(new Float64Array(answer.buffer, 0, FS_FIELDS / 8), list));
    if (kind < 0) throw NidusError.fromErrno(-kind, .../** @type {[string]} */ (list));
    if (kind < FS_LIST) return kind ? text : undefined;
    list.pop();
    return kind === FS_LIST ? list : revive(list.map(direntFields));
  }

  /** @param {string} path @param {string} [flag] @param {number} [mode] */
  const open = (path, flag = "r", mode) => call(FS_OPEN, [path, flag], mode);

  /** @param {number} fd @param {string} [path] @param {number} [pid] */
  const read = (fd, path = "", pid) => call(FS_READ, [path], fd, NaN, pid);

  /** @param {number} fd @param {Uint8Array} bytes @param {string} [path] @param {number} [pid] */
  const write = (fd, bytes, path = "", pid) =>
    call(FS_WRITE, [path, bytes.subarray(0, FS_PIECE)], fd, NaN, pid);

  /** @param {number} fd */
  const close = (fd) => call(FS_CLOSE, [""], fd);

  /** @param {string} path @param {unknown} [options] @returns {Steps} */
  function* readFile(path, options) {
    const text = wantsText(options);
    const fd = yield* open(path);
    const pieces = [];
    try {
      for (let piece; (piece = yield* read(fd, path)).length > 0;) pieces.push(piece);
      const bytes = concat(pieces);
      return text ? decodeText(bytes) : bytes;
    } finally {
      yield* close(fd);
    }
  }

  /** @param {string} path @param {FileContents} contents @param {unknown} [options] @returns {Steps} */
  function* writeFile(path, contents, options) {
    wantsText(options);
    const { flag = "w", mode } = /** @type {WriteOptions} */ (Object(options));
    const bytes = toBytes(contents);
    const fd = yield* open(path, flag, mode);
    try {
      for (let at = 0; at < bytes.length;) at += yield* write(fd, bytes.subarray(at), path);
    } finally {
      yield* close(fd);
    }
  }

  /** @param {string} path @param {FileContents} contents @param {unknown} [options] */
  const appendFile = (path, contents, options) =>
    writeFile(path, contents, { .../** @type {WriteOptions} */ (Object(options)), flag: "a" });

  /** @param {string} path @returns {Steps} */
  function* exists(path) {
    return (yield* call(FS_EXISTS, [path])) > 0;
  }

  const operations = OPERATIONS.map((name, number) => [
    name,
    (/** @type {string} */ path, /** @type {any} */ next, /** @type {unknown} */ last) =>
      number < FS_ONE_PATH ? call(number, [path, next], last) : call(number, [path], next, last),
  ]);
  const more = { readFile, writeFile, appendFile, exists, open, read, write, close };
  return { ...Object.fromEntries(operations), ...more };
}

/** @param {Uint8Array} bytes */
export const decodeText = (bytes) => decoder.decode(bytes);

/**
 * `Stats` and `Dirent` as plain data: every field is an own, enumerable number, string or date, so that
 * after a structured clone only the methods are missing, which `revive` gives back.
 */

/** @typedef {() => boolean} Question */

/**
 * Is it of one of these types of WASI's?
 * @param {number[]} types
 * @returns {Question}
 */
const is = (...types) =>
  /** @this {{type: number}} */
  function () {
    return types.includes(this.type);
  };

/** What `Stats` and `Dirent` can be asked. */
const questions = {
  isBlockDevice: is(1),
  isCharacterDevice: is(2),
  isDirectory: is(3),
  isFile: is(4),
  isSocket: is(5, 6),
  isSymbolicLink: is(7),
  isFIFO: is(),
};

/** @typedef {typeof questions & {type: number}} Typed `type` is WASI's */

/**
 * What `stat` and `lstat` answer: node's fields and methods, and the number of the mount the file lies on.
 * @typedef {Typed
 *   & Record<"dev" | "ino" | "mode" | "nlink" | "uid" | "gid" | "rdev" | "size" | "blksize" | "blocks", number>
 *   & Record<"atimeMs" | "mtimeMs" | "ctimeMs" | "birthtimeMs" | "mount", number>
 *   & Record<"atime" | "mtime" | "ctime" | "birthtime", Date>} Stats
 */

/**
 * An entry of a folder, as `readdir` with `withFileTypes` answers it.
 * @typedef {Typed & {name: string, parentPath: string}} Dirent
 */

/**
 * Gives such an object its methods, and a list's objects theirs; answers all else as it is.
 * @param {any} value
 * @returns {any}
 */
export function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  return value?.type === undefined ? value : Object.assign(Object.create(questions), value);
}

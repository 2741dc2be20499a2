/**
 * `Stats` and `Dirent` as plain data: every field is an own, enumerable number or string, so that
 * after a structured clone only the prototype is missing (`Stats.from`, `Dirent.from`).
 */

/** What `Stats` and `Dirent` can be asked. */
class Typed {
  /** WASI's file type. */
  type = 0;

  /**
   * Gives a clone its methods back.
   * @template {object} T
   * @this {{prototype: T}}
   * @param {object} clone
   * @returns {T}
   */
  static from(clone) {
    return Object.setPrototypeOf(clone, this.prototype);
  }

  isFile() {
    return this.type === 4;
  }

  isDirectory() {
    return this.type === 3;
  }

  isSymbolicLink() {
    return this.type === 7;
  }

  isCharacterDevice() {
    return this.type === 2;
  }

  isBlockDevice() {
    return this.type === 1;
  }

  isFIFO() {
    return false;
  }

  isSocket() {
    return this.type === 5 || this.type === 6;
  }
}

/** What `stat` and `lstat` answer: node's fields and methods. */
export class Stats extends Typed {
  // In the kernel's order, `type` first.
  dev = 0;
  ino = 0;
  mode = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  rdev = 0;
  size = 0;
  blksize = 0;
  blocks = 0;
  atimeMs = 0;
  mtimeMs = 0;
  ctimeMs = 0;
  birthtimeMs = 0;
  /** The number of the mount the file lies on. */
  mount = 0;

  /** @param {Float64Array} values */
  constructor(values) {
    super();
    const fields = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (this));
    Object.keys(this).forEach((name, i) => (fields[name] = values[i]));
  }

  get atime() {
    return new Date(this.atimeMs);
  }

  get mtime() {
    return new Date(this.mtimeMs);
  }

  get ctime() {
    return new Date(this.ctimeMs);
  }

  get birthtime() {
    return new Date(this.birthtimeMs);
  }
}

/** An entry of a folder, as `readdir` with `withFileTypes` answers it. */
export class Dirent extends Typed {
  /** @param {string} record the digit of its type, its name, "/", and the folder it lies in */
  constructor(record) {
    super();
    const end = record.indexOf("/");
    this.type = Number(record[0]);
    this.name = record.slice(1, end);
    this.parentPath = record.slice(end + 1);
  }
}

/**
 * `Stats` and `Dirent` as plain data: every field is an own, enumerable number or string, so that
 * after a structured clone only the prototype is missing (`Stats.from`, `Dirent.from`).
 */

/** Type bits of `mode`, by WASI file type: block and character device, folder, file, socket, link. */
const TYPE_BITS = [0, 0o060000, 0o020000, 0o040000, 0o100000, 0o140000, 0o140000, 0o120000];
const FOLDER = 3;
const FILE = 4;
const LINK = 7;

/** What `stat` and `lstat` answer: node's fields and methods. */
export class Stats {
  /**
   * @param {DataView} view
   * @param {number} at of the kernel's 80 bytes
   */
  constructor(view, at) {
    /** @param {number} offset */
    const wide = (offset) => Number(view.getBigUint64(at + offset, true));
    /** @param {number} offset */
    const milliseconds = (offset) => {
      const nanoseconds = view.getBigUint64(at + offset, true);
      return Number(nanoseconds / 1000n) / 1000;
    };
    this.dev = wide(0);
    this.ino = wide(8);
    this.type = view.getUint32(at + 16, true);
    this.mode = view.getUint32(at + 20, true) | (TYPE_BITS[this.type] ?? 0);
    this.nlink = wide(24);
    this.uid = 0;
    this.gid = 0;
    this.rdev = 0;
    this.size = wide(32);
    this.blksize = 4096;
    this.blocks = Math.ceil(wide(72) / 512);
    this.atimeMs = milliseconds(40);
    this.mtimeMs = milliseconds(48);
    this.ctimeMs = milliseconds(56);
    this.birthtimeMs = this.ctimeMs;
    /** The number of the mount the file lies on. */
    this.mount = view.getUint32(at + 64, true);
  }

  /**
   * Gives a clone its methods back.
   * @param {object} clone
   * @returns {Stats}
   */
  static from(clone) {
    return Object.setPrototypeOf(clone, Stats.prototype);
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

  isFile() {
    return this.type === FILE;
  }

  isDirectory() {
    return this.type === FOLDER;
  }

  isSymbolicLink() {
    return this.type === LINK;
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

/** An entry of a folder, as `readdir` with `withFileTypes` answers it. */
export class Dirent {
  /**
   * @param {string} name
   * @param {string} parentPath
   * @param {number} type WASI file type
   */
  constructor(name, parentPath, type) {
    this.name = name;
    this.parentPath = parentPath;
    this.type = type;
  }

  /**
   * Gives a clone its methods back.
   * @param {object} clone
   * @returns {Dirent}
   */
  static from(clone) {
    return Object.setPrototypeOf(clone, Dirent.prototype);
  }

  isFile() {
    return this.type === FILE;
  }

  isDirectory() {
    return this.type === FOLDER;
  }

  isSymbolicLink() {
    return this.type === LINK;
  }
}

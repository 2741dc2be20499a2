/**
 * Folders of this machine as the kernel's `host` mounts: the `fs_…` imports of docs/kernel-abi.md on
 * node's synchronous calls.
 *
 * Invariant: nothing outside a mounted folder is touched. The kernel resolves `..` and symbolic links
 * itself and hands over paths without either; a path that has `..` all the same is refused here, and
 * the last part of a path is never followed as a link (`lstat`, `O_NOFOLLOW`, `lutimes`).
 */

import * as fs from "node:fs";
import { resolve } from "node:path";
import { NidusError } from "../web/errors.js";
import { errnoNumber } from "./errno.js";
import { ExactTimes } from "./exact-times.js";

const { constants } = fs;
const OPEN = { read: 1, write: 2, create: 4, exclusive: 8, truncate: 16 };
/** WASI file types by the format bits of `st_mode`. */
const TYPES = new Map([
  [constants.S_IFBLK, 1],
  [constants.S_IFCHR, 2],
  [constants.S_IFDIR, 3],
  [constants.S_IFREG, 4],
  [constants.S_IFSOCK, 6],
  [constants.S_IFLNK, 7],
]);
/** Size of the fixed part of an entry in a listing. */
const ENTRY_HEADER = 16;
const NOT_SEEKABLE = "ESPIPE";

/** @typedef {import("../web/kernel.js").Kernel} Kernel */

/** The mounted folders of one system. */
export class HostFolders {
  /** The mounted folders, by their numbers. @type {string[]} */
  roots = [];
  /** @type {Kernel | null} */
  #kernel = null;
  /** A view for decoding, of the memory as it was when it was last looked at. */
  #buffer = Buffer.alloc(0);
  #times = new ExactTimes();

  /** @type {import("../web/host.js").FolderImports} */
  imports = this.#makeImports();

  /** @param {Kernel} kernel */
  attach(kernel) {
    this.#kernel = kernel;
  }

  /**
   * Gives a folder its number.
   * @param {string} folder
   */
  add(folder) {
    const path = resolve(folder);
    let stats;
    try {
      stats = fs.statSync(path);
    } catch (error) {
      const { errno } = fromNode(error);
      throw NidusError.fromErrno(errno, "mount", folder);
    }
    if (!stats.isDirectory()) throw NidusError.fromErrno(54, "mount", folder);
    this.roots.push(path === "/" ? "" : path);
    return this.roots.length - 1;
  }

  /**
   * Memory of the kernel, whose lock is held, for a listing.
   * @param {number} size
   */
  #alloc(size) {
    const { raw, memory } = /** @type {Kernel} */ (this.#kernel);
    const ptr = raw.nidus_alloc(size) >>> 0;
    if (ptr === 0) throw NidusError.fromErrno(48, "alloc");
    memory.grow(0); // Another thread may have let a shared one grow; this makes it noticed.
    return ptr;
  }

  #memory() {
    if (this.#kernel === null) throw new Error("the kernel called its host before it was attached");
    if (this.#kernel.shared) this.#kernel.memory.grow(0); // As in #alloc.
    const memory = this.#kernel.memory.buffer;
    if (this.#buffer.buffer !== memory) this.#buffer = Buffer.from(memory);
    return this.#buffer;
  }

  /**
   * The path on this machine.
   * @param {number} mount
   * @param {number} ptr
   * @param {number} len
   */
  #path(mount, ptr, len) {
    const root = this.roots[mount];
    if (root === undefined) throw NidusError.fromErrno(8, "mount");
    if (len === 0) return root === "" ? "/" : root;
    const path = this.#memory().toString("utf8", ptr >>> 0, (ptr >>> 0) + len);
    if (path.includes("..") && path.split("/").includes("..")) {
      throw NidusError.fromErrno(76, "open", path);
    }
    return `${root}/${path}`;
  }

  /**
   * Fills the 80 bytes of `nidus_stat`.
   * @param {fs.BigIntStats} stats
   * @param {number} out
   */
  #putStats(stats, out) {
    const memory = this.#memory();
    const at = out >>> 0;
    const mode = Number(stats.mode);
    const { atime, mtime } = this.#times.of(stats);
    memory.writeBigUInt64LE(stats.dev & 0xffffffffffffffffn, at);
    memory.writeBigUInt64LE(stats.ino & 0xffffffffffffffffn, at + 8);
    memory.writeUInt32LE(TYPES.get(mode & constants.S_IFMT) ?? 0, at + 16);
    memory.writeUInt32LE(mode & 0o7777, at + 20);
    memory.writeBigUInt64LE(stats.nlink, at + 24);
    memory.writeBigUInt64LE(stats.size, at + 32);
    memory.writeBigInt64LE(atime, at + 40);
    memory.writeBigInt64LE(mtime, at + 48);
    memory.writeBigInt64LE(stats.ctimeNs, at + 56);
    memory.writeBigUInt64LE(0n, at + 64);
    memory.writeBigUInt64LE((stats.blocks ?? 0n) * 512n, at + 72);
    return 0;
  }

  /**
   * Writes a listing into kernel memory, and its address and length to `out`.
   * @param {string} path
   * @param {number} out
   */
  #putListing(path, out) {
    const kernel = /** @type {Kernel} */ (this.#kernel);
    const entries = fs.readdirSync(path, { withFileTypes: true });
    let size = 0;
    for (const { name } of entries) size += ENTRY_HEADER + padded(Buffer.byteLength(name));
    const ptr = size === 0 ? 0 : this.#alloc(size);
    const memory = this.#memory();
    let at = ptr;
    for (const entry of entries) {
      const length = memory.write(entry.name, at + ENTRY_HEADER);
      memory.writeBigUInt64LE(inodeOf(`${path}/${entry.name}`), at);
      memory.writeUInt32LE(typeOf(entry), at + 8);
      memory.writeUInt32LE(length, at + 12);
      at += ENTRY_HEADER + padded(length);
    }
    memory.writeUInt32LE(ptr, out >>> 0);
    memory.writeUInt32LE(at - ptr, (out >>> 0) + 4);
    return 0;
  }

  #makeImports() {
    /** @type {import("../web/host.js").FolderImports} */
    const calls = {
      fs_stat: (mount, ptr, len, out) =>
        this.#putStats(fs.lstatSync(this.#path(mount, ptr, len), { bigint: true }), out),

      fs_open: (mount, ptr, len, flags) => {
        const both = OPEN.read | OPEN.write;
        const access =
          (flags & both) === both
            ? constants.O_RDWR
            : flags & OPEN.write
              ? constants.O_WRONLY
              : constants.O_RDONLY;
        const how =
          access |
          constants.O_NOFOLLOW |
          (flags & OPEN.create ? constants.O_CREAT : 0) |
          (flags & OPEN.exclusive ? constants.O_EXCL : 0) |
          (flags & OPEN.truncate ? constants.O_TRUNC : 0);
        return fs.openSync(this.#path(mount, ptr, len), how, 0o666);
      },

      fs_close: (handle) => fs.closeSync(handle),
      fs_fstat: (handle, out) => this.#putStats(fs.fstatSync(handle, { bigint: true }), out),
      fs_read: (handle, ptr, len, offset) =>
        offset > Number.MAX_SAFE_INTEGER
          ? 0
          : seekable(offset, (at) => fs.readSync(handle, this.#memory(), ptr >>> 0, len >>> 0, at)),
      fs_write: (handle, ptr, len, offset) =>
        seekable(reachable(offset), (at) =>
          fs.writeSync(handle, this.#memory(), ptr >>> 0, len >>> 0, at),
        ),
      fs_truncate: (handle, size) => void fs.ftruncateSync(handle, Number(reachable(size))),
      fs_sync: (handle, dataOnly) => (dataOnly ? fs.fdatasyncSync : fs.fsyncSync)(handle),
      fs_utimes: (mount, ptr, len, atime, mtime) => {
        const path = this.#path(mount, ptr, len);
        fs.lutimesSync(path, seconds(atime), seconds(mtime));
        this.#times.set(fs.lstatSync(path, { bigint: true }), { atime, mtime });
      },
      fs_futimes: (handle, atime, mtime) => {
        fs.futimesSync(handle, seconds(atime), seconds(mtime));
        this.#times.set(fs.fstatSync(handle, { bigint: true }), { atime, mtime });
      },
      fs_list: (mount, ptr, len, out) => this.#putListing(this.#path(mount, ptr, len), out),
      fs_mkdir: (mount, ptr, len) => void fs.mkdirSync(this.#path(mount, ptr, len)),
      fs_rmdir: (mount, ptr, len) => fs.rmdirSync(this.#path(mount, ptr, len)),
      fs_unlink: (mount, ptr, len) => fs.unlinkSync(this.#path(mount, ptr, len)),
      fs_rename: (mount, ptr, len, newPtr, newLen) =>
        fs.renameSync(this.#path(mount, ptr, len), this.#path(mount, newPtr, newLen)),
      fs_link: (mount, ptr, len, newPtr, newLen) =>
        fs.linkSync(this.#path(mount, ptr, len), this.#path(mount, newPtr, newLen)),
      fs_symlink: (mount, target, targetLen, ptr, len) => {
        const to = this.#memory().toString("utf8", target >>> 0, (target >>> 0) + targetLen);
        fs.symlinkSync(to, this.#path(mount, ptr, len));
      },
      fs_readlink: (mount, ptr, len, buffer, size) => {
        const target = fs.readlinkSync(this.#path(mount, ptr, len), "buffer");
        target.copy(this.#memory(), buffer >>> 0, 0, size >>> 0);
        return target.length;
      },
    };
    for (const [name, call] of Object.entries(calls)) {
      calls[/** @type {`fs_${string}`} */ (name)] = (...values) => {
        try {
          return call(...values) ?? 0;
        } catch (error) {
          return -fromNode(error).errno;
        }
      };
    }
    return calls;
  }
}

/**
 * The inode number, 0 when it cannot be had: the entry is gone again, or may not be looked at.
 * @param {string} path
 */
function inodeOf(path) {
  try {
    const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? 0n : stats.ino & 0xffffffffffffffffn;
  } catch {
    return 0n;
  }
}

/** @param {fs.Dirent} entry */
function typeOf(entry) {
  if (entry.isFile()) return 4;
  if (entry.isDirectory()) return 3;
  if (entry.isSymbolicLink()) return 7;
  return entry.isCharacterDevice() ? 2 : entry.isBlockDevice() ? 1 : entry.isSocket() ? 6 : 0;
}

/** @param {number} length */
function padded(length) {
  return (length + 7) & ~7;
}

/**
 * An offset that Node takes: it writes wherever the file is when it gets a greater one.
 * @param {bigint} offset
 */
function reachable(offset) {
  if (offset <= Number.MAX_SAFE_INTEGER) return offset;
  throw Object.assign(new Error("No file of this host is that large."), { code: "EFBIG" });
}

/**
 * Calls with the offset, or without one where the file has none (a pipe, a terminal).
 * @param {bigint} offset
 * @param {(at: number | null) => number} call
 */
function seekable(offset, call) {
  try {
    return call(Number(offset));
  } catch (error) {
    if (/** @type {{code?: string}} */ (error).code !== NOT_SEEKABLE) throw error;
    return call(null);
  }
}

/**
 * Nanoseconds as seconds. Node cuts them off at microseconds (20, 22) or at what a double can hold (24):
 * so a little is added, for the microsecond to be right however it is cut.
 * @param {bigint} nanoseconds
 */
function seconds(nanoseconds) {
  return (Number(nanoseconds / 1000n) + 0.3) / 1e6;
}

/**
 * @param {unknown} error
 * @returns {{errno: number}} WASI's number
 */
function fromNode(error) {
  const { errno, code } = /** @type {{errno?: number, code?: unknown}} */ (error);
  return { errno: error instanceof NidusError && errno ? errno : errnoNumber(code) };
}

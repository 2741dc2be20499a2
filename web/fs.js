/**
 * The file system of a system, for the host: `FsSync`, synchronous, and `createFs`, shaped like
 * `node:fs/promises`. Both act as process 1, whose memory is the kernel's own.
 *
 * Invariant: nothing is cached here. Every call enters the kernel as process 1, leaves it again, and
 * throws a NidusError with node's `code` and wording when the kernel answers an errno.
 */

import { NidusError } from "./errors.js";
import { WOULD_BLOCK, encodePath } from "./kernel.js";
import { Dirent, Stats } from "./stats.js";

const HOST_PID = 1;
const ROOT_FD = 3;
const ENOENT = 44;
const EEXIST = 20;
const ENOTDIR = 54;
const EISDIR = 31;
const EINVAL = 28;
const ENOTSUP = 58;

const SLASH = 0x2f;
const DOT = Uint8Array.of(0x2e);

/** Layout of the scratch memory: results, iovec, then paths, then contents on their way. */
const RESULT = 0;
const IOVEC = 128;
const PATHS = 256;
const PATH_ROOM = 16 * 1024;
const CONTENT = PATHS + PATH_ROOM;
const CONTENT_ROOM = 256 * 1024;

const O = { creat: 1, directory: 2, excl: 4, trunc: 8 };
const FDFLAG_APPEND = 1;
const FOLLOW = 1;
const READ_RIGHTS = (1n << 1n) | (1n << 2n) | (1n << 5n) | (1n << 14n) | (1n << 21n);
const WRITE_RIGHTS = (1n << 2n) | (1n << 5n) | (1n << 6n) | (1n << 21n) | (1n << 22n);
/** Which of the times `path_filestat_set_times` is to set: both, to what is given. */
const SET_BOTH_TIMES = 1 | 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @typedef {string | Uint8Array | ArrayBuffer} FileContents */
/** @typedef {"utf8" | "utf-8" | {encoding?: "utf8" | "utf-8" | null, signal?: AbortSignal} | null} ReadOptions */

/**
 * A path in the kernel's form: absolute.
 * @param {string} path
 */
function absolute(path) {
  return path.startsWith("/") ? path : `/${path}`;
}

/** @param {string} path */
function parentOf(path) {
  return path.slice(0, path.lastIndexOf("/"));
}

/**
 * @param {string} folder
 * @param {string} name
 */
function join(folder, name) {
  return folder === "" || folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

/** The files of a system, synchronously. */
export class FsSync {
  #scratch;

  /** @param {import("./kernel.js").Kernel} kernel */
  constructor(kernel) {
    this.kernel = kernel;
    this.#scratch = kernel.alloc(CONTENT + CONTENT_ROOM);
  }

  /**
   * Calls a WASI function as process 1.
   * @param {string} name
   * @param {(number | bigint)[]} values
   */
  #call(name, ...values) {
    const { raw, shared } = this.kernel;
    raw.nidus_enter(HOST_PID);
    let errno;
    try {
      errno = /** @type {import("./kernel.js").KernelFunction} */ (raw[name])(...values);
    } finally {
      if (shared) raw.nidus_leave(HOST_PID);
    }
    // A device or a stream that would have to be waited for.
    return errno === WOULD_BLOCK ? 6 : errno;
  }

  /**
   * Calls a function whose first parameters after `before` are a path, relative to the root.
   * @param {string} name
   * @param {string} syscall for the error
   * @param {string} path
   * @param {(number | bigint)[]} before
   * @param {(number | bigint)[]} after
   */
  #onPath(name, syscall, path, before, after) {
    const length = this.#putPath(path, 0);
    const errno = this.#call(name, ...before, this.#scratch + PATHS, length, ...after);
    if (errno !== 0) throw NidusError.fromErrno(errno, syscall, path);
  }

  /**
   * Puts a path into the scratch memory, relative to the root; answers its length.
   * @param {string} path
   * @param {number} at
   */
  #putPath(path, at) {
    const bytes = encodePath(path);
    let start = 0;
    while (bytes[start] === SLASH) start++;
    const relative = start > 0 && start === bytes.length ? DOT : bytes.subarray(start);
    return this.#putBytes(relative, at, path);
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   * @param {string} path
   */
  #putBytes(bytes, at, path) {
    if (bytes.length > PATH_ROOM / 2) throw NidusError.fromErrno(37, "open", path);
    this.kernel.u8().set(bytes, this.#scratch + PATHS + at);
    return bytes.length;
  }

  /** @param {number} [at] */
  #result(at = RESULT) {
    return this.kernel.dv().getUint32(this.#scratch + at, true);
  }

  /**
   * Opens a file; the descriptor is one of process 1.
   * @param {string} path
   * @param {"r" | "r+" | "w" | "wx" | "a" | "directory"} [flags]
   * @returns {number}
   */
  open(path, flags = "r") {
    const writes = flags !== "r" && flags !== "directory";
    const oflags =
      flags === "directory"
        ? O.directory
        : !writes || flags === "r+"
          ? 0
          : O.creat | (flags === "a" ? 0 : O.trunc) | (flags === "wx" ? O.excl : 0);
    const rights =
      flags === "r+" ? READ_RIGHTS | WRITE_RIGHTS : writes ? WRITE_RIGHTS : READ_RIGHTS;
    const fdflags = flags === "a" ? FDFLAG_APPEND : 0;
    this.#onPath(
      "path_open",
      "open",
      path,
      [ROOT_FD, FOLLOW],
      [oflags, rights, rights, fdflags, this.#scratch],
    );
    return this.#result();
  }

  /** @param {number} fd */
  close(fd) {
    const errno = this.#call("fd_close", fd);
    if (errno !== 0) throw NidusError.fromErrno(errno, "close");
  }

  /**
   * Opens, uses and closes a file.
   * @template T
   * @param {string} path
   * @param {"r" | "r+" | "w" | "wx" | "a" | "directory"} flags
   * @param {(fd: number) => T} use
   */
  #withFile(path, flags, use) {
    const fd = this.open(path, flags);
    try {
      return use(fd);
    } finally {
      this.#call("fd_close", fd);
    }
  }

  /**
   * One read or write of what the scratch memory holds.
   * @param {"fd_read" | "fd_write"} name
   * @param {number} fd
   * @param {number} length
   * @param {string} [path]
   */
  #transfer(name, fd, length, path) {
    const { kernel } = this;
    const scratch = this.#scratch;
    kernel.dv().setUint32(scratch + IOVEC, scratch + CONTENT, true);
    kernel.dv().setUint32(scratch + IOVEC + 4, length, true);
    const errno = this.#call(name, fd, scratch + IOVEC, 1, scratch + RESULT);
    if (errno !== 0) throw NidusError.fromErrno(errno, name.slice(3), path);
    return this.#result();
  }

  /**
   * Reads from a descriptor's offset; answers the number of bytes, 0 at the end.
   * @param {number} fd
   * @param {Uint8Array} into
   * @param {string} [path] for the error
   */
  read(fd, into, path) {
    const got = this.#transfer("fd_read", fd, Math.min(into.length, CONTENT_ROOM), path);
    const start = this.#scratch + CONTENT;
    into.set(this.kernel.u8().subarray(start, start + got));
    return got;
  }

  /**
   * Writes all bytes at a descriptor's offset.
   * @param {number} fd
   * @param {Uint8Array} bytes
   * @param {string} [path] for the error
   */
  write(fd, bytes, path) {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + CONTENT_ROOM);
      this.kernel.u8().set(part, this.#scratch + CONTENT);
      at += this.#transfer("fd_write", fd, part.length, path);
    }
  }

  /**
   * @param {string} path
   * @returns {Uint8Array<ArrayBuffer>}
   */
  readFile(path) {
    return this.#withFile(path, "r", (fd) => {
      const errno = this.#call("fd_filestat_get", fd, this.#scratch);
      if (errno !== 0) throw NidusError.fromErrno(errno, "read", path);
      const view = this.kernel.dv();
      if (view.getUint8(this.#scratch + 16) === 3) throw NidusError.fromErrno(EISDIR, "read", path);
      let bytes = new Uint8Array(Number(view.getBigUint64(this.#scratch + 32, true)));
      let size = 0;
      for (;;) {
        // One byte more than the file is said to have shows whether it grew, or is a device.
        const room = size < bytes.length ? bytes.subarray(size) : new Uint8Array(CONTENT_ROOM);
        const got = this.read(fd, room, path);
        if (got === 0) return size === bytes.length ? bytes : bytes.slice(0, size);
        if (size === bytes.length) {
          const longer = new Uint8Array(Math.max(size * 2, size + got));
          longer.set(bytes);
          longer.set(room.subarray(0, got), size);
          bytes = longer;
        }
        size += got;
      }
    });
  }

  /**
   * @param {string} path
   * @param {FileContents} contents
   * @param {"w" | "wx" | "a"} [flag]
   */
  writeFile(path, contents, flag = "w") {
    const bytes =
      typeof contents === "string"
        ? encoder.encode(contents)
        : contents instanceof Uint8Array
          ? contents
          : new Uint8Array(contents);
    this.#withFile(path, flag, (fd) => this.write(fd, bytes, path));
  }

  /**
   * @param {string} path
   * @param {number} size
   */
  truncate(path, size = 0) {
    this.#withFile(path, "r+", (fd) => {
      const errno = this.#call("fd_filestat_set_size", fd, BigInt(size));
      if (errno !== 0) throw NidusError.fromErrno(errno, "truncate", path);
    });
  }

  /**
   * The entries of a folder in the order of their names.
   * @param {string} path
   * @returns {Dirent[]}
   */
  readdir(path) {
    /** @type {Dirent[]} */
    const entries = [];
    this.#withFile(path, "directory", (fd) => {
      const start = this.#scratch + CONTENT;
      let cookie = 0n;
      for (;;) {
        const errno = this.#call("fd_readdir", fd, start, CONTENT_ROOM, cookie, this.#scratch);
        if (errno !== 0) throw NidusError.fromErrno(errno, "scandir", path);
        const used = this.#result();
        const view = this.kernel.dv();
        for (let at = 0; at + 24 <= used;) {
          const length = view.getUint32(start + at + 16, true);
          if (at + 24 + length > used) break;
          cookie = view.getBigUint64(start + at, true);
          const name = this.kernel.text(start + at + 24, length);
          if (name !== "." && name !== "..") {
            entries.push(new Dirent(name, path, view.getUint8(start + at + 20)));
          }
          at += 24 + length;
        }
        if (used < CONTENT_ROOM) return;
      }
    });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * @param {string} path
   * @param {boolean} [follow] symbolic links, as `stat` does and `lstat` does not
   */
  stat(path, follow = true) {
    const where = absolute(path);
    const length = this.#putBytes(encodePath(path === "" ? "" : where), 0, path);
    const address = this.#scratch + PATHS;
    const result = this.kernel.exports.nidus_stat(address, length, follow ? 1 : 0, this.#scratch);
    this.kernel.check(result, follow ? "stat" : "lstat", path);
    return new Stats(this.kernel.dv(), this.#scratch);
  }

  /** @param {string} path */
  exists(path) {
    try {
      this.stat(path);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {string} path */
  mkdir(path) {
    this.#onPath("path_create_directory", "mkdir", path, [ROOT_FD], []);
  }

  /**
   * Makes a folder and those above it; answers the first one made, or undefined.
   * @param {string} path
   * @returns {string | undefined}
   */
  mkdirs(path) {
    /** @type {string | undefined} */
    let first;
    let at = "";
    const parts = absolute(path)
      .split("/")
      .filter((part) => part !== "");
    for (const [index, part] of parts.entries()) {
      at += `/${part}`;
      try {
        this.mkdir(at);
        first ??= at;
      } catch (error) {
        if (!(error instanceof NidusError)) throw error;
        // A read-only volume refuses before it looks whether the folder is there.
        const kind = this.#kindOf(at);
        if (kind === "folder") continue;
        const isFile = kind === "file" && index < parts.length - 1;
        throw isFile ? NidusError.fromErrno(ENOTDIR, "mkdir", path) : error;
      }
    }
    return first;
  }

  /** @param {string} path */
  #kindOf(path) {
    try {
      return this.stat(path).isDirectory() ? "folder" : "file";
    } catch {
      return "none";
    }
  }

  /** @param {string} path */
  rmdir(path) {
    this.#onPath("path_remove_directory", "rmdir", path, [ROOT_FD], []);
  }

  /** @param {string} path */
  unlink(path) {
    this.#onPath("path_unlink_file", "unlink", path, [ROOT_FD], []);
  }

  /**
   * @param {string} path
   * @param {{recursive?: boolean, force?: boolean}} [options]
   */
  rm(path, { recursive = false, force = false } = {}) {
    let stats;
    try {
      stats = this.stat(path, false);
    } catch (error) {
      if (force && error instanceof NidusError && error.errno === ENOENT) return;
      throw error;
    }
    if (!stats.isDirectory()) return this.unlink(path);
    if (!recursive) throw NidusError.fromErrno(EISDIR, "rm", path);
    // Folders still to be emptied, innermost last: no recursion, however deep the tree.
    const folders = [path];
    for (const folder of folders) {
      for (const entry of this.readdir(folder)) {
        const inner = join(folder, entry.name);
        if (entry.isDirectory()) folders.push(inner);
        else this.unlink(inner);
      }
    }
    for (const folder of folders.reverse()) this.rmdir(folder);
  }

  /**
   * @param {"path_rename" | "path_link"} name
   * @param {"rename" | "link"} syscall
   * @param {string} from
   * @param {string} to
   */
  #twoPaths(name, syscall, from, to) {
    const first = this.#putPath(from, 0);
    const second = this.#putPath(to, first);
    const address = this.#scratch + PATHS;
    const flags = name === "path_link" ? [0] : [];
    const errno = this.#call(
      name,
      ROOT_FD,
      ...flags,
      address,
      first,
      ROOT_FD,
      address + first,
      second,
    );
    if (errno !== 0) throw NidusError.fromErrno(errno, syscall, from, to);
  }

  /**
   * @param {string} from
   * @param {string} to
   */
  rename(from, to) {
    this.#twoPaths("path_rename", "rename", from, to);
  }

  /**
   * @param {string} from
   * @param {string} to
   */
  link(from, to) {
    this.#twoPaths("path_link", "link", from, to);
  }

  /**
   * @param {string} target
   * @param {string} path
   */
  symlink(target, path) {
    const first = this.#putBytes(encodePath(target), 0, target);
    const second = this.#putPath(path, first);
    const address = this.#scratch + PATHS;
    const errno = this.#call("path_symlink", address, first, ROOT_FD, address + first, second);
    if (errno !== 0) throw NidusError.fromErrno(errno, "symlink", target, path);
  }

  /** @param {string} path */
  readlink(path) {
    const start = this.#scratch + CONTENT;
    this.#onPath(
      "path_readlink",
      "readlink",
      path,
      [ROOT_FD],
      [start, CONTENT_ROOM, this.#scratch],
    );
    return this.kernel.text(start, this.#result());
  }

  /**
   * The path without symbolic links, `.` and `..`.
   * @param {string} path
   */
  realpath(path) {
    let done = "";
    let links = 0;
    const rest = absolute(path).split("/").reverse();
    while (rest.length > 0) {
      const part = rest.pop() ?? "";
      if (part === "" || part === ".") continue;
      if (part === "..") {
        done = parentOf(done);
        continue;
      }
      const next = `${done}/${part}`;
      if (!this.stat(next, false).isSymbolicLink()) {
        done = next;
        continue;
      }
      if (++links > 40) throw NidusError.fromErrno(32, "realpath", path);
      const target = this.readlink(next);
      if (target.startsWith("/")) done = "";
      rest.push(...target.split("/").reverse());
    }
    return done === "" ? "/" : done;
  }

  /**
   * @param {string} path
   * @param {number | Date} atime seconds, or a date
   * @param {number | Date} mtime
   */
  utimes(path, atime, mtime) {
    this.#onPath(
      "path_filestat_set_times",
      "utime",
      path,
      [ROOT_FD, FOLLOW],
      [nanoseconds(atime), nanoseconds(mtime), SET_BOTH_TIMES],
    );
  }

  /**
   * @param {string} path
   * @param {number} mode
   */
  chmod(path, mode) {
    const where = absolute(path);
    const result = this.kernel.withPath(where, (ptr, len) =>
      this.kernel.exports.nidus_chmod(ptr, len, mode & 0o7777),
    );
    this.kernel.check(result, "chmod", path);
  }

  /**
   * @param {string} from
   * @param {string} to
   * @param {boolean} [exclusive]
   */
  copyFile(from, to, exclusive = false) {
    const source = this.stat(from);
    if (source.isDirectory()) throw NidusError.fromErrno(EISDIR, "copyfile", from, to);
    if (this.exists(to)) {
      const target = this.stat(to);
      if (target.ino === source.ino && target.dev === source.dev) return;
    }
    this.#withFile(from, "r", (input) =>
      this.#withFile(to, exclusive ? "wx" : "w", (output) => {
        for (;;) {
          const got = this.#transfer("fd_read", input, CONTENT_ROOM, from);
          if (got === 0) return;
          const start = this.#scratch + CONTENT;
          for (let done = 0; done < got;) {
            if (done > 0) this.kernel.u8().copyWithin(start, start + done, start + got);
            done += this.#transfer("fd_write", output, got - done, to);
          }
        }
      }),
    );
    try {
      this.chmod(to, source.mode);
    } catch (error) {
      // Folders of the host keep the modes the host gives.
      if (!(error instanceof NidusError) || error.errno !== ENOTSUP) throw error;
    }
  }

  /**
   * Copies a file, a symbolic link or, if asked, a folder with what is in it.
   * @param {string} from
   * @param {string} to
   * @param {{recursive?: boolean, force?: boolean, errorOnExist?: boolean}} [options]
   */
  cp(from, to, { recursive = false, force = true, errorOnExist = false } = {}) {
    if (`${absolute(to)}/`.startsWith(`${absolute(from)}/`)) {
      throw NidusError.fromErrno(EINVAL, "cp", from, to);
    }
    /** @type {[string, string][]} */
    const pairs = [[from, to]];
    for (const [source, target] of pairs) {
      const stats = this.stat(source, false);
      if (stats.isDirectory()) {
        if (!recursive) throw NidusError.fromErrno(EISDIR, "cp", source, target);
        this.mkdirs(target);
        for (const { name } of this.readdir(source)) {
          pairs.push([join(source, name), join(target, name)]);
        }
        continue;
      }
      const there = this.exists(target);
      if (there && errorOnExist) throw NidusError.fromErrno(EEXIST, "cp", source, target);
      if (there && !force) continue;
      if (stats.isSymbolicLink()) {
        this.rm(target, { force: true });
        this.symlink(this.readlink(source), target);
      } else {
        this.copyFile(source, target);
      }
    }
  }

  /**
   * A new empty folder whose name begins so.
   * @param {string} prefix
   */
  mkdtemp(prefix) {
    for (;;) {
      const random = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
      const path = prefix + random.toString(36).padStart(6, "0").slice(-6);
      try {
        this.mkdir(path);
        return path;
      } catch (error) {
        if (!(error instanceof NidusError) || error.errno !== EEXIST) throw error;
      }
    }
  }
}

/** @param {number | Date} time */
function nanoseconds(time) {
  const milliseconds = time instanceof Date ? time.getTime() : time * 1000;
  const whole = Math.floor(milliseconds);
  return BigInt(whole) * 1000000n + BigInt(Math.round((milliseconds - whole) * 1e6));
}

/** @param {Uint8Array} bytes */
export function decodeText(bytes) {
  return decoder.decode(bytes);
}

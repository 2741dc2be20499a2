/**
 * Files of this machine as block devices (web/image-module.js), which volumes in one file lie on.
 *
 * One writer: as long as it is open the file is locked with `flock`, as the native program does; the lock ends
 * with this process, however that ends.
 */

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { NidusError } from "../web/errors.js";
import { errnoNumber } from "./errno.js";

/** Of `open` on macOS and the BSDs: a lock with it, and not to wait for it; on Windows: nobody else may open it. */
const O_EXLOCK = 0x20;
const O_SHLOCK = 0x10;
const O_NONBLOCK = 0x4;
const WINDOWS_EXCLUSIVE = 0x10000000;

const IO = -29;
const NO_SPACE = -51;

/**
 * Opens a file as a block device. Rejects what is no file, and with `EBUSY` what another process has open.
 * @param {string} path
 * @param {{create?: boolean, readOnly?: boolean}} [options] `create`: a file that is not there is made
 * @returns {import("../web/image-module.js").BlockDevice}
 */
export function openBlockFile(path, { create = false, readOnly = false } = {}) {
  const fd = openLocked(path, create, readOnly);
  /** @type {(call: () => number | void) => number} */
  const answer = (call) => {
    try {
      return call() ?? 0;
    } catch (error) {
      return -errnoNumber(/** @type {{code?: unknown}} */ (error).code);
    }
  };
  /** @type {(move: (offset: number, length: number, at: number) => number, length: number, at: number, short: number) => number} */
  const whole = (move, length, at, short) =>
    answer(() => {
      for (let done = 0; done < length;) {
        const count = move(done, length - done, at + done);
        if (count === 0) return short;
        done += count;
      }
    });
  return {
    read: (into, at) => whole((...range) => fs.readSync(fd, into, ...range), into.length, at, IO),
    write: (from, at) =>
      whole((...range) => fs.writeSync(fd, from, ...range), from.length, at, NO_SPACE),
    flush: () => answer(() => fs.fdatasyncSync(fd)),
    size: () => answer(() => fs.fstatSync(fd).size),
    truncate: (size) => answer(() => fs.ftruncateSync(fd, size)),
    close: () => answer(() => fs.closeSync(fd)),
  };
}

/**
 * @param {string} path
 * @param {boolean} create
 * @param {boolean} readOnly
 */
function openLocked(path, create, readOnly) {
  const { platform } = process;
  const bsd = platform === "darwin" || platform.endsWith("bsd");
  const lock = bsd ? O_NONBLOCK | (readOnly ? O_SHLOCK : O_EXLOCK) : 0;
  const alone = platform === "win32" && !readOnly ? WINDOWS_EXCLUSIVE : 0;
  const how = (readOnly ? fs.constants.O_RDONLY : fs.constants.O_RDWR) | lock | alone;
  let fd;
  try {
    fd = fs.openSync(path, how | (create ? fs.constants.O_CREAT : 0), 0o666);
  } catch (error) {
    const { code } = /** @type {{code?: string}} */ (error);
    if (code === "EAGAIN" || code === "EBUSY") throw busy(path);
    throw NidusError.fromErrno(errnoNumber(code), "open", path);
  }
  try {
    if (!fs.fstatSync(fd).isFile()) {
      throw new NidusError("EINVAL", `${path} is no file: a volume lies in one file`);
    }
    if (platform === "linux") lockByCommand(fd, path, readOnly);
    // The name of a new file lasts, too.
    if (create && platform !== "win32") flushFolder(dirname(path));
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/**
 * Node has no call for it, but a lock belongs to what was opened, and a child that is given the descriptor opens
 * nothing: what it locks stays locked for us.
 * @param {number} fd
 * @param {string} path
 * @param {boolean} readOnly
 */
function lockByCommand(fd, path, readOnly) {
  const { error, status } = spawnSync("flock", ["-n", readOnly ? "-s" : "-x", "3"], {
    stdio: ["ignore", "ignore", "ignore", fd],
  });
  if (error) {
    throw new NidusError(
      "ENOLCK",
      `${path} cannot be locked: the command flock (of util-linux) is missing (${error.message}); install it`,
    );
  }
  if (status !== 0) throw busy(path);
}

/** @param {string} path */
function busy(path) {
  return new NidusError("EBUSY", `volume ${path} is in use: another process has it open`);
}

/** @param {string} folder */
function flushFolder(folder) {
  const fd = fs.openSync(folder, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

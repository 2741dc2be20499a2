/**
 * The standard streams of the `nidus` command: file descriptors of this process, read and written
 * synchronously while the guest's call is under way.
 *
 * Invariants: a byte read ahead is never lost; nothing spins. A descriptor that someone has made
 * non-blocking (a terminal or pipe shared with another program) is opened once more, blocking, where
 * the system can (`/proc/self/fd`), and is otherwise asked again after a short sleep.
 */

import * as fs from "node:fs";
import { isatty } from "node:tty";
import { errnoNumber } from "./errno.js";

/** @typedef {import("../web/host.js").HostStream} HostStream */

const { constants } = fs;
/** How much is read ahead when a program asks whether there is input. */
const AHEAD = 64 * 1024;
/** Between two looks at something that cannot be waited for, in milliseconds. */
const LOOK_AGAIN = 5;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Holds this thread up.
 * @param {number} milliseconds
 */
export function sleep(milliseconds) {
  if (milliseconds > 0) Atomics.wait(sleeper, 0, 0, milliseconds);
}

/** @param {unknown} error */
function codeOf(error) {
  return String(/** @type {{code?: unknown}} */ (error).code);
}

/**
 * Another descriptor for what `fd` is, with flags of its own; undefined where there is no such way.
 * @param {number} fd
 * @param {number} flags
 */
function reopen(fd, flags) {
  try {
    return fs.openSync(`/proc/self/fd/${fd}`, flags);
  } catch {
    return undefined;
  }
}

/** Standard input. @implements {HostStream} */
export class FdInput {
  #fd;
  /** @type {number | undefined} a non-blocking one, for looking */
  #looking;
  /** @type {Uint8Array} read ahead */
  #ahead = new Uint8Array(0);
  #ended = false;
  #reopened = false;

  /** @param {number} fd */
  constructor(fd) {
    this.#fd = fd;
    this.terminal = isatty(fd);
  }

  /** @param {Uint8Array} into */
  read(into) {
    if (this.#ahead.length > 0) {
      const part = this.#ahead.subarray(0, into.length);
      into.set(part);
      this.#ahead = this.#ahead.subarray(part.length);
      return part.length;
    }
    if (this.#ended) {
      // A terminal may go on after an end of file; everything else stays ended.
      this.#ended = false;
      return 0;
    }
    for (;;) {
      try {
        return fs.readSync(this.#fd, into);
      } catch (error) {
        const code = codeOf(error);
        if (code === "EOF") return 0;
        if (code !== "EAGAIN") return -errnoNumber(code);
        this.#block();
      }
    }
  }

  ready() {
    if (this.#ahead.length === 0 && !this.#ended) this.#look();
    return this.#ahead.length > 0 ? 1 : this.#ended ? 1 | 4 : 0;
  }

  /** Returns when there is input, or an end of it. */
  wait() {
    if (this.ready() !== 0) return;
    const buffer = new Uint8Array(AHEAD);
    const got = this.read(buffer);
    if (got > 0) this.#ahead = buffer.subarray(0, got);
    else this.#ended = true;
  }

  /** Reads what is there without waiting. */
  #look() {
    this.#looking ??= reopen(this.#fd, constants.O_RDONLY | constants.O_NONBLOCK);
    const buffer = new Uint8Array(AHEAD);
    // Where it cannot be opened again, a read may wait: late, but right.
    const fd = this.#looking ?? this.#fd;
    try {
      // A file opened again has an offset of its own, so it is the first one that is read.
      const got = fs.fstatSync(fd).isFile()
        ? fs.readSync(this.#fd, buffer)
        : fs.readSync(fd, buffer);
      this.#ahead = buffer.subarray(0, got);
      this.#ended = got === 0;
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") this.#ended = true;
    }
  }

  #block() {
    const fd = this.#reopened ? undefined : reopen(this.#fd, constants.O_RDONLY);
    this.#reopened = true;
    if (fd === undefined) sleep(LOOK_AGAIN);
    else this.#fd = fd;
  }
}

/** Standard output or error. @implements {HostStream} */
export class FdOutput {
  #fd;
  #reopened = false;
  #broken;

  /**
   * @param {number} fd
   * @param {() => void} broken called when nobody reads any more
   */
  constructor(fd, broken) {
    this.#fd = fd;
    this.#broken = broken;
    this.terminal = isatty(fd);
  }

  /** @param {Uint8Array} from */
  write(from) {
    if (from.length === 0) return 0;
    for (;;) {
      try {
        return fs.writeSync(this.#fd, from);
      } catch (error) {
        const code = codeOf(error);
        if (code === "EPIPE") this.#broken();
        if (code !== "EAGAIN") return -errnoNumber(code);
        this.#block();
      }
    }
  }

  ready() {
    return 2;
  }

  #block() {
    const fd = this.#reopened ? undefined : reopen(this.#fd, constants.O_WRONLY);
    this.#reopened = true;
    if (fd === undefined) sleep(LOOK_AGAIN);
    else this.#fd = fd;
  }
}

/**
 * How a guest waits in a thread of its own: for input, for a time, or for either.
 * @param {FdInput} stdin
 * @returns {NonNullable<import("../web/system.js").SystemOptions["waitSync"]>}
 */
export function waiter(stdin) {
  return (pid, kinds, deadline) => {
    const readable = (kinds & 2) !== 0;
    const clock = (kinds & 1) !== 0;
    if (readable && !clock) return stdin.wait();
    const left = Number(deadline) / 1e6 - performance.now();
    // The kernel looks at the streams again each time.
    sleep(readable ? Math.min(left, LOOK_AGAIN) : clock ? left : LOOK_AGAIN);
  };
}

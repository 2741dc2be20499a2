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
import { BLOCK } from "../web/streams.js";
import { errnoNumber } from "./errno.js";
import { Wire } from "./wire.js";

/** @typedef {import("../web/host.js").HostStream} HostStream */

const { constants } = fs;
/** How much is read ahead when a program asks whether there is input. */
const AHEAD = 64 * 1024;
/** Between two looks at something that cannot be waited for, in milliseconds. */
const LOOK_AGAIN = 5;

/** What a process waits for: reading 2, writing 4. */
const STREAMS = 6;

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

/**
 * Standard input. A read never holds the thread up; `wait` does.
 *
 * Where looking whether there is input needs the event loop (a socket, such as the pipes of Node's `spawn`), or
 * where a program waits for more than input, another thread reads it (wire.js) from then on.
 * @implements {HostStream}
 */
export class FdInput {
  #fd;
  /** How to look at it: `always` there is something, `own` descriptor that does not block, or not at all. */
  #kind;
  /** @type {number} a non-blocking one, for looking */
  #looking = -1;
  /** @type {Uint8Array} read ahead */
  #ahead = new Uint8Array(0);
  #ended = false;
  #reopened = false;
  /** @type {NodeJS.Immediate | undefined} */
  #looksLater;
  /** @type {import("./wire.js").Inlet | null} */
  #inlet = null;
  /** A program has found nothing here, and has not waited since. */
  asked = false;
  /** @type {(() => void) | null} */
  onready = null;

  /** @param {number} fd */
  constructor(fd) {
    this.#fd = fd;
    this.terminal = isatty(fd);
    const stats = statOf(fd);
    this.#kind = this.terminal || stats?.isFIFO() ? "own" : stats?.isSocket() ? "none" : "always";
    if (this.#kind !== "own") return;
    this.#looking = reopen(fd, constants.O_RDONLY | constants.O_NONBLOCK) ?? -1;
    if (this.#looking < 0) this.#kind = "none";
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
    const got = this.#inlet
      ? this.#inlet.read(into)
      : this.#kind === "none"
        ? BLOCK
        : this.#take(this.#kind === "own" ? this.#looking : this.#fd, into);
    if (got === BLOCK) this.#ask();
    return got;
  }

  ready() {
    if (this.#ahead.length === 0 && !this.#ended && this.#kind !== "always") {
      if (this.#inlet) return this.#inlet.ready() || this.#ask();
      const buffer = new Uint8Array(AHEAD);
      const got = this.#kind === "none" ? BLOCK : this.#take(this.#looking, buffer);
      if (got === BLOCK) return this.#ask();
      this.#keep(buffer, got);
    }
    return this.#ended ? 1 | 4 : 1;
  }

  /** Returns when there is input, or an end of it: for a program that waits for nothing else. */
  wait() {
    if (this.#inlet) return this.#inlet.wire.wait(Infinity);
    const buffer = new Uint8Array(AHEAD);
    for (;;) {
      const got = this.#take(this.#fd, buffer);
      if (got !== BLOCK) return this.#keep(buffer, got);
      const fd = this.#reopened ? undefined : reopen(this.#fd, constants.O_RDONLY);
      this.#reopened = true;
      if (fd === undefined) sleep(LOOK_AGAIN);
      else this.#fd = fd;
    }
  }

  /** Lets another thread read it. @returns {import("./wire.js").Wire} */
  watch() {
    if (!this.#inlet) {
      this.#inlet = Wire.open().input(this.#kind === "own" ? this.#looking : this.#fd);
      this.#inlet.onready = () => this.onready?.();
    }
    return this.#inlet.wire;
  }

  close() {
    this.#inlet?.wire.drop(this.#inlet.number);
    this.asked = false;
  }

  /** @returns {0} */
  #ask() {
    // Who asks again without having waited can only be told by another thread.
    if (this.asked && this.#kind === "none") this.watch();
    this.#looksLater ??= setImmediate(() => {
      this.#looksLater = undefined;
      // The event loop goes on, so that nobody holds it up for this.
      if (this.asked) this.watch().hold(/** @type {import("./wire.js").Inlet} */ (this.#inlet));
    });
    this.asked = true;
    return 0;
  }

  /**
   * @param {Uint8Array} buffer
   * @param {number} got
   */
  #keep(buffer, got) {
    if (got > 0) this.#ahead = buffer.subarray(0, got);
    else this.#ended = true;
  }

  /**
   * @param {number} fd
   * @param {Uint8Array} into
   */
  #take(fd, into) {
    try {
      return fs.readSync(fd, into);
    } catch (error) {
      const code = codeOf(error);
      return code === "EOF" ? 0 : code === "EAGAIN" ? BLOCK : -errnoNumber(code);
    }
  }
}

/** @param {number} fd */
function statOf(fd) {
  try {
    return fs.fstatSync(fd);
  } catch {
    return undefined;
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
 * How a guest waits in a thread of its own: for input, sockets, a time, or any of them.
 * @param {FdInput | null} stdin
 * @param {number} kinds
 * @param {number} milliseconds
 */
export function waitFor(stdin, kinds, milliseconds) {
  const wire = Wire.current;
  if ((kinds & STREAMS) === 0) return sleep(milliseconds);
  const asked = stdin?.asked;
  if (asked && milliseconds === Infinity && !wire) stdin.wait();
  else if (asked) stdin.watch().wait(milliseconds);
  else if (wire) wire.wait(milliseconds);
  // Nothing here is waited for; the kernel looks at its streams again.
  else sleep(Math.min(milliseconds, LOOK_AGAIN));
  if (stdin) stdin.asked = false;
}

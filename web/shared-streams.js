/**
 * Streams of the host in a system of several threads: the host's own thread has the stream, and the others have a
 * block of the kernel's memory with bytes on their way to it and from it. The block's address is the stream's number.
 *
 * ```
 *   input start, length, end | wanted | output start, length, error | full | released | bytes of input, of output
 * ```
 *
 * Invariants: a block is read and changed with the kernel's lock held, since the kernel asks for streams in system
 * calls; bytes that lie in it come before what the stream itself has; it is freed when the system has let go of the
 * stream and no process has it open.
 */

import { Host } from "./host.js";
import { BLOCK } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */
/** @typedef {import("./shared-kernel.js").SharedKernel} SharedKernel */

/** Words of a block. */
const IN_START = 0;
const IN_LENGTH = 1;
/** 0, 1 at the end of the input, or -errno. */
const IN_END = 2;
/** How many bytes a process has asked for that were not there. */
const WANTED = 3;
const OUT_START = 4;
const OUT_LENGTH = 5;
/** 0, or the -errno that writing answers. */
const OUT_ERROR = 6;
/** A process had no room. */
const FULL = 7;
/** No process has it open any more. */
const RELEASED = 8;
/** It is a terminal, whose keys only the host's thread takes. */
const KEYS = 9;
const HEADER = 64;
const IN_SIZE = 0x4000;
const OUT_SIZE = 0x1_0000;

const BADF = -8;
const PIPE = -64;
const HUNG_UP = 4;
const NOTSUP = -58;
/** Of `stream_shutdown`: no process has it open any more. */
const RELEASE = 8;

/** @param {{kernel: import("./kernel.js").Kernel | null}} of */
function blockReader(of) {
  let words = new Int32Array(0);
  /** The block's words and bytes. @param {number} at */
  return (at) => {
    const { memory } = /** @type {SharedKernel} */ (of.kernel);
    if (words.buffer !== memory.buffer || at + HEADER > words.byteLength) {
      memory.grow(0); // Another thread may have let it grow.
      words = new Int32Array(memory.buffer);
    }
    return words.subarray(at >> 2, (at + HEADER) >> 2);
  };
}

/** @param {import("./kernel.js").Kernel} kernel */
function bytesOf(kernel, /** @type {number} */ at, /** @type {number} */ length) {
  if (at + length > kernel.memory.buffer.byteLength) kernel.memory.grow(0);
  return new Uint8Array(kernel.memory.buffer, at, length);
}

/**
 * What the kernel imports in a thread that runs processes.
 * @param {Host} host whose own imports are replaced
 * @param {(...message: unknown[]) => void} tell the host's thread
 */
export function replaceStreams(host, tell) {
  const block = blockReader(host);
  const kernel = () => /** @type {SharedKernel} */ (host.kernel);
  const isBlock = (/** @type {number} */ stream) => stream >= OUT_SIZE;
  Object.assign(host.imports, {
    stream_read(
      /** @type {number} */ stream,
      /** @type {number} */ ptr,
      /** @type {number} */ len,
    ) {
      if (!isBlock(stream)) return BADF;
      const words = block(stream);
      const length = Math.min(words[IN_LENGTH], len);
      if (length > 0) {
        const from = stream + HEADER + words[IN_START];
        bytesOf(kernel(), ptr, length).set(bytesOf(kernel(), from, length));
        words[IN_START] += length;
        words[IN_LENGTH] -= length;
        return length;
      }
      if (words[KEYS]) return BLOCK;
      if (words[IN_END]) return words[IN_END] === 1 ? 0 : words[IN_END];
      if (!words[WANTED]) tell("stream", stream);
      words[WANTED] = Math.max(1, Math.min(len, IN_SIZE));
      return BLOCK;
    },
    stream_write(
      /** @type {number} */ stream,
      /** @type {number} */ ptr,
      /** @type {number} */ len,
    ) {
      if (!isBlock(stream)) return BADF;
      const words = block(stream);
      if (words[OUT_ERROR]) return words[OUT_ERROR];
      if (words[OUT_LENGTH] === 0) words[OUT_START] = 0;
      const end = words[OUT_START] + words[OUT_LENGTH];
      const length = Math.min(OUT_SIZE - end, len);
      if (length === 0) {
        words[FULL] = 1;
        return len === 0 ? 0 : BLOCK;
      }
      const to = stream + HEADER + IN_SIZE + end;
      bytesOf(kernel(), to, length).set(bytesOf(kernel(), ptr, length));
      if (words[OUT_LENGTH] === 0) tell("stream", stream);
      words[OUT_LENGTH] += length;
      return length;
    },
    stream_ready(/** @type {number} */ stream) {
      if (!isBlock(stream)) return BADF;
      const words = block(stream);
      const readable = words[IN_LENGTH] > 0 || words[IN_END] !== 0;
      const writable = words[OUT_ERROR] !== 0 || words[OUT_START] + words[OUT_LENGTH] < OUT_SIZE;
      if (!writable) words[FULL] = 1;
      if (!readable && !words[WANTED] && !words[KEYS]) {
        words[WANTED] = IN_SIZE;
        tell("stream", stream);
      }
      const hungUp = words[IN_END] !== 0 && words[IN_LENGTH] === 0;
      return (readable ? 1 : 0) | (writable ? 2 : 0) | (hungUp ? 4 : 0);
    },
    stream_accept: () => BADF,
    stream_shutdown(/** @type {number} */ stream, /** @type {number} */ how) {
      if (!isBlock(stream) || how !== RELEASE) return BADF;
      block(stream)[RELEASED] = 1;
      tell("stream", stream);
      return 0;
    },
    stream_state: (/** @type {number} */ stream, /** @type {number} */ state) =>
      tell("state", stream, state),
    store_segment: () => NOTSUP,
    store_load: () => NOTSUP,
    store_commit: () => NOTSUP,
    changed: () => tell("changed"),
  });
}

/** The streams, and the imports, of the thread that has the system. */
export class SharedHost extends Host {
  /** @type {Map<number, HostStream | null>} what the blocks stand for; null: the system has let go of it */
  #blocks = new Map();
  #block = blockReader(this);
  #scheduled = false;
  /** @type {(() => void)[]} told when output has moved, or may never */
  #drains = [];
  /** Set by the system: something has changed that its own processes may wait for. */
  onchanged = () => {};

  /** @param {import("./host.js").FolderImports} [folders] */
  constructor(folders) {
    super(folders);
    const { stream_shutdown } = this.imports;
    this.imports.changed = () => queueMicrotask(() => this.onchanged());
    this.imports.stream_shutdown = (stream, how) => {
      if (how !== RELEASE) return stream_shutdown(stream, how);
      if (this.#blocks.has(stream)) {
        this.#block(stream)[RELEASED] = 1;
        this.pump();
      }
      return 0;
    };
  }

  get #kernel() {
    return /** @type {SharedKernel} */ (this.kernel);
  }

  /**
   * Gives a stream a number: sockets stay in this thread.
   * @override
   * @param {HostStream} stream
   * @param {number} [number]
   */
  add(stream, number) {
    if (number !== undefined || stream.accept || stream.shutdown) return super.add(stream, number);
    const at = this.#kernel.alloc(HEADER + IN_SIZE + OUT_SIZE);
    this.#block(at).fill(0);
    if (stream.tty) this.#block(at)[KEYS] = 1;
    this.#blocks.set(at, stream);
    return super.add(this.#behind(at, stream), at);
  }

  /**
   * The stream as this thread's processes have it, after what lies in its block.
   * @param {number} at
   * @param {HostStream} stream
   * @returns {HostStream}
   */
  #behind(at, stream) {
    const { read, write } = stream;
    return {
      ...stream,
      read: (into) => {
        const words = this.#block(at);
        const length = Math.min(words[IN_LENGTH], into.length);
        if (length === 0) return words[IN_END] === 1 ? 0 : (read?.call(stream, into) ?? BADF);
        into.set(bytesOf(this.#kernel, at + HEADER + words[IN_START], length));
        words[IN_START] += length;
        words[IN_LENGTH] -= length;
        return length;
      },
      write: (from) => {
        this.#drain(at, stream);
        if (this.#block(at)[OUT_LENGTH] > 0) return BLOCK;
        return write?.call(stream, from) ?? BADF;
      },
      ready: () => {
        const words = this.#block(at);
        const ready = stream.ready();
        if (words[IN_LENGTH] > 0) return (ready | 1) & ~4;
        return words[OUT_LENGTH] > 0 ? ready & ~2 : ready;
      },
      state: stream.state && ((state) => stream.state?.(state)),
    };
  }

  /**
   * What a thread was told of a terminal.
   * @param {number} at
   * @param {number} state
   */
  tellState(at, state) {
    this.#blocks.get(at)?.state?.(state);
  }

  /**
   * Moves what lies in a block to its stream; the kernel's lock is held.
   * @param {number} at
   * @param {HostStream} stream
   */
  #drain(at, stream) {
    const words = this.#block(at);
    let moved = false;
    while (words[OUT_LENGTH] > 0) {
      const from = at + HEADER + IN_SIZE + words[OUT_START];
      const taken = stream.write?.(bytesOf(this.#kernel, from, words[OUT_LENGTH])) ?? BADF;
      if (taken === BLOCK || taken === 0) break;
      moved = true;
      if (taken < 0) words[OUT_ERROR] = taken;
      words[OUT_START] += taken < 0 ? 0 : taken;
      words[OUT_LENGTH] = taken < 0 ? 0 : words[OUT_LENGTH] - taken;
    }
    if (words[OUT_LENGTH] === 0) {
      words[OUT_START] = 0;
      if (!stream.read && stream.ready() & HUNG_UP) words[OUT_ERROR] = PIPE;
    }
    if (!words[FULL] || words[OUT_START] + words[OUT_LENGTH] === OUT_SIZE) {
      // What is left may lie at the end.
      if (words[FULL] && moved && words[OUT_LENGTH] <= OUT_SIZE / 2) this.#compact(at, words);
      else return false;
    }
    words[FULL] = 0;
    return true;
  }

  /**
   * @param {number} at
   * @param {Int32Array} words
   */
  #compact(at, words) {
    const output = bytesOf(this.#kernel, at + HEADER + IN_SIZE, OUT_SIZE);
    output.copyWithin(0, words[OUT_START], words[OUT_START] + words[OUT_LENGTH]);
    words[OUT_START] = 0;
  }

  /**
   * Gets what a process has asked for; the kernel's lock is held.
   * @param {number} at
   * @param {HostStream} stream
   */
  #fill(at, stream) {
    const words = this.#block(at);
    if (!words[WANTED]) return false;
    if (words[IN_LENGTH] === 0) {
      const room = bytesOf(this.#kernel, at + HEADER, words[WANTED]);
      const got = stream.read?.(room) ?? BADF;
      if (got === BLOCK) return false;
      words[IN_START] = 0;
      if (got > 0) words[IN_LENGTH] = got;
      else words[IN_END] = got === 0 ? 1 : got;
    }
    words[WANTED] = 0;
    return true;
  }

  /**
   * Has bytes moved soon: not now, since a stream may say in a system call that it has changed.
   * @override
   */
  pump() {
    if (this.#scheduled || this.#blocks.size === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump() {
    this.#kernel.together(() => {
      let any = false;
      for (const [at, stream] of this.#blocks) {
        if (stream) {
          any = this.#drain(at, stream) || any;
          any = this.#fill(at, stream) || any;
        } else if (this.#block(at)[RELEASED]) {
          this.#blocks.delete(at);
          super.remove(at);
          this.#kernel.free(at);
        }
      }
      if (any) this.#kernel.exports.nidus_wake();
    });
    const drains = this.#drains;
    this.#drains = [];
    for (const look of drains) look();
  }

  /**
   * Resolves when what processes wrote has gone to the stream.
   * @override
   * @param {number} number
   * @param {() => boolean} givesUp the process was killed: what nobody takes now is dropped
   */
  async drain(number, givesUp) {
    this.pump();
    while (this.#blocks.get(number)) {
      await /** @type {Promise<void>} */ (new Promise((resolve) => this.#drains.push(resolve)));
      if (givesUp() || this.#block(number)[OUT_LENGTH] === 0) break;
    }
  }

  /**
   * @override
   * @param {number} number
   */
  remove(number) {
    if (!this.#blocks.get(number)) return super.remove(number);
    this.#kernel.together(() => {
      const words = this.#block(number);
      words[OUT_ERROR] = words[IN_END] = BADF;
      words[IN_LENGTH] = words[OUT_LENGTH] = 0;
      this.#kernel.exports.nidus_wake();
    });
    this.#blocks.set(number, null);
    super.remove(number);
    this.pump();
  }
}

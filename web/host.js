/**
 * What the kernel imports from JavaScript: streams, clocks, randomness, and host folders where
 * there are some.
 *
 * A stream is an object with synchronous `read` and `write`, since the kernel calls in the middle of
 * a system call; whatever is asynchronous waits at the stream's other end (streams.js) and says
 * through `onready` that a parked process should look again.
 */

/** -errno of a host without folders. */
const NOTSUP = -58;
const BADF = -8;

/**
 * One end of a stream as the kernel sees it. `read` and `write` answer the number of bytes, 0 at the
 * end of the file, -0x10000 when they would block, or -errno; they must not keep the view.
 * @typedef {object} HostStream
 * @property {(into: Uint8Array) => number} [read]
 * @property {(from: Uint8Array) => number} [write]
 * @property {() => number} ready bit 0: a read would not block, 1: a write would not, 2: hung up
 * @property {boolean} [terminal]
 * @property {(() => void) | null} [onready] set by the system, called by the stream
 * @property {boolean} [whole] all it will ever give is there from the start
 */

/**
 * Folders of the host, as the `fs_…` imports of docs/kernel-abi.md.
 * @typedef {Record<`fs_${string}`, (...values: any[]) => number | void>} FolderImports
 */

/** @typedef {Record<string, (...values: any[]) => number | bigint | void>} HostImports */

const FOLDER_FUNCTIONS = (
  "stat open close fstat read write truncate sync utimes list mkdir rmdir unlink rename link " +
  "symlink readlink"
).split(" ");

/** The streams of a system by their numbers, and the imports built on them. */
export class Host {
  /** @type {(HostStream | undefined)[]} */
  #streams = [];
  /** @type {number[]} */
  #free = [];
  /** @type {import("./kernel.js").Kernel | null} */
  #kernel = null;

  /** @param {FolderImports} [folders] */
  constructor(folders = {}) {
    /** @type {HostImports} */
    this.imports = { ...clocks(), random: (ptr, len) => fillRandom(this.#memory(), ptr, len) };
    for (const name of FOLDER_FUNCTIONS) this.imports[`fs_${name}`] = () => NOTSUP;
    Object.assign(this.imports, folders);
    this.imports.stream_read = (stream, ptr, len) => {
      const found = this.#streams[stream];
      if (found?.read === undefined) return BADF;
      return found.read(this.#memory().subarray(ptr, ptr + len));
    };
    this.imports.stream_write = (stream, ptr, len) => {
      const found = this.#streams[stream];
      if (found?.write === undefined) return BADF;
      return found.write(this.#memory().subarray(ptr, ptr + len));
    };
    this.imports.stream_ready = (stream) => this.#streams[stream]?.ready() ?? 4;
  }

  /**
   * Says whose memory the addresses mean; before that nothing can be read or written.
   * @param {import("./kernel.js").Kernel} kernel
   */
  attach(kernel) {
    this.#kernel = kernel;
  }

  /**
   * Gives a stream a number.
   * @param {HostStream} stream
   */
  add(stream) {
    const number = this.#free.pop() ?? this.#streams.length;
    this.#streams[number] = stream;
    return number;
  }

  /** @param {number} number */
  remove(number) {
    this.#streams[number] = undefined;
    this.#free.push(number);
  }

  #memory() {
    if (this.#kernel === null) throw new Error("the kernel called its host before it was attached");
    return this.#kernel.u8();
  }
}

/** Nanoseconds; realtime follows `Date.now`, with the finer steps of `performance.now`. */
function clocks() {
  let offset = Date.now() - performance.now();
  /** @param {number} milliseconds */
  const nanoseconds = (milliseconds) => {
    const whole = Math.floor(milliseconds);
    return BigInt(whole) * 1000000n + BigInt(Math.floor((milliseconds - whole) * 1e6));
  };
  const realtime = () => {
    const monotonic = performance.now();
    // The system's clock may be set while we run.
    if (Math.abs(monotonic + offset - Date.now()) > 20) offset = Date.now() - monotonic;
    return monotonic + offset;
  };
  return {
    // For time stamps, at every write: a millisecond is fine enough, and nothing is cheaper.
    now: Date.now,
    /** @param {number} id */
    clock: (id) => nanoseconds(id === 0 ? realtime() : performance.now()),
    clock_resolution: () => 1000n,
  };
}

/**
 * @param {Uint8Array} memory
 * @param {number} ptr
 * @param {number} len
 */
function fillRandom(memory, ptr, len) {
  // 65,536 bytes is what one call gives, and shared memory is refused: so through a copy.
  const bytes = new Uint8Array(Math.min(len, 65536));
  for (let done = 0; done < len; done += bytes.length) {
    const part = bytes.subarray(0, Math.min(bytes.length, len - done));
    crypto.getRandomValues(part);
    memory.set(part, ptr + done);
  }
}

/**
 * What the kernel imports from JavaScript: streams, stores of volumes that answer at once, clocks,
 * randomness, and host folders where there are some.
 *
 * A stream is an object with synchronous `read` and `write`, since the kernel calls in the middle of
 * a system call; whatever is asynchronous waits at the stream's other end (streams.js) and says
 * through `onready` that a parked process should look again.
 */

const BADF = -8;
const HUNG_UP = 4;
/** Of `stream_shutdown`: the kernel needs it no more. */
const CLOSE = 4;

/**
 * One end of a stream as the kernel sees it. `read` and `write` answer the number of bytes, 0 at the
 * end of the file, -0x10000 when they would block, or -errno; they must not keep the view.
 * @typedef {object} HostStream
 * @property {(into: Uint8Array) => number} [read]
 * @property {(from: Uint8Array) => number} [write]
 * @property {() => number} ready bit 0: a read would not block, 1: a write would not, 2: hung up
 * @property {() => HostStream | number} [accept] of a listener: the next connection; or, as `read` answers it, that
 *   there is none, or what is wrong
 * @property {(how: number) => number} [shutdown] 1: reading, 2: writing, 4: it is not needed any more
 * @property {boolean} [terminal]
 * @property {{cols: number, rows: number}} [tty] of a terminal whose line discipline is the kernel's: `read` gives
 *   keys, `write` takes what the screen gets, and it lies at several descriptors
 * @property {(state: number) => void} [state] of such a terminal: what `stream_state` of docs/kernel-abi.md tells
 * @property {(() => void) | null} [onready] set by the system, called by the stream
 */

/**
 * A store of a volume that answers in the same call (image-volume.js). All answer a number or -errno and do not throw.
 * @typedef {object} HostStore
 * @property {(out: number) => number} segment of the log, the next one, into memory of the kernel; 0: no more
 * @property {(ino: number, index: number, ptr: number) => number} load a chunk: its length
 * @property {(records: number) => number} commit those of the flush under way
 * @property {() => number} close
 */

/**
 * Folders of the host, as the `fs_…` imports of docs/kernel-abi.md.
 * @typedef {Record<`fs_${string}`, (...values: any[]) => number | void>} FolderImports
 */

/** @typedef {Record<string, (...values: any[]) => number | void>} HostImports */

/** The streams of a system by their numbers, and the imports built on them. */
export class Host {
  /** @type {Map<number, HostStream>} */
  #streams = new Map();
  /** @type {Map<number, HostStore>} */
  #stores = new Map();
  #last = 0;
  /**
   * Whose memory the addresses mean, from before anything of it is called.
   * @type {import("./kernel.js").Kernel | null}
   */
  kernel = null;
  /** @type {HostImports} */
  imports;

  /** @param {FolderImports} [folders] */
  constructor(folders) {
    const memory = () => /** @type {import("./kernel.js").Kernel} */ (this.kernel).u8();
    const streams = this.#streams;
    /** @type {(method: "read" | "write") => (stream: number, ptr: number, len: number) => number} */
    const transfer = (method) => (stream, ptr, len) =>
      streams.get(stream)?.[method]?.(memory().subarray(ptr, ptr + len)) ?? BADF;
    this.imports = {
      // In milliseconds, which the kernel makes nanoseconds of.
      now: Date.now,
      monotonic: () => performance.now(),
      // Not in place: shared memory would be refused.
      random: (ptr, len) => memory().set(crypto.getRandomValues(new Uint8Array(len)), ptr),
      stream_read: transfer("read"),
      stream_write: transfer("write"),
      stream_ready: (stream) => streams.get(stream)?.ready() ?? HUNG_UP,
      stream_accept: (stream) => {
        const made = streams.get(stream)?.accept?.() ?? BADF;
        return typeof made === "number" ? made : this.add(made);
      },
      stream_shutdown: (stream, how) => {
        const result = streams.get(stream)?.shutdown?.(how) ?? BADF;
        if (how === CLOSE) this.remove(stream);
        return result;
      },
      stream_state: (stream, state) => streams.get(stream)?.state?.(state),
      store_segment: (store, out) => this.#stores.get(store)?.segment(out) ?? BADF,
      store_load: (store, ino, index, ptr) =>
        this.#stores.get(store)?.load(ino, index, ptr) ?? BADF,
      store_commit: (store, records) => this.#stores.get(store)?.commit(records) ?? BADF,
      store_close: (store) => {
        this.#stores.get(store)?.close();
        this.#stores.delete(store);
      },
      ...folders,
    };
  }

  /**
   * Gives a stream a number.
   * @param {HostStream} stream
   */
  add(stream, number = ++this.#last) {
    this.#streams.set(number, stream);
    return number;
  }

  /**
   * Resolves when what was written has gone to the stream, which here it has.
   * @param {number} _number
   * @param {() => boolean} _givesUp
   */
  async drain(_number, _givesUp) {}

  /** Streams may have changed: has bytes moved that lie between them and other threads. */
  pump() {}

  /**
   * Gives a store a number; the kernel closes it.
   * @param {HostStore} store
   */
  addStore(store) {
    this.#stores.set(++this.#last, store);
    return this.#last;
  }

  /** @param {number} number */
  remove(number) {
    this.#streams.delete(number);
  }
}

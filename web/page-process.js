/**
 * A process as the page sees it: byte streams at this end, messages (protocol.js) at the other.
 *
 * Invariants: what the program wrote is held here only until it is read, and it may have no more than
 * `OUTPUT_WINDOW` under way, because each piece is paid back (`credit`) when the reader takes it;
 * typed input likewise, by what the program has taken. `exit` settles once, resolves whatever the
 * exit code is, and never before all output has arrived.
 */

import { NidusError, signalNumber } from "./errors.js";
import { INPUT_WINDOW, KILL_GRACE, MESSAGE_COST, RING } from "./protocol.js";
import { toBytes } from "./streams.js";

/** @typedef {import("./protocol.js").ExitStatus} ExitStatus */
/** @typedef {import("./protocol.js").ToWorker} ToWorker */

/**
 * @typedef {object} Line the process's way to its system
 * @property {(message: ToWorker) => void} post
 * @property {(signal: string) => void} stuck a kill had no effect in time
 * @property {boolean} ring the process waits for input synchronously
 */

/** See `system.spawn`. */
export class PageProcess {
  /** The process number in its system; 0 before it has started. */
  pid = 0;
  /**
   * What the compiler found, where this was one.
   * @type {import("./toolchain/diagnostics.js").Diagnostic[] | null}
   */
  diagnostics = null;

  #id;
  #line;
  #ended = false;
  #waiting = false;
  /** @type {((waiting: boolean) => void) | null} */
  #onwaiting = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #grace;
  /** @type {Incoming[]} by descriptor: 1, 2 */
  #outputs;
  #sent = 0;
  /** @type {(() => void) | null} */
  #room = null;
  /** @type {(status: ExitStatus) => void} */
  #settle = () => {};

  /**
   * @param {number} id
   * @param {boolean} terminal
   * @param {Line} line
   */
  constructor(id, terminal, line) {
    this.#id = id;
    this.#line = line;
    /** Shared with the worker where a process waits synchronously. */
    this.ring = line.ring ? new SharedArrayBuffer(RING.words * 4 + INPUT_WINDOW) : null;
    /**
     * How it ended. Never rejects.
     * @type {Promise<ExitStatus>}
     */
    this.exit = new Promise((resolve) => (this.#settle = resolve));
    const first = new Incoming((cost) => this.#credit(cost));
    this.#outputs = [first, terminal ? first : new Incoming((cost) => this.#credit(cost))];
    /** What the program writes: to its terminal, or to its standard output. */
    this.output = first.readable;
    /** What the program writes to descriptor 1; on a terminal the same as `output`. */
    this.stdout = first.readable;
    /** What the program writes to descriptor 2; on a terminal the same as `output`. */
    this.stderr = /** @type {Incoming} */ (this.#outputs[1]).readable;
    /**
     * What the program reads from descriptor 0; closing it is the end of its input.
     * @type {WritableStream<Uint8Array | string>}
     */
    this.stdin = new WritableStream({
      write: (chunk) => this.#write(toBytes(chunk)),
      close: () => this.#end(),
      abort: () => this.#end(),
    });
  }

  /** Whether the program waits for input now. */
  get waiting() {
    return this.#waiting;
  }

  /**
   * Told when the program begins (`true`) and ends (`false`) to wait for input; at once, if it waits.
   * @param {((waiting: boolean) => void) | null} listener
   */
  set onwaiting(listener) {
    this.#onwaiting = listener;
    if (this.#waiting) listener?.(true);
  }

  /**
   * Kills the process. One that waits ends at once; one that computes without a pause ends when its
   * worker is replaced, a moment later.
   * @param {string} [signal] `exit` tells it; a program cannot catch it
   * @returns {boolean} whether there was anything to kill
   */
  kill(signal = "SIGTERM") {
    const number = signalNumber(signal);
    if (this.#ended) return false;
    if (this.ring) {
      const words = new Int32Array(this.ring);
      Atomics.store(words, RING.killed, number);
      this.#wake(words);
    }
    this.#line.post({ t: "kill", id: this.#id, signal });
    this.#grace ??= setTimeout(() => this.#line.stuck(signal), KILL_GRACE);
    return true;
  }

  /**
   * @param {1 | 2} fd
   * @param {Uint8Array} bytes
   */
  wrote(fd, bytes) {
    if (!this.#ended) /** @type {Incoming} */ (this.#outputs[fd - 1]).push(bytes);
  }

  /**
   * @param {number} taken bytes of input
   * @param {boolean} waiting for more
   */
  took(taken, waiting) {
    this.#sent -= taken;
    this.#room?.();
    this.#wait(waiting);
  }

  /**
   * @param {ExitStatus} status
   * @param {unknown} diagnostics
   */
  ended(status, diagnostics) {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#grace);
    this.diagnostics = /** @type {PageProcess["diagnostics"]} */ (diagnostics);
    for (const output of this.#outputs) output.end();
    this.#room?.();
    this.#wait(false);
    this.#settle(status);
  }

  /** @param {boolean} waiting */
  #wait(waiting) {
    if (waiting === this.#waiting) return;
    this.#waiting = waiting;
    this.#onwaiting?.(waiting);
  }

  /** @param {number} cost */
  #credit(cost) {
    if (this.#ended) return;
    if (this.ring) {
      const words = new Int32Array(this.ring);
      Atomics.add(words, RING.acked, cost);
      this.#wake(words);
    } else {
      this.#line.post({ t: "credit", id: this.#id, cost });
    }
  }

  /** @param {Uint8Array} bytes */
  async #write(bytes) {
    for (let at = 0; at < bytes.length;) {
      while (!this.#ended && this.#sent >= INPUT_WINDOW) {
        await new Promise((resolve) => (this.#room = () => resolve(undefined)));
      }
      if (this.#ended) {
        throw new NidusError("EPIPE", "EPIPE: broken pipe, write: the process has ended");
      }
      const part = bytes.slice(at, at + INPUT_WINDOW - this.#sent);
      at += part.length;
      this.#sent += part.length;
      this.#wait(false);
      if (this.ring) this.#writeRing(this.ring, part);
      else this.#line.post({ t: "input", id: this.#id, bytes: part });
    }
  }

  /**
   * @param {SharedArrayBuffer} ring
   * @param {Uint8Array} bytes no more than there is room for
   */
  #writeRing(ring, bytes) {
    const words = new Int32Array(ring);
    const room = new Uint8Array(ring, RING.words * 4);
    const head = Atomics.load(words, RING.head) >>> 0;
    const first = bytes.subarray(0, INPUT_WINDOW - (head % INPUT_WINDOW));
    room.set(first, head % INPUT_WINDOW);
    room.set(bytes.subarray(first.length), 0);
    Atomics.add(words, RING.head, bytes.length);
    this.#wake(words);
  }

  #end() {
    if (this.#ended) return;
    if (this.ring) {
      const words = new Int32Array(this.ring);
      Atomics.store(words, RING.ended, 1);
      this.#wake(words);
    } else {
      this.#line.post({ t: "input", id: this.#id, bytes: null });
    }
  }

  /** @param {Int32Array} words */
  #wake(words) {
    Atomics.add(words, RING.wake, 1);
    Atomics.notify(words, RING.wake);
  }
}

/** One stream of output on its way to its reader. */
class Incoming {
  /** @type {Uint8Array[]} */
  #chunks = [];
  #cost = 0;
  #ended = false;
  /** @type {ReadableStreamDefaultController<Uint8Array> | null} */
  #controller = null;
  #wanted = false;
  #credit;

  /** @param {(cost: number) => void} credit */
  constructor(credit) {
    this.#credit = credit;
    /** @type {ReadableStream<Uint8Array>} */
    this.readable = new ReadableStream(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => {
          this.#wanted = true;
          this.#give();
        },
        // Nobody will read: the program writes into the void, as to a closed window.
        cancel: () => {
          this.#controller = null;
          this.#give();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** @param {Uint8Array} bytes */
  push(bytes) {
    this.#chunks.push(bytes);
    this.#cost += Math.max(bytes.length, MESSAGE_COST);
    if (this.#wanted || !this.#controller) this.#give();
  }

  end() {
    this.#ended = true;
    if (this.#chunks.length === 0) this.#close();
  }

  /** All that is here goes to the reader as one piece. */
  #give() {
    const chunks = this.#chunks.splice(0);
    if (chunks.length === 0) return;
    const cost = this.#cost;
    this.#cost = 0;
    this.#wanted = false;
    if (this.#controller) {
      let size = 0;
      for (const chunk of chunks) size += chunk.length;
      const all = new Uint8Array(size);
      for (let i = 0, at = 0; i < chunks.length; i++) {
        const chunk = /** @type {Uint8Array} */ (chunks[i]);
        all.set(chunk, at);
        at += chunk.length;
      }
      this.#controller.enqueue(all);
    }
    this.#credit(cost);
    if (this.#ended) this.#close();
  }

  #close() {
    this.#controller?.close();
    this.#controller = null;
  }
}

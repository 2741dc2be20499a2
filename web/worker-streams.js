/**
 * The worker's ends of a page's process: its standard streams, as the kernel calls them.
 *
 * Invariants: what a program writes leaves for the page in the same call, so it is seen at once even
 * if the program then computes for a minute; a program has at most `OUTPUT_WINDOW` under way and waits
 * for the page beyond that; one that keeps writing lets the worker look at its messages now and then.
 * Where programs cannot wait, what exceeds the window is sent in large pieces, up to `OUTPUT_LIMIT`.
 *
 * Where programs wait synchronously, input and credit come through the ring of protocol.js, which the
 * page writes; elsewhere they come as messages.
 */

import { signalName } from "./errors.js";
import { Killed } from "./process.js";
import {
  INPUT_WINDOW,
  MESSAGE_COST,
  OUTPUT_LIMIT,
  OUTPUT_WINDOW,
  RING,
  YIELD_AFTER,
} from "./protocol.js";
import { BLOCK, InputPipe } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */
/** @typedef {(message: import("./protocol.js").ToPage) => void} Post */
/** @typedef {import("./protocol.js").Capabilities["waiting"]} Waiting */

const READABLE = 1;
const WRITABLE = 2;
const HUNG_UP = 4;
/** What a program that cannot wait sends at a time once the page is behind. */
const PIECE = 64 * 1024;

/** When this worker last took a message. */
let lastTurn = 0;

/** To be called for each message taken. */
export function tookTurn() {
  lastTurn = performance.now();
}

/** The output of one process. */
export class PageOutput {
  /** What is under way to the page, as the window counts it. */
  #under = 0;
  /** @type {{fd: 1 | 2, bytes: Uint8Array<ArrayBuffer>, size: number} | null} the next piece */
  #piece = null;
  #yielding = false;
  #id;
  #waiting;
  #words;
  #acked = 0;
  #post;

  /**
   * @param {number} id
   * @param {Waiting} waiting
   * @param {Int32Array | null} words of the ring
   * @param {boolean} terminal
   * @param {Post} post
   */
  constructor(id, waiting, words, terminal, post) {
    this.#id = id;
    this.#waiting = waiting;
    this.#words = words;
    this.#post = post;
    this.stdout = this.#stream(1, terminal);
    this.stderr = this.#stream(2, terminal);
  }

  /**
   * The page has read this much.
   * @param {number} cost
   */
  credit(cost) {
    this.#under -= cost;
    this.#wake();
  }

  /** Whether a write would go through. */
  get writable() {
    if (this.#words) {
      const acked = Atomics.load(this.#words, RING.acked);
      this.#under -= (acked - this.#acked) | 0;
      this.#acked = acked;
    }
    const limit = this.#waiting === "interp" ? OUTPUT_LIMIT : OUTPUT_WINDOW;
    return this.#under < limit && !this.#yielding;
  }

  /** The process has ended: nothing stays here. */
  flush() {
    const piece = this.#piece;
    this.#piece = null;
    if (piece) this.#send(piece.fd, piece.bytes.slice(0, piece.size));
  }

  /**
   * @param {1 | 2} fd
   * @param {boolean} terminal
   * @returns {HostStream}
   */
  #stream(fd, terminal) {
    return {
      terminal,
      onready: null,
      write: (from) => this.#write(fd, from),
      ready: () => (this.writable ? WRITABLE : 0),
    };
  }

  /**
   * @param {1 | 2} fd
   * @param {Uint8Array} from
   */
  #write(fd, from) {
    if (!this.writable) return BLOCK;
    if (this.#waiting === "interp") {
      if (this.#under >= OUTPUT_WINDOW || this.#piece) return this.#keep(fd, from);
    } else if (this.#waiting === "jspi" && performance.now() - lastTurn > YIELD_AFTER) {
      this.#yield();
      return BLOCK;
    }
    const part = from.slice(0, OUTPUT_WINDOW);
    this.#send(fd, part);
    return part.length;
  }

  /**
   * @param {1 | 2} fd
   * @param {Uint8Array} from
   */
  #keep(fd, from) {
    if (this.#piece?.fd !== fd || this.#piece.size === PIECE) this.flush();
    this.#piece ??= { fd, bytes: new Uint8Array(PIECE), size: 0 };
    const part = from.subarray(0, PIECE - this.#piece.size);
    this.#piece.bytes.set(part, this.#piece.size);
    this.#piece.size += part.length;
    return part.length;
  }

  /**
   * @param {1 | 2} fd
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  #send(fd, bytes) {
    this.#under += Math.max(bytes.length, MESSAGE_COST);
    this.#post({ t: "output", id: this.#id, fd, bytes });
  }

  /** The process waits until the messages that have come by now are taken. */
  #yield() {
    this.#yielding = true;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      tookTurn();
      this.#yielding = false;
      this.#wake();
    };
    port2.postMessage(null);
  }

  #wake() {
    this.stdout.onready?.();
    this.stderr.onready?.();
  }
}

/**
 * Input that comes as messages.
 * @implements {HostStream}
 */
export class PageInput extends InputPipe {
  whole = false;
  #tell;

  /**
   * @param {boolean} terminal
   * @param {(taken: number, waiting: boolean) => void} tell
   */
  constructor(terminal, tell) {
    super();
    this.terminal = terminal;
    this.#tell = tell;
  }

  /**
   * @override
   * @param {Uint8Array} into
   */
  read(into) {
    const count = super.read(into);
    if (count !== 0) this.#tell(Math.max(count, 0), count === BLOCK);
    return count;
  }
}

/**
 * Input that comes through the ring.
 * @implements {HostStream}
 */
export class RingInput {
  /** @type {(() => void) | null} */
  onready = null;
  #words;
  #room;
  #tell;

  /**
   * @param {SharedArrayBuffer} ring
   * @param {boolean} terminal
   * @param {(taken: number, waiting: boolean) => void} tell
   */
  constructor(ring, terminal, tell) {
    this.terminal = terminal;
    this.#words = new Int32Array(ring);
    this.#room = new Uint8Array(ring, RING.words * 4);
    this.#tell = tell;
  }

  /** @param {Uint8Array} into */
  read(into) {
    const words = this.#words;
    const tail = Atomics.load(words, RING.tail);
    const held = (Atomics.load(words, RING.head) - tail) | 0;
    if (held === 0) {
      if (Atomics.load(words, RING.ended)) return 0;
      this.#tell(0, true);
      return BLOCK;
    }
    const at = (tail >>> 0) % INPUT_WINDOW;
    const count = Math.min(held, into.length, INPUT_WINDOW - at);
    into.set(this.#room.subarray(at, at + count));
    Atomics.add(words, RING.tail, count);
    this.#tell(count, false);
    return count;
  }

  ready() {
    const words = this.#words;
    const ended = Atomics.load(words, RING.ended);
    const some = Atomics.load(words, RING.head) !== Atomics.load(words, RING.tail);
    return (some || ended ? READABLE : 0) | (ended ? HUNG_UP : 0);
  }
}

/** @typedef {{words: Int32Array, input: HostStream, output: PageOutput}} RingProcess */

/**
 * Waits, without letting go of the worker, until the page wrote to a process's ring or its deadline
 * has come; throws `Killed` when the page killed it.
 * @param {RingProcess} process
 * @param {number} kinds as `nidus_wait_kinds`
 * @param {number} milliseconds until the deadline; Infinity when there is none
 */
export function waitOnRing({ words, input, output }, kinds, milliseconds) {
  const until = performance.now() + milliseconds;
  for (;;) {
    const seen = Atomics.load(words, RING.wake);
    const killed = Atomics.load(words, RING.killed);
    if (killed) throw new Killed(signalName(killed));
    if (kinds & 2 && input.ready() & READABLE) return;
    if (kinds & 4 && output.writable) return;
    const left = until - performance.now();
    if (left <= 0) return;
    Atomics.wait(words, RING.wake, seen, left);
  }
}

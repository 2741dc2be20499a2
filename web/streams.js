/**
 * The streams a process may be given: synchronous at the kernel's end (host.js), and at the other
 * end bytes, functions or web streams.
 *
 * ```
 *   WritableStream ─▶ InputPipe ─▶ guest fd 0        guest fd 1 ─▶ OutputPipe ─▶ ReadableStream
 *                     Bytes ─────▶                              ─▶ Sink ───────▶ function
 * ```
 *
 * Invariants: bytes handed out are copies, never views of kernel memory; an end that closed stays
 * closed; `onready` is called after every change that may let a parked process go on.
 */

import { NidusError } from "./errors.js";

/** @typedef {import("./host.js").HostStream} HostStream */

/** Bytes a pipe holds before its writer waits. */
export const PIPE_CAPACITY = 256 * 1024;

/** What a stream answers when it would block. */
export const BLOCK = -0x10000;
const EPIPE = -64;
const encoder = new TextEncoder();

/**
 * @param {string | Uint8Array | ArrayBuffer} value
 * @returns {Uint8Array}
 */
export function toBytes(value) {
  if (typeof value === "string") return encoder.encode(value);
  return value instanceof Uint8Array ? value : new Uint8Array(value);
}

/** Input that is there from the start. @implements {HostStream} */
export class Bytes {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }

  /** @param {Uint8Array} into */
  read(into) {
    const part = this.bytes.subarray(0, into.length);
    into.set(part);
    this.bytes = this.bytes.subarray(part.length);
    return part.length;
  }

  ready() {
    return 1;
  }
}

/**
 * Input that arrives while the process runs.
 * @implements {HostStream}
 */
export class InputPipe {
  /** @type {Uint8Array[]} */
  #chunks = [];
  #size = 0;
  #ended = false;
  #broken = false;
  /** @type {(() => void)[]} writers waiting for room */
  #waiting = [];
  /** @type {(() => void) | null} */
  onready = null;

  /** @param {Uint8Array} bytes kept as they are */
  push(bytes) {
    if (this.#ended || this.#broken || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#size += bytes.length;
    this.onready?.();
  }

  /** The end of the file. */
  end() {
    this.#ended = true;
    this.onready?.();
  }

  /** Nobody will read any more. */
  close() {
    this.#broken = true;
    this.#chunks = [];
    this.#size = 0;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** @param {Uint8Array} into */
  read(into) {
    if (this.#size === 0) return this.#ended ? 0 : BLOCK;
    let done = 0;
    while (done < into.length && this.#chunks.length > 0) {
      const chunk = /** @type {Uint8Array} */ (this.#chunks[0]);
      const part = chunk.subarray(0, into.length - done);
      into.set(part, done);
      done += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#size -= done;
    if (this.#size < PIPE_CAPACITY) for (const go of this.#waiting.splice(0)) go();
    return done;
  }

  ready() {
    return (this.#size > 0 || this.#ended ? 1 : 0) | (this.#ended ? 4 : 0);
  }

  /** Resolves when there is room again, or nobody reads. */
  async room() {
    if (this.#size < PIPE_CAPACITY || this.#broken) return;
    await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
  }

  /** The other end: what is written to it is the process's input, until it is closed. */
  writable() {
    return new WritableStream({
      write: async (/** @type {Uint8Array | string} */ chunk) => {
        await this.room();
        if (this.#broken) {
          throw new NidusError("EPIPE", "EPIPE: broken pipe, write: the process has ended");
        }
        this.push(toBytes(chunk).slice());
      },
      close: () => this.end(),
      abort: () => this.end(),
    });
  }

  /**
   * Feeds the pipe from a stream until the stream ends or nobody reads.
   * @param {ReadableStream<Uint8Array>} source
   */
  async feed(source) {
    const reader = source.getReader();
    try {
      for (;;) {
        await this.room();
        if (this.#broken) return void (await reader.cancel());
        const { done, value } = await reader.read();
        if (done) return;
        this.push(toBytes(value));
      }
    } finally {
      this.end();
    }
  }
}

/**
 * Output as a web stream. Where the process can wait, it waits for its reader; where it cannot, what
 * it writes is kept until it is read.
 * @implements {HostStream}
 */
export class OutputPipe {
  /** @type {ReadableStreamDefaultController<Uint8Array> | null} */
  #controller = null;
  #patient;
  /** @type {(() => void) | null} */
  onready = null;

  /** @param {boolean} patient the process can wait */
  constructor(patient) {
    this.#patient = patient;
    /** @type {ReadableStream<Uint8Array>} */
    this.readable = new ReadableStream(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => this.onready?.(),
        cancel: () => {
          this.#controller = null;
          this.onready?.();
        },
      },
      { highWaterMark: PIPE_CAPACITY, size: (chunk) => chunk?.byteLength ?? 0 },
    );
  }

  /** @param {Uint8Array} from */
  write(from) {
    if (this.#controller === null) return EPIPE;
    const room = this.#controller.desiredSize ?? 0;
    if (!this.#patient) {
      this.#controller.enqueue(from.slice());
      return from.length;
    }
    if (room <= 0) return BLOCK;
    const part = from.slice(0, room);
    this.#controller.enqueue(part);
    return part.length;
  }

  ready() {
    if (this.#controller === null) return 2 | 4;
    return !this.#patient || (this.#controller.desiredSize ?? 0) > 0 ? 2 : 0;
  }

  /** The end of the file for the reader. */
  close() {
    this.#controller?.close();
    this.#controller = null;
  }
}

/** Output handed to a function as it is written. @implements {HostStream} */
export class Sink {
  /** @param {(bytes: Uint8Array) => void} take gets a copy of its own */
  constructor(take) {
    this.take = take;
  }

  /** @param {Uint8Array} from */
  write(from) {
    this.take(from.slice());
    return from.length;
  }

  ready() {
    return 2;
  }
}

/** Output collected until it is asked for. */
export class Collector extends Sink {
  /** @type {Uint8Array[]} */
  #chunks = [];
  #size = 0;

  constructor() {
    super((bytes) => {
      this.#chunks.push(bytes);
      this.#size += bytes.length;
    });
  }

  /** Everything written so far. */
  bytes() {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [all];
    return all;
  }
}

/**
 * Output into a web stream of the caller's.
 * @implements {HostStream}
 */
export class IntoWritable {
  #writer;
  #broken = false;
  #patient;
  /** @type {(() => void) | null} */
  onready = null;

  /**
   * @param {WritableStream<Uint8Array>} stream
   * @param {boolean} patient
   */
  constructor(stream, patient) {
    this.#writer = stream.getWriter();
    this.#patient = patient;
    this.#writer.closed.catch(() => {
      this.#broken = true;
      this.onready?.();
    });
  }

  /** @param {Uint8Array} from */
  write(from) {
    if (this.#broken) return EPIPE;
    if (this.#patient && (this.#writer.desiredSize ?? 0) <= 0) return BLOCK;
    this.#writer.write(from.slice()).then(
      () => this.onready?.(),
      () => void (this.#broken = true),
    );
    return from.length;
  }

  ready() {
    if (this.#broken) return 2 | 4;
    return !this.#patient || (this.#writer.desiredSize ?? 0) > 0 ? 2 : 0;
  }

  /** Lets go of the stream when everything written is through; it stays open. */
  async release() {
    await this.#writer.ready.catch(() => {});
    this.#writer.releaseLock();
  }
}

/**
 * Reads everything that can be read, waiting for the rest.
 * @param {ReadableStream<Uint8Array>} stream
 */
export async function readAll(stream) {
  const all = new Collector();
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return all.bytes();
    all.write(toBytes(value));
  }
}

/**
 * Web streams, functions and bytes as the standard streams of a process: synchronous at the kernel's end
 * (web/host.js), asynchronous at the caller's. A page's worker has no use for them: its streams
 * are the page's (web/worker-streams.js).
 *
 * ```
 *   WritableStream ─▶ InputPipe ─▶ guest fd 0        guest fd 1 ─▶ OutputPipe ─▶ ReadableStream
 *                                                              ─▶ Sink ───────▶ function
 * ```
 *
 * Invariants: bytes handed out are copies, never views of kernel memory; an end that closed stays
 * closed; `onready` is called after every change that may let a parked process go on. A stream is closed
 * by the process that made it; one that was handed in, such as a command's that its child inherits,
 * is only borrowed.
 */

import { NidusError } from "../web/errors.js";
import { planStdio } from "../web/stdio.js";
import { BLOCK, concat, toBytes } from "../web/streams.js";
import { joinTerminal } from "../web/terminal.js";

/** @typedef {import("../web/host.js").HostStream} HostStream */
/** @typedef {import("../web/stdio.js").Stdio} Stdio */
/** @typedef {import("../web/stdio.js").StdioOptions} StdioOptions */
/** @typedef {Pick<import("../web/spawn.js").Process, "stdin" | "stdout" | "stderr" | "output" | "type">} Ends */

/** Bytes a pipe holds before its writer waits. */
const PIPE_CAPACITY = 256 * 1024;
const EPIPE = -64;

/**
 * Input that arrives while the process runs.
 * @implements {HostStream}
 */
class InputPipe {
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
class OutputPipe {
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
class Sink {
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

/**
 * Output into a web stream of the caller's.
 * @implements {HostStream}
 */
class IntoWritable {
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
 * `planStdio` (web/stdio.js) for callers that may hand in web streams and functions, and get web streams for what they
 * do not redirect.
 * @param {StdioOptions} options
 * @param {boolean} patient the process can wait
 * @returns {Promise<Stdio & Ends>}
 */
export async function planWebStreams(options, patient) {
  /** @type {Ends & Pick<Stdio, "closers">} */
  const ends = { stdin: null, stdout: null, stderr: null, output: null, closers: [] };
  if (options.streams !== undefined) return { ...planStdio(options), ...ends };
  let stdin = options.input === undefined ? (options.stdin ?? "pipe") : "null";
  if (stdin instanceof ReadableStream) {
    if (patient) {
      const pipe = new InputPipe();
      pipe.feed(stdin).catch(() => {});
      ends.closers.push(() => pipe.close());
      stdin = pipe;
    } else {
      // A process that cannot wait gets its input whole.
      stdin = await readAll(stdin);
    }
  } else if (stdin === "pipe") {
    const pipe = new InputPipe();
    ends.stdin = pipe.writable();
    ends.closers.push(() => pipe.close());
    stdin = pipe;
  }
  /** @type {(wanted: StdioOptions["stdout"], name: "stdout" | "stderr" | "output") => StdioOptions["stdout"]} */
  const place = (wanted = "pipe", name) => {
    if (typeof wanted === "function") return new Sink(wanted);
    if (wanted instanceof WritableStream) {
      const into = new IntoWritable(wanted, patient);
      ends.closers.push(() => into.release());
      return into;
    }
    if (wanted !== "pipe") return wanted;
    const pipe = new OutputPipe(patient);
    ends[name] = pipe.readable;
    ends.closers.push(() => pipe.close());
    return pipe;
  };
  /** @type {StdioOptions} */
  let out;
  if (options.terminal === undefined) {
    out = { stdout: place(options.stdout, "stdout"), stderr: place(options.stderr, "stderr") };
  } else {
    const screen = /** @type {HostStream} */ (place("pipe", "output"));
    const keys = stdin instanceof InputPipe ? stdin : null;
    const tty = joinTerminal(keys, screen, options.terminal);
    if (keys) {
      stdin = tty;
      ends.type = (text) => keys.push(toBytes(text).slice());
    }
    out = { stdout: tty, stderr: tty };
  }
  return { ...planStdio({ ...options, stdin, ...out }), ...ends };
}

/** @param {ReadableStream<Uint8Array>} stream */
async function readAll(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(toBytes(piece));
  return concat(pieces);
}

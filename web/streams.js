/**
 * Byte streams as the kernel has them: synchronous, with what would block said by a number (host.js).
 *
 * Invariant: bytes handed out are copies, never views of kernel memory.
 */

/** @typedef {import("./host.js").HostStream} HostStream */

/** What a stream answers when it would block. */
export const BLOCK = -0x10000;

/**
 * A copy.
 * @param {string | Uint8Array | ArrayBuffer} value
 * @returns {Uint8Array}
 */
export function toBytes(value) {
  return typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value);
}

/**
 * All pieces in one.
 * @param {readonly Uint8Array[]} pieces
 */
export function concat(pieces) {
  const all = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
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

/** Output collected until it is asked for. @implements {HostStream} */
export class Collector {
  /** @type {Uint8Array[]} */
  #pieces = [];

  /** @param {Uint8Array} from */
  write(from) {
    return (this.#pieces.push(from.slice()), from.length);
  }

  ready() {
    return 2;
  }

  /** Everything written so far. */
  bytes() {
    return concat(this.#pieces);
  }
}

/**
 * Reads everything that can be read, waiting for the rest.
 * @param {ReadableStream<Uint8Array>} stream
 */
export async function readAll(stream) {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

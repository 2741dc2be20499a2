/**
 * Byte streams as the kernel has them: synchronous, with what would block said by a number (host.js).
 *
 * Invariant: bytes handed out are copies, never views of kernel memory.
 */

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

/**
 * Input that is there from the start.
 * @param {Uint8Array} bytes
 */
export const bytesStream = (bytes) => ({
  /** @param {Uint8Array} into */
  read(into) {
    const part = bytes.subarray(0, into.length);
    into.set(part);
    bytes = bytes.subarray(part.length);
    return part.length;
  },
  ready: () => 1,
});

/** Output collected until it is asked for. */
export function createCollector() {
  /** @type {Uint8Array[]} */
  const pieces = [];
  return {
    /** @param {Uint8Array} from */
    write: (from) => (pieces.push(from.slice()), from.length),
    ready: () => 2,
    /** Everything written so far. */
    bytes: () => concat(pieces),
  };
}

/**
 * What archive.js does, which is loaded for it.
 * @param {import("./archive.js").Step} step
 * @param {string} path
 * @returns {ReadableStream<Uint8Array>}
 */
export function exportTar(step, path) {
  const { readable, writable } = new TransformStream();
  import("./archive.js")
    .then(({ exportTo }) => exportTo(step, path, writable))
    .catch((error) => writable.abort(error));
  return readable;
}

/**
 * @param {import("./archive.js").Step} step
 * @param {string} path
 * @param {import("./archive.js").TarSource} source
 * @returns {Promise<void>}
 */
export async function importTar(step, path, source) {
  return (await import("./archive.js")).importFrom(step, path, source);
}

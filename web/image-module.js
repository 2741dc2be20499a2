/**
 * A volume in one file: image.wasm (wasi-polyfill/src/image.c) on a block device, and how JavaScript talks to it.
 */

import { NidusError } from "./errors.js";

/**
 * Bytes at offsets. All calls answer 0 (`size` the size) or -errno and do not throw; they must not keep the view.
 * `read` answers -29 beyond the end; `write` makes the device longer there, and answers -51 where there is no
 * room. What was written before a `flush` that succeeded outlives any crash.
 * @typedef {object} BlockDevice
 * @property {(into: Uint8Array, at: number) => number} read
 * @property {(from: Uint8Array, at: number) => number} write
 * @property {() => number} flush
 * @property {() => number} size
 * @property {(size: number) => number} truncate
 * @property {() => number} close
 */

/**
 * @typedef {object} ImageExports
 * @property {WebAssembly.Memory} memory
 * @property {() => void} [_initialize]
 * @property {() => number} buffer
 * @property {(size: number) => number} alloc
 * @property {(flags: number) => number} open
 * @property {() => number} findings
 * @property {(findings: number, errno: number) => number} says
 * @property {() => number} log
 * @property {(ino: number, index: number) => number} load
 * @property {(ptr: number, length: number) => void} put_segment
 * @property {(ino: number, from: number) => void} put_cut
 * @property {(ino: number, index: number, length: number) => void} put_chunk
 * @property {(restart: number) => number} commit
 * @property {(flags: number) => number} check
 * @property {() => void} keys
 * @property {() => number} close
 */

export const READ_ONLY = 1;
export const REPAIR = 2;

/** What the opening of an image finds (image.h). */
export const FOUND_SUPERBLOCK = 4;
export const FOUND_LOG = 16;
export const FOUND_PLACES = 32;

const SALT_LENGTH = 8;

/** @typedef {Awaited<ReturnType<typeof openImage>>} Image */

/**
 * Opens the image that lies on a device; an empty device becomes an empty image. What cannot be used is refused
 * with a sentence; the device stays open.
 * @param {WebAssembly.Module} module
 * @param {BlockDevice} device
 * @param {string} name for messages
 * @param {number} flags
 */
export async function openImage(module, device, name, flags) {
  /** @type {Uint8Array[]} */
  let segments = [];
  /** @type {[ino: number, index: number][]} */
  let chunks = [];
  const host = {
    /** @type {(at: number, ptr: number, length: number) => number} */
    read: (at, ptr, length) => device.read(bytes(ptr, length), at),
    /** @type {(at: number, ptr: number, length: number) => number} */
    write: (at, ptr, length) => device.write(bytes(ptr, length), at),
    flush: () => device.flush(),
    size: () => device.size(),
    /** @param {number} size */
    truncate: (size) => device.truncate(size),
    /** @type {(ptr: number, length: number) => void} */
    segment: (ptr, length) => void segments.push(bytes(ptr, length).slice()),
    /** @type {(ino: number, index: number) => void} */
    chunk: (ino, index) => void chunks.push([ino, index]),
  };
  const { exports } = await WebAssembly.instantiate(module, { host });
  const image = /** @type {ImageExports} */ (/** @type {unknown} */ (exports));
  /** @type {(ptr: number, length: number) => Uint8Array<ArrayBuffer>} */
  const bytes = (ptr, length) =>
    new Uint8Array(/** @type {ArrayBuffer} */ (image.memory.buffer), ptr >>> 0, length >>> 0);
  image._initialize?.();
  const buffer = image.buffer();
  crypto.getRandomValues(bytes(buffer, SALT_LENGTH));

  /**
   * What a negative answer means.
   * @param {number} result
   * @param {string} syscall
   * @param {number} [findings]
   */
  const failure = (result, syscall, findings = 0) => {
    const at = image.says(findings, -result);
    const error = NidusError.fromErrno(-result, syscall, name);
    if (at === 0) return error;
    const memory = bytes(0, image.memory.buffer.byteLength);
    const text = new TextDecoder().decode(memory.slice(at, memory.indexOf(0, at)));
    return new NidusError(
      error.code,
      text.replace("$", () => name),
      error,
    );
  };

  const opened = image.open(flags);
  if (opened < 0) throw failure(opened, "mount", image.findings());
  const findings = image.findings();

  return {
    failure,
    findings,

    /** All segments of the log. */
    log() {
      segments = [];
      const result = image.log();
      if (result < 0) throw failure(result, "mount", FOUND_LOG);
      return segments;
    },

    /**
     * A chunk, valid until the next call; its length is 0 where there is none; a negated errno.
     * @param {number} ino
     * @param {number} index
     */
    load(ino, index) {
      const length = image.load(ino, index);
      return length < 0 ? length : bytes(buffer, length);
    },

    /** @param {Uint8Array} segment */
    putSegment(segment) {
      const ptr = image.alloc(segment.length);
      if (ptr) bytes(ptr, segment.length).set(segment);
      image.put_segment(ptr, segment.length);
    },
    putCut: image.put_cut,
    /** @type {(ino: number, index: number, chunk: Uint8Array) => void} */
    putChunk(ino, index, chunk) {
      bytes(buffer, chunk.length).set(chunk);
      image.put_chunk(ino, index, chunk.length);
    },
    /** Lets the commit that is being made fail. */
    spoil: () => image.put_segment(0, 0),
    /**
     * Makes what was put last; 0 or a negated errno, and then nothing of it is there.
     * @param {boolean} restart
     */
    commit: (restart) => image.commit(Number(restart)),

    /** Reads everything: the chunks that are, or with `REPAIR` were, damaged. @param {number} how */
    check(how) {
      chunks = [];
      const result = image.check(how);
      if (result < 0) throw failure(result, "fsck");
      return chunks;
    },
    /** All chunks there are, in ascending order. */
    keys() {
      chunks = [];
      image.keys();
      return chunks;
    },

    close: () => image.close(),
  };
}

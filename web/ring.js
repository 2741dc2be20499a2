/**
 * What a page tells one of its processes: a few words and the typed input, in memory that both share
 * where a program waits synchronously, and that is the worker's own elsewhere, where messages bring the
 * same.
 *
 * ```
 *   wake | killed | head | tail | ended | acked | posted | - |  bytes of input, used as a ring
 * ```
 *
 * Invariants: the process alone moves `tail`, the page all other words; counts only grow, and wrap as
 * 32-bit integers, so the size of the ring is a power of two unless all input is there from the start;
 * `wake` changes after every other change.
 */

/** Counts changes: what a program that waits synchronously waits for. */
export const WAKE = 0;
/** The number of the signal that kills the process. */
export const KILLED = 1;
/** Bytes of input written. */
export const HEAD = 2;
/** Bytes of input taken. */
const TAIL = 3;
/** No input will follow. */
export const ENDED = 4;
/** What the page's reader took of the output, as the window counts it. */
export const ACKED = 5;
/** The worker was told by a message, not taken yet, to look at the shared ring. */
export const POSTED = 6;
const WORDS = 8;

/**
 * @param {boolean} shared
 * @param {number} size
 */
export function createRing(shared, size) {
  return new (shared ? SharedArrayBuffer : ArrayBuffer)(WORDS * 4 + size);
}

/** @param {ArrayBufferLike} ring */
export function wordsOf(ring) {
  return new Int32Array(ring, 0, WORDS);
}

/**
 * Adds to a word; at `HEAD` the bytes of input that this tells of, for which there must be room.
 * @param {ArrayBufferLike} ring
 * @param {number} word
 * @param {number | Uint8Array} value
 */
export function tellRing(ring, word, value) {
  const words = wordsOf(ring);
  if (typeof value !== "number") {
    const room = new Uint8Array(ring, WORDS * 4);
    const at = (Atomics.load(words, HEAD) >>> 0) % room.length;
    const first = value.subarray(0, room.length - at);
    room.set(first, at);
    room.set(value.subarray(first.length));
    value = value.length;
  }
  Atomics.add(words, word, value);
  Atomics.add(words, WAKE, 1);
  Atomics.notify(words, WAKE);
}

/**
 * Takes input; 0 when there is none now.
 * @param {ArrayBufferLike} ring
 * @param {Uint8Array} into
 */
export function takeInput(ring, into) {
  const words = wordsOf(ring);
  const room = new Uint8Array(ring, WORDS * 4);
  const tail = Atomics.load(words, TAIL);
  const at = (tail >>> 0) % room.length;
  const held = (Atomics.load(words, HEAD) - tail) | 0;
  const part = room.subarray(at, at + Math.min(held, into.length));
  into.set(part);
  Atomics.add(words, TAIL, part.length);
  return part.length;
}

/**
 * Bytes of input that wait to be taken.
 * @param {Int32Array} words
 */
export function inputHeld(words) {
  return (Atomics.load(words, HEAD) - Atomics.load(words, TAIL)) | 0;
}

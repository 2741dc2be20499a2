/**
 * What a page tells one of its processes: a few words and the typed input, in memory that both share
 * where a program waits synchronously, and that is the worker's own elsewhere, where messages bring the
 * same.
 *
 * ```
 *   wake | killed | head | tail | ended | acked | posted | size |  bytes of input, used as a ring
 * ```
 *
 * Invariants: the process alone moves `tail`, the page all other words; counts only grow, and wrap as
 * 32-bit integers, so the size of the ring is a power of two;
 * `wake` changes after every other change of the page's.
 */

/** Counts changes: what a program that waits synchronously waits for. */
export const WAKE = 0;
/** The number of the signal that kills the process. */
export const KILLED = 1;
/** Bytes of input written. */
export const HEAD = 2;
/** Bytes of input taken. */
export const TAIL = 3;
/** No input will follow. */
export const ENDED = 4;
/** What the page's reader took of the output, as the window counts it. */
export const ACKED = 5;
/** The worker was told by a message, not taken yet, to look at the shared ring. */
export const POSTED = 6;
/** The size of a terminal's window once it has changed: columns, and from bit 16 rows. */
export const SIZE = 7;
const WORDS = 8;
/** Typed input a process may have under way, 64 KiB; a power of two. */
export const INPUT_WINDOW = 0x1_0000;

/**
 * @param {boolean} shared
 */
export function createRing(shared) {
  return openRing(new (shared ? SharedArrayBuffer : ArrayBuffer)(WORDS * 4 + INPUT_WINDOW));
}

/**
 * One end of a ring.
 * @param {ArrayBufferLike} memory
 */
export function openRing(memory) {
  const words = new Int32Array(memory, 0, WORDS);
  const room = new Uint8Array(memory, WORDS * 4);
  /** @param {number} word */
  const load = (word) => Atomics.load(words, word);
  /** @type {(word: number, value: number) => number} */
  const add = (word, value) => Atomics.add(words, word, value);
  /** Where in the ring the byte lies that a word counts. @param {number} word */
  const place = (word) => load(word) & (INPUT_WINDOW - 1);
  return {
    words,
    load,

    /**
     * Adds to a word; at `HEAD` the bytes of input that this tells of, for which there must be room.
     * @param {number} word
     * @param {number | Uint8Array} value
     */
    tell(word, value) {
      if (typeof value !== "number") {
        const at = place(HEAD);
        const first = value.subarray(0, room.length - at);
        room.set(first, at);
        room.set(value.subarray(first.length));
        value = value.length;
      }
      add(word, value);
      add(WAKE, 1);
      Atomics.notify(words, WAKE);
    },

    /**
     * Takes input; answers how much, 0 when there is none now.
     * @param {Uint8Array} into
     */
    take(into) {
      const at = place(TAIL);
      const held = (load(HEAD) - load(TAIL)) | 0;
      const part = room.subarray(at, at + Math.min(held, into.length));
      into.set(part);
      add(TAIL, part.length);
      return part.length;
    },
  };
}

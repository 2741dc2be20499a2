/**
 * What a page tells one of its processes: a few words and the typed input. Messages bring each change to the worker,
 * which has a ring of its own; what is told before the process has started, the page's ring keeps, too, for the worker
 * that will start it.
 *
 * ```
 *   killed | head | tail | ended | acked | size |  bytes of input, used as a ring
 * ```
 *
 * Invariants: the process alone moves `tail`, the page all other words; counts only grow, and wrap as
 * 32-bit integers, so the size of the ring is a power of two.
 */

/** The number of the signal that kills the process. */
export const KILLED = 0;
/** Bytes of input written. */
export const HEAD = 1;
/** Bytes of input taken. */
export const TAIL = 2;
/** No input will follow. */
export const ENDED = 3;
/** What the page's reader took of the output, as the window counts it. */
export const ACKED = 4;
/** The size of a terminal's window once it has changed: columns, and from bit 16 rows. */
export const SIZE = 5;
const WORDS = 6;
/** Typed input a process may have under way, 64 KiB; a power of two. */
export const INPUT_WINDOW = 0x1_0000;

export function createRing() {
  return openRing(new ArrayBuffer(WORDS * 4 + INPUT_WINDOW));
}

/**
 * One end of a ring.
 * @param {ArrayBuffer} memory
 */
export function openRing(memory) {
  const words = new Int32Array(memory, 0, WORDS);
  const room = new Uint8Array(memory, WORDS * 4);
  /** @param {number} word */
  const load = (word) => words[word];
  /** Where in the ring the byte lies that a word counts. @param {number} word */
  const place = (word) => load(word) & (INPUT_WINDOW - 1);
  return {
    memory,
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
      words[word] += value;
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
      words[TAIL] += part.length;
      return part.length;
    },
  };
}

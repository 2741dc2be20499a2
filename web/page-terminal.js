/**
 * The page's end of a terminal: keys on their way to it, in order, and the size of its window. Loaded with the first
 * process that has one.
 *
 * A program on the direct tier that computes without a pause looks at no key. So a key that would end it, as the
 * kernel says which do, is sent as a kill when it has not been taken in time.
 */

import { KEY_GRACE } from "./limits.js";
import { SIZE } from "./ring.js";
import { toBytes } from "./streams.js";

/** @typedef {ReturnType<typeof createTerminal>} PageTerminal */

/**
 * @param {(bytes: Uint8Array) => Promise<void>} feed gives the process input
 * @param {(word: number, value: number) => void} tell for ring.js
 * @param {(signal: string) => void} kill
 */
export function createTerminal(feed, tell, kill) {
  /** Keys that end the program, by the signals that they send; 0: none. A terminal begins with these two. */
  let keys = { SIGINT: 3, SIGQUIT: 28 };
  let size = 0;
  let typing = Promise.resolve();
  /** How many bytes were sent, ever, and how many of them must be taken soon; they wrap. */
  let sent = 0;
  let urgent = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let grace;
  const calm = () => {
    clearTimeout(grace);
    grace = undefined;
  };
  return {
    /** @param {string | Uint8Array} text */
    type(text) {
      const bytes = toBytes(text).slice();
      // Typed at a program that has ended, it goes nowhere.
      typing = typing.then(() => feed(bytes)).catch(() => {});
    },

    /**
     * @param {number} cols
     * @param {number} rows
     */
    resize(cols, rows) {
      const now = (rows << 16) | (cols & 0xffff);
      tell(SIZE, now - size);
      size = now;
    },

    /** These are on their way. @param {Uint8Array} bytes */
    sent(bytes) {
      sent = (sent + bytes.length) | 0;
      for (const [signal, key] of Object.entries(keys)) {
        if (!key || !bytes.includes(key) || grace !== undefined) continue;
        urgent = sent;
        grace = setTimeout(kill, KEY_GRACE, signal);
      }
    },

    /** So many are still on their way. @param {number} left */
    taken(left) {
      if (((sent - left - urgent) | 0) >= 0) calm();
    },

    /** As `stream_state` of docs/kernel-abi.md tells it. @param {number} state */
    state(state) {
      keys = { SIGINT: (state >> 8) & 255, SIGQUIT: (state >> 16) & 255 };
    },

    end: calm,
  };
}

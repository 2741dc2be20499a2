/**
 * The worker's ends of a page's process: its standard streams, as the kernel calls them.
 *
 * Invariants: what a program writes leaves for the page in the same call, so it is seen at once even
 * if the program then computes for a minute, but for what follows within `FRAME` when the page has not taken what came
 * before: that may wait for the thread's next turn, as a larger piece; a program has at most `OUTPUT_WINDOW` under way and
 * waits for the page beyond that; one that keeps writing lets the worker look at its messages now and then.
 * Where programs cannot wait, what exceeds the window is sent in large pieces, up to `OUTPUT_LIMIT`.
 * Input, and what the page's reader took, come through the ring, whoever writes it.
 */

import { turn } from "./engine-wasm.js";
import { signalName } from "./errors.js";
import {
  FRAME,
  MESSAGES_BEHIND,
  MESSAGE_COST,
  OUTPUT_LIMIT,
  OUTPUT_PIECE,
  OUTPUT_WINDOW,
  YIELD_AFTER,
} from "./limits.js";
import { ACKED, ENDED, HEAD, KILLED, SIZE, TAIL, openRing } from "./ring.js";
import { BLOCK } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */

/** When this thread last took a message, or could have. */
export let lastTurn = 0;

/** To be called then. */
export function tookTurn() {
  lastTurn = performance.now();
}

/** @typedef {ReturnType<typeof pageStreams>} PageStreams */

/**
 * @param {ArrayBuffer} memory of the ring
 * @param {boolean} terminal
 * @param {import("./protocol.js").Capabilities["waiting"]} waiting
 * @param {(...event: import("./protocol.js").Event<import("./protocol.js").ProcessEvents>) => void} post
 * @param {() => void} wake says that a parked process should look again
 */
export function pageStreams(memory, terminal, waiting, post, wake) {
  const { load, take, tell } = openRing(memory);
  /** What was sent, as the window counts it; like `ACKED`, it wraps. */
  let sent = 0;
  /** What is to be sent, of descriptor `from`. */
  const piece = new Uint8Array(OUTPUT_PIECE);
  let size = 0;
  let from = 1;
  let sentAt = 0;
  /** It will be sent at the thread's next turn. */
  let due = false;

  const under = () => (sent - load(ACKED)) | 0;
  const limit = waiting === "interp" ? OUTPUT_LIMIT : OUTPUT_WINDOW;
  const canWrite = () => !load(KILLED) && under() < limit;

  /** Nothing stays here. */
  const flush = () => {
    if (size === 0) return;
    sent += Math.max(size, MESSAGE_COST);
    post("output", from, piece.slice(0, size));
    size = 0;
    sentAt = performance.now();
  };
  const flushLater = () => {
    if (due) return;
    due = true;
    turn().then(() => {
      due = false;
      flush();
    });
  };

  /** @type {(fd: 1 | 2) => HostStream} */
  const output = (fd) => ({
    write(bytes) {
      if (!canWrite()) return BLOCK;
      const now = performance.now();
      if (waiting === "jspi" && now - lastTurn > YIELD_AFTER) {
        // The process waits until the messages that have come by now are taken.
        setTimeout(() => {
          tookTurn();
          wake();
        });
        return BLOCK;
      }
      if (fd !== from) flush();
      from = fd;
      const part = bytes.subarray(0, OUTPUT_PIECE - size);
      piece.set(part, size);
      size += part.length;
      // The page keeps up, or has shown what it had.
      const most = now - sentAt > FRAME ? OUTPUT_WINDOW : MESSAGES_BEHIND * MESSAGE_COST;
      if (size >= OUTPUT_PIECE || under() < most) flush();
      else flushLater();
      return part.length;
    },
    ready: () => (canWrite() ? 2 : 0),
  });

  /** @type {HostStream} */
  const stdin = {
    read(into) {
      flush();
      // Looked at first: what the page wrote before it is then there.
      const ended = load(ENDED);
      const taken = take(into);
      // Of a terminal the kernel says when somebody waits, which is not whenever a key is missing.
      if (taken || !(ended || terminal)) post("stdin", taken, !taken);
      return taken || (ended ? 0 : BLOCK);
    },
    ready: () => (load(ENDED) ? 5 : load(HEAD) === load(TAIL) ? 0 : 1),
  };

  const killed = () => {
    const signal = load(KILLED);
    return signal && signalName(signal);
  };

  /** The process goes on, whatever signal the page sent it. */
  const spare = () => {
    tell(KILLED, -load(KILLED));
    post("caught");
  };

  return {
    /** @type {[HostStream, HostStream, HostStream]} */
    streams: [stdin, output(1), output(2)],
    flush,
    tell,
    /** The signal that the page kills the process with. */
    killed,
    spare,
    /** The size that the page has given its terminal's window, or null. */
    size: () => {
      const size = load(SIZE);
      return size ? { cols: size & 0xffff, rows: size >>> 16 } : null;
    },
  };
}

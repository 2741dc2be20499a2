/**
 * The worker's ends of a page's process: its standard streams, as the kernel calls them.
 *
 * Invariants: what a program writes leaves for the page in the same call, so it is seen at once even
 * if the program then computes for a minute; a program has at most `OUTPUT_WINDOW` under way and waits
 * for the page beyond that; one that keeps writing lets the worker look at its messages now and then.
 * Where programs cannot wait, what exceeds the window is sent in large pieces, up to `OUTPUT_LIMIT`.
 * Input, and what the page's reader took, come through the ring, whoever writes it.
 */

import { signalName } from "./errors.js";
import { Killed } from "./process.js";
import { MESSAGE_COST, OUTPUT_LIMIT, OUTPUT_WINDOW, YIELD_AFTER } from "./protocol.js";
import { ACKED, ENDED, KILLED, WAKE, inputHeld, takeInput, wordsOf } from "./ring.js";
import { BLOCK, concat } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */

/** What a program that cannot wait sends at a time once the page is behind. */
const PIECE = 64 * 1024;

/** When this worker last took a message. */
let lastTurn = 0;

/** To be called for each message taken. */
export function tookTurn() {
  lastTurn = performance.now();
}

/**
 * @typedef {object} Line what the streams say
 * @property {(fd: number, bytes: Uint8Array) => void} output
 * @property {(taken: number, waiting: boolean) => void} stdin
 * @property {() => void} wake a parked process should look again
 */

/** @typedef {ReturnType<typeof pageStreams>} PageStreams */

/**
 * @param {ArrayBufferLike} ring
 * @param {boolean} terminal
 * @param {import("./protocol.js").Capabilities["waiting"]} waiting
 * @param {Line} line
 */
export function pageStreams(ring, terminal, waiting, line) {
  const words = wordsOf(ring);
  /** What was sent, as the window counts it; like `ACKED`, it wraps. */
  let sent = 0;
  /** @type {Uint8Array[]} what is to be sent, of descriptor `held` */
  let pieces = [];
  let size = 0;
  let held = 1;
  let yielding = false;

  const under = () => (sent - Atomics.load(words, ACKED)) | 0;
  const limit = waiting === "interp" ? OUTPUT_LIMIT : OUTPUT_WINDOW;
  /** The signal that the page kills the process with. */
  const killed = () => {
    const number = Atomics.load(words, KILLED);
    return number ? signalName(number) : null;
  };
  const canWrite = () => !yielding && !killed() && under() < limit;

  /** Nothing stays here. */
  const flush = () => {
    if (size === 0) return;
    sent = (sent + Math.max(size, MESSAGE_COST)) | 0;
    line.output(held, concat(pieces));
    pieces = [];
    size = 0;
  };

  /** @type {(fd: 1 | 2) => HostStream} */
  const output = (fd) => ({
    terminal,
    write(from) {
      if (!canWrite()) return BLOCK;
      if (waiting === "jspi" && performance.now() - lastTurn > YIELD_AFTER) {
        // The process waits until the messages that have come by now are taken.
        yielding = true;
        setTimeout(() => {
          tookTurn();
          yielding = false;
          line.wake();
        });
        return BLOCK;
      }
      if (fd !== held) flush();
      held = fd;
      const part = from.slice(0, PIECE);
      size += part.length;
      pieces.push(part);
      if (size >= PIECE || under() < OUTPUT_WINDOW) flush();
      return part.length;
    },
    ready: () => (canWrite() ? 2 : 0),
  });

  /** @type {HostStream} */
  const stdin = {
    terminal,
    whole: Atomics.load(words, ENDED) !== 0,
    read(into) {
      // Looked at first: what the page wrote before it is then there.
      const ended = Atomics.load(words, ENDED);
      const taken = takeInput(ring, into);
      if (taken || !ended) line.stdin(taken, !taken);
      return taken || (ended ? 0 : BLOCK);
    },
    ready: () => (Atomics.load(words, ENDED) ? 5 : inputHeld(words) ? 1 : 0),
  };

  /** @type {[HostStream, HostStream, HostStream]} */
  const streams = [stdin, output(1), output(2)];

  return {
    ring,
    streams,
    flush,
    killed,
    /**
     * Waits, without letting go of the worker, until the page wrote to the shared ring or a deadline has
     * come; throws `Killed` when the page killed the process.
     * @param {number} kinds as `nidus_wait_kinds`
     * @param {number} until milliseconds, as `performance.now`; Infinity when there is no deadline
     */
    wait(kinds, until) {
      for (;;) {
        const seen = Atomics.load(words, WAKE);
        const signal = killed();
        if (signal) throw new Killed(signal);
        if (kinds & 2 && stdin.ready()) return;
        if (kinds & 4 && canWrite()) return;
        const left = until - performance.now();
        if (left <= 0) return;
        Atomics.wait(words, WAKE, seen, left);
      }
    },
  };
}

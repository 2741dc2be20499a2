/**
 * A process as the page sees it: byte streams at this end, messages and a ring (protocol.js, ring.js) at the
 * other.
 *
 * Invariants: what the program wrote is held here only until it is read, and it may have no more than
 * `OUTPUT_WINDOW` under way, because it is paid back (`ACKED`) when the reader has taken it and wants more;
 * typed input likewise, by what the program has taken. `exit` settles once, resolves whatever the
 * exit code is, and never before all output has arrived. The first kill counts.
 */

import { NidusError, signalNumber } from "./errors.js";
import { INPUT_PIECE, KILL_GRACE, KILL_PATIENCE, MESSAGE_COST } from "./limits.js";
import { ACKED, ENDED, HEAD, INPUT_WINDOW, KILLED, createRing } from "./ring.js";
import { concat, toBytes } from "./streams.js";

/** @typedef {import("./protocol.js").ExitStatus} ExitStatus */
/** @typedef {import("./protocol.js").ProcessEvents} ProcessEvents */

/**
 * See `system.spawn`.
 * @typedef {object} PageProcess
 * @property {number} pid the process number in its system; 0 before it has started
 * @property {import("./toolchain/commands.js").Diagnostic[] | null} diagnostics what the compiler found,
 *   where this was one
 * @property {Promise<ExitStatus & {diagnostics?: import("./toolchain/commands.js").Diagnostic[]}>} exit how
 *   it ended; never rejects
 * @property {ReadableStream<Uint8Array>} output what the program writes: to its terminal, or to its
 *   standard output
 * @property {ReadableStream<Uint8Array>} stdout what the program writes to descriptor 1; on a terminal
 *   the same as `output`
 * @property {ReadableStream<Uint8Array>} stderr what the program writes to descriptor 2; on a terminal
 *   the same as `output`
 * @property {WritableStream<Uint8Array | string>} stdin what the program reads from descriptor 0; closing
 *   it is the end of its input
 * @property {boolean} waiting whether the program waits for input now
 * @property {(text: string | Uint8Array) => void} type on a terminal: as if keys were pressed there, in bytes as
 *   terminals send them. What is typed at a program that has ended goes nowhere
 * @property {(cols: number, rows: number) => void} resize tells the terminal how large its window is now
 * @property {((waiting: boolean) => void) | null} onwaiting told when the program begins (`true`) and ends
 *   (`false`) to wait for input; at once, if it waits
 * @property {(signal?: string) => boolean} kill sends the process a signal, `SIGTERM` if nothing else is said, which ends
 *   it unless the program ignores it or has a handler for it, at once or within some milliseconds, whatever it does.
 *   Answers whether there was anything to kill
 */

/**
 * @param {(word: number, value: number | Uint8Array) => void} post to the worker, for ring.js
 * @param {(signal: string) => void} stuck a kill had no effect in time, and nothing was heard meanwhile
 * @param {{heard: number, deaf: number}} life of the worker: how often it has said something, and how many programs it runs
 *   that nothing interrupts
 * @param {typeof import("./page-terminal.js").createTerminal} [terminal] all three of its streams are one
 */
export function createProcess(post, stuck, life, terminal) {
  const ring = createRing();
  let ended = false;
  let waiting = false;
  /** @type {PageProcess["onwaiting"]} */
  let onwaiting = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let grace;
  /** Input under way. */
  let sent = 0;
  /** @type {(value?: any) => void} */
  let room = () => {};
  /** @type {(status: any) => void} */
  let settle = () => {};

  /** @type {typeof post} */
  const tell = (word, value) => {
    if (ended) return;
    // One that has not started may be started by another worker, which is given all this.
    if (process.pid === 0) ring.tell(word, value);
    post(word, value);
  };

  /** @param {boolean} now */
  const wait = (now) => {
    if (now === waiting) return;
    waiting = now;
    onwaiting?.(now);
  };

  const end = () => tell(ENDED, 1);

  /** @param {Uint8Array} bytes */
  const feed = async (bytes) => {
    for (let at = 0; at < bytes.length; at += INPUT_PIECE) {
      while (!ended && sent > INPUT_WINDOW - INPUT_PIECE) {
        await new Promise((resolve) => (room = resolve));
      }
      if (ended) throw new NidusError("EPIPE", "EPIPE: broken pipe, write: the process has ended");
      const part = bytes.slice(at, at + INPUT_PIECE);
      sent += part.length;
      tell(HEAD, part);
      if (keys) keys.sent(part);
      else wait(false);
    }
  };

  /** @param {number} cost */
  const credit = (cost) => tell(ACKED, cost);
  const first = incoming(credit);
  const second = terminal ? first : incoming(credit);
  const keys = terminal?.(feed, tell, (signal) => process.kill(signal));

  /** @type {PageProcess} */
  const process = {
    pid: 0,
    diagnostics: null,
    exit: new Promise((resolve) => (settle = resolve)),
    output: first.readable,
    stdout: first.readable,
    stderr: second.readable,
    stdin: new WritableStream({
      write: (chunk) => feed(toBytes(chunk)),
      close: end,
      abort: end,
    }),
    get waiting() {
      return waiting;
    },
    set onwaiting(/** @type {((waiting: boolean) => void) | null} */ listener) {
      onwaiting = listener;
      if (waiting) listener?.(true);
    },
    type: (text) => keys?.type(text),
    resize: (cols, rows) => keys?.resize(cols, rows),
    kill(signal = "SIGTERM") {
      const number = signalNumber(signal);
      let quiet = 0;
      const look = () => {
        const before = life.heard;
        grace = setTimeout(() => {
          // A worker that says anything takes messages, and has not come to this one.
          quiet = life.heard === before ? quiet + 1 : 0;
          if (quiet >= (life.deaf ? 1 : KILL_PATIENCE)) stuck(signal);
          else look();
        }, KILL_GRACE);
      };
      if (!ended && grace === undefined) {
        look();
        tell(KILLED, number);
      }
      return !ended;
    },
  };

  /** @type {ProcessEvents} */
  const events = {
    caught() {
      clearTimeout(grace);
      grace = undefined;
    },
    output(fd, bytes) {
      (fd === 1 ? first : second).push(bytes);
    },
    stdin(taken, waits) {
      sent -= taken;
      keys?.taken(sent);
      room();
      if (!keys) wait(waits);
    },
    terminal(state) {
      keys?.state(state);
      wait((state & 1) !== 0);
    },
    exit(status) {
      if (ended) return;
      ended = true;
      clearTimeout(grace);
      keys?.end();
      process.diagnostics = /** @type {PageProcess["diagnostics"]} */ (status.diagnostics ?? null);
      first.end();
      second.end();
      room();
      wait(false);
      settle(status);
    },
  };
  return { process, events, ring: ring.memory };
}

/**
 * One stream of output on its way to its reader, who gets all that has come by the time he asks as one piece: many
 * small writes must not cost him as many turns.
 * @param {(cost: number) => void} credit
 */
function incoming(credit) {
  /** @type {Uint8Array[]} */
  let pieces = [];
  /** What `pieces` cost, and what the piece did that the reader has now. */
  let cost = 0;
  let taken = 0;
  let wanted = false;
  /** @type {ReadableStreamDefaultController<Uint8Array> | null} null: nobody will read, as in a closed window */
  let controller = null;
  const give = () => {
    const [first, ...rest] = pieces;
    // At first, since whoever is given something may ask for more at once.
    [pieces, taken, cost, wanted] = [[], taken + cost, 0, false];
    if (first) controller?.enqueue(rest.length > 0 ? concat([first, ...rest]) : first);
  };
  const pay = () => {
    if (taken > 0) credit(taken);
    taken = 0;
  };
  return {
    /** @type {ReadableStream<Uint8Array>} */
    readable: new ReadableStream(
      {
        start: (its) => void (controller = its),
        // All that came before has been taken.
        pull() {
          pay();
          if (pieces.length > 0) give();
          else wanted = true;
        },
        cancel() {
          controller = null;
          give();
          pay();
        },
      },
      { highWaterMark: 0 },
    ),
    /** @param {Uint8Array} bytes */
    push(bytes) {
      cost += Math.max(bytes.length, MESSAGE_COST);
      pieces.push(bytes);
      if (wanted || !controller) give();
      if (!controller) pay();
    },
    end() {
      give();
      controller?.close();
      controller = null;
    },
  };
}

/**
 * Terminals of a system, whose line discipline is the kernel's (docs/kernel-abi.md): loaded with the first process that
 * has one.
 */

import { BLOCK } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */

/**
 * @typedef {object} Terminal
 * @property {string} place for `nidus_spawn`
 * @property {(cols: number, rows: number) => void} resize
 * @property {(givesUp: () => boolean) => Promise<void>} close
 */

/**
 * One stream of keys and a screen.
 * @param {HostStream | null} keys null: nobody types
 * @param {HostStream} screen
 * @param {{cols: number, rows: number}} size
 * @param {(state: number) => void} [state] is told what `stream_state` of docs/kernel-abi.md tells
 * @returns {HostStream}
 */
export function joinTerminal(keys, screen, size, state) {
  return {
    terminal: true,
    tty: size,
    state,
    read: (into) => keys?.read?.(into) ?? BLOCK,
    write: (from) => /** @type {NonNullable<HostStream["write"]>} */ (screen.write)(from),
    ready: () => ((keys?.ready() ?? 0) & 5) | (screen.ready() & 2),
    set onready(/** @type {(() => void) | null} */ ready) {
      screen.onready = ready;
      if (keys) keys.onready = ready;
    },
  };
}

/**
 * Makes a terminal of such a stream.
 * @param {import("./system.js").System} system
 * @param {HostStream} stream
 * @returns {Terminal}
 */
export function openTerminal(system, stream) {
  const { kernel, host, runner } = system;
  const { cols, rows } = /** @type {{cols: number, rows: number}} */ (stream.tty);
  const number = host.add(stream);
  let looks = false;
  /** Looks for keys: not now, since a stream may call this in the middle of a system call. */
  const look = () => {
    if (looks) return;
    looks = true;
    queueMicrotask(() => {
      looks = false;
      kernel.exports.nidus_tty_input();
      runner.changed();
    });
  };
  stream.onready = () => system.wake();
  kernel.check(kernel.exports.nidus_tty_open(number, cols, rows), "open");
  system.looks.add(look);
  return {
    place: `t${number}`,
    resize(cols, rows) {
      kernel.exports.nidus_tty_resize(number, cols, rows);
      runner.changed();
    },
    async close(givesUp) {
      await host.drain(number, givesUp);
      system.looks.delete(look);
      kernel.exports.nidus_tty_close(number);
      host.remove(number);
    },
  };
}

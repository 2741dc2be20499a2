/**
 * The messages between a page and the worker its system lives in: everything that crosses, and
 * nothing else.
 *
 * ```
 *   page (nidus.js)                              worker (worker.js)
 *      boot ────────────────────────────────────▶  loads the kernel, mounts, answers
 *      ◀──────────── progress*, part*, keep*, ready | failed
 *      call {id} ───────────────────────────────▶  file system and flush
 *      ◀────────────────────────────── reply {id}
 *      spawn {id} ──────────────────────────────▶
 *      ◀───── started, output*, stdin*, exit {id}   output is paid for by credit, typed input by stdin
 *      input, credit, kill {id} ────────────────▶
 * ```
 *
 * Invariants: the page numbers calls and processes, one counter for both, never reused, also not
 * after the worker was replaced; each call gets exactly one reply, each spawn exactly one exit;
 * errors cross as `NidusError.toJSON` and keep their code.
 */

/** Output bytes a process may have under way to the page before it waits. */
export const OUTPUT_WINDOW = 256 * 1024;
/** What a message costs at least, of that window: many tiny ones are as slow as large ones. */
export const MESSAGE_COST = 4096;
/** The same window where a process cannot wait: beyond it, writing fails. */
export const OUTPUT_LIMIT = 16 * 1024 * 1024;
/** Typed input a process may have under way; also the size of the shared ring. */
export const INPUT_WINDOW = 64 * 1024;
/** How long a kill may stay without effect before the worker is replaced, in milliseconds. */
export const KILL_GRACE = 200;
/** A process that keeps printing lets the worker take messages after this time, in milliseconds. */
export const YIELD_AFTER = 50;

/** Words of the control block before the ring's bytes, for a process that waits synchronously. */
export const RING = { wake: 0, killed: 1, head: 2, tail: 3, ended: 4, acked: 5, words: 8 };

/**
 * The methods of `fs` that cross as they are; `true` marks those that change the tree.
 * @type {Readonly<Record<string, boolean>>}
 */
export const FS_METHODS = {
  access: false,
  appendFile: true,
  chmod: true,
  copyFile: true,
  cp: true,
  link: true,
  lstat: false,
  mkdir: true,
  mkdtemp: true,
  readFile: false,
  readdir: false,
  readlink: false,
  realpath: false,
  rename: true,
  rm: true,
  rmdir: true,
  stat: false,
  symlink: true,
  truncate: true,
  unlink: true,
  utimes: true,
  writeFile: true,
};

/**
 * @typedef {object} Capabilities what this browser, on this page, lets a system do
 * @property {boolean} isolated the page is cross-origin isolated: shared memory may be used
 * @property {boolean} jspi a program can wait without holding its worker up
 * @property {boolean} multiMemory system calls copy without JavaScript
 * @property {"jspi" | "shared" | "interp"} waiting how a program waits for input: `interp`, on the interpreter
 * @property {readonly string[]} notes one sentence for each thing missing: why, and what it costs
 */

/**
 * @typedef {object} VolumeState whether files outlive the page
 * @property {boolean} persistent
 * @property {string | null} reason why not
 */

/** @typedef {{phase: "download" | "compile" | "mount", file: string, loaded: number, total: number}} Progress */

/**
 * Where the parts come from: an address, or what the page kept of an earlier worker, so that
 * replacing one neither downloads nor compiles again.
 * @typedef {object} Parts
 * @property {string | WebAssembly.Module | null} kernel null: from beside kernel.js
 * @property {string | WebAssembly.Module | null} compiler null: the system has no `cc`
 * @property {string | Blob | null} resources
 */

/**
 * @typedef {object} SpawnSettings
 * @property {string} [cwd]
 * @property {Record<string, string>} [env]
 * @property {{cols: number, rows: number} | null} terminal
 * @property {"direct" | "interp" | "auto"} [tier]
 * @property {{fuel?: number | bigint}} [limits]
 * @property {Uint8Array | null} input all there will be, known from the start
 */

/** @typedef {import("./process.js").ExitStatus} ExitStatus */
/** @typedef {import("./errors.js").ErrorRecord} ErrorRecord */

/**
 * @typedef {{t: "boot", volume: string | null, kept: import("./volume.js").Stored[], parts: Parts}
 *   | {t: "call", id: number, method: string, args: unknown[]}
 *   | {t: "spawn", id: number, command: string, args: string[],
 *      settings: SpawnSettings, ring: SharedArrayBuffer | null}
 *   | {t: "input", id: number, bytes: Uint8Array | null}
 *   | {t: "credit", id: number, cost: number}
 *   | {t: "kill", id: number, signal: string}
 * } ToWorker
 */

/**
 * @typedef {{t: "progress", progress: Progress}
 *   | {t: "keep", changes: import("./volume.js").Change[]}
 *   | {t: "part", name: "kernel" | "compiler" | "resources", part: WebAssembly.Module | Blob}
 *   | {t: "ready", capabilities: Capabilities, volume: VolumeState}
 *   | {t: "failed", error: ErrorRecord}
 *   | {t: "reply", id: number, value: unknown}
 *   | {t: "refuse", id: number, error: ErrorRecord}
 *   | {t: "started", id: number, pid: number}
 *   | {t: "output", id: number, fd: 1 | 2, bytes: Uint8Array}
 *   | {t: "stdin", id: number, taken: number, waiting: boolean}
 *   | {t: "exit", id: number, status: ExitStatus, diagnostics: unknown}
 *   | {t: "event", name: "flush" | "flusherror" | "nopersist", error: ErrorRecord | null}
 * } ToPage
 */

/**
 * The default branch of a switch over a message: a message nobody handles is a mistake here, which
 * the type checker reports, or two versions of the package talking to each other.
 * @param {never} message
 * @returns {never}
 */
export function unknownMessage(message) {
  const name = String(/** @type {{t?: unknown}} */ (message).t);
  throw new TypeError(
    `Nidus: unknown message "${name}": page and worker come from different versions; reload the page.`,
  );
}

/**
 * The page's side: `Nidus.boot` starts a system in a worker of its own and answers an object with the
 * system's verbs. connection.js has the worker, page-process.js the processes.
 *
 * Invariants: the page is never blocked. A system outlives its worker: when a program that cannot be
 * interrupted is killed, the worker is ended, another takes its place on the same volume, and calls
 * still unanswered are asked again. What can be lost then is only what programs wrote since the last
 * flush: a volume is flushed before a program starts, when it has ended, within half a second while it
 * waits, and before a change of the page's is answered while one runs. Each flush is one
 * transaction, so nothing stored is ever damaged.
 */

import { connect, onAbort } from "./connection.js";
import { NidusError } from "./errors.js";
import { KeptVolume } from "./kept-volume.js";
import { Dirent, Stats } from "./stats.js";
import { lockVolume } from "./volume-lock.js";

export { NidusError };

/** @typedef {import("./protocol.js").Capabilities} Capabilities */
/** @typedef {import("./protocol.js").Progress} Progress */
/** @typedef {import("./protocol.js").VolumeState} VolumeState */
/** @typedef {import("./protocol.js").ExitStatus} ExitStatus */
/** @typedef {import("./page-process.js").PageProcess} PageProcess */

/**
 * @typedef {object} BootOptions
 * @property {string} [volume] `idb:NAME`: what lies under /home is kept in this browser; `mem` (the
 *   default): it is gone with the page
 * @property {Record<string, string>} [env] of every process, instead of `HOME`, `PATH`, `TERM` and `LANG`
 * @property {number} [maxBytes] the most that /home may hold; beyond it programs see `ENOSPC`
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [signal] gives up booting
 * @property {{worker?: URL | string | (() => Worker), kernel?: URL | string | WebAssembly.Module, toolchain?: URL | string | WebAssembly.Module}} [assets]
 *   addresses of the package's own files, where a bundler or server moved them
 * @property {string | URL | {compiler: URL | string | WebAssembly.Module, resources: URL | string | Blob}} [toolchain]
 *   where `llvm.core.wasm` and `llvm-resources.tar` of `@yowasp/clang` are served (the folder they lie
 *   in, or each by itself); left out, the system has no `cc`
 */

/**
 * @typedef {object} SpawnOptions
 * @property {string} [cwd] `/home` when left out
 * @property {Record<string, string>} [env]
 * @property {{cols: number, rows: number}} [terminal] the program talks to a terminal: `output` joins
 *   what it writes
 * @property {"direct" | "interp" | "auto"} [tier] how it executes: by the browser's WebAssembly, by the
 *   engine's interpreter, or as fits; left out: `auto`
 * @property {import("./process.js").Limits} [limits] what it may use at most
 * @property {AbortSignal} [signal] kills the process
 */

/** @typedef {SpawnOptions & {input?: string | Uint8Array}} ExecOptions */

/**
 * @typedef {ExitStatus & {stdout: string, stderr: string, diagnostics?: import("./toolchain/commands.js").Diagnostic[]}} ExecResult
 */

/**
 * What a system tells without being asked: `restart` (the worker was replaced), `flush` (all changes
 * are stored), `flusherror` (storing failed and is tried again), `nopersist` (the volume belongs to
 * another tab now).
 * @typedef {"restart" | "flush" | "flusherror" | "nopersist"} EventName
 */

/**
 * Shared by all systems of the page.
 * @type {import("./protocol.js").Parts}
 */
const parts = new Map();

/** A system as the page sees it. */
export class Nidus {
  #connection;
  /** @type {Partial<Record<EventName, Set<(error: NidusError | null) => void>>>} */
  #listeners = {};

  /**
   * The files, in the shape of `node:fs/promises`.
   * @type {import("./fs-promises.js").Fs}
   */
  fs = /** @type {any} */ ({});
  /**
   * What this browser, on this page, lets a system do, and what each thing missing costs.
   * @type {Capabilities}
   */
  capabilities = /** @type {any} */ (null);
  /**
   * Whether files outlive the page, and why not.
   * @type {VolumeState}
   */
  volume = /** @type {any} */ (null);

  /**
   * Starts a system. Rejects with a `NidusError` whose message says what to do.
   * @param {BootOptions} [options]
   * @returns {Promise<Nidus>}
   */
  static async boot(options = {}) {
    const { volume = "mem", signal } = options;
    signal?.throwIfAborted();
    const match = /^(?:mem|idb:(.+))$/s.exec(volume);
    if (!match) throw new NidusError("EINVAL", `volume is "${volume}": say "idb:NAME" or "mem".`);
    const { locks } = navigator;
    // Held by the page, since a worker that is ended may take its time.
    const unlock = match[1] && locks ? await lockVolume(locks, match[1]) : () => {};
    let release = () => {};
    try {
      return await new Promise((resolve, reject) => {
        const system = new Nidus(
          options,
          match[1],
          () => resolve(system),
          (error) => {
            unlock();
            reject(error);
          },
        );
        release = onAbort(signal, () => system.#connection.stop("SIGKILL", signal?.reason));
      });
    } finally {
      release();
    }
  }

  /**
   * @param {BootOptions} options
   * @param {string | undefined} name of the volume
   * @param {() => void} started
   * @param {(error: unknown) => void} ended
   */
  constructor({ env, onProgress, assets, toolchain, maxBytes }, name, started, ended) {
    const kept = new KeptVolume();
    // An address has neither of the two.
    const folder = String(toolchain).replace(/\/?$/, "/llvm");
    const { compiler = `${folder}.core.wasm`, resources = `${folder}-resources.tar` } =
      /** @type {{compiler?: unknown, resources?: unknown}} */ (toolchain ?? { compiler: null });
    const { document } = globalThis;
    const hidden = () => {
      // The last moment a page on a phone is sure to have.
      if (document.visibilityState === "hidden") this.flush().catch(() => {});
    };
    document?.addEventListener("visibilitychange", hidden);
    this.#connection = connect(
      assets?.worker,
      () => [
        name,
        kept.read(),
        parts,
        sent(assets?.kernel),
        sent(compiler),
        sent(resources),
        sent(assets?.toolchain),
        env,
        maxBytes,
      ],
      {
        progress: (progress) => onProgress?.(progress),
        keep: (changes) => kept.write(changes),
        part: (source, part) => parts.set(source, part),
        event: (event, record, volume) => {
          this.volume = volume;
          this.#emit(event, record && NidusError.fromJSON(record));
        },
        resolve: ({ capabilities, volume, fs }) => {
          this.capabilities = capabilities;
          this.volume = volume;
          const files = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (this.fs));
          for (const name of fs) {
            files[name] = (/** @type {any[]} */ ...args) => this.#callFs(name, args);
          }
          files.promises = files;
          // Nobody listens yet to the first one.
          this.#emit("restart", null);
          started();
        },
        reject(error) {
          document?.removeEventListener("visibilitychange", hidden);
          ended(error);
        },
      },
    );
  }

  /**
   * Starts a command (`cc`) or a program of the tree (`./main`).
   * @param {string} command
   * @param {string[]} [args]
   * @param {SpawnOptions} [options]
   * @returns {Promise<PageProcess>}
   */
  spawn(command, args = [], options = {}) {
    const shared = this.capabilities.waiting === "shared";
    return this.#connection.spawn(command, args, options, shared);
  }

  /**
   * Runs a command or program to its end and collects what it writes.
   * @param {string} command
   * @param {string[]} [args]
   * @param {ExecOptions} [options]
   * @returns {Promise<ExecResult>}
   */
  async exec(command, args, options) {
    const whole = { ...options, input: options?.input ?? "", terminal: undefined };
    const process = await this.spawn(command, args, whole);
    const [stdout = "", stderr = ""] = await Promise.all(
      [process.stdout, process.stderr].map((stream) => new Response(stream).text()),
    );
    const status = await process.exit;
    const { diagnostics } = process;
    return { ...status, stdout, stderr, ...(diagnostics && { diagnostics }) };
  }

  /**
   * Downloads and compiles the toolchain now rather than when `cc` is first used.
   * @returns {Promise<void>}
   */
  prepare() {
    return this.#connection.ask("prepare");
  }

  /**
   * Resolves when everything changed so far is stored for good.
   * @returns {Promise<void>}
   */
  flush() {
    return this.#connection.ask("flush");
  }

  /**
   * @param {EventName} name
   * @param {(error: NidusError | null) => void} listener
   * @returns {() => void} stops listening
   */
  on(name, listener) {
    const set = (this.#listeners[name] ??= new Set());
    set.add(listener);
    return () => void set.delete(listener);
  }

  /** Stores what changed, ends every process and gives the volume back. */
  async close() {
    const { ask, stop, isDead } = this.#connection;
    if (isDead()) return;
    try {
      await ask("close");
    } finally {
      stop("SIGKILL", new NidusError("ECANCELED", "the system is closed; boot another one"));
    }
  }

  /**
   * @param {string} name
   * @param {any[]} args
   */
  async #callFs(name, args) {
    // A signal cannot be sent; what it may stop is one short call.
    const plain = args.map((arg) =>
      arg?.signal ? { ...arg, signal: arg.signal.throwIfAborted() } : arg,
    );
    const answer = await this.#connection.ask(name, ...plain);
    if (/stat$/.test(name)) return Stats.from(answer);
    if (!Array.isArray(answer)) return answer;
    return answer.map((entry) => (entry.name ? Dirent.from(entry) : entry));
  }

  /**
   * @param {EventName} name
   * @param {NidusError | null} error
   */
  #emit(name, error) {
    for (const listener of this.#listeners[name] ?? []) listener(error);
  }
}

/**
 * What a worker is given of a source: an address as it is for all, or the thing itself.
 * @param {unknown} source
 * @returns {any}
 */
function sent(source) {
  const isAddress = typeof source === "string" || source instanceof URL;
  return isAddress ? new URL(source, location.href).href : source;
}

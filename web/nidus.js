/**
 * The page's side: `Nidus.boot` starts a system in a worker of its own and answers an object with the
 * system's verbs. protocol.js has the messages, page-process.js the processes.
 *
 * Invariants: the page is never blocked. A system outlives its worker: when a program that cannot be
 * interrupted is killed, the worker is ended, another takes its place on the same volume, and calls
 * still unanswered are asked again. What can be lost then is only what programs wrote since the last
 * flush: a volume is flushed before a program starts, when it has ended, within half a second while it
 * waits, and before a change of the page's is answered while one runs. Each flush is one
 * transaction, so nothing stored is ever damaged.
 */

import { NidusError } from "./errors.js";
import { KeptVolume } from "./kept-volume.js";
import { PageProcess } from "./page-process.js";
import { FS_METHODS, unknownMessage } from "./protocol.js";
import { Dirent, Stats } from "./stats.js";
import { readAll, toBytes } from "./streams.js";
import { lockVolume } from "./volume-lock.js";

export { NidusError };

/** @typedef {import("./protocol.js").Capabilities} Capabilities */
/** @typedef {import("./protocol.js").Progress} Progress */
/** @typedef {import("./protocol.js").VolumeState} VolumeState */
/** @typedef {import("./protocol.js").ExitStatus} ExitStatus */
/** @typedef {import("./protocol.js").ToWorker} ToWorker */
/** @typedef {import("./protocol.js").ToPage} ToPage */
/** @typedef {import("./protocol.js").Parts} Parts */

/**
 * @typedef {object} BootOptions
 * @property {string} [volume] `idb:NAME`: what lies under /home is kept in this browser; `mem` (the
 *   default): it is gone with the page
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [signal] gives up booting
 * @property {{worker?: URL | string | (() => Worker), kernel?: URL | string | WebAssembly.Module}} [assets]
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
 * @property {{fuel?: number | bigint}} [limits] `fuel`: instructions it may execute, about; such a program
 *   runs on the interpreter
 * @property {AbortSignal} [signal] kills the process
 */

/** @typedef {SpawnOptions & {input?: string | Uint8Array}} ExecOptions */

/**
 * @typedef {ExitStatus & {stdout: string, stderr: string, diagnostics?: import("./toolchain/diagnostics.js").Diagnostic[]}} ExecResult
 */

/**
 * What a system tells without being asked: `restart` (the worker was replaced), `flush` (all changes
 * are stored), `flusherror` (storing failed and is tried again), `nopersist` (the volume belongs to
 * another tab now).
 * @typedef {"restart" | "flush" | "flusherror" | "nopersist"} EventName
 */

/**
 * Modules and archives by address: shared by all systems of the page.
 * @type {Map<string, WebAssembly.Module | Blob>}
 */
const parts = new Map();

/** A system as the page sees it. */
export class Nidus {
  /** @type {BootOptions} */
  #options;
  /** @type {Worker | null} */
  #worker = null;
  #lastId = 0;
  /** @type {Map<number, {message: ToWorker, resolve: (value: any) => void, reject: (error: unknown) => void}>} */
  #calls = new Map();
  /** @type {Map<number, PageProcess>} */
  #processes = new Map();
  /** @type {Map<EventName, Set<(error: NidusError | null) => void>>} */
  #listeners = new Map();
  #booted = false;
  #ready = false;
  /** @type {NidusError | null} why nothing works any more */
  #dead = null;
  #hidden = () => {
    // The last moment a page on a phone is sure to have.
    if (document.visibilityState === "hidden") this.flush().catch(() => {});
  };

  /** @type {Capabilities} */
  #capabilities = {
    isolated: false,
    jspi: false,
    multiMemory: false,
    waiting: "interp",
    notes: [],
  };
  /** @type {VolumeState} */
  #volume = { persistent: false, reason: null };
  /** Held by the page, since a worker that is ended may take its time. */
  #unlock = () => {};
  #kept = new KeptVolume();

  /**
   * Starts a system. Rejects with a `NidusError` whose message says what to do.
   * @param {BootOptions} [options]
   * @returns {Promise<Nidus>}
   */
  static async boot(options = {}) {
    options.signal?.throwIfAborted();
    const system = new Nidus(options);
    const giveUp = () => system.#die(new NidusError("ECANCELED", "the boot was given up"));
    options.signal?.addEventListener("abort", giveUp);
    try {
      await system.#lock();
      await system.#connect();
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", giveUp);
    }
    globalThis.document?.addEventListener("visibilitychange", system.#hidden);
    return system;
  }

  /** @param {BootOptions} options */
  constructor(options) {
    this.#options = options;
    /** @type {Record<string, unknown>} */
    const fs = {};
    for (const name of Object.keys(FS_METHODS)) {
      fs[name] = (/** @type {unknown[]} */ ...args) => this.#callFs(name, args);
    }
    fs.promises = fs;
    /**
     * The files, in the shape of `node:fs/promises`.
     * @type {import("./fs-promises.js").Fs}
     */
    this.fs = /** @type {any} */ (fs);
  }

  /** What this browser, on this page, lets a system do, and what each thing missing costs. */
  get capabilities() {
    return this.#capabilities;
  }

  /** Whether files outlive the page, and why not. */
  get volume() {
    return this.#volume;
  }

  /**
   * Starts a command (`cc`) or a program of the tree (`./main`).
   * @param {string} command
   * @param {string[]} [args]
   * @param {SpawnOptions} [options]
   * @returns {Promise<PageProcess>}
   */
  spawn(command, args = [], options = {}) {
    return this.#spawn(command, args, options, null);
  }

  /**
   * Runs a command or program to its end and collects what it writes.
   * @param {string} command
   * @param {string[]} [args]
   * @param {ExecOptions} [options]
   * @returns {Promise<ExecResult>}
   */
  async exec(command, args = [], options = {}) {
    const input = toBytes(options.input ?? "");
    const process = await this.#spawn(command, args, { ...options, terminal: undefined }, input);
    const [stdout, stderr, status] = await Promise.all([
      readAll(process.stdout),
      readAll(process.stderr),
      process.exit,
    ]);
    const decoder = new TextDecoder();
    const result = { ...status, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    return process.diagnostics === null ? result : { ...result, diagnostics: process.diagnostics };
  }

  /** Downloads and compiles the toolchain now rather than when `cc` is first used. */
  async prepare() {
    await this.#call("prepare", []);
  }

  /** Resolves when everything changed so far is stored for good. */
  async flush() {
    await this.#call("flush", []);
  }

  /**
   * @param {EventName} name
   * @param {(error: NidusError | null) => void} listener
   * @returns {() => void} stops listening
   */
  on(name, listener) {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(listener));
    return () => void set.delete(listener);
  }

  /** Stores what changed, ends every process and gives the volume back. */
  async close() {
    if (this.#dead) return;
    try {
      await this.#call("close", []);
    } finally {
      this.#die(new NidusError("ECANCELED", "the system is closed; boot another one"));
    }
  }

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {SpawnOptions} options
   * @param {Uint8Array | null} input
   * @returns {Promise<PageProcess>}
   */
  async #spawn(command, args, { cwd, env, terminal, tier, limits, signal }, input) {
    signal?.throwIfAborted();
    const id = ++this.#lastId;
    const process = new PageProcess(id, terminal !== undefined, {
      post: (message) => this.#post(message),
      stuck: (name) => this.#replace(name),
      ring: this.#capabilities.waiting === "shared",
    });
    const settings = { cwd, env, terminal: terminal ?? null, tier, limits, input };
    this.#processes.set(id, process);
    const kill = () => void process.kill("SIGKILL");
    signal?.addEventListener("abort", kill);
    process.exit.finally(() => {
      this.#processes.delete(id);
      signal?.removeEventListener("abort", kill);
    });
    try {
      process.pid = await this.#ask({
        t: "spawn",
        id,
        command,
        args: args.map(String),
        settings,
        ring: process.ring,
      });
    } catch (error) {
      process.ended({ code: null, signal: null, trap: null }, null);
      throw error;
    }
    return process;
  }

  /**
   * @param {string} name
   * @param {unknown[]} args
   */
  async #callFs(name, args) {
    const last = args.at(-1);
    const signal =
      typeof last === "object" && last !== null
        ? /** @type {{signal?: AbortSignal}} */ (last).signal
        : undefined;
    if (signal) {
      signal.throwIfAborted();
      args = [...args.slice(0, -1), { .../** @type {object} */ (last), signal: undefined }];
    }
    const answer = await this.#call(name, args);
    if (name === "stat" || name === "lstat") return Stats.from(/** @type {object} */ (answer));
    if (name === "readdir" && Array.isArray(answer)) {
      return answer.map((entry) => (typeof entry === "string" ? entry : Dirent.from(entry)));
    }
    return answer;
  }

  /**
   * @param {string} method
   * @param {unknown[]} args
   * @returns {Promise<unknown>}
   */
  #call(method, args) {
    return this.#ask({ t: "call", id: ++this.#lastId, method, args });
  }

  /**
   * Sends what will be answered; while the worker is being replaced, it waits.
   * @param {Extract<ToWorker, {t: "call" | "spawn"}>} message
   * @returns {Promise<any>}
   */
  #ask(message) {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#calls.set(message.id, { message, resolve, reject });
      if (this.#ready) this.#post(message);
    });
  }

  /** @param {ToWorker} message */
  #post(message) {
    this.#worker?.postMessage(message);
  }

  /** Takes the volume for this page alone. */
  async #lock() {
    const { volume = "mem" } = this.#options;
    if (volume !== "mem" && !/^idb:./.test(volume)) {
      throw new NidusError("EINVAL", `volume is "${volume}": say "idb:NAME" or "mem".`);
    }
    const { locks } = globalThis.navigator ?? {};
    if (volume === "mem" || !locks) return;
    const unlock = await lockVolume(locks, volume.slice(4));
    if (this.#dead) unlock();
    else this.#unlock = unlock;
  }

  /**
   * Starts a worker; resolves when the system in it is ready.
   * @returns {Promise<void>}
   */
  #connect() {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      const worker = createWorker(this.#options.assets?.worker);
      this.#worker = worker;
      /** @param {NidusError} error */
      const fail = (error) => {
        this.#die(error);
        reject(error);
      };
      this.#fail = fail;
      worker.onmessage = ({ data }) => {
        if (worker !== this.#worker) return;
        const message = /** @type {ToPage} */ (data);
        if (message.t === "ready") resolve();
        if (message.t === "failed") fail(NidusError.fromJSON(message.error));
        else this.#receive(message);
      };
      worker.onerror = (event) => {
        event.preventDefault?.();
        if (worker !== this.#worker) return;
        if (this.#ready) this.#replace("SIGKILL");
        else fail(workerError(event, this.#options.assets?.worker));
      };
      const { volume = "mem" } = this.#options;
      this.#post({
        t: "boot",
        volume: volume === "mem" ? null : volume.slice(4),
        kept: this.#kept.read(),
        parts: this.#parts(),
      });
    });
  }

  /** @type {(error: NidusError) => void} */
  #fail = () => {};

  /** @returns {Parts} */
  #parts() {
    const { kernel } = this.#options.assets ?? {};
    const { compiler, resources } = toolchainOf(this.#options.toolchain);
    return {
      kernel: part("kernel", kernel ?? null),
      compiler: part("compiler", compiler),
      resources: part("resources", resources),
    };
  }

  /** @param {Exclude<ToPage, {t: "failed"}>} message */
  #receive(message) {
    switch (message.t) {
      case "progress":
        return this.#options.onProgress?.(message.progress);
      case "keep":
        return this.#kept.write(message.changes);
      case "part":
        return this.#keep(message.name, message.part);
      case "ready":
        this.#capabilities = message.capabilities;
        this.#volume = message.volume;
        this.#ready = true;
        for (const call of this.#calls.values()) this.#post(call.message);
        if (this.#booted) this.#emit("restart", null);
        this.#booted = true;
        return;
      case "reply":
        return this.#answered(message.id)?.resolve(message.value);
      case "refuse":
        return this.#answered(message.id)?.reject(NidusError.fromJSON(message.error));
      case "started":
        return this.#answered(message.id)?.resolve(message.pid);
      case "output":
        return this.#processes.get(message.id)?.wrote(message.fd, message.bytes);
      case "stdin":
        return this.#processes.get(message.id)?.took(message.taken, message.waiting);
      case "exit":
        return this.#processes.get(message.id)?.ended(message.status, message.diagnostics);
      case "event":
        if (message.name === "nopersist" && message.error) {
          this.#volume = { ...this.#volume, persistent: false, reason: message.error.message };
        }
        return this.#emit(message.name, message.error && NidusError.fromJSON(message.error));
      default:
        return unknownMessage(message);
    }
  }

  /** @param {number} id */
  #answered(id) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  /**
   * @param {"kernel" | "compiler" | "resources"} name
   * @param {WebAssembly.Module | Blob} value
   */
  #keep(name, value) {
    const { kernel } = this.#options.assets ?? {};
    const source =
      name === "kernel" ? (kernel ?? null) : toolchainOf(this.#options.toolchain)[name];
    if (source === null || typeof source === "string" || source instanceof URL) {
      parts.set(keyOf(name, source), value);
    }
  }

  /**
   * @param {EventName} name
   * @param {NidusError | null} error
   */
  #emit(name, error) {
    for (const listener of this.#listeners.get(name) ?? []) listener(error);
  }

  /**
   * Ends the worker with all its processes and starts another.
   * @param {string} signal
   */
  #replace(signal) {
    if (this.#dead) return;
    this.#worker?.terminate();
    this.#ready = false;
    for (const process of [...this.#processes.values()]) {
      // One that had not started is started by the next worker.
      if (process.pid !== 0) process.ended({ code: null, signal, trap: null }, null);
    }
    this.#connect().catch(() => {}); // Everybody who waits was told by #die.
  }

  /** @param {NidusError} error */
  #die(error) {
    if (this.#dead) return;
    this.#dead = error;
    this.#ready = false;
    this.#worker?.terminate();
    this.#worker = null;
    this.#unlock();
    globalThis.document?.removeEventListener("visibilitychange", this.#hidden);
    this.#fail(error);
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
    for (const process of [...this.#processes.values()]) {
      process.ended({ code: null, signal: "SIGKILL", trap: null }, null);
    }
  }
}

/**
 * @param {URL | string | (() => Worker) | undefined} source
 * @returns {Worker}
 */
function createWorker(source) {
  if (typeof source === "function") return source();
  if (source !== undefined) return new Worker(source, { type: "module", name: "nidus" });
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "nidus" });
}

/**
 * @param {ErrorEvent} event
 * @param {unknown} source
 */
function workerError(event, source) {
  const where = typeof source === "string" || source instanceof URL ? ` from ${source}` : "";
  return event.message
    ? new NidusError("NIDUS_WORKER", `The worker of Nidus failed to start: ${event.message}`)
    : new NidusError(
        "NIDUS_ASSET",
        `worker.js could not be loaded${where}: serve the package's web folder as JavaScript from this ` +
          "page's origin, allow it in the policy's worker-src, or give its address in assets.worker.",
      );
}

/**
 * @param {BootOptions["toolchain"]} toolchain
 * @returns {{compiler: URL | string | WebAssembly.Module | null, resources: URL | string | Blob | null}}
 */
function toolchainOf(toolchain) {
  if (toolchain === undefined) return { compiler: null, resources: null };
  if (typeof toolchain !== "string" && !(toolchain instanceof URL)) return toolchain;
  const folder = new URL(String(toolchain).replace(/\/?$/, "/"), globalThis.location?.href);
  return {
    compiler: new URL("llvm.core.wasm", folder),
    resources: new URL("llvm-resources.tar", folder),
  };
}

/**
 * @param {string} name
 * @param {URL | string | null} source
 */
function keyOf(name, source) {
  return source === null ? name : new URL(source, globalThis.location?.href).href;
}

/**
 * What a worker is given: what is kept, else an address.
 * @param {string} name
 * @param {URL | string | WebAssembly.Module | Blob | null} source
 * @returns {any}
 */
function part(name, source) {
  if (source !== null && typeof source !== "string" && !(source instanceof URL)) return source;
  return parts.get(keyOf(name, source)) ?? (source === null ? null : keyOf(name, source));
}

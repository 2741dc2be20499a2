/**
 * The page's side: `Nidus.boot` starts a system in a worker of its own and answers an object with the
 * system's verbs. page-process.js has the processes.
 *
 * Invariants: the page is never blocked, and every call is answered once. A system outlives its worker: one
 * that crashes, or is ended because a program that cannot be interrupted is killed, is replaced by another
 * on the same volume, and what it had not answered is asked again. What fails while a worker starts is the
 * end, as closing is: whoever waits is told why, and so is whoever asks from then on.
 *
 * What can be lost with a worker is only what programs wrote since the last flush: a volume is flushed before
 * a program starts, when it has ended, within half a second while it waits, and before a change of the page's
 * is answered while one runs. Each flush is one transaction, so nothing stored is ever damaged.
 */

import { NidusError } from "./errors.js";
import { createFs } from "./fs-promises.js";
import { createProcess } from "./page-process.js";
import { createPageVolume } from "./page-volume.js";
import { revive } from "./stats.js";
import { exportTar, importTar, toBytes } from "./streams.js";

export { NidusError };

/** @typedef {import("./fs-promises.js").Fs} Fs */
/** @typedef {import("./protocol.js").Capabilities} Capabilities */
/** @typedef {import("./protocol.js").Verbs} Verbs */
/** @typedef {import("./protocol.js").Progress} Progress */
/** @typedef {import("./page-volume.js").PageVolume} PageVolume */
/** @typedef {import("./page-volume.js").VolumeOptions} VolumeOptions */
/** @typedef {import("./page-volume.js").VolumeSource} VolumeSource */
/** @typedef {import("./protocol.js").ExitStatus} ExitStatus */
/** @typedef {import("./page-process.js").PageProcess} PageProcess */
/** @typedef {URL | string | (() => Worker)} WorkerSource */

/**
 * The system as its worker knows it: `resolve` when a worker is ready, `reject` when all is over.
 * @typedef {import("./protocol.js").SystemEvents & {resolve: (booted: import("./protocol.js").Booted) => void, reject: (error: unknown) => void}} SystemTarget
 */

/**
 * @typedef {object} Options
 * @property {string} [volume] `idb:NAME`: what lies under /home is kept in this browser; `opfs:NAME`: in a file
 *   of its own, which is faster for large files and is open in one tab at a time; `mem` (the
 *   default): it is gone with the page
 * @property {Record<string, string | VolumeSource>} [volumes] the same for other paths, each with its own options
 *   instead of those that are given for all
 * @property {Record<string, string>} [env] of every process, instead of `HOME`, `PATH`, `TERM` and `LANG`
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [signal] gives up booting
 * @property {{worker?: WorkerSource, kernel?: URL | string | WebAssembly.Module, sharedKernel?: URL | string | WebAssembly.Module, processWorker?: URL | string, pthread?: URL | string, archive?: URL | string | WebAssembly.Module, image?: URL | string | WebAssembly.Module, salvage?: URL | string | WebAssembly.Module, rewrite?: URL | string | WebAssembly.Module, toolchain?: URL | string | WebAssembly.Module}} [assets]
 *   addresses of the package's own files, where a bundler or server moved them
 * @property {string | URL | {compiler: URL | string | WebAssembly.Module, resources: URL | string | Blob}} [toolchain]
 *   where `llvm.core.wasm` and `llvm-resources.tar` of `@yowasp/clang` are served (the folder they lie
 *   in, or each by itself); left out, the system has no `cc`
 * @property {boolean | string | URL} [shell] give the system `sh`, `ls` and the other small commands, in /bin: one file of
 *   the package, which is loaded for this, from there or from another address
 */

/** @typedef {Options & VolumeOptions} BootOptions */

/**
 * @typedef {object} SpawnOptions
 * @property {string} [cwd] `/home` when left out
 * @property {Record<string, string>} [env]
 * @property {{cols: number, rows: number}} [terminal] the program talks to a terminal: `output` joins
 *   what it writes
 * @property {"direct" | "interp" | "auto"} [tier] how it executes: by the browser's WebAssembly, by the
 *   engine's interpreter, or as fits; left out: `auto`
 * @property {import("./process.js").Limits} [limits] what it may use at most
 * @property {import("./stdio.js").Inherited} [stdin] an end of `system.pipe()`
 * @property {import("./stdio.js").Inherited} [stdout]
 * @property {import("./stdio.js").Inherited} [stderr]
 * @property {AbortSignal} [signal] kills the process
 */

/** @typedef {SpawnOptions & {input?: string | Uint8Array}} ExecOptions */

/**
 * @typedef {ExitStatus & {stdout: string, stderr: string, diagnostics?: import("./toolchain/commands.js").Diagnostic[]}} ExecResult
 */

/**
 * What a system tells without being asked: `restart` (the worker was replaced); and of a volume, whose path it gives:
 * `flush` (all changes are stored), `flusherror` (storing failed and is tried again), `nopersist` (it is not stored
 * any more: it belongs to another tab now), `refresh` (a view shows what its writer stored), `conflict` (a program built by
 * Emscripten changed files that were changed here, too; the error says which were kept).
 * @typedef {"restart" | import("./protocol.js").VolumeEvent} EventName
 * @typedef {(error: NidusError | null, path: string) => void} Listener
 */

/**
 * Who is told what: a call, a process or the system.
 * @typedef {object} Target
 * @property {unknown} [message] what asked; another worker is asked again
 * @property {(error: unknown) => void} [reject] there will be no answer
 * @property {(status: ExitStatus) => void} [exit] the worker is gone
 */

/**
 * Shared by all systems of the page.
 * @type {import("./protocol.js").Parts}
 */
const parts = new Map();

/** A system as the page sees it. */
export class Nidus {
  #booted;

  /**
   * Starts a system. Rejects with a `NidusError` whose message says what to do.
   * @param {BootOptions} [options]
   * @returns {Promise<Nidus>}
   */
  static async boot(options = {}) {
    return new Nidus(options).#booted;
  }

  /** @param {BootOptions} options */
  constructor(options) {
    const {
      env,
      onProgress,
      signal: giveUp,
      assets,
      toolchain,
      shell,
      access,
      maxBytes,
      memory,
      repair,
    } = options;
    // An address has neither of the two.
    const folder = String(toolchain).replace(/\/?$/, "/llvm");
    const { compiler = `${folder}.core.wasm`, resources = `${folder}-resources.tar` } =
      /** @type {{compiler?: unknown, resources?: unknown}} */ (toolchain ?? { compiler: null });
    const { document } = globalThis;
    /** @type {Worker} */
    let worker;
    /** How often the worker has said something, and how many programs it runs that nothing interrupts. */
    const life = { heard: 0, deaf: 0 };
    /** @type {unknown} why nothing works any more; undefined while it does */
    let dead;
    let lastId = 0;
    /** @type {Map<number, Target>} */
    const targets = new Map();
    /** @type {Set<(event: EventName, error: NidusError | null, path: string) => void>} */
    const listeners = new Set();

    /** @type {(event: EventName, error?: NidusError | null, path?: string) => void} */
    const emit = (event, error = null, path = "/home") => {
      for (const listener of listeners) listener(event, error, path);
    };

    const hidden = () => {
      // The last moment a page on a phone is sure to have.
      if (document.visibilityState === "hidden") this.flush().catch(() => {});
    };

    const start = () => {
      try {
        const its = (worker = createWorker(assets?.worker));
        life.heard = life.deaf = 0;
        its.onmessage = ({ data: [id, name, ...args] }) => {
          const target = /** @type {Record<string, Function> | undefined} */ (targets.get(id));
          if (its !== worker || !target) return;
          life.heard++;
          if (target.message) targets.delete(id);
          if (name === "reject") {
            args[0] = NidusError.fromJSON(args[0]);
            if (id === 0) return stop(args[0]);
          }
          target[name]?.(...args);
        };
        its.onerror = (event) => {
          event.preventDefault?.();
          if (its === worker) stop(life.heard ? undefined : workerError(event, assets?.worker));
        };
        /** @type {Parameters<Verbs["boot"]>} */
        const boot = [
          managed.map(({ settings }) => settings()),
          parts,
          .../** @type {[any, any, any, any, any]} */ (
            [assets?.kernel, compiler, resources, assets?.toolchain, shell].map(sent)
          ),
          env,
          {
            kernel: sent(assets?.sharedKernel),
            worker: sent(assets?.processWorker),
            library: sent(assets?.pthread),
            rewriter: sent(assets?.rewrite),
          },
        ];
        its.postMessage([0, "boot", boot]);
        for (const { message } of targets.values()) if (message) its.postMessage(message);
      } catch (error) {
        stop(error);
      }
    };

    /**
     * Ends the worker with all its processes; another one takes its place, unless an error says that this is
     * the end.
     * @param {unknown} [error]
     * @param {string} [signal] what the processes are killed by
     */
    const stop = (error, signal = "SIGKILL") => {
      if (dead !== undefined) return;
      dead = error;
      worker?.terminate();
      for (const target of targets.values()) {
        target.exit?.({ code: null, signal, trap: null });
        if (error !== undefined) target.reject?.(error);
      }
      if (error === undefined) start();
    };

    /**
     * @param {string} verb one of `Verbs`
     * @param {unknown[]} args bytes are copied: of a part of a buffer all would be sent, and the next worker may be
     *   sent what has no answer yet, as it was
     * @returns {Promise<any>}
     */
    const ask = (verb, ...args) =>
      new Promise((resolve, reject) => {
        if (dead !== undefined) throw dead;
        const own = args.map((arg) => (arg instanceof Uint8Array ? arg.slice() : arg));
        const message = [++lastId, verb, own];
        worker.postMessage(message);
        targets.set(lastId, /** @type {Target} */ ({ message, resolve, reject }));
      });

    /**
     * Starts a command (`cc`) or a program of the tree (`./main`).
     * @param {string} command
     * @param {string[]} [args]
     * @param {SpawnOptions} [options]
     * @returns {Promise<PageProcess>}
     */
    this.spawn = async (command, args = [], { signal, ...settings } = {}) => {
      signal?.throwIfAborted();
      const terminal = settings.terminal && (await import("./page-terminal.js"));
      const id = ++lastId;
      const { waiting } = this.capabilities;
      const { process, events, ring } = createProcess(
        (...told) => worker.postMessage([null, "tell", [id, ...told]]),
        // The process has a worker of its own, which its system ends.
        waiting === "workers" ? () => {} : (by) => stop(undefined, by),
        life,
        terminal?.createTerminal,
      );
      watch(signal, () => process.kill("SIGKILL"), process.exit).then(() => targets.delete(id));
      try {
        process.pid = await ask("spawn", id, command, args.map(String), settings, ring);
        // Not before: one that a lost worker had not started is started by the next one.
        targets.set(id, /** @type {Target} */ (events));
        return process;
      } catch (error) {
        events.exit({ code: null, signal: null, trap: null });
        throw error;
      }
    };

    /**
     * Runs a command or program to its end and collects what it writes.
     * @param {string} command
     * @param {string[]} [args]
     * @param {ExecOptions} [options]
     * @returns {Promise<ExecResult>}
     */
    this.exec = async (command, args, options) => {
      const whole = { ...options, input: toBytes(options?.input ?? ""), terminal: undefined };
      const process = await this.spawn(command, args, whole);
      const [stdout, stderr] = /** @type {[string, string]} */ (
        await Promise.all(
          [process.stdout, process.stderr].map((stream) => new Response(stream).text()),
        )
      );
      return { ...(await process.exit), stdout, stderr };
    };

    /**
     * A pipe of the kernel: what a program writes to its `writer`, given as `stdout` or `stderr`, another reads from
     * `reader`, given as `stdin`; each end to one program.
     * @returns {Promise<import("./system.js").Pipe>}
     */
    this.pipe = () => ask("pipe");

    /**
     * All processes, process 1 being the system itself.
     * @returns {Promise<import("./system.js").ProcessState[]>}
     */
    this.processes = () => ask("processes");

    /**
     * Closes an end of a pipe that no program was given.
     * @param {import("./stdio.js").Inherited} end
     * @returns {Promise<void>}
     */
    this.closeEnd = (end) => ask("pipe", end);

    /**
     * Downloads and compiles the toolchain now rather than when `cc` is first used.
     * @returns {Promise<void>}
     */
    this.prepare = () => ask("prepare");

    /**
     * Resolves when everything changed so far is stored for good.
     * @returns {Promise<void>}
     */
    this.flush = () => ask("flush");

    /** @type {import("./archive.js").Step} */
    const archive = (...step) => ask("archive", sent(assets?.archive), ...step);

    /**
     * The tree below a folder as a tar archive: names, modes, times in nanoseconds, hard and symbolic links,
     * empty folders; holes as zeros, without devices.
     * @param {string} path
     * @returns {ReadableStream<Uint8Array>}
     */
    this.exportTar = (path) => exportTar(archive, path);

    /**
     * Makes the files of a tar archive below a folder, which is made if it is missing, and replaces what has
     * their names. Rejects, saying where, if the archive is damaged, is cut off, or leads out of the folder.
     * @param {string} path
     * @param {import("./archive.js").TarSource} source
     * @returns {Promise<void>}
     */
    this.importTar = (path, source) => importTar(archive, path, source);

    /**
     * @param {EventName} name
     * @param {Listener} listener
     * @returns {() => void} stops listening
     */
    this.on = (name, listener) => {
      /** @type {(event: EventName, error: NidusError | null, path: string) => void} */
      const told = (event, error, path) => {
        if (event === name) listener(error, path);
      };
      listeners.add(told);
      return () => void listeners.delete(told);
    };

    /**
     * Stores what changed, ends every process and gives the volume back.
     * @returns {Promise<void>}
     */
    this.close = async () => {
      if (dead !== undefined) return;
      try {
        await ask("close");
      } finally {
        stop(new NidusError("ECANCELED", "the system is closed; boot another one"));
      }
    };

    const managed = Object.entries({ "/home": options.volume ?? "mem", ...options.volumes }).map(
      ([path, source]) => {
        const own = typeof source === "string" ? { from: source } : source;
        const [image, salvage] = [assets?.image, assets?.salvage].map(sent);
        const given = { access, maxBytes, memory, repair, image, salvage, ...own };
        return createPageVolume(path, given, ask);
      },
    );
    /**
     * The volumes by the paths they lie at.
     * @type {Record<string, PageVolume>}
     */
    this.volumes = Object.fromEntries(managed.map(({ path, volume }) => [path, volume]));
    /** The one at /home. */
    this.volume = /** @type {PageVolume} */ (this.volumes["/home"]);

    const alone = managed.map(({ own }) => own);
    const twice = alone.find((from, i) => from && alone.indexOf(from) < i);
    if (twice) throw new NidusError("EINVAL", `"${twice}" is given for two paths: say one.`);

    const lock = async () => {
      // All pages in one order, so that no two wait for each other.
      const order = [...managed].sort((a, b) => (a.from < b.from ? -1 : 1));
      for (const each of order) await each.lock(giveUp);
      // The locks are held by the page, since a worker that is ended may take its time.
      if (dead === undefined) start();
      else unlock();
    };
    const unlock = () => {
      for (const each of managed) each.unlock();
    };

    document?.addEventListener("visibilitychange", hidden);
    /** @type {Promise<Nidus>} */
    const booted = new Promise((resolve, reject) => {
      /** @type {SystemTarget} */
      const system = {
        progress: (progress) => onProgress?.(progress),
        keep: (path, changes) => managed.find((each) => each.path === path)?.keep(changes),
        part: (source, part) => parts.set(source, part),
        deaf: (change) => (life.deaf += change),
        event: (event, record, path, state) => {
          Object.assign(/** @type {PageVolume} */ (this.volumes[path]), state);
          emit(event, record && NidusError.fromJSON(record), path);
        },
        resolve: ({ capabilities, volumes, fs }) => {
          /**
           * What this browser, on this page, lets a system do, and what each thing missing costs.
           * @type {Capabilities}
           */
          this.capabilities = capabilities;
          managed.forEach(({ volume }, i) => Object.assign(volume, volumes[i]));
          /**
           * The files, in the shape of `node:fs/promises`.
           * @type {Fs}
           */
          this.fs = this.fs ?? createFs(fs, async (...call) => revive(await ask("fs", ...call)));
          // Nobody listens yet to the first one.
          emit("restart");
          resolve(this);
        },
        reject(error) {
          document?.removeEventListener("visibilitychange", hidden);
          unlock();
          reject(error);
        },
      };
      targets.set(0, system);
      lock().catch(stop);
    });
    this.#booted = watch(giveUp, stop, booted);
  }
}

/**
 * Acts when a signal is aborted before something is settled, which it answers.
 * @template T
 * @param {AbortSignal | undefined} signal
 * @param {(reason: unknown) => void} act
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function watch(signal, act, promise) {
  const abort = () => act(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  return promise.finally(() => signal?.removeEventListener("abort", abort));
}

/**
 * @param {WorkerSource | undefined} source
 * @returns {Worker}
 */
function createWorker(source) {
  if (typeof source === "function") return source();
  // Bundlers look for the whole of the second expression.
  return source
    ? new Worker(source, { type: "module" })
    : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

/**
 * @param {ErrorEvent} event
 * @param {WorkerSource | undefined} source
 */
function workerError({ message }, source) {
  const where = source && typeof source !== "function" ? ` from ${source}` : "";
  return new NidusError(
    "NIDUS_ASSET",
    `worker.js could not be loaded${where}: ` +
      (message ||
        "serve the package's web folder as JavaScript from this page's origin, allow it in the policy's " +
          "worker-src, or give its address in assets.worker."),
  );
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

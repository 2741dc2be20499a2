/**
 * A system: one kernel with its mounts, files, commands and processes, all in this thread.
 *
 * The same class serves a browser's worker, a page and Node; what differs comes in through
 * `SystemOptions`. Nothing is shared between systems but compiled modules that the caller shares.
 */

import { NidusError } from "./errors.js";
import { createFs } from "./fs-promises.js";
import { createSteps, createSync, decodeText } from "./fs.js";
import { Host } from "./host.js";
import { loadKernel } from "./kernel.js";
import { loadArchive } from "./mounts.js";
import { Runner } from "./process.js";
import { launch } from "./spawn.js";
import { planStdio } from "./stdio.js";
import { createCollector, exportTar, importTar } from "./streams.js";

/** @typedef {import("./process.js").ExitStatus} ExitStatus */
/** @typedef {import("./spawn.js").Process} Process */
/** @typedef {import("./spawn.js").SpawnOptions} SpawnOptions */
/** @typedef {import("./spawn.js").CommandContext} CommandContext */

/**
 * A command written in JavaScript. It answers its exit code, or a record whose further fields (such
 * as `diagnostics`) become part of what `exec` and `exit` answer.
 * @typedef {(context: CommandContext) => Promise<CommandResult> | CommandResult} Command
 * @typedef {number | (Partial<ExitStatus> & {diagnostics?: unknown[]})} CommandResult
 */

/** @typedef {WebAssembly.Module | Uint8Array | string} Executable a registered name, a path, or what to run */

/**
 * @typedef {object} SystemOptions
 * @property {import("./kernel.js").KernelOptions["source"]} [kernel] left out: the package's own file
 * @property {import("./threads.js").CreateThread} [threads] run programs of the direct tier in threads of their own:
 *   then `kernel` is kernel.shared.wasm
 * @property {(options: import("./kernel.js").KernelOptions) => Promise<import("./kernel.js").Kernel>} [load]
 *   another kernel than `loadKernel` gives
 * @property {import("./host.js").FolderImports} [imports] folders of the host, where it has some
 * @property {Record<string, string>} [env] of every process
 * @property {boolean} [jspi] let processes wait through JSPI; left out: where the host has it
 * @property {import("./process.js").RunnerOptions["waitSync"]} [waitSync]
 * @property {boolean} [waitsForInput] false: `waitSync` can wait for clocks only
 * @property {boolean} [multiMemory] let system calls copy without JavaScript; left out: where possible
 * @property {(options: import("./stdio.js").StdioOptions, patient: boolean) => import("./stdio.js").Stdio | Promise<import("./stdio.js").Stdio>} [stdio]
 *   what callers may give a process as its standard streams; left out: `planStdio`
 * @property {import("./interp.js").EngineSource} [archives] archive.wasm, for exports and imports; left out: the
 *   package's own file
 * @property {import("./interp.js").EngineSource} [engine] engine.wasm, for the interp tier;
 *   left out: the package's own file
 * @property {import("./interp.js").EngineSource} [rewriter] rewrite.wasm, for programs that share this thread (turns.js);
 *   left out: the package's own file
 * @property {import("./process.js").RunnerOptions["deaf"]} [deaf]
 * @property {boolean} [interruptible] whatever a program does that `auto` chose a tier for, it can be ended: where it
 *   can neither be suspended nor have a thread of its own, that is the interpreter
 */

/**
 * What is mounted at a path:
 * `mem`, an empty volume in memory; `tar`, an archive, used in place and read-only; `volume`, one whose changes `flush`
 * stores, and whose contents `settle` gets where not more than `memory` bytes of them may lie in memory; `flags`: 1, a view;
 * `paths`, one in memory that numbers its changes for `flush` to store by path.
 * @typedef {{type: "mem"}
 *   | {type: "tar", from: import("./mounts.js").ArchiveSource, size?: number}
 *   | {type: "volume", flush: () => Promise<void>, settle?: () => Promise<unknown> | null, flags?: number, memory?: number}
 *   | {type: "paths", flush: () => Promise<void>, settle?: undefined}} MountSpec
 */

/** @typedef {ExitStatus & {stdout: string, stderr: string, diagnostics?: unknown[]}} ExecResult */
/** @typedef {{reader: import("./stdio.js").Inherited, writer: import("./stdio.js").Inherited}} Pipe */
/** @typedef {{pid: number, ppid: number, pgid: number, state: "prepared" | "running" | "zombie", command: string}} ProcessState */

export class System {
  /** @type {Map<number, MountSpec & {type: "volume" | "paths"}>} by mount */
  #volumes = new Map();
  /** The ends of pipes that the host has, by descriptor: the number of each, that no other has. @type {Map<number, number>} */
  #ends = new Map();
  #waitSync;
  #waitsForInput;
  /** How many ends there have been. */
  #made = 0;
  /**
   * Of terminals: whether keys have come (terminal.js).
   * @type {Set<() => void>}
   */
  looks = new Set();
  /**
   * What volumes store that mount themselves (image-volume.js).
   * @type {Set<() => void>}
   */
  stores = new Set();
  /**
   * How these get the contents that programs in other threads wait for.
   * @type {Set<() => void>}
   */
  serves = new Set();

  /**
   * Boots a system.
   * @param {SystemOptions} [options]
   * @returns {Promise<System>}
   */
  static async create({ kernel: source, load = loadKernel, imports, threads, ...options } = {}) {
    if (threads) {
      const { createThreaded } = await import("./threads.js");
      return createThreaded(
        source,
        imports,
        (kernel, host) => new this(kernel, host, options),
        threads,
      );
    }
    const host = new Host(imports);
    return new this(await load({ source, host }), host, options);
  }

  /**
   * @param {import("./kernel.js").Kernel} kernel
   * @param {Host} host
   * @param {SystemOptions} options
   */
  constructor(kernel, host, options) {
    this.kernel = kernel;
    this.host = host;
    const steps = createSteps(kernel);
    /** For who cannot wait, which files of a volume may need. */
    this.sync = createSync(kernel, steps);
    const { exists, open, read, write, close, ...methods } = steps;
    this.fs = createFs(Object.keys(methods), async (name, ...values) => {
      const run = /** @type {import("./fs.js").Steps} */ (methods[name]?.(...values));
      let step = run.next();
      for (; !step.done; step = run.next()) await this.settle();
      return step.value;
    });
    this.archives = options.archives;
    /** @type {Promise<import("./archive.js").Step> | undefined} */
    let loaded;
    /** @type {import("./archive.js").Step} */
    this.archive = async (...step) => {
      loaded ??= import("./archive.js").then(({ createArchives }) => createArchives(this));
      return (await loaded)(...step);
    };
    this.env = options.env ?? {};
    /** @type {Map<string, import("./programs.js").Program>} */
    this.commands = new Map();
    /** @type {Map<string, Promise<WebAssembly.Module>>} compiled, by the contents of their files */
    this.programs = new Map();
    /** @type {Parameters<typeof import("./interp.js").load>[4]} */
    this.idle = new Map();
    /** @type {Map<number, Process>} the processes that have not ended, by pid */
    this.running = new Map();
    // Kept: to ask the loader each time takes longer than all else that starting a child does in JavaScript.
    /** @type {Promise<typeof import("./children.js")> | undefined} */
    let children;
    this.runner = new Runner(kernel, {
      ...options,
      flush: () => this.flush(),
      settle: () => this.settle(),
      prepared: async () => {
        children ??= import("./children.js");
        (await children).runChildren(this);
      },
    });
    this.engine = options.engine;
    this.rewriter = options.rewriter;
    this.interruptible = options.interruptible;
    this.planStdio = options.stdio ?? planStdio;
    this.#waitSync = options.waitSync !== undefined;
    this.#waitsForInput = options.waitsForInput !== false;
  }

  /** No volume stores in this thread, or it is not held up while a process waits for that. */
  get canWaitForFlush() {
    return this.runner.patient || this.#volumes.size === 0;
  }

  /** Processes can wait, holding up this thread or not. */
  get canWait() {
    return this.runner.patient || this.#waitSync;
  }

  /** A program on the direct tier can be held until its input comes. */
  get canWaitForInput() {
    return this.runner.patient || (this.#waitSync && this.#waitsForInput);
  }

  /**
   * Mounts something; answers the number of the mount.
   * @param {string} path
   * @param {MountSpec} spec
   * @returns {Promise<number>}
   */
  async mount(path, spec) {
    const { type } = spec;
    const numbers =
      type === "tar"
        ? await loadArchive(this.kernel, spec.from, spec.size)
        : type === "volume"
          ? [spec.flags ?? 0, spec.memory ?? NaN]
          : [];
    const [mount] = this.kernel.ask(`nidus_mount_${type}`, [path], ...numbers);
    if ("flush" in spec) this.#volumes.set(mount, spec);
    return mount;
  }

  /**
   * Takes a mount away; `EBUSY` while files of it are open.
   * @param {number} mount
   */
  unmount(mount) {
    this.kernel.check(this.kernel.exports.nidus_unmount(mount), "unmount");
    this.#volumes.delete(mount);
  }

  /** Resolves when everything written to volumes is stored. */
  async flush() {
    for (const store of this.stores) store();
    // All of them end before one's failure is told.
    const flushes = Array.from(this.#volumes.values(), ({ flush }) => flush());
    await Promise.allSettled(flushes);
    await Promise.all(flushes);
  }

  /**
   * Resolves when something has come that a file's operation may wait for; null when nothing is on its way.
   * @returns {Promise<unknown> | null}
   */
  settle() {
    for (const serve of this.serves) serve();
    const coming = [...this.#volumes.values()].flatMap(({ settle }) => settle?.() ?? []);
    return coming.length > 0 ? Promise.race(coming) : null;
  }

  /**
   * The tree below a folder as a tar archive (pax): names, modes, times in nanoseconds, hard and symbolic links,
   * empty folders; holes as zeros, without devices. Files that change meanwhile are there as they were read.
   * @param {string} path
   * @returns {ReadableStream<Uint8Array>}
   */
  exportTar(path) {
    return exportTar(this.archive, path);
  }

  /**
   * Makes the files of a tar archive below a folder, which is made if it is missing, and replaces what has their
   * names. Rejects, saying where, if the archive is damaged, is cut off, or leads out of the folder; what came
   * before is there then.
   * @param {string} path
   * @param {import("./archive.js").TarSource} source
   * @returns {Promise<void>}
   */
  importTar(path, source) {
    return importTar(this.archive, path, source);
  }

  /**
   * Starts a program or command. The streams that were not redirected are those of the process.
   * This is `execve`, not a shell: neither `|` nor `*` mean anything.
   * @param {Executable} command
   * @param {readonly string[]} [args] without the command itself
   * @param {SpawnOptions} [options]
   * @returns {Promise<Process>}
   */
  async spawn(command, args = [], options = {}) {
    const process = await launch(this, command, args, options);
    // In its own turn, so that the caller has the process and may write to it first.
    setTimeout(() => process.start(), 0);
    return process;
  }

  /**
   * Runs a program or command to its end; standard input is empty unless `input` or `stdin` is given.
   * @param {Executable} command
   * @param {readonly string[]} [args]
   * @param {SpawnOptions} [options]
   * @param {typeof this.spawn} [prepare] how a command starts its children
   * @returns {Promise<ExecResult>}
   */
  async exec(command, args = [], options = {}, prepare = launch.bind(null, this)) {
    const stdout = createCollector();
    const stderr = createCollector();
    const process = await prepare(command, args, { stdin: "null", stdout, stderr, ...options });
    process.start();
    const status = await process.exit;
    return { ...status, stdout: decodeText(stdout.bytes()), stderr: decodeText(stderr.bytes()) };
  }

  /**
   * A pipe of the kernel, of 64 KiB, between processes: what one writes to `writer`, its `stdout` or `stderr`, another
   * reads from `reader`, its `stdin`. No byte comes through JavaScript. A process that is given an end has it alone.
   * @returns {Pipe}
   */
  pipe() {
    // Two free numbers of process 1, the host's.
    const [reader, writer] = [this.sync.open("/dev/null"), this.sync.open("/dev/null")];
    this.kernel.check(this.kernel.exports.nidus_fd_pipe(1, reader, 1, writer), "pipe");
    const end = (/** @type {number} */ fd) => {
      this.#ends.set(fd, ++this.#made);
      return { pid: 1, fd, pipe: this.#made };
    };
    return { reader: end(reader), writer: end(writer) };
  }

  /**
   * Its number may be that of another pipe's end by now.
   * @param {import("./stdio.js").Inherited} end
   */
  checkEnd({ fd, pipe }) {
    if (this.#ends.get(fd) !== pipe) {
      const why = "it was closed, or given to another program, before; make a pipe for each two";
      throw new NidusError("EBADF", `EBADF: the end of a pipe is not open: ${why}`);
    }
  }

  /**
   * Closes an end that is given to no process.
   * @param {import("./stdio.js").Inherited} end
   */
  closeEnd(end) {
    this.checkEnd(end);
    this.#ends.delete(end.fd);
    this.kernel.exports.nidus_fd_close(end.pid, end.fd);
    this.runner.changed();
  }

  /**
   * All processes there are, process 1 being the system itself: ended ones, too, that their parent has not waited for.
   * @returns {ProcessState[]}
   */
  processes() {
    const [count, ...strings] = this.kernel.ask("nidus_processes", []);
    return Array.from({ length: count }, (_, i) => {
      const [pid, ppid, pgid, state, command] = strings.slice(5 * i);
      return /** @type {ProcessState} */ ({
        pid: +pid,
        ppid: +ppid,
        pgid: +pgid,
        state,
        command,
      });
    });
  }

  /** Says that something changed which a process may wait for. */
  wake() {
    this.runner.wake();
    this.host.pump();
    for (const look of this.looks) look();
  }

  /** Kills what runs and stores what is to be kept; the system is of no use afterwards. */
  async close() {
    // One that is about to end may have spawned another.
    while (this.running.size > 0) {
      const processes = [...this.running.values()];
      for (const process of processes) process.kill("SIGKILL");
      await Promise.all(processes.map((process) => process.exit));
    }
    await this.runner.threads?.close();
    await this.flush();
  }
}

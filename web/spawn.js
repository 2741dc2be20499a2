/**
 * Processes: starting programs and commands, and what a caller holds of them.
 *
 * A program is a guest of the kernel; a command is a JavaScript function that has a process id, streams
 * and children of its own. Both are started by `launch` and then `start`.
 *
 * Invariants: `exit` resolves exactly once and never rejects; by then the process's streams are closed,
 * its number in the kernel is free, and the children of a command have been killed.
 */

import { NidusError, signalNumber } from "./errors.js";
import { Interpreted } from "./interpreted.js";
import { inspect } from "./process.js";
import { compileProgram, resolvePath } from "./programs.js";
import { placeAsStream } from "./stdio.js";
import { BLOCK, readAll, toBytes } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */
/** @typedef {import("./process.js").ExitStatus} ExitStatus */
/** @typedef {import("./stdio.js").Place} Place */
/** @typedef {import("./stdio.js").Stdio} Stdio */
/** @typedef {import("./system.js").Command} Command */
/** @typedef {import("./system.js").CommandResult} CommandResult */
/** @typedef {import("./system.js").Executable} Executable */
/** @typedef {import("./system.js").ExecResult} ExecResult */
/** @typedef {import("./system.js").System} System */

/**
 * @typedef {object} OwnSpawnOptions
 * @property {string} [cwd]
 * @property {Record<string, string>} [env] added to the system's
 * @property {string} [argv0] the name the program is told; left out: the command
 * @property {Record<string, string>} [preopens] folders of the tree by the names the program knows
 *   them under, instead of every folder of the root and the working folder
 * @property {AbortSignal} [signal] kills the process
 * @property {"direct" | "interp" | "auto"} [tier] how it executes: by the host's WebAssembly, by the
 *   engine's interpreter, or as fits; left out: `auto`
 * @property {{fuel?: number | bigint}} [limits] `fuel`: instructions it may execute, about; such a program
 *   runs on the interpreter
 * @typedef {OwnSpawnOptions & import("./stdio.js").StdioOptions} SpawnOptions
 */

/**
 * What a command is given.
 * @typedef {object} CommandContext
 * @property {System} system
 * @property {number} pid
 * @property {string} argv0
 * @property {readonly string[]} args
 * @property {string} cwd
 * @property {Record<string, string>} env
 * @property {CommandInput} stdin
 * @property {CommandOutput} stdout
 * @property {CommandOutput} stderr
 * @property {AbortSignal} signal aborted when the command is killed
 * @property {(command: Executable, args?: readonly string[], options?: SpawnOptions) => Promise<Process>} spawn
 *   starts a child, which inherits streams, folder and environment
 * @property {(command: Executable, args?: readonly string[], options?: SpawnOptions) => Promise<ExecResult>} exec
 *   runs a child to its end and collects its output
 */

const NUL = "\0";
const PREOPEN_CLIMB = 1;
const encoder = new TextEncoder();

/** A process, as the one who started it sees it. */
export class Process {
  /** @type {() => void} */
  #start;
  #started = false;
  /** @type {(signal: string) => void} */
  #kill;

  /**
   * @param {number} pid
   * @param {Stdio} stdio
   * @param {Promise<ExitStatus & {diagnostics?: unknown[]}>} exit
   * @param {{start: () => void, kill: (signal: string) => void}} control
   */
  constructor(pid, stdio, exit, control) {
    this.pid = pid;
    /** Standard input, if it is a pipe. */
    this.stdin = stdio.stdin;
    /** Standard output, if it is a pipe and not a terminal. */
    this.stdout = stdio.stdout;
    this.stderr = stdio.stderr;
    /** What a terminal shows; null without one. */
    this.output = stdio.output;
    /** How the process ended. Never rejects. */
    this.exit = exit;
    this.#start = control.start;
    this.#kill = control.kill;
  }

  /** Starts it, once; `spawn` and `exec` have done it. */
  start() {
    if (this.#started) return;
    this.#started = true;
    this.#start();
  }

  /**
   * Ends the process, unless it has ended. A guest that computes without waiting ends when it next
   * waits; to stop one at once, end the worker it runs in.
   * @param {string} [signal]
   */
  kill(signal = "SIGTERM") {
    signalNumber(signal);
    this.#kill(signal);
    this.start();
  }
}

/**
 * Prepares a process: everything that can fail before it runs fails here.
 * @param {System} system
 * @param {Executable} command
 * @param {readonly string[]} args
 * @param {SpawnOptions} options
 * @returns {Promise<Process>}
 */
export async function launch(system, command, args, options) {
  options.signal?.throwIfAborted();
  const cwd = resolvePath("/", options.cwd ?? "/");
  const env = { ...system.env, ...options.env };
  if (options.preopens === undefined) {
    if (!system.sync.stat(cwd).isDirectory()) throw NidusError.fromErrno(54, "spawn", cwd);
    env.PWD = cwd;
  }
  if (options.terminal !== undefined) {
    env.COLUMNS = String(options.terminal.cols);
    env.LINES = String(options.terminal.rows);
  }
  const name = typeof command === "string" ? command : (options.argv0 ?? "program");
  const program = await findProgram(system, command, name, { ...options, cwd, env });
  const stdio = await system.planStdio(options, system.canWait || program instanceof Interpreted);
  const argv = [options.argv0 ?? name, ...args];
  const pid = createProcess(system, argv, env);
  /** @type {number[]} */
  const streams = [];
  try {
    if (isGuest(program)) {
      stdio.places.forEach((place, fd) => putPlace(system, pid, fd, place, cwd, streams));
      givePreopens(system, pid, cwd, options.preopens);
    }
  } catch (error) {
    system.runner.retire(pid, 0);
    release(system, streams);
    throw error;
  }
  /** @type {(status: ExitStatus) => void} */
  let settle = () => {};
  /** @type {Promise<ExitStatus>} */
  const ended = new Promise((resolve) => (settle = resolve));
  const exit = ended.then(async (status) => {
    system.processes.delete(pid);
    options.signal?.removeEventListener("abort", abort);
    release(system, streams);
    for (const close of stdio.closers) await close();
    return status;
  });
  const control = isGuest(program)
    ? guestControl(system, pid, program, name, settle)
    : commandControl(system, pid, program, { argv, cwd, env, places: stdio.places }, settle);
  const process = new Process(pid, stdio, exit, control);
  const abort = () => process.kill("SIGKILL");
  options.signal?.addEventListener("abort", abort);
  system.processes.set(pid, process);
  return process;
}

/**
 * What to run, for the tier that was asked for or that fits.
 * @param {System} system
 * @param {Executable} command
 * @param {string} name
 * @param {SpawnOptions & {cwd: string, env: Record<string, string>}} options
 */
async function findProgram(system, command, name, options) {
  const { tier = "auto", limits = {}, cwd, env } = options;
  const fuel = limits.fuel === undefined ? undefined : BigInt(limits.fuel);
  if (fuel !== undefined && tier === "direct") {
    throw new NidusError(
      "EINVAL",
      `EINVAL: ${name} cannot have a limit of fuel on the direct tier`,
    );
  }
  const registered = typeof command === "string" ? system.programs.registered(command) : command;
  if (typeof registered === "function") {
    return /** @type {import("./system.js").Command} */ (registered);
  }
  if (registered instanceof WebAssembly.Module) {
    if (tier === "interp" || fuel !== undefined) {
      throw new NidusError(
        "EINVAL",
        `EINVAL: ${name} was compiled for the direct tier; give its bytes or its path to interpret it`,
      );
    }
    inspect(registered, name);
    return registered;
  }
  const interpret = () => {
    const bytes =
      registered ?? system.programs.read(system.programs.locate(String(command), cwd, env));
    return new Interpreted(bytes, fuel);
  };
  if (tier === "interp" || fuel !== undefined) return interpret();
  let module;
  try {
    module = await (registered
      ? compileProgram(registered, name)
      : system.programs.load(system.programs.locate(String(command), cwd, env), String(command)));
  } catch (error) {
    // What this host cannot compile may still be a module for the engine.
    if (tier === "direct" || !isUncompilable(error)) throw error;
    const program = interpret();
    return system.runner.loadInterpreted(program, name).then(
      () => program,
      () => Promise.reject(error),
    );
  }
  return tier === "auto" && mustWait(system, module, options) ? interpret() : module;
}

/**
 * May the program come to wait for something for which this host cannot hold it on the direct tier?
 * @param {System} system
 * @param {WebAssembly.Module} module
 * @param {import("./stdio.js").StdioOptions} options
 */
function mustWait(system, module, options) {
  const names = new Set(WebAssembly.Module.imports(module).map(({ name }) => name));
  if (!system.canWait && names.has("poll_oneoff")) return true;
  return !system.canWaitForInput && names.has("fd_read") && hasInputLater(options);
}

/**
 * @param {Command | import("./process.js").Guestable} program
 * @returns {program is import("./process.js").Guestable}
 */
function isGuest(program) {
  return typeof program !== "function";
}

/** @param {unknown} error */
function isUncompilable(error) {
  return error instanceof Error && error.cause instanceof WebAssembly.CompileError;
}

/** @param {unknown} stdin */
function isFile(stdin) {
  return typeof stdin === "object" && stdin !== null && "file" in stdin;
}

/** Input that is not all there when the program starts. @param {import("./stdio.js").StdioOptions} options */
function hasInputLater({ input, stdin, streams }) {
  if (streams !== undefined) return streams[0].whole !== true;
  const whole = stdin === "null" || stdin instanceof Uint8Array || isFile(stdin);
  return input === undefined && !whole;
}

/**
 * @param {System} system
 * @param {readonly string[]} argv
 * @param {Record<string, string>} env
 */
function createProcess(system, argv, env) {
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  for (const text of [...argv, ...variables]) {
    if (text.includes(NUL)) {
      throw new NidusError(
        "EINVAL",
        `EINVAL: the argument or variable ${JSON.stringify(text)} contains a NUL`,
      );
    }
  }
  const argvBytes = encoder.encode(argv.map((text) => text + NUL).join(""));
  const envBytes = encoder.encode(variables.map((text) => text + NUL).join(""));
  const pid = system.kernel.withBytes([argvBytes, envBytes], (argvAt, envAt) =>
    system.kernel.exports.nidus_process_create(
      argvAt,
      argvBytes.length,
      argv.length,
      envAt,
      envBytes.length,
      variables.length,
    ),
  );
  return system.kernel.check(pid, "spawn");
}

/**
 * Puts something at a descriptor.
 * @param {System} system
 * @param {number} pid
 * @param {number} fd
 * @param {Place} place
 * @param {string} cwd
 * @param {number[]} streams numbers of streams, to be given back
 */
function putPlace(system, pid, fd, place, cwd, streams) {
  const { kernel } = system;
  if (place !== "null" && !("file" in place)) {
    const number = system.host.add(place);
    streams.push(number);
    place.onready = () => system.wake();
    const flags = (place.read ? 1 : 0) | (place.write ? 2 : 0) | (place.terminal ? 4 : 0);
    kernel.check(kernel.exports.nidus_fd_stream(pid, fd, number, flags), "spawn");
    return;
  }
  const path = place === "null" ? "/dev/null" : resolvePath(cwd, place.file);
  const append = place !== "null" && place.append === true;
  const oflags = fd === 0 || place === "null" ? 0 : append ? 1 : 1 | 8;
  const access = fd === 0 ? 1 : 2;
  const result = kernel.withPath(path, (ptr, len) =>
    kernel.exports.nidus_fd_open(pid, fd, ptr, len, oflags, append ? 1 : 0, access),
  );
  kernel.check(result, "open", path);
}

/**
 * @param {System} system
 * @param {number} pid
 * @param {string} cwd
 * @param {Record<string, string> | undefined} preopens
 */
function givePreopens(system, pid, cwd, preopens) {
  const { kernel } = system;
  /** @type {(path: string, name: string, flags: number) => void} */
  const give = (path, name, flags) => {
    const bytes = [encoder.encode(path), encoder.encode(name)];
    const [pathLength = 0, nameLength = 0] = bytes.map((each) => each.length);
    const result = kernel.withBytes(bytes, (pathAt, nameAt) =>
      kernel.exports.nidus_fd_preopen(pid, pathAt, pathLength, nameAt, nameLength, flags),
    );
    kernel.check(result, "open", path);
  };
  if (preopens !== undefined) {
    for (const [name, path] of Object.entries(preopens)) give(path, name, 0);
    return;
  }
  for (const entry of system.sync.readdir("/", { withFileTypes: true })) {
    if (isFolder(system, entry)) give(`/${entry.name}`, `/${entry.name}`, 0);
  }
  // wasi-libc takes the longest prefix that fits, of equals the last: "." catches what is relative.
  give(cwd, ".", PREOPEN_CLIMB);
}

/**
 * @param {System} system
 * @param {import("./stats.js").Dirent} entry of the root
 */
function isFolder(system, entry) {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return system.sync.stat(`/${entry.name}`).isDirectory();
  } catch {
    return false;
  }
}

/**
 * @param {System} system
 * @param {number[]} streams
 */
function release(system, streams) {
  for (const number of streams.splice(0)) system.host.remove(number);
}

/**
 * @param {System} system
 * @param {number} pid
 * @param {import("./process.js").Guestable} program
 * @param {string} name
 * @param {(status: ExitStatus) => void} settle
 */
function guestControl(system, pid, program, name, settle) {
  return {
    start: () => void system.runner.run(pid, program, name).then(settle),
    /** @param {string} signal */
    kill: (signal) => void (system.processes.has(pid) && system.runner.kill(pid, signal)),
  };
}

/**
 * @param {System} system
 * @param {number} pid
 * @param {Command} command
 * @param {{argv: readonly string[], cwd: string, env: Record<string, string>, places: Stdio["places"]}} setting
 * @param {(status: ExitStatus) => void} settle
 */
function commandControl(system, pid, command, setting, settle) {
  const abort = new AbortController();
  /** @type {string | null} */
  let killedBy = null;
  /** @type {Set<Process>} */
  const children = new Set();
  /** @type {{close?: () => void}[]} */
  const opened = [];
  const run = async () => {
    const [stdin, stdout, stderr] = /** @type {[HostStream, HostStream, HostStream]} */ (
      setting.places.map((place, fd) => {
        const stream = placeAsStream(system.sync, resolvePlace(place, setting.cwd), fd === 0);
        if (stream !== place) opened.push(stream);
        return stream;
      })
    );
    const inherited = { cwd: setting.cwd, env: setting.env };
    /** @type {CommandContext["spawn"]} */
    const prepare = async (executable, args = [], options = {}) => {
      abort.signal.throwIfAborted();
      const child = await launch(system, executable, args, {
        stdin,
        stdout,
        stderr,
        ...inherited,
        ...options,
      });
      children.add(child);
      child.exit.then(() => children.delete(child));
      if (abort.signal.aborted) child.kill("SIGKILL");
      return child;
    };
    const errors = new CommandOutput(system, stderr, abort.signal);
    /** @type {CommandContext} */
    const context = {
      system,
      pid,
      argv0: setting.argv[0] ?? "",
      args: setting.argv.slice(1),
      cwd: setting.cwd,
      env: setting.env,
      stdin: new CommandInput(system, stdin, abort.signal),
      stdout: new CommandOutput(system, stdout, abort.signal),
      stderr: errors,
      signal: abort.signal,
      async spawn(executable, args, options) {
        const child = await prepare(executable, args, options);
        child.start();
        return child;
      },
      exec: (executable, args, options) =>
        system.exec(executable, args, { ...inherited, ...options }, prepare),
    };
    /** @type {CommandResult} */
    let result;
    try {
      result = await command(context);
    } catch (error) {
      if (killedBy === null) {
        const message = error instanceof Error ? error.message : String(error);
        await errors.write(`${context.argv0}: ${message}\n`).catch(() => {});
      }
      result = 1;
    }
    return result;
  };
  /** @type {Promise<CommandResult>} */
  const killed = new Promise((resolve) => {
    abort.signal.addEventListener("abort", () => resolve(0));
  });
  const start = async () => {
    /** @type {CommandResult} */
    let result;
    try {
      result = await Promise.race([killedBy === null ? run() : 0, killed]);
    } catch (error) {
      result = { code: 1, trap: { message: NidusError.toRecord(error).message, stack: "" } };
    }
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(Array.from(children, (child) => child.exit));
    for (const stream of opened) stream.close?.();
    system.runner.retire(pid, 0);
    if (killedBy !== null) return settle({ code: null, signal: killedBy, trap: null });
    const ended = typeof result === "number" ? { code: result } : result;
    settle({ code: 0, signal: null, trap: null, ...ended });
  };
  return {
    start: () => void start(),
    /** @param {string} signal */
    kill(signal) {
      killedBy ??= signal;
      for (const child of children) child.kill(signal);
      abort.abort(new NidusError("EINTR", `EINTR: killed by ${signal}`));
      system.wake();
    },
  };
}

/**
 * @param {Place} place
 * @param {string} cwd
 * @returns {Place}
 */
function resolvePlace(place, cwd) {
  if (place === "null" || !("file" in place)) return place;
  return { ...place, file: resolvePath(cwd, place.file) };
}

/** Standard input of a command. */
export class CommandInput {
  /**
   * @param {System} system
   * @param {HostStream} stream
   * @param {AbortSignal} signal
   */
  constructor(system, stream, signal) {
    this.system = system;
    /** What a child is given to inherit. */
    this.stream = stream;
    this.signal = signal;
  }

  /** A web stream of the rest of the input. */
  readable() {
    return new ReadableStream({
      pull: async (/** @type {ReadableStreamDefaultController<Uint8Array>} */ controller) => {
        const buffer = new Uint8Array(64 * 1024);
        const got = await retry(this, () => this.stream.read?.(buffer) ?? 0);
        if (got > 0) controller.enqueue(buffer.subarray(0, got));
        else controller.close();
      },
    });
  }

  /** The rest of the input. */
  bytes() {
    return readAll(this.readable());
  }

  /** The rest of the input, as text. */
  async text() {
    return new TextDecoder().decode(await this.bytes());
  }
}

/** Standard output of a command. */
export class CommandOutput {
  /**
   * @param {System} system
   * @param {HostStream} stream
   * @param {AbortSignal} signal
   */
  constructor(system, stream, signal) {
    this.system = system;
    /** What a child is given to inherit. */
    this.stream = stream;
    this.signal = signal;
  }

  /**
   * Resolves when all of it is taken.
   * @param {string | Uint8Array} text
   */
  async write(text) {
    let rest = toBytes(text);
    while (rest.length > 0) {
      rest = rest.subarray(await retry(this, () => this.stream.write?.(rest) ?? -8));
    }
  }
}

/**
 * Calls until it does not block.
 * @param {{system: System, stream: HostStream, signal: AbortSignal}} end
 * @param {() => number} call
 */
async function retry({ system, stream, signal }, call) {
  for (;;) {
    signal.throwIfAborted();
    const result = call();
    if (result >= 0) return result;
    if (result !== BLOCK) throw NidusError.fromErrno(-result, "write");
    stream.onready = () => system.wake();
    await system.woken();
  }
}

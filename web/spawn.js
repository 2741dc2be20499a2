/**
 * Processes: starting programs and commands, and what a caller holds of them.
 *
 * A program is a guest of the kernel; a command is a JavaScript function that has a process id, streams
 * and children of its own. Both are started by `launch` and then `start`.
 *
 * Invariants: `exit` resolves exactly once and never rejects; by then the process's streams are closed,
 * its number in the kernel is free, and the children of a command have been killed.
 */

import { NidusError, messageOf, signalNumber } from "./errors.js";
import { decodeText } from "./fs.js";
import { findProgram } from "./programs.js";
import { concat, toBytes } from "./streams.js";

/** @typedef {import("./process.js").ExitStatus} ExitStatus */
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
 * @property {import("./process.js").Limits} [limits]
 * @property {import("./host.js").HostStream[]} [sockets] what lies at the descriptors after the folders, such
 *   as a socket that listens
 * @typedef {OwnSpawnOptions & import("./stdio.js").StdioOptions} SpawnOptions
 */

/**
 * Standard output of a command: `write` resolves when all of it is taken.
 * @typedef {{terminal?: boolean, write: (text: string | Uint8Array) => Promise<void>}} CommandOutput
 */

/**
 * A process, as the one who started it sees it.
 * @typedef {object} Process
 * @property {number} pid
 * @property {WritableStream<Uint8Array> | null} stdin standard input, if it is a pipe
 * @property {ReadableStream<Uint8Array> | null} stdout standard output, if it is a pipe and not a terminal
 * @property {ReadableStream<Uint8Array> | null} stderr
 * @property {ReadableStream<Uint8Array> | null} output what a terminal shows; null without one
 * @property {Promise<ExitStatus & {diagnostics?: unknown[]}>} exit how it ended; never rejects
 * @property {() => void} start starts it, once; `spawn` and `exec` have done it
 * @property {import("./process.js").Limits} limits
 * @property {(text: string | Uint8Array) => void} [type] on a terminal: as if keys were pressed there
 * @property {(cols: number, rows: number) => void} resize tells its terminal, if it has one, how large the window is
 * @property {(signal?: string) => boolean} kill sends a signal, unless it has ended; left out: SIGTERM. Answers whether
 *   the process goes on. What the program has no handler for, and does not ignore, ends it. A guest that computes
 *   in the system's own thread ends at its next turn, or where the host has no JSPI when it next waits; one in a worker of
 *   its own ends at once.
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
 * @property {{bytes: () => Promise<Uint8Array>, text: () => Promise<string>}} stdin the rest of it
 * @property {CommandOutput} stdout
 * @property {CommandOutput} stderr
 * @property {AbortSignal} signal aborted when the command is killed
 * @property {(command: Executable, args?: readonly string[], options?: SpawnOptions) => Promise<Process>} spawn
 *   starts a child, which inherits streams, folder and environment
 * @property {(command: Executable, args?: readonly string[], options?: SpawnOptions) => Promise<ExecResult>} exec
 *   runs a child to its end and collects its output
 */

/** Instead of a number of preopens: every folder of the root, and the working folder. */
const ALL_FOLDERS = -1;

/**
 * The absolute path that `path` means in folder `cwd`; `..` is left to the kernel, which knows the links.
 * @param {string} cwd
 * @param {string} path
 */
export function resolvePath(cwd, path) {
  return path.startsWith("/") ? path : `${cwd === "/" ? "" : cwd}/${path}`;
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
  const { signal, preopens, terminal, limits = {}, sockets = [] } = options;
  signal?.throwIfAborted();
  const { host, runner } = system;
  const cwd = resolvePath("/", options.cwd ?? "/");
  /** @type {Record<string, string>} */
  const env = { ...system.env, ...options.env };
  if (!preopens) env.PWD = cwd;
  if (terminal) {
    env.COLUMNS = String(terminal.cols);
    env.LINES = String(terminal.rows);
  }
  const name = typeof command === "string" ? command : (options.argv0 ?? "program");
  const argv0 = options.argv0 ?? name;
  const program = await findProgram(system, command, name, cwd, env, options);
  const patient = system.canWait || "serve" in program;
  const { places, closers, ...ends } = await system.planStdio(options, patient);
  /** It was killed: nobody waits for its output any more. */
  let killed = false;
  const close = async () => {
    for (const each of closers) await each();
  };
  const wake = () => system.wake();

  /** @type {import("./terminal.js").Terminal | undefined} */
  let tty;
  /** @param {import("./stdio.js").Place} place as the kernel is told of it */
  const describe = (place) => {
    if ("file" in place) return (place.append ? "a" : "f") + place.file;
    if ("pid" in place) return `i${place.fd}:${place.pid}`;
    // It lies at several descriptors.
    if (place.tty && tty) return tty.place;
    const number = host.add(place);
    closers.push(async () => {
      await host.drain(number, () => killed);
      host.remove(number);
    });
    place.onready = wake;
    const { read, write, terminal, shutdown, accept } = place;
    const flags = [read, write, terminal, shutdown, accept].reduceRight(
      (all, each) => 2 * all + (each ? 1 : 0),
      0,
    );
    return `s${String.fromCharCode(48 + flags)}${number}`;
  };

  const screen = places.find((place) => "tty" in place && place.tty);
  if (screen) {
    const { openTerminal } = await import("./terminal.js");
    const opened = (tty = openTerminal(
      system,
      /** @type {import("./host.js").HostStream} */ (screen),
    ));
    closers.push(() => opened.close(() => killed));
  }
  const variables = Object.entries(env).map((pair) => pair.join("="));
  const folders = Object.entries(preopens ?? {});
  const { descriptors, fileSize, output, time, processes } = /** @type {Record<string, number>} */ (
    limits
  );
  let pid = 0;
  /** The ends of pipes among the places; one may be both outputs. */
  const given = new Map(places.flatMap((end) => ("pipe" in end ? [[end.pipe, end]] : [])));
  try {
    for (const end of given.values()) system.checkEnd(end);
    [pid] = system.kernel.ask(
      "nidus_spawn",
      [
        cwd,
        argv0,
        ...args,
        ...variables,
        ...places.map(describe),
        ...folders.flat(),
        ...sockets.map(describe),
      ],
      1 + args.length,
      variables.length,
      preopens ? folders.length : ALL_FOLDERS,
      descriptors,
      fileSize,
      output,
      time,
      processes,
    );
  } catch (error) {
    await close();
    throw error;
  }
  // An end of a pipe that the host kept would be one that never closes.
  for (const end of given.values()) system.closeEnd(end);
  const process = oversee(system, pid, limits, ends, async (signal) =>
    typeof program === "function"
      ? runCommand(program, { system, pid, argv0, args, cwd, env, signal }, places)
      : runner.run(pid, program),
  );
  process.resize = (cols, rows) => tty?.resize(cols, rows);
  const { kill } = process;
  process.kill = (by) => {
    const goesOn = kill(by);
    killed ||= !goesOn;
    host.pump();
    return goesOn;
  };
  const abort = () => process.kill("SIGKILL");
  signal?.addEventListener("abort", abort);
  process.exit = process.exit.then(async (status) => {
    signal?.removeEventListener("abort", abort);
    await close();
    return status;
  });
  return process;
}

/**
 * A process of the kernel's that is to be run.
 * @param {System} system
 * @param {number} pid
 * @param {import("./process.js").Limits} limits
 * @param {object} ends
 * @param {(signal: AbortSignal) => Promise<ExitStatus>} run
 */
export function oversee(system, pid, limits, ends, run) {
  const { running, runner } = system;
  const stop = new AbortController();
  let start = () => {};
  /** @type {Promise<void>} */
  const started = new Promise((resolve) => (start = resolve));
  // A command is no guest, and has to be told when the kernel has ended its process.
  const unwatch = runner.watch(() => {
    if (runner.hasEnded(pid)) stop.abort(new NidusError("EINTR", "EINTR: killed"));
  });
  const exit = started
    .then(() => run(stop.signal))
    .then((status) => {
      unwatch();
      running.delete(pid);
      return status;
    });
  /** @type {Process["kill"]} */
  const kill = (by = "SIGTERM") => {
    const number = signalNumber(by);
    // Once it has ended, its number may be another one's.
    const runs = running.get(pid) === process;
    if (runs) runner.kill(pid, number);
    start();
    return runs && !runner.hasEnded(pid);
  };
  const process = /** @type {Process & {limits: typeof limits}} */ ({
    ...ends,
    pid,
    exit,
    start,
    kill,
    limits,
  });
  running.set(pid, process);
  return process;
}

/**
 * Runs a command to its end.
 * @param {Command} command
 * @param {Pick<CommandContext, "system" | "pid" | "argv0" | "args" | "cwd" | "env" | "signal">} base
 * @param {(import("./stdio.js").Place | {})[]} places
 * @returns {Promise<ExitStatus & {diagnostics?: unknown[]}>}
 */
export async function runCommand(command, base, places) {
  const { system, pid, cwd, env, signal } = base;
  const { runner, sync } = system;
  const [stdin, stdout, stderr] = places.map((place, fd) => {
    const { file, whole, terminal } = Object(place);
    return { pid, fd, whole: file || whole, terminal };
  });
  /** @type {Set<Process>} */
  const children = new Set();

  /** @type {CommandContext["spawn"]} */
  const prepare = async (executable, args = [], options = {}) => {
    signal.throwIfAborted();
    const inherited = { stdin, stdout, stderr, cwd, env };
    const child = await launch(system, executable, args, { ...inherited, ...options });
    children.add(child);
    child.exit.then(() => children.delete(child));
    if (signal.aborted) child.kill("SIGKILL");
    return child;
  };

  /**
   * Calls until it does not block.
   * @template T
   * @param {() => T} call
   * @returns {Promise<T>}
   */
  const settle = async (call) => {
    for (;;) {
      signal.throwIfAborted();
      runner.listen();
      try {
        return call();
      } catch (error) {
        if (/** @type {NidusError} */ (error).code !== "EAGAIN") throw error;
      }
      await (system.settle() ?? runner.park(pid).catch(() => {}));
    }
  };

  /** @type {(place: import("./stdio.js").Inherited) => CommandOutput} */
  const output = ({ fd, terminal }) => ({
    terminal,
    async write(text) {
      let rest = toBytes(text);
      while (rest.length > 0) {
        rest = rest.subarray(await settle(() => sync.write(fd, rest, "", pid)));
      }
    },
  });

  const bytes = async () => {
    const pieces = [];
    for (let piece; (piece = await settle(() => sync.read(0, "", pid))).length > 0;) {
      pieces.push(piece);
    }
    return concat(pieces);
  };

  /** @type {CommandContext} */
  const context = {
    ...base,
    stdin: { bytes, text: async () => decodeText(await bytes()) },
    stdout: output(stdout),
    stderr: output(stderr),
    async spawn(...given) {
      const child = await prepare(...given);
      child.start();
      return child;
    },
    exec: (executable, args, options) => system.exec(executable, args, options, prepare),
  };
  /** @type {CommandResult} */
  let result = 1;
  try {
    signal.throwIfAborted();
    /** @type {Promise<never>} */
    const killed = new Promise((_, reject) => signal.addEventListener("abort", reject));
    result = await Promise.race([command(context), killed]);
  } catch (error) {
    // A command that was killed can write nothing.
    await context.stderr.write(`${base.argv0}: ${messageOf(error)}\n`).catch(() => {});
  }
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(Array.from(children, (child) => child.exit));
  const { code } = typeof result === "number" ? { code: result } : result;
  system.kernel.exports.nidus_process_end(pid, (code ?? 1) & 255);
  const status = runner.finish(pid);
  if (status.signal !== null) return status;
  return { ...status, ...(typeof result === "number" ? { code: result } : result) };
}

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
import { fileStream } from "./stdio.js";
import { BLOCK, readAll, toBytes } from "./streams.js";

/** @typedef {import("./host.js").HostStream} HostStream */
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
 * @property {{fuel?: number | bigint}} [limits] `fuel`: instructions it may execute, about; such a program
 *   runs on the interpreter
 * @typedef {OwnSpawnOptions & import("./stdio.js").StdioOptions} SpawnOptions
 */

/**
 * Standard output of a command. `stream` is what a child is given to inherit; `write` resolves when all of
 * it is taken.
 * @typedef {{stream: HostStream, write: (text: string | Uint8Array) => Promise<void>}} CommandOutput
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
 * @property {(signal?: string) => void} kill ends the process, unless it has ended; left out: SIGTERM. A guest
 *   that computes without waiting ends when it next waits; to stop one at once, end the worker it runs in.
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
 * @property {{stream: HostStream, readable: () => ReadableStream<Uint8Array>, bytes: () => Promise<Uint8Array>,
 *   text: () => Promise<string>}} stdin
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
  const { signal, argv0, preopens, terminal } = options;
  signal?.throwIfAborted();
  const { kernel, host, runner, processes } = system;
  const cwd = resolvePath("/", options.cwd ?? "/");
  /** @type {Record<string, string>} */
  const env = { ...system.env, ...options.env };
  if (!preopens) env.PWD = cwd;
  if (terminal) {
    env.COLUMNS = String(terminal.cols);
    env.LINES = String(terminal.rows);
  }
  const name = typeof command === "string" ? command : (argv0 ?? "program");
  const program = await findProgram(system, command, name, cwd, env, options);
  const { places, closers, ...ends } = await system.planStdio(
    options,
    system.canWait || "serve" in program,
  );
  const close = async () => {
    for (const each of closers) await each();
  };
  const wake = () => system.wake();
  const argv = [argv0 ?? name, ...args];
  const variables = Object.entries(env).map((pair) => pair.join("="));
  const folders = Object.entries(preopens ?? {});
  const strings = [cwd, ...argv, ...variables];
  /** @type {HostStream[]} of a command */
  const streams = [];
  let pid = 0;
  try {
    places.forEach((place, fd) => {
      if (typeof program === "function") {
        const file = place === "null" ? { file: "/dev/null", append: true } : place;
        if (!("file" in file)) return void streams.push(file);
        const path = resolvePath(cwd, file.file);
        const stream = fileStream(system.sync, path, fd === 0 ? "r" : file.append ? "a" : "w");
        closers.push(stream.close);
        streams.push(stream);
      } else if (place === "null") strings.push(place);
      else if ("file" in place) strings.push((place.append ? "a" : "f") + place.file);
      else {
        const number = host.add(place);
        closers.push(() => host.remove(number));
        place.onready = wake;
        const { read, write, terminal: tty } = place;
        strings.push(`s${(read ? 1 : 0) | (write ? 2 : 0) | (tty ? 4 : 0)}${number}`);
      }
    });
    if (typeof program !== "function") strings.push(...folders.flat());
    const count = preopens ? folders.length : ALL_FOLDERS;
    [pid] = kernel.ask("nidus_spawn", strings, argv.length, variables.length, count);
  } catch (error) {
    await close();
    throw error;
  }
  const stop = new AbortController();
  const run = async () => {
    const status = await (typeof program === "function"
      ? runCommand(system, program, { pid, argv, cwd, env, streams, signal: stop.signal })
      : runner.run(pid, program));
    processes.delete(pid);
    signal?.removeEventListener("abort", abort);
    await close();
    return status;
  };
  let start = () => {};
  /** @type {Promise<void>} */
  const started = new Promise((resolve) => (start = resolve));
  /** @type {Process} */
  const process = {
    ...ends,
    pid,
    exit: started.then(run),
    start,
    kill(by = "SIGTERM") {
      signalNumber(by);
      // Once it has ended, its number may be another one's.
      if (processes.get(pid) === process) {
        runner.kill(pid, by);
        stop.abort(new NidusError("EINTR", `EINTR: killed by ${by}`));
        wake();
      }
      start();
    },
  };
  const abort = () => process.kill("SIGKILL");
  signal?.addEventListener("abort", abort);
  processes.set(pid, process);
  return process;
}

/**
 * Runs a command to its end.
 * @param {System} system
 * @param {Command} command
 * @param {{pid: number, argv: readonly string[], cwd: string, env: Record<string, string>,
 *   streams: readonly HostStream[], signal: AbortSignal}} setting
 * @returns {Promise<ExitStatus & {diagnostics?: unknown[]}>}
 */
async function runCommand(system, command, { pid, argv, cwd, env, streams, signal }) {
  const [stdin, stdout, stderr] = /** @type {[HostStream, HostStream, HostStream]} */ (streams);
  const [argv0 = "", ...args] = argv;
  /** @type {Set<Process>} */
  const children = new Set();

  /** @type {CommandContext["spawn"]} */
  const prepare = async (executable, childArgs = [], options = {}) => {
    signal.throwIfAborted();
    const inherited = { stdin, stdout, stderr, cwd, env };
    const child = await launch(system, executable, childArgs, { ...inherited, ...options });
    children.add(child);
    child.exit.then(() => children.delete(child));
    if (signal.aborted) child.kill("SIGKILL");
    return child;
  };

  /**
   * Calls until it does not block.
   * @param {HostStream} stream
   * @param {() => number} call
   */
  const settle = async (stream, call) => {
    for (;;) {
      signal.throwIfAborted();
      const result = call();
      if (result !== BLOCK) return system.kernel.check(result, "write");
      stream.onready = () => system.wake();
      await system.woken();
    }
  };

  /** @type {(stream: HostStream) => CommandOutput} */
  const output = (stream) => ({
    stream,
    async write(text) {
      let rest = toBytes(text);
      while (rest.length > 0) {
        rest = rest.subarray(await settle(stream, () => stream.write?.(rest) ?? -8));
      }
    },
  });

  /** @returns {ReadableStream<Uint8Array>} */
  const readable = () =>
    new ReadableStream({
      async pull(controller) {
        const buffer = new Uint8Array(64 * 1024);
        const got = await settle(stdin, () => stdin.read?.(buffer) ?? 0);
        if (got > 0) controller.enqueue(buffer.subarray(0, got));
        else controller.close();
      },
    });
  const bytes = () => readAll(readable());

  /** @type {CommandContext} */
  const context = {
    system,
    pid,
    argv0,
    args,
    cwd,
    env,
    stdin: { stream: stdin, readable, bytes, text: async () => decodeText(await bytes()) },
    stdout: output(stdout),
    stderr: output(stderr),
    signal,
    async spawn(...given) {
      const child = await prepare(...given);
      child.start();
      return child;
    },
    exec: (executable, childArgs, options) => system.exec(executable, childArgs, options, prepare),
  };
  /** @type {CommandResult} */
  let result = 1;
  try {
    signal.throwIfAborted();
    const killed = new Promise((_, reject) => signal.addEventListener("abort", reject));
    result = await Promise.race([command(context), /** @type {Promise<never>} */ (killed)]);
  } catch (error) {
    // A command that was killed can write nothing.
    await context.stderr.write(`${argv0}: ${messageOf(error)}\n`).catch(() => {});
  }
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(Array.from(children, (child) => child.exit));
  const status = system.runner.finish(pid);
  if (status.signal !== null) return status;
  return { ...status, ...(typeof result === "number" ? { code: result } : result) };
}

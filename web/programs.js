/**
 * From a command to what runs: a registered command, a module compiled from a file of the tree, or one for
 * the interpreter. Where a file lies, which tier it may have and whether its module is a program, the kernel
 * decides (program.h). Compiled modules are kept for as long as their file has not changed.
 */

import { compileBytes } from "./assets.js";
import { NidusError } from "./errors.js";
import { MOST_THREADS } from "./limits.js";

/** How many compiled programs are kept, the last used ones. */
const KEPT = 16;

/** What the kernel is told of the program, the tiers it answers, and what it sees in a module (program.h). */
const NAMED = 0;
const BYTES = 1;
const COMPILED = 2;
export const AUTO = 0;
export const INTERP = 2;
const READS = 1;
const POLLS = 2;
const SYNCS = 4;
const WAITS = 8;
const THREADS = 16;
/** Instead of a number of imports: the module is none. */
const NO_MODULE = -1;

/** @typedef {import("./kernel.js").Kernel} Kernel */
/** @typedef {import("./process.js").Guestable} Guestable */
/** @typedef {import("./system.js").Command} Command */
/** @typedef {Command | WebAssembly.Module} Program what may be registered under a name */
/**
 * @typedef {object} Shape what a module imports and exports, whoever read it
 * @property {{module: string, name: string, kind: string, params?: any[]}[]} imports
 * @property {{name: string, kind: string}[]} exports
 */

/**
 * What to run, for the tier that was asked for or that fits.
 * @param {import("./system.js").System} system
 * @param {import("./system.js").Executable} command
 * @param {string} name for messages
 * @param {string} cwd
 * @param {Record<string, string>} env
 * @param {import("./spawn.js").SpawnOptions} options
 * @returns {Promise<Command | Guestable>}
 */
export async function findProgram(system, command, name, cwd, env, options) {
  const { kernel, commands } = system;
  const { tier = "auto", limits = {} } = options;
  const given = typeof command === "string" ? (commands.get(command) ?? command) : command;
  if (typeof given === "function") return /** @type {Command} */ (given);
  const module = given instanceof WebAssembly.Module && given;
  const [way, path = "", key = ""] = kernel.ask(
    "nidus_program_find",
    [cwd, name, env.PATH ?? "", tier],
    module ? COMPILED : typeof given === "string" ? NAMED : BYTES,
    Number(isLimited(limits)),
  );
  const inputLater = hasInputLater(options);
  return chooseTier(system, {
    way,
    path,
    key,
    given,
    name,
    limits,
    inputLater,
    pipe: hasPipe(options),
    sockets: (options.sockets ?? []).length > 0,
  });
}

/** @param {import("./process.js").Limits} limits */
export function isLimited({ fuel, memory, time, seed }) {
  return (fuel ?? memory ?? time ?? seed) !== undefined;
}

/**
 * @typedef {object} Found
 * @property {number} way the tier
 * @property {string} path
 * @property {string} key
 * @property {unknown} given
 * @property {string} name
 * @property {import("./process.js").Limits} limits
 * @property {boolean} inputLater not all of its input is there when it starts
 * @property {boolean} pipe it may wait for another process
 * @property {boolean} [sockets] it has some of the host's
 */

/**
 * @param {import("./system.js").System} system
 * @param {Found} found
 * @returns {Promise<Guestable>}
 */
export async function chooseTier(
  system,
  { way, path, key, given, name, limits, inputLater, pipe, sockets = false },
) {
  const { kernel, programs, runner } = system;
  const module = given instanceof WebAssembly.Module && given;
  const bytes = async () => (path ? system.fs.readFile(path) : /** @type {Uint8Array} */ (given));
  /** @type {ReturnType<typeof import("./interp.js").load> | undefined} */
  let loading;
  const load = () =>
    (loading ??= import("./interp.js").then((interp) =>
      interp.load(bytes, system.engine, name, limits, system.idle, key),
    ));
  /** @type {import("./process.js").Interpreted} */
  const later = {
    async serve(how) {
      const loaded = await load();
      return loaded.serve(how, inspect(kernel, name, loaded).entry);
    },
  };
  if (way === INTERP) return later;
  try {
    const compile = async () => {
      const make = (/** @type {Uint8Array} */ from) =>
        compileBytes(from, name, (wrong) =>
          kernel.ask("nidus_program_check", [name, wrong], NO_MODULE),
        );
      if (!runner.shares) return make(await bytes());
      const { turnsOf } = await import("./turns.js");
      return turnsOf(runner, system.rewriter).compile(await bytes(), make);
    };
    const compiled = module || (await keep(programs, key, compile));
    const { imports, exports } = WebAssembly.Module;
    const { entry, needs } = inspect(kernel, name, {
      imports: imports(compiled),
      exports: exports(compiled),
    });
    // May it come to wait for something for which this host cannot hold it on the direct tier, or could nothing stop it?
    const waits =
      (system.interruptible &&
        (!runner.patient || (runner.shares && !module && !runner.turns?.takes(compiled)))) ||
      (needs & THREADS && !runner.threads) ||
      (needs & POLLS && !system.canWait) ||
      (needs & SYNCS && !system.canWaitForFlush) ||
      (needs & READS && !system.canWaitForInput && inputLater) ||
      // The system's thread alone has them.
      (runner.threads && sockets) ||
      (!runner.patient && (pipe || needs & WAITS));
    if (way === AUTO && waits) return later;
    if (!(needs & THREADS)) return { module: compiled, entry };
    if (module || !runner.threads) {
      throw new NidusError(
        "ENOTSUP",
        `ENOTSUP: ${name} has threads; the direct tier runs it from its bytes or its path, where programs have ` +
          `workers of their own (an isolated page, or workers: true in Node); the tier auto runs it anywhere`,
      );
    }
    const { share } = await import("./guest-threads.js");
    return {
      module: compiled,
      entry,
      shared: share(await bytes(), limits.threads ?? MOST_THREADS, name),
    };
  } catch (error) {
    // What this host cannot compile may still be a module for the engine.
    const cause = error instanceof Error && error.cause;
    if (way !== AUTO || !(cause instanceof WebAssembly.CompileError)) throw error;
    return load().then(
      () => later,
      () => Promise.reject(error),
    );
  }
}

/** Input that is not all there when the program starts. @param {import("./spawn.js").SpawnOptions} options */
function hasInputLater({ input, stdin, streams, sockets = [] }) {
  const given = streams ? streams[0] : input === undefined ? stdin : "null";
  const { file } = Object(given);
  return sockets.length > 0 || (given !== "null" && !file && !(given instanceof Uint8Array));
}

/** It may wait for another process, which this thread has to run. @param {import("./spawn.js").SpawnOptions} options */
function hasPipe({ stdin, stdout, stderr, streams }) {
  return (streams ?? [stdin, stdout, stderr]).some((place) => Object(place).pipe);
}

/**
 * A module by the key of its file's contents; without one it is not kept.
 * @param {Map<string, Promise<WebAssembly.Module>>} modules
 * @param {string} key
 * @param {() => Promise<WebAssembly.Module>} compile
 */
function keep(modules, key, compile) {
  const module = modules.get(key) ?? compile();
  modules.delete(key);
  if (key) modules.set(key, module);
  for (const oldest of modules.keys()) if (modules.size > KEPT) modules.delete(oldest);
  module.catch(() => modules.delete(key));
  return module;
}

/**
 * A module's entry, and what it may wait for; throws one sentence when it cannot run here.
 * @param {Kernel} kernel
 * @param {string} name
 * @param {Shape} shape
 */
function inspect(kernel, name, { imports, exports }) {
  const strings = [name];
  for (const { module, name: called, kind, params } of imports) {
    // The engine, other than the host, compares none with what the kernel's functions take.
    const typed = params ? `${kind} ${params.map((long) => (long ? "I" : "i")).join("")}` : kind;
    strings.push(module, called, typed);
  }
  for (const each of exports) strings.push(each.name, each.kind);
  const [needs, entry = ""] = kernel.ask("nidus_program_check", strings, imports.length);
  return { entry, needs };
}

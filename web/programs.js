/**
 * From the name of a command to what runs: a registered command, or a module compiled from a file of
 * the tree. Compiled modules are kept for as long as their file has not changed.
 */

import { explainCompileError, notAModule } from "./assets.js";
import { NidusError } from "./errors.js";
import { inspect } from "./process.js";

/** How many compiled programs are kept, the last used ones. */
const KEPT = 16;
/** Files changed less than this ago, in milliseconds, are compiled each time. */
const YOUNG = 3;
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/** @typedef {import("./system.js").Command} Command */
/** @typedef {Command | WebAssembly.Module} Program */

export class Programs {
  /** @type {Map<string, Promise<WebAssembly.Module>>} by identity and version of the file */
  #compiled = new Map();

  /**
   * @param {import("./fs.js").FsSync} sync
   * @param {Map<string, Program>} commands
   */
  constructor(sync, commands) {
    this.sync = sync;
    this.commands = commands;
  }

  /**
   * A registered command, or undefined for what must be a file.
   * @param {string} command
   */
  registered(command) {
    return command.includes("/") ? undefined : this.commands.get(command);
  }

  /**
   * The absolute path of a program's file.
   * @param {string} command a path, or a name to be looked for in PATH
   * @param {string} cwd
   * @param {Record<string, string>} env
   */
  locate(command, cwd, env) {
    if (command.includes("/")) return resolvePath(cwd, command);
    for (const folder of (env.PATH ?? DEFAULT_PATH).split(":")) {
      const path = resolvePath(cwd, `${folder || "."}/${command}`);
      if (command !== "" && this.sync.exists(path) && this.sync.stat(path).isFile()) return path;
    }
    throw new NidusError(
      "ENOENT",
      `ENOENT: there is no command "${command}": it is neither registered nor in PATH; a program in ` +
        `the working folder is started as ./${command}`,
      { syscall: "spawn", path: command, errno: 44 },
    );
  }

  /** @param {string} path absolute */
  read(path) {
    if (this.sync.stat(path).isDirectory()) throw NidusError.fromErrno(2, "spawn", path);
    return this.sync.readFile(path);
  }

  /**
   * @param {string} path absolute
   * @param {string} name for messages
   * @returns {Promise<WebAssembly.Module>}
   */
  async load(path, name) {
    const stats = this.sync.stat(path);
    const key = [stats.mount, stats.ino, stats.mtimeMs, stats.ctimeMs, stats.size].join(":");
    // Time stamps count milliseconds: a file as young as this may change without showing it.
    if (Math.abs(Date.now() - stats.mtimeMs) < YOUNG) return compileProgram(this.read(path), name);
    const known = this.#compiled.get(key);
    this.#compiled.delete(key);
    const module = known ?? compileProgram(this.read(path), name);
    this.#compiled.set(key, module);
    for (const oldest of this.#compiled.keys()) {
      if (this.#compiled.size <= KEPT) break;
      this.#compiled.delete(oldest);
    }
    module.catch(() => this.#compiled.delete(key));
    return module;
  }
}

/**
 * Compiles and inspects what is to run.
 * @param {Uint8Array} bytes
 * @param {string} name
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compileProgram(bytes, name) {
  const wrong = notAModule(bytes);
  if (wrong !== null) {
    throw new NidusError(
      "ENOEXEC",
      `ENOEXEC: ${name} is ${wrong}, not a WebAssembly module` +
        (wrong === "a component" ? "; build it as a module for wasm32-wasip1" : ""),
      { syscall: "spawn", path: name, errno: 45 },
    );
  }
  let module;
  try {
    module = await WebAssembly.compile(/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
  } catch (error) {
    throw explainCompileError(error, name);
  }
  inspect(module, name);
  return module;
}

/**
 * The absolute path that `path` means in folder `cwd`; `..` is left to the kernel, which knows the links.
 * @param {string} cwd
 * @param {string} path
 */
export function resolvePath(cwd, path) {
  return path.startsWith("/") ? path : `${cwd === "/" ? "" : cwd}/${path}`;
}

/**
 * The toolchain as it lies on this machine: the npm package `@yowasp/clang`, found from the folder of the
 * caller or from this package, and `nidus cc` and its like, which work on the files of this machine.
 */

import * as fs from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { NidusError } from "../web/errors.js";
import { addShell } from "../web/shell.js";
import { COMMANDS, createToolchain } from "../web/toolchain/index.js";
import { COMPILER_FILE, RESOURCES_FILE } from "../web/toolchain/load.js";
import { shellBytes, threadsBytes, toolchainBytes } from "./assets.js";
import { bootCommandLine, report } from "./run.js";

/** @typedef {import("./system.js").System} System */
/** @typedef {import("../web/toolchain/index.js").Toolchain} Toolchain */
/** @typedef {import("../web/toolchain/index.js").OnProgress} OnProgress */

const PACKAGE = "@yowasp/clang";
/** Folders of the root that are not given to the tools: the sysroot's and the shell's place, and what is no file. */
const WITHHELD = new Set(["usr", "bin", "dev", "proc", "sys", "run"]);
/** Where the working folder lies when its own place is withheld. */
const ELSEWHERE = "/mnt/cwd";

/** The commands of `nidus` that are tools. */
export const TOOLS = COMMANDS;

/**
 * The folder in which the compiler's files lie.
 *
 * @param {string | URL} [from] a file of the project that asks
 */
export function locateToolchain(from = pathToFileURL(join(process.cwd(), "package.json"))) {
  for (const start of [from, import.meta.url]) {
    try {
      return dirname(createRequire(start).resolve(PACKAGE));
    } catch (error) {
      if (/** @type {{code?: unknown}} */ (error).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new NidusError(
    "NIDUS_TOOLCHAIN",
    `The compiler is not installed: the npm package ${PACKAGE} can be reached neither from ` +
      `${process.cwd()} nor from nidus; run: npm install ${PACKAGE}@22.0.0-git20542-10`,
  );
}

/** A file, read from its beginning to its end, and then from its beginning again. */
class FileSource {
  #path;
  #fd = -1;
  #at = 0;

  /** @param {string} path */
  constructor(path) {
    this.#path = path;
    this.size = fs.statSync(path).size;
  }

  /** @param {Uint8Array} into */
  read(into) {
    if (this.#fd < 0) this.#fd = fs.openSync(this.#path, "r");
    const got = fs.readSync(this.#fd, into, 0, into.length, this.#at);
    this.#at += got;
    if (got === 0 || this.#at >= this.size) {
      fs.closeSync(this.#fd);
      this.#fd = -1;
      this.#at = 0;
    }
    return got;
  }
}

/** @type {Map<string, FileSource>} so that the compiler is compiled once */
const compilers = new Map();

/**
 * A toolchain of this machine; the package is looked for at first use.
 *
 * @param {{from?: string | URL, onProgress?: OnProgress}} [options]
 * @returns {Toolchain}
 */
export function nodeToolchain({ from, onProgress } = {}) {
  return createToolchain({
    llvm: () => {
      const path = join(locateToolchain(from), COMPILER_FILE);
      const source = compilers.get(path) ?? new FileSource(path);
      compilers.set(path, source);
      return source;
    },
    async sysroot() {
      // In a later turn: then it is read while V8 compiles the compiler in threads of its own.
      await new Promise((resolve) => setImmediate(resolve));
      return new FileSource(join(locateToolchain(from), RESOURCES_FILE));
    },
    get tools() {
      return toolchainBytes();
    },
    get threads() {
      return threadsBytes();
    },
    onProgress,
  });
}

/**
 * Gives a system `cc`, `c++` and the other tools.
 *
 * @param {System} system
 * @param {{from?: string | URL, onProgress?: OnProgress}} [options]
 * @returns {Promise<Toolchain>}
 */
export async function addToolchain(system, options) {
  const toolchain = nodeToolchain(options);
  toolchain.install(system);
  return toolchain;
}

/**
 * `nidus cc …` and its like, on the files of this machine.
 *
 * @param {string} tool
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runTool(tool, args) {
  const { system, streams } = await bootCommandLine({ ...toolEnvironment() });
  await addToolchain(system);
  const cwd = await mountMachine(system, process.cwd());
  const process_ = await system.spawn(tool, args, { cwd, streams });
  process_.start();
  const status = await process_.exit;
  streams[0].close();
  return report(status, tool);
}

/**
 * `nidus sh …`: the shell on the files of this machine, with the tools as commands.
 *
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runShell(args) {
  const env = { ...toolEnvironment(), PATH: "/bin", HOME: process.env.HOME ?? "/" };
  const { system, streams } = await bootCommandLine(env);
  await addToolchain(system);
  const cwd = await mountMachine(system, process.cwd());
  await addShell(system, shellBytes());
  const shell = await system.spawn("sh", args, { cwd, streams });
  shell.start();
  const status = await shell.exit;
  streams[0].close();
  await system.close();
  return report(status, "sh");
}

/** The variables of this process that tools know. */
function toolEnvironment() {
  /** @type {Record<string, string>} */
  const env = { LANG: "C.UTF-8" };
  for (const name of ["TERM", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/**
 * Mounts the folders of this machine under their own names; answers what the working folder is called.
 *
 * @param {System} system
 * @param {string} cwd
 */
async function mountMachine(system, cwd) {
  for (const entry of fs.readdirSync("/", { withFileTypes: true })) {
    if (!entry.isDirectory() || WITHHELD.has(entry.name)) continue;
    await system.mount(`/${entry.name}`, { type: "host", folder: `/${entry.name}` });
  }
  const [, top = ""] = cwd.split("/");
  if (top !== "" && !WITHHELD.has(top)) return cwd;
  await system.mount(ELSEWHERE, { type: "host", folder: cwd });
  return ELSEWHERE;
}

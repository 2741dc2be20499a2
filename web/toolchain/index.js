/**
 * The C and C++ toolchain of a system: `cc`, `c++`, the linker and the tools around them, all of them one
 * program, LLVM of the npm package `@yowasp/clang`, run as guests of the kernel.
 *
 * ```js
 * const toolchain = createToolchain({ llvm: "…/llvm.core.wasm", sysroot: "…/llvm-resources.tar" });
 * toolchain.install(system);              // registers the commands; nothing is fetched yet
 * await system.exec("cc", ["-O2", "hello.c", "-o", "hello"], { cwd: "/home" });
 * ```
 *
 * Invariants: nothing is downloaded or compiled before a command is used (or `load` is called); the
 * compiler is compiled once for all systems; the archive lies once in each system's kernel, in place.
 */

import { NidusError } from "../errors.js";
import { capture, fingerprint } from "../image.js";
import { compilerCommand } from "./commands.js";
import { RESOURCES_FILE, loadCompiler, open, unfit } from "./load.js";
import { Planner } from "./plan.js";

/** @typedef {import("../system.js").System} System */
/** @typedef {import("../system.js").Command} Command */
/** @typedef {import("./load.js").ByteSource} ByteSource */
/** @typedef {import("./load.js").OnProgress} OnProgress */
/** @typedef {import("./load.js").Progress} Progress */
/** @typedef {import("./diagnostics.js").Diagnostic} Diagnostic */

/**
 * @typedef {object} ToolchainOptions
 * @property {WebAssembly.Module | ByteSource | (() => WebAssembly.Module | ByteSource)} llvm
 *   `llvm.core.wasm`; a function is called at first use, and may throw what the user should read
 * @property {ByteSource | (() => ByteSource | Promise<ByteSource>)} sysroot `llvm-resources.tar`
 * @property {OnProgress} [onProgress]
 * @property {(source: unknown, part: WebAssembly.Module | Blob) => void} [keep] is given what was fetched
 *   and compiled, for toolchains to come
 */

/** The build whose driver the kernel's planner speaks for (wasi-polyfill/src/rewriter.h). */
const PLANNED_BUILD = "13d3a43fdc84ec94";

/** Where the headers and libraries are mounted; the compiler expects them there. */
export const SYSROOT = "/usr";

/**
 * The commands that compile, and what each is for: the driver's name, and whether C++ is linked.
 * @type {Record<string, {name: "clang" | "clang++", defaults: string[]}>}
 */
const COMPILERS = {
  cc: { name: "clang", defaults: [] },
  // The C++ library of the sysroot is built without exceptions: what throws would not link.
  "c++": { name: "clang++", defaults: ["-fno-exceptions"] },
  clang: { name: "clang", defaults: [] },
  "clang++": { name: "clang++", defaults: [] },
};

/** The other tools, which LLVM knows under the same names, `ld` apart. */
const TOOLS =
  "wasm-ld ld ar ranlib nm objdump objcopy strip size readobj addr2line symbolizer c++filt".split(
    " ",
  );

/** The commands that `install` registers. */
export const COMMANDS = Object.freeze([...Object.keys(COMPILERS), ...TOOLS]);

/**
 * A toolchain, not yet loaded.
 *
 * @param {ToolchainOptions} options
 */
export function createToolchain(options) {
  return new Toolchain(options);
}

/**
 * Gives a system a toolchain whose parts are there already.
 *
 * @param {System} system
 * @param {{module: WebAssembly.Module, resources: ByteSource, onProgress?: OnProgress}} parts
 */
export async function installToolchain(system, { module, resources, onProgress }) {
  const toolchain = new Toolchain({ llvm: module, sysroot: resources, onProgress });
  toolchain.install(system);
  await toolchain.load(system);
}

export class Toolchain {
  #options;
  #onProgress;
  #planner = new Planner();
  /** @type {WeakMap<System, Promise<void>>} by system whose sysroot is mounted */
  #mounted = new WeakMap();
  /** @type {WebAssembly.Module | undefined} */
  #kept;

  /** @param {ToolchainOptions} options */
  constructor(options) {
    this.#options = options;
    this.#onProgress = options.onProgress ?? (() => {});
  }

  /**
   * Makes the toolchain ready for a system, so that the first compilation need not wait for it.
   *
   * @param {System} system
   * @returns {Promise<WebAssembly.Module>} the compiler, which can be handed to other threads
   */
  async load(system) {
    const [module] = await Promise.all([this.#compile(system), this.#mount(system)]);
    return module;
  }

  /** @param {System} system */
  async #compile({ kernel }) {
    const { llvm, keep } = this.#options;
    const source = typeof llvm === "function" ? llvm() : llvm;
    const module = await loadCompiler(source, kernel, this.#onProgress);
    if (source !== module && this.#kept !== module) keep?.(source, module);
    return (this.#kept = module);
  }

  /**
   * Registers the commands.
   *
   * @param {System} system
   */
  install(system) {
    const prepare = () => this.load(system);
    for (const [command, { name, defaults }] of Object.entries(COMPILERS)) {
      const compile = compilerCommand({ name, defaults, planner: this.#planner });
      system.commands.set(command, (context) => this.#run(context, prepare, compile));
    }
    for (const command of TOOLS) {
      const tool = toolCommand(command === "ld" ? "wasm-ld" : command);
      system.commands.set(command, (context) => this.#run(context, prepare, tool));
    }
  }

  /**
   * @param {import("../spawn.js").CommandContext} context
   * @param {() => Promise<WebAssembly.Module>} prepare
   * @param {ToolCommand} command
   */
  async #run(context, prepare, command) {
    let module;
    try {
      module = await prepare();
    } catch (error) {
      await context.stderr.write(`${context.argv0}: ${NidusError.toRecord(error).message}\n`);
      return 127;
    }
    return command(context, module, {
      planned: fingerprint(module) === PLANNED_BUILD,
    });
  }

  /** @param {System} system */
  #mount(system) {
    let mounted = this.#mounted.get(system);
    if (mounted === undefined) {
      mounted = this.#mountOnce(system);
      this.#mounted.set(system, mounted);
      mounted.catch(() => this.#mounted.delete(system));
    }
    return mounted;
  }

  /** @param {System} system */
  async #mountOnce(system) {
    const { sysroot, keep } = this.#options;
    const source = await (typeof sysroot === "function" ? sysroot() : sysroot);
    let { size, from } = await open(source, RESOURCES_FILE, this.#onProgress);
    if (keep && typeof source === "string") {
      const [now, later] = from.tee();
      from = now;
      new Response(later).blob().then(
        (part) => keep(source, part),
        () => {}, // Who reads the other half is told.
      );
    }
    const mount = await system.mount(SYSROOT, { type: "tar", from, size: size || undefined });
    if (!system.sync.exists(`${SYSROOT}/lib/wasm32-wasip1/libc.a`)) {
      system.unmount(mount);
      throw unfit(RESOURCES_FILE, "holds no C library for wasm32-wasip1");
    }
    this.#onProgress({ phase: "mount", file: RESOURCES_FILE, loaded: size, total: size });
    system.runner.recycle(await this.#compile(system), capture);
  }
}

/**
 * @typedef {(context: import("../spawn.js").CommandContext, module: WebAssembly.Module,
 *   build: {planned: boolean}) => Promise<import("../system.js").CommandResult>} ToolCommand
 */

/**
 * A command that is LLVM under another name.
 *
 * @param {string} argv0
 * @returns {ToolCommand}
 */
function toolCommand(argv0) {
  return async (context, module) => {
    const process = await context.spawn(module, context.args, { argv0 });
    return process.exit;
  };
}

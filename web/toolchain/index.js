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

import { messageOf } from "../errors.js";
import { capture } from "../image.js";
import { compile } from "./commands.js";
import { RESOURCES_FILE, loadCompiler, loadThreads, loadTools, open, unfit } from "./load.js";

/** @typedef {import("../system.js").System} System */
/** @typedef {import("../system.js").Command} Command */
/** @typedef {import("./load.js").ByteSource} ByteSource */
/** @typedef {import("./load.js").OnProgress} OnProgress */
/** @typedef {import("./load.js").Progress} Progress */
/** @typedef {import("./commands.js").Diagnostic} Diagnostic */

/**
 * @typedef {object} ToolchainOptions
 * @property {WebAssembly.Module | ByteSource | (() => WebAssembly.Module | ByteSource)} llvm
 *   `llvm.core.wasm`; a function is called at first use, and may throw what the user should read
 * @property {ByteSource | (() => ByteSource | Promise<ByteSource>)} sysroot `llvm-resources.tar`
 * @property {import("../assets.js").ModuleSource} [tools] toolchain.wasm; left out: the package's own file
 * @property {Uint8Array<ArrayBuffer> | string | URL} [threads] pthread.tar, what `cc -pthread` adds to the sysroot; left out: the
 *   package's own file
 * @property {OnProgress} [onProgress]
 * @property {(source: unknown, part: WebAssembly.Module | Blob) => void} [keep] is given what was fetched
 *   and compiled, for toolchains to come
 */

/** Where the headers and libraries are mounted; the compiler expects them there. */
export const SYSROOT = "/usr";

/** The commands that `install` registers: those that compile, and LLVM's other tools under their own names. */
export const COMMANDS = (
  "cc c++ clang clang++ " +
  "wasm-ld ld ar ranlib nm objdump objcopy strip size readobj addr2line symbolizer c++filt"
).split(" ");
const COMPILERS = 4;

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
 * @param {{module: WebAssembly.Module, resources: ByteSource, tools?: ToolchainOptions["tools"], onProgress?: OnProgress}} parts
 */
export async function installToolchain(system, { module, resources, tools, onProgress }) {
  const toolchain = new Toolchain({ llvm: module, sysroot: resources, tools, onProgress });
  toolchain.install(system);
  await toolchain.load(system);
}

export class Toolchain {
  #options;
  #onProgress;
  /** @type {import("../kernel.js").Kernel | undefined} toolchain.wasm */
  #tools;
  /** @type {WeakMap<System, Promise<void>>} by system whose sysroot is mounted */
  #mounted = new WeakMap();
  /** @type {WebAssembly.Module | undefined} */
  #kept;
  /** @type {unknown} why there is no library of threads, which only programs with threads need */
  #threadless;

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
    const [module] = await Promise.all([this.#compile(), this.#mount(system)]);
    return module;
  }

  async #compile() {
    const { llvm, keep, tools } = this.#options;
    const source = typeof llvm === "function" ? llvm() : llvm;
    this.#tools ??= await loadTools(tools);
    const module = await loadCompiler(source, this.#tools, this.#onProgress);
    if (source !== module && this.#kept !== module) keep?.(source, module);
    return (this.#kept = module);
  }

  /**
   * Registers the commands.
   *
   * @param {System} system
   */
  install(system) {
    COMMANDS.forEach((command, i) =>
      system.commands.set(command, async (context) => {
        let module;
        try {
          module = await this.load(system);
          if (this.#threadless && context.args.includes("-pthread")) throw this.#threadless;
        } catch (error) {
          await context.stderr.write(`${context.argv0}: ${messageOf(error)}\n`);
          return 127;
        }
        // Loaded with it.
        const tools = /** @type {import("../kernel.js").Kernel} */ (this.#tools);
        if (i < COMPILERS) return compile(command, context, module, tools);
        const argv0 = command === "ld" ? "wasm-ld" : command;
        return (await context.spawn(module, context.args, { argv0 })).exit;
      }),
    );
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
    const { sysroot, keep, threads } = this.#options;
    const source = await (typeof sysroot === "function" ? sysroot() : sysroot);
    this.#tools ??= await loadTools(this.#options.tools);
    const library = await loadThreads(threads).catch((error) => {
      this.#threadless = error;
      return new Uint8Array(0);
    });
    const own = [this.#tools.take("nidus_cc_own")[1], library];
    let { size, from } = await open(source, RESOURCES_FILE, this.#onProgress);
    if (keep && typeof source === "string") {
      const [now, later] = from.tee();
      from = now;
      new Response(later).blob().then(
        (part) => keep(source, part),
        () => {}, // Who reads the other half is told.
      );
    }
    const mount = await system.mount(SYSROOT, {
      type: "tar",
      from: joined(own, from),
      size: size ? own.reduce((all, { length }) => all + length, size) : undefined,
    });
    if (!system.sync.exists(`${SYSROOT}/lib/wasm32-wasip1/libc.a`)) {
      system.unmount(mount);
      throw unfit(RESOURCES_FILE, "holds no C library for wasm32-wasip1");
    }
    this.#onProgress({ phase: "mount", file: RESOURCES_FILE, loaded: size, total: size });
    system.runner.recycle(await this.#compile(), capture);
  }
}

/**
 * Bytes, and then a stream.
 *
 * @param {Uint8Array<ArrayBuffer>[]} first
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} rest
 * @returns {ReadableStream<Uint8Array<ArrayBuffer>>}
 */
function joined(first, rest) {
  const pass = new TransformStream({
    start: (controller) => first.forEach((each) => each.length > 0 && controller.enqueue(each)),
  });
  return rest.pipeThrough(pass);
}

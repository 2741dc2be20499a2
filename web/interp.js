/**
 * The interp tier: a guest on the engine's interpreter, as a process of the kernel.
 *
 * The guest runs in slices and returns to the event loop between them, so the thread stays responsive,
 * a kill is seen within a slice, and a call that would block simply is not resumed until it can go on:
 * no special host is needed for any of it. Each process has an engine of its own, whose memory goes when
 * the process does.
 *
 * Invariant: the kernel is never entered while the guest's slice is suspended in it; a system call is
 * made, answers or would block, and is made again with the same arguments.
 */

import { compileAsset } from "./assets.js";
import { SLICE, turn } from "./engine-run.js";
import { Engine, EngineMemory, EngineModule } from "./engine.js";
import { NidusError } from "./errors.js";
import { WOULD_BLOCK } from "./kernel.js";

const PREVIEW1 = "wasi_snapshot_preview1";

/**
 * @typedef {object} Interpretation
 * @property {import("./kernel.js").Kernel} kernel
 * @property {number} pid
 * @property {import("./interpreted.js").Interpreted} program
 * @property {string} name for messages
 * @property {() => import("./assets.js").ModuleSource | Promise<import("./assets.js").ModuleSource>} [engine] engine.wasm,
 *   asked for when the first program is interpreted
 * @property {(pid: number) => Promise<void>} park waits for what the process waits for
 * @property {unknown} ended what is thrown through a guest that has ended
 * @property {(imports: {module: string, name: string, kind: string}[], exports: {name: string, kind: string}[], name: string) => string} inspect
 *   refuses what cannot be run, answers the entry
 * @property {(read: WebAssembly.ExportValue, write: WebAssembly.ExportValue) => void} bind gives the kernel the way to the guest's memory
 * @property {(copies: ReturnType<typeof copiesOf>) => Promise<WebAssembly.Exports>} bridge makes wasm functions of these
 */

/**
 * Runs a program to its end; throws what ends it. Answers the limit that stopped it, if one did.
 * @param {Interpretation} how
 * @returns {Promise<"fuel" | undefined>}
 */
export async function interpret(how) {
  const { kernel, pid, program, name } = how;
  const engine = new Engine(await engineModule(how.engine), {});
  const module = load(engine, program.bytes, name);
  const entry = how.inspect(EngineModule.imports(module), EngineModule.exports(module), name);
  const instance = await engine.instantiate(module, { [PREVIEW1]: systemCalls(engine, how) });
  const memory = /** @type {EngineMemory} */ (instance.exports.memory);
  const { read, write } = await how.bridge(copiesOf(kernel, memory));
  how.bind(read, write);
  const run = engine.run(/** @type {Function} */ (instance.exports[entry]));
  if (program.fuel !== undefined) run.fuel = program.fuel;
  try {
    for (;;) {
      if (kernel.exports.nidus_process_exit_code(pid) >= 0) throw how.ended;
      switch (run.resume(SLICE)) {
        case "ready":
          await turn();
          break;
        case "blocked":
          await run.unblocked();
          break;
        case "no-fuel":
          return "fuel";
        case "trapped":
          throw withFrames(run.error, name);
        default:
          return undefined;
      }
    }
  } finally {
    run.free();
  }
}

/**
 * Is it a module that the engine can run?
 * @param {import("./interpreted.js").Interpreted} program
 * @param {Interpretation["engine"]} source
 */
export async function isValid(program, source) {
  const engine = new Engine(await engineModule(source), {});
  return engine.validate(/** @type {Uint8Array<ArrayBuffer>} */ (program.bytes));
}

/** @type {Promise<WebAssembly.Module> | null} */
let compiledEngine = null;

/** @param {Interpretation["engine"]} source */
function engineModule(source) {
  compiledEngine ??= compileAsset(
    source?.() ?? new URL("./engine.wasm", import.meta.url),
    "engine.wasm",
  );
  compiledEngine.catch(() => (compiledEngine = null));
  return compiledEngine;
}

/**
 * @param {Engine} engine
 * @param {Uint8Array} bytes
 * @param {string} name
 */
function load(engine, bytes, name) {
  try {
    return new engine.Module(/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new NidusError("ENOEXEC", `${name} cannot be run by the interpreter: ${message}`);
  }
}

/**
 * The functions of preview 1 for the guest.
 * @param {Engine} engine
 * @param {Interpretation} how
 */
function systemCalls(engine, { kernel, pid, park, ended }) {
  /** @type {(handler: Function, args: unknown[]) => number} */
  const attempt = (handler, args) => {
    kernel.raw.nidus_enter(pid);
    let result;
    try {
      result = handler(...args);
    } finally {
      if (kernel.shared) kernel.raw.nidus_leave(pid);
    }
    if (kernel.exports.nidus_process_exit_code(pid) >= 0) throw ended;
    return result;
  };
  /** @type {(handler: Function, args: unknown[]) => Promise<number>} */
  const again = async (handler, args) => {
    for (;;) {
      await park(pid);
      const result = attempt(handler, args);
      if (result !== WOULD_BLOCK) return result;
    }
  };
  return new Proxy(
    {},
    {
      get(_, name) {
        const handler = /** @type {Record<string, Function>} */ (
          /** @type {unknown} */ (kernel.raw)
        )[String(name)];
        return engine.suspending((/** @type {unknown[]} */ ...args) => {
          const result = attempt(handler, args);
          return result === WOULD_BLOCK ? again(handler, args) : result;
        });
      },
    },
  );
}

/**
 * Copying between the kernel's memory and a memory that lies inside an engine's, which may move.
 * @param {import("./kernel.js").Kernel} kernel
 * @param {EngineMemory} memory
 */
function copiesOf(kernel, memory) {
  /** @type {(address: number, length: number) => Uint8Array | null} */
  const range = (address, length) =>
    address + length > memory.byteLength
      ? null
      : new Uint8Array(memory.buffer, memory.byteOffset + address, length);
  return {
    /** @param {number} to @param {number} from @param {number} length */
    read(to, from, length) {
      const guest = range(from >>> 0, length >>> 0);
      if (guest === null) return 1;
      kernel.u8().set(guest, to >>> 0);
      return 0;
    },
    /** @param {number} to @param {number} from @param {number} length */
    write(to, from, length) {
      const guest = range(to >>> 0, length >>> 0);
      if (guest === null) return 1;
      guest.set(kernel.u8().subarray(from >>> 0, (from >>> 0) + (length >>> 0)));
      return 0;
    },
  };
}

/**
 * A trap, with the guest's frames where a host's own would stand.
 * @param {unknown} error
 * @param {string} name
 */
function withFrames(error, name) {
  const frames = /** @type {{frames?: import("./engine-run.js").Frame[]}} */ (error).frames;
  if (error instanceof Error && frames !== undefined) {
    error.stack = frames
      .map(
        (f) => `    at ${f.name} (${name}:wasm-function[${f.function}]:0x${f.offset.toString(16)})`,
      )
      .join("\n");
  }
  return error;
}

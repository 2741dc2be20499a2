/**
 * A thread that runs processes of a system, one after the other, over the kernel's shared memory: what
 * process-worker.js is in browsers and node/process-worker.js in Node. threads.js is the other end.
 *
 * Invariants: between processes the thread is outside the kernel and holds nothing of the last one, but for an
 * instance that may be used again; it answers each process once, and is told nothing while it runs one, since it waits with
 * `Atomics.wait`. It may be ended at any moment at which its word (`nidus_stack`) says that it is outside.
 */

import { WAITS_CHUNK, WAITS_CLOCK, WAITS_FLUSH } from "./abi.js";
import { Host } from "./host.js";
import { Runner, describeTrap, isEnd } from "./process.js";
import { loadSharedKernel } from "./shared-kernel.js";
import { replaceStreams } from "./shared-streams.js";

/** Of the words of a process (`nidus_process_words`). */
const KINDS = 1;
const EXIT_CODE = 4;
/** Of the word of a thread. */
const INSIDE = 1;

/**
 * @typedef {object} ThreadSettings
 * @property {WebAssembly.Memory} memory of the kernel
 * @property {number} stack what `newStack` gave
 * @property {WebAssembly.Module} kernel
 * @property {number} origin milliseconds since 1970 that the system's clock counts from
 */

/**
 * @typedef {object} Run a process to be run
 * @property {number} pid
 * @property {number} id of the program, while it is kept
 * @property {WebAssembly.Module} [module] left out: it is kept here
 * @property {string} entry
 * @property {boolean} recycle its instances can be used again (image.js)
 * @property {string[]} [folders] of this machine, in the order of their numbers
 * @property {import("./guest-threads.js").GuestThread} [thread] which of its threads this one is; left out: it has one
 */

/**
 * A thread of a program as its instance needs it.
 * @typedef {object} Executed
 * @property {number} number
 * @property {WebAssembly.Memory} memory
 * @property {(pid: number) => number} enter enters the kernel as this thread
 * @property {ReturnType<typeof import("./guest-threads.js").threadImports>} imports
 * @property {(exports: WebAssembly.Exports, entry: string) => () => unknown} call
 */

/**
 * @param {ThreadSettings} settings
 * @param {(...message: unknown[]) => void} tell the thread that has the system
 * @param {import("./host.js").FolderImports} [imports]
 * @param {(kernel: import("./kernel.js").Kernel) => void} [attach]
 */
export async function createThread(
  { memory, stack, kernel: source, origin },
  tell,
  imports,
  attach,
) {
  const host = new Host(imports);
  replaceStreams(host, tell);
  const late = performance.timeOrigin - origin;
  host.imports.monotonic = () => performance.now() + late;
  const kernel = await loadSharedKernel({ source, host, memory, stack });
  attach?.(kernel);
  /** Where the words of the process lie, and those of its thread. */
  let at = 0;
  let own = 0;
  let words = new Int32Array(kernel.memory.buffer);
  const look = (/** @type {number} */ address) => {
    if (address + 64 > words.byteLength) {
      kernel.memory.grow(0);
      words = new Int32Array(kernel.memory.buffer);
    }
    return address >> 2;
  };
  const runner = new Runner(kernel, {
    jspi: false,
    flush: async () => {},
    hasEnded: () => Atomics.load(words, at + EXIT_CODE) >= 0,
    park() {
      const kinds = Atomics.load(words, own + KINDS);
      if (kinds & WAITS_FLUSH) tell("flush");
      if (kinds & WAITS_CHUNK) tell("settle");
      const deadline = new BigInt64Array(words.buffer, (own + 2) * 4, 1)[0];
      const left =
        kinds & WAITS_CLOCK ? Number(deadline) / 1e6 - (performance.now() + late) : Infinity;
      Atomics.wait(words, own, 1, left);
    },
  });
  /** @type {Map<number, WebAssembly.Module>} those whose instances are kept */
  const kept = new Map();

  /**
   * @param {number} pid
   * @param {import("./guest-threads.js").GuestThread} thread
   * @returns {Promise<Executed>}
   */
  const asThread = async (pid, thread) => {
    const { threadImports } = await import("./guest-threads.js");
    const { number, argument, memory } = thread;
    return {
      number,
      memory,
      // The kernel's answers are 0, or why it cannot.
      enter: (process) => kernel.raw.nidus_enter(process) || kernel.raw.nidus_thread(number),
      imports: threadImports(thread, (next, value) => tell("spawn", pid, next, value)),
      call: (exports, entry) => {
        const { wasi_thread_start: begin, [entry]: main } =
          /** @type {Record<string, Function>} */ (exports);
        return () => (number ? begin?.(number, argument) : main?.());
      },
    };
  };

  return async (/** @type {Run} */ { pid, id, module = kept.get(id), entry, recycle, thread }) => {
    const program = /** @type {WebAssembly.Module} */ (module);
    if (recycle && !kept.has(id)) {
      const { capture } = await import("./image.js");
      kept.set(id, program);
      runner.recycle(program, capture);
    }
    at = own = look(kernel.exports.nidus_process_words(pid));
    const number = thread?.number ?? 0;
    if (number) own = look(kernel.exports.nidus_thread_words(pid, number));
    const executed = thread && (await asThread(pid, thread));
    let failure = await runner.execute(pid, { module: program, entry }, executed);
    if (thread && failure?.thrown === (await import("./guest-threads.js")).THREAD_ENDED)
      failure = undefined;
    const top = look(stack);
    // The host's own stack may have overflown in the kernel.
    if (Atomics.load(words, top) === INSIDE) kernel.raw.nidus_leave(pid);
    if (!failure && !number) kernel.exports.nidus_process_end(pid, 0);
    const trap = failure && !isEnd(failure.thrown) ? describeTrap(failure.thrown) : null;
    tell("done", pid, trap);
  };
}

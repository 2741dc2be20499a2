/**
 * `nidus run --trace`: each system call, its decoded arguments and its result on standard error, as the
 * kernel words it (wasi-polyfill/src/trace.c), in order with what the program itself writes.
 *
 * What both tiers call, the kernel's handlers, is replaced by what tells of it; the gate calls them again after a wait.
 * So a call is told once, when it completes, and no JavaScript stands where a program may be suspended.
 */

import { BLOCK } from "../web/streams.js";

/** Room for the arguments, and for the line. */
const ARGUMENTS = 9 * 8;
const LINE = 2048;

/**
 * Lets a kernel tell the calls of all processes that start from now on.
 * @param {import("../web/kernel.js").Kernel} kernel
 * @param {(line: Uint8Array) => void} tell
 */
export function traceCalls(kernel, tell) {
  const { raw } = kernel;
  const at = kernel.alloc(ARGUMENTS + LINE);
  const gate = new WebAssembly.Module(kernel.take("nidus_gate")[1]);
  let pid = 0;
  /** @type {Record<string, Function>} */
  const handlers = {
    ...raw,
    nidus_enter(/** @type {number} */ number) {
      pid = number;
      return raw.nidus_enter?.(number);
    },
  };
  // The gate exports the calls in the order of their table, by which the kernel numbers them.
  WebAssembly.Module.exports(gate).forEach(({ name }, number) => {
    const handler = /** @type {Function} */ (raw[name]);
    handlers[name] = (/** @type {(number | bigint)[]} */ ...args) => {
      const result = handler(...args);
      if (result === -BLOCK) return result;
      const slots = new BigInt64Array(kernel.memory.buffer, at, ARGUMENTS / 8);
      args.forEach((value, i) => {
        slots[i] = typeof value === "bigint" ? value : BigInt.asUintN(32, BigInt(value));
      });
      const trace = /** @type {Function} */ (raw.nidus_trace);
      const length = trace(pid, number, at, result ?? 0, at + ARGUMENTS, LINE);
      tell(kernel.u8().slice(at + ARGUMENTS, at + ARGUMENTS + length));
      return result;
    };
  });
  kernel.raw = /** @type {typeof raw} */ (/** @type {unknown} */ (handlers));
}

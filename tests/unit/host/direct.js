/**
 * What stands between a guest and the kernel during a system call: the stack as it is when the kernel,
 * in the middle of an `fd_write`, asks its host for the time. Runs in Node and in browsers.
 */

import { Host } from "../../../web/host.js";
import { loadKernel } from "../../../web/kernel.js";
import { System } from "../../../web/system.js";

/**
 * Runs a guest that writes to a file in memory, and answers the stacks seen from inside the kernel
 * (innermost frame first) and how often the kernel called each function of the host.
 * @param {import("../../../web/kernel.js").KernelOptions["source"]} source the kernel
 * @param {Uint8Array} guest
 * @param {import("../../../web/system.js").SystemOptions} [options]
 */
export async function watchWrites(source, guest, options = {}) {
  const host = new Host();
  /** @type {string[][]} */
  const stacks = [];
  /** @type {Record<string, number>} */
  const calls = {};
  let watching = false;
  const limit = Error.stackTraceLimit;
  for (const [name, call] of Object.entries(host.imports)) {
    host.imports[name] = (...values) => {
      if (watching) {
        calls[name] = (calls[name] ?? 0) + 1;
        const lines = (new Error().stack ?? "").split("\n");
        stacks.push(lines.slice(2).map((line) => line.trim()));
      }
      return call(...values);
    };
  }
  const kernel = await loadKernel({ source, host });
  const system = new System(kernel, host, options);
  await system.fs.mkdir("/home");
  Error.stackTraceLimit = 50;
  watching = true;
  const status = await system.exec(guest, [], { preopens: { ".": "/home" } });
  watching = false;
  Error.stackTraceLimit = limit;
  const written = await system.fs.readFile("/home/out", "utf8");
  return { stacks, calls, status, written };
}

/**
 * The modules of wasm that lie on a stack between its outermost and its innermost wasm frame, and the
 * JavaScript frames that lie among them.
 * @param {string[]} stack
 */
export function between(stack) {
  const isWasm = (/** @type {string} */ frame) => /wasm:\/\/|wasm-function\[/.test(frame);
  const first = stack.findIndex(isWasm);
  const last = stack.findLastIndex(isWasm);
  const inner = stack.slice(first, last + 1);
  const modules = inner.filter(isWasm).map((frame) => /wasm:\/\/wasm\/[^:]+/.exec(frame)?.[0]);
  return { modules: [...new Set(modules)], scripts: inner.filter((frame) => !isWasm(frame)) };
}

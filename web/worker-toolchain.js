/**
 * The toolchain of a page's system: loaded when `cc` is first used, or when the page asks.
 *
 * Invariant: what was fetched and compiled goes to the page once, which hands it to the next worker.
 */

import { Toolchain } from "./toolchain/index.js";

/**
 * Gives the system `cc` and its like, and answers what makes them ready beforehand.
 * @param {import("./system.js").System} system
 * @param {string | WebAssembly.Module} llvm
 * @param {string | Blob} sysroot
 * @param {string | WebAssembly.Module | undefined} tools toolchain.wasm
 * @param {string | undefined} threads pthread.tar
 * @param {import("./protocol.js").Post} post
 * @returns {() => Promise<unknown>}
 */
export function addToolchain(system, llvm, sysroot, tools, threads, post) {
  const toolchain = new Toolchain({
    llvm,
    sysroot,
    tools,
    threads,
    onProgress: (progress) => post(0, "progress", progress),
    keep: (source, part) => post(0, "part", source, part),
  });
  toolchain.install(system);
  return () => toolchain.load(system);
}

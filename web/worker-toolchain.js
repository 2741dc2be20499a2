/**
 * The toolchain of a page's system: loaded when `cc` is first used, or when the page asks.
 *
 * Invariant: what was fetched and compiled goes to the page once, which hands it to the next worker.
 */

import { fetchAsset } from "./assets.js";
import { Toolchain } from "./toolchain/index.js";

/** @typedef {import("./protocol.js").Post} Post */

/**
 * Gives the system `cc` and its like, and answers what makes them ready beforehand.
 * @param {import("./system.js").System} system
 * @param {string | WebAssembly.Module} compiler
 * @param {string | Blob} resources
 * @param {Post} post
 * @returns {() => Promise<unknown>}
 */
export function addToolchain(system, compiler, resources, post) {
  /** @type {Response | Blob | null} */
  let archive = null;
  let toKeep = typeof compiler === "string";
  class PageToolchain extends Toolchain {
    /** @override @type {Toolchain["load"]} */
    async load(to) {
      archive ??= typeof resources === "string" ? await fetchAndKeep(resources, post) : resources;
      try {
        const module = await super.load(to);
        if (toKeep) post(0, "part", compiler, module);
        toKeep = false;
        return module;
      } catch (error) {
        archive = null;
        throw error;
      }
    }
  }
  const toolchain = new PageToolchain({
    llvm: compiler,
    sysroot: () => /** @type {Response | Blob} */ (archive),
    onProgress: (progress) => post(0, "progress", progress),
  });
  toolchain.install(system);
  return () => toolchain.load(system);
}

/**
 * The archive as it arrives; when it is whole, the page gets it too.
 * @param {string} url
 * @param {Post} post
 */
async function fetchAndKeep(url, post) {
  const { body, headers } = await fetchAsset(url, "llvm-resources.tar");
  const [now, later] = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (body).tee();
  new Response(later).blob().then(
    (part) => post(0, "part", url, part),
    () => {}, // Who reads the other half is told.
  );
  return new Response(now, { headers });
}

/**
 * The package's files as they lie on this machine.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NidusError } from "../web/errors.js";

/** The kernel's module. */
export const kernelBytes = () => assetBytes("kernel.wasm");

/** The kernel for several threads. */
export const sharedKernelBytes = () => assetBytes("kernel.shared.wasm");

/** What stands behind `cc`. */
export const toolchainBytes = () => assetBytes("toolchain.wasm");

/** The part of the kernel that exports and imports trees. */
export const archiveBytes = () => assetBytes("archive.wasm");

/** Volumes in one file. */
export const imageBytes = () => assetBytes("image.wasm");

/** What brings a damaged volume back to a tree. */
export const salvageBytes = () => assetBytes("salvage.wasm");

/** The shell and the small commands. */
export const shellBytes = () => assetBytes("shell.wasm");

/** What `cc -pthread` adds to the sysroot. */
export const threadsBytes = () => assetBytes("pthread.tar");

/** The engine's module. */
export const engineBytes = () => assetBytes("engine.wasm");

/** The engine's rewriter alone. */
export const rewriterBytes = () => assetBytes("rewrite.wasm");

/** @param {string} name */
function assetBytes(name) {
  const path = fileURLToPath(new URL(`../web/${name}`, import.meta.url));
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new NidusError(
      "NIDUS_ASSET",
      `${name} cannot be read at ${path}; install the package again, or in a clone of its ` +
        `repository run: npm run setup`,
      { cause },
    );
  }
}

/** The version of this package. */
export function version() {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return String(JSON.parse(text).version);
}

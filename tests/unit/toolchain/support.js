/**
 * What the tests of the toolchain share: one compiler for all systems of a test file, and systems with
 * files in them.
 */

import { readFileSync } from "node:fs";
import { toolchainBytes } from "../../../node/assets.js";
import { nodeToolchain } from "../../../node/toolchain.js";
import { planWebStreams } from "../../../node/web-streams.js";
import { System } from "../../../node/system.js";
import { loadTools } from "../../../web/toolchain/load.js";

const KERNEL = readFileSync(new URL("../../../web/kernel.wasm", import.meta.url));
const ENGINE = readFileSync(new URL("../../../web/engine.wasm", import.meta.url));
const toolchain = nodeToolchain({ from: import.meta.url });

/** An instance of toolchain.wasm. */
export const tools = () => loadTools(toolchainBytes());

/** @returns {Promise<WebAssembly.Module>} */
export async function compiler() {
  return toolchain.load(await boot());
}

/**
 * A system with the toolchain, and files in /home.
 * @param {Record<string, string>} [files]
 */
export async function boot(files = {}) {
  const system = await System.create({
    kernel: KERNEL,
    engine: () => ENGINE,
    stdio: planWebStreams,
  });
  toolchain.install(system);
  await system.fs.mkdir("/home", { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    const path = `/home/${name}`;
    await system.fs.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await system.fs.writeFile(path, text);
  }
  return system;
}

/**
 * Runs a command line in /home, or the folder given.
 * @param {System} system
 * @param {string} line words separated by blanks
 * @param {import("../../../web/spawn.js").SpawnOptions} [options]
 */
export function sh(system, line, options) {
  const [command, ...args] = line.split(/ +/);
  return system.exec(command, args, { cwd: "/home", ...options });
}

export const HELLO = `#include <stdio.h>
int main(void) { puts("hello"); return 0; }
`;

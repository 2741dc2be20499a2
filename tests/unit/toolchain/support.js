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

/**
 * @typedef {object} Job one program to run
 * @property {string} tool "clang" or "wasm-ld"
 * @property {string[]} argv with the program's name first
 * @property {string[]} inputs files it reads (not the headers and libraries it finds itself)
 * @property {string | undefined} output the file it makes; none for output to standard output
 * @property {boolean} temporary whether the output is to be removed after the last job
 */

/**
 * Jobs as toolchain.wasm gives them (wasi-polyfill/src/cc.h).
 * @param {(string | number)[]} reply
 */
function read([, ...lines]) {
  /** @type {Job[]} */
  const jobs = [];
  /** @type {string | undefined} */
  let ask;
  let rest = "";
  for (const line of /** @type {string[]} */ (lines.slice(0, -1))) {
    const [kind, word] = [line[0], line.slice(1)];
    const job = jobs[jobs.length - 1];
    if (kind === "j") {
      jobs.push({ tool: word, argv: [], inputs: [], output: undefined, temporary: false });
    } else if (kind === "a") job.argv.push(word);
    else if (kind === "i") job.inputs.push(word);
    else if (kind === "r") rest += word;
    else if (kind === "?") ask = word;
    else Object.assign(job, { output: word, temporary: kind === "t" });
  }
  return { jobs, ask, rest };
}

/**
 * Plans a command line without the driver; `ask`: only the driver knows.
 * @param {{tools: import("../../../web/kernel.js").Kernel, name: string, argv: string[], cwd?: string,
 *   env?: Record<string, string>, planned?: boolean}} question
 */
export function planJobs({ tools, name, argv, cwd = "/", env = {}, planned = true }) {
  const variables = Object.entries(env).map((each) => each.join("="));
  const flags = Number(name.endsWith("+")) + (planned ? 0 : 2);
  return read(tools.ask("nidus_cc_plan", [cwd, ...argv, ...variables], argv.length, flags, 1));
}

/**
 * Reads what `-###` prints: the jobs, and the text around them.
 * @param {import("../../../web/kernel.js").Kernel} tools
 * @param {string} text
 * @param {boolean} [verbose] whether the banner and the list of jobs were asked for
 */
export function readDriver(tools, text, verbose = false) {
  return read(tools.ask("nidus_cc_driver", [text], Number(verbose), 0));
}

/**
 * Clang's messages as data.
 * @param {import("../../../web/kernel.js").Kernel} tools
 * @param {string} text
 * @returns {import("../../../web/toolchain/commands.js").Diagnostic[]}
 */
export function readMessages(tools, text) {
  return JSON.parse(tools.ask("nidus_cc_messages", [text])[1]);
}

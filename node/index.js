/**
 * Nidus for Node: systems whose files may be folders of this machine.
 *
 * ```js
 * import { Nidus } from "nidus";
 * const system = await Nidus.boot({ mounts: { "/work": { type: "host", folder: "." } } });
 * const { code, stdout } = await system.exec("/work/hello.wasm");
 * ```
 */

import { NidusError } from "../web/errors.js";
import { archiveBytes, engineBytes, kernelBytes } from "./assets.js";
import { HostFolders } from "./host.js";
import { sleep } from "./stdio.js";
import { System } from "./system.js";
import { planWebStreams } from "./web-streams.js";
import { listen } from "./wire.js";

/** @typedef {import("./system.js").MountSpec} MountSpec */
/** @typedef {import("../web/system.js").ExecResult} ExecResult */
/** @typedef {import("../web/system.js").ExitStatus} ExitStatus */
/** @typedef {import("../web/spawn.js").Process} Process */
/** @typedef {import("../web/spawn.js").SpawnOptions} SpawnOptions */

/**
 * @typedef {object} BootOptions
 * @property {Record<string, MountSpec>} [mounts] by path; `/tmp` and `/home` are there without
 * @property {Record<string, string>} [env] of every process
 * @property {boolean} [toolchain] give the system `cc` and `c++`, from `@yowasp/clang`
 * @property {AbortSignal} [signal] gives up booting
 */

/**
 * Waits for a clock by holding up the thread. Input cannot come meanwhile, so a program that waits for
 * input is ended with a sentence that says so.
 * @type {NonNullable<import("../web/system.js").SystemOptions["waitSync"]>}
 */
function waitForClock(_pid, kinds, deadline) {
  if ((kinds & 1) === 0) {
    throw new NidusError(
      "ENOTSUP",
      `ENOTSUP: the program waits for input that is not there, which Node ${process.versions.node} ` +
        `cannot hold it for: give it all input at the start, or use Node 26 or newer`,
    );
  }
  sleep(Number(deadline) / 1e6 - performance.now());
}

/**
 * Boots a system.
 * @param {BootOptions} [options]
 * @returns {Promise<System>}
 */
async function boot({ mounts = {}, env, toolchain = false, signal } = {}) {
  signal?.throwIfAborted();
  const system = await System.create({
    kernel: kernelBytes(),
    folders: new HostFolders(),
    env,
    archives: archiveBytes,
    engine: engineBytes,
    stdio: planWebStreams,
    waitSync: waitForClock,
    waitsForInput: false,
  });
  system.sync.mkdir("/home", { recursive: true });
  for (const [path, spec] of Object.entries(mounts)) {
    signal?.throwIfAborted();
    await system.mount(path, spec);
  }
  if (toolchain) {
    const { addToolchain } = await import("./toolchain.js");
    await addToolchain(system);
  }
  signal?.throwIfAborted();
  return system;
}

export const Nidus = Object.freeze({ boot });
export { NidusError, System, listen };

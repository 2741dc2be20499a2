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
import { archiveBytes, engineBytes, kernelBytes, sharedKernelBytes, shellBytes } from "./assets.js";
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
 * @property {string} [volume] `image:PATH`: what lies under /home is kept in that file; `mem` (the default): it is
 *   gone with the system. Close the system, so that all is stored
 * @property {Record<string, string>} [volumes] the same for other paths
 * @property {number} [memory] bytes of each volume's contents that are kept in memory
 * @property {number} [maxBytes] the most that each volume may hold; beyond it programs see `ENOSPC`
 * @property {Record<string, MountSpec>} [mounts] by path; `/tmp` and `/home` are there without
 * @property {Record<string, string>} [env] of every process
 * @property {boolean} [toolchain] give the system `cc` and `c++`, from `@yowasp/clang`
 * @property {boolean} [shell] give the system `sh`, `ls` and the other small commands, in /bin
 * @property {boolean} [workers] run programs of the direct tier in workers (docs/processes.md): they run at the same time,
 *   wait for their input on every Node, and can be killed at any moment
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
async function boot(options = {}) {
  const {
    mounts = {},
    env,
    toolchain = false,
    shell = false,
    workers = false,
    signal,
    volume,
    volumes,
    memory,
    maxBytes,
  } = options;
  signal?.throwIfAborted();
  /** @type {Record<string, MountSpec>} */
  const kept = {};
  for (const [path, from] of Object.entries({ "/home": volume ?? "mem", ...volumes })) {
    kept[path] = volumeSpec(from, memory, maxBytes);
  }
  const system = await System.create({
    kernel: workers ? sharedKernelBytes() : kernelBytes(),
    workers,
    folders: new HostFolders(),
    env,
    archives: archiveBytes,
    engine: engineBytes,
    stdio: planWebStreams,
    waitSync: waitForClock,
    waitsForInput: false,
  });
  system.sync.mkdir("/home", { recursive: true });
  try {
    for (const [path, spec] of Object.entries({ ...kept, ...mounts })) {
      signal?.throwIfAborted();
      await system.mount(path, spec);
    }
    if (toolchain) {
      const { addToolchain } = await import("./toolchain.js");
      await addToolchain(system);
    }
    if (shell) {
      const { addShell } = await import("../web/shell.js");
      await addShell(system, shellBytes());
    }
    signal?.throwIfAborted();
    system.runner.threads?.warm();
    return system;
  } catch (error) {
    await system.close();
    throw error;
  }
}

/**
 * @param {string} from
 * @param {number | undefined} memory
 * @param {number | undefined} maxBytes
 * @returns {MountSpec}
 */
function volumeSpec(from, memory, maxBytes) {
  const file = /^image:(.+)$/s.exec(from)?.[1];
  if (file !== undefined) return { type: "image", file, memory, maxBytes };
  if (from === "mem") return { type: "mem", maxBytes };
  throw new NidusError("EINVAL", `volume is "${from}": say "image:PATH" or "mem".`);
}

export const Nidus = Object.freeze({ boot });
export { NidusError, System, listen };

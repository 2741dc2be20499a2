/**
 * A system as programs of Node have it: what a page's has (web/system.js), and mounts of folders of this
 * machine and of literal trees; and its kernel's memory may be shared with systems in other threads.
 */

import { Worker } from "node:worker_threads";
import { loadSharedKernel } from "../web/shared-kernel.js";
import { System as WebSystem } from "../web/system.js";
import { writeTree } from "../web/tree.js";
import { rewriterBytes } from "./assets.js";

/**
 * @typedef {object} NodeOptions
 * @property {import("./host.js").HostFolders} [folders]
 * @property {boolean} [shared] use the kernel with shared memory
 * @property {boolean} [workers] run programs of the direct tier in workers, with that kernel
 * @property {{memory: WebAssembly.Memory, stack: number}} [join] the system of another thread: its
 *   kernel's memory, and what `newStack` of its kernel gave for this one
 * @typedef {import("../web/system.js").SystemOptions & NodeOptions} SystemOptions
 */

/**
 * What is mounted at a path, besides what web/system.js can:
 * `tree`, files given as a literal, written to what lies there; `host`, a folder of the host; `image`, a volume
 * in one file, which is made if it is not there.
 * A volume in memory may have a limit: beyond `maxBytes` programs see `ENOSPC`.
 * @typedef {import("../web/system.js").MountSpec
 *   | {type: "mem", maxBytes?: number}
 *   | {type: "tree", tree: import("../web/tree.js").Tree}
 *   | {type: "host", folder: string, readOnly?: boolean}
 *   | ({type: "image", file: string} & import("../web/image-volume.js").ImageOptions)} MountSpec
 */

/** The variables of every process, where nothing else is said. */
const ENVIRONMENT = { HOME: "/home", PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" };

export class System extends WebSystem {
  /** @type {import("./host.js").HostFolders | undefined} */
  #folders;
  /** @type {Set<import("./image.js").ImageVolume>} */
  #images = new Set();

  /**
   * Boots a system.
   * @override
   * @param {SystemOptions} [options]
   * @returns {Promise<System>}
   */
  static async create({ folders, shared, workers, join, ...options } = {}) {
    const isShared = shared || join !== undefined;
    const system = /** @type {System} */ (
      await super.create({
        rewriter: rewriterBytes,
        ...options,
        env: options.env ?? ENVIRONMENT,
        imports: folders?.imports,
        threads: workers ? createNodeThread : undefined,
        load: isShared ? (given) => loadSharedKernel({ ...given, ...join }) : options.load,
      })
    );
    system.#folders = folders;
    folders?.attach(system.kernel);
    const { threads } = system.runner;
    if (threads && folders) threads.folders = () => folders.roots;
    return system;
  }

  /**
   * Mounts something; answers the number of the mount.
   * @override
   * @param {string} path
   * @param {MountSpec} spec
   * @returns {Promise<number>}
   */
  async mount(path, spec) {
    switch (spec.type) {
      case "host": {
        if (this.#folders === undefined) {
          throw new TypeError(`This host has no folders to mount at ${path}.`);
        }
        const number = this.#folders.add(spec.folder);
        return this.kernel.ask("nidus_mount_host", [path], number, spec.readOnly ? 1 : 0)[0];
      }
      case "mem": {
        const mount = await super.mount(path, spec);
        const { maxBytes } = /** @type {{maxBytes?: number}} */ (spec);
        if (maxBytes !== undefined) this.kernel.exports.nidus_mount_limit(mount, maxBytes);
        return mount;
      }
      case "image": {
        const { mountImageFile } = await import("./image.js");
        const volume = await mountImageFile(this, path, spec.file, spec);
        this.#images.add(volume);
        return volume.mount;
      }
      case "tree":
        writeTree(this.sync, path, spec.tree);
        return this.sync.stat(path).mount;
      default:
        return super.mount(path, spec);
    }
  }

  /**
   * Stores what changed in volumes in files: while this thread is held up, no clock does.
   * @param {boolean} ifDue unless that has been done just now
   */
  storeImages(ifDue) {
    for (const volume of this.#images) {
      try {
        volume.flush(ifDue);
      } catch {} // It is tried again, and whoever syncs is told.
    }
  }

  /**
   * Kills what runs, stores what is to be kept and closes volumes in files; the system is of no use afterwards.
   * @override
   */
  async close() {
    try {
      await super.close();
    } finally {
      for (const volume of this.#images) volume.close();
      this.#images.clear();
    }
  }
}

/**
 * Workers of Node for threads of a system. One that has nothing to do keeps no program alive.
 * @type {import("../web/threads.js").CreateThread}
 */
function createNodeThread(settings, onmessage, onerror) {
  const worker = new Worker(new URL("./process-worker.js", import.meta.url), {
    workerData: settings,
    // Files that one thread opens another may close.
    trackUnmanagedFds: false,
  });
  worker.on("message", onmessage);
  worker.on("error", (error) => onerror(error.message));
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => worker.terminate(),
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
  };
}

/**
 * Volumes in the browser's origin private file system: one file, `nidus/NAME`, as a block device. Its calls answer
 * at once, which only workers are allowed; whoever has it open has it alone.
 */

import { compileAsset } from "./assets.js";
import { NidusError } from "./errors.js";
import { mountImage } from "./image-volume.js";
import { HANDLE_PATIENCE, MEMORY } from "./limits.js";

const IO = -29;
const NO_SPACE = -51;

/** Where the files lie. */
const FOLDER = "nidus";

/** Milliseconds between two tries while another one has the file. */
const TRY_AGAIN = 50;

/**
 * Mounts the volume called `name`; one that is not there is made. Rejects with `EBUSY` while another page or worker
 * has it open and does not go away just now.
 * @param {import("./system.js").System} system
 * @param {string} name
 * @param {import("./protocol.js").VolumeSettings} settings
 * @param {import("./volume.js").Listener} [tell]
 */
export async function mount(system, name, settings, tell) {
  const { path, readonly, maxBytes, memory = MEMORY, image, repair, salvage } = settings;
  if (readonly) {
    throw new NidusError(
      "ENOTSUP",
      `Volume "opfs:${name}" cannot be shown read-only while another tab writes to it: the browser gives its file to one tab at a time; use an idb volume for that.`,
    );
  }
  const address = image ?? new URL("./image.wasm", import.meta.url).href;
  const module = await compileAsset(address, "image.wasm");
  const opened = await openDevice(name);
  const options = {
    maxBytes,
    memory,
    repair,
    salvage: salvage === undefined ? undefined : () => salvage,
  };
  const volume = await mountImage(system, path, module, opened, `opfs:${name}`, options, tell);
  return {
    ...volume,
    /** @param {{repair?: boolean}} [options] */
    check: async ({ repair = false } = {}) => volume.compare(repair),
    flush: async () => volume.flush(),
    close: async () => volume.close(),
  };
}

/**
 * @param {string} name
 * @returns {Promise<import("./image-module.js").BlockDevice>}
 */
async function openDevice(name) {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  const file = await folder.getFileHandle(fileName(name), { create: true });
  return device(await openAlone(file, name));
}

/**
 * Any text in Unicode may be the name of a volume; of files, not every text.
 * @param {string} name
 */
function fileName(name) {
  if (/\p{Surrogate}/u.test(name)) {
    throw new NidusError("EINVAL", `"opfs:${name}" has half a character: give it another name.`);
  }
  const encoded = encodeURIComponent(name);
  return /^\.+$/.test(encoded) ? encoded.replaceAll(".", "%2E") : encoded;
}

/**
 * @param {FileSystemFileHandle} file
 * @param {string} name
 * @returns {Promise<SyncAccessHandle>}
 */
async function openAlone(file, name) {
  const end = performance.now() + HANDLE_PATIENCE;
  for (;;) {
    try {
      return await /** @type {any} */ (file).createSyncAccessHandle();
    } catch (error) {
      const { name: thrown } = /** @type {DOMException} */ (error);
      if (thrown !== "NoModificationAllowedError" && thrown !== "InvalidStateError") throw error;
      if (performance.now() > end) {
        throw new NidusError(
          "EBUSY",
          `Volume "opfs:${name}" is open in another tab or window: close that one, then reload this page.`,
        );
      }
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN));
  }
}

/**
 * @typedef {object} SyncAccessHandle
 * @property {(into: Uint8Array, options: {at: number}) => number} read
 * @property {(from: Uint8Array, options: {at: number}) => number} write
 * @property {() => void} flush
 * @property {() => number} getSize
 * @property {(size: number) => void} truncate
 * @property {() => void} close
 */

/**
 * @param {SyncAccessHandle} handle
 * @returns {import("./image-module.js").BlockDevice}
 */
function device(handle) {
  /** @type {(call: () => number | void) => number} */
  const answer = (call) => {
    try {
      return call() ?? 0;
    } catch (error) {
      return /** @type {DOMException} */ (error).name === "QuotaExceededError" ? NO_SPACE : IO;
    }
  };
  return {
    read: (into, at) => answer(() => (handle.read(into, { at }) === into.length ? 0 : IO)),
    // Without room, Chromium answers a number far too large, Firefox one too small; neither throws.
    write: (from, at) => answer(() => (handle.write(from, { at }) === from.length ? 0 : NO_SPACE)),
    flush: () => answer(() => handle.flush()),
    size: () => answer(() => handle.getSize()),
    truncate: (size) => answer(() => handle.truncate(size)),
    close: () => answer(() => handle.close()),
  };
}

/**
 * A volume as the page sees it: what it is now, and what only a page can do for it. The worker has the files; the
 * page has the lock that makes it the one that writes, and keeps what a volume in memory holds.
 */

import { createKept } from "./kept-volume.js";
import { lockVolume } from "./volume-lock.js";

/**
 * @typedef {object} VolumeOptions
 * @property {"refuse" | "wait" | "readonly"} [access] what to do while another page has the volume: be refused (the
 *   default), wait until that one is gone, or see what it writes and write nothing
 * @property {number} [maxBytes] the most it may hold; beyond it programs see `ENOSPC`
 * @property {number} [memory] so many bytes of its files stay in memory at most
 * @property {boolean} [repair] if it is damaged, keep what of it can be read, instead of refusing it
 */

/**
 * @typedef {VolumeOptions & {from: string}} VolumeSource `from`: `idb:NAME`, what is kept in this browser under that
 *   name; `mem`, what is gone with the page
 */

/**
 * A volume of a system.
 * @typedef {Readonly<import("./protocol.js").VolumeState> & VolumeMethods} PageVolume
 */

/**
 * @typedef {object} VolumeMethods
 * @property {() => Promise<boolean>} persist asks the browser never to delete this site's files to make room;
 *   answers whether it agreed. It concerns all volumes of the site
 * @property {() => Promise<StorageEstimate>} estimate how many bytes this site keeps in this browser and how many it
 *   may, about; nothing where the browser does not tell
 * @property {(options?: {repair?: boolean}) => Promise<{kind: "missing" | "damaged" | "stray", ino: number, index: number}[]>} check
 *   compares the files with the contents that are stored: `missing` and `damaged` ones cannot be read, `stray` ones
 *   belong to nothing. With `repair`, the first become holes or zeros and the others are deleted
 * @property {(options?: {signal?: AbortSignal}) => Promise<void>} takeOver makes a view the one that writes, as
 *   soon as no other page does. Everything that was stored is there, and what runs goes on; `signal` gives up
 */

/**
 * A volume, and what its system does with it.
 * @param {string} path
 * @param {VolumeSource & {image?: string | WebAssembly.Module, salvage?: string | WebAssembly.Module}} source
 * @param {(verb: string, ...args: unknown[]) => Promise<any>} ask its worker
 */
export function createPageVolume(path, { access, ...source }, ask) {
  const settings = { path, readonly: access === "readonly", ...source };
  const { keep, kept } = createKept();
  const { from } = settings;
  let unlock = () => {};

  /** @type {(wait: boolean, signal?: AbortSignal) => Promise<void>} */
  const lock = async (wait, signal) => {
    // Databases have always been called without their kind here.
    const name = from.replace(/^idb:/, "");
    if (from !== "mem") unlock = await lockVolume(navigator.locks, name, wait, signal);
  };

  /** @type {VolumeMethods["takeOver"]} */
  const takeOver = async ({ signal } = {}) => {
    if (!settings.readonly) return;
    await lock(true, signal);
    try {
      Object.assign(volume, await ask("volume", path, "takeOver"));
      settings.readonly = false;
    } catch (error) {
      unlock();
      throw error;
    }
  };
  /** @type {Promise<void> | undefined} */
  let taking;

  /** @type {VolumeMethods} */
  const methods = {
    check: (options) => ask("volume", path, "check", options),
    // Early versions of Safari have one without the other.
    persist: async () => (await navigator.storage?.persist?.()) ?? false,
    estimate: async () => (await navigator.storage?.estimate?.()) ?? {},
    // Whoever asked twice would wait for himself.
    takeOver: (options) => (taking ??= takeOver(options).finally(() => (taking = undefined))),
  };
  /** @type {PageVolume} Its own fields are what can be sent and compared. */
  const volume = Object.create(methods);
  return {
    volume,
    path,
    from,
    /** What nobody else may have. */
    own: from !== "mem" && access !== "readonly" && from,
    keep,
    /** Waits for the right to write, or is refused it. @param {AbortSignal} [signal] */
    lock: async (signal) => settings.readonly || lock(access === "wait", signal),
    unlock: () => unlock(),
    /** @returns {import("./protocol.js").VolumeSettings} */
    settings: () => {
      const now = { ...settings, kept };
      // Asked for once, not of the worker that may take this one's place.
      settings.repair = false;
      return now;
    },
  };
}

/**
 * A volume that outlives its kernel: the tree below one journaled `mem` mount, kept in a store.
 *
 * The kernel holds the whole tree and knows what changed; this file moves records. Mounting reads
 * every record of the store; a flush writes one consistent cut of the kernel's, whole or not at all, so
 * the store always holds the state of some completed flush, whenever the worker dies.
 *
 * Stores: the browser's database (database.js); for a volume in memory the page (kept-volume.js), which
 * so survives a worker that had to be ended.
 */

import { RECORD_LENGTH } from "./abi.js";
import { decodeText } from "./fs.js";
import { RETRY_LONGEST, WRITE_BEHIND } from "./limits.js";
import { toBytes } from "./streams.js";

/** The stores, in the order of their numbers in the kernel, from 1. */
export const STORES = /** @type {const} */ (["inode", "dirent", "chunk"]);

/** @typedef {import("./kernel.js").Kernel} Kernel */
/** @typedef {import("./errors.js").NidusError} NidusError */
/**
 * What a store holds of an inode, an entry of a folder, or 64 KiB of a file; all it is asked for is these.
 * Keys: a number; folder and name; file and index. Values: bytes; an inode's number; bytes.
 * @typedef {object} Stored
 * @property {typeof STORES[number]} store
 * @property {number | [number, string | number]} key
 * @property {Uint8Array<ArrayBuffer> | number} value
 */
/**
 * One record of a cut; a `value` of null deletes, with `rest` also what follows in the same file or folder.
 * @typedef {Omit<Stored, "value"> & {value: Stored["value"] | null, rest: boolean}} Change
 */
/**
 * @typedef {object} Store
 * @property {string} name for messages
 * @property {() => Promise<Stored[]>} read everything, inodes first
 * @property {(changes: Change[]) => Promise<void>} write all of them or none; begins before it returns
 * @property {() => void} close
 */
/** @typedef {(name: "flush" | "flusherror" | "nopersist", error: NidusError | null) => void} Listener */

/** @typedef {ReturnType<typeof createVolume>} Volume */

/**
 * The volume of one mount; see the head of this file.
 * @param {Store} store
 * @param {string | null} reason why files do not outlive the page; null when they do
 * @param {Listener} [on]
 */
export function createVolume(store, reason, on = () => {}) {
  /** @type {Kernel} from `load` on */
  let kernel;
  let mount = -1;
  /** It is loaded, and may be stored. */
  let open = false;
  /** @type {Promise<void> | null} the flush under way */
  let running = null;
  /** @type {Promise<void> | null} the one that starts when it ends, shared by all who ask */
  let next = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let delay = WRITE_BEHIND;

  /**
   * Throws what a failure of the store means, in the kernel's words.
   * @type {(thrown: Error) => never}
   */
  const refuse = (thrown) => {
    throw kernel.ask("nidus_volume_failure", [store.name, thrown.name, String(thrown)]);
  };

  /** Flushes what will have changed by then. */
  const schedule = () => {
    if (!open) return;
    // A failure is told by event.
    timer = setTimeout(() => flush().catch(() => {}), delay);
    // In Node a volume alone keeps no program alive.
    /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (timer)).unref?.();
  };

  /**
   * Takes the kernel's cut and copies it out of the kernel's memory.
   * @returns {Change[]}
   */
  const cut = () => {
    const k = kernel.exports;
    const length = kernel.check(k.nidus_flush_begin(mount), "flush");
    return Array.from({ length }, (_, i) => {
      const at = k.nidus_flush_record(mount, i);
      const [kind, op, ino, index, ptr, size] =
        /** @type {[number, number, number, number, number, number]} */ (
          /** @type {unknown} */ (new Float64Array(kernel.memory.buffer, at, RECORD_LENGTH))
        );
      const bytes = kernel.u8().slice(ptr, ptr + size);
      const isEntry = kind === 2;
      return {
        store: /** @type {Change["store"]} */ (STORES[kind - 1]),
        key: kind === 1 ? ino : [ino, isEntry ? decodeText(bytes) : index],
        value: op > 1 ? null : isEntry ? index : bytes,
        rest: op > 2,
      };
    });
  };

  const write = async () => {
    clearTimeout(timer);
    if (!open) return;
    const k = kernel.exports;
    if (k.nidus_volume_dirty(mount) === 0) return schedule();
    /** @type {NidusError | null} */
    let error = null;
    try {
      // Without a pause between: a store completes by itself what it was given, even if a program keeps
      // this thread busy from now on.
      await store.write(cut()).catch(refuse);
    } catch (thrown) {
      error = /** @type {NidusError} */ (thrown);
    }
    k.nidus_flush_end(mount, error ? 0 : 1);
    delay = error ? Math.min(delay * 2, RETRY_LONGEST) : WRITE_BEHIND;
    if (error?.code === "EBUSY") {
      open = false;
      reason = error.message;
    }
    on(!error ? "flush" : open ? "flusherror" : "nopersist", error);
    schedule();
    if (error) throw error;
  };

  /**
   * Resolves when all that changed before the call is stored for good. Rejects with `ENOSPC`, `EBUSY`
   * (another tab took the volume over) or `EIO`; nothing is dropped from memory then, and storing is
   * tried again.
   * @returns {Promise<void>}
   */
  const flush = () => {
    if (!running) return (running = write().finally(() => (running = null)));
    next ??= running
      .catch(() => {}) // Whoever asked for that one is told.
      .then(() => {
        next = null;
        return flush();
      });
    return next;
  };

  return {
    /** Whether files outlive the page. */
    state: () => ({ persistent: reason === null, reason }),

    /**
     * Fills the journaled mount `at` of a kernel with what is stored, and from then on stores what
     * changes. Call once, before anything touches the mount.
     * @param {Kernel} of
     * @param {number} at
     * @param {number} [maxBytes] the most it may hold from then on
     */
    async load(of, at, maxBytes) {
      kernel = of;
      mount = at;
      let code = 0;
      for (const { store: kind, key, value } of /** @type {any[]} */ (
        await store.read().catch(refuse)
      )) {
        const [ino, second = 0] = [key].flat();
        const [bytes, index] = kind === "dirent" ? [toBytes(second), value] : [value, second];
        const number = STORES.indexOf(kind) + 1;
        code ||= kernel.call("nidus_load", [bytes], mount, number, ino, index)[0];
      }
      kernel.ask("nidus_load_end", [], mount, code, /** @type {number} */ (maxBytes));
      open = true;
      schedule();
    },

    flush,

    /** Stores what changed and lets go of the store. */
    async close() {
      try {
        await flush();
      } finally {
        open = false;
        clearTimeout(timer);
        store.close();
      }
    },
  };
}

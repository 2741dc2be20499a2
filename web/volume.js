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

import { NidusError } from "./errors.js";

const INODE = 1;
const DIRENT = 2;
const DELETE = 2;
/** Size of one record of `nidus_flush_record`. */
const RECORD_SIZE = 40;
/** Changes are looked for this often, so that they are stored within a second. */
const WRITE_BEHIND = 500;
/** After a failed flush: the first and the longest wait before the next one. */
const RETRY_FIRST = 1000;
const RETRY_LONGEST = 30_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @typedef {import("./kernel.js").Kernel} Kernel */
/**
 * One record of a cut; a `value` of null deletes: a chunk with all that follow it in its file, an entry
 * without a name with all of its folder.
 * @typedef {{store: "inode", key: number, value: Uint8Array<ArrayBuffer> | null}
 *   | {store: "dirent", key: [number, string], value: number | null}
 *   | {store: "chunk", key: [number, number], value: Uint8Array<ArrayBuffer> | null}} Change
 */
/**
 * Everything a store holds, by key.
 * @typedef {object} Records
 * @property {[number, Uint8Array][]} inode
 * @property {[[number, string], number][]} dirent
 * @property {[[number, number], Uint8Array][]} chunk
 */
/**
 * @typedef {object} Store
 * @property {() => Promise<Records>} read
 * @property {(changes: Change[]) => Promise<void>} write all of them or none; begins before it returns
 * @property {() => void} close
 */
/** @typedef {(name: "flush" | "flusherror" | "nopersist", error: NidusError | null) => void} Listener */

/** The volume of one mount; see the head of this file. */
export class Volume {
  /** @type {Kernel | null} */
  #kernel = null;
  #mount = -1;
  #store;
  #on;
  #open = true;
  /** @type {Promise<void> | null} the flush under way */
  #running = null;
  /** @type {Promise<void> | null} the one that starts when it ends, shared by all who ask */
  #next = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #delay = WRITE_BEHIND;

  /**
   * @param {Store} store
   * @param {string | null} reason why files do not outlive the page; null when they do
   * @param {Listener} [on]
   */
  constructor(store, reason, on = () => {}) {
    this.#store = store;
    this.reason = reason;
    this.#on = on;
  }

  /** Whether files outlive the page. */
  get persistent() {
    return this.reason === null;
  }

  /**
   * Fills the journaled mount `mount` of `kernel` with what is stored, and from then on stores what
   * changes. Call once, before anything touches the mount.
   * @param {Kernel} kernel
   * @param {number} mount
   */
  async load(kernel, mount) {
    this.#kernel = kernel;
    this.#mount = mount;
    const { inode, dirent, chunk } = await this.#store.read();
    const k = kernel.exports;
    /** @type {(bytes: Uint8Array, use: (ptr: number, length: number) => number) => void} */
    const lend = (bytes, use) => {
      const code = kernel.withBytes([bytes], (ptr) => use(ptr, bytes.length));
      if (code < 0) throw damaged(code);
    };
    for (const [key, value] of inode) {
      lend(value, (ptr, length) => k.nidus_load_inode(mount, BigInt(key), ptr, length));
    }
    for (const [[parent, entry], child] of dirent) {
      lend(encoder.encode(entry), (ptr, length) =>
        k.nidus_load_dirent(mount, BigInt(parent), ptr, length, BigInt(child)),
      );
    }
    for (const [[ino, index], value] of chunk) {
      lend(value, (ptr, length) =>
        k.nidus_load_chunk(mount, BigInt(ino), BigInt(index), ptr, length),
      );
    }
    const code = k.nidus_load_end(mount);
    if (code < 0) throw damaged(code);
    this.#schedule();
  }

  /**
   * Resolves when all that changed before the call is stored for good. Rejects with `ENOSPC`, `EBUSY`
   * (another tab took the volume over) or `EIO`; nothing is dropped from memory then, and storing is
   * tried again.
   * @returns {Promise<void>}
   */
  flush() {
    if (!this.#running) {
      this.#running = this.#write().finally(() => (this.#running = null));
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => {}) // Whoever asked for that one is told.
      .then(() => {
        this.#next = null;
        return this.flush();
      });
    return this.#next;
  }

  /** Stores what changed and lets go of the store. */
  async close() {
    try {
      await this.flush();
    } finally {
      this.#open = false;
      clearTimeout(this.#timer);
      this.#store.close();
    }
  }

  async #write() {
    const k = this.#kernel?.exports;
    if (!k || !this.#open || k.nidus_volume_dirty(this.#mount) === 0) return;
    try {
      // Without a pause between: a store completes by itself what it was given, even if a program keeps
      // this thread busy from now on.
      await this.#store.write(this.#cut());
      k.nidus_flush_end(this.#mount, 1);
      this.#delay = WRITE_BEHIND;
      this.#on("flush", null);
    } catch (thrown) {
      k.nidus_flush_end(this.#mount, 0);
      const error = /** @type {NidusError} */ (thrown);
      if (error.code === "EBUSY") {
        this.#open = false;
        this.reason = error.message;
        this.#on("nopersist", error);
      } else {
        this.#delay = Math.min(Math.max(RETRY_FIRST, this.#delay * 2), RETRY_LONGEST);
        this.#on("flusherror", error);
      }
      throw error;
    } finally {
      this.#schedule();
    }
  }

  /**
   * Takes the kernel's cut and copies it out of the kernel's memory.
   * @returns {Change[]}
   */
  #cut() {
    const kernel = /** @type {Kernel} */ (this.#kernel);
    const k = kernel.exports;
    const out = kernel.alloc(RECORD_SIZE);
    const count = kernel.check(k.nidus_flush_begin(this.#mount), "flush");
    /** @type {Change[]} */
    const changes = [];
    for (let i = 0; i < count; i++) {
      k.nidus_flush_record(this.#mount, i, out);
      const view = kernel.dv();
      const word = (/** @type {number} */ at) => view.getUint32(out + at, true);
      const long = (/** @type {number} */ at) => Number(view.getBigUint64(out + at, true));
      const bytes = (/** @type {number} */ at) =>
        kernel.u8().slice(word(at), word(at) + word(at + 4));
      const remove = word(4) === DELETE;
      if (word(0) === DIRENT) {
        const value = remove ? null : long(16);
        changes.push({ store: "dirent", key: [long(8), decoder.decode(bytes(24))], value });
      } else {
        const value = remove ? null : bytes(32);
        if (word(0) === INODE) changes.push({ store: "inode", key: long(8), value });
        else changes.push({ store: "chunk", key: [long(8), long(16)], value });
      }
    }
    kernel.free(out);
    return changes;
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (!this.#open) return;
    this.#timer = setTimeout(() => {
      const dirty = this.#kernel?.exports.nidus_volume_dirty(this.#mount) !== 0;
      // A failure has been told by event.
      if (dirty && !this.#running) this.flush().catch(() => {});
      else this.#schedule();
    }, this.#delay);
    // In Node a volume alone keeps no program alive.
    /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (this.#timer)).unref?.();
  }
}

/** @param {number} code */
function damaged(code) {
  return new NidusError(
    "EIO",
    `The volume is damaged (error ${-code}): use another name, or delete the site's data.`,
  );
}

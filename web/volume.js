/**
 * A persistent volume: the tree below one journaled `mem` mount of the kernel, kept in the
 * IndexedDB database `nidus:<name>`.
 *
 * The kernel holds the whole tree and knows what changed; this file moves records. Mounting reads
 * every record; a flush writes one consistent cut of the kernel's in one transaction, so the database
 * always holds the state of some completed flush, whenever the page or its worker dies.
 *
 * Two writers never mix. A Web Lock `nidus:<name>` refuses the second one while the first lives.
 * Where there are no Web Locks (plain http), and against every other surprise, each mount has a
 * number, one more than the one before, and leaves it in `meta`. A flush adds the number after its own and
 * takes it away again: if a later mount has left it there, the add fails, and with it the transaction.
 *
 *   inode   ino                 -> Uint8Array, opaque
 *   dirent  [parent, name]      -> ino
 *   chunk   [ino, index]        -> Uint8Array
 *   meta    "schema" -> 1,  number of a mount -> its time
 */

import { NidusError } from "./errors.js";

const SCHEMA = 1;
const STORES = ["inode", "dirent", "chunk", "meta"];
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
/** Numbers of mounts that are remembered: a writer overtaken so often would not be noticed. */
const MOUNTS = 256;
/** A lock just given back by a dying page or worker becomes free within this time. */
const LOCK_PATIENCE = 1000;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** @typedef {import("./kernel.js").Kernel} Kernel */
/**
 * One record of a cut; a `value` of null deletes.
 * @typedef {{store: "inode", key: number, value: Uint8Array<ArrayBuffer> | null}
 *   | {store: "dirent", key: [number, string | Uint8Array<ArrayBuffer>], value: number | null}
 *   | {store: "chunk", key: [number, number], value: Uint8Array<ArrayBuffer> | null}} Change
 */
/** @typedef {(name: "flush" | "flusherror" | "nopersist", error: NidusError | null) => void} Listener */
/**
 * @typedef {object} VolumeHost what the volume takes from its surroundings; tests give their own
 * @property {IDBFactory | undefined} indexedDB
 * @property {LockManager | undefined} locks
 * @property {Listener} [on]
 * @property {number} [patience] milliseconds to wait for a lock another one holds
 */

/**
 * Opens volume `name`: takes its lock and its database. Where storage is denied or missing the result
 * is a volume in memory that says so. Rejects with `EBUSY` when another page has it open.
 * @param {string} name
 * @param {VolumeHost} host
 * @returns {Promise<Volume>}
 */
export async function openVolume(name, host) {
  if (!host.indexedDB) {
    return new Volume(name, null, null, "this browser gives the page no IndexedDB", host);
  }
  const release = host.locks
    ? await lock(host.locks, name, host.patience ?? LOCK_PATIENCE)
    : () => {};
  try {
    return new Volume(name, await openDatabase(host.indexedDB, name), release, null, host);
  } catch (error) {
    release();
    if (error instanceof NidusError) throw error;
    return new Volume(name, null, null, `the browser denies storage (${String(error)})`, host);
  }
}

/** The volume of one mount; see the head of this file. */
export class Volume {
  /** @type {IDBDatabase | null} */
  #db;
  /** @type {(() => void) | null} */
  #release;
  /** @type {VolumeHost} */
  #host;
  /** @type {Kernel | null} */
  #kernel = null;
  #mount = -1;
  /** Which mount of the database this is. */
  #number = 0;
  /** @type {Promise<void> | null} the flush under way */
  #running = null;
  /** @type {Promise<void> | null} the one that starts when it ends, shared by all who ask */
  #next = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #delay = WRITE_BEHIND;

  /**
   * @param {string} name
   * @param {IDBDatabase | null} db
   * @param {(() => void) | null} release
   * @param {string | null} reason
   * @param {VolumeHost} host
   */
  constructor(name, db, release, reason, host) {
    this.name = name;
    /** Why files do not outlive the page; null when they do. */
    this.reason = reason;
    this.#db = db;
    this.#release = release;
    this.#host = host;
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
    if (!this.#db) return;
    const stored = await this.#claim(this.#db);
    const k = kernel.exports;
    /** @type {(bytes: Uint8Array, use: (ptr: number, length: number) => number) => void} */
    const lend = (bytes, use) => {
      const code = kernel.withBytes([bytes], (ptr) => use(ptr, bytes.length));
      if (code < 0) throw this.#damaged(`a record could not be loaded (error ${-code})`);
    };
    stored.inode.forEach(([key, value]) => {
      const ino = BigInt(/** @type {number} */ (key));
      lend(value, (ptr, length) => k.nidus_load_inode(mount, ino, ptr, length));
    });
    stored.dirent.forEach(([key, child]) => {
      const [parent, entry] = /** @type {[number, string | BufferSource]} */ (key);
      const bytes = typeof entry === "string" ? encoder.encode(entry) : bytesOf(entry);
      lend(bytes, (ptr, length) =>
        k.nidus_load_dirent(mount, BigInt(parent), ptr, length, BigInt(child)),
      );
    });
    stored.chunk.forEach(([key, value]) => {
      const [ino, index] = /** @type {[number, number]} */ (key);
      lend(value, (ptr, length) =>
        k.nidus_load_chunk(mount, BigInt(ino), BigInt(index), ptr, length),
      );
    });
    const code = k.nidus_load_end(mount);
    if (code < 0) throw this.#damaged(`its tree is not whole (error ${-code})`);
    this.#schedule();
  }

  /**
   * Resolves when all that changed before the call is stored for good (`durability: "strict"`).
   * Rejects with `ENOSPC`, `EBUSY` (another tab took the volume over) or `EIO`; nothing is dropped
   * from memory then, and storing is tried again. In a volume in memory there is nothing to do.
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

  /** Stores what changed, then gives lock and database back. */
  async close() {
    try {
      await this.flush();
    } finally {
      clearTimeout(this.#timer);
      this.#db?.close();
      this.#db = null;
      this.#release?.();
      this.#release = null;
      this.reason ??= "the volume is closed";
    }
  }

  /**
   * Reads everything and makes this the volume's writer, in one transaction.
   * @param {IDBDatabase} db
   */
  async #claim(db) {
    const tx = db.transaction(STORES, "readwrite");
    const completed = completion(tx);
    /** @type {(name: string) => Promise<[IDBValidKey, any][]>} */
    const all = async (name) => {
      const store = tx.objectStore(name);
      const [keys, values] = await Promise.all([
        result(store.getAllKeys()),
        result(store.getAll()),
      ]);
      return keys.map((key, i) => [key, values[i]]);
    };
    try {
      const [inode, dirent, chunk, meta] = await Promise.all(STORES.map(all));
      const numbers = meta.map(([key]) => key).filter((key) => typeof key === "number");
      const number = Math.max(0, ...numbers) + 1;
      tx.objectStore("meta").add(Date.now(), number);
      tx.objectStore("meta").delete(IDBKeyRange.bound(-Infinity, number - MOUNTS));
      await completed;
      this.#number = number;
      return { inode, dirent, chunk };
    } catch (error) {
      completed.catch(() => {});
      throw this.#failure(error);
    }
  }

  async #write() {
    const k = this.#kernel?.exports;
    if (!k || !this.persistent) return;
    let begun = false;
    try {
      if (k.nidus_volume_dirty(this.#mount) === 0) return;
      const db = (this.#db ??= await this.#reopen());
      // From here to commit() without a pause: the browser completes the transaction even if a
      // program keeps this worker busy from now on.
      const changes = this.#cut();
      begun = true;
      const tx = db.transaction(STORES, "readwrite", { durability: "strict" });
      const completed = completion(tx);
      completed.catch(() => {}); // Told below, also when the rest of this turn throws.
      fill(tx, changes, this.#number + 1);
      await completed;
      k.nidus_flush_end(this.#mount, 1);
      this.#delay = WRITE_BEHIND;
      this.#host.on?.("flush", null);
    } catch (cause) {
      if (begun) k.nidus_flush_end(this.#mount, 0);
      const error = this.#failure(cause);
      if (error.code === "EBUSY") {
        this.reason = error.message;
        this.#host.on?.("nopersist", error);
      } else {
        this.#delay = Math.min(Math.max(RETRY_FIRST, this.#delay * 2), RETRY_LONGEST);
        this.#host.on?.("flusherror", error);
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
    const count = kernel.check(k.nidus_flush_begin(this.#mount), "flush", this.name);
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
        changes.push({ store: "dirent", key: [long(8), nameKey(bytes(24))], value });
      } else {
        const value = remove ? null : bytes(32);
        if (word(0) === INODE) changes.push({ store: "inode", key: long(8), value });
        else changes.push({ store: "chunk", key: [long(8), long(16)], value });
      }
    }
    kernel.free(out);
    return changes;
  }

  /** After a lost connection: the database must still be the one that was mounted. */
  async #reopen() {
    const db = await openDatabase(/** @type {IDBFactory} */ (this.#host.indexedDB), this.name);
    const meta = db.transaction("meta").objectStore("meta");
    if ((await result(meta.count(this.#number))) === 0) {
      db.close();
      throw this.#takenOver();
    }
    return this.#watch(db);
  }

  /** @param {IDBDatabase} db */
  #watch(db) {
    const lose = () => {
      db.close();
      if (this.#db === db) this.#db = null;
    };
    db.onclose = lose;
    db.onversionchange = lose;
    return db;
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (!this.persistent) return;
    if (this.#db) this.#watch(this.#db);
    this.#timer = setTimeout(() => {
      const dirty = this.#kernel?.exports.nidus_volume_dirty(this.#mount) !== 0;
      // A failure has been told by event.
      if (dirty && !this.#running) this.flush().catch(() => {});
      else this.#schedule();
    }, this.#delay);
    // In Node a volume alone keeps no program alive.
    /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (this.#timer)).unref?.();
  }

  /** @param {string} what */
  #damaged(what) {
    return new NidusError(
      "EIO",
      `volume "${this.name}" is damaged: ${what}; use another name, or delete the site's data`,
    );
  }

  #takenOver() {
    return new NidusError(
      "EBUSY",
      `volume "${this.name}" was opened or deleted elsewhere: what changes here is no longer stored; reload the page`,
    );
  }

  /** @param {unknown} cause */
  #failure(cause) {
    if (cause instanceof NidusError) return cause;
    const name = cause instanceof Error || cause instanceof DOMException ? cause.name : "";
    if (name === "ConstraintError") return this.#takenOver();
    if (name === "QuotaExceededError") {
      return new NidusError(
        "ENOSPC",
        `the browser has no more storage for volume "${this.name}": delete files or free disk space`,
      );
    }
    return new NidusError("EIO", `volume "${this.name}" could not be stored: ${String(cause)}`);
  }
}

/**
 * @param {LockManager} locks
 * @param {string} volume
 * @param {number} patience
 * @returns {Promise<() => void>} gives the lock back
 */
function lock(locks, volume, patience) {
  return new Promise((resolve, reject) => {
    const waited = new AbortController();
    const timer = setTimeout(() => waited.abort(), patience);
    /** @type {() => Promise<void>} */
    const hold = () => {
      clearTimeout(timer);
      return new Promise((release) => resolve(() => release()));
    };
    locks.request(`nidus:${volume}`, { signal: waited.signal }, hold).catch((error) => {
      clearTimeout(timer);
      reject(
        error?.name === "AbortError"
          ? new NidusError(
              "EBUSY",
              `volume "${volume}" is open in another tab or window: close that one, then reload this page`,
            )
          : error,
      );
    });
  });
}

/**
 * @param {IDBFactory} factory
 * @param {string} volume
 * @returns {Promise<IDBDatabase>}
 */
async function openDatabase(factory, volume) {
  const request = factory.open(`nidus:${volume}`, SCHEMA);
  request.onupgradeneeded = () => {
    for (const store of STORES) request.result.createObjectStore(store);
    /** @type {IDBTransaction} */ (request.transaction).objectStore("meta").put(SCHEMA, "schema");
  };
  try {
    return await result(request);
  } catch (error) {
    if (/** @type {DOMException} */ (error).name !== "VersionError") throw error;
    throw new NidusError(
      "ENOTSUP",
      `volume "${volume}" was written by a newer version of Nidus: update this page`,
    );
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @param {IDBTransaction} tx
 * @returns {Promise<void>}
 */
function completion(tx) {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error ?? new Error("the transaction was aborted"));
  });
}

/**
 * Puts a cut into a transaction, whole or not at all.
 * @param {IDBTransaction} tx
 * @param {Change[]} changes
 * @param {number} next the number a later mount would have
 */
function fill(tx, changes, next) {
  try {
    const meta = tx.objectStore("meta");
    meta.add(0, next);
    meta.delete(next);
    for (const change of changes) {
      const store = tx.objectStore(change.store);
      if (change.value !== null) store.put(change.value, change.key);
      else store.delete(deleted(change));
    }
    tx.commit?.();
  } catch (error) {
    if (tx.error === null) tx.abort();
    throw error;
  }
}

/**
 * What a deletion means: a chunk's, all from there to the file's end; that of an entry without a name, all
 * of the folder.
 * @param {Change} change
 */
function deleted({ store, key }) {
  if (store === "chunk") return IDBKeyRange.bound(key, [key[0], Infinity]);
  if (store === "dirent" && key[1] === "") return IDBKeyRange.bound([key[0]], [key[0], []]);
  return key;
}

/** @param {BufferSource} source */
function bytesOf(source) {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

/**
 * A name as a key: a string, so that the database reads well in the browser's tools; bytes where the
 * name is not UTF-8.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {string | Uint8Array<ArrayBuffer>}
 */
function nameKey(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return bytes;
  }
}

/**
 * A volume's store in IndexedDB: the database `nidus:<name>`.
 *
 *   inode   ino                 -> Uint8Array, opaque
 *   dirent  [parent, name]      -> ino
 *   chunk   [ino, index]        -> Uint8Array
 *   meta    "schema" -> 1,  number of a mount -> its time
 *
 * Two writers never mix. A Web Lock `nidus:<name>` (`lockVolume`) refuses the second one while the
 * first lives. Where there are no Web Locks (plain http), and against every other surprise, each mount has
 * a number, one more than the one before, and leaves it in `meta`. A flush adds the number after its own
 * and takes it away again: if a later mount has left it there, the add fails, and with it the
 * transaction.
 */

import { NidusError } from "./errors.js";

const SCHEMA = 1;
const STORES = ["inode", "dirent", "chunk", "meta"];
/** Numbers of mounts that are remembered: a writer overtaken so often would not be noticed. */
const MOUNTS = 256;
/** A lock just given back by a page that goes away becomes free within this time. */
const LOCK_PATIENCE = 1000;

/** @typedef {import("./volume.js").Change} Change */

/** @typedef {import("./volume.js").Store} Store */

/** @implements {Store} */
export class Database {
  /** @type {IDBDatabase | null} null: the connection was lost */
  #db;
  #name;
  #factory;
  /** Which mount of the database this is. */
  #number = 0;

  /**
   * Rejects with a `NidusError` where the database must not be used, with the browser's own error where
   * there is none to be had.
   * @param {IDBFactory} factory
   * @param {string} name
   */
  static async open(factory, name) {
    return new Database(factory, name, await openDatabase(factory, name));
  }

  /**
   * @param {IDBFactory} factory
   * @param {string} name
   * @param {IDBDatabase} db
   */
  constructor(factory, name, db) {
    this.#factory = factory;
    this.#name = name;
    this.#db = this.#watch(db);
  }

  /** Reads everything and makes this the volume's writer, in one transaction. */
  async read() {
    const tx = /** @type {IDBDatabase} */ (this.#db).transaction(STORES, "readwrite");
    const completed = completion(tx);
    /** @type {(name: string) => Promise<[any, any][]>} */
    const all = async (name) => {
      const store = tx.objectStore(name);
      const [keys, values] = await Promise.all([
        result(store.getAllKeys()),
        result(store.getAll()),
      ]);
      return keys.map((key, i) => [key, values[i]]);
    };
    try {
      const [inode = [], dirent = [], chunk = [], meta = []] = await Promise.all(STORES.map(all));
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

  /**
   * One transaction, with all that can be asked of durability.
   * @param {Change[]} changes
   */
  async write(changes) {
    try {
      const db = (this.#db ??= await this.#reopen());
      const tx = db.transaction(STORES, "readwrite", { durability: "strict" });
      const completed = completion(tx);
      completed.catch(() => {}); // Told below, also when `fill` throws.
      fill(tx, changes, this.#number + 1);
      await completed;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  close() {
    this.#db?.close();
    this.#db = null;
  }

  /** After a lost connection: the database must still be the one that was mounted. */
  async #reopen() {
    const db = await openDatabase(this.#factory, this.#name);
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

  #takenOver() {
    return new NidusError(
      "EBUSY",
      `Volume "${this.#name}" was opened or deleted elsewhere: what changes here is no longer stored; reload the page.`,
    );
  }

  /** @param {unknown} cause */
  #failure(cause) {
    if (cause instanceof NidusError) return cause;
    const name = /** @type {{name?: unknown} | null} */ (cause)?.name;
    if (name === "ConstraintError") return this.#takenOver();
    if (name === "QuotaExceededError") {
      return new NidusError(
        "ENOSPC",
        `The browser has no more storage for volume "${this.#name}": delete files or free disk space.`,
      );
    }
    return new NidusError("EIO", `Volume "${this.#name}" could not be stored: ${String(cause)}`);
  }
}

/**
 * Makes this page or worker the only one with volume `name`; answers what gives it back. Rejects with
 * `EBUSY` when another one has it.
 * @param {LockManager} locks
 * @param {string} name
 * @param {number} [patience] milliseconds to wait for one that is going away
 * @returns {Promise<() => void>}
 */
export function lockVolume(locks, name, patience = LOCK_PATIENCE) {
  return new Promise((resolve, reject) => {
    const waited = new AbortController();
    const timer = setTimeout(() => waited.abort(), patience);
    /** @type {() => Promise<void>} */
    const hold = () => {
      clearTimeout(timer);
      return new Promise((release) => resolve(() => release()));
    };
    locks.request(`nidus:${name}`, { signal: waited.signal }, hold).catch((error) => {
      clearTimeout(timer);
      reject(
        error?.name === "AbortError"
          ? new NidusError(
              "EBUSY",
              `Volume "${name}" is open in another tab or window: close that one, then reload this page.`,
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

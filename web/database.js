/**
 * A volume's store in IndexedDB: the database `nidus:<name>`.
 *
 *   inode   ino                 -> Uint8Array, opaque
 *   dirent  [parent, name]      -> ino
 *   chunk   [ino, index]        -> Uint8Array
 *   meta    "schema" -> 1,  number of a mount -> its time
 *
 * Two writers never mix. A Web Lock `nidus:<name>` (volume-lock.js) refuses the second one while the
 * first lives. Where there are no Web Locks (plain http), and against every other surprise, each mount has
 * a number, one more than the one before, and leaves it in `meta`. A flush adds the number after its own
 * and takes it away again: if a later mount has left it there, the add fails, and with it the
 * transaction.
 */

import { STORES } from "./volume.js";

const SCHEMA = 1;
const ALL = [...STORES, "meta"];
/** Numbers of mounts that are remembered: a writer overtaken so often would not be noticed. */
const MOUNTS = 256;

/** @typedef {import("./volume.js").Change} Change */
/** @typedef {import("./volume.js").Store} Store */

/** @implements {Store} */
export class Database {
  /** @type {IDBDatabase | null} null: the connection was lost */
  #db = null;
  /** @readonly */
  name;
  #factory;
  /** Which mount of the database this is; 0 before it is read. */
  #number = 0;

  /**
   * Rejects with the browser's own error, as all here does: `VersionError` where the database must not be
   * used, others where there is none to be had.
   * @param {IDBFactory} factory
   * @param {string} name
   */
  static async open(factory, name) {
    const database = new Database(factory, name);
    await database.#connect();
    return database;
  }

  /**
   * @param {IDBFactory} factory
   * @param {string} name
   */
  constructor(factory, name) {
    this.#factory = factory;
    this.name = name;
  }

  /** Reads everything and makes this the volume's writer, in one transaction. */
  read() {
    return this.#transact({}, async (tx) => {
      const meta = tx.objectStore("meta");
      // Numbers come before texts, and the highest last.
      const numbers = await result(meta.getAllKeys(IDBKeyRange.upperBound(Infinity)));
      this.#number = Number(numbers.at(-1) ?? 0) + 1;
      meta.add(Date.now(), this.#number);
      meta.delete(IDBKeyRange.upperBound(this.#number - MOUNTS));
      const records = STORES.map(async (store) => {
        const from = tx.objectStore(store);
        const [keys, values] = await Promise.all([
          result(from.getAllKeys()),
          result(from.getAll()),
        ]);
        return keys.map((key, i) => ({ store, key: /** @type {any} */ (key), value: values[i] }));
      });
      return (await Promise.all(records)).flat();
    });
  }

  /**
   * One transaction, with all that can be asked of durability.
   * @param {Change[]} changes
   */
  write(changes) {
    return this.#transact({ durability: "strict" }, (tx) => {
      const meta = tx.objectStore("meta");
      meta.add(0, this.#number + 1);
      meta.delete(this.#number + 1);
      for (const { store, key, value, rest } of changes) {
        const into = tx.objectStore(store);
        if (value !== null) into.put(value, key);
        // A list comes after all numbers and texts.
        else into.delete(rest ? IDBKeyRange.bound(key, [[key].flat()[0], []]) : key);
      }
      tx.commit?.();
    });
  }

  close() {
    this.#db?.close();
    this.#db = null;
  }

  /**
   * What `use` does, whole or not at all.
   * @template T
   * @param {IDBTransactionOptions} options
   * @param {(tx: IDBTransaction) => T} use makes its first requests at once
   * @returns {Promise<Awaited<T>>}
   */
  async #transact(options, use) {
    const db = this.#db ?? (await this.#connect());
    const tx = db.transaction(ALL, "readwrite", options);
    /** @type {Promise<void>} */
    const completed = new Promise((resolve, reject) => {
      tx.oncomplete = () => resolve();
      tx.onabort = () => reject(tx.error ?? new Error("the transaction was aborted"));
    });
    completed.catch(() => {}); // Told below, also when `use` throws.
    try {
      const answer = await use(tx);
      await completed;
      return answer;
    } catch (error) {
      if (tx.error === null) tx.abort();
      throw error;
    }
  }

  async #connect() {
    const request = this.#factory.open(`nidus:${this.name}`, SCHEMA);
    request.onupgradeneeded = () => {
      for (const store of ALL) request.result.createObjectStore(store);
      /** @type {IDBTransaction} */ (request.transaction).objectStore("meta").put(SCHEMA, "schema");
    };
    const db = await result(request);
    const lose = () => {
      db.close();
      if (this.#db === db) this.#db = null;
    };
    if (this.#number > 0) {
      // After a lost connection, it must still be the one that was mounted.
      const meta = db.transaction("meta").objectStore("meta");
      if ((await result(meta.count(this.#number))) === 0) {
        lose();
        throw new DOMException("", "ConstraintError");
      }
    }
    db.onclose = db.onversionchange = lose;
    return (this.#db = db);
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

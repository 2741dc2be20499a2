/**
 * A volume's store in IndexedDB: the database `nidus:<name>`.
 *
 *   inode   ino                 -> Uint8Array, opaque
 *   dirent  [parent, name]      -> ino
 *   chunk   [ino, index]        -> Uint8Array
 *   meta    number of a mount -> its time
 *
 * Two writers never mix. A Web Lock `nidus:<name>` (volume-lock.js) refuses the second one while the
 * first lives. Where there are no Web Locks (plain http), and against every other surprise, each mount has
 * a number, one more than the one before, and leaves it in `meta`. A flush adds the number after its own
 * and takes it away again: if a later mount has left it there, the add fails, and with it the
 * transaction.
 */

import { MOUNTS } from "./limits.js";
import { STORES } from "./volume.js";

const SCHEMA = 1;
const ALL = [...STORES, "meta"];

/**
 * Opens the database of a volume. Rejects with the browser's own error, as all here does: `VersionError`
 * where the database must not be used, others where there is none to be had.
 * @param {IDBFactory} factory
 * @param {string} name
 * @returns {Promise<import("./volume.js").Store>}
 */
export async function openDatabase(factory, name) {
  /** @type {IDBDatabase | null} null: the connection was lost */
  let db = null;
  /** Which mount of the database this is; 0 before it is read. */
  let number = 0;

  const connect = async () => {
    const request = factory.open(`nidus:${name}`, SCHEMA);
    request.onupgradeneeded = () => {
      for (const store of ALL) request.result.createObjectStore(store);
    };
    const opened = await result(request);
    const lose = () => {
      opened.close();
      if (db === opened) db = null;
    };
    if (number > 0) {
      // After a lost connection, it must still be the one that was mounted.
      const meta = opened.transaction("meta").objectStore("meta");
      if ((await result(meta.count(number))) === 0) {
        lose();
        throw new DOMException("", "ConstraintError");
      }
    }
    opened.onclose = opened.onversionchange = lose;
    return (db = opened);
  };

  /**
   * What `use` does, whole or not at all.
   * @template T
   * @param {IDBTransactionOptions} options
   * @param {(tx: IDBTransaction, meta: IDBObjectStore) => Promise<T>} use makes its first requests at once
   * @returns {Promise<T>}
   */
  const transact = async (options, use) => {
    const tx = (db ?? (await connect())).transaction(ALL, "readwrite", options);
    const completed = new Promise((resolve, reject) => {
      tx.oncomplete = resolve;
      tx.onabort = () => reject(tx.error ?? new Error("the transaction was aborted"));
    });
    try {
      const [answer] = await Promise.all([use(tx, tx.objectStore("meta")), completed]);
      return answer;
    } catch (error) {
      try {
        tx.abort();
      } catch {} // It has ended already.
      throw error;
    }
  };

  await connect();
  return {
    name,

    /** Reads everything and makes this the volume's writer, in one transaction. */
    read: () =>
      transact({}, async (tx, meta) => {
        // An early database has a text there, too; numbers come before texts, and the highest last.
        const numbers = await result(meta.getAllKeys(IDBKeyRange.upperBound(Infinity)));
        number = Number(numbers.at(-1) ?? 0) + 1;
        meta.add(Date.now(), number);
        meta.delete(IDBKeyRange.upperBound(number - MOUNTS));
        const records = STORES.map(async (store) => {
          const from = tx.objectStore(store);
          const [keys, values] = await Promise.all([
            result(from.getAllKeys()),
            result(from.getAll()),
          ]);
          return keys.map((key, i) => ({ store, key: /** @type {any} */ (key), value: values[i] }));
        });
        return (await Promise.all(records)).flat();
      }),

    /** One transaction, with all that can be asked of durability. */
    write: (changes) =>
      transact({ durability: "strict" }, async (tx, meta) => {
        meta.add(0, number + 1);
        meta.delete(number + 1);
        for (const { store, key, value, rest } of changes) {
          const into = tx.objectStore(store);
          if (value !== null) into.put(value, key);
          // A list comes after all numbers and texts.
          else into.delete(rest ? IDBKeyRange.bound(key, [[key].flat()[0], []]) : key);
        }
        tx.commit?.();
      }),

    close() {
      db?.close();
      db = null;
    },
  };
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

/**
 * A volume's store in IndexedDB: the database `nidus:<name>`.
 *
 *   log     1, 2, …             -> Uint8Array, opaque, in the order of their numbers
 *   chunk   [ino, index]        -> Uint8Array
 *   meta    number of a mount   -> its time
 *
 * Two writers never mix. A Web Lock `nidus:<name>` (volume-lock.js) refuses the second one while the
 * first lives. Where there are no Web Locks (plain http), and against every other surprise, each mount has
 * a number, one more than the one before, and leaves it in `meta`. A flush adds the number after its own
 * and takes it away again: if a later mount has left it there, the add fails, and with it the
 * transaction. Chunks are read in a transaction that looks whether it is there.
 *
 * A view reads what somebody else writes, and leaves nothing. It gets chunks only while it knows the whole log, so that
 * what it shows is one moment of the volume.
 */

import { MOUNTS } from "./limits.js";

const SCHEMA = 2;
const ALL = ["log", "chunk", "meta"];

/** @typedef {(db: IDBDatabase, tx: IDBTransaction) => Promise<void>} Migration */

/**
 * Opens the database of a volume. Rejects with the browser's own error, as all here does: `VersionError`
 * where the database must not be used, others where there is none to be had.
 * @param {IDBFactory} factory
 * @param {string} name
 * @param {boolean} [view]
 * @returns {Promise<import("./volume.js").Store>}
 */
export async function openDatabase(factory, name, view) {
  /** @type {IDBDatabase | null} null: the connection was lost */
  let db = null;
  /** Which mount of the database this is; 0 before it is read. */
  let number = 0;
  /** The number of the last segment that a view has read. */
  let last = 0;
  /** @type {Migration | undefined} from schema 1, once it is needed */
  let migrate;

  const connect = async () => {
    const request = factory.open(`nidus:${name}`, SCHEMA);
    let older = false;
    request.onupgradeneeded = ({ oldVersion }) => {
      const tx = /** @type {IDBTransaction} */ (request.transaction);
      if ((older = oldVersion > 0) && !migrate) return tx.abort();
      request.result.createObjectStore("log", { autoIncrement: true });
      if (older) return void migrate?.(request.result, tx).catch(() => abort(tx));
      for (const store of ["chunk", "meta"]) request.result.createObjectStore(store);
    };
    /** @type {IDBDatabase} */
    let opened;
    try {
      opened = await result(request);
    } catch (error) {
      if (!older || migrate) throw error;
      // A transaction does not outlive waiting for the module.
      ({ migrate } = await import("./volume-migrate.js"));
      return connect();
    }
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
   * @param {IDBTransactionMode} mode
   * @param {IDBTransactionOptions} options
   * @param {(tx: (store: string) => IDBObjectStore, commit: () => void) => Promise<T>} use makes its first requests
   *   at once
   * @returns {Promise<T>}
   */
  const transact = async (mode, options, use) => {
    const tx = (db ?? (await connect())).transaction(ALL, mode, options);
    const completed = new Promise((resolve, reject) => {
      tx.oncomplete = resolve;
      tx.onabort = () => reject(tx.error ?? new Error("the transaction was aborted"));
    });
    try {
      const used = use(
        (store) => tx.objectStore(store),
        () => tx.commit?.(),
      );
      return (await Promise.all([used, completed]))[0];
    } catch (error) {
      abort(tx);
      throw error;
    }
  };

  /** What of the log a view has not read. */
  const refresh = () =>
    transact("readonly", {}, async (store) => {
      const range = IDBKeyRange.lowerBound(last, true);
      const log = store("log");
      const [keys, segments] = await Promise.all([
        result(log.getAllKeys(range)),
        result(log.getAll(range)),
      ]);
      last = Number(keys.at(-1) ?? last);
      return segments;
    });

  await connect();
  return {
    name,
    refresh: view && refresh,

    open: () =>
      view
        ? refresh()
        : transact("readwrite", {}, async (store) => {
            const meta = store("meta");
            // An early database has a text there, too; numbers come before texts, and the highest last.
            const numbers = await result(meta.getAllKeys(IDBKeyRange.upperBound(Infinity)));
            number = Number(numbers.at(-1) ?? 0) + 1;
            meta.add(Date.now(), number);
            meta.delete(IDBKeyRange.upperBound(number - MOUNTS));
            return result(store("log").getAll());
          }),

    // With all that can be asked of durability.
    write: ({ restart, segments, cuts, chunks }) =>
      transact("readwrite", { durability: "strict" }, async (store, commit) => {
        const [log, chunk, meta] = /** @type {[IDBObjectStore, IDBObjectStore, IDBObjectStore]} */ (
          ALL.map(store)
        );
        meta.add(0, number + 1);
        meta.delete(number + 1);
        if (restart) log.clear();
        for (const segment of segments) log.add(segment);
        // A list comes after all numbers.
        for (const [ino, from] of cuts) chunk.delete(IDBKeyRange.bound([ino, from], [ino, []]));
        for (const { key, bytes } of chunks) chunk.put(bytes, key);
        commit();
      }),

    chunks: (ino, first, count) =>
      transact("readonly", {}, async (store) => {
        const [guard, known] = view ? ["log", last] : ["meta", number];
        const later = result(store(guard).count(IDBKeyRange.bound(known + 1, Infinity)));
        const chunk = store("chunk");
        const found = Array.from({ length: count }, (_, i) => result(chunk.get([ino, first + i])));
        if ((await later) === 0) return Promise.all(found);
        if (view) return null;
        throw new DOMException("", "ConstraintError");
      }),

    keys: () =>
      transact(
        "readonly",
        {},
        async (store) =>
          /** @type {[number, number][]} */ (await result(store("chunk").getAllKeys())),
      ),

    delete: (keys) =>
      transact("readwrite", {}, async (store) => {
        store("meta").add(0, number + 1);
        store("meta").delete(number + 1);
        for (const key of keys) store("chunk").delete(key);
      }),

    close() {
      db?.close();
      db = null;
    },
  };
}

/** @param {IDBTransaction} tx */
function abort(tx) {
  try {
    tx.abort();
  } catch {} // It has ended already.
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

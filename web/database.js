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
 * transaction. Chunks are read in a transaction that looks whether it is there, and on a view whether the log
 * has grown.
 *
 * A browser may give up a database that it cannot read any more, after a full disk for instance, and open it empty. What
 * was mounted is in memory: `write` then takes nothing but a whole log, and says so by a `LossError`. One that was
 * deleted on purpose stays so.
 *
 * A flush that fails may be there all the same, when the connection was lost. So it is done again under the same numbers,
 * which changes nothing then, and those numbers are never used for anything else.
 */

import { LOCK_PATIENCE, MOUNTS, OPEN_PATIENCE } from "./limits.js";

const SCHEMA = 2;
const ALL = ["log", "chunk", "meta"];
/** What errors are called that may mean no more than a lost connection. */
const LOSSES = /Abort|InvalidState|Unknown/;

/** @typedef {(db: IDBDatabase, tx: IDBTransaction) => Promise<void>} Migration */

/**
 * A volume `idb:NAME`.
 * @type {import("./volume-kinds.js").Kind["openStore"]}
 */
export const openStore = (name) => openDatabase(indexedDB, name);

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
  /** @type {Promise<IDBDatabase> | null} the one that is being opened, shared by all who need it */
  let opening = null;
  let closed = false;
  /** The transactions under way. @type {Set<{onabort: any}>} */
  const pending = new Set();
  /** Which mount of the database this is; 0 before it is read. */
  let number = 0;
  /** What its entry in `meta` says, so that no other database is taken for it. */
  let time = 0;
  /** It is a view of another one's. */
  let view = false;
  /** The last segment that was read or written, and the last that is known to be stored. */
  let [last, stored] = [0, 0];
  /** The browser has lost the log; it is to be written whole. */
  let lossy = false;
  let deleted = false;
  /** @type {Migration | undefined} from schema 1, once it is needed */
  let migrate;

  /** @returns {Promise<IDBDatabase>} */
  const connect = async () => {
    const request = factory.open(`nidus:${name}`, SCHEMA);
    let older = false;
    let gone = false;
    request.onupgradeneeded = ({ oldVersion }) => {
      const tx = /** @type {IDBTransaction} */ (request.transaction);
      if (oldVersion === 0 && number > 0) {
        if ((gone = view || deleted)) return tx.abort();
        lossy = true;
      }
      if ((older = oldVersion > 0) && !migrate) return tx.abort();
      request.result.createObjectStore("log", { autoIncrement: true });
      if (older) return void migrate?.(request.result, tx).catch(() => abort(tx));
      for (const store of ["chunk", "meta"]) request.result.createObjectStore(store);
      if (lossy) tx.objectStore("meta").put(time, number);
    };
    /** @type {IDBDatabase} */
    let opened;
    try {
      opened = await answered(request);
    } catch (error) {
      if (gone) throw exception("ConstraintError");
      if (!older || migrate) throw error;
      // A transaction does not outlive waiting for the module.
      ({ migrate } = await import("./volume-migrate.js"));
      return connect();
    }
    const lose = () => {
      opened.close();
      if (db === opened) db = null;
    };
    // Before anything is waited for: a request of another page that nobody heard would wait for this one for ever.
    opened.onclose = () => {
      lose();
      // Whether a dead connection still tells each transaction is the browser's affair.
      for (const tx of pending) tx.onabort();
    };
    opened.onversionchange = ({ newVersion }) => {
      if (newVersion === null) deleted = true;
      lose();
    };
    try {
      if (closed) throw exception("Closed");
      if (number > 0) await recognize(opened);
    } catch (error) {
      lose();
      throw error;
    }
    return (db = opened);
  };

  /**
   * After a lost connection, it must still be the one that was mounted.
   * @param {IDBDatabase} opened
   */
  const recognize = async (opened) => {
    const tx = opened.transaction(["log", "meta"]);
    const [mounted, newest] = await Promise.all([
      result(tx.objectStore("meta").get(number)),
      result(tx.objectStore("log").count(IDBKeyRange.lowerBound(stored))),
    ]);
    if (mounted !== time) throw exception("ConstraintError");
    if (newest === 0 && stored > 0) lossy = true;
  };

  const connected = () => (opening ??= connect().finally(() => (opening = null)));

  /**
   * What `use` does, whole or not at all.
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {IDBTransactionOptions} options
   * @param {(tx: (store: string) => IDBObjectStore, commit: () => void) => Promise<T>} use makes its first requests
   *   at once
   * @returns {Promise<T>}
   */
  const attempt = async (mode, options, use) => {
    const tx = (db ?? (await connected())).transaction(ALL, mode, options);
    const completed = new Promise((resolve, reject) => {
      tx.oncomplete = resolve;
      tx.onabort = () => reject(tx.error ?? exception("AbortError"));
    });
    pending.add(tx);
    try {
      const used = use(
        (store) => tx.objectStore(store),
        () => tx.commit?.(),
      );
      return (await Promise.all([used, completed]))[0];
    } catch (error) {
      abort(tx);
      throw error;
    } finally {
      pending.delete(tx);
    }
  };

  const close = () => {
    db?.close();
    db = null;
  };

  /**
   * `attempt`, and once more on a new connection when the one that was there proves to be of no use any more:
   * browsers say so in several ways, some only when a transaction has failed.
   * @type {typeof attempt}
   */
  const transact = (mode, options, use) =>
    attempt(mode, options, use).catch((error) => {
      if (!LOSSES.test(error.name)) throw error;
      close();
      return attempt(mode, options, use);
    });

  await connected();
  /** Other tabs' views are told here. */
  const channel = new BroadcastChannel(`nidus:${name}`);
  channel.onmessage = () => store.onchange?.();
  // In Node it alone keeps no program alive.
  /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (channel)).unref?.();

  /** @type {import("./volume.js").Store} */
  const store = {
    name,
    onchange: null,

    async open(asView, range) {
      let [mount, end, when] = [0, last, time];
      const log = await transact(asView ? "readonly" : "readwrite", {}, async (store) => {
        const meta = store("meta");
        const behind = IDBKeyRange.lowerBound(last, true);
        const [numbers, keys, segments, ...chunks] = await Promise.all([
          // An early database has a text there, too; numbers come before texts, and the highest last.
          result(meta.getAllKeys(IDBKeyRange.upperBound(Infinity))),
          result(store("log").getAllKeys(behind)),
          result(store("log").getAll(behind)),
          ...(range ? getChunks(store("chunk"), ...range) : []),
        ]);
        mount = Number(numbers.at(-1) ?? 0);
        end = Number(keys.at(-1) ?? last);
        if (asView) {
          when = await result(meta.get(mount));
        } else {
          meta.add((when = Date.now()), ++mount);
          meta.delete(IDBKeyRange.upperBound(mount - MOUNTS));
        }
        return Object.assign(segments, { chunks });
      });
      [number, time, last, stored, view] = [mount, when, end, end, asView];
      return log;
    },

    // With all that can be asked of durability.
    async write({ restart, segments, cuts, strays = [], chunks }) {
      const before = last;
      last += segments.length;
      await transact("readwrite", { durability: "strict" }, async (store, commit) => {
        const [log, chunk, meta] = /** @type {[IDBObjectStore, IDBObjectStore, IDBObjectStore]} */ (
          ALL.map(store)
        );
        if (lossy && !restart) throw exception("LossError");
        meta.add(0, number + 1);
        meta.delete(number + 1);
        if (restart) log.clear();
        segments.forEach((segment, i) => log.put(segment, before + 1 + i));
        // A list comes after all numbers.
        for (const [ino, from] of cuts) chunk.delete(IDBKeyRange.bound([ino, from], [ino, []]));
        for (const { ino, index } of strays) chunk.delete([ino, index]);
        for (const { key, bytes } of chunks) chunk.put(bytes, key);
        commit();
      });
      stored = last;
      if (restart) lossy = false;
      channel.postMessage(last);
    },

    chunks: (ino, first, count) =>
      transact("readonly", {}, async (store) => {
        // Of a view's writer, or of who took the volume over.
        const later = result(
          view
            ? store("log").count(IDBKeyRange.lowerBound(last, true))
            : store("meta").count(IDBKeyRange.bound(number + 1, Infinity)),
        );
        // Together, for all of them fail if one does.
        const [more, ...chunks] = await Promise.all([
          later,
          ...getChunks(store("chunk"), ino, first, count),
        ]);
        if (more === 0) return chunks;
        if (view) return null;
        throw exception("ConstraintError");
      }),

    keys: () =>
      transact(
        "readonly",
        {},
        async (store) =>
          /** @type {[number, number][]} */ (await result(store("chunk").getAllKeys())),
      ),

    close() {
      closed = true;
      channel.close();
      close();
    },
  };
  return store;
}

/**
 * The database that was asked for. Rejects when another page keeps one of an earlier layout open, and does not close it
 * when asked to; and when nothing at all is answered, which Safari is known for.
 * @param {IDBOpenDBRequest} request
 * @returns {Promise<IDBDatabase>}
 */
export function answered(request) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const gaveUp = new Promise((_, reject) => {
    const giveUp = (/** @type {string} */ name) => {
      // A layout that is being changed takes its time.
      if (request.readyState === "done" || request.transaction) return;
      // When it is opened after all, nobody waits for it any more.
      request.onupgradeneeded = () => request.transaction?.abort();
      request.onsuccess = () => request.result.close();
      reject(exception(name));
    };
    timer = setTimeout(giveUp, OPEN_PATIENCE, "TimeoutError");
    request.onblocked = () => setTimeout(giveUp, LOCK_PATIENCE, "BlockedError");
  });
  return Promise.race([result(request), /** @type {Promise<never>} */ (gaveUp)]).finally(() =>
    clearTimeout(timer),
  );
}

/**
 * @param {IDBObjectStore} chunk
 * @param {number} ino
 * @param {number} first
 * @param {number} count
 * @returns {Promise<Uint8Array | undefined>[]}
 */
const getChunks = (chunk, ino, first, count) =>
  Array.from({ length: count }, (_, i) => result(chunk.get([ino, first + i])));

/** @param {string} name what its cause is called */
const exception = (name) => new DOMException("", name);

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

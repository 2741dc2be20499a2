/**
 * The files of programs built by Emscripten, in the browser's database as its IDBFS keeps them:
 *
 *   database: the path it is mounted at there, version 21      store: FILE_DATA, with an index `timestamp`
 *   "/mount/point/dir"      {timestamp: Date, mode}
 *   "/mount/point/dir/file" {timestamp: Date, mode, contents: Uint8Array}
 *   "/mount/point/link"     {timestamp: Date, mode, link: string}
 *
 * Both sides hold all files in memory, and learn of each other by comparing times. Here this happens in the one
 * transaction of a flush: what the other program has put or deleted is taken into the tree, unless it
 * has changed here, too: then the later change stays. What has changed here is put and deleted, and nothing else: a
 * record that was not known here when the transaction began is never deleted or overwritten unread, which is
 * what IDBFS itself does.
 *
 * `notes` has what the store holds of each path: the time of its record, and which inode that was here, at
 * which of its changes (path_store.h). What was put is noted when the transaction is complete.
 */

import { answered } from "./database.js";
import { NidusError } from "./errors.js";
import { createSync } from "./fs.js";
import { FILE, FOLDER, LINK, createMerge, isAsStored, isCovered } from "./idbfs-merge.js";

const VERSION = 21;
const STORE = "FILE_DATA";
const INDEX = "timestamp";
/** Records read at a time when most of them are. */
const BATCH = 256;
/** The bits of a mode that say what WASI's file types say. */
const MODES = /** @type {Record<number, number>} */ ({
  [FOLDER]: 0o40000,
  [FILE]: 0o100000,
  [LINK]: 0o120000,
});
const TYPE_BITS = 0o170000;

/** @typedef {import("./kernel.js").Kernel} Kernel */
/** @typedef {import("./idbfs-merge.js").Entry} Entry */
/** @typedef {import("./idbfs-merge.js").FileRecord} FileRecord */

/**
 * Opens the database of what Emscripten mounts at `name`. Rejects with the browser's own error, or with a
 * `NidusError` where the database is not IDBFS's.
 * @param {string} name
 * @param {string} path where it is mounted here
 * @param {IDBFactory} factory
 */
export async function openStore(name, path, factory) {
  if (!/^\//.test(name)) {
    throw new NidusError(
      "EINVAL",
      `"idbfs:${name}" names no mount point: say the path at which the program built by Emscripten mounts IDBFS, ` +
        `such as "idbfs:/home/web_user".`,
    );
  }
  const prefix = name.replace(/\/?$/, "/");
  const mountPath = path.replace(/\/?$/, "/");
  /** @type {Map<string, import("./idbfs-merge.js").Note>} */
  let notes = new Map();
  /** @type {IDBDatabase | null} null: the connection was lost */
  let db = null;

  const connect = async () => {
    const opened = await openDatabase(factory, name);
    const lose = () => {
      opened.close();
      if (db === opened) db = null;
    };
    opened.onclose = opened.onversionchange = lose;
    return (db = opened);
  };

  const close = () => {
    db?.close();
    db = null;
  };

  /**
   * Puts what is new in the tree into the store, in a transaction; answers what its notes are then.
   * @param {Kernel} kernel
   * @param {IDBObjectStore} files
   * @param {import("./idbfs-merge.js").Tree} tree
   */
  const putChanges = (kernel, files, tree) => {
    const after = new Map(notes);
    for (const [path, entry] of tree) {
      const note = notes.get(path);
      if (isAsStored(note, entry) || isCovered(tree, path)) continue;
      // Others see by the time alone that there is something new.
      const time = entry.time === note?.time ? entry.time + 1 : entry.time;
      files.put(toRecord(kernel, mountPath + path, entry, time), prefix + path);
      after.set(path, { ino: entry.ino, change: entry.change, time });
    }
    for (const path of notes.keys()) {
      if (tree.has(path)) continue;
      files.delete(prefix + path);
      after.delete(path);
    }
    return after;
  };

  /**
   * Both ways, in one transaction; answers the paths that have changed on both sides.
   * @param {Kernel} kernel
   * @param {number} mount
   * @param {boolean} fills for the first time
   */
  const synchronize = async (kernel, mount, fills) => {
    const tx = (db ?? (await connect())).transaction(STORE, "readwrite", { durability: "strict" });
    const completed = new Promise((resolve, reject) => {
      tx.oncomplete = resolve;
      tx.onabort = () => reject(tx.error ?? new Error("the transaction was aborted"));
    });
    const work = async () => {
      const files = tx.objectStore(STORE);
      const times = await readTimes(files, prefix);
      const paths = [...times.keys()].filter((path) => notes.get(path)?.time !== times.get(path));
      const begin = () => createMerge(kernel, mount, mountPath, notes, times);
      /** @type {ReturnType<begin> | null} */
      let merge = null;
      try {
        /** @type {[string, FileRecord][]} */
        let news = [];
        for await (const values of readValues(files, prefix, paths.sort(), times.size)) {
          for (const [path, value] of values) {
            const record = fromRecord(value, times.get(path) ?? 0);
            if (record) news.push([path, record]);
          }
          // While nobody uses the mount, its contents need not be twice in memory.
          if (fills) {
            merge ??= begin();
            for (const [path, record] of news) merge.take(path, record);
            news = [];
          }
        }
        // Without a pause from here on: neither the store nor the tree changes meanwhile.
        merge ??= begin();
        for (const [path, record] of news) merge.take(path, record);
      } finally {
        merge?.settle();
      }
      const { tree, conflicts } = merge.settle();
      const after = putChanges(kernel, files, tree);
      tx.commit?.();
      return { conflicts, after };
    };
    try {
      const [{ conflicts, after }] = await Promise.all([work(), completed]);
      notes = after;
      return conflicts;
    } catch (error) {
      try {
        tx.abort();
      } catch {} // It has ended already.
      throw error;
    }
  };

  /**
   * @param {Kernel} kernel
   * @param {number} mount
   * @param {boolean} fills
   */
  const flush = async (kernel, mount, fills) => {
    let errno = 0;
    try {
      return await synchronize(kernel, mount, fills);
    } catch (error) {
      const { errno: number, name: thrown } = /** @type {{errno?: number, name?: string}} */ (
        error
      );
      errno = number ?? (thrown === "QuotaExceededError" ? ENOSPC : EIO);
      // A connection that may be dying is not used again.
      if (!(error instanceof NidusError)) close();
      throw error;
    } finally {
      kernel.exports.nidus_paths_end(mount, errno);
    }
  };

  await connect();
  return {
    /**
     * Fills the mount, for the first time.
     * @param {Kernel} kernel
     * @param {number} mount
     */
    fill: (kernel, mount) => flush(kernel, mount, true),

    /**
     * Both ways, in one transaction; answers the paths that have changed on both sides.
     * @param {Kernel} kernel
     * @param {number} mount
     * @returns {Promise<import("./idbfs-merge.js").Conflicts>}
     */
    async flush(kernel, mount) {
      const { kept, taken } = await flush(kernel, mount, false);
      const at = (/** @type {string} */ below) => mountPath + below;
      return { kept: kept.map(at), taken: taken.map(at) };
    },

    close,
  };
}

const EIO = 29;
const ENOSPC = 51;

/* ---- the database ---- */

/**
 * @param {IDBFactory} factory
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
async function openDatabase(factory, name) {
  const request = factory.open(name, VERSION);
  request.onupgradeneeded = () => {
    const { result: db, transaction } = request;
    const store = db.objectStoreNames.contains(STORE)
      ? /** @type {IDBTransaction} */ (transaction).objectStore(STORE)
      : db.createObjectStore(STORE);
    if (!store.indexNames.contains(INDEX)) store.createIndex(INDEX, INDEX, { unique: false });
  };
  const refuse = (/** @type {string} */ why) => {
    throw new NidusError(
      "ENOTSUP",
      `The database "${name}" ${why}: it cannot be mounted as idbfs. Choose another mount point on both sides, or ` +
        `delete the database.`,
    );
  };
  const db = await answered(request).catch((error) => {
    if (error.name === "VersionError")
      refuse(`has a version above ${VERSION}, which IDBFS does not have`);
    throw error;
  });
  if (!db.objectStoreNames.contains(STORE)) {
    db.close();
    refuse(`has no store ${STORE}, which IDBFS keeps files in`);
  }
  return db;
}

/**
 * The time of each record, by path. Records that do not lie below the mount point are nobody's business here; those
 * without a time that the index takes do not exist for IDBFS either.
 * @param {IDBObjectStore} files
 * @param {string} prefix
 * @returns {Promise<Map<string, number>>}
 */
function readTimes(files, prefix) {
  /** @type {Map<string, number>} */
  const times = new Map();
  const indexed = files.indexNames.contains(INDEX);
  const request = indexed ? files.index(INDEX).openKeyCursor() : files.openCursor();
  return new Promise((resolve, reject) => {
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) return resolve(times);
      const time = indexed ? cursor.key : /** @type {any} */ (cursor).value?.timestamp;
      const path = below(cursor.primaryKey, prefix);
      if (isPath(path) && time !== undefined) times.set(path, timeOf(time));
      cursor.continue();
    };
  });
}

/**
 * The path of a key; empty where it is none below the mount point.
 * @param {IDBValidKey} key
 * @param {string} prefix
 */
const below = (key, prefix) =>
  typeof key === "string" && key.startsWith(prefix) ? key.slice(prefix.length) : "";

/**
 * A number that is the same whenever the time is.
 * @param {unknown} time
 */
function timeOf(time) {
  const number = time instanceof Date || typeof time === "number" ? Number(time) : 0;
  return Number.isFinite(number) ? number : 0;
}

/**
 * Names as the kernel takes them, each between two slashes; a lone surrogate has no UTF-8.
 * @param {string} path
 */
function isPath(path) {
  return !/^\/|\/\/|\/$|^$|(^|\/)\.\.?(\/|$)|\0|\p{Surrogate}/u.test(path);
}

/**
 * The records of paths, in their order, as they are, some at a time.
 * @param {IDBObjectStore} files
 * @param {string} prefix
 * @param {string[]} paths sorted
 * @param {number} all how many records there are
 * @returns {AsyncGenerator<[string, unknown][], void>}
 */
async function* readValues(files, prefix, paths, all) {
  // One by one, or, when most are wanted, all of a range: then the keys that there are tell which is which.
  const few = paths.length <= all / 2;
  const keys = few ? paths.map((path) => prefix + path) : await result(files.getAllKeys());
  const wanted = new Set(paths);
  /** @param {IDBValidKey[]} some */
  const read = async (some) => {
    const values = await (few
      ? Promise.all(some.map((key) => result(files.get(key))))
      : result(files.getAll(IDBKeyRange.bound(some[0], some.at(-1)))));
    return some
      .map((key, i) => /** @type {[string, unknown]} */ ([below(key, prefix), values[i]]))
      .filter(([path]) => wanted.has(path));
  };
  let next = paths.length ? read(keys.slice(0, BATCH)) : null;
  for (let i = BATCH; next; i += BATCH) {
    const values = await next;
    // It is read while these are used.
    next = i < keys.length ? read(keys.slice(i, i + BATCH)) : null;
    yield values;
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

/* ---- records ---- */

/**
 * What a record says, whoever wrote it; undefined when it says nothing that can be a file.
 * @param {unknown} value
 * @param {number} time
 * @returns {FileRecord | undefined}
 */
function fromRecord(value, time) {
  const { mode: given, contents, link } = /** @type {Record<string, unknown>} */ (Object(value));
  const mode = Number.isInteger(given) && Number(given) > 0 ? Number(given) : 0;
  const said = Number(
    Object.keys(MODES).find((type) => MODES[Number(type)] === (mode & TYPE_BITS)),
  );
  const bytes = bytesOf(contents);
  let type = said;
  if (typeof link === "string" && !bytes) type = LINK;
  else if (bytes) type = FILE;
  else if (contents != null || (mode & TYPE_BITS && !said)) return undefined;
  else if (said !== FILE) type = FOLDER;
  if (type === LINK && (!link || !isText(String(link)))) return undefined;
  const usual = type === FOLDER ? 0o755 : 0o644;
  return {
    type,
    mode: said ? mode & 0o7777 : usual,
    time,
    contents: bytes ?? new Uint8Array(),
    link: String(link),
  };
}

/** @param {string} text */
const isText = (text) => !/\0|\p{Surrogate}/u.test(text);

/**
 * Contents in any form that a version of Emscripten has stored.
 * @param {unknown} contents
 * @returns {Uint8Array | undefined}
 */
function bytesOf(contents) {
  if (ArrayBuffer.isView(contents)) {
    return new Uint8Array(contents.buffer, contents.byteOffset, contents.byteLength);
  }
  if (contents instanceof ArrayBuffer) return new Uint8Array(contents);
  if (Array.isArray(contents)) return Uint8Array.from(contents);
  return typeof contents === "string" ? new TextEncoder().encode(contents) : undefined;
}

/**
 * @param {Kernel} kernel
 * @param {string} path
 * @param {Entry} entry
 * @param {number} time
 */
function toRecord(kernel, path, { type, mode }, time) {
  const sync = createSync(kernel);
  const record = { timestamp: new Date(time), mode: /** @type {number} */ (MODES[type]) | mode };
  if (type === FILE) return { ...record, contents: sync.readFile(path) };
  return type === LINK ? { ...record, link: sync.readlink(path) } : record;
}

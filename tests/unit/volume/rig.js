/**
 * What the volume tests share: a kernel with one journaled mount over a database that lives in this
 * process, and ways to make the database fail.
 */

import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { readFileSync } from "node:fs";
import { openDatabase } from "../../../web/database.js";
import { createSync } from "../../../web/fs.js";
import { Host } from "../../../web/host.js";
import { loadKernel } from "../../../web/kernel.js";
import { createView } from "../../../web/view.js";
import { createVolume } from "../../../web/volume.js";

const kernelModule = new WebAssembly.Module(
  readFileSync(new URL("../../../web/kernel.wasm", import.meta.url)),
);

/** A database of its own for each test; browsers have the key ranges as a global. */
export function newDatabase() {
  globalThis.IDBKeyRange = IDBKeyRange;
  return new IDBFactory();
}

/**
 * Boots a kernel and mounts a store at /home: volume `test` of a database, or the store given.
 * @param {IDBFactory | import("../../../web/volume.js").Store} source
 * @param {import("../../../web/volume.js").Listener} [on]
 * @param {{view?: boolean, memory?: number}} [how] as a view; with a budget, so not with all contents
 */
export async function mount(source, on, { view = false, memory } = {}) {
  const surroundings = new Host();
  const kernel = await loadKernel({
    source: kernelModule,
    host: surroundings,
  });
  /** As the worker does. @param {Error} error */
  const newer = ({ name }) => {
    throw kernel.ask("nidus_volume_failure", ["test", name]);
  };
  const [number] = kernel.ask("nidus_mount_volume", ["/home"], Number(view), memory ?? NaN);
  const store = "chunks" in source ? source : await openDatabase(source, "test").catch(newer);
  const volume = view
    ? createView(createVolume, store, on ?? (() => {}))
    : createVolume(store, null, on);
  await volume.load(kernel, number, undefined, memory === undefined);
  return {
    volume,
    kernel,
    fs: createSync(kernel),
    dirty: () => kernel.exports.nidus_volume_dirty(number),
  };
}

/**
 * Everything below a folder: contents by path, folders as null, links as `-> target`.
 * @param {import("../../../web/fs.js").FsSync} fs
 * @param {string} [folder]
 * @returns {Record<string, string | null>}
 */
export function snapshot(fs, folder = "/home") {
  /** @type {Record<string, string | null>} */
  const found = {};
  for (const name of fs.readdir(folder)) {
    const path = `${folder}/${name}`;
    const stats = fs.lstat(path);
    if (stats.isSymbolicLink()) found[path] = `-> ${fs.readlink(path)}`;
    else if (stats.isDirectory()) Object.assign(found, { [path]: null }, snapshot(fs, path));
    else found[path] = Buffer.from(fs.readFile(path)).toString("latin1");
  }
  return found;
}

/**
 * The tree a fresh mount finds in the database, as after a crash.
 * @param {IDBFactory} indexedDB
 */
export async function stored(indexedDB) {
  const { volume, fs } = await mount(indexedDB);
  const tree = snapshot(fs);
  await volume.close();
  return tree;
}

/**
 * The key of the first segment of the log; another one when the log has started anew.
 * @param {IDBFactory} indexedDB
 * @returns {Promise<number>}
 */
export async function firstOfLog(indexedDB) {
  const database = await new Promise((resolve, reject) => {
    const request = indexedDB.open("nidus:test");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const keys = await new Promise((resolve, reject) => {
    const request = database.transaction("log").objectStore("log").getAllKeys();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  database.close();
  return keys[0];
}

/**
 * Lets a volume write until its log has started anew.
 * @param {IDBFactory} indexedDB
 * @param {Awaited<ReturnType<typeof mount>>} writer
 */
export async function renewLog(indexedDB, { fs, volume }) {
  const before = await firstOfLog(indexedDB);
  for (let i = 0; (await firstOfLog(indexedDB)) === before; i++) {
    for (let j = 0; j < 30; j++) fs.writeFile(`/home/file${j}`, `${i} `.repeat(1500));
    await volume.flush();
    if (i === 100) throw new Error("the log does not start anew");
  }
}

/** Locks as browsers have them, for exclusive requests with a signal. */
export class Locks {
  /** @type {Map<string, Promise<unknown>>} */
  #held = new Map();

  /**
   * @param {string} name
   * @param {{signal?: AbortSignal}} options
   * @param {() => Promise<unknown>} callback
   */
  async request(name, { signal }, callback) {
    signal?.throwIfAborted();
    while (this.#held.has(name)) {
      await Promise.race([
        this.#held.get(name),
        new Promise((_, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
        }),
      ]);
    }
    const held = callback().finally(() => this.#held.delete(name));
    this.#held.set(name, held);
    return held;
  }
}

/**
 * Makes the `n`-th change (put, add or delete, from 1) of the following transactions fail as a full disk
 * does: the transaction is aborted. Answers a function that ends this and tells how many there were.
 * @param {number} n
 * @param {any} type the prototype of the database's stores
 */
export function failChange(n, type) {
  const { put, add, delete: remove } = type;
  let count = 0;
  /** @param {Function} original */
  const counted = (original) =>
    /** @this {IDBObjectStore} @param {unknown[]} args */
    function (...args) {
      count += 1;
      if (count === n) {
        const error = new DOMException("the disk is full", "QuotaExceededError");
        const { transaction } = this;
        Object.defineProperty(transaction, "error", { value: error });
        transaction.abort();
        throw error;
      }
      return original.apply(this, args);
    };
  Object.assign(type, { put: counted(put), add: counted(add), delete: counted(remove) });
  return () => {
    Object.assign(type, { put, add, delete: remove });
    return count;
  };
}

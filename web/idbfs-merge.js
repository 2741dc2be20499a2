/**
 * The tree of an idbfs mount, and what other programs have changed in its store (idbfs.js).
 *
 * Invariants: no link is followed and no mount below is entered, so what a record says stays inside the
 * mount; what is taken is noted even when not all of it could be, so that it does not look like a change made
 * here; of a record that could not be taken there is no note, so it is neither deleted nor overwritten.
 */

import { NidusError } from "./errors.js";
import { createSync, decodeText } from "./fs.js";

/** WASI's file types. */
export const FOLDER = 3;
export const FILE = 4;
export const LINK = 7;

/** What an entry of the kernel's list (path_store.h) begins with. */
const ENTRY_NUMBERS = 5;

/** @typedef {import("./kernel.js").Kernel} Kernel */
/** @typedef {{ino: number, change: number, time: number}} Note `ino` 0: not what the tree has there */
/** @typedef {Note & {size: number, mode: number, type: number, covered: boolean}} Entry */
/** @typedef {Map<string, Entry>} Tree by path below the mount, each folder before what is in it */
/** @typedef {{type: number, mode: number, time: number, contents: Uint8Array, link: string}} FileRecord */
/** @typedef {{kept: string[], taken: string[]}} Conflicts paths that have changed on both sides */

/** The kernel's times end in the year 2255. */
const LAST_TIME = 8.99e12;

/** What the errors of a name are called that no record can have here; it stays in the store. */
const IMPOSSIBLE = ["EINVAL", "EILSEQ", "ENAMETOOLONG"];

/**
 * @param {Note | undefined} note
 * @param {Entry | undefined} entry
 */
export const isAsStored = (note, entry) =>
  note !== undefined && note.ino === entry?.ino && note.change === entry.change;

/**
 * The path of the folder something lies in; "" for the mount itself.
 * @param {string} path
 */
const above = (path) => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/**
 * Does the path lie in a folder that another mount covers?
 * @param {Tree} tree
 * @param {string} path
 */
export function isCovered(tree, path) {
  for (let at = above(path); at; at = above(at)) if (tree.get(at)?.covered) return true;
  return false;
}

/**
 * What the tree holds now; what changes from then on belongs to the next flush.
 * @param {Kernel} kernel
 * @param {number} mount
 * @returns {Tree}
 */
export function listTree(kernel, mount) {
  const [code, bytes] = kernel.take("nidus_paths_begin", mount);
  kernel.check(code, "flush");
  const view = new DataView(bytes.buffer);
  /** @type {Tree} */
  const tree = new Map();
  for (let at = 0, end; at < bytes.length; at = end + 1) {
    const start = at + 8 * ENTRY_NUMBERS;
    end = bytes.indexOf(0, start);
    const [ino, change, time, size, bits] =
      /** @type {[number, number, number, number, number]} */ (
        Array.from({ length: ENTRY_NUMBERS }, (_, i) => view.getFloat64(at + 8 * i, true))
      );
    const [mode, type, covered] = [bits & 0xffff, (bits >> 16) & 255, bits >> 24 > 0];
    tree.set(decodeText(bytes.subarray(start, end)), {
      ino,
      change,
      time,
      size,
      mode,
      type,
      covered,
    });
  }
  return tree;
}

/**
 * Begins to take into the tree what is new in the store: what is gone there goes here.
 * @param {Kernel} kernel
 * @param {number} mount
 * @param {string} mountPath ends in a slash
 * @param {Map<string, Note>} notes
 * @param {Map<string, number>} times of all records there are
 */
export function createMerge(kernel, mount, mountPath, notes, times) {
  let tree = listTree(kernel, mount);
  const sync = createSync(kernel);
  /** @type {Conflicts} */
  const conflicts = { kept: [], taken: [] };
  /** @type {Map<string, number>} what is the store's now, with the times of their records */
  const taken = new Map();
  /** @type {Map<string, Entry>} folders in which something changed, as they were */
  const folders = new Map();

  /**
   * Something in the path's folder is made or removed, which is no change of the folder itself.
   * @param {string} path
   * @param {() => void} act
   */
  const inFolder = (path, act) => {
    const folder = tree.get(above(path));
    act();
    if (folder && !folders.has(above(path))) folders.set(above(path), folder);
  };

  /** @param {string} path @param {number} time */
  const setTime = (path, time) => {
    const seconds = Math.min(Math.max(time, 0), LAST_TIME) / 1000;
    sync.utimes(mountPath + path, seconds, seconds);
  };

  /** @param {string} path @param {Entry} entry */
  const remove = (path, { type }) =>
    inFolder(path, () => {
      if (type === FOLDER) sync.rmdir(mountPath + path);
      else sync.unlink(mountPath + path);
      tree.delete(path);
    });

  /** What others have deleted goes, unless it has changed here or is needed; then it is stored anew. */
  const takeDeletions = () => {
    const gone = [...notes.keys()].filter((path) => !times.has(path));
    for (const path of gone.sort().reverse()) {
      const entry = tree.get(path);
      const note = notes.get(path);
      notes.delete(path);
      if (!entry || isCovered(tree, path)) continue;
      if (entry.type !== FOLDER && !isAsStored(note, entry)) {
        conflicts.kept.push(path);
        continue;
      }
      try {
        remove(path, entry);
      } catch (error) {
        if (entry.type !== FOLDER) throw error;
      }
    }
  };

  /**
   * Makes the folders that are missing above a path; false when one of them is none.
   * @param {string} path
   * @returns {boolean}
   */
  const makeFolders = (path) => {
    for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) {
      const folder = path.slice(0, end);
      const entry = tree.get(folder);
      if (entry?.type === FOLDER && !entry.covered) continue;
      if (entry) return false;
      inFolder(folder, () => void sync.mkdir(mountPath + folder));
      tree.set(folder, { ...NEW_FOLDER });
    }
    return true;
  };

  /** @param {string} path @param {FileRecord} record */
  const make = (path, { type, mode, contents, link }) => {
    const at = mountPath + path;
    const entry = tree.get(path);
    if (entry) {
      const same = entry.type === type && type !== LINK;
      if (same && (type === FOLDER || sync.lstat(at).nlink === 1)) {
        if (type === FILE) sync.writeFile(at, contents);
        return sync.chmod(at, mode);
      }
      remove(path, entry);
    }
    inFolder(path, () => {
      if (type === FOLDER) sync.mkdir(at, mode);
      else if (type === LINK) sync.symlink(link, at);
      else sync.writeFile(at, contents, { mode });
    });
  };

  /** @param {string} path @param {FileRecord} record */
  const take = (path, record) => {
    const { type, time } = record;
    if (!makeFolders(path)) return;
    const entry = tree.get(path);
    if (entry?.covered) return;
    const changed =
      entry && (entry.type !== type || type !== FOLDER) && !isAsStored(notes.get(path), entry);
    const keep = () => {
      conflicts.kept.push(path);
      notes.set(path, { ino: 0, change: 0, time });
    };
    if (changed && entry.time >= time) return keep();
    try {
      make(path, record);
      if (type !== LINK) setTime(path, time);
    } catch (error) {
      const { code = "" } = /** @type {NidusError} */ (error);
      // A folder that is needed here, in the place of their file.
      if (code === "ENOTEMPTY" || code === "EBUSY") return keep();
      notes.delete(path);
      if (type === FILE && sync.exists(mountPath + path)) sync.unlink(mountPath + path);
      tree.delete(path);
      if (IMPOSSIBLE.includes(code)) return;
      if (code !== "ENOSPC") throw error;
      throw new NidusError(
        code,
        `The volume has no room for "${mountPath}${path}", which another program stored: raise maxBytes, or delete files.`,
        { path: mountPath + path, errno: /** @type {NidusError} */ (error).errno },
      );
    }
    if (changed) conflicts.taken.push(path);
    tree.set(path, { ...NEW_FOLDER, type });
    taken.set(path, time);
  };

  /**
   * Notes all that was taken, whatever stopped it; answers the tree as it is then. Asked again, it does nothing more.
   * @returns {{tree: Tree, conflicts: Conflicts}}
   */
  const settle = () => {
    if (taken.size + folders.size === 0) return { tree, conflicts };
    for (const [path, before] of folders) {
      const time = taken.get(path) ?? before.time;
      // One that was made because it was missing has no time to keep.
      if (before.ino + time > 0 && tree.has(path)) setTime(path, time);
    }
    tree = listTree(kernel, mount);
    for (const [path, time] of taken) {
      const entry = tree.get(path);
      if (entry) notes.set(path, { ino: entry.ino, change: entry.change, time });
    }
    for (const [path, before] of folders) {
      const note = notes.get(path);
      const entry = tree.get(path);
      if (note && entry && isAsStored(note, before)) {
        notes.set(path, { ...note, change: entry.change });
      }
    }
    taken.clear();
    folders.clear();
    return { tree, conflicts };
  };

  takeDeletions();
  return { take, settle };
}

/** An entry that was made just now. */
const NEW_FOLDER = { ino: 0, change: 0, time: 0, size: 0, mode: 0, type: FOLDER, covered: false };

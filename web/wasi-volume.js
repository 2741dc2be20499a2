/**
 * Volumes for `nidus/wasi`: file trees in memory that outlive the programs they are given to, and are read and
 * written from outside before, between and after them. Not loaded by a page's system.
 *
 * Invariant: a volume is mounted in the kernel of its thread when it is first used, and unmounted when it can
 * be reached neither by its owner nor by a program any more.
 */

import { NidusError } from "./errors.js";
import { writeTree } from "./tree.js";

/** @typedef {import("./wasi-class.js").Realm} Realm */
/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./fs.js").FileContents} FileContents */
/** @typedef {import("./stats.js").Stats} Stats */

/**
 * What a volume can be copied from and to: the `fs` of a Nidus system, `node:fs/promises`, and what has their shape.
 * @typedef {object} FileSystem
 * @property {(path: string) => Promise<string[]>} readdir
 * @property {(path: string) => Promise<Uint8Array>} readFile
 * @property {(path: string) => Promise<{isDirectory(): boolean, isSymbolicLink(): boolean}>} lstat
 * @property {(path: string) => Promise<string>} readlink
 * @property {(path: string, options: {recursive: true}) => Promise<unknown>} mkdir
 * @property {(path: string, contents: Uint8Array) => Promise<unknown>} writeFile
 * @property {(target: string, path: string) => Promise<unknown>} symlink
 */

/** How new volumes find the kernel of this thread. @type {() => Realm} */
let open = () => {
  throw new NidusError("EINVAL", 'EINVAL: volumes are made by what imports "nidus/wasi"');
};

/** @param {() => Realm} realm */
export function setRealm(realm) {
  open = realm;
}

/** The last one's number. */
let last = 0;
/** Mounts of volumes that are gone, but for files that are still open. @type {Set<number>} */
const abandoned = new Set();
/** @type {FinalizationRegistry<number> | undefined} */
let mounts;

/** @param {number} mount */
function abandon(mount) {
  abandoned.add(mount);
  const { exports } = open().kernel;
  for (const each of abandoned) if (exports.nidus_unmount(each) >= 0) abandoned.delete(each);
}

/** A file tree in memory; paths begin at its root. */
export class Volume {
  #root;
  #sync;

  /**
   * @param {Tree} [tree] what it holds at first
   * @param {{maxBytes?: number}} [options] the most it may hold; beyond it programs see `ENOSPC`
   */
  constructor(tree = {}, { maxBytes } = {}) {
    const { kernel, sync } = open();
    this.#sync = sync;
    this.#root = `/volumes/${++last}`;
    const [mount] = kernel.ask("nidus_mount_mem", [this.#root]);
    (mounts ??= new FinalizationRegistry(abandon)).register(this, mount);
    writeTree(sync, this.#root, tree);
    if (maxBytes !== undefined) kernel.exports.nidus_mount_limit(mount, maxBytes);
  }

  /**
   * A copy of what a file system has at a path.
   * @param {FileSystem} fs
   * @param {string} path
   * @param {{maxBytes?: number}} [options]
   */
  static async from(fs, path, options) {
    return new Volume(await readInto({}, fs, path), options);
  }

  /**
   * Writes everything it holds to a file system; what is there besides is left as it is.
   * @param {FileSystem} fs
   * @param {string} path
   */
  async saveTo(fs, path) {
    await save(this.toTree(), fs, path);
  }

  /** Everything it holds. @returns {Tree} */
  toTree() {
    return this.#treeAt(this.#root);
  }

  /**
   * @param {string} path
   * @param {import("./fs.js").ReadOptions} [options]
   * @returns {Uint8Array<ArrayBuffer>}
   */
  readFile(path, options) {
    return /** @type {Uint8Array<ArrayBuffer>} */ (this.#sync.readFile(this.#at(path), options));
  }

  /** @param {string} path of a file in UTF-8 */
  readText(path) {
    return this.#sync.readFile(this.#at(path), "utf8");
  }

  /**
   * @param {string} path
   * @param {FileContents} contents
   */
  writeFile(path, contents) {
    this.#sync.writeFile(this.#at(path), contents);
  }

  /** @param {string} [path] @returns {string[]} */
  readdir(path = "") {
    return this.#sync.readdir(this.#at(path));
  }

  /** @param {string} path @returns {Stats} */
  stat(path) {
    return this.#sync.stat(this.#at(path));
  }

  /** @param {string} path */
  exists(path) {
    return this.#sync.exists(this.#at(path));
  }

  /** @param {string} path @param {{recursive?: boolean}} [options] */
  mkdir(path, options) {
    this.#sync.mkdir(this.#at(path), options);
  }

  /** @param {string} path @param {{recursive?: boolean, force?: boolean}} [options] */
  rm(path, options) {
    this.#sync.rm(this.#at(path), options);
  }

  /**
   * Its folder in the tree of a kernel.
   * @param {Volume} volume
   * @param {Realm} realm
   */
  static mountOf(volume, realm) {
    if (volume.#sync !== realm.sync) {
      throw new NidusError("EXDEV", "EXDEV: the volume belongs to another copy of nidus/wasi");
    }
    return volume.#root;
  }

  /** @param {string} path */
  #at(path) {
    if (path.split("/").includes("..")) {
      throw new NidusError("EINVAL", `EINVAL: ${path} leads out of the volume; leave .. out`);
    }
    return `${this.#root}/${path}`;
  }

  /** @param {string} folder @returns {Tree} */
  #treeAt(folder) {
    /** @type {Tree} */
    const tree = {};
    for (const name of this.#sync.readdir(folder)) {
      const path = `${folder}/${name}`;
      const stats = this.#sync.lstat(path);
      if (stats.isDirectory()) tree[name] = { directory: this.#treeAt(path) };
      else if (stats.isSymbolicLink()) tree[name] = { symlink: this.#sync.readlink(path) };
      else tree[name] = this.#sync.readFile(path);
    }
    return tree;
  }
}

/**
 * @param {Volume} volume
 * @param {Realm} realm
 */
export const heldMount = (volume, realm) => Volume.mountOf(volume, realm);

/**
 * @param {Tree} tree
 * @param {FileSystem} fs
 * @param {string} path
 */
async function readInto(tree, fs, path) {
  for (const name of await fs.readdir(path)) {
    const at = `${path}/${name}`;
    const stats = await fs.lstat(at);
    if (stats.isDirectory()) tree[name] = { directory: await readInto({}, fs, at) };
    else if (stats.isSymbolicLink()) tree[name] = { symlink: await fs.readlink(at) };
    else tree[name] = await fs.readFile(at);
  }
  return tree;
}

/**
 * @param {Tree} tree as `toTree` makes it
 * @param {FileSystem} fs
 * @param {string} path
 */
async function save(tree, fs, path) {
  await fs.mkdir(path, { recursive: true });
  for (const [name, node] of Object.entries(tree)) {
    const at = `${path}/${name}`;
    if (node instanceof Uint8Array) await fs.writeFile(at, node);
    else {
      const { directory, symlink } = /** @type {{directory?: Tree, symlink?: string}} */ (node);
      if (directory) await save(directory, fs, at);
      else await fs.symlink(String(symlink), at);
    }
  }
}

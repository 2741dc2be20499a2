/**
 * A volume in memory, as the page keeps it: what a worker has flushed, so that the next worker starts
 * from there when this one had to be ended.
 */

/** @typedef {import("./volume.js").Change} Change */
/** @typedef {import("./volume.js").Records} Records */

export class KeptVolume {
  /** @type {Map<number, Uint8Array>} */
  #inodes = new Map();
  /** @type {Map<number, Map<string, number>>} by folder and name */
  #entries = new Map();
  /** @type {Map<number, Map<number, Uint8Array>>} by file and index */
  #chunks = new Map();

  /** @param {Change[]} changes */
  write(changes) {
    for (const { store, key, value } of changes) {
      if (store === "inode") {
        if (value) this.#inodes.set(key, value);
        else this.#inodes.delete(key);
      } else if (store === "dirent") {
        if (value !== null) inner(this.#entries, key[0]).set(key[1], value);
        else if (key[1] === "") this.#entries.delete(key[0]);
        else this.#entries.get(key[0])?.delete(key[1]);
      } else if (value) {
        inner(this.#chunks, key[0]).set(key[1], value);
      } else {
        const chunks = inner(this.#chunks, key[0]);
        for (const index of [...chunks.keys()]) if (index >= key[1]) chunks.delete(index);
      }
    }
  }

  /** @returns {Records} */
  read() {
    return {
      inode: [...this.#inodes],
      dirent: flat(this.#entries),
      chunk: flat(this.#chunks),
    };
  }
}

/**
 * @template K, V
 * @param {Map<number, Map<K, V>>} map
 * @param {number} key
 * @returns {Map<K, V>}
 */
function inner(map, key) {
  const found = map.get(key) ?? new Map();
  map.set(key, found);
  return found;
}

/**
 * @template K, V
 * @param {Map<number, Map<K, V>>} map
 * @returns {[[number, K], V][]}
 */
function flat(map) {
  return [...map].flatMap(([outer, entries]) =>
    [...entries].map(([key, value]) => /** @type {[[number, K], V]} */ ([[outer, key], value])),
  );
}

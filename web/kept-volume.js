/**
 * A volume in memory, as the page keeps it: what a worker has flushed, so that the next worker starts
 * from there when this one had to be ended.
 */

/** @typedef {import("./volume.js").Change} Change */
/** @typedef {import("./volume.js").Stored} Stored */

export class KeptVolume {
  /** @type {Map<string, Map<string | number | undefined, Stored>>} by what they are of, then by name or index */
  #groups = new Map();

  /** @param {Change[]} changes */
  write(changes) {
    for (const change of changes) {
      const [ino, second] = [change.key].flat();
      const id = change.store + ino;
      const group = this.#groups.get(id) ?? new Map();
      this.#groups.set(id, group);
      if (change.value !== null) group.set(second, change);
      else if (!change.rest) group.delete(second);
      else for (const each of group.keys()) if (each >= (second ?? 0)) group.delete(each);
      if (group.size === 0) this.#groups.delete(id);
    }
  }

  /** @returns {Stored[]} */
  read() {
    const records = [...this.#groups.values()].flatMap((group) => [...group.values()]);
    // "inode" is the last of the three names.
    return records.sort((a, b) => b.store.localeCompare(a.store));
  }
}

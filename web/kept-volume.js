/**
 * A volume in memory, as the page keeps it: what a worker has flushed, so that the next worker starts
 * from there when this one had to be ended.
 */

/** @typedef {import("./volume.js").Change} Change */
/** @typedef {import("./volume.js").Stored} Stored */

export function createKept() {
  /** @type {Map<string, Map<string | number | undefined, Stored>>} by what they are of, then by name or index */
  const groups = new Map();
  return {
    /** @param {Change[]} changes */
    keep(changes) {
      for (const change of changes) {
        const [ino, second] = [change.key].flat();
        const id = change.store + ino;
        const group = groups.get(id) ?? new Map();
        groups.set(id, group);
        if (change.value !== null) group.set(second, change);
        else if (!change.rest) group.delete(second);
        else for (const each of group.keys()) if (each >= (second ?? 0)) group.delete(each);
        if (group.size === 0) groups.delete(id);
      }
    },

    /** @returns {Stored[]} */
    read() {
      const records = [...groups.values()].flatMap((group) => [...group.values()]);
      // "inode" is the last of the three names.
      return records.sort((a, b) => b.store.localeCompare(a.store));
    },
  };
}

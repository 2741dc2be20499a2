/**
 * A volume in memory, as the page keeps it: what a worker has flushed, so that the next worker starts
 * from there when this one had to be ended.
 */

/** @typedef {import("./volume.js").Cut} Cut */
/** @typedef {{log: Uint8Array[], files: Map<number, Map<number, Uint8Array>>}} Kept chunks by inode and index */

export function createKept() {
  /** @type {Kept} */
  const kept = { log: [], files: new Map() };
  return {
    kept,
    /** @param {import("./volume.js").Cut} cut */
    keep({ restart, segments, cuts, chunks }) {
      if (restart) kept.log = [];
      kept.log.push(...segments);
      for (const [ino, from] of cuts) {
        const file = kept.files.get(ino);
        for (const index of file?.keys() ?? []) if (index >= from) file?.delete(index);
        if (file?.size === 0) kept.files.delete(ino);
      }
      for (const {
        key: [ino, index],
        bytes,
      } of chunks) {
        const file = kept.files.get(ino) ?? new Map();
        kept.files.set(ino, file.set(index, bytes));
      }
    },
  };
}

/**
 * What the page kept, as a worker's store: `keep` sends a cut to the page. Chunks are those from before.
 * @param {Kept} kept
 * @param {(cut: Cut) => void} keep
 * @returns {import("./volume.js").Store}
 */
export function keptStore({ log, files }, keep) {
  return {
    name: "mem",
    open: async () => log,
    write: async (cut) => keep(cut),
    chunks: async (ino, first, count) =>
      Array.from({ length: count }, (_, i) => files.get(ino)?.get(first + i)),
    close() {},
  };
}

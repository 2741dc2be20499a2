/**
 * File times to the nanosecond, where the calls of this host keep less.
 *
 * WASI programs set and read times in nanoseconds; Node's `utimes` takes seconds in a double and keeps
 * microseconds of them. What a program asked for is remembered beside what the file system made of it,
 * and given back for as long as the file still shows exactly that: a file changed since, by anyone,
 * shows its own times. Other programs, and a later run, see the microseconds.
 */

/** Files remembered at once; the oldest are forgotten, and show microseconds again. */
const LIMIT = 10_000;

/**
 * @typedef {object} Times in nanoseconds since 1970
 * @property {bigint} atime
 * @property {bigint} mtime
 */

/** @typedef {import("node:fs").BigIntStats} Stats */

export class ExactTimes {
  /** @type {Map<string, {asked: Times, kept: Times}>} by device and inode */
  #files = new Map();

  /**
   * Notes that a file's times have been set.
   * @param {Stats} stats of the file, afterwards
   * @param {Times} asked
   */
  set(stats, asked) {
    const key = keyOf(stats);
    this.#files.delete(key);
    if (stats.atimeNs === asked.atime && stats.mtimeNs === asked.mtime) return;
    this.#files.set(key, { asked, kept: { atime: stats.atimeNs, mtime: stats.mtimeNs } });
    if (this.#files.size > LIMIT) this.#files.delete(this.#files.keys().next().value ?? "");
  }

  /**
   * The times to show for a file.
   * @param {Stats} stats
   * @returns {Times}
   */
  of(stats) {
    const { atimeNs: atime, mtimeNs: mtime } = stats;
    if (this.#files.size === 0) return { atime, mtime };
    const file = this.#files.get(keyOf(stats));
    return {
      atime: file?.kept.atime === atime ? file.asked.atime : atime,
      mtime: file?.kept.mtime === mtime ? file.asked.mtime : mtime,
    };
  }
}

/** @param {Stats} stats */
function keyOf({ dev, ino }) {
  return `${dev}:${ino}`;
}

/** Random numbers that come again with their seed, in Node and in pages. */

/**
 * Numbers that are random and can be had again: `next(n)` is below n.
 * @param {number} seed
 */
export function createRandom(seed) {
  let state = seed >>> 0;
  return (/** @type {number} */ below) => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

// A module and its rewritten form under the host's own engine, on Node and in a page.

/** Long enough for the clock, short enough to be left alone by whatever else runs. */
const SAMPLE_MS = 1;
const PAUSE_MS = 4;
/** Calls until the host has compiled everything for good; a pause behind each, as it does so meanwhile. */
const WARM_UP = 12;

/** @typedef {(n: number) => number} Run */
/** @typedef {{ plain: number, checked: number }} Pair milliseconds of a call */

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<Run>} */
async function runOf(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes);
  return /** @type {Run} */ (instance.exports.run);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/**
 * Samples both in turns, the first one alternating.
 *
 * @param {Uint8Array<ArrayBuffer>} plain
 * @param {Uint8Array<ArrayBuffer>} checked
 * @param {number} work a first guess of what fills a sample
 * @param {number} count
 * @returns {Promise<Pair[]>}
 */
export async function pairs(plain, checked, work, count) {
  const runs = [await runOf(plain), await runOf(checked)];
  let n = work;
  /** @type {[number, number]} */
  const sums = [0, 0];
  /** @param {0 | 1} which */
  const time = (which) => {
    const start = performance.now();
    sums[which] = runs[which](n);
    return performance.now() - start;
  };
  for (let round = 0; round < WARM_UP; round++) {
    time(0);
    time(1);
    await pause();
  }
  let ms = Infinity;
  for (let i = 0; i < 5; i++) ms = Math.min(ms, time(0));
  n = Math.max(1, Math.round((n * SAMPLE_MS) / ms));
  const samples = [];
  for (let round = 0; round < count; round++) {
    const sample = { plain: 0, checked: 0 };
    for (const which of /** @type {const} */ (round % 2 ? [1, 0] : [0, 1])) {
      await pause();
      sample[which ? "checked" : "plain"] = time(which);
    }
    if (sums[0] !== sums[1])
      throw new Error(`the rewritten module computes ${sums[1]}, the original ${sums[0]}`);
    samples.push(sample);
  }
  return samples;
}

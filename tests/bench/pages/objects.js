// Runs a module on the browser's own WebAssembly: run(n), so many times, and the milliseconds of each.

/**
 * @param {string} text the module in base64
 * @param {number} n
 * @param {number} rounds
 */
async function job(text, n, rounds) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes);
  const run = /** @type {(n: number) => number} */ (instance.exports.run);
  return Array.from({ length: rounds }, () => {
    const start = performance.now();
    const sum = run(n) >>> 0;
    return { sum, ms: performance.now() - start };
  });
}

Object.assign(globalThis, { job });

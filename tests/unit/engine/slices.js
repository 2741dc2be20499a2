/**
 * What a module computes and counts, before and after it was rewritten with checks: in any engine with
 * the JavaScript API of WebAssembly, a page's included.
 */

/** A module whose export `f` is its import: the way of a JavaScript function into a table. */
const PASS = Uint8Array.from(
  "0061736d 01000000 010401600000 0206010001660000 070501 01660000"
    .replace(/ /g, "")
    .match(/../g) ?? [],
  (hex) => parseInt(hex, 16),
);

/**
 * Calls every exported function with several numbers, rewritten in slices of several lengths; answers what is wrong.
 * What a function counts before a trap is lost.
 * @param {any} wasm WebAssembly, or an engine that has the same members
 * @param {Uint8Array} plain
 * @param {Uint8Array} made the same with checks
 * @returns {{names: string[], calls: number, faults: string[]}}
 */
export function compareSlices(wasm, plain, made) {
  /** @param {Uint8Array} bytes @param {object} [imports] @returns {Record<string, any>} */
  const instantiate = (bytes, imports) =>
    new wasm.Instance(new wasm.Module(bytes), imports ?? {}).exports;
  /** @param {() => unknown} call */
  const outcome = (call) => {
    try {
      return String(call());
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return error.message;
      if (error instanceof wasm.Exception) return "an exception";
      throw error;
    }
  };
  const old = instantiate(plain);
  const names = Object.keys(old).filter((name) => typeof old[name] === "function");
  /** @type {string[]} */
  const faults = [];
  let calls = 0;
  for (const name of names) {
    for (const n of [1, 2, 13, 14, 1000]) {
      const expected = outcome(() => instantiate(plain)[name](n));
      /** @type {Map<bigint, bigint>} */
      const used = new Map();
      let most = 0;
      for (const slice of [1n, 7n, 1000n, 1n << 40n]) {
        const exports = instantiate(made);
        let [given, checks] = [slice, 0];
        const raise = () => {
          checks++;
          do {
            exports["nidus:count"].value += slice;
            given += slice;
          } while (exports["nidus:count"].value < 0n);
        };
        exports["nidus:check"].set(0, instantiate(PASS, { "": { f: raise } }).f);
        exports["nidus:count"].value = slice;
        const found = outcome(() => exports[name](n));
        calls++;
        if (found !== expected)
          faults.push(`${name}(${n}), ${slice} each: ${found}, not ${expected}`);
        if (slice > 1000n && checks > 0) faults.push(`${name}(${n}) is checked too early`);
        used.set(slice, given - exports["nidus:count"].value);
        most = Math.max(most, checks);
      }
      const counts = new Set(used.values());
      if (!expected.includes("bounds") && counts.size > 1)
        faults.push(`${name}(${n}) counts ${[...used.values()].join(", ")}`);
      if (n === 1000 && most < 2) faults.push(`${name}(${n}) is checked ${most} times`);
    }
  }
  return { names, calls, faults };
}

// Interpreters that are wasm themselves, for the interpreter bench, on Node and in a page: Nidus through its
// JavaScript interface, peers as modules (WASI reactor or none at all) that export their memory,
// `peer_alloc(size)`, `peer_start(bytes, length)` (0: loaded) and `peer_call(n)` (the checksum as f64).

/** About 2 ms of wasm instructions. */
const SLICE = 1n << 20n;
/** More than any guest here uses: the engine counts down all the same. */
const FUEL = 1n << 60n;

/**
 * One engine with one guest loaded. `sample` calls `run(n)` once more and answers its checksum and
 * the nanoseconds it took.
 *
 * @typedef {{ sample(): { sum: number, ns: number } }} Loaded
 */

/**
 * @typedef {object} Peer
 * @property {WebAssembly.Memory} memory
 * @property {() => void} [_initialize]
 * @property {(size: number) => number} peer_alloc
 * @property {(at: number, length: number) => number} peer_start
 * @property {(n: number) => number} peer_call
 */

/**
 * An instance whose imports do nothing: they are for messages and growth of memory, which a run that
 * counts has no need of.
 *
 * @param {WebAssembly.Module} module
 * @returns {Promise<unknown>} its exports
 */
export async function instantiateBare(module) {
  /** @type {WebAssembly.Imports} */
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    (imports[from] ??= {})[name] = () => 0;
  const { exports } = await WebAssembly.instantiate(module, imports);
  /** @type {{ _initialize?: () => void }} */ (exports)._initialize?.();
  return exports;
}

/**
 * @param {WebAssembly.Module} module
 * @param {Uint8Array} bytes the guest
 * @param {number} n
 * @returns {Promise<Loaded>}
 */
export async function loadPeer(module, bytes, n) {
  const peer = /** @type {Peer} */ (await instantiateBare(module));
  const at = peer.peer_alloc(bytes.length);
  new Uint8Array(peer.memory.buffer).set(bytes, at);
  if (peer.peer_start(at, bytes.length) !== 0) throw new Error("the peer refuses the guest");
  return {
    sample() {
      const start = performance.now();
      const sum = peer.peer_call(n);
      return { sum, ns: (performance.now() - start) * 1e6 };
    },
  };
}

/**
 * @param {import("../../web/engine.js").Engine} engine
 * @param {Uint8Array<ArrayBuffer>} bytes the guest
 * @param {number} n
 * @returns {Loaded}
 */
export function loadNidus(engine, bytes, n) {
  const instance = new engine.Instance(new engine.Module(bytes));
  const entry = /** @type {import("../../web/engine.js").ExportedFunction} */ (
    instance.exports.run
  );
  return {
    sample() {
      const start = performance.now();
      const run = engine.run(entry, [n]);
      run.fuel = FUEL;
      let status = run.resume(SLICE);
      while (status === "ready") status = run.resume(SLICE);
      if (status !== "done") throw run.error;
      return { sum: Number(run.result) >>> 0, ns: (performance.now() - start) * 1e6 };
    },
  };
}

/**
 * Samples all engines in turn, `count` times; answers the nanoseconds by engine.
 *
 * @param {readonly string[]} names
 * @param {readonly Loaded[]} loaded
 * @param {number} expected the checksum
 * @param {number} count
 */
export function rounds(names, loaded, expected, count) {
  const samples = loaded.map(() => /** @type {number[]} */ ([]));
  for (let round = 0; round < count; round++)
    loaded.forEach((engine, i) => {
      const { sum, ns } = engine.sample();
      if (sum !== expected)
        throw new Error(`${names[i]} computes ${sum}, the host's own engine ${expected}`);
      samples[i].push(ns);
    });
  return samples;
}

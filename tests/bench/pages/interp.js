// The page's half of the interpreter bench: Nidus and the peers' modules under the browser's engine.
import { Engine } from "../../../web/engine.js";
import { loadNidus, loadPeer, rounds } from "../interp-wasm.js";

/** @param {string} url */
async function bytesOf(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * The samples of all engines, Nidus first, for one guest.
 *
 * @param {string} program served at /guests/
 * @param {number} n
 * @param {string[]} peers served at /peers/
 * @param {number} count of rounds
 */
async function job(program, n, peers, count) {
  const bytes = await bytesOf(`/guests/${program}.wasm`);
  const loaded = [loadNidus(await Engine.create(), bytes, n)];
  for (const peer of peers) {
    const module = await WebAssembly.compile(await bytesOf(`/peers/${peer}.wasm`));
    loaded.push(await loadPeer(module, bytes, n));
  }
  return rounds(["nidus", ...peers], loaded, await hostSum(bytes, n), count);
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {number} n */
async function hostSum(bytes, n) {
  const { instance } = await WebAssembly.instantiate(bytes);
  return /** @type {(n: number) => number} */ (instance.exports.run)(n) >>> 0;
}

Object.assign(globalThis, { job });

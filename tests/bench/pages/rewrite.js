// The page's half of the rewriter bench: a guest and its rewritten form under the browser's engine.
import { pairs } from "../rewrite-pairs.js";

/** @param {string} url */
async function bytesOf(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * @param {string} program served at /guests/, and rewritten as PROGRAM.checked.wasm
 * @param {number} work
 * @param {number} count of samples
 */
async function job(program, work, count) {
  const plain = await bytesOf(`/guests/${program}.wasm`);
  return pairs(plain, await bytesOf(`/guests/${program}.checked.wasm`), work, count);
}

Object.assign(globalThis, { job });

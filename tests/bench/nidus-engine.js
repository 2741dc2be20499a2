// Nidus's interpreter as an engine of the interpreter bench: the native driver, which CMake builds from
// native/interp.c, and the same source compiled to wasm. Slices and fuel are on in both.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nativeEngine, wasmEngine } from "./interp-engines.js";

const NATIVE = fileURLToPath(
  new URL("../../build/native/tests/bench/bench_interp", import.meta.url),
);
const WASM = fileURLToPath(
  new URL("../../build/wasm/tests/bench/bench_interp.wasm", import.meta.url),
);

/** @param {string} path */
function built(path) {
  if (!existsSync(path)) throw new Error(`${path} is not built; run \`npm run setup\` first`);
  return path;
}

/** @returns {Promise<import("./interp-engines.js").Engine>} */
export async function nidusNative() {
  return nativeEngine("nidus", built(NATIVE));
}

/** @returns {Promise<import("./interp-engines.js").Engine>} */
export async function nidusInWasm() {
  return wasmEngine("nidus", built(WASM));
}

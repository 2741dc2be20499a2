// Loading a module with Nidus's engine without running it: decoding, validating, translating. Natively and
// in wasm this is done by what CMake makes of native/interp.c.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { instantiateBare } from "./interp-wasm.js";

const NATIVE = new URL("../../build/native/tests/bench/bench_interp", import.meta.url);
const WASM = new URL("../../build/wasm/tests/bench/bench_interp.wasm", import.meta.url);

/**
 * @typedef {object} Bench
 * @property {WebAssembly.Memory} memory
 * @property {(size: number) => number} bench_alloc
 * @property {(at: number, length: number, translate: number) => number} bench_load
 * @property {() => number} bench_code_bytes
 * @property {() => number} bench_internal_bytes
 */

/** @param {URL} url */
function built(url) {
  const path = fileURLToPath(url);
  if (!existsSync(path)) throw new Error(`${path} is not built; run \`npm run setup\` first`);
  return path;
}

/** The interpreter as a native program. */
export const nativeProgram = () => built(NATIVE);

/**
 * How long a module takes to be decoded and validated, and with that to be translated, in nanoseconds,
 * and the bytes of its function bodies and of the internal code made of them. `host`: how long the host's own
 * engine takes to validate it, native code though it is.
 *
 * @typedef {{ validate: number, translate: number, code: number, internal: number, host?: number }} Loading
 */

/**
 * @param {string} path
 * @param {number} rounds
 * @returns {Loading[]}
 */
export function loadNatively(path, rounds) {
  const args = ["--load", path, String(rounds)];
  const lines = execFileSync(nativeProgram(), args, { encoding: "utf8" }).trim().split("\n");
  return lines.map((line) => {
    const [validate, translate, code, internal] = line.split(" ").map(Number);
    return { validate, translate, code, internal };
  });
}

/**
 * @param {string} path
 * @param {number} rounds
 * @returns {Promise<Loading[]>}
 */
export async function loadInWasm(path, rounds) {
  const module = await WebAssembly.compile(readFileSync(built(WASM)));
  const bench = /** @type {Bench} */ (await instantiateBare(module));
  const bytes = readFileSync(path);
  const at = bench.bench_alloc(bytes.length);
  new Uint8Array(bench.memory.buffer).set(bytes, at);
  /** @param {0 | 1} translate */
  const time = (translate) => {
    const start = performance.now();
    if (bench.bench_load(at, bytes.length, translate) !== 0)
      throw new Error(`the engine refuses ${path}`);
    return (performance.now() - start) * 1e6;
  };
  const hostTime = () => {
    const start = performance.now();
    if (!WebAssembly.validate(bytes)) throw new Error(`the host refuses ${path}`);
    return (performance.now() - start) * 1e6;
  };
  return Array.from({ length: rounds }, () => ({
    host: hostTime(),
    validate: time(0),
    translate: time(1),
    code: bench.bench_code_bytes(),
    internal: bench.bench_internal_bytes(),
  }));
}

// Nidus's interpreter as an engine of the interpreter bench. In wasm it is what users have: engine.wasm
// through its JavaScript interface. Natively it is a program that CMake makes of native/interp.c. Slices
// and fuel are on in both.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Engine } from "../../node/engine.js";
import { nativeEngine } from "./interp-engines.js";

const NATIVE = new URL("../../build/native/tests/bench/bench_interp", import.meta.url);
const WASM = new URL("../../build/wasm/tests/bench/bench_interp.wasm", import.meta.url);
/** About 2 ms of wasm instructions. */
const SLICE = 1n << 20n;
/** More than any guest here uses: the engine counts down all the same. */
const FUEL = 1n << 60n;

/** @param {URL} url */
function built(url) {
  const path = fileURLToPath(url);
  if (!existsSync(path)) throw new Error(`${path} is not built; run \`npm run setup\` first`);
  return path;
}

/** @returns {Promise<import("./interp-engines.js").Engine>} */
export async function nidusNative() {
  return nativeEngine("nidus", built(NATIVE));
}

/** @returns {Promise<import("./interp-engines.js").Engine>} */
export async function nidusInWasm() {
  return {
    name: "nidus",
    native: false,
    async load(path, n) {
      const engine = await Engine.create();
      const { instance } = await engine.instantiate(readFileSync(path), {});
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
    },
  };
}

/**
 * How long a module takes to be decoded and validated, and with that to be translated, in nanoseconds,
 * and the bytes of its function bodies and of the internal code made of them.
 *
 * @typedef {{ validate: number, translate: number, code: number, internal: number }} Loading
 */

/**
 * @param {string} path
 * @param {number} rounds
 * @returns {Loading[]}
 */
export function loadNatively(path, rounds) {
  const args = ["--load", path, String(rounds)];
  const lines = execFileSync(built(NATIVE), args, { encoding: "utf8" }).trim().split("\n");
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
  /** @type {WebAssembly.Imports} */
  const imports = {};
  // Messages and growth of memory, of which nothing is needed here.
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    (imports[from] ??= {})[name] = () => 0;
  const { exports } = await WebAssembly.instantiate(module, imports);
  const bench =
    /** @type {{ memory: WebAssembly.Memory, _initialize?: () => void, bench_alloc(size: number): number, bench_load(at: number, length: number, translate: number): number, bench_code_bytes(): number, bench_internal_bytes(): number }} */ (
      /** @type {unknown} */ (exports)
    );
  bench._initialize?.();
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
  return Array.from({ length: rounds }, () => ({
    validate: time(0),
    translate: time(1),
    code: bench.bench_code_bytes(),
    internal: bench.bench_internal_bytes(),
  }));
}

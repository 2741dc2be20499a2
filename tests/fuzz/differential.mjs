/**
 * Random valid modules on the engine and on this host's WebAssembly: results, traps, memory and globals
 * must agree.
 *
 *   node tests/fuzz/differential.mjs [--seconds N] [--seed N]
 *
 * binaryen's `wasm-opt --translate-to-fuzz` makes the modules from random bytes and puts a limit into
 * every loop, so that all of them end. `--denan` keeps NaNs out, whose bits hosts choose freely. A module
 * that differs stays in build/fuzz/findings, and the line that repeats it is printed.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Engine } from "../../node/engine.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "build", "fuzz", "findings");

const FEATURES =
  "--mvp-features --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext --enable-simd " +
  "--enable-bulk-memory --enable-multivalue";

/** Bytes from a seed: a small generator is enough, binaryen turns every byte into a decision. @param {number} seed */
function randomBytes(seed) {
  let state = (seed * 2654435761) | 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return Uint8Array.from({ length: 200 + (next() % 4000) }, () => next() >>> 8);
}

/** @param {string} input @param {string} output */
function generate(input, output) {
  const args = ["-ttf", "--denan", "-o", output, ...FEATURES.split(" "), input];
  const { status, error, stderr } = spawnSync("wasm-opt", args, { encoding: "utf8" });
  if (error)
    throw new Error("differential: wasm-opt is missing; install binaryen (npm run setup).");
  return status === 0 ? null : stderr;
}

/**
 * Does it compute with floats in vectors? `--denan` does not reach those, and the bits of their NaNs show.
 * @param {string} file
 */
function makesVectorNaNs(file) {
  const { stdout } = spawnSync("wasm-opt", ["-S", "-o", "-", "--all-features", file], {
    encoding: "utf8",
  });
  return /f(32x4|64x2)\.(add|sub|mul|div|sqrt|min|max|ceil|floor|trunc|nearest|demote|promote)/.test(
    stdout,
  );
}

/** What can be compared of a value. @param {unknown} value @returns {string} */
function show(value) {
  if (Array.isArray(value)) return value.map(show).join(" ");
  if (typeof value === "function") return "a function";
  if (Object.is(value, -0)) return "-0";
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/** The kind of an error: engines word them differently. @param {unknown} error */
function kind(error) {
  if (error instanceof RangeError) return "exhausted";
  if (error instanceof WebAssembly.RuntimeError) return "trap";
  if (error instanceof WebAssembly.LinkError) return "link";
  return String(error);
}

/**
 * Instantiates and calls every export; tells all that can be seen.
 * @param {any} wasm the namespace
 * @param {Uint8Array} bytes
 */
function execute(wasm, bytes) {
  /** @type {string[]} */
  const log = [];
  const module = new wasm.Module(bytes);
  /** @type {Record<string, Record<string, unknown>>} */
  const imports = {};
  for (const { module: from, name, kind: what } of wasm.Module.imports(module)) {
    const say = (/** @type {unknown[]} */ ...args) => void log.push(`${name} ${show(args)}`);
    imports[from] ??= {};
    if (what === "function") imports[from][name] = say;
    else return [`needs a ${what}`];
  }
  let exports;
  try {
    exports = new wasm.Instance(module, imports).exports;
  } catch (error) {
    return [kind(error)];
  }
  for (const [name, item] of Object.entries(exports)) {
    if (typeof item !== "function") continue;
    for (const seed of [0, 1]) {
      exports.hangLimitInitializer?.();
      const args = Array.from({ length: item.length }, (_, i) => seed * (i + 3));
      try {
        log.push(`${name}: ${show(item(...args))}`);
      } catch (error) {
        if (error instanceof TypeError) {
          // A v128 or i64 in the signature: once more with bigints, and if that fails too, not at all.
          try {
            log.push(`${name}: ${show(item(...args.map(BigInt)))}`);
          } catch (again) {
            log.push(`${name}: ${again instanceof TypeError ? "TypeError" : kind(again)}`);
          }
        } else log.push(`${name}: ${kind(error)}`);
      }
    }
  }
  for (const [name, item] of Object.entries(exports)) {
    if (item instanceof wasm.Memory) {
      const now = item.bytes ?? new Uint8Array(item.buffer);
      const digest = createHash("sha256").update(now).digest("hex");
      const begin = Buffer.from(now.subarray(0, 64)).toString("hex");
      log.push(`${name}: ${now.length} bytes, ${begin}… ${digest}`);
    } else if (item instanceof wasm.Global) {
      let value;
      try {
        value = show(item.value);
      } catch {
        value = "v128";
      }
      log.push(`${name}: ${value}`);
    }
  }
  return log;
}

const { values } = parseArgs({
  options: { seconds: { type: "string" }, seed: { type: "string" } },
});
const end = performance.now() + Number(values.seconds ?? 60) * 1000;
const first = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
mkdirSync(folder, { recursive: true });
const counts = { modules: 0, outcomes: 0, differences: 0, undecided: 0, ungenerated: 0 };

const once = values.seed !== undefined && values.seconds === undefined;
for (let seed = first; seed === first || (!once && performance.now() < end); seed++) {
  const input = join(folder, `differential-${process.pid}.bin`);
  const output = join(folder, `differential-${process.pid}.wasm`);
  writeFileSync(input, randomBytes(seed));
  const refused = generate(input, output);
  if (refused !== null) {
    counts.ungenerated++;
    continue;
  }
  const bytes = readFileSync(output);
  if (!WebAssembly.validate(bytes)) {
    counts.ungenerated++; // beyond this host's features
    continue;
  }
  const theirs = execute(WebAssembly, bytes);
  const ours = execute(await Engine.create({ limits: { memoryBytes: 1 << 28 } }), bytes);
  counts.modules++;
  counts.outcomes += theirs.length;
  const at = theirs.findIndex((line, i) => line !== ours[i]);
  if (at >= 0 || ours.length !== theirs.length) {
    if (makesVectorNaNs(output)) {
      counts.undecided++;
      continue;
    }
    counts.differences++;
    const kept = join(folder, `differential-${seed}.wasm`);
    writeFileSync(kept, bytes);
    console.log(`seed ${seed}: the engine says ${ours[at]?.slice(0, 300)}`);
    console.log(`  where the host says ${theirs[at]?.slice(0, 300)}`);
    console.log(
      `  module: ${kept}; again: node tests/fuzz/differential.mjs --seed ${seed} --seconds 1`,
    );
  }
}
console.log(
  `differential: ${counts.modules} modules, ${counts.outcomes} outcomes compared, ` +
    `${counts.differences} differ, ${counts.undecided} may differ by the bits of a vector's NaN, ` +
    `${counts.ungenerated} could not be generated`,
);
process.exitCode = counts.differences > 0 || counts.modules === 0 ? 1 : 0;

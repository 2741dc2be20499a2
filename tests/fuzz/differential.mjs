/**
 * Random valid modules on the engine and on a host's WebAssembly: results, traps, memory and globals
 * must agree.
 *
 *   node tests/fuzz/differential.mjs [--seconds N] [--seed N] [--chromium]
 *
 * The host is this Node; with --chromium Debian's browser, which has all of WebAssembly 3.0: then modules
 * use garbage collection, exceptions, 64-bit and several memories, and the rest.
 *
 * binaryen's `wasm-opt --translate-to-fuzz` makes the modules from random bytes and puts a limit into
 * every loop, so that all of them end. `--denan` keeps NaNs out, whose bits hosts choose freely. A module
 * that differs stays in build/fuzz/findings, and the line that repeats it is printed.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Engine } from "../../node/engine.js";
import { serve } from "../../scripts/lib/static-server.mjs";
import { execute } from "./outcomes.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "build", "fuzz", "findings");

const FEATURES =
  "--mvp-features --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext --enable-simd " +
  "--enable-bulk-memory --enable-multivalue";

/** For a browser. Strings and the like are later than 3.0; threads and relaxed SIMD may differ. */
const BROWSER_FEATURES =
  "--all-features --disable-stack-switching --disable-shared-everything --disable-custom-descriptors " +
  "--disable-strings --disable-fp16 --disable-threads --disable-relaxed-simd --disable-wide-arithmetic " +
  "--disable-custom-page-sizes --disable-multibyte --disable-relaxed-atomics " +
  "--translate-to-exnref"; // a browser refuses modules that mix both forms of exceptions

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    seed: { type: "string" },
    chromium: { type: "boolean" },
  },
});

/** Debian's binaryen is older than the final forms of the newer instructions; npm's comes with jco. */
const wasmOpt = values.chromium
  ? [process.execPath, join(root, "node_modules", "binaryen", "bin", "wasm-opt")]
  : ["wasm-opt"];

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
  const features = (values.chromium ? BROWSER_FEATURES : FEATURES).split(" ");
  const args = [...wasmOpt.slice(1), "-ttf", "--denan", "-o", output, ...features, input];
  const { status, error, stderr } = spawnSync(wasmOpt[0], args, { encoding: "utf8" });
  if (error)
    throw new Error("differential: wasm-opt is missing; install binaryen (npm run setup).");
  return status === 0 ? null : stderr;
}

/**
 * Does it compute with floats in vectors? `--denan` does not reach those, and the bits of their NaNs show.
 * @param {string} file
 */
function makesVectorNaNs(file) {
  const args = [...wasmOpt.slice(1), "-S", "-o", "-", "--all-features", file];
  const { stdout } = spawnSync(wasmOpt[0], args, { encoding: "utf8" });
  return /f(32x4|64x2)\.(add|sub|mul|div|sqrt|min|max|ceil|floor|trunc|nearest|demote|promote)/.test(
    stdout,
  );
}

/** What the host's WebAssembly does with a module; null where it refuses it. */
/** @typedef {(bytes: Uint8Array) => Promise<string[] | null>} Host */

/** @type {Host} */
const thisHost = async (bytes) =>
  WebAssembly.validate(new Uint8Array(bytes)) ? execute(WebAssembly, bytes) : null;

/** @returns {Promise<{host: Host, close: () => Promise<void>}>} */
async function openBrowser() {
  const { chromium } = await import("playwright-core");
  const server = await serve({ folder: resolve(root), isolated: true });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  const page = await browser.newPage();
  await page.goto(`${server.url}package.json`);
  return {
    host: (bytes) =>
      page.evaluate(async (text) => {
        const module = "/tests/fuzz/outcomes.js";
        const outcomes = await import(module);
        const given = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        return WebAssembly.validate(given) ? outcomes.execute(WebAssembly, given) : null;
      }, Buffer.from(bytes).toString("base64")),
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

const { host, close } = values.chromium
  ? await openBrowser()
  : { host: thisHost, close: async () => {} };

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
  const theirs = await host(bytes);
  if (theirs === null) {
    counts.ungenerated++; // beyond this host's features
    continue;
  }
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
      `  module: ${kept}; again: node tests/fuzz/differential.mjs${values.chromium ? " --chromium" : ""} --seed ${seed} --seconds 1`,
    );
  }
}
await close();
console.log(
  `differential: ${counts.modules} modules, ${counts.outcomes} outcomes compared, ` +
    `${counts.differences} differ, ${counts.undecided} may differ by the bits of a vector's NaN, ` +
    `${counts.ungenerated} could not be generated`,
);
process.exitCode = counts.differences > 0 || counts.modules === 0 ? 1 : 0;

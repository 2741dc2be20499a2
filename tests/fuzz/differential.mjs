/**
 * Random valid modules on the engine and on another WebAssembly, this Node's or Chromium's: results, traps,
 * exceptions, memory and globals must agree.
 *
 *   node tests/fuzz/differential.mjs [--chromium] [--seconds N | --executions N] [--seed N]
 *
 * binaryen's `wasm-opt --translate-to-fuzz` makes the modules from random bytes and puts a limit into
 * every loop, so that all of them end. `--denan` keeps NaNs out, whose bits hosts choose freely. For Chromium
 * they use all of WebAssembly 3.0, but for relaxed SIMD, whose results hosts choose; exceptions are of the
 * standard's kind, for modules may not mix both. A module that differs stays in build/fuzz/findings, and the line that repeats it is printed.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { Engine } from "../../node/engine.js";
import { outcomes } from "./outcomes.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "build", "fuzz", "findings");

const NODE_FEATURES =
  "--mvp-features --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext --enable-simd " +
  "--enable-bulk-memory --enable-multivalue";
const CHROMIUM_FEATURES =
  `${NODE_FEATURES} --enable-reference-types --enable-tail-call --enable-exception-handling --enable-gc ` +
  "--enable-memory64 --enable-multimemory --enable-extended-const --translate-to-exnref";

/** Calls of each function, with other arguments. */
const ROUNDS = { node: 2, chromium: 200 };

/** Modules made at a time: the generator is slow to start. */
const BATCH = 4;

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

/** Debian's binaryen for what Node has; for the rest the newer one that jco, a package of npm, brings along. */
function generator() {
  if (!values.chromium) return ["wasm-opt"];
  const jco = createRequire(import.meta.url).resolve("@bytecodealliance/jco");
  const binaryen = dirname(createRequire(jco).resolve("binaryen"));
  return [process.execPath, join(binaryen, "bin", "wasm-opt")];
}

/**
 * A module made from a seed, or null where binaryen makes none.
 * @param {number} seed
 * @returns {Promise<Uint8Array<ArrayBuffer> | null>}
 */
async function generate(seed) {
  const input = join(folder, `differential-${process.pid}-${seed}.bin`);
  const output = input.replace(/bin$/, "wasm");
  const [program, ...args] = generator();
  const features = values.chromium ? CHROMIUM_FEATURES : NODE_FEATURES;
  writeFileSync(input, randomBytes(seed));
  try {
    await run(program, [...args, "-ttf", "--denan", "-o", output, ...features.split(" "), input]);
    return new Uint8Array(readFileSync(output));
  } catch (error) {
    if (/** @type {any} */ (error).code === "ENOENT")
      throw new Error("differential: wasm-opt is missing; install binaryen (npm run setup).");
    return null;
  } finally {
    rmSync(input, { force: true });
    rmSync(output, { force: true });
  }
}

/**
 * Does it compute with floats in vectors? `--denan` of Debian's does not reach those, and the bits of their NaNs show.
 * @param {string} file
 */
async function makesVectorNaNs(file) {
  const [program, ...args] = generator();
  const { stdout } = await run(program, [...args, "-S", "-o", "-", "--all-features", file], {
    maxBuffer: 1 << 28,
  });
  return /f(32x4|64x2)\.(add|sub|mul|div|sqrt|min|max|ceil|floor|trunc|nearest|demote|promote)/.test(
    stdout,
  );
}

/**
 * The other WebAssembly: outcomes of a module, or null where it does not compile it.
 * @typedef {(bytes: Uint8Array<ArrayBuffer>) => Promise<string[] | null>} Host
 */

/** @type {Host} */
const inNode = async (bytes) =>
  WebAssembly.validate(bytes) ? outcomes(WebAssembly, bytes, ROUNDS.node).log : null;

/** @returns {Promise<{host: Host, close: () => Promise<void>}>} */
async function openChromium() {
  const { chromium } = await import("playwright-core");
  const { serve } = await import("../../scripts/lib/static-server.mjs");
  const server = await serve({ folder: root.replace(/\/$/, "") });
  const open = async () => {
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    });
    const page = await browser.newPage();
    await page.goto(`${server.url}tests/browser/pages/blank.html`);
    return { browser, page };
  };
  let { browser, page } = await open();
  /** @type {Host} */
  const ask = (bytes) =>
    page.evaluate(
      async ([text, rounds]) => {
        const { outcomes } = /** @type {typeof import("./outcomes.js")} */ (
          await import(/** @type {string} */ ("/tests/fuzz/outcomes.js"))
        );
        const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
        return WebAssembly.validate(bytes) ? outcomes(WebAssembly, bytes, rounds).log : null;
      },
      /** @type {const} */ ([Buffer.from(bytes).toString("base64"), ROUNDS.chromium]),
    );
  /**
   * A browser may die: of a module, or for reasons of its own. Another one is asked once more.
   * @type {Host}
   */
  const host = async (bytes) => {
    try {
      return await ask(bytes);
    } catch {
      await browser.close();
      ({ browser, page } = await open());
      return ask(bytes).catch(() => null);
    }
  };
  const close = async () => {
    await browser.close();
    await server.close();
  };
  return { host, close };
}

const { values } = parseArgs({
  options: {
    chromium: { type: "boolean" },
    seconds: { type: "string" },
    executions: { type: "string" },
    seed: { type: "string" },
  },
});
const seconds = values.seconds ?? (values.executions === undefined ? "60" : "Infinity");
const end = performance.now() + Number(seconds) * 1000;
const wanted = Number(values.executions ?? Infinity);
const first = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const once = values.seed !== undefined && !values.seconds && !values.executions;
mkdirSync(folder, { recursive: true });
const { host, close } = values.chromium
  ? await openChromium()
  : { host: inNode, close: async () => {} };
const rounds = values.chromium ? ROUNDS.chromium : ROUNDS.node;
const counts = { modules: 0, executions: 0, outcomes: 0, differences: 0, undecided: 0, refused: 0 };

/** @param {number} seed @param {Uint8Array<ArrayBuffer> | null} bytes */
async function compare(seed, bytes) {
  const theirs = bytes && (await host(bytes));
  if (!bytes || !theirs) {
    counts.refused++; // beyond the host's features
    return;
  }
  const engine = await Engine.create({ limits: { memoryBytes: 1 << 28 } });
  /** @type {string[]} */
  let ours;
  try {
    const { log, calls } = outcomes(engine, bytes, rounds);
    ours = log;
    counts.executions += calls;
  } catch (error) {
    ours = [String(error)];
  }
  counts.modules++;
  counts.outcomes += theirs.length;
  const at = theirs.findIndex((line, i) => line !== ours[i]);
  if (at < 0 && ours.length === theirs.length) return;
  const kept = join(folder, `differential-${seed}.wasm`);
  writeFileSync(kept, bytes);
  if (!values.chromium && (await makesVectorNaNs(kept))) {
    rmSync(kept);
    counts.undecided++;
    return;
  }
  counts.differences++;
  const again = `node tests/fuzz/differential.mjs ${values.chromium ? "--chromium " : ""}--seed ${seed}`;
  console.log(`seed ${seed}: the engine says ${ours[at]?.slice(0, 300)}`);
  console.log(`  where the host says ${theirs[at]?.slice(0, 300)}`);
  console.log(`  module: ${kept}; again: ${again}`);
}

try {
  for (let seed = first; performance.now() < end && counts.executions < wanted; seed += BATCH) {
    const seeds = Array.from({ length: once ? 1 : BATCH }, (_, i) => seed + i);
    const made = await Promise.all(seeds.map(generate));
    for (const [i, bytes] of made.entries()) await compare(seeds[i], bytes);
    if (once) break;
  }
} finally {
  await close();
}
console.log(
  `differential: ${counts.modules} modules, ${counts.executions} executions, ${counts.outcomes} outcomes compared, ` +
    `${counts.differences} differ, ${counts.undecided} may differ by the bits of a vector's NaN, ` +
    `${counts.refused} could not be generated or are beyond the host`,
);
process.exitCode = counts.differences > 0 || counts.modules === 0 ? 1 : 0;

// The interpreter against wasm3 and WAMR's fast interpreter, natively and compiled to wasm.
//
// Peers are programs that somebody has built; NIDUS_PEERS names the folder they lie in, and
// interp-engines.js says what they look like.
//
// Each guest is a C program of guests/interp. A round runs every engine once, in turn, so that what
// else the machine does meets all alike; the figure is the median of the rounds after the first, and
// the first is reported by itself.
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { guest } from "./guests.js";
import { nativeEngine, wasmEngine } from "./interp-engines.js";
import { loadInWasm, loadNatively, nidusInWasm, nidusNative } from "./nidus-engine.js";
import { digits, geometricMean, median } from "./report.js";

export const name = "interp";

const ROUNDS = 9;
/** A large module to load: the compiler. */
const LARGE = "llvm.core.wasm";
const LOAD_ROUNDS = 5;
/** Limits for the wasm build, in bytes of code per second, and of internal code per byte of code. */
const VALIDATE_LIMIT = 85e6;
const TRANSLATE_LIMIT = 25e6;
const INTERNAL_LIMIT = 2.5;
/** What every interpreter understands: the first version, and what all compilers have used since. */
const FLAGS =
  "-O2 -mcpu=mvp -mmutable-globals -msign-ext -mbulk-memory -mnontrapping-fptoint -mexec-model=reactor -Wall -Wextra -Werror";
/** How much of its work each guest does per call: some 10 ms of a native interpreter. */
const GUESTS = [
  ["integer", 10],
  ["float", 10],
  ["memory", 2],
  ["calls", 50],
  ["indirect", 10],
  ["bytecode", 5],
  ["compress", 5],
  ["hash", 40],
  ["sort", 2],
  ["words", 10],
];

/**
 * @typedef {import("./interp-engines.js").Engine} Engine
 * @typedef {import("./report.js").Report} Report
 */

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {Report} report
 * @returns {Engine[]}
 */
function peers(report) {
  const folder = process.env.NIDUS_PEERS;
  if (!folder) {
    report.note("absent: wasm3, WAMR: NIDUS_PEERS names no folder of built peers (see interp.js)");
    return [];
  }
  /** @type {Engine[]} */
  const found = [];
  for (const file of readdirSync(folder).sort()) {
    const path = join(folder, file);
    if (file.endsWith(".wasm")) found.push(wasmEngine(file.slice(0, -5), path));
    else if (isProgram(path)) found.push(nativeEngine(file, path));
  }
  for (const wanted of ["wasm3", "wamr"])
    for (const native of [true, false])
      if (!found.some((peer) => peer.name === wanted && peer.native === native))
        report.note(`absent: ${wanted} ${native ? "native" : "in wasm"}: not in ${folder}`);
  return found;
}

/**
 * @param {Report} report
 * @param {() => Promise<Engine>} make
 * @returns {Promise<Engine[]>}
 */
async function ours(report, make) {
  try {
    return [await make()];
  } catch (error) {
    report.note(`absent: nidus: ${/** @type {Error} */ (error).message}`);
    return [];
  }
}

/** @param {Report} report */
export async function run(report) {
  const engines = [
    ...(await ours(report, nidusNative)),
    ...(await ours(report, nidusInWasm)),
    ...peers(report),
  ];
  await loading(report);
  const folder = mkdtempSync(join(tmpdir(), "nidus-interp-"));
  try {
    for (const native of [true, false])
      await compare(
        report,
        folder,
        native,
        engines.filter((engine) => engine.native === native),
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {Report} report
 * @param {string} folder
 * @param {boolean} native
 * @param {Engine[]} engines
 */
async function compare(report, folder, native, engines) {
  /** @type {Map<Engine, { first: number, warm: number }[]>} */
  const results = new Map(engines.map((engine) => [engine, []]));
  const rows = [];
  for (const [program, work] of GUESTS) {
    const bytes = await guest(`interp/${program}`, FLAGS.split(" "));
    const path = join(folder, `${program}.wasm`);
    writeFileSync(path, bytes);
    const { instance } = await WebAssembly.instantiate(bytes);
    const expected =
      /** @type {(n: number) => number} */ (instance.exports.run)(Number(work)) >>> 0;
    const loaded = await Promise.all(engines.map((engine) => engine.load(path, Number(work))));
    const samples = engines.map(() => /** @type {number[]} */ ([]));
    for (let round = 0; round < ROUNDS; round++)
      loaded.forEach((engine, i) => {
        const { sum, ns } = engine.sample();
        if (sum !== expected)
          throw new Error(`${engines[i].name}: ${program} gives ${sum}, the host ${expected}`);
        samples[i].push(ns);
      });
    engines.forEach((engine, i) =>
      results.get(engine)?.push({ first: samples[i][0], warm: median(samples[i].slice(1)) }),
    );
    rows.push([
      String(program),
      ...samples.map((of) => `${digits(of[0] / 1e6)} ${digits(median(of.slice(1)) / 1e6)}`),
    ]);
  }
  report.note(`\n${native ? "native" : "in wasm, on this Node"}: ms per call, first and warm`);
  report.table(["", ...engines.map((engine) => engine.name)], rows);
  const [nidus] = engines.filter((engine) => engine.name === "nidus");
  if (!nidus) return;
  const own = results.get(nidus) ?? [];
  const others = engines.filter((engine) => engine !== nidus);
  for (const peer of others)
    for (const kind of /** @type {const} */ (["warm", "first"])) {
      const times = results.get(peer) ?? [];
      const speed = geometricMean(times.map((time, i) => time[kind] / own[i][kind]));
      const limit = native ? 1.1 : peer.name.startsWith("wamr") ? 1.2 : 2.2;
      const limited = kind === "warm" && !(native && peer.name.startsWith("wamr"));
      report.ratio(
        `${native ? "native" : "in wasm"}, ${kind}: ${digits(speed)} times as fast as ${peer.name}`,
        limited ? speed >= limit : undefined,
      );
    }
  if (!others.length) return;
  const worst = GUESTS.map(([program], i) => {
    const best = Math.min(...others.map((peer) => results.get(peer)?.[i].warm ?? Infinity));
    return { program, speed: best / own[i].warm };
  }).sort((a, b) => a.speed - b.speed)[0];
  report.ratio(
    `${native ? "native" : "in wasm"}: at worst (${worst.program}) ${digits(worst.speed)} times as fast as the best peer`,
    worst.speed >= 0.9,
  );
}

/** @param {Report} report */
async function loading(report) {
  const entry = createRequire(import.meta.url).resolve("@yowasp/clang");
  const path = join(dirname(entry), LARGE);
  const rows = [];
  for (const [where, load] of /** @type {const} */ ([
    ["native", loadNatively],
    ["in wasm", loadInWasm],
  ]))
    try {
      const rounds = await load(path, LOAD_ROUNDS);
      const { code, internal } = rounds[0];
      const validate = (code / median(rounds.map((round) => round.validate))) * 1e9;
      const translate = (code / median(rounds.map((round) => round.translate))) * 1e9;
      const first = (code / rounds[0].validate) * 1e9;
      rows.push([
        where,
        ...[first, validate, translate].map((speed) => digits(speed / 1e6)),
        digits(internal / code),
      ]);
      if (where === "native") continue;
      report.ratio(
        `validation: ${digits(validate / 1e6)} MB of code per second`,
        validate >= VALIDATE_LIMIT,
      );
      report.ratio(
        `validation and translation: ${digits(translate / 1e6)} MB per second`,
        translate >= TRANSLATE_LIMIT,
      );
      report.ratio(
        `internal code: ${digits(internal / code)} bytes per byte`,
        internal / code <= INTERNAL_LIMIT,
      );
    } catch (error) {
      report.note(`absent: loading ${where}: ${/** @type {Error} */ (error).message}`);
    }
  report.note(`\nloading ${LARGE}, MB of code per second, median of ${LOAD_ROUNDS}`);
  report.table(
    ["", "validate, first", "validate", "and translate", "internal bytes per byte"],
    rows,
  );
}

// The interpreter against wasm3 and WAMR's fast interpreter, natively and compiled to wasm.
//
// Peers are programs that somebody has built; NIDUS_PEERS names the folder they lie in, and
// interp-engines.js says what they look like.
//
// Each guest is a C program of guests/interp. A round runs every engine once, in turn, so that what
// else the machine does meets all alike; the figure is the median of the rounds after the first, and
// the first is reported by itself.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { jobsInChromium } from "./chromium.js";
import { enginesHere } from "./interp-engines.js";
import { GUESTS, compileGuests } from "./interp-guests.js";
import { rounds } from "./interp-wasm.js";
import { loadInWasm, loadNatively } from "./nidus-loading.js";
import { digits, geometricMean, median } from "./report.js";

export const name = "interp";

const ROUNDS = 21;
/** A large module to load: the compiler. */
const LARGE = "llvm.core.wasm";
const LOAD_ROUNDS = 5;
/** Limits for the wasm build, in bytes of code per second, and of internal code per byte of code. */
const VALIDATE_LIMIT = 85e6;
const TRANSLATE_LIMIT = 25e6;
const INTERNAL_LIMIT = 2.5;
/** Of the best peer's speed, for every single guest. */
const WORST_LIMIT = 0.9;
/**
 * Samples by guest, then by engine.
 *
 * @typedef {number[][][]} Samples
 * @typedef {import("./report.js").Report} Report
 */

/** @param {Report} report */
export async function run(report) {
  await loading(report);
  const engines = enginesHere(report);
  const folder = mkdtempSync(join(tmpdir(), "nidus-interp-"));
  try {
    await compileGuests(folder);
    for (const native of [true, false]) {
      const chosen = engines.filter((engine) => engine.native === native);
      const names = chosen.map((engine) => engine.name);
      tell(report, native ? "native" : "in wasm on Node", names, await here(chosen, folder));
    }
    const peers = engines.filter((engine) => !engine.native).map((engine) => engine.name);
    const samples = await inChromium(report, peers.slice(1), folder);
    tell(report, "in wasm in Chromium", peers, samples);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import("./interp-engines.js").EngineHere[]} engines
 * @param {string} folder of the guests
 * @returns {Promise<Samples>}
 */
async function here(engines, folder) {
  const names = engines.map((engine) => engine.name);
  /** @type {Samples} */
  const samples = [];
  for (const [program, work] of GUESTS) {
    const path = join(folder, `${program}.wasm`);
    const { instance } = await WebAssembly.instantiate(readFileSync(path));
    const expected = /** @type {(n: number) => number} */ (instance.exports.run)(work) >>> 0;
    const loaded = await Promise.all(engines.map((engine) => engine.load(path, work)));
    samples.push(rounds(names, loaded, expected, ROUNDS));
  }
  return samples;
}

/**
 * @param {Report} report
 * @param {string[]} peers
 * @param {string} folder of the guests
 * @returns {Promise<Samples>}
 */
async function inChromium(report, peers, folder) {
  const mounts = { "/guests/": folder, "/peers/": process.env.NIDUS_PEERS ?? folder };
  const calls = GUESTS.map(([program, work]) => [program, work, peers, ROUNDS]);
  return /** @type {Samples} */ (await jobsInChromium(report, "interp.html", mounts, calls));
}

/**
 * @param {Report} report
 * @param {string} where
 * @param {string[]} names
 * @param {Samples} samples
 */
function tell(report, where, names, samples) {
  const first = samples.map((guest) => guest.map((of) => of[0]));
  const warm = samples.map((guest) => guest.map((of) => median(of.slice(1))));
  report.note(`\n${where}: ms per call, first and warm`);
  report.table(
    ["", ...names],
    GUESTS.map(([program], g) => [
      program,
      ...names.map((_, e) => `${digits(first[g][e] / 1e6)} ${digits(warm[g][e] / 1e6)}`),
    ]),
  );
  const nidus = names.indexOf("nidus");
  const others = names.flatMap((name, e) => (name === "nidus" ? [] : [{ name, e }]));
  if (nidus < 0 || !others.length) return;
  const native = where === "native";
  for (const { name, e } of others) {
    const [speed, begin] = [warm, first].map((times) =>
      geometricMean(times.map((guest) => guest[e] / guest[nidus])),
    );
    const limit = native ? { wasm3: 1.1 }[name] : { wasm3: 2.2, wamr: 1.2, "wamr-goto": 1.2 }[name];
    report.ratio(
      `${where}: ${digits(speed)} times as fast as ${name} (first call: ${digits(begin)})`,
      limit === undefined ? undefined : speed >= limit,
    );
  }
  const worst = GUESTS.map(([program], g) => {
    const best = Math.min(...others.map(({ e }) => warm[g][e]));
    return { program, speed: best / warm[g][nidus] };
  }).sort((a, b) => a.speed - b.speed)[0];
  report.ratio(
    `${where}: at worst (${worst.program}) ${digits(worst.speed)} times as fast as the best peer`,
    worst.speed >= WORST_LIMIT,
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
      const host = median(rounds.map((round) => round.validate / (round.host ?? NaN)));
      report.note(
        `the host's own engine, native code on all cores, validates it in 1 / ${digits(host)} of that time`,
      );
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

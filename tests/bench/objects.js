// Garbage-collected structs and exceptions: the native engine against Chromium's own WebAssembly, which is
// V8 with its compilers. The first call of a fresh instance counts, for that is what a program run once
// gets; what V8 does with a module that it has called often is printed beside it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assemble } from "../spec/assemble.mjs";
import { jobsInChromium } from "./chromium.js";
import { digits, duration, median } from "./report.js";

export const name = "objects";

const ROUNDS = 5;
const OBJECTS = 10_000_000;
const THROWS = 1_000_000;
/** Of V8's time, for 10 million small structs of which 1 % survive. */
const ALLOCATION_LIMIT = 2.5;
/** Exceptions thrown and caught across 10 frames, per second. */
const THROW_LIMIT = 1e6;

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @typedef {{sum: number, ms: number}} Sample */

/**
 * @param {Uint8Array} bytes
 * @param {number} n
 * @param {string} folder
 * @returns {Sample[]}
 */
function natively(bytes, n, folder) {
  const file = join(folder, "guest.wasm");
  writeFileSync(file, bytes);
  const program = join(root, "build", "native", "tests", "bench", "bench_interp");
  return execFileSync(program, [file, String(n), String(ROUNDS)], { encoding: "utf8" })
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [sum, ns] = line.split(" ").map(Number);
      return { sum: sum >>> 0, ms: ns / 1e6 };
    });
}

/** @param {import("./report.js").Report} report */
export async function run(report) {
  const folder = mkdtempSync(join(tmpdir(), "nidus-objects-"));
  /** @param {string} guest */
  const load = async (guest) =>
    assemble(readFileSync(new URL(`./guests/objects/${guest}.wat`, import.meta.url), "latin1"));
  try {
    const guests = [
      { what: "10 million structs", bytes: await load("allocate"), n: OBJECTS },
      { what: "1 million throws", bytes: await load("throw"), n: THROWS },
    ];
    const calls = guests.map(({ bytes, n }) => [Buffer.from(bytes).toString("base64"), n, ROUNDS]);
    const theirs = /** @type {Sample[][]} */ (
      await jobsInChromium(report, "objects.html", {}, calls)
    );
    const ours = guests.map(({ bytes, n }) => natively(bytes, n, folder));
    /** @param {Sample[]} samples */
    const middle = (samples) => median(samples.map(({ ms }) => ms));
    const rows = guests.map(({ what }, i) => {
      const sums = new Set([...ours[i], ...theirs[i]].map(({ sum }) => sum));
      if (sums.size !== 1) throw new Error(`${what}: the checksums differ`);
      const figures = [middle(ours[i]), theirs[i][0].ms, middle(theirs[i].slice(1))];
      return [what, ...figures.map((ms) => duration(ms * 1e6))];
    });
    report.table(["", "Nidus, native", "V8, first call", "V8, warm"], rows);
    const ratio = middle(ours[0]) / theirs[0][0].ms;
    report.ratio(
      `allocating 10 million structs: ${digits(ratio)} times V8's first call`,
      ratio < ALLOCATION_LIMIT,
    );
    const perSecond = THROWS / (middle(ours[1]) / 1000);
    report.ratio(
      `exceptions across 10 frames: ${digits(perSecond / 1e6)} million per second`,
      perSecond >= THROW_LIMIT,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Garbage-collected structs and exceptions: the native engine against Chromium's own WebAssembly, which is
// V8 with its compilers. Both run the same module in turns, each time in a fresh program and a fresh page. What
// counts is the first call, which is what a program run once gets; V8's time is that of the call alone, for it has
// compiled the module before, while ours includes the translation. The calls after it are printed beside it.
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
/** Calls of each instance: the first, and those that show what warming up brings. */
const CALLS = 4;
const OBJECTS = 10_000_000;
const THROWS = 1_000_000;
/** Of V8's time, for 10 million small structs of which 1 % survive. */
const ALLOCATION_LIMIT = 2.5;
/** Exceptions thrown and caught across 10 frames, per second. */
const THROW_LIMIT = 1e6;

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @typedef {{sum: number, ms: number}} Sample */

const program = join(root, "build", "native", "tests", "bench", "bench_interp");

/** @param {string[]} args */
const native = (args) => execFileSync(program, args, { encoding: "utf8" }).trimEnd();

/**
 * @param {string} file
 * @param {number} n
 * @returns {Sample[]}
 */
const natively = (file, n) =>
  native([file, String(n), String(CALLS)])
    .split("\n")
    .map((line) => {
      const [sum, ns] = line.split(" ").map(Number);
      return { sum: sum >>> 0, ms: ns / 1e6 };
    });

/** @param {import("./report.js").Report} report */
export async function run(report) {
  const folder = mkdtempSync(join(tmpdir(), "nidus-objects-"));
  /** @param {string} guest */
  const load = async (guest) =>
    assemble(readFileSync(new URL(`./guests/objects/${guest}.wat`, import.meta.url), "latin1"));
  try {
    const guests = [
      {
        what: "10 million structs",
        bytes: await load("allocate"),
        n: OBJECTS,
        file: join(folder, "allocate.wasm"),
      },
      {
        what: "1 million throws",
        bytes: await load("throw"),
        n: THROWS,
        file: join(folder, "throw.wasm"),
      },
    ];
    for (const { file, bytes } of guests) writeFileSync(file, bytes);
    /** @type {Array<typeof guests[number]>} */
    const turns = Array.from({ length: ROUNDS }, () => guests).flat();
    /** @type {Map<object, {ours: Sample[][], theirs: Sample[][]}>} */
    const samples = new Map(guests.map((guest) => [guest, { ours: [], theirs: [] }]));
    const answers = /** @type {Sample[][]} */ (
      await jobsInChromium(
        report,
        "objects.html",
        {},
        turns.map(({ bytes, n }) => [Buffer.from(bytes).toString("base64"), n, CALLS]),
        (turn) => samples.get(turns[turn])?.ours.push(natively(turns[turn].file, turns[turn].n)),
      )
    );
    answers.forEach((answer, turn) => samples.get(turns[turn])?.theirs.push(answer));
    const figures = guests.map((guest) => {
      const { ours, theirs } = samples.get(guest) ?? { ours: [], theirs: [] };
      if (new Set([...ours, ...theirs].flat().map(({ sum }) => sum)).size !== 1)
        throw new Error(`${guest.what}: the checksums differ`);
      /** @param {Sample[][]} calls @param {number} from @param {number} [to] */
      const middle = (calls, from, to) =>
        median(calls.flatMap((call) => call.slice(from, to).map(({ ms }) => ms)));
      return {
        first: middle(ours, 0, 1),
        later: middle(ours, 1),
        theirFirst: middle(theirs, 0, 1),
        theirLater: middle(theirs, 1),
      };
    });
    report.table(
      ["", "Nidus, native", "later calls", "V8, first call", "later calls"],
      guests.map(({ what }, i) => {
        const { first, later, theirFirst, theirLater } = figures[i];
        return [what, ...[first, later, theirFirst, theirLater].map((ms) => duration(ms * 1e6))];
      }),
    );
    const [pauses, longest, slice, usual] = native(["--pauses", guests[0].file, String(OBJECTS)])
      .split(" ")
      .map(Number);
    report.note(
      `the collector stopped the program ${pauses} times, at most for ${longest} references and blocks; ` +
        `the longest slice of 1,000 instructions took ${duration(slice)}, the middle one ${duration(usual)}`,
    );
    const ratio = figures[0].first / figures[0].theirFirst;
    report.note(
      `later calls: ${digits(figures[0].later / figures[0].theirLater)} times V8's, which has optimised the loop by then`,
    );
    report.ratio(
      `allocating 10 million structs: ${digits(ratio)} times V8's first call`,
      ratio < ALLOCATION_LIMIT,
    );
    const perSecond = THROWS / (figures[1].first / 1000);
    report.ratio(
      `exceptions across 10 frames: ${digits(perSecond / 1e6)} million per second`,
      perSecond >= THROW_LIMIT,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Terminals in Chromium: how soon a program ends that is interrupted or killed, whatever it does; and a flood of output
// into xterm.js, during which the page must stay at 30 frames a second. On pages that are isolated, where programs have
// workers of their own, and on others.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jobsInChromium } from "./chromium.js";
import { guest } from "./guests.js";
import { digits, median } from "./report.js";

export const name = "terminals";

const ROUNDS = 9;
const MEGABYTES = 50;
const TIERS = /** @type {const} */ (["direct", "interp"]);
const DOING = /** @type {const} */ (["spin", "flood", "reads"]);
const BY = /** @type {const} */ (["SIGINT", "SIGKILL", "^C"]);
/** Of a signal and of a kill, in milliseconds; and of a page, in frames a second. */
const INTERRUPT_LIMIT = 100;
const KILL_LIMIT = 250;
const FRAMES_LIMIT = 30;

/** @typedef {{times: number[], restarts: number}} Stops */
/** @typedef {{seconds: number, bytes: number, perSecond: number, gaps: number[]}} Flood */

/** @param {import("./report.js").Report} report */
export async function run(report) {
  const folder = mkdtempSync(join(tmpdir(), "nidus-bench-"));
  try {
    for (const each of DOING) writeFileSync(join(folder, each), await guest(each));
    for (const isolated of [true, false]) {
      const page = isolated ? "isolated page" : "page without headers";
      await stops(report, page, isolated, { "/guests/": folder });
      await floods(report, page, isolated, { "/guests/": folder });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {import("./report.js").Report} report
 * @param {string} page
 * @param {boolean} isolated
 * @param {Record<string, string>} mounts
 */
async function stops(report, page, isolated, mounts) {
  const rows = DOING.flatMap((what) => TIERS.flatMap((tier) => BY.map((by) => [what, tier, by])));
  const calls = rows.map((row) => ["stops", ...row, ROUNDS]);
  const answers = /** @type {Stops[]} */ (
    await jobsInChromium(report, "terminals.html", mounts, calls, undefined, isolated)
  );
  report.note(`\n${page}: from the signal to the end of the process, ${ROUNDS} times each`);
  report.table(
    ["program", "tier", "by", "median", "longest", "workers replaced"],
    rows.map((row, i) => {
      const { times, restarts } = /** @type {Stops} */ (answers[i]);
      const longest = Math.max(...times);
      return [...row, `${digits(median(times))} ms`, `${digits(longest)} ms`, String(restarts)];
    }),
  );
  for (const [what, limit] of /** @type {const} */ ([
    ["SIGINT", INTERRUPT_LIMIT],
    ["^C", INTERRUPT_LIMIT],
    ["SIGKILL", KILL_LIMIT],
  ])) {
    const medians = answers.flatMap(({ times }, i) => (rows[i]?.[2] === what ? median(times) : []));
    const longest = answers.flatMap(({ times }, i) => (rows[i]?.[2] === what ? times : []));
    report.ratio(
      `${page}: ${what} ends a program in ${digits(Math.max(...medians))} ms where it takes longest, ` +
        `at most ${digits(Math.max(...longest))} ms`,
      Math.max(...medians) <= limit,
    );
  }
  const replaced = answers.reduce((sum, { restarts }) => sum + restarts, 0);
  report.ratio(
    `${page}: workers of the whole system replaced to end a program: ${replaced}`,
    replaced === 0,
  );
}

/**
 * @param {import("./report.js").Report} report
 * @param {string} page
 * @param {boolean} isolated
 * @param {Record<string, string>} mounts
 */
async function floods(report, page, isolated, mounts) {
  const calls = TIERS.map((tier) => ["floods", "flood", tier, MEGABYTES]);
  const answers = /** @type {Flood[]} */ (
    await jobsInChromium(report, "terminals.html", mounts, calls, undefined, isolated)
  );
  report.note(`\n${page}: ${MEGABYTES} MB of puts into xterm.js`);
  report.table(
    ["tier", "bytes shown", "took", "frames a second", "median between frames", "longest"],
    answers.map(({ seconds, bytes, perSecond, gaps }, i) => [
      String(TIERS[i]),
      String(bytes),
      `${digits(seconds)} s`,
      digits(perSecond),
      `${digits(median(gaps))} ms`,
      `${digits(Math.max(...gaps))} ms`,
    ]),
  );
  const least = Math.min(...answers.map(({ perSecond }) => perSecond));
  report.ratio(
    `${page}: during a flood it has ${digits(least)} frames a second`,
    least >= FRAMES_LIMIT,
  );
}

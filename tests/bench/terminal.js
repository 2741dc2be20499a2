// Terminals in Chromium: how soon a program ends that is interrupted or killed, whatever it does; and a flood of output
// into xterm.js, during which the page must stay at 30 frames a second.
import { jobsInChromium } from "./chromium.js";
import { guest } from "./guests.js";
import { digits, median } from "./report.js";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const name = "terminal";

const ROUNDS = 15;
const MEGABYTES = 50;
const TIERS = /** @type {const} */ (["direct", "interp"]);
const DOING = /** @type {const} */ (["spin", "flood", "reads"]);
const BY = /** @type {const} */ (["SIGINT", "SIGKILL", "^C"]);

/** @param {import("./report.js").Report} report */
export async function run(report) {
  const folder = mkdtempSync(join(tmpdir(), "nidus-bench-"));
  try {
    for (const each of DOING) writeFileSync(join(folder, each), await guest(each));
    const rows = DOING.flatMap((what) => TIERS.flatMap((tier) => BY.map((by) => [what, tier, by])));
    const mounts = { "/guests/": folder };
    const stops = /** @type {{times: number[], restarts: number}[]} */ (
      await jobsInChromium(
        report,
        "terminal.html",
        mounts,
        rows.map((row) => ["stops", ...row, ROUNDS]),
      )
    );
    report.note(`\nfrom the signal to the end of the process, ${ROUNDS} times each`);
    report.table(
      ["program", "tier", "by", "median", "longest", "workers replaced"],
      rows.map(([...row], i) => {
        const { times, restarts } = /** @type {(typeof stops)[0]} */ (stops[i]);
        const longest = Math.max(...times);
        return [...row, `${digits(median(times))} ms`, `${digits(longest)} ms`, String(restarts)];
      }),
    );
    const floods =
      /** @type {{seconds: number, bytes: number, perSecond: number, gaps: number[]}[]} */ (
        await jobsInChromium(
          report,
          "terminal.html",
          mounts,
          TIERS.map((tier) => ["floods", "flood", tier, MEGABYTES]),
        )
      );
    report.note(`\n${MEGABYTES} MB of puts into xterm.js`);
    report.table(
      ["tier", "bytes shown", "took", "frames a second", "median between frames", "longest"],
      floods.map(({ seconds, bytes, perSecond, gaps }, i) => [
        String(TIERS[i]),
        String(bytes),
        `${digits(seconds)} s`,
        digits(perSecond),
        `${digits(median(gaps))} ms`,
        `${digits(Math.max(...gaps))} ms`,
      ]),
    );
    const all = stops.flatMap(({ times }) => times);
    report.ratio(
      `a program ends ${digits(median(all))} ms after a signal, at most ${digits(Math.max(...all))} ms; ` +
        `during a flood the page has ${digits(Math.min(...floods.map(({ perSecond }) => perSecond)))} frames a second`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

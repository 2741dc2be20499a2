// What the rewriter's countdown checks cost a program that the host runs itself: each guest of
// guests/interp as it is and rewritten, in turns, on Node and in Chromium.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "../../node/engine.js";
import { jobsInChromium } from "./chromium.js";
import { GUESTS, compileGuests } from "./interp-guests.js";
import { digits, geometricMean, median } from "./report.js";
import { pairs } from "./rewrite-pairs.js";

export const name = "rewrite";

const SAMPLES = 101;
/** A rewritten program's time over the original's, geometric mean. */
const LIMIT = 1.15;

/**
 * @typedef {import("./report.js").Report} Report
 * @typedef {import("./rewrite-pairs.js").Pair} Pair
 */

/** @param {Report} report */
export async function run(report) {
  const folder = mkdtempSync(join(tmpdir(), "nidus-rewrite-"));
  try {
    await compileGuests(folder);
    const engine = await Engine.create();
    /** @type {Pair[][]} */
    const onNode = [];
    for (const [program, work] of GUESTS) {
      const plain = readFileSync(join(folder, `${program}.wasm`));
      const checked = new engine.Module(plain).rewrite({ checks: true }).bytes;
      writeFileSync(join(folder, `${program}.checked.wasm`), checked);
      onNode.push(await pairs(plain, checked, work, SAMPLES));
    }
    tell(report, "on Node", onNode);
    const calls = GUESTS.map(([program, work]) => [program, work, SAMPLES]);
    const inPages = await jobsInChromium(report, "rewrite.html", { "/guests/": folder }, calls);
    tell(report, "in Chromium", /** @type {Pair[][]} */ (inPages));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {Report} report
 * @param {string} where
 * @param {readonly Pair[][]} samples by guest
 */
function tell(report, where, samples) {
  const rows = samples.map((pairs) => {
    const plain = median(pairs.map((pair) => pair.plain));
    const checked = median(pairs.map((pair) => pair.checked));
    return { plain, checked, ratio: checked / plain };
  });
  report.note(`\n${where}: ms per call, medians of ${SAMPLES}`);
  report.table(
    ["", "original", "rewritten", "overhead"],
    rows.map(({ plain, checked, ratio }, g) => [
      GUESTS[g][0],
      digits(plain),
      digits(checked),
      percent(ratio),
    ]),
  );
  const mean = geometricMean(rows.map(({ ratio }) => ratio));
  report.ratio(`${where}: the checks cost ${percent(mean)} (geometric mean)`, mean <= LIMIT);
}

/** @param {number} ratio */
const percent = (ratio) => `${((ratio - 1) * 100).toFixed(1)} %`;

// The kinds of volumes that a page can have, in Chromium: `idb` against `opfs`, the same job in turn, each round
// on new volumes. The job is pages/volume-kinds.js.
import { onDisk } from "./chromium.js";
import { digits, median } from "./report.js";

export const name = "volume-kinds";

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const KINDS = ["idb", "opfs"];

/** @param {import("./report.js").Report} report */
export async function run(report) {
  await onDisk(report, "volume-kinds.html", {}, async (page) => {
    /** @type {Map<string, number[][]>} step -> samples by kind */
    const samples = new Map();
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, kind] of KINDS.entries()) {
        const times = /** @type {Record<string, number>} */ (
          await page.evaluate(`job("${kind}:bench-${round}")`)
        );
        for (const [step, ms] of Object.entries(times)) {
          if (!samples.has(step)) samples.set(step, [[], []]);
          samples.get(step)?.[i].push(ms);
        }
      }
    const rows = [];
    for (const [step, of] of samples) {
      const [idb, opfs] = of.map(median);
      rows.push([step, digits(idb), digits(opfs), digits(idb / opfs)]);
      report.ratio(`${step}: idb ${digits(idb)} ms, opfs ${digits(opfs)} ms`);
    }
    report.table([`ms, median of ${ROUNDS}`, ...KINDS, "idb/opfs"], rows);
  });
}

// The kinds of volumes that a page can have, in Chromium: `idb` against `opfs`, the same job in turn, each round
// on new volumes. The job is pages/volume-kinds.js.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../../scripts/lib/static-server.mjs";
import { digits, median } from "./report.js";

export const name = "volume-kinds";

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const ROOT = resolve(fileURLToPath(new URL("../..", import.meta.url)));
const KINDS = ["idb", "opfs"];

/** @param {import("./report.js").Report} report */
export async function run(report) {
  const server = await serve({ folder: ROOT });
  const profile = mkdtempSync(join(tmpdir(), "nidus-bench-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  try {
    report.note(`chromium: ${browser.browser()?.version() ?? "of unknown version"}`);
    const page = await browser.newPage();
    await page.goto(`${server.url}tests/bench/pages/volume-kinds.html`);
    await page.waitForFunction("globalThis.job !== undefined");
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
  } finally {
    await browser.close();
    await server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

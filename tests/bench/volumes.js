// Volumes in IndexedDB, in Chromium: Nidus against Emscripten's IDBFS, the same job in turn, each round
// on a new database. The job is pages/volumes.js.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../../scripts/lib/static-server.mjs";
import { digits, median } from "./report.js";

export const name = "volumes";

const ROUNDS = 7;
const ROOT = resolve(fileURLToPath(new URL("../..", import.meta.url)));
const EMPTY = fileURLToPath(new URL("guests/empty.c", import.meta.url));
const BUILT = join(ROOT, "build", "bench");

/** Emscripten's file system with IDBFS, as a module for the page. */
function buildIdbfs() {
  const target = join(BUILT, "idbfs.mjs");
  mkdirSync(BUILT, { recursive: true });
  const settings = ["MODULARIZE", "EXPORT_ES6", "FORCE_FILESYSTEM", "ALLOW_MEMORY_GROWTH"];
  const flags = [...settings.map((name) => `-s${name}=1`), "-sEXPORTED_RUNTIME_METHODS=FS"];
  if (!existsSync(target))
    execFileSync("emcc", ["-O2", EMPTY, "-lidbfs.js", ...flags, "-o", target], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, NODE_PATH: "/usr/share/nodejs" },
    });
  return execFileSync("emcc", ["--version"], { encoding: "utf8" }).split("\n")[0];
}

/** @param {import("./report.js").Report} report */
export async function run(report) {
  const kinds = ["nidus"];
  try {
    report.note(`idbfs: ${buildIdbfs()}`);
    kinds.push("idbfs");
  } catch (error) {
    report.note(`absent: idbfs: ${/** @type {Error} */ (error).message}`);
  }
  const profile = mkdtempSync(join(tmpdir(), "nidus-bench-"));
  const server = await serve({ folder: ROOT });
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  try {
    report.note(`chromium: ${browser.browser()?.version() ?? "of unknown version"}`);
    const page = await browser.newPage();
    await page.goto(`${server.url}tests/bench/pages/volumes.html`);
    await page.waitForFunction("globalThis.job !== undefined");
    /** @type {Map<string, number[][]>} step -> samples by kind */
    const samples = new Map();
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, kind] of kinds.entries()) {
        const times = /** @type {Record<string, number>} */ (
          await page.evaluate(`job("${kind}", "bench-${kind}-${round}")`)
        );
        for (const [step, ms] of Object.entries(times)) {
          if (!samples.has(step)) samples.set(step, [[], []]);
          samples.get(step)?.[i].push(ms);
        }
      }
    const rows = [];
    for (const [step, of] of samples) {
      const [ours, peer] = of.map((values) => (values.length ? median(values) : NaN));
      rows.push([step, digits(ours), digits(peer), digits(peer / ours)]);
      if (kinds.length === 2)
        report.ratio(
          `${step}: ${digits(ours)} ms, IDBFS ${digits(peer)} ms: ${digits(peer / ours)} times as fast`,
        );
    }
    report.table([`ms, median of ${ROUNDS}`, "nidus", "idbfs", "idbfs/nidus"], rows);
  } finally {
    await browser.close();
    await server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

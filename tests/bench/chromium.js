// Pages of the benches in Chromium, served from this tree.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../../scripts/lib/static-server.mjs";

const ROOT = resolve(fileURLToPath(new URL("../..", import.meta.url)));

const LAUNCH = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
};

/**
 * Uses a page that has a function `job`, in a browser with a profile of its own on the disk, as volumes want it.
 *
 * @param {import("./report.js").Report} report
 * @param {string} page of pages/
 * @param {Omit<Parameters<typeof serve>[0], "folder">} options how it is served
 * @param {(page: import("playwright-core").Page) => Promise<void>} use
 */
export async function onDisk(report, page, options, use) {
  const server = await serve({ folder: ROOT, ...options });
  const profile = mkdtempSync(join(tmpdir(), "nidus-bench-"));
  const browser = await chromium.launchPersistentContext(profile, LAUNCH);
  try {
    report.note(`chromium: ${browser.browser()?.version() ?? "of unknown version"}`);
    const tab = await browser.newPage();
    await tab.goto(`${server.url}tests/bench/pages/${page}`);
    await tab.waitForFunction("globalThis.job !== undefined");
    await use(tab);
  } finally {
    await browser.close();
    await server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/**
 * Calls the function `job` of a page once per list of arguments, each in a new page, so that no call gains
 * from what was compiled for the one before.
 *
 * @param {import("./report.js").Report} report
 * @param {string} page of pages/
 * @param {Record<string, string>} mounts further folders by where they are served
 * @param {readonly (readonly unknown[])[]} calls
 * @param {(call: number) => void} [between] what is done after each call
 * @param {boolean} [isolated] left out: they are, for isolated pages have the finer clock
 * @returns {Promise<unknown[]>} what the calls answered
 */
export async function jobsInChromium(report, page, mounts, calls, between, isolated = true) {
  const server = await serve({ folder: ROOT, mounts, isolated });
  try {
    const browser = await chromium.launch(LAUNCH);
    try {
      report.note(`\nchromium: ${browser.version()}`);
      const answers = [];
      for (const args of calls) {
        const tab = await browser.newPage();
        await tab.goto(`${server.url}tests/bench/pages/${page}`);
        await tab.waitForFunction("globalThis.job !== undefined");
        answers.push(await tab.evaluate(`job(...${JSON.stringify(args)})`));
        await tab.close();
        between?.(answers.length - 1);
      }
      return answers;
    } finally {
      await browser.close();
    }
  } finally {
    await server.close();
  }
}

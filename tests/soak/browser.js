/**
 * A Chromium whose processes are ours to kill, with a profile that outlives it: what the soak tests run in.
 *
 * Playwright's own launcher hides the process; this one starts the browser in a process group of its own and
 * attaches to it through the DevTools protocol.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../../scripts/lib/static-server.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
  "--remote-debugging-port=0",
];
/** How long a browser may take for a step, and to be gone after it was killed. */
const PATIENCE = 120_000;

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/**
 * @typedef {object} Running
 * @property {BrowserContext} context of the profile
 * @property {number} group of its processes
 * @property {() => Promise<void>} kill all its processes, by SIGKILL; resolves when they are gone
 */

/** A folder of the test's own, and what removes it. */
export function ownFolder() {
  const folder = mkdtempSync(join(tmpdir(), "nidus-soak-"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }) };
}

/** Serves the repository, so that all browsers of one test see one origin. */
export function serveRepository() {
  return serve({ folder: root.replace(/\/$/, "") });
}

/** A browser that has said nothing until then is killed and started again, so often. */
const START = 40_000;
const STARTS = 3;

/**
 * Starts a browser on a profile. Chromium sometimes hangs when it starts, after it was killed; that is not what is tested.
 * @param {string} profile a folder
 * @param {string[]} [more] further flags
 * @returns {Promise<Running>}
 */
export async function launch(profile, more) {
  for (let tries = 1; ; tries++) {
    try {
      return await start(profile, more);
    } catch (error) {
      if (tries === STARTS) throw error;
    }
  }
}

/**
 * @param {string} profile a folder
 * @param {string[]} [more] further flags
 * @returns {Promise<Running>}
 */
async function start(profile, more = []) {
  const child = spawn(executablePath, [...args, ...more, `--user-data-dir=${profile}`], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const group = -(/** @type {number} */ (child.pid));
  const closed = new Promise((resolve) => child.once("exit", resolve));
  const kill = async () => {
    signal(group, "SIGKILL");
    await closed;
    // The others of the group are not our children: there is no event to wait for.
    const until = Date.now() + PATIENCE;
    while (signal(group, "SIGKILL")) {
      if (Date.now() > until) throw new Error("The browser's processes do not end.");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  try {
    const address = await devtools(child);
    const browser = await chromium.connectOverCDP(address, { timeout: START });
    const context = browser.contexts()[0];
    // A busy machine takes longer than Playwright's own half minute.
    context.setDefaultTimeout(PATIENCE);
    return { context, group: -group, kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

/**
 * False when there is no such process any more.
 * @param {number} pid
 * @param {NodeJS.Signals} name
 */
function signal(pid, name) {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/**
 * The address at which a browser that starts can be talked to.
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<string>}
 */
function devtools(child) {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (/** @type {string} */ why) =>
      reject(new Error(`${executablePath} ${why}:\n${said.slice(-2000)}`));
    const timer = setTimeout(() => fail("gave no DevTools address"), START);
    child.stderr?.on("data", (bytes) => {
      if (said.length < 1e6) said += bytes;
      const address = /^DevTools listening on (\S+)$/m.exec(said)?.[1];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
    child.once("exit", () => {
      clearTimeout(timer);
      fail("ended");
    });
    child.once("error", (error) => {
      clearTimeout(timer);
      fail(error.message);
    });
  });
}

/**
 * A page with nothing but the package, as `Nidus`.
 * @param {BrowserContext} context
 * @param {string} url of the server
 * @param {Page} [page] one that is open already
 */
export async function blankPage(context, url, page) {
  const blank = page ?? (await context.newPage());
  await blank.goto(`${url}tests/browser/pages/blank.html`);
  await blank.waitForFunction(() => document.title === "loaded");
  return blank;
}

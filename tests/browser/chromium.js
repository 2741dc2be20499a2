/**
 * What the browser tests share: Debian's Chromium (and its Firefox, for some), pages served with or without isolation headers, and
 * the reading of what a page shows.
 *
 * Each test gets a profile of its own, so an empty browser; a page's uncaught error fails the test.
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium, firefox } from "playwright-core";
import { serve } from "../../scripts/lib/static-server.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = `${root}demos/playground/dist`;
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** Debian's Firefox, driven by WebDriver BiDi. */
export const firefoxPath = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
export const hasFirefox = existsSync(firefoxPath);
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];

/** The two ways a page may be served. */
export const MODES = [
  { mode: "isolated", isolated: true },
  { mode: "not isolated", isolated: false },
];

/** A test that takes longer hangs. */
export const LIMIT = { timeout: 120_000 };

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */

/**
 * Serves a folder and opens an empty browser.
 * @param {import("node:test").TestContext} t
 * @param {Partial<Parameters<typeof serve>[0]> & {browser?: "chromium" | "firefox"}} options
 * @returns {Promise<{url: string, context: BrowserContext, page: Page}>}
 */
async function open(t, { browser: which, ...options }) {
  const server = await serve({
    folder: root.replace(/\/$/, ""),
    mounts: { "/clang/": `${root}node_modules/@yowasp/clang/gen` },
    ...options,
  });
  t.after(() => server.close());
  const browser = await (which === "firefox"
    ? firefox.launch({ executablePath: firefoxPath, channel: "moz-firefox" })
    : chromium.launch({ executablePath, args }));
  t.after(() => browser.close());
  const context = await browser.newContext();
  const page = await watched(context);
  return { url: server.url, context, page };
}

/**
 * A new page whose uncaught errors fail the test.
 * @param {BrowserContext} context
 */
export async function watched(context) {
  const page = await context.newPage();
  page.on("pageerror", (error) => {
    throw error;
  });
  page.setDefaultTimeout(30_000);
  return page;
}

/**
 * The playground, as `npm start` serves it.
 * @param {import("node:test").TestContext} t
 * @param {{isolated: boolean}} options
 */
export async function openPlayground(t, { isolated }) {
  assert.ok(existsSync(`${dist}/index.html`), "the playground is not built: npm test -- browser");
  const opened = await open(t, { folder: dist, isolated });
  await opened.page.goto(opened.url);
  return opened;
}

/**
 * A page with nothing but the package, unbundled, as `Nidus`.
 * @param {import("node:test").TestContext} t
 * @param {Parameters<typeof open>[1]} [options]
 */
export async function openBlank(t, options = {}) {
  const opened = await open(t, options);
  await goBlank(opened.page, opened.url);
  return opened;
}

/**
 * @param {Page} page
 * @param {string} url
 */
export async function goBlank(page, url) {
  await page.goto(`${url}tests/browser/pages/blank.html`);
  await page.waitForFunction(() => document.title === "loaded");
}

/**
 * Waits until the playground's status line begins with a text.
 * @param {Page} page
 * @param {string | RegExp} text
 */
export async function status(page, text) {
  await page.locator("#status-text").filter({ hasText: text }).waitFor();
}

/**
 * Waits until the terminal shows a text; answers all of it.
 * @param {Page} page
 * @param {string} text
 * @returns {Promise<string>}
 */
export async function shown(page, text) {
  await page.waitForFunction(
    (wanted) => /** @type {any} */ (globalThis).playground.terminal.text.includes(wanted),
    text,
  );
  return page.evaluate(() => /** @type {any} */ (globalThis).playground.terminal.text);
}

/**
 * Puts a program into the editor in place of what is there, as a user does.
 * @param {Page} page
 * @param {string} source
 */
export async function edit(page, source) {
  const editor = page.getByRole("textbox", { name: "Source code" });
  await editor.focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
}

/**
 * Types into the terminal.
 * @param {Page} page
 * @param {string} text
 */
export async function type(page, text) {
  await page.getByRole("textbox", { name: "Terminal input" }).focus();
  await page.keyboard.type(text);
}

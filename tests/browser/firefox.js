/**
 * Debian's Firefox with a new profile, driven by its own page: the page asks a server here what to do next, does it, and
 * sends what came of it.
 *
 * ```
 *   test ── goto, evaluate ──▶ control server ◀── POST next, value, error ── tests/browser/pages/driven.html
 * ```
 *
 * Not by WebDriver BiDi, as the conformance tests are: in a session of that (Firefox 153, playwright-core 1.64) a worker that
 * starts workers gets no more messages after some dozens of them; without one it does, with the same settings.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../../scripts/lib/static-server.mjs";
import { firefoxPath } from "./chromium.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Nothing but the page: no welcome, no questions, no reports. */
const PREFERENCES = {
  "app.update.auto": false,
  "browser.aboutwelcome.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "browser.tabs.warnOnClose": false,
  "datareporting.healthreport.uploadEnabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.reportingpolicy.firstRun": false,
  "trailhead.firstrun.didSeeAboutWelcome": true,
};

/** Who may read the answers: pages of any port, isolated ones too. */
const HEADERS = {
  "Access-Control-Allow-Origin": "*",
  "Cross-Origin-Resource-Policy": "cross-origin",
  "Content-Type": "application/json",
};

/**
 * @typedef {object} Driven
 * @property {(options: {isolated: boolean}) => Promise<void>} goto opens an empty page with nothing but the package, as `Nidus`
 * @property {(body: string) => Promise<any>} evaluate runs the body of an async function in the page
 */

/**
 * Starts Firefox, until the test is over.
 * @param {import("node:test").TestContext} t
 * @returns {Promise<Driven>}
 */
export async function driveFirefox(t) {
  const folder = root.replace(/\/$/, "");
  const mounts = { "/clang/": `${root}node_modules/@yowasp/clang/gen` };
  const plain = await serve({ folder, mounts });
  const isolated = await serve({ folder, mounts, isolated: true });
  t.after(() => Promise.all([plain.close(), isolated.close()]));

  /** What is under way, and the page's request that waits for something to do. */
  /** @type {{resolve: (value: any) => void, reject: (error: Error) => void} | null} */
  let waiting = null;
  /** @type {import("node:http").ServerResponse | null} */
  let idle = null;
  /** @type {{body?: string, url?: string} | null} */
  let next = null;
  /** @type {Error | null} an error that came while nothing was under way */
  let failed = null;
  /** @param {Error | null} error @param {unknown} [value] */
  const settle = (error, value) => {
    if (!waiting) failed ??= error;
    else if (error) waiting.reject(error);
    else waiting.resolve(value);
    waiting = null;
  };
  const hand = () => {
    if (!idle || !next) return;
    idle.end(JSON.stringify(next));
    idle = next = null;
  };
  const control = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += piece;
    response.writeHead(200, HEADERS);
    if (request.url === "/next") {
      idle = response;
      return hand();
    }
    response.end("null");
    if (request.method !== "POST") return;
    const value = JSON.parse(text);
    if (request.url === "/error") settle(new Error(`in the page: ${value}`));
    else settle(null, value);
  });
  control.listen(0, "localhost");
  await once(control, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (control.address());
  t.after(() => {
    control.close();
    control.closeAllConnections();
  });
  /** @param {{body?: string, url?: string}} command */
  const ask = (command) =>
    new Promise((resolve, reject) => {
      if (failed) return reject(failed);
      waiting = { resolve, reject };
      next = command;
      hand();
    });

  const profile = mkdtempSync(join(tmpdir(), "nidus-firefox-"));
  const lines = Object.entries(PREFERENCES).map(
    (each) => `user_pref(${each.map((part) => JSON.stringify(part)).join(", ")});\n`,
  );
  writeFileSync(join(profile, "user.js"), lines.join(""));
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let firefox;
  const address = (/** @type {string} */ url) =>
    `${url}tests/browser/pages/driven.html?control=${port}`;
  t.after(async () => {
    if (firefox && firefox.exitCode === null && firefox.signalCode === null) {
      firefox.kill();
      await once(firefox, "exit");
    }
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  });

  return {
    async goto(options) {
      const url = address((options.isolated ? isolated : plain).url);
      if (firefox) return ask({ url });
      const args = ["--headless", "--no-remote", "--profile", profile, url];
      const loaded = new Promise((resolve, reject) => (waiting = { resolve, reject }));
      firefox = spawn(firefoxPath, args, { stdio: "ignore" });
      firefox.on("error", (error) => settle(error));
      firefox.on("exit", (code) => settle(new Error(`Firefox has ended, with ${code}`)));
      await loaded;
    },
    evaluate: (body) => ask({ body }),
  };
}

/**
 * Runs the public wasi-testsuite (its prebuilt preview 1 programs) wherever Nidus runs programs, and prints how
 * many passed: NIDUS_WASI_TESTSUITE=CHECKOUT node tests/wasi/testsuite.mjs [HOST...]. The exit status is 1 when
 * one failed. Nothing of that suite is kept here.
 *
 * NAME.json beside NAME.wasm, where there is one, says: args, env, root (a folder, given as "/"), exit_code and
 * stdout.
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../../scripts/lib/static-server.mjs";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const SECONDS = 60;

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} file
 * @property {string | undefined} root
 * @property {string[]} args
 * @property {Record<string, string>} env
 * @property {number} code
 * @property {string | undefined} stdout
 */

/** @typedef {{code: number | null, stdout: string, stderr: string}} Outcome */
/** @typedef {(program: Program) => Outcome | Promise<Outcome>} Run */

/** @param {string} checkout @returns {Program[]} */
function programsOf(checkout) {
  return ["assemblyscript", "c", "rust"].flatMap((language) => {
    const folder = join(checkout, "tests", language, "testsuite", "wasm32-wasip1");
    const files = fs.readdirSync(folder).filter((name) => name.endsWith(".wasm"));
    return files.sort().map((file) => {
      const name = basename(file, ".wasm");
      const path = join(folder, `${name}.json`);
      const setting = fs.existsSync(path) ? JSON.parse(fs.readFileSync(path, "utf8")) : {};
      return {
        name: `${language}/${name}`,
        file: join(folder, file),
        root: setting.root === undefined ? undefined : join(folder, setting.root),
        args: setting.args ?? [],
        env: setting.env ?? {},
        code: setting.exit_code ?? 0,
        stdout: setting.stdout,
      };
    });
  });
}

/**
 * A program in a process of its own, with a copy of its folder.
 * @param {string[]} command
 * @returns {Run}
 */
const inProcess = (command) => (program) => {
  const copy = fs.mkdtempSync(join(tmpdir(), "nidus-testsuite-"));
  try {
    if (program.root !== undefined) fs.cpSync(program.root, copy, { recursive: true });
    const options = Object.entries(program.env).flatMap(([key, value]) => [
      "--env",
      `${key}=${value}`,
    ]);
    if (program.root !== undefined) options.push("--dir", `${copy}::/`);
    const [file = "", ...first] = command;
    const { status, stdout, stderr } = spawnSync(
      file,
      [...first, ...options, program.file, ...program.args],
      { input: "", encoding: "utf8", timeout: SECONDS * 1000, killSignal: "SIGKILL" },
    );
    return { code: status, stdout, stderr };
  } finally {
    fs.rmSync(copy, { recursive: true, force: true });
  }
};

/** What the page does with one program: its folder made anew, the program put beside it and run. */
const IN_PAGE = `globalThis.runProgram = async ({ tier, bytes, files, root, name, args, env }) => {
  const { fs } = system;
  const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  await fs.rm("/home/root", { recursive: true, force: true });
  await fs.mkdir("/home/root");
  for (const [path, text] of files)
    if (text === null) await fs.mkdir("/home/root/" + path);
    else await fs.writeFile("/home/root/" + path, decode(text));
  await fs.writeFile("/home/" + name, decode(bytes));
  const preopens = root ? { "/": "/home/root" } : {};
  const options = { tier, env, preopens };
  const { code, stdout, stderr } = await system.exec("/home/" + name, args, options);
  return { code, stdout, stderr };
}`;

/** All that lies in a folder, folders before what is in them. @param {string} root */
function filesOf(root) {
  return fs
    .readdirSync(root, { recursive: true, encoding: "utf8" })
    .sort()
    .map((path) => {
      const whole = join(root, path);
      const folder = fs.statSync(whole).isDirectory();
      return [path, folder ? null : fs.readFileSync(whole).toString("base64")];
    });
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} tier
 * @returns {Run}
 */
const inPage = (page, tier) => async (program) => {
  const { file, root, args, env } = program;
  const bytes = fs.readFileSync(file).toString("base64");
  const files = root === undefined ? [] : filesOf(root);
  const name = basename(file);
  const job = { tier, bytes, files, root: root !== undefined, name, args, env };
  return page.evaluate(`runProgram(${JSON.stringify(job)})`);
};

/** @param {Outcome} outcome @param {Program} program */
const passed = ({ code, stdout }, program) =>
  code === program.code && (program.stdout === undefined || stdout === program.stdout);

/** @param {string} host @param {Run} run @param {Program[]} programs @returns {Promise<number>} failures */
async function report(host, run, programs) {
  let failures = 0;
  for (const program of programs) {
    const outcome = await run(program);
    if (passed(outcome, program)) continue;
    failures++;
    const said = `${outcome.stderr}${outcome.stdout}`.trim().split("\n").slice(0, 4).join(" | ");
    console.log(`${host}: ${program.name} failed with ${outcome.code}: ${said}`);
  }
  console.log(`${host}: ${programs.length - failures} passed, ${failures} failed`);
  return failures;
}

/**
 * Opens a page with a system for as long as `use` takes.
 * @template T
 * @param {(page: import("playwright-core").Page) => Promise<T>} use
 */
async function withPage(use) {
  const server = await serve({ folder: repository.replace(/\/$/, "") });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}tests/browser/pages/blank.html`);
    await page.waitForFunction(() => document.title === "loaded");
    await page.evaluate(`(async () => {
      globalThis.system = await Nidus.boot({ env: {} });
      ${IN_PAGE}
    })()`);
    return await use(page);
  } finally {
    await browser.close();
    await server.close();
  }
}

const native = join(repository, "build", "native", "nidus");
const cli = [process.execPath, join(repository, "node", "cli.js"), "run", "--tier"];

/** @type {Record<string, (programs: Program[]) => Promise<number>>} */
const hosts = {
  native: (all) => report("native", inProcess([native, "run"]), all),
  direct: (all) => report("Node, direct", inProcess([...cli, "direct"]), all),
  interp: (all) => report("Node, interp", inProcess([...cli, "interp"]), all),
  "page-direct": (all) =>
    withPage((page) => report("Chromium, direct", inPage(page, "direct"), all)),
  "page-interp": (all) =>
    withPage((page) => report("Chromium, interp", inPage(page, "interp"), all)),
};

const checkout = process.env.NIDUS_WASI_TESTSUITE;
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(hosts, name));
if (checkout === undefined || !fs.existsSync(join(checkout, "tests", "rust", "testsuite"))) {
  console.error(
    "NIDUS_WASI_TESTSUITE must name a checkout of wasi-testsuite with its prebuilt programs.",
  );
  process.exitCode = 2;
} else if (unknown.length > 0) {
  console.error(`There is no host ${unknown.join(", ")}: ${Object.keys(hosts).join(", ")}.`);
  process.exitCode = 2;
} else {
  const all = programsOf(checkout);
  let failures = 0;
  for (const name of wanted.length > 0 ? wanted : Object.keys(hosts)) {
    failures += (await hosts[name]?.(all)) ?? 0;
  }
  process.exitCode = failures > 0 ? 1 : 0;
}

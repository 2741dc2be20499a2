// Who passes how many of the conformance programs (tests/wasi/conformance): Nidus and its peers, each program
// in a process of its own, since one that misbehaves may take its host with it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PREOPEN, judge, programs } from "../wasi/conformance/suite.js";
import { packageVersion } from "./hosts.js";

export const name = "WASI conformance";

/** A program that takes longer hangs in its host. */
const SECONDS = 60;

/** @param {string} path */
const fromRoot = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const native = fromRoot("build/native/nidus");

/** @typedef {import("../wasi/conformance/suite.js").Program} Program */

/**
 * The arguments of a `nidus run`.
 * @param {Program} program
 * @param {string} folder
 */
function nidusRun({ file, args, env }, folder) {
  const variables = Object.entries(env).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  return ["--dir", `${folder}::${PREOPEN}`, ...variables, file, ...args];
}

/**
 * @param {"direct" | "interp"} tier
 * @returns {(program: Program, folder: string) => string[]}
 */
const inNode = (tier) => (program, folder) => [
  process.execPath,
  fromRoot("node/cli.js"),
  "run",
  "--tier",
  tier,
  ...nidusRun(program, folder),
];

/**
 * @param {string} host as wasi-peer.js calls it
 * @returns {(program: Program, folder: string) => string[]}
 */
const asPeer = (host) => (program, folder) => {
  const { file, args, env } = program;
  const setting = JSON.stringify({ host, file, args, env, folder, preopen: PREOPEN });
  return [process.execPath, "--no-warnings", fromRoot("tests/bench/wasi-peer.js"), setting];
};

/** @type {{host: string, command: (program: Program, folder: string) => string[], ours?: boolean}[]} */
const hosts = [
  { host: "nidus run --tier direct", command: inNode("direct"), ours: true },
  { host: "nidus run --tier interp", command: inNode("interp"), ours: true },
  { host: `node:wasi of Node ${process.version}`, command: asPeer("node:wasi") },
  {
    host: `browser_wasi_shim ${packageVersion("@bjorn3/browser_wasi_shim")}`,
    command: asPeer("browser_wasi_shim"),
  },
];
if (existsSync(native))
  hosts.splice(2, 0, {
    host: "nidus run, native",
    command: (program, folder) => [native, "run", ...nidusRun(program, folder)],
    ours: true,
  });

/**
 * @param {Program} program
 * @param {(program: Program, folder: string) => string[]} command
 */
function check(program, command) {
  const folder = mkdtempSync(join(tmpdir(), "nidus-wasi-"));
  try {
    const [file = "", ...args] = command(program, folder);
    const { status, stdout } = spawnSync(file, args, {
      input: program.input,
      encoding: "utf8",
      timeout: SECONDS * 1000,
      killSignal: "SIGKILL",
    });
    return judge(program, { code: status, stdout });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Report} report @typedef {import("./report.js").Report} Report */
export async function run(report) {
  const all = await programs();
  const verdicts = hosts.map(({ command }) => all.map((program) => check(program, command)));
  // Nidus, which comes first, makes them all; a program that is stopped early makes fewer.
  const counts = all.map((_, i) => {
    const { passed = 0, failed = [] } = verdicts[0]?.[i] ?? {};
    return passed + failed.length;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  report.table(
    ["checks passed", "of", ...hosts.map(({ host }) => host)],
    all.map((program, i) => [
      program.name,
      String(counts[i]),
      ...verdicts.map((each) => String(each[i]?.passed ?? 0)),
    ]),
  );
  for (const [i, { host, ours }] of hosts.entries()) {
    const each = verdicts[i] ?? [];
    const whole = each.filter(({ failed }) => failed.length === 0).length;
    const passed = each.reduce((sum, verdict) => sum + verdict.passed, 0);
    report.ratio(
      `${host}: ${whole} of ${all.length} programs, ${passed.toLocaleString("en")} of ${total.toLocaleString("en")} checks`,
      ours ? whole === all.length : undefined,
    );
  }
}

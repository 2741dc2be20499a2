/**
 * The conformance programs: which there are, how each is run, and what its output says.
 *
 * They are compiled with Nidus's own `cc`, once; build/wasi-conformance keeps what came out under a name
 * that holds the source, so that tests, pages and benches share it.
 */

import { createHash } from "node:crypto";
import fs from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Nidus } from "../../../node/index.js";

const sources = fileURLToPath(new URL("./", import.meta.url));
const cache = fileURLToPath(new URL("../../../build/wasi-conformance/", import.meta.url));

/** The preopen that every program is given, and the folder that it makes there for itself. */
export const PREOPEN = "/home";
const FOLDER = "work";

/**
 * @typedef {object} Program
 * @property {string} name of the function
 * @property {string} file the module
 * @property {string[]} args
 * @property {Record<string, string>} env
 * @property {string} input
 * @property {number} code the exit status when every check passes
 */

/** @typedef {{code: number | null, stdout: string, stderr?: string}} Outcome */

/** @typedef {{passed: number, failed: string[]}} Verdict */

export const names = fs
  .readdirSync(sources)
  .filter((name) => name.endsWith(".c"))
  .map((name) => basename(name, ".c"))
  .sort();

/** @param {string} name */
function fileOf(name) {
  const hash = createHash("sha256");
  for (const part of [`${name}.c`, "check.h", "vectors.h"])
    hash.update(fs.readFileSync(join(sources, part)));
  return join(cache, `${name}-${hash.digest("hex").slice(0, 16)}.wasm`);
}

/**
 * Compiles what has not been compiled yet.
 * @returns {Promise<Program[]>}
 */
export async function programs() {
  const missing = names.filter((name) => !fs.existsSync(fileOf(name)));
  if (missing.length > 0) await compile(missing);
  return names.map((name) => {
    const path = join(sources, `${name}.json`);
    const setting = fs.existsSync(path) ? JSON.parse(fs.readFileSync(path, "utf8")) : {};
    const { args = [], env = {}, input = "", code = 0 } = setting;
    return { name, file: fileOf(name), args: [PREOPEN, FOLDER, ...args], env, input, code };
  });
}

/** @param {string[]} wanted */
async function compile(wanted) {
  const system = await Nidus.boot({
    toolchain: true,
    mounts: { "/src": { type: "host", folder: sources, readOnly: true } },
  });
  fs.mkdirSync(cache, { recursive: true });
  for (const name of wanted) {
    const options = ["-O1", "-Wall", "-Wno-unused", `/src/${name}.c`, "-o", "/home/out"];
    const { code, stderr } = await system.exec("cc", options);
    if (code !== 0 || stderr !== "") throw new Error(`${name}.c: ${stderr}`);
    // Whoever else compiles at the same time finds a whole file or none.
    const file = fileOf(name);
    fs.writeFileSync(`${file}.${process.pid}`, await system.fs.readFile("/home/out"));
    fs.renameSync(`${file}.${process.pid}`, file);
  }
}

/**
 * What a run says: each check that failed, and a line for what went wrong besides.
 * @param {Program} program
 * @param {Outcome} outcome
 * @returns {Verdict}
 */
export function judge(program, { code, stdout, stderr = "" }) {
  const lines = stdout.split("\n").filter(Boolean);
  const passed = lines.filter((line) => line.startsWith("ok ")).length;
  const failed = lines.filter((line) => !line.startsWith("ok "));
  const expected = program.code + failed.length;
  if (code !== expected) {
    failed.push(
      `exit status ${code} instead of ${expected} after ${lines.at(-1)} ${stderr}`.trim(),
    );
  }
  if (passed === 0 && failed.length === 0) failed.push("no check was made");
  return { passed, failed };
}

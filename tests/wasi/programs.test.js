/**
 * C programs as guests, with the same programs built by this machine's own compiler as the oracle: each
 * prints what every call answered, and must print the same wherever it runs.
 *
 * NAME.json beside NAME.c holds arguments, variables and standard input, where a program has some.
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Nidus } from "../../node/index.js";

const programs = fileURLToPath(new URL("./programs/", import.meta.url));
const names = fs
  .readdirSync(programs)
  .filter((name) => name.endsWith(".c"))
  .map((name) => basename(name, ".c"));
const scratch = fs.mkdtempSync(join(tmpdir(), "nidus-wasi-"));
after(() => fs.rmSync(scratch, { recursive: true }));

/** @typedef {{args?: string[], env?: Record<string, string>, input?: string}} Setting */
/** @typedef {{code: number | null, stdout: string, stderr: string}} Outcome */

/** @param {string} name @returns {Setting} */
function settingOf(name) {
  const path = `${programs}${name}.json`;
  return fs.existsSync(path) ? JSON.parse(fs.readFileSync(path, "utf8")) : {};
}

/**
 * What the program does as a native one, in an empty folder.
 * @param {string} name
 * @returns {Outcome}
 */
function native(name) {
  const { args = [], env = {}, input = "" } = settingOf(name);
  const folder = fs.mkdtempSync(join(scratch, `${name}-native-`));
  const file = join(scratch, `${name}.native`);
  execFileSync("gcc", ["-O1", "-w", "-D_GNU_SOURCE", `${programs}${name}.c`, "-o", file]);
  const { status, signal, stdout, stderr } = spawnSync(file, args, { cwd: folder, env, input });
  // A program that ends by a signal is a trap to WebAssembly, and 128 more than the signal to a shell.
  const code = signal === "SIGABRT" ? 134 : status;
  return { code, stdout: String(stdout), stderr: String(stderr) };
}

/** @type {Map<string, Uint8Array>} */
const built = new Map();

before(async () => {
  const system = await Nidus.boot({
    toolchain: true,
    mounts: { "/src": { type: "host", folder: programs, readOnly: true } },
  });
  for (const name of names) {
    const options = ["-O1", "-w", "-D_GNU_SOURCE", `/src/${name}.c`, "-o", "/home/out"];
    const { code, stderr } = await system.exec("cc", options);
    assert.equal(code, 0, stderr);
    built.set(name, await system.fs.readFile("/home/out"));
  }
});

/**
 * Where programs run: what `/home`, their working folder, is, and how they execute.
 * @type {Record<string, {host?: boolean, tier?: "direct" | "interp"}>}
 */
const places = {
  "in memory, on the direct tier": { tier: "direct" },
  "in a folder of this machine, on the direct tier": { host: true, tier: "direct" },
  "in memory, on the interpreter": { tier: "interp" },
};

for (const name of names) {
  for (const [where, { host, tier }] of Object.entries(places)) {
    test(`${name}.c does the same as natively ${where}`, async () => {
      const { args, env, input = "" } = settingOf(name);
      const folder = fs.mkdtempSync(join(scratch, `${name}-`));
      const system = await Nidus.boot({
        mounts: host ? { "/home": { type: "host", folder } } : {},
        env: {},
      });
      const options = { cwd: "/home", env, input, tier };
      const result = await system.exec(built.get(name) ?? "", args, options);
      const { code, stdout, stderr } = result;
      assert.deepEqual({ code, stdout, stderr }, native(name));
    });
  }
}

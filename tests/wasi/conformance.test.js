/**
 * Every function of wasi_snapshot_preview1 as its specification says, wherever programs run: each of the
 * programs in conformance/ makes its checks, and none fails.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Nidus } from "../../node/index.js";
import { PREOPEN, judge, names, programs } from "./conformance/suite.js";

/** @typedef {import("./conformance/suite.js").Program} Program */
/** @typedef {import("./conformance/suite.js").Outcome} Outcome */

const native = fileURLToPath(new URL("../../build/native/nidus", import.meta.url));
const syscalls = fileURLToPath(new URL("../../wasi-polyfill/src/syscalls.def", import.meta.url));
const scratch = fs.mkdtempSync(join(tmpdir(), "nidus-conformance-"));
after(() => fs.rmSync(scratch, { recursive: true }));

/** @type {Map<string, Program>} */
const suite = new Map();

before(async () => {
  for (const program of await programs()) suite.set(program.name, program);
});

/**
 * @param {Program} program
 * @param {"direct" | "interp"} tier
 * @param {string} [folder] of this machine
 * @returns {Promise<Outcome>}
 */
async function inNode({ file, name, args, env, input }, tier, folder) {
  const mounts = folder === undefined ? {} : { [PREOPEN]: { type: "host", folder } };
  const system = await Nidus.boot({ mounts: /** @type {any} */ (mounts), env: {} });
  const options = { preopens: { [PREOPEN]: PREOPEN }, argv0: name, env, input, tier };
  return system.exec(fs.readFileSync(file), args, options);
}

/**
 * @param {Program} program
 * @param {string} folder
 * @returns {Outcome}
 */
function inNative({ file, args, env, input }, folder) {
  const variables = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  const options = ["run", "--dir", `${folder}::${PREOPEN}`, ...variables, file, ...args];
  const { status, stdout, stderr } = spawnSync(native, options, {
    input,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

/** @type {Record<string, (program: Program, folder: string) => Outcome | Promise<Outcome>>} */
const places = {
  "natively, in a folder of this machine": inNative,
  "on the direct tier, in memory": (program) => inNode(program, "direct"),
  "on the direct tier, in a folder of this machine": (program, folder) =>
    inNode(program, "direct", folder),
  "on the interpreter, in memory": (program) => inNode(program, "interp"),
  "on the interpreter, in a folder of this machine": (program, folder) =>
    inNode(program, "interp", folder),
};

test("there is a program for each function", () => {
  const table = fs.readFileSync(syscalls, "utf8");
  const functions = [...table.matchAll(/^SYSCALLV?\d\((\w+)/gm)].map(([, name]) => name);
  assert.equal(functions.length, 46);
  assert.deepEqual(names, functions.sort());
});

for (const name of names) {
  for (const [where, run] of Object.entries(places)) {
    test(`${name} does what its specification says ${where}`, async () => {
      const program = /** @type {Program} */ (suite.get(name));
      const folder = fs.mkdtempSync(join(scratch, `${name}-`));
      const { failed } = judge(program, await run(program, folder));
      assert.deepEqual(failed, []);
    });
  }
}

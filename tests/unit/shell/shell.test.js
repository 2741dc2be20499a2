/**
 * The shell and the small commands, held to this machine's dash and coreutils: each script is run by both, in a volume in
 * memory and in a folder of this machine, on the interpreter and on the tier that fits.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Nidus } from "../../../node/index.js";
import { messages, scripts } from "./scripts.js";

const folder = mkdtempSync(join(tmpdir(), "nidus-shell-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const system = await Nidus.boot({
  shell: true,
  mounts: { "/host": { type: "host", folder } },
});
after(() => system.close());

let number = 0;

/** @param {string} script */
function oracle(script) {
  const cwd = join(folder, `oracle${number}`);
  mkdirSync(cwd);
  const env = { PATH: process.env.PATH, HOME: "/home", LC_ALL: "C" };
  const { stdout, stderr, status } = spawnSync("dash", ["-c", script], {
    cwd,
    env,
    encoding: "utf8",
  });
  return { stdout, stderr, code: status };
}

/** @param {string} script @param {"mem" | "host"} where @param {"auto" | "interp"} tier */
async function ours(script, where, tier) {
  const cwd = `${where === "mem" ? "/home" : "/host"}/${tier}${number}`;
  await system.fs.mkdir(cwd);
  const env = { PATH: "/bin", HOME: "/home", LC_ALL: "C" };
  return system.exec("sh", ["-c", script], { cwd, env, tier });
}

/** Without the name of who says it. @param {string} text */
const sayings = (text) => text.replace(/^Try '.*\n/gm, "").replace(/^\S+ /gm, "");

for (const script of scripts) {
  test(`dash and coreutils do the same: ${script.replaceAll("\n", "↵").slice(0, 100)}`, async () => {
    number++;
    const { stdout, code } = oracle(script);
    for (const [where, tier] of /** @type {const} */ ([
      ["mem", "auto"],
      ["host", "interp"],
    ])) {
      const result = await ours(script, where, tier);
      assert.deepEqual(
        { stdout: result.stdout, code: result.code },
        { stdout, code },
        `${where}, ${tier}, with on standard error: ${result.stderr}`,
      );
    }
  });
}

for (const script of messages) {
  test(`coreutils says the same of what goes wrong: ${script.slice(0, 100)}`, async () => {
    number++;
    const expected = oracle(script);
    const result = await ours(script, "mem", "auto");
    assert.equal(sayings(result.stderr), sayings(expected.stderr));
    assert.equal(result.code, expected.code);
  });
}

test("no process stays behind", () => {
  assert.deepEqual(
    system.processes().map(({ command }) => command),
    ["nidus"],
  );
});

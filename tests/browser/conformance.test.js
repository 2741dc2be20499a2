/**
 * Every function of wasi_snapshot_preview1 as its specification says, in pages: the programs of
 * tests/wasi/conformance, on both tiers, in memory and on a volume that the browser keeps.
 */

import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { PREOPEN, judge, programs } from "../wasi/conformance/suite.js";
import { hasFirefox, openBlank } from "./chromium.js";

const all = await programs();

const browsers = /** @type {const} */ (["chromium", "firefox"]);
const tiers = ["direct", "interp"];
const volumes = ["mem", "idb:conformance"];

/** Runs one program in the page's system, in an empty folder. */
const RUN = `globalThis.runProgram = async ({ url, name, args, env, input, tier, preopen }) => {
  const { fs } = system;
  await fs.rm(preopen + "/work", { recursive: true, force: true });
  const program = await (await fetch(url)).arrayBuffer();
  await fs.writeFile(preopen + "/" + name, new Uint8Array(program));
  const options = { env, input, tier, preopens: { [preopen]: preopen } };
  const { code, stdout, stderr } = await system.exec(preopen + "/" + name, args, options);
  return { code, stdout, stderr };
}`;

for (const browser of browsers) {
  const skip = browser === "firefox" && !hasFirefox ? "Firefox is not installed" : false;
  for (const volume of volumes) {
    for (const tier of tiers) {
      // Each tier and each volume once there: what differs between browsers lies below both.
      if (browser === "firefox" && (tier === "direct") !== (volume === "mem")) continue;
      const where = `in ${browser}, ${tier} tier, volume ${volume}`;
      test(`${where}: every function does what its specification says`, { skip }, async (t) => {
        const { page } = await openBlank(t, { browser });
        await page.evaluate(`(async () => {
          globalThis.system = await Nidus.boot({ volume: ${JSON.stringify(volume)}, env: {} });
          ${RUN}
        })()`);
        for (const program of all) {
          await t.test(`${program.name} ${where}`, { timeout: 60_000 }, async () => {
            const url = `/build/wasi-conformance/${basename(program.file)}`;
            const run = JSON.stringify({ ...program, url, tier, preopen: PREOPEN });
            const outcome = await page.evaluate(`runProgram(${run})`);
            assert.deepEqual(judge(program, outcome).failed, []);
          });
        }
        if (volume !== "mem") {
          assert.equal(await page.evaluate("system.volume.persistent"), true);
        }
      });
    }
  }
}

/** The soak tests (tests/soak) for some seconds each: enough to see that they and what they test work. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { killTest } from "../soak/kill.js";
import { largeTest } from "../soak/large.js";
import { Nidus } from "../../node/index.js";
import { livePipelines } from "../soak/pipelines.js";
import { createRandom } from "../soak/random.js";
import { tabsTest } from "../soak/tabs.js";

/** One that takes longer hangs; it is minutes where a whole test run shares two cores. */
const LIMIT = { timeout: 600_000 };
const SEED = Date.now() % 1_000_000;

test(
  "what was synced is there after the browser was killed, and the tree is that of one moment",
  LIMIT,
  async (t) => {
    t.diagnostic(`seed ${SEED}`);
    await killTest({ rounds: 4, seed: SEED, log: (line) => t.diagnostic(line) });
  },
);

test(
  "tabs that write to one volume in turn, and go away anyhow, lose nothing that was stored",
  LIMIT,
  async (t) => {
    t.diagnostic(`seed ${SEED}`);
    await tabsTest({ tabs: 3, seconds: 10, seed: SEED, log: (line) => t.diagnostic(line) });
  },
);

test("a volume of 64 MiB is written and read in a kernel that has 24 MiB", LIMIT, async (t) => {
  const MIB = 1024 * 1024;
  t.diagnostic(`seed ${SEED}`);
  const log = (/** @type {string} */ line) => t.diagnostic(line);
  await largeTest({ bytes: 64 * MIB, memory: 8 * MIB, most: 24 * MIB, seed: SEED, log });
});

test(
  "programs, pipelines and threads, two at a time, tell what is right and leave nothing behind, killed or not",
  LIMIT,
  async () => {
    const system = await Nidus.boot({ workers: true, shell: true, toolchain: true });
    const { rounds } = await livePipelines({
      system: /** @type {any} */ (system),
      seconds: 5,
      random: createRandom(1),
      memory: async () => process.memoryUsage().rss,
      log: () => {},
    });
    assert.ok(rounds > 1, `${rounds} rounds`);
    await system.close();
  },
);

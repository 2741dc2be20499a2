/**
 * npm run soak -- processes [KILLS] [SEED]: programs in workers are killed at random moments of changing files, computing,
 * waiting and filling pipes, a thousand where nothing is said. After each the system goes on, and its volume is whole.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killAtRandom } from "../unit/host/kill-threads.js";
import { createRandom } from "./random.js";

const [times = "1000", seed = String(Date.now() % 1e6)] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "nidus-soak-"));
try {
  console.log(`${times} kills, seed ${seed}`);
  const random = createRandom(Number(seed));
  const before = process.memoryUsage().rss;
  const options = { file: join(folder, "volume"), times: Number(times), random };
  const { longest } = await killAtRandom(options);
  const grown = Math.round((process.memoryUsage().rss - before) / 1e6);
  console.log(`all ended, the longest after ${Math.round(longest)} ms; ${grown} MB of memory more`);
} finally {
  await rm(folder, { recursive: true });
}

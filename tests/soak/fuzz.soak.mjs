/**
 * Every fuzz target for half an hour (or the seconds given as the first argument), as `npm run fuzz` runs
 * them for a minute and `npm test` for ten seconds.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const HALF_AN_HOUR = 1800;
const seconds = process.argv[2] ?? String(HALF_AN_HOUR);
const script = fileURLToPath(new URL("../../scripts/fuzz.mjs", import.meta.url));
const { status } = spawnSync(process.execPath, [script, "--seconds", seconds], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;

/**
 * Volumes in one file for longer than the tests have time: 200 kills each of the native program and of Node, and the
 * simulated device's crashes with forty times as many seeds.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { killRounds } from "../unit/volume/image-kill.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nidus-soak-"));
try {
  for (const [i, program] of [
    join(root, "build/native/nidus"),
    join(root, "node/cli.js"),
  ].entries()) {
    await killRounds({ program, file: join(folder, `volume-${i}`), rounds: 200 });
    console.log(`${program}: killed 200 times, nothing lost`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const { status } = spawnSync(join(root, "build/native/tests/unit/kernel/kernel_image"), [], {
  stdio: "inherit",
  env: { ...process.env, ROUNDS: "40" },
});
process.exitCode = status ?? 1;

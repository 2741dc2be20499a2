/**
 * At least 100,000 calls into random modules of WebAssembly 3.0, executed by the engine and by Chromium; the
 * browser tests do so with a thousand.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../fuzz/differential.mjs", import.meta.url));
const args = [script, "--chromium", "--executions", "100000"];
const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
process.exitCode = status ?? 1;

/** run_commands for this Node's own WebAssembly: the same command lists, the same lines of output. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "./host_script.mjs";

/** With `--rewritten` the host gets every module as the engine's rewriter makes it, checks and all. */
const engine = process.argv.includes("--rewritten") ? await createEngine() : null;

async function createEngine() {
  const { Engine } = await import("../../web/engine.js");
  const source = new URL("../../web/engine.wasm", import.meta.url);
  return Engine.create({ source: new Uint8Array(readFileSync(source)) });
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
const rewrite = (bytes) =>
  engine ? new engine.Module(bytes).rewrite({ checks: true, globals: true }).bytes : bytes;

for (const folder of process.argv.slice(2).filter((each) => !each.startsWith("--"))) {
  const commands = readFileSync(join(folder, "commands.txt"), "utf8");
  /** @param {string} number */
  const read = (number) => readFileSync(join(folder, `${number}.wasm`));
  for (const line of runScript(folder, commands, read, engine && rewrite)) console.log(line);
}

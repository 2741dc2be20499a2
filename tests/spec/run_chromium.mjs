/**
 * run_commands for Chromium's WebAssembly, which has all of 3.0: the same command lists, the same lines of
 * output. With `--rewritten` it gets every module as the engine's rewriter makes it.
 *
 * Scripts run in a worker, where a host may block and compile at once.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../../scripts/lib/static-server.mjs";

const folder = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];

/**
 * In the page: the lines of one script.
 * @param {{name: string, commands: string, files: [string, string][], rewritten: boolean}} script
 * @returns {Promise<string[]>}
 */
async function inWorker(script) {
  const worker = new Worker("/tests/spec/host_worker.mjs", { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(script);
    });
  } finally {
    worker.terminate();
  }
}

const server = await serve({ folder, isolated: true });
const browser = await chromium.launch({ executablePath, args });
try {
  const page = await browser.newPage();
  await page.goto(`${server.url}tests/browser/pages/blank.html`);
  const rewritten = process.argv.includes("--rewritten");
  for (const name of process.argv.slice(2).filter((each) => !each.startsWith("--"))) {
    const commands = readFileSync(join(name, "commands.txt"), "utf8");
    /** @type {[string, string][]} */
    const files = readdirSync(name)
      .filter((file) => file.endsWith(".wasm"))
      .map((file) => [file.slice(0, -5), readFileSync(join(name, file), "base64")]);
    for (const line of await page.evaluate(inWorker, { name, commands, files, rewritten }))
      console.log(line);
  }
} finally {
  await browser.close();
  await server.close();
}

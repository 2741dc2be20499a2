/**
 * npm run soak -- pipelines [SECONDS] [SEED] [node|page]: see pipelines.js; half an hour in Node and as long in an isolated
 * page of Chromium where nothing else is said.
 */

import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Nidus } from "../../node/index.js";
import { serve } from "../../scripts/lib/static-server.mjs";
import { launch, ownFolder } from "./browser.js";
import { createRandom } from "./random.js";
import { checkFlat, livePipelines } from "./pipelines.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const [seconds = "1800", seed = String(Date.now() % 1e6), only] = process.argv.slice(2);

async function inNode() {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const system = await Nidus.boot({ workers: true, shell: true, toolchain: true });
  const lived = await livePipelines({
    system: /** @type {any} */ (system),
    seconds: Number(seconds),
    random: createRandom(Number(seed)),
    memory: async () => {
      collect();
      return process.memoryUsage().rss;
    },
    log: console.log,
  });
  await system.close();
  return lived;
}

/** What all processes of a group need, those that share memory counted by their part. @param {number} group */
function memoryOfGroup(group) {
  let bytes = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [, , its] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/.*\)/, "")
        .trim()
        .split(" ");
      if (Number(its) !== group) continue;
      const pages = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
      bytes += 1024 * Number(pages?.[1] ?? 0);
    } catch {
      // It has just ended.
    }
  }
  return bytes;
}

async function inPage() {
  const { folder: profile, remove } = ownFolder();
  const server = await serve({
    folder: ROOT,
    mounts: { "/clang/": `${ROOT}/node_modules/@yowasp/clang/gen` },
    isolated: true,
  });
  const browser = await launch(profile);
  try {
    const page = await browser.context.newPage();
    page.on("console", (message) => console.log(message.text()));
    await page.exposeFunction("memory", () => memoryOfGroup(browser.group));
    await page.goto(`${server.url}tests/browser/pages/blank.html`);
    return await page.evaluate(
      async ([seconds, seed]) => {
        const at = (/** @type {string} */ path) => new URL(path, location.origin).href;
        const { Nidus } = await import(at("/web/nidus.js"));
        const { livePipelines } = await import(at("/tests/soak/pipelines.js"));
        const { createRandom } = await import(at("/tests/soak/random.js"));
        const system = await Nidus.boot({ shell: true, toolchain: at("/clang/") });
        return livePipelines({
          system,
          seconds,
          random: createRandom(seed),
          memory: /** @type {any} */ (globalThis).memory,
          log: console.log,
        });
      },
      [Number(seconds), Number(seed)],
    );
  } finally {
    await browser.kill();
    await server.close();
    remove();
  }
}

for (const [name, live] of /** @type {const} */ ([
  ["node", inNode],
  ["page", inPage],
])) {
  if (only && only !== name) continue;
  console.log(`${name}: ${seconds} s, seed ${seed}`);
  const lived = await live();
  const { rounds, kills, middle, end } = lived;
  console.log(
    `${name}: ${rounds} rounds, ${kills} killed; ${Math.round(middle / 1e6)} MB in the middle, ${Math.round(end / 1e6)} MB at the end`,
  );
  checkFlat(lived);
}

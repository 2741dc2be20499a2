/**
 * The kill test: a guest changes a volume, syncs, and says so, and the browser is killed meanwhile, again
 * and again on one profile. After each kill the volume holds the tree after exactly one of the guest's
 * operations, which is the last one reported as synced or a later one; from there the guest goes on.
 *
 * guests/churn.c is the guest, and compiled by gcc the oracle, which follows in a folder of this machine.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { blankPage, launch, ownFolder, serveRepository } from "./browser.js";
import { createRandom } from "./random.js";
import { compileGuest, compileNative } from "./guests.js";

/** The longest that a guest runs before the browser is killed, in milliseconds. */
const LONGEST_RUN = 1500;
/** One round in so many kills the browser while the volume is being opened. */
const OPENING = 8;
/** One round in so many ends without a kill: the system is closed, and the browser then killed. */
const CLOSING = 16;
/** In every other round so many bytes of the files stay in memory at most: less than there are. */
const TIGHT = 512 * 1024;
/** More operations than a round can do. */
const OPERATIONS = 1_000_000;

/**
 * The oracle, at operation 0.
 * @param {string} program
 * @param {string} folder an empty one
 * @param {number} seed
 */
function startOracle(program, folder, seed) {
  mkdirSync(folder);
  const child = spawn(program, ["oracle", String(seed)], {
    cwd: folder,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /**
     * The first operation from `last` on that leaves this tree; what was at `from` goes on from there.
     * @param {number} from
     * @param {number} last
     * @param {string} digest
     */
    async find(from, last, digest) {
      child.stdin.write(`${from} ${last} ${digest}\n`);
      const { value = "it ended" } = await lines.next();
      assert.match(value, /^-?\d+$/, `the oracle says: ${value}`);
      return Number(value);
    },
    async end() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

/**
 * What a page does: boots on the volume and says which tree it finds; then lets the guest run.
 * Page.evaluate's answer would be lost with the browser: each line is told as it comes.
 */
const IN_PAGE = async (
  /** @type {{guest: string, seed: number, volume: string, tier: "direct" | "interp", memory?: number}} */
  { guest, seed, volume, tier, memory },
) => {
  const { Nidus, tell } = /** @type {any} */ (globalThis);
  const system = await Nidus.boot({ volume, memory });
  Object.assign(globalThis, { system });
  const { persistent, reason } = system.volume;
  if (!persistent) throw new Error(`the volume is not stored: ${reason}`);
  const bytes = Uint8Array.from(atob(guest), (c) => c.charCodeAt(0));
  await system.fs.writeFile("/tmp/churn", bytes);
  const findings = await system.volume.check?.();
  const { code, stdout, stderr } = await system.exec("/tmp/churn", ["digest"], { tier: "direct" });
  if (code !== 0) throw new Error(`churn digest: ${stdout}${stderr}`);
  return {
    digest: /^D ([0-9a-f]{16})\n$/.exec(stdout)?.[1],
    findings,
    run: void Object.assign(globalThis, {
      async run(/** @type {string} */ from, /** @type {string} */ count) {
        const process = await system.spawn("/tmp/churn", ["run", String(seed), from, count], {
          tier,
        });
        await process.stdout
          .pipeThrough(new TextDecoderStream())
          .pipeTo(new WritableStream({ write: (text) => tell(text) }));
        throw new Error(`the guest ended: ${JSON.stringify(await process.exit)}`);
      },
    }),
  };
};

/**
 * Runs the test. Throws when something is lost, and says how to see it again.
 * @param {object} options
 * @param {number} options.rounds
 * @param {number} options.seed of what the guest does and of the moments of the kills
 * @param {(line: string) => void} options.log
 * @param {string} [options.volume]
 */
export async function killTest({ rounds, seed, log, volume = "idb:kill" }) {
  const random = createRandom(seed);
  const own = ownFolder();
  const server = await serveRepository();
  const guest = await compileGuest("churn");
  const oracle = startOracle(compileNative("churn", own.folder), `${own.folder}/oracle`, seed);
  let at = 0;
  let synced = 0;
  let syncs = 0;
  let failed = true;
  /** @type {(() => Promise<void>) | undefined} */
  let kill;
  try {
    for (let round = 1; round <= rounds + 1; round++) {
      const browser = await launch(`${own.folder}/profile`);
      kill = browser.kill;
      const tier = random(4) === 0 ? "interp" : "direct";
      /** What the guest has said and not yet ended with a newline. */
      let partial = "";
      /** @type {(error: Error) => void} */
      let fail = () => {};
      const wrong = new Promise((_, reject) => (fail = reject));
      wrong.catch(() => {});
      await browser.context.exposeFunction("tell", (/** @type {string} */ text) => {
        const lines = (partial + text).split("\n");
        partial = /** @type {string} */ (lines.pop());
        for (const line of lines) {
          if (!/^S \d+$/.test(line)) fail(new Error(`the guest says: ${line}`));
          synced = Number(line.slice(2));
          syncs += 1;
        }
      });
      const page = await blankPage(browser.context, server.url);
      const memory = random(2) ? TIGHT : undefined;
      const opening = page.evaluate(IN_PAGE, { guest, seed, volume, tier, memory });
      opening.catch(() => {});
      if (round <= rounds && random(OPENING) === 0) {
        await Promise.race([opening, sleep(random(400))]);
        await kill();
        log(`round ${round}: killed while opening, at operation ${at}`);
        continue;
      }
      const { digest, findings } = await opening;
      assert.ok(digest, "the guest prints the digest");
      const found = await oracle.find(at, synced, digest);
      assert.ok(
        found >= synced,
        `round ${round}: the tree, ${digest}, is none of those after operation ${synced}, the last that ` +
          `was synced, or later`,
      );
      if (findings) assert.deepEqual(findings, CLEAN, `round ${round}: the volume's check`);
      const gained = found - at;
      at = synced = found;
      if (round > rounds) break;
      const time = random(CLOSING) === 0 ? -1 : random(LONGEST_RUN);
      page
        .evaluate(
          ([from, count]) => /** @type {any} */ (globalThis).run(from, count),
          [String(at + 1), String(OPERATIONS)],
        )
        .catch(fail);
      await Promise.race([wrong, sleep(Math.abs(time))]);
      if (time < 0) await page.evaluate(() => /** @type {any} */ (globalThis).system.close());
      fail = () => {};
      await kill();
      log(
        `round ${round}: +${gained} operations, now ${at}; killed ` +
          `${time < 0 ? "after closing" : `after ${time} ms`} on ${tier}` +
          `${memory ? ", in little memory" : ""}; ${syncs} syncs in all`,
      );
    }
    failed = false;
    log(`${rounds} kills, ${syncs} syncs, ${at} operations: nothing was lost`);
  } finally {
    await kill?.();
    await oracle.end();
    await server.close();
    if (failed) log(`seed ${seed}; what is left of it lies in ${own.folder}`);
    else own.remove();
  }
}

/** What a check finds on a volume that has nothing wrong. */
const CLEAN = /** @type {unknown[]} */ ([]);

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

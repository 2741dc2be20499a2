/**
 * The size test: a guest writes more than memory holds to a volume, which is then read in another browser on the
 * same profile. The kernel is given to the page with a memory that cannot grow beyond a limit: what needed more would
 * fail.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { blankPage, launch, ownFolder, serveRepository } from "./browser.js";
import { compileGuest } from "./guests.js";

const PAGE = 65536;
const MIB = 1024 * 1024;
const READS = 200;

/** @param {Uint8Array} bytes @param {number} at @returns {[value: number, end: number]} an unsigned LEB128 */
function leb(bytes, at) {
  for (let value = 0, shift = 0; ; shift += 7) {
    const byte = /** @type {number} */ (bytes[at++]);
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

/** @param {number} value */
function toLeb(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/**
 * A module whose own memory has at most so many bytes.
 * @param {Uint8Array} module
 * @param {number} most
 */
export function limitMemory(module, most) {
  for (let at = 8; at < module.length;) {
    const id = module[at];
    const [size, start] = leb(module, at + 1);
    if (id === 5) {
      assert.deepEqual(
        [module[start], (module[start + 1] ?? 0) & ~1],
        [1, 0],
        "one memory of 32 bits",
      );
      const [least] = leb(module, start + 2);
      const limits = [1, 1, ...toLeb(least), ...toLeb(most / PAGE)];
      const section = [5, ...toLeb(limits.length), ...limits];
      return Buffer.concat([
        module.subarray(0, at),
        Buffer.from(section),
        module.subarray(start + size),
      ]);
    }
    at = start + size;
  }
  throw new Error("The module has no memory.");
}

const BOOT = async (/** @type {{guest: string, memory: number}} */ { guest, memory }) => {
  const { Nidus } = /** @type {any} */ (globalThis);
  const start = performance.now();
  const system = await Nidus.boot({ volume: "idb:large", memory });
  const took = performance.now() - start;
  if (!system.volume.persistent) throw new Error(system.volume.reason);
  const bytes = Uint8Array.from(atob(guest), (c) => c.charCodeAt(0));
  await system.fs.writeFile("/tmp/large", bytes);
  Object.assign(globalThis, { system });
  return took;
};

const RUN = async (/** @type {string[]} */ argv) => {
  const { code, stdout, stderr } = await /** @type {any} */ (globalThis).system.exec(
    "/tmp/large",
    argv,
    {
      cwd: "/home",
    },
  );
  return `${code} ${stdout}${stderr}`.trim();
};

/**
 * @param {object} options
 * @param {number} options.bytes of the files
 * @param {number} options.memory of them that may be in memory
 * @param {number} options.most bytes of the kernel's whole memory
 * @param {number} options.seed
 * @param {(line: string) => void} options.log
 */
export async function largeTest({ bytes, memory, most, seed, log }) {
  const own = ownFolder();
  const server = await serveRepository();
  const guest = await compileGuest("large");
  const kernel = limitMemory(readFileSync(new URL("../../web/kernel.wasm", import.meta.url)), most);
  const files = 32;
  const size = bytes / files;
  /** @type {import("./browser.js").Running | undefined} */
  let browser;
  let failed = true;
  const start = async () => {
    await browser?.kill();
    browser = await launch(`${own.folder}/profile`);
    browser.context.setDefaultTimeout(0);
    let limited = 0;
    await browser.context.route("**/kernel.wasm", (route) => {
      limited++;
      return route.fulfill({ contentType: "application/wasm", body: kernel });
    });
    const page = await blankPage(browser.context, server.url);
    const took = await page.evaluate(BOOT, { guest, memory });
    assert.ok(limited > 0, "the kernel is the limited one");
    return { page, took };
  };
  try {
    let { page } = await start();
    let begun = performance.now();
    assert.equal(await page.evaluate(RUN, ["write", String(files), String(size)]), `0 W ${bytes}`);
    const written = (performance.now() - begun) / 1000;
    log(`${bytes / MIB} MiB written in ${written.toFixed(0)} s`);
    await page.evaluate("system.close()");
    // So much that the next browser would wait for the disk before it says a word.
    execFileSync("sync");
    let took;
    ({ page, took } = await start());
    log(`mounted in ${took.toFixed(0)} ms`);
    begun = performance.now();
    const checked = await page.evaluate(RUN, ["check", files, size, READS, seed].map(String));
    assert.match(checked, /^0 C \d+$/);
    const read = (performance.now() - begun) / 1000;
    log(
      `${(Number(checked.slice(4)) / MIB).toFixed(0)} MiB read at random and compared in ${read.toFixed(0)} s`,
    );
    assert.deepEqual(await page.evaluate("system.volume.check()"), []);
    log(
      `a volume of ${bytes / MIB} MiB, with ${memory / MIB} MiB of it in memory, in a kernel of at most ${most / MIB} MiB`,
    );
    failed = false;
  } finally {
    await browser?.kill();
    await server.close();
    if (failed) log(`seed ${seed}`);
    own.remove();
  }
}

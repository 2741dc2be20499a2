/**
 * The disk test: a profile on a disk of DISK bytes, which a guest fills. It is told ENOSPC, the page by an event;
 * what it wrote stays in memory, and is stored as soon as there is room again.
 *
 * The disk is a tmpfs, mounted in a namespace of this test's own, which needs no rights: `inOwnNamespace`
 * starts this program anew inside of it.
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { blankPage, launch, ownFolder, serveRepository } from "./browser.js";
import { compileGuest } from "./guests.js";

/** The disk's size, what is taken of it until room is made, and the size of one of the guest's files. */
const DISK = 256 * 1024 * 1024;
const BALLAST = 128 * 1024 * 1024;
const FILE = 8 * 1024 * 1024;

/**
 * Runs `test` where this process may mount; answers false where that is not to be had.
 * @param {string} program the file to start
 * @param {() => Promise<void>} test
 */
export async function inOwnNamespace(program, test) {
  const inside = ["-Urm", process.execPath, program, "--inside"];
  if (process.argv.includes("--inside")) {
    await test();
    return true;
  }
  if (spawnSync("unshare", ["-Urm", "true"]).status !== 0) return false;
  const { status } = spawnSync("unshare", inside, { stdio: "inherit" });
  process.exitCode = status ?? 1;
  return true;
}

const IN_PAGE = async (/** @type {string} */ guest) => {
  const { Nidus, tell } = /** @type {any} */ (globalThis);
  const system = await Nidus.boot({ volume: "idb:full" });
  if (!system.volume.persistent) throw new Error(system.volume.reason);
  await system.fs.writeFile(
    "/tmp/fill",
    Uint8Array.from(atob(guest), (c) => c.charCodeAt(0)),
  );
  const events = /** @type {string[]} */ ([]);
  system.on("flusherror", (/** @type {any} */ error) =>
    events.push(`${error.code}: ${error.message}`),
  );
  const process = await system.spawn("/tmp/fill");
  process.stdout
    .pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: (text) => tell(text) }));
  const input = process.stdin.getWriter();
  Object.assign(globalThis, {
    system,
    events,
    again: () => input.write(new TextEncoder().encode("again\n")),
    end: () => input.close().then(() => process.exit),
  });
};

/** How much of what was written is there, and as it was written. */
const VERIFY = async (/** @type {{files: number, size: number}} */ { files, size }) => {
  const { Nidus } = /** @type {any} */ (globalThis);
  const system = await Nidus.boot({ volume: "idb:full" });
  for (let n = 1; n <= files; n++) {
    const bytes = await system.fs.readFile(`/home/${n}`);
    if (bytes.length !== size) return `file ${n} has ${bytes.length} bytes`;
    for (let i = 0, word = n; i < size; i++) {
      word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
      if (bytes[i] !== word >>> 24) return `file ${n} is wrong at ${i}`;
    }
  }
  return "as written";
};

/** @param {(line: string) => void} log */
export async function fullDiskTest(log) {
  const own = ownFolder();
  const disk = `${own.folder}/disk`;
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "none", disk]);
  writeFileSync(`${disk}/ballast`, new Uint8Array(BALLAST));
  const guest = await compileGuest("fill");
  const server = await serveRepository();
  /** @type {string[]} */
  const lines = [];
  let [said, partial] = [() => {}, ""];
  /** The next line that the guest says. */
  const next = async () => {
    while (lines.length === 0) await new Promise((resolve) => (said = () => resolve(undefined)));
    return lines.shift();
  };
  let browser = await launch(`${disk}/profile`, ["--disk-cache-size=1"]);
  try {
    await browser.context.exposeFunction("tell", (/** @type {string} */ text) => {
      const parts = (partial + text).split("\n");
      partial = /** @type {string} */ (parts.pop());
      lines.push(...parts);
      said();
    });
    let page = await blankPage(browser.context, server.url);
    await page.evaluate(IN_PAGE, guest);
    const first = await next();
    const full = /^F (\d+) ENOSPC$/.exec(first ?? "");
    /** @type {string[]} */
    const events = await page.evaluate("events");
    assert.ok(full, `the guest is told ENOSPC: ${first}, after ${events.join("; ")}`);
    const files = Number(full[1]);
    log(`full at the file number ${files} of ${FILE} bytes`);
    assert.ok(files > 2, "some were stored");
    assert.ok(events.length > 0, "the page is told, too");
    for (const event of events) assert.match(event, /^ENOSPC: /);
    await page.evaluate("again()");
    assert.equal(await next(), `F ${files} ENOSPC`, "as long as it is full");
    rmSync(`${disk}/ballast`);
    // The browser looks at its disk now and then, not at each request.
    let answer;
    for (let tries = 0; tries < 600; tries++) {
      await page.evaluate("again()");
      answer = await next();
      if (answer?.startsWith("S")) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const last = (await page.evaluate("events")).at(-1);
    assert.equal(
      answer,
      `S ${files}`,
      `stored when there is room again; the last event was ${last}`,
    );
    await browser.kill();
    browser = await launch(`${disk}/profile`);
    page = await blankPage(browser.context, server.url);
    assert.equal(await page.evaluate(VERIFY, { files, size: FILE }), "as written");
    log(`all ${files} files were stored once there was room`);
  } finally {
    await browser.kill();
    await server.close();
    execFileSync("umount", ["-l", disk]);
    own.remove();
  }
}

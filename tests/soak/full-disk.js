/**
 * The disk tests: a profile on a disk of DISK bytes. A guest fills it: it is told ENOSPC, the page by an event;
 * what it wrote stays in memory, and is stored as soon as there is room again. Or others fill it to the last byte, when
 * Chromium closes the database, and may open it empty afterwards: what is in memory is stored anew.
 *
 * The disk is a tmpfs, mounted in a namespace of this test's own, which needs no rights: `inOwnNamespace`
 * starts this program anew inside of it.
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { blankPage, launch, ownFolder, serveRepository } from "./browser.js";
import { compileGuest } from "./guests.js";

/** The disk's size, what is taken of it until room is made, and the size of one of the guest's files. */
const DISK = 256 * 1024 * 1024;
const BALLAST = 128 * 1024 * 1024;
const FILE = 8 * 1024 * 1024;
/** The size of what is written while others have filled the disk. */
const PIECE = 100_000;

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

/**
 * Runs a test with a browser whose profile lies on a small disk.
 * @param {(disk: string, url: string, start: (more?: string[]) => Promise<import("./browser.js").BrowserContext>) =>
 *   Promise<void>} test `start` kills the browser that runs, and starts another
 */
async function onSmallDisk(test) {
  const own = ownFolder();
  const disk = `${own.folder}/disk`;
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "none", disk]);
  writeFileSync(`${disk}/ballast`, new Uint8Array(BALLAST));
  const server = await serveRepository();
  /** @type {import("./browser.js").Running | undefined} */
  let browser;
  try {
    await test(disk, server.url, async (more) => {
      await browser?.kill();
      return (browser = await launch(`${disk}/profile`, more)).context;
    });
  } finally {
    await browser?.kill();
    await server.close();
    execFileSync("umount", ["-l", disk]);
    own.remove();
  }
}

/** @param {(line: string) => void} log */
export async function fullDiskTest(log) {
  const guest = await compileGuest("fill");
  await onSmallDisk(async (disk, url, start) => {
    /** @type {string[]} */
    const lines = [];
    let [said, partial] = [() => {}, ""];
    /** The next line that the guest says. */
    const next = async () => {
      while (lines.length === 0) await new Promise((resolve) => (said = () => resolve(undefined)));
      return lines.shift();
    };
    const context = await start(["--disk-cache-size=1"]);
    await context.exposeFunction("tell", (/** @type {string} */ text) => {
      const parts = (partial + text).split("\n");
      partial = /** @type {string} */ (parts.pop());
      lines.push(...parts);
      said();
    });
    const page = await blankPage(context, url);
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
    for (let tries = 0; tries < TRIES; tries++) {
      await page.evaluate("again()");
      answer = await next();
      if (answer?.startsWith("S")) break;
      await pause();
    }
    const last = (await page.evaluate("events")).at(-1);
    assert.equal(
      answer,
      `S ${files}`,
      `stored when there is room again; the last event was ${last}`,
    );
    const later = await blankPage(await start(), url);
    assert.equal(await later.evaluate(VERIFY, { files, size: FILE }), "as written");
    log(`all ${files} files were stored once there was room`);
  });
}

/** How often what failed is tried again when there is room, with a pause between. */
const TRIES = 600;
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

/** The n-th file as guests/fill.c writes it. */
const WRITE = async (/** @type {{n: number, size: number}} */ { n, size }) => {
  const { system } = /** @type {any} */ (globalThis);
  const bytes = new Uint8Array(size);
  for (let i = 0, word = n; i < size; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    bytes[i] = word >>> 24;
  }
  await system.fs.writeFile(`/home/${n}`, bytes);
  return system.flush().then(
    () => "stored",
    (/** @type {any} */ error) => `${error.code}: ${error.message}`,
  );
};

/** @param {(line: string) => void} log */
export async function filledDiskTest(log) {
  await onSmallDisk(async (disk, url, start) => {
    const page = await blankPage(await start(["--disk-cache-size=1"]), url);
    await page.evaluate(async () => {
      const { Nidus } = /** @type {any} */ (globalThis);
      Object.assign(globalThis, { system: await Nidus.boot({ volume: "idb:full" }) });
    });
    let files = 0;
    const write = () => page.evaluate(WRITE, { n: ++files, size: PIECE });
    for (let i = 0; i < 8; i++) assert.equal(await write(), "stored");
    const rest = openSync(`${disk}/rest`, "w");
    /** @type {Record<string, number>} */
    const told = {};
    for (let i = 0; i < 10; i++) {
      // Also of what the browser has given back meanwhile.
      for (let size = 1 << 20; size > 0; size >>= 4) {
        try {
          for (;;) writeSync(rest, new Uint8Array(size));
        } catch {}
      }
      const answer = await write();
      told[answer] = (told[answer] ?? 0) + 1;
      assert.match(answer, /^(stored$|ENOSPC: |EIO: )/);
    }
    closeSync(rest);
    for (const name of ["rest", "ballast"]) rmSync(`${disk}/${name}`);
    log(`on a full disk: ${JSON.stringify(told)}`);
    let answer = "";
    for (let tries = 0; tries < TRIES && answer !== "stored"; tries++) {
      await pause();
      answer = await write();
    }
    assert.equal(answer, "stored", "when there is room again");
    await page.evaluate("system.close()");
    // Not in another browser: this one's database goes on behind the torn end of its own log, and does not find what it
    // was given from then on when it starts again. No page can know that.
    const later = await blankPage(page.context(), url);
    assert.equal(await later.evaluate(VERIFY, { files, size: PIECE }), "as written");
    log(`all ${files} files were stored once there was room`);
  });
}

/**
 * The tabs test: tabs of one browser that write to one volume in turn, as fast as they can, and go away in every
 * manner: closing their system, the tab, reloading it, crashing its renderer, ending its worker. Others only look.
 *
 * A writer makes the counter one more: it writes the number n to `last`, and before it to the file n modulo
 * FILES, and says so before and after it was stored. So whoever opens the volume must find a counter that is
 * not below the last one said to be stored, nor above the last one begun, and files that fit it. No two are writers at
 * once. A tab that makes no progress for PATIENCE is a hang.
 */

import assert from "node:assert/strict";
import { blankPage, launch, ownFolder, serveRepository } from "./browser.js";
import { createRandom } from "./random.js";

const FILES = 20;
/** The longest that one step of a tab may take, in milliseconds. */
const PATIENCE = 90_000;

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {{counter: number, files: number[], after: number}} Seen the counter before and after the files were read */

/** What pages do; `tab` in each page. */
const IN_PAGE = () => {
  const { Nidus } = /** @type {any} */ (globalThis);
  const FILES = 20;
  /** @type {any} */
  let system;
  /** @type {(path: string) => Promise<number>} */
  const number = async (path) => {
    const text = await system.fs.readFile(path, "utf8").catch((/** @type {any} */ error) => {
      if (error.code === "ENOENT") return "0";
      // On a view: what was being read is another file's name now.
      if (error.code === "ESTALE" && system.volume.readonly) return null;
      throw error;
    });
    if (text === null) return number(path);
    // Of each length, so that what is stored moves: small and inline, or in pieces.
    if (!/^\d+ *$/.test(text)) throw new Error(`${path} has ${JSON.stringify(text.slice(0, 100))}`);
    return Number(text);
  };
  const see = async () => ({
    counter: await number("/home/last"),
    files: await Promise.all(Array.from({ length: FILES }, (_, i) => number(`/home/f${i}`))),
    // On a view the writer goes on meanwhile.
    after: await number("/home/last"),
  });
  Object.assign(globalThis, {
    tab: {
      /** Answers what it sees, or null while another one writes. */
      async open(/** @type {string} */ access) {
        try {
          system = await Nidus.boot({ volume: "idb:tabs", access });
        } catch (error) {
          if (/** @type {any} */ (error).code === "EBUSY") return null;
          throw error;
        }
        const { persistent, readonly, reason } = system.volume;
        if (!persistent) throw new Error(`the volume is not stored: ${reason}`);
        return { readonly: readonly ?? "unknown", seen: await see() };
      },
      see,
      async write(
        /** @type {number} */ n,
        /** @type {number} */ length,
        /** @type {boolean} */ flush,
      ) {
        await system.fs.writeFile(`/home/new`, String(n).padEnd(length));
        await system.fs.rename("/home/new", `/home/f${n % FILES}`);
        await system.fs.writeFile("/home/last", String(n));
        if (flush) await system.flush();
      },
      check: async () => system.volume.check?.(),
      close: () => system.close(),
    },
  });
};

/**
 * @param {object} options
 * @param {number} options.tabs how many write
 * @param {number} options.seconds
 * @param {number} options.seed
 * @param {(line: string) => void} options.log
 */
export async function tabsTest({ tabs, seconds, seed, log }) {
  const own = ownFolder();
  const server = await serveRepository();
  const browser = await launch(`${own.folder}/profile`);
  const until = Date.now() + seconds * 1000;
  /** The last number said to be stored, and the last one begun. */
  let [floor, begun] = [0, 0];
  /** @type {object | null} the tab that has the volume, unless it is going away */
  let writer = null;
  /** @type {Record<string, number>} how often what was done */
  const done = {};
  const count = (/** @type {string} */ what) => (done[what] = (done[what] ?? 0) + 1);

  const newPage = async () => {
    const page = await blankPage(browser.context, server.url);
    await page.evaluate(IN_PAGE);
    return page;
  };
  /** @type {(page: Page, call: string, ...args: unknown[]) => Promise<any>} */
  const call = (page, name, ...args) =>
    page.evaluate(
      ([name, args]) => /** @type {any} */ (globalThis).tab[name](...args),
      /** @type {[string, any[]]} */ ([name, args]),
    );

  /**
   * What is seen must be the state after some number from `least` on was written, or while the next was; each file of
   * a view is from a moment of its own.
   * @param {Seen} seen
   * @param {number} least
   */
  const judge = ({ counter, files, after }, least) => {
    assert.ok(counter >= least, `the counter is ${counter}, and ${least} was stored`);
    assert.ok(after >= counter, `the counter goes back from ${counter} to ${after}`);
    assert.ok(after <= begun, `the counter is ${after}, and only ${begun} was begun`);
    files.forEach((value, i) => {
      const newest = counter - ((((counter - i) % FILES) + FILES) % FILES);
      const written = value % FILES === i && value <= after + 1;
      assert.ok(
        value === Math.max(newest, 0) || (value > newest && written),
        `file ${i} has ${value} where the counter is ${counter}, and then ${after}`,
      );
    });
  };

  /** @param {Page} page */
  const crash = async (page) => {
    const gone = page.waitForEvent("crash");
    const session = await browser.context.newCDPSession(page);
    // It is not answered any more.
    session.send("Page.crash").catch(() => {});
    await gone;
    await page.close();
  };

  /** Ends a page in one of the ways. @param {Page} page @param {number} way */
  const leave = async (page, way) => {
    switch (way) {
      case 0:
        count("closed");
        await call(page, "close");
        return page;
      case 1:
        count("tabs closed");
        await page.close();
        return newPage();
      case 2:
        count("crashes");
        await crash(page);
        return newPage();
      default:
        count("reloads");
        await page.reload();
        await page.waitForFunction(() => document.title === "loaded");
        await page.evaluate(IN_PAGE);
        return page;
    }
  };

  /** @type {<T>(what: string, promise: Promise<T>) => Promise<T>} */
  const inTime = (what, promise) => {
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} hangs`)), PATIENCE);
    });
    return Promise.race([promise, /** @type {Promise<never>} */ (late)]).finally(() =>
      clearTimeout(timer),
    );
  };

  /** @param {number} number */
  const write = async (number) => {
    const random = createRandom(seed + number);
    const me = {};
    let page = await newPage();
    while (Date.now() < until) {
      const access = random(2) ? "wait" : "refuse";
      // Who waits does so for as long as others write: a hang shows as no progress of anybody.
      const opened = await call(page, "open", access);
      if (opened === null) {
        count("refused");
        continue;
      }
      assert.equal(writer, null, `tab ${number} writes while another one does`);
      writer = me;
      judge(opened.seen, floor);
      begun = opened.seen.counter;
      let n = begun;
      for (let left = 1 + random(20); left > 0; left--) {
        begun = ++n;
        const flush = random(3) > 0;
        const length = random(4) ? random(500) : random(200_000);
        await inTime(`writing ${n} in tab ${number}`, call(page, "write", n, length, flush));
        if (flush) floor = n;
        count("writes");
      }
      const way = random(4);
      // Some go in the middle of it.
      const interrupted = way > 0 && random(2) === 0;
      if (interrupted) {
        begun = ++n;
        call(page, "write", n, random(200_000), true).catch(() => {});
      }
      writer = null;
      page = await inTime(`leaving in tab ${number}`, leave(page, way));
      if (way === 0) floor = Math.max(floor, n);
    }
    await page.close();
  };

  /** @param {number} number */
  const look = async (number) => {
    const random = createRandom(seed - number);
    let page = await newPage();
    let least = floor;
    while (Date.now() < until) {
      const opened = await inTime(`opening view ${number}`, call(page, "open", "readonly"));
      judge(opened.seen, least);
      for (let left = random(50); left > 0 && Date.now() < until; left--) {
        const seen = await inTime(`looking in tab ${number}`, call(page, "see"));
        judge(seen, least);
        least = seen.after;
        count("looks");
      }
      page = await inTime(`leaving view ${number}`, leave(page, random(4)));
    }
    await page.close();
  };

  let failed = true;
  try {
    const first = await newPage();
    const opened = await call(first, "open", "readonly");
    const views = opened?.readonly === true ? Math.max(1, tabs >> 1) : 0;
    await call(first, "close");
    await first.close();
    const beat = setInterval(() => log(`${JSON.stringify(done)}, ${floor} stored`), 30_000);
    try {
      await Promise.all([
        ...Array.from({ length: tabs }, (_, i) => write(i + 1)),
        ...Array.from({ length: views }, (_, i) => look(i + 1)),
      ]);
    } finally {
      clearInterval(beat);
    }
    const last = await newPage();
    const { seen } = await call(last, "open", "wait");
    judge(seen, floor);
    const findings = await call(last, "check");
    if (findings) assert.deepEqual(findings, [], "the volume's check");
    log(
      `${tabs} tabs and ${views} views: ${JSON.stringify(done)}; ${floor} stored, nothing was lost`,
    );
    failed = false;
    return done;
  } finally {
    await browser.kill();
    await server.close();
    if (failed) log(`seed ${seed}; the profile lies in ${own.folder}`);
    else own.remove();
  }
}

/** Volumes in several tabs of a real browser: who writes, who waits, who is told what, and what is there after. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { loopsAtStart, syncsFile } from "../unit/host/support.js";
import { FAULTS } from "../unit/volume/faults.js";
import { LIMIT, MODES, goBlank, openBlank, watched } from "./chromium.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */

/**
 * Boots a system in a page, as `system`; answers what its volume says, or the error.
 * @param {Page} page
 * @param {string} options
 * @returns {Promise<any>}
 */
const boot = (page, options) =>
  page.evaluate(`(async () => {
    try {
      globalThis.system = await Nidus.boot(${options});
      globalThis.events = [];
      for (const name of ["flush", "flusherror", "nopersist", "refresh", "restart"]) {
        system.on(name, (error, path) => events.push([name, path, error?.code ?? null]));
      }
      return { ...system.volume };
    } catch (error) {
      return { code: error.code, name: error.name, message: error.message };
    }
  })()`);

/** Runs the program that writes and syncs /home/note. */
const SYNC = 'system.exec("./sync", [], { preopens: { "/home": "/home" } })';

/** @param {Page} page @param {string} path @param {string} text */
const store = (page, path, text) =>
  page.evaluate(
    `system.fs.writeFile(${JSON.stringify(path)}, ${JSON.stringify(text)}).then(() => system.flush())`,
  );

/** @param {Page} page @param {string} path @returns {Promise<any>} */
const read = (page, path) =>
  page.evaluate(`system.fs.readFile(${JSON.stringify(path)}, "utf8").catch((error) => error.code)`);

/**
 * Another tab of the same browser, on the blank page.
 * @param {BrowserContext} context
 * @param {string} url
 */
async function another(context, url) {
  const page = await watched(context);
  await goBlank(page, url);
  return page;
}

/** The page's renderer dies, as when it runs out of memory. @param {Page} page */
async function crash(page) {
  const gone = page.waitForEvent("crash");
  const session = await page.context().newCDPSession(page);
  // It is not answered any more.
  session.send("Page.crash").catch(() => {});
  await gone;
}

for (const [how, end] of /** @type {[string, (page: Page) => Promise<unknown>][]} */ ([
  ["closes", (page) => page.close()],
  ["crashes", crash],
])) {
  test(
    `who waits for a volume has it, with all that was stored, when its tab ${how}`,
    LIMIT,
    async (t) => {
      const { page, context, url } = await openBlank(t);
      await boot(page, '{ volume: "idb:lab" }');
      await store(page, "/home/a", "stored");
      const second = await another(context, url);
      const waiting = boot(second, '{ volume: "idb:lab", access: "wait" }');
      // It waits behind the first, and is the next one.
      await second.waitForFunction(
        async () => (await navigator.locks.query()).pending?.length === 1,
      );
      await end(page);
      assert.deepEqual(await waiting, { persistent: true, reason: null, readonly: false });
      assert.equal(await read(second, "/home/a"), "stored");
      await store(second, "/home/b", "second");
      assert.equal(await read(second, "/home/b"), "second");
    },
  );
}

test(
  "a view in another tab shows what the writer stored, follows it, writes nothing, and takes over when its tab crashes",
  LIMIT,
  async (t) => {
    const { page, context, url } = await openBlank(t);
    await boot(page, '{ volume: "idb:lab" }');
    await store(page, "/home/a", "1");
    const second = await another(context, url);
    const state = await boot(second, '{ volume: "idb:lab", access: "readonly" }');
    assert.deepEqual(state, { persistent: true, reason: null, readonly: true });
    assert.equal(await read(second, "/home/a"), "1");
    const denied = await second.evaluate(
      'system.fs.writeFile("/home/a", "x").catch((e) => e.code)',
    );
    assert.equal(denied, "EROFS");

    for (const [size, byte] of [
      [10, 2],
      [200_000, 3],
      [100_000, 4],
    ]) {
      await page.evaluate(
        `system.fs.writeFile("/home/a", new Uint8Array(${size}).fill(${byte})).then(() => system.flush())`,
      );
      await second.waitForFunction(
        `system.fs.readFile("/home/a").then((bytes) => String([bytes.length, ...new Set(bytes)]) === "${size},${byte}")`,
      );
    }
    const events = await second.evaluate("[...new Set(events.map(String))]");
    assert.deepEqual(events, ["refresh,/home,"]);

    await second.evaluate(
      "void (globalThis.taking = system.volume.takeOver().then(() => ({ ...system.volume })))",
    );
    await second.waitForFunction(async () => (await navigator.locks.query()).pending?.length === 1);
    await crash(page);
    assert.deepEqual(await second.evaluate("taking"), {
      persistent: true,
      reason: null,
      readonly: false,
    });
    await store(second, "/home/b", "second");
    const third = await another(context, url);
    assert.equal((await boot(third, '{ volume: "idb:lab" }')).code, "EBUSY");
    await boot(third, '{ volume: "idb:lab", access: "readonly" }');
    assert.equal(await read(third, "/home/b"), "second");
    assert.equal(
      await second.evaluate('system.fs.stat("/home/a").then(({ size }) => size)'),
      100_000,
    );
  },
);

test(
  "a view's worker that is replaced is a view again, and the writer's that is replaced goes on writing",
  LIMIT,
  async (t) => {
    const { page, context, url } = await openBlank(t);
    await boot(page, '{ volume: "idb:lab" }');
    await store(page, "/home/a", "1");
    const second = await another(context, url);
    await boot(second, '{ volume: "idb:lab", access: "readonly", volumes: { "/tmp": "mem" } }');
    const loop = [...(await loopsAtStart())];
    // A program that cannot be reached ends with its worker.
    const replace = (/** @type {string} */ folder) => `(async () => {
    await system.fs.writeFile("${folder}/loop", Uint8Array.from(${JSON.stringify(loop)}));
    await system.flush();
    const restarted = new Promise((resolve) => system.on("restart", resolve));
    const process = await system.spawn("${folder}/loop", [], { tier: "direct" });
    process.kill();
    await process.exit;
    await restarted;
    return { ...system.volume };
  })()`;
    assert.equal((await second.evaluate(replace("/tmp"))).readonly, true);
    assert.equal((await page.evaluate(replace("/home"))).readonly, false);
    await store(page, "/home/a", "2");
    await second.waitForFunction(
      'system.fs.readFile("/home/a", "utf8").then((text) => text === "2")',
    );
  },
);

test("who waits for a volume can give up, and holds nobody up then", LIMIT, async (t) => {
  const { page, context, url } = await openBlank(t);
  await boot(page, '{ volume: "idb:lab" }');
  const second = await another(context, url);
  const outcome = await second.evaluate(`(async () => {
    const giving = new AbortController();
    const boot = Nidus.boot({ volume: "idb:lab", access: "wait", signal: giving.signal });
    giving.abort();
    return boot.then(() => "booted", (error) => error.name);
  })()`);
  assert.equal(outcome, "AbortError");
  await page.close();
  const third = await another(context, url);
  assert.equal((await boot(third, '{ volume: "idb:lab" }')).persistent, true);
});

test(
  "two systems of one page are as two tabs: one writes, the other is refused, waits or looks on",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t);
    const answer = await page.evaluate(`(async () => {
    const first = await Nidus.boot({ volume: "idb:lab" });
    await first.fs.writeFile("/home/a", "first");
    const refused = await Nidus.boot({ volume: "idb:lab" }).catch((error) => error.code);
    const waiting = Nidus.boot({ volume: "idb:lab", access: "wait" });
    await first.close();
    const second = await waiting;
    return [refused, await second.fs.readFile("/home/a", "utf8")];
  })()`);
    assert.deepEqual(answer, ["EBUSY", "first"]);
  },
);

test("a system has several volumes, each with its own name, limit and store", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  const answer = await page.evaluate(`(async () => {
    const volumes = {
      "/home/data": "idb:data",
      "/scratch": { from: "mem", maxBytes: 1000 },
    };
    const first = await Nidus.boot({ volume: "idb:lab", volumes });
    const states = Object.entries(first.volumes).map(([path, { persistent }]) => [path, persistent]);
    await first.fs.writeFile("/home/a", "home");
    await first.fs.writeFile("/home/data/a", "data");
    const full = await first.fs.writeFile("/scratch/a", new Uint8Array(2000)).catch((e) => e.code);
    await first.fs.writeFile("/scratch/b", "scratch");
    const across = await first.fs.rename("/home/a", "/home/data/b").catch((e) => e.code);
    await first.close();
    const second = await Nidus.boot({ volumes: { "/data": "idb:data" } });
    return [states, full, across, await second.fs.readFile("/data/a", "utf8"), await second.fs.readdir("/home")];
  })()`);
  assert.deepEqual(answer, [
    [
      ["/home", true],
      ["/home/data", true],
      ["/scratch", false],
    ],
    "ENOSPC",
    "EXDEV",
    "data",
    [],
  ]);
});

test(
  "without Web Locks the tab that opened a volume last has it: the other one is told by all ways, and overwrites nothing",
  LIMIT,
  async (t) => {
    const { page, context, url } = await openBlank(t);
    await context.addInitScript(() =>
      Object.defineProperty(navigator, "locks", { value: undefined }),
    );
    await goBlank(page, url);
    await boot(page, '{ volume: "idb:lab" }');
    const program = [...(await syncsFile("note", "from a guest"))];
    await page.evaluate(
      `system.fs.writeFile("/home/sync", Uint8Array.from(${JSON.stringify(program)}))`,
    );
    await store(page, "/home/a", "first");
    const second = await another(context, url);
    await boot(second, '{ volume: "idb:lab" }');
    await store(second, "/home/a", "second");

    assert.equal((await page.evaluate(SYNC)).code, 29, "EIO");
    const error = await page.evaluate(
      "system.flush().catch(({ code, message }) => ({ code, message }))",
    );
    assert.equal(error.code, "EBUSY");
    assert.match(error.message, /Volume "lab" was opened or deleted elsewhere/);
    const [persistent, reason, events] = await page.evaluate(
      "[system.volume.persistent, system.volume.reason, events.map(String)]",
    );
    assert.deepEqual([persistent, reason], [false, error.message]);
    assert.equal(
      events.filter((/** @type {string} */ each) => each === "nopersist,/home,EBUSY").length,
      1,
    );
    await page.evaluate("system.close()").catch(() => {});
    await page.close();
    await second.close();
    const third = await another(context, url);
    await boot(third, '{ volume: "idb:lab" }');
    assert.equal(await read(third, "/home/a"), "second");
    assert.equal(await read(third, "/home/note"), "ENOENT");
  },
);

test("a kind of volume that does not exist is named", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  for (const volume of ["lab", "ftp:lab", "idb:", "mem:lab"]) {
    const { code, message } = await boot(page, JSON.stringify({ volume }));
    assert.deepEqual(
      [code, message.slice(0, 12 + volume.length)],
      ["EINVAL", `volume is "${volume}"`],
    );
  }
});

test("a page asks the browser to keep its files, and how much room there is", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  await boot(page, '{ volume: "idb:lab" }');
  const [granted, asked, { usage, quota }] = await page.evaluate(`(async () => [
    await system.volume.persist(), await navigator.storage.persisted(), await system.volume.estimate(),
  ])()`);
  assert.equal(granted, asked);
  assert.ok(usage >= 0 && quota > usage);
});

test("where storage is denied, the volume is memory and says why", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  const { persistent, reason } = await boot(
    page,
    '{ volume: "idb:lab", assets: { worker: "/tests/browser/pages/worker-without-storage.js" } }',
  );
  assert.deepEqual(
    [persistent, reason],
    [false, "the browser denies storage (SecurityError: storage is denied)"],
  );
  await store(page, "/home/a", "kept by the page");
  assert.equal(await read(page, "/home/a"), "kept by the page");
});

test(
  "when the disk is full, fd_sync says so, nothing is dropped, and all is stored when there is room again",
  LIMIT,
  async (t) => {
    const { page, context, url } = await openBlank(t);
    const origin = new URL(url).origin;
    const session = await context.newCDPSession(page);
    /** @param {number} [quotaSize] */
    const limit = (quotaSize) =>
      session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
    await limit(2_000_000);
    await boot(page, '{ volume: "idb:lab" }');
    const program = [...(await syncsFile("note", "from a guest"))];
    await page.evaluate(
      `system.fs.writeFile("/home/sync", Uint8Array.from(${JSON.stringify(program)}))`,
    );
    await store(page, "/home/a", "before");
    await page.evaluate('system.fs.writeFile("/home/large", new Uint8Array(5_000_000).fill(7))');
    const error = await page.evaluate(
      "system.flush().catch(({ code, message }) => ({ code, message }))",
    );
    assert.equal(error.code, "ENOSPC");
    assert.match(error.message, /no more storage for volume "lab"/);
    const events = await page.evaluate("events.map(String)");
    assert.ok(events.includes("flusherror,/home,ENOSPC"));
    // The program's own little file is stored together with the rest, or not at all.
    assert.equal((await page.evaluate(SYNC)).code, 51, "ENOSPC");
    assert.equal(await page.evaluate("system.volume.persistent"), true);
    await limit();
    // By itself, and by the next fd_sync.
    await page.evaluate('new Promise((resolve) => system.on("flush", () => resolve()))');
    assert.equal((await page.evaluate(SYNC)).code, 0);
    await page.close();
    const second = await another(context, url);
    await boot(second, '{ volume: "idb:lab", access: "wait" }');
    assert.equal(await read(second, "/home/note"), "from a guest");
    assert.equal(await read(second, "/home/a"), "before");
    assert.equal(
      await second.evaluate('system.fs.stat("/home/large").then(({ size }) => size)'),
      5_000_000,
    );
  },
);

for (const { mode, isolated } of MODES) {
  test(
    `${mode}, without JSPI: a program that syncs waits for that, and what it synced is stored`,
    LIMIT,
    async (t) => {
      const { page, context, url } = await openBlank(t, { isolated });
      await boot(
        page,
        '{ volume: "idb:lab", assets: { worker: "/tests/browser/pages/worker-without-jspi.js" } }',
      );
      const program = [...(await syncsFile("note", "synced"))];
      await page.evaluate(
        `system.fs.writeFile("/home/sync", Uint8Array.from(${JSON.stringify(program)}))`,
      );
      const synced = await page.evaluate(SYNC);
      assert.deepEqual([synced.code, synced.trap], [0, null]);
      const direct = await page.evaluate(SYNC.replace("{", '{ tier: "direct",'));
      if (isolated) assert.deepEqual([direct.code, direct.trap], [0, null]);
      else assert.match(direct.trap.message, /cannot hold it/);
      await crash(page);
      const second = await another(context, url);
      await boot(second, '{ volume: "idb:lab", access: "wait" }');
      assert.equal(await read(second, "/home/note"), "synced");
    },
  );
}

test(
  "whatever fails in the browser's database, at whatever step of a flush, the next one stores all",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t);
    await boot(
      page,
      '{ volume: "idb:lab", assets: { worker: "/tests/browser/pages/worker-with-faults.js" } }',
    );
    const { struck, told, wrong } = await page.evaluate(async (names) => {
      const { Nidus, system } = /** @type {any} */ (globalThis);
      const channel = new BroadcastChannel("faults");
      /** @param {unknown} order @returns {Promise<any>} */
      const order = (order) =>
        new Promise((resolve) => {
          channel.onmessage = ({ data }) => resolve(data);
          channel.postMessage(order);
        });
      /** @type {Record<string, number>} */
      const struck = {};
      const told = new Set();
      /** @type {Record<string, string>} */
      const files = {};
      for (const name of names) {
        for (let n = 1, steps = 1; steps >= n; n++) {
          const [path, text] = ["/home/" + (n % 5), name + n];
          await system.fs.writeFile(path, text);
          await system.fs.writeFile("/home/large", new Uint8Array(150_000).fill(n));
          await order([name, n]);
          await system.flush().catch((/** @type {any} */ error) => told.add(error.code));
          steps = await order(null);
          if (steps >= n) struck[name] = n;
          await system.flush();
          files[path] = text;
        }
      }
      await system.close();
      const again = await Nidus.boot({ volume: "idb:lab" });
      const wrong = [];
      for (const [path, text] of Object.entries(files)) {
        if ((await again.fs.readFile(path, "utf8")) !== text) wrong.push(path);
      }
      return { struck, told: [...told], wrong };
    }, Object.keys(FAULTS));
    t.diagnostic(JSON.stringify(struck));
    assert.deepEqual(wrong, []);
    assert.deepEqual(Object.keys(struck), Object.keys(FAULTS));
    // All others are made good before anybody has to be told.
    assert.deepEqual(told, ["ENOSPC"]);
  },
);

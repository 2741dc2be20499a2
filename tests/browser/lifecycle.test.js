/** What browsers do to pages and their storage while a volume is open: freezing, clearing a site's data, odd names. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMIT, goBlank, openBlank, watched } from "./chromium.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../../web/nidus.js").Nidus} System */
/** @typedef {{Nidus: typeof import("../../web/nidus.js").Nidus, system: System, events: string[]}} Globals */

/** @param {Page} page @param {string} options */
const boot = (page, options) =>
  page.evaluate(`Nidus.boot(${options}).then((system) => {
    globalThis.system = system;
    globalThis.events = [];
    for (const name of ["flush", "flusherror", "nopersist", "refresh"]) {
      system.on(name, (error) => events.push(error ? name + " " + error.code : name));
    }
  })`);

/** @param {Page} page @param {string} path @returns {Promise<any>} */
const read = (page, path) =>
  page.evaluate(`system.fs.readFile(${JSON.stringify(path)}, "utf8").catch((error) => error.code)`);

/** @param {Page} page @param {"frozen" | "active"} state */
async function become(page, state) {
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state });
}

test(
  "a view whose tab was frozen while its writer stored shows it all when it goes on",
  LIMIT,
  async (t) => {
    const { page, context, url } = await openBlank(t);
    await boot(page, `{ volume: "idb:lab" }`);
    await page.evaluate(`system.fs.writeFile("/home/a", "1").then(() => system.flush())`);
    const other = await watched(context);
    await goBlank(other, url);
    await boot(other, `{ volume: "idb:lab", access: "readonly" }`);
    await become(other, "frozen");
    await page.bringToFront();
    for (const text of ["2", "3", "4"]) {
      await page.evaluate(`system.fs.writeFile("/home/a", "${text}").then(() => system.flush())`);
    }
    await become(other, "active");
    await other.bringToFront();
    await other.evaluate(`(async () => {
      while ((await system.fs.readFile("/home/a", "utf8")) !== "4")
        await new Promise((resolve) => system.on("refresh", resolve));
    })()`);
  },
);

test(
  "a writer whose tab was frozen goes on storing, and who waits for the volume gets nothing before",
  LIMIT,
  async (t) => {
    const { page, context, url } = await openBlank(t);
    await boot(page, `{ volume: "idb:lab" }`);
    await page.evaluate(`system.fs.writeFile("/home/a", "before")`);
    await become(page, "frozen");
    const other = await watched(context);
    await goBlank(other, url);
    await other.evaluate(
      `void (globalThis.waiting = Nidus.boot({ volume: "idb:lab", access: "wait" }).then((system) => {
        globalThis.system = system;
        globalThis.has = true;
      }))`,
    );
    await become(page, "active");
    await page.bringToFront();
    await page.evaluate(`system.fs.writeFile("/home/b", "after").then(() => system.flush())`);
    assert.equal(await other.evaluate("globalThis.has"), undefined);
    await page.close();
    await other.bringToFront();
    await other.evaluate("waiting");
    assert.equal(await read(other, "/home/a"), "before");
    assert.equal(await read(other, "/home/b"), "after");
  },
);

test(
  "a site's data that are cleared under a volume are not silently gone: it is told, and what is in memory stays",
  LIMIT,
  async (t) => {
    const { page, context, url } = await openBlank(t);
    await boot(page, `{ volume: "idb:lab" }`);
    await page.evaluate(`system.fs.writeFile("/home/a", "a").then(() => system.flush())`);
    const session = await context.newCDPSession(page);
    await session.send("Storage.clearDataForOrigin", {
      origin: new URL(url).origin,
      storageTypes: "all",
    });
    const told = await page.evaluate(
      `system.fs.writeFile("/home/b", "b").then(() => system.flush()).then(() => null, ({ code, message }) => ({ code, message }))`,
    );
    assert.equal(told?.code, "EIO", JSON.stringify(told));
    assert.match(told.message, /has lost what it had stored of volume "lab": it is stored anew/);
    assert.ok((await page.evaluate("events")).includes("flusherror EIO"));
    assert.equal(await read(page, "/home/a"), "a");
    assert.equal(await read(page, "/home/b"), "b");
    await page.evaluate("system.flush()");
    await goBlank(page, url);
    await boot(page, `{ volume: "idb:lab" }`);
    assert.equal(await read(page, "/home/a"), "a");
    assert.equal(await read(page, "/home/b"), "b");
  },
);

for (const name of [
  "../up/and\\away",
  "ü 漢字 😀 'quoted' \"twice\" <b>&amp;",
  "-starts with a minus",
  "con\u0007trol\n",
  "x".repeat(200),
  "idb:",
  "..",
]) {
  test(
    `a volume may be called ${JSON.stringify(name).slice(0, 40)}, of both kinds`,
    LIMIT,
    async (t) => {
      const { page, url } = await openBlank(t);
      for (const kind of ["idb", "opfs"]) {
        const options = `{ volume: ${JSON.stringify(`${kind}:${name}`)} }`;
        await boot(page, options);
        assert.deepEqual(await page.evaluate("({...system.volume})"), {
          persistent: true,
          reason: null,
          readonly: false,
        });
        await page.evaluate(`system.fs.writeFile("/home/a", "${kind}").then(() => system.close())`);
        await goBlank(page, url);
        await boot(page, options);
        assert.equal(await read(page, "/home/a"), kind);
        await page.evaluate("system.close()");
      }
    },
  );
}

test(
  "of bytes that lie in a larger buffer only they go to the system, as they are at the call",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t);
    const found = await page.evaluate(async () => {
      const { Nidus } = /** @type {Globals} */ (/** @type {unknown} */ (globalThis));
      const system = await Nidus.boot();
      const bytes = new Uint8Array(4e6).subarray(100, 110).fill(7);
      const { postMessage } = Worker.prototype;
      /** @type {Uint8Array[]} */
      const sent = [];
      Worker.prototype.postMessage = function (/** @type {any[]} */ message, ...rest) {
        sent.push(...message.flat(Infinity).filter((each) => each instanceof Uint8Array));
        return Reflect.apply(postMessage, this, [message, ...rest]);
      };
      const writing = system.fs.writeFile("/home/a", bytes);
      bytes.fill(8);
      await writing;
      Worker.prototype.postMessage = postMessage;
      const written = await system.fs.readFile("/home/a");
      // What is kept for a worker that may take this one's place, too.
      return {
        sizes: sent.map(({ buffer }) => buffer.byteLength),
        sent: [...sent[0]],
        written: [...written],
      };
    });
    const sevens = new Array(10).fill(7);
    assert.deepEqual(found, { sizes: [10], sent: sevens, written: sevens });
  },
);

test("a volume that is given for two paths is refused", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  const error = await page.evaluate(
    `Nidus.boot({ access: "wait", volumes: { "/home": "idb:lab", "/data": "idb:lab" } }).then(() => null, ({ code, message }) => ({ code, message }))`,
  );
  assert.deepEqual(error, {
    code: "EINVAL",
    message: '"idb:lab" is given for two paths: say one.',
  });
});

test("a view that is asked twice to take over does so once", LIMIT, async (t) => {
  const { page, context, url } = await openBlank(t);
  await boot(page, `{ volume: "idb:lab" }`);
  await page.evaluate(`system.fs.writeFile("/home/a", "a").then(() => system.flush())`);
  const other = await watched(context);
  await goBlank(other, url);
  await boot(other, `{ volume: "idb:lab", access: "readonly" }`);
  await other.evaluate(
    `void (globalThis.both = Promise.all([system.volume.takeOver(), system.volume.takeOver()]))`,
  );
  await page.close();
  await other.evaluate("both.then(() => {})");
  await other.evaluate(`system.fs.writeFile("/home/b", "b").then(() => system.flush())`);
  assert.equal(await read(other, "/home/a"), "a");
});

test(
  "a browser without a storage manager, or with half of one, keeps volumes all the same",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t);
    await boot(page, `{ volume: "idb:lab" }`);
    for (const storage of ["undefined", "{}"]) {
      await page.evaluate(
        `Object.defineProperty(navigator, "storage", { value: ${storage}, configurable: true }) && undefined`,
      );
      assert.equal(await page.evaluate("system.volume.persist()"), false);
      assert.deepEqual(await page.evaluate("system.volume.estimate()"), {});
    }
    await page.evaluate(`system.fs.writeFile("/home/a", "a").then(() => system.flush())`);
  },
);

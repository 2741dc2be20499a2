/**
 * Whatever the browser's database does to a volume, at whatever step: nothing hangs, nothing that was
 * reported as stored is lost, whoever asked for a flush is told, and once the fault is over everything is
 * stored.
 */

import assert from "node:assert/strict";
import { IDBDatabase, IDBFactory, IDBObjectStore, IDBTransaction } from "fake-indexeddb";
import { after, test } from "node:test";
import { FAULTS, createFaults } from "./faults.js";
import { mount, newDatabase, snapshot, stored } from "./rig.js";

const faults = createFaults({ IDBFactory, IDBDatabase, IDBObjectStore, IDBTransaction });
after(() => faults.restore());

/** @typedef {Awaited<ReturnType<typeof mount>>} Mounted */
/** @typedef {import("../../../web/errors.js").NidusError} NidusError */

/** @param {number} size @param {number} seed */
const pattern = (size, seed) =>
  Uint8Array.from({ length: size }, (_, i) => (i * seed + (i >> 8)) & 255);

const KINDS = /** @type {import("./faults.js").FaultName[]} */ (Object.keys(FAULTS));
/** A test that takes longer hangs. */
const LIMIT = { timeout: 300_000 };

/** What a fault may be called when it is reported. */
const CODES = ["ENOSPC", "EIO"];

/** A database that holds a few files. */
async function filled() {
  const db = newDatabase();
  const { fs, volume } = await mount(db);
  fs.mkdir("/home/folder");
  fs.writeFile("/home/small", "old");
  fs.writeFile("/home/large", pattern(200_000, 7));
  fs.writeFile("/home/folder/gone", "x");
  const tree = snapshot(fs);
  await volume.close();
  return { db, tree };
}

/** Two sets of changes, with everything a flush may have to do. */
const CHANGES = /** @type {((fs: Mounted["fs"]) => void)[]} */ ([
  (fs) => {
    fs.writeFile("/home/small", "new");
    fs.writeFile("/home/large", pattern(150_000, 11));
    fs.rm("/home/folder", { recursive: true });
    fs.mkdir("/home/other");
    fs.writeFile("/home/other/more", pattern(70_000, 13));
  },
  (fs) => {
    fs.truncate("/home/large", 66_000);
    fs.rename("/home/large", "/home/other/moved");
    fs.writeFile("/home/last", "last");
  },
]);

for (const name of KINDS) {
  test(
    `${name}, at every step of mounting, reading, flushing and closing: nothing is lost, nothing hangs`,
    LIMIT,
    async (t) => {
      for (let n = 1; ; n++) {
        const { db, tree } = await filled();
        /** Trees that the database may hold now: the last one stored, and what was tried since. */
        let maybe = [tree];
        /** @type {NidusError[]} */
        const told = [];
        /** @param {unknown} error */
        const failed = (error) => {
          const { code, message } = /** @type {NidusError} */ (error);
          assert.ok(CODES.includes(code), `${n}: ${code} ${message}`);
          assert.match(message, /volume "test"|Volume "test"/);
          return null;
        };
        faults.arm(name, n);
        const mounted = await mount(db, (_, error) => error && told.push(error)).catch(failed);
        if (mounted) {
          const { fs, volume } = mounted;
          for (const change of CHANGES) {
            change(fs);
            maybe.push(snapshot(fs));
            const asked = told.length;
            const done = await volume.flush().then(() => true, failed);
            if (done) maybe = maybe.slice(-1);
            else assert.ok(told.length > asked, "an event told of it");
          }
          const wanted = snapshot(fs);
          // A fault at closing must not lose what was stored before.
          const over = faults.struck();
          const closed = await volume.close().then(() => true, failed);
          assert.ok(closed || !over, `${n}: what failed before is made good`);
          const steps = faults.disarm();
          const found = await stored(db);
          if (closed) assert.deepEqual(found, wanted);
          else
            assert.ok(
              maybe.some((each) => same(each, found)),
              `${n}: the tree of some flush`,
            );
          if (steps < n) {
            assert.ok(n > 2, `the fault struck at ${n - 1} steps`);
            t.diagnostic(`${name}: ${n - 1} steps`);
            break;
          }
        } else {
          faults.disarm();
          // It could not be mounted: nothing happened to it.
          assert.deepEqual(await stored(db), tree);
        }
      }
    },
  );
}

for (const name of KINDS) {
  test(`${name}, at every step of a flush: the next one makes it good`, LIMIT, async () => {
    for (let n = 1, steps = n; steps >= n; n++) {
      const { db } = await filled();
      const { fs, volume } = await mount(db);
      CHANGES[0]?.(fs);
      faults.arm(name, n);
      await volume.flush().catch(() => {});
      steps = faults.disarm();
      CHANGES[1]?.(fs);
      await volume.flush();
      const wanted = snapshot(fs);
      // As after a crash: it was not closed.
      assert.deepEqual(await stored(db), wanted, `${name} at ${n}`);
    }
  });
}

/** @param {Record<string, string | null>} a @param {Record<string, string | null>} b */
function same(a, b) {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

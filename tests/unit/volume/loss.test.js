/**
 * A browser that gives a volume's database up, and opens it empty or as it was before: what is in memory is stored
 * anew, and what is nowhere is told, and never read as zeros.
 */

import assert from "node:assert/strict";
import { IDBDatabase, IDBFactory, IDBObjectStore, IDBTransaction } from "fake-indexeddb";
import { after, test } from "node:test";
import { createFaults } from "./faults.js";
import { mount, newDatabase, snapshot, stored } from "./rig.js";

const faults = createFaults({ IDBFactory, IDBDatabase, IDBObjectStore, IDBTransaction });
after(() => faults.restore());

const CHUNK = 65536;
const LITTLE = 1024 * 1024;
const LIMIT = { timeout: 300_000 };

/** @param {number} size @param {number} seed */
const pattern = (size, seed) =>
  Uint8Array.from({ length: size }, (_, i) => (i * seed + (i >> 8)) & 255);

/** A database whose connections the browser can close. */
function closable() {
  const db = newDatabase();
  /** @type {IDBDatabase[]} */
  const connections = [];
  const source = /** @type {any} */ ({
    open(/** @type {string} */ name, /** @type {number} */ version) {
      const request = db.open(name, version);
      request.addEventListener("success", () => connections.push(request.result));
      return request;
    },
  });
  const closeAll = () => {
    for (const connection of connections.splice(0)) {
      connection.close();
      connection.onclose?.call(connection, new Event("close"));
    }
  };
  /** Nobody is open any more who would be asked. */
  const wipe = () => {
    closeAll();
    return new Promise((resolve) => (db.deleteDatabase("nidus:test").onsuccess = resolve));
  };
  return { db, source, closeAll, wipe };
}

/** @param {import("../../../web/fs.js").FsSync} fs */
function fill(fs) {
  fs.mkdir("/home/folder");
  fs.writeFile("/home/folder/small", "small");
  fs.writeFile("/home/large", pattern(200_000, 7));
  fs.symlink("large", "/home/link");
}

test("a database that is opened empty is written whole again, from memory", async () => {
  const { db, source, wipe } = closable();
  /** @type {string[]} */
  const told = [];
  const { fs, volume } = await mount(source, (event, error) => told.push(error?.message ?? event));
  fill(fs);
  await volume.flush();
  await wipe();
  fs.writeFile("/home/new", "new");
  await assert.rejects(volume.flush(), {
    code: "EIO",
    message:
      'The browser has lost what it had stored of volume "test": it is stored anew from memory. ' +
      "Pieces of files that were not in memory and are lost: 0.",
  });
  await volume.flush();
  assert.deepEqual(told.length, 3);
  assert.equal(volume.state().persistent, true);
  assert.deepEqual(await volume.check(), []);
  const tree = snapshot(fs);
  fs.writeFile("/home/after", "the log goes on");
  await volume.flush();
  assert.deepEqual(await stored(db), { ...tree, "/home/after": "the log goes on" });
});

test("what was in neither memory nor the database is an error to read, now and later", async () => {
  const { source, wipe } = closable();
  const { fs, volume } = await mount(source, undefined, { memory: LITTLE });
  const read = async (/** @type {typeof fs} */ from, /** @type {typeof volume} */ of) => {
    for (;;) {
      try {
        return from.readFile("/home/0");
      } catch (error) {
        if (/** @type {any} */ (error).code !== "EAGAIN") throw error;
        await of.settle();
      }
    }
  };
  for (let i = 0; i < 48; i++) {
    fs.writeFile(`/home/${i}`, pattern(CHUNK, i + 1));
    await volume.flush();
  }
  await wipe();
  fs.writeFile("/home/new", "new");
  await assert.rejects(volume.flush(), /are lost: (3\d|4\d)\.$/);
  await volume.flush();
  const lost = await volume.check();
  assert.ok(lost.length > 30 && lost.every(({ kind }) => kind === "missing"));
  await assert.rejects(read(fs, volume), { code: "EIO" });
  assert.deepEqual(Buffer.from(fs.readFile("/home/47")), Buffer.from(pattern(CHUNK, 48)));
  await volume.close();
  const again = await mount(source, undefined, { memory: LITTLE });
  assert.deepEqual(await again.volume.check(), lost);
  await assert.rejects(read(again.fs, again.volume), { code: "EIO" });
  assert.equal(Buffer.from(again.fs.readFile("/home/new")).toString(), "new");
  await again.volume.close();
});

test("a database that has gone back to what it was before is brought up to date", async () => {
  const { db, source, closeAll } = closable();
  const { fs, volume } = await mount(source);
  fill(fs);
  await volume.flush();
  fs.writeFile("/home/large", pattern(100_000, 11));
  await volume.flush();
  closeAll();
  const raw = /** @type {IDBDatabase} */ (
    await new Promise((resolve) => {
      const request = db.open("nidus:test", 2);
      request.onsuccess = () => resolve(request.result);
    })
  );
  const tx = raw.transaction(["log", "chunk"], "readwrite");
  tx.objectStore("log").delete(2);
  tx.objectStore("chunk").clear();
  await new Promise((resolve) => (tx.oncomplete = resolve));
  raw.close();
  fs.writeFile("/home/new", "new");
  await assert.rejects(volume.flush(), /has lost what it had stored/);
  await volume.flush();
  assert.deepEqual(await stored(db), snapshot(fs));
});

test("a volume that somebody else made in the place of a lost one is left alone", async () => {
  const { db, source, wipe } = closable();
  const { fs, volume } = await mount(source);
  fill(fs);
  await volume.flush();
  await wipe();
  const other = await mount(db);
  other.fs.writeFile("/home/other", "other");
  await other.volume.close();
  fs.writeFile("/home/new", "new");
  await assert.rejects(volume.flush(), { code: "EBUSY" });
  assert.deepEqual(await stored(db), { "/home/other": "other" });
});

test("a view goes on when its writer has written a lost database anew", async () => {
  const { source, wipe } = closable();
  const writer = await mount(source);
  fill(writer.fs);
  await writer.volume.flush();
  const view = await mount(source, undefined, { view: true });
  await wipe();
  writer.fs.writeFile("/home/new", "new");
  await assert.rejects(writer.volume.flush(), /has lost what it had stored/);
  await writer.volume.flush();
  await /** @type {any} */ (view.volume).refresh();
  await view.volume.flush();
  assert.deepEqual(snapshot(view.fs), snapshot(writer.fs));
  await view.volume.close();
  await writer.volume.close();
});

test("a database that is lost at any step of a flush is whole after the next", LIMIT, async (t) => {
  let n = 1;
  for (let steps = n; steps >= n; n++) {
    const db = newDatabase();
    const { fs, volume } = await mount(db);
    fill(fs);
    await volume.flush();
    fs.writeFile("/home/large", pattern(150_000, 11));
    fs.rm("/home/folder", { recursive: true });
    faults.arm("wiped", n);
    await volume.flush().catch(() => {});
    steps = faults.disarm();
    fs.rename("/home/large", "/home/moved");
    await volume.flush().catch(() => volume.flush());
    assert.deepEqual(await stored(db), snapshot(fs), `lost at ${n}`);
  }
  assert.ok(n > 8);
  t.diagnostic(`${n - 2} steps`);
});

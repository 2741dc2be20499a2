/** Volumes of the layout before this one (schema 1) are opened, whatever they hold, in one transaction. */

import assert from "node:assert/strict";
import { IDBObjectStore } from "fake-indexeddb";
import { test } from "node:test";
import { failChange, mount, newDatabase, snapshot, stored } from "./rig.js";

/**
 * An inode's record as it was: 64 bytes and, with `text`, what lies inline.
 * @param {number} type @param {number} size @param {number} nlink @param {string} [text]
 */
function record(type, size, nlink, text) {
  const inline = Buffer.from(text ?? "");
  const bytes = new Uint8Array(64 + inline.length);
  const view = new DataView(bytes.buffer);
  bytes.set([1, type, text === undefined ? 0 : 1]);
  view.setUint32(4, 0o640, true);
  view.setUint32(8, nlink, true);
  view.setUint32(12, inline.length, true);
  view.setBigUint64(16, BigInt(text === undefined ? size : inline.length), true);
  view.setBigUint64(32, 1_700_000_000_250_000_000n, true);
  bytes.set(inline, 64);
  return bytes;
}

const FOLDER = 3;
const FILE = 4;
const LINK = 7;

/** @param {IDBFactory} db */
function make(db) {
  return new Promise((resolve, reject) => {
    const request = db.open("nidus:test", 1);
    request.onupgradeneeded = () => {
      const [inode, dirent, chunk, meta] = /** @type {IDBObjectStore[]} */ (
        ["inode", "dirent", "chunk", "meta"].map((name) => request.result.createObjectStore(name))
      );
      inode?.put(record(FOLDER, 0, 3), 1);
      inode?.put(record(FOLDER, 0, 2), 2);
      inode?.put(record(FILE, 0, 2, "text"), 3);
      inode?.put(record(LINK, 0, 1, "d/ü"), 4);
      inode?.put(record(FILE, 150_000, 1), 5);
      // Written long, and then cut: it stayed in chunks.
      inode?.put(record(FILE, 10, 1), 6);
      inode?.put(record(FILE, 0, 1, ""), 9);
      dirent?.put(2, [1, "d"]);
      dirent?.put(3, [2, "ü"]);
      dirent?.put(3, [1, "same"]);
      dirent?.put(4, [1, "link"]);
      dirent?.put(5, [1, "large"]);
      dirent?.put(6, [2, "cut"]);
      dirent?.put(9, [2, "empty"]);
      chunk?.put(new Uint8Array(65536).fill(65), [5, 0]);
      chunk?.put(new Uint8Array(150_000 - 131_072).fill(66), [5, 2]);
      chunk?.put(new Uint8Array(10).fill(67), [6, 0]);
      meta?.put(Date.now(), 1);
    };
    request.onsuccess = () => resolve(request.result.close());
    request.onerror = () => reject(request.error);
  });
}

const TREE = {
  "/home/d": null,
  "/home/d/cut": "C".repeat(10),
  "/home/d/empty": "",
  "/home/d/ü": "text",
  "/home/large": "A".repeat(65536) + "\0".repeat(65536) + "B".repeat(150_000 - 131_072),
  "/home/link": "-> d/ü",
  "/home/same": "text",
};

test("a volume of schema 1 is opened as it was, and goes on in the new layout", async () => {
  const db = newDatabase();
  await make(db);
  const { fs, volume } = await mount(db);
  assert.deepEqual(snapshot(fs), TREE);
  assert.deepEqual([fs.stat("/home/same").nlink, fs.stat("/home/d").mode & 0o777], [2, 0o640]);
  assert.equal(fs.stat("/home/d/cut").mtimeMs, 1_700_000_000_250);
  fs.writeFile("/home/new", "kept");
  assert.ok(fs.stat("/home/new").ino > 9);
  await volume.close();
  assert.deepEqual(await stored(db), { ...TREE, "/home/new": "kept" });
});

test("a migration that fails leaves the volume of schema 1 as it was", async () => {
  const db = newDatabase();
  await make(db);
  for (let n = 1; ; n++) {
    const restore = failChange(n, IDBObjectStore.prototype);
    const outcome = await mount(db).then(
      ({ volume }) => volume,
      () => null,
    );
    const total = restore();
    if (outcome) {
      await outcome.close();
      assert.ok(n > 2 && n > total);
      break;
    }
  }
  assert.deepEqual(await stored(db), TREE);
});

test("a volume of schema 1 that was never written is empty", async () => {
  const db = newDatabase();
  await new Promise((resolve) => {
    const request = db.open("nidus:test", 1);
    request.onupgradeneeded = () => {
      for (const name of ["inode", "dirent", "chunk", "meta"])
        request.result.createObjectStore(name);
    };
    request.onsuccess = () => resolve(request.result.close());
  });
  assert.deepEqual(await stored(db), {});
});

test("a tab that keeps the older layout open is told of, instead of being waited for", async () => {
  const db = newDatabase();
  await make(db);
  /** @type {IDBDatabase} It does not close itself when it is asked to. */
  const older = await new Promise((resolve) => {
    const request = db.open("nidus:test", 1);
    request.onsuccess = () => resolve(request.result);
  });
  await assert.rejects(mount(db), {
    code: "EBUSY",
    message:
      'Volume "test" is open in a tab with an older version of Nidus: close that one, then reload this page.',
  });
  older.close();
  const { fs, volume } = await mount(db);
  assert.deepEqual(snapshot(fs), TREE);
  await volume.close();
});

/** The IndexedDB volume: what a mount finds after whatever happened before. */

import assert from "node:assert/strict";
import { IDBObjectStore } from "fake-indexeddb";
import { test } from "node:test";
import { createKept, keptStore } from "../../../web/kept-volume.js";
import { lockVolume } from "../../../web/volume-lock.js";
import { Locks, failChange, mount, newDatabase, snapshot, stored } from "./rig.js";

/** @param {number} size */
const pattern = (size) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255);

test("a new volume is an empty, writable folder that outlives its kernel", async () => {
  const db = newDatabase();
  const first = await mount(db);
  assert.deepEqual(first.volume.state(), { persistent: true, reason: null, readonly: false });
  assert.deepEqual(snapshot(first.fs), {});
  first.fs.writeFile("/home/main.c", "int main;");
  await first.volume.close();
  assert.deepEqual(await stored(db), { "/home/main.c": "int main;" });
});

test("files of every size, folders, links, modes, times and names come back as they were", async () => {
  const db = newDatabase();
  const { fs, volume } = await mount(db);
  const sizes = [0, 1, 4096, 65535, 65536, 65537, 300_000];
  for (const size of sizes) fs.writeFile(`/home/${size}`, pattern(size));
  fs.mkdir("/home/a/b/c", { recursive: true });
  fs.writeFile("/home/a/b/c/ü 漢字 .txt", "deep");
  fs.symlink("../a/b", "/home/a/link");
  fs.writeFile("/home/one", "shared");
  fs.link("/home/one", "/home/two");
  fs.chmod("/home/one", 0o600);
  fs.utimes("/home/65537", 12.5, 1_700_000_000.25);
  const before = snapshot(fs);
  await volume.close();

  const again = await mount(db);
  assert.deepEqual(snapshot(again.fs), before);
  for (const size of sizes) {
    assert.ok(
      Buffer.from(pattern(size)).equals(again.fs.readFile(`/home/${size}`)),
      `${size} bytes`,
    );
  }
  const [one, two] = [again.fs.stat("/home/one"), again.fs.stat("/home/two")];
  assert.deepEqual([one.nlink, one.ino], [2, two.ino]);
  assert.equal(one.mode & 0o777, 0o600);
  assert.equal(again.fs.stat("/home/65537").mtimeMs, 1_700_000_000_250);
});

test("what was removed, renamed, overwritten or cut short leaves nothing behind", async () => {
  const db = newDatabase();
  const first = await mount(db);
  for (const name of ["gone", "moved", "cut", "over"]) {
    first.fs.writeFile(`/home/${name}`, pattern(200_000));
  }
  first.fs.mkdir("/home/old/sub", { recursive: true });
  await first.volume.flush();
  first.fs.unlink("/home/gone");
  first.fs.rename("/home/moved", "/home/over");
  first.fs.truncate("/home/cut", 70_000);
  first.fs.rename("/home/old", "/home/new");
  const now = snapshot(first.fs);
  await first.volume.close();
  assert.deepEqual(await stored(db), now);

  const again = await mount(db);
  for (const name of ["over", "cut", "new/sub", "new"]) {
    again.fs.rm(`/home/${name}`, { recursive: true });
  }
  await again.volume.close();
  const open = await new Promise((resolve) => {
    const request = db.open("nidus:test");
    request.onsuccess = () => resolve(request.result);
  });
  const count = (/** @type {string} */ store) =>
    new Promise((resolve) => {
      const request = open.transaction(store).objectStore(store).count();
      request.onsuccess = () => resolve(request.result);
    });
  assert.equal(await count("chunk"), 0);
});

test("a file cut short and grown again has zeros where it was cut", async () => {
  const db = newDatabase();
  const { fs, volume } = await mount(db);
  fs.writeFile("/home/f", pattern(300_000));
  await volume.flush();
  fs.truncate("/home/f", 10);
  fs.truncate("/home/f", 250_000);
  await volume.close();
  const again = await mount(db);
  const bytes = again.fs.readFile("/home/f");
  assert.equal(bytes.length, 250_000);
  assert.deepEqual(bytes.slice(0, 10), pattern(10));
  assert.ok(bytes.subarray(10).every((byte) => byte === 0));
});

test("a change is stored within a second without anybody asking", async () => {
  const db = newDatabase();
  /** @type {() => void} */
  let stop = () => {};
  const flushed = new Promise((resolve) => (stop = () => resolve(undefined)));
  const { fs } = await mount(db, (name) => name === "flush" && stop());
  fs.writeFile("/home/note", "kept");
  const begin = performance.now();
  const alive = setInterval(() => {}, 100);
  await flushed;
  clearInterval(alive);
  assert.ok(performance.now() - begin < 1000);
  assert.deepEqual(await stored(db), { "/home/note": "kept" });
});

test("a flush holds one moment: what changes while it runs belongs to the next", async () => {
  const db = newDatabase();
  const { fs, volume, dirty } = await mount(db);
  fs.writeFile("/home/a", "1");
  const first = volume.flush();
  fs.writeFile("/home/a", "2");
  fs.writeFile("/home/b", "2");
  const second = volume.flush();
  assert.equal(volume.flush(), second, "those who ask meanwhile share one flush");
  await first;
  assert.ok(dirty() > 0);
  await second;
  assert.equal(dirty(), 0);
  assert.deepEqual(await stored(db), { "/home/a": "2", "/home/b": "2" });
});

test("whichever change of a flush fails, the database keeps the flush before, and the next one works", async () => {
  for (let n = 1; ; n++) {
    const db = newDatabase();
    /** @type {string[]} */
    const events = [];
    const { fs, volume } = await mount(db, (name) => events.push(name));
    fs.writeFile("/home/main.c", "old");
    fs.writeFile("/home/large", pattern(150_000));
    await volume.flush();
    const before = snapshot(fs);
    fs.writeFile("/home/main.c", "new");
    fs.writeFile("/home/large", pattern(200_000).reverse());
    fs.rename("/home/large", "/home/larger");
    fs.mkdir("/home/folder");
    const restore = failChange(n, IDBObjectStore.prototype);
    const outcome = await volume.flush().then(
      () => null,
      (error) => error,
    );
    const total = restore();
    if (outcome === null) {
      assert.ok(n > total && n > 8, `${total} changes were made to fail`);
      break;
    }
    assert.equal(outcome.code, "ENOSPC");
    assert.match(outcome.message, /no more storage for volume "test": delete files/);
    assert.deepEqual(events, ["flush", "flusherror"]);
    // A kernel that knows nothing of the failed flush, as after a crash; it makes itself the writer ...
    assert.deepEqual(await stored(db), before);
    await assert.rejects(volume.close(), { code: "EBUSY" });

    // ... so the rest is told with a database of its own.
    const other = newDatabase();
    const { fs: fs2, volume: volume2 } = await mount(other);
    fs2.writeFile("/home/main.c", "old");
    const restore2 = failChange(n, IDBObjectStore.prototype);
    await volume2.flush().catch(() => {});
    restore2();
    fs2.writeFile("/home/more", "more");
    await volume2.flush();
    await volume2.close();
    assert.deepEqual(await stored(other), { "/home/main.c": "old", "/home/more": "more" });
  }
});

test("a flush that this machine has no memory for is told as every other, and tried again by itself", async () => {
  const db = newDatabase();
  /** @type {(string | undefined)[]} */
  const told = [];
  let done = () => {};
  const { volume, kernel, fs } = await mount(db, (event, error) => {
    // What a worker sends its page.
    told.push(error ? error.toJSON().message : event);
    if (!error) done();
  });
  fs.writeFile("/home/f", "text");
  const { u8 } = kernel;
  kernel.u8 = () => {
    kernel.u8 = u8;
    throw new RangeError("Array buffer allocation failed");
  };
  const again = new Promise((resolve) => (done = () => resolve(undefined)));
  await assert.rejects(volume.flush(), { code: "EIO", message: /RangeError: Array buffer/ });
  const alive = setInterval(() => {}, 100);
  await again;
  clearInterval(alive);
  assert.equal(told.length, 2);
  await volume.close();
  assert.deepEqual(await stored(db), { "/home/f": "text" });
});

test("a failed flush is tried again by itself", async () => {
  const db = newDatabase();
  /** @type {string[]} */
  const events = [];
  /** @type {() => void} */
  let done = () => {};
  const flushed = new Promise((resolve) => (done = () => resolve(undefined)));
  const { fs, volume } = await mount(db, (name) => {
    events.push(name);
    if (name === "flush") done();
  });
  fs.writeFile("/home/a", "kept");
  const restore = failChange(1, IDBObjectStore.prototype);
  await assert.rejects(volume.flush(), { code: "ENOSPC" });
  restore();
  const alive = setInterval(() => {}, 100);
  await flushed;
  clearInterval(alive);
  assert.deepEqual(events, ["flusherror", "flush"]);
  assert.deepEqual(await stored(db), { "/home/a": "kept" });
});

test("while one page has the volume, another is refused with what to do", async () => {
  const locks = /** @type {any} */ (new Locks());
  const unlock = await lockVolume(locks, "lab", false);
  const alive = setInterval(() => {}, 100); // The time-out alone lets Node go.
  await assert.rejects(lockVolume(locks, "lab", false, undefined, 20), {
    code: "EBUSY",
    message: /Volume "lab" is open in another tab or window: close that one, then reload/,
  });
  clearInterval(alive);
  unlock();
  (await lockVolume(locks, "lab", false))();
});

test("a lock that is given back soon is waited for", async () => {
  const locks = /** @type {any} */ (new Locks());
  const unlock = await lockVolume(locks, "lab", false);
  const second = lockVolume(locks, "lab", false, undefined, 5000);
  unlock();
  (await second)();
});

test("who waits for a lock has it when it is given back, or gives up and is passed over", async () => {
  const locks = /** @type {any} */ (new Locks());
  const unlock = await lockVolume(locks, "lab", true);
  const giving = new AbortController();
  const first = lockVolume(locks, "lab", true, giving.signal);
  const second = lockVolume(locks, "lab", true);
  giving.abort(new Error("given up"));
  await assert.rejects(first, /given up/);
  unlock();
  (await second)();
  await assert.rejects(lockVolume(locks, "lab", true, giving.signal), /given up/);
  (await lockVolume(locks, "lab", false))();
});

test("where there are no locks, or they are denied, nobody is held up by one", async () => {
  (await lockVolume(undefined, "lab", true))();
  const locks = /** @type {any} */ ({ request: () => Promise.reject(new Error("denied")) });
  (await lockVolume(locks, "lab", false))();
});

test("without locks, the writer that was overtaken is told and changes nothing", async () => {
  const db = newDatabase();
  /** @type {string[]} */
  const events = [];
  const first = await mount(db, (name) => events.push(name));
  first.fs.writeFile("/home/a", "first");
  await first.volume.flush();
  const second = await mount(db);
  second.fs.writeFile("/home/b", "second");
  await second.volume.flush();
  first.fs.writeFile("/home/a", "lost");
  await assert.rejects(first.volume.flush(), {
    code: "EBUSY",
    message: /Volume "test" was opened or deleted elsewhere/,
  });
  assert.deepEqual(events, ["flush", "nopersist"]);
  assert.match(String(first.volume.state().reason), /was opened or deleted elsewhere/);
  second.fs.writeFile("/home/c", "second");
  await second.volume.flush();
  assert.deepEqual(await stored(db), {
    "/home/a": "first",
    "/home/b": "second",
    "/home/c": "second",
  });
});

test("a database deleted under the volume is not half made again", async () => {
  const db = newDatabase();
  const { fs, volume } = await mount(db);
  fs.writeFile("/home/a", "1");
  await volume.flush();
  await new Promise((resolve, reject) => {
    const request = db.deleteDatabase("nidus:test");
    request.onsuccess = resolve;
    request.onerror = reject;
  });
  fs.writeFile("/home/b", "2");
  await assert.rejects(volume.flush(), { code: "EBUSY" });
  assert.deepEqual(snapshot(fs), { "/home/a": "1", "/home/b": "2" });
  assert.deepEqual(await stored(db), {});
});

test("a lost connection is opened again", async () => {
  const db = newDatabase();
  /** @type {IDBDatabase[]} */
  const connections = [];
  const spy = /** @type {any} */ ({
    open(/** @type {string} */ name, /** @type {number} */ version) {
      const request = db.open(name, version);
      request.addEventListener("success", () => connections.push(request.result));
      return request;
    },
  });
  const { fs, volume } = await mount(spy);
  fs.writeFile("/home/a", "1");
  await volume.flush();
  const lost = /** @type {IDBDatabase} */ (connections[0]);
  lost.close();
  lost.onclose?.call(lost, new Event("close"));
  fs.writeFile("/home/b", "2");
  await volume.flush();
  assert.equal(connections.length, 2);
  assert.deepEqual(await stored(db), { "/home/a": "1", "/home/b": "2" });
});

test("a volume in memory is kept by the page, so another worker goes on from its last flush", async () => {
  const { kept, keep } = createKept();
  const store = () => keptStore(structuredClone(kept), async (cut) => keep(structuredClone(cut)));
  const first = await mount(store());
  first.fs.mkdir("/home/a/b", { recursive: true });
  for (const name of ["gone", "moved", "cut", "over", "a/b/c"]) {
    first.fs.writeFile(`/home/${name}`, pattern(200_000));
  }
  first.fs.writeFile("/home/small", "x");
  await first.volume.flush();
  first.fs.unlink("/home/gone");
  first.fs.rename("/home/moved", "/home/over");
  first.fs.truncate("/home/cut", 70_000);
  first.fs.rm("/home/a", { recursive: true });
  first.fs.writeFile("/home/small", "y");
  await first.volume.flush();
  const flushed = snapshot(first.fs);
  first.fs.writeFile("/home/lost", "after the last flush");
  const second = await mount(store());
  assert.deepEqual(snapshot(second.fs), flushed);
  second.fs.rm("/home/over");
  second.fs.rm("/home/cut");
  second.fs.rm("/home/small");
  await second.volume.close();
  assert.equal(kept.files.size, 0);
  await first.volume.close();
});

/**
 * Changes the database of the volume by hand.
 * @param {IDBFactory} db
 * @param {string} store
 * @param {(store: IDBObjectStore) => void} change
 */
function change(db, store, change) {
  return new Promise((resolve) => {
    const request = db.open("nidus:test");
    request.onsuccess = () => {
      const tx = request.result.transaction(store, "readwrite");
      change(tx.objectStore(store));
      tx.oncomplete = () => resolve(request.result.close());
    };
  });
}

test("a volume that lost a part of its log is refused, not shown without it", async () => {
  const db = newDatabase();
  const { fs, volume } = await mount(db);
  for (const name of ["a", "b", "c"]) {
    fs.writeFile(`/home/${name}`, pattern(100_000));
    await volume.flush();
  }
  await volume.close();
  await change(db, "log", (log) => log.delete(2));
  await assert.rejects(mount(db), {
    code: "EIO",
    message:
      /^Volume "test" is damaged: .*boot with repair: true to keep what can be read, or use another name\.$/,
  });
});

test("a volume of an early version, which has its schema in a record, is opened and written", async () => {
  const db = newDatabase();
  const first = await mount(db);
  first.fs.writeFile("/home/a", "1");
  await first.volume.close();
  await change(db, "meta", (meta) => meta.put(1, "schema"));
  const second = await mount(db);
  second.fs.writeFile("/home/b", "2");
  await second.volume.close();
  assert.deepEqual(await stored(db), { "/home/a": "1", "/home/b": "2" });
});

test("a volume of a newer version is refused", async () => {
  const db = newDatabase();
  await new Promise((resolve) => {
    const request = db.open("nidus:test", 99);
    request.onsuccess = () => resolve(request.result.close());
  });
  await assert.rejects(mount(db), { code: "ENOTSUP", message: /written by a newer version/ });
});

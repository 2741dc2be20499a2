/**
 * Mounts of Emscripten's IDBFS, over a database that lives in this process: records as every version of
 * Emscripten has written them and as none has, and what becomes of changes on both sides. The program built by
 * emcc itself is on the other side in tests/browser/idbfs.test.js.
 */

import assert from "node:assert/strict";
import { IDBKeyRange, IDBObjectStore } from "fake-indexeddb";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { mount as mountIdbfs } from "../../../web/idbfs.js";
import { System } from "../../../web/system.js";
import { failChange, newDatabase, snapshot } from "./rig.js";

const POINT = "/home/web_user";
const kernelBytes = readFileSync(new URL("../../../web/kernel.wasm", import.meta.url));

/** @typedef {import("fake-indexeddb").IDBFactory} IDBFactory */
/** @typedef {{timestamp?: unknown, mode?: unknown, contents?: unknown, link?: unknown}} FileRecord */

/**
 * A system with the database's files at /data.
 * @param {any} factory
 * @param {{name?: string, maxBytes?: number}} [options]
 */
async function mount(factory, { name = POINT, maxBytes } = {}) {
  const system = await System.create({ kernel: kernelBytes });
  /** @type {[string, string][]} */
  const events = [];
  const volume = await mountIdbfs(
    system,
    name,
    { path: "/data", maxBytes },
    (event, error) => events.push([event, error?.message ?? ""]),
    factory,
  );
  return { kernel: system.kernel, volume, events, fs: system.sync };
}

/**
 * @template T
 * @param {{result: T, error: unknown, onsuccess: unknown, onerror: unknown}} request
 * @returns {Promise<T>}
 */
const result = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/**
 * The database as IDBFS makes it, for what another program does to it; closed by `close`.
 * @param {any} factory
 * @param {string} [name]
 */
async function other(factory, name = POINT) {
  const request = factory.open(name, 21);
  request.onupgradeneeded = () => {
    if (request.result.objectStoreNames.contains("FILE_DATA")) return;
    const store = request.result.createObjectStore("FILE_DATA");
    store.createIndex("timestamp", "timestamp", { unique: false });
  };
  const db = /** @type {any} */ (await result(request));
  /** @param {(store: any) => void} use */
  const change = (use) =>
    new Promise((resolve, reject) => {
      const tx = db.transaction("FILE_DATA", "readwrite");
      tx.oncomplete = () => resolve(undefined);
      tx.onabort = () => reject(tx.error);
      use(tx.objectStore("FILE_DATA"));
    });
  return {
    db,
    /** @param {Record<string, FileRecord>} records by path */
    put: (records) =>
      change((store) => {
        for (const [path, record] of Object.entries(records)) store.put(record, path);
      }),
    /** @param {string[]} paths */
    remove: (...paths) => change((store) => paths.forEach((path) => store.delete(path))),
    /** All there is. @returns {Promise<Record<string, any>>} */
    async all() {
      const store = db.transaction("FILE_DATA").objectStore("FILE_DATA");
      const [keys, values] = await Promise.all([
        result(store.getAllKeys()),
        result(store.getAll()),
      ]);
      return Object.fromEntries(
        /** @type {string[]} */ (keys).map((key, i) => [key, /** @type {any} */ (values)[i]]),
      );
    },
    close: () => db.close(),
  };
}

/** @param {string} contents @param {number} time @param {number} [mode] */
const file = (contents, time, mode = 0o100666) => ({
  timestamp: new Date(time),
  mode,
  contents: new TextEncoder().encode(contents),
});
/** @param {number} time */
const folder = (time) => ({ timestamp: new Date(time), mode: 0o40777 });

const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);

test("a new database is IDBFS's: version 21, one store, its index", async () => {
  const factory = newDatabase();
  const { volume } = await mount(factory);
  await volume.close();
  const { db } = await other(factory);
  assert.equal(db.version, 21);
  assert.deepEqual([...db.objectStoreNames], ["FILE_DATA"]);
  const store = db.transaction("FILE_DATA").objectStore("FILE_DATA");
  assert.deepEqual([store.keyPath, store.autoIncrement], [null, false]);
  assert.deepEqual([...store.indexNames], ["timestamp"]);
  const index = store.index("timestamp");
  assert.deepEqual([index.keyPath, index.unique], ["timestamp", false]);
});

test("files, folders and links are stored as IDBFS stores them, and come back", async () => {
  const factory = newDatabase();
  const { fs, volume } = await mount(factory);
  fs.mkdir("/data/src/deep", { recursive: true });
  fs.writeFile("/data/src/deep/a.c", "int a;");
  fs.writeFile("/data/empty", "");
  fs.chmod("/data/empty", 0o640);
  fs.utimes("/data/empty", 5, 1_700_000_000.123);
  fs.symlink("src/deep", "/data/link");
  fs.link("/data/src/deep/a.c", "/data/second");
  fs.writeFile("/data/holes", "x");
  fs.truncate("/data/holes", 200_000);
  const before = snapshot(fs, "/data");
  await volume.close();

  const { all } = await other(factory);
  const records = await all();
  assert.deepEqual(Object.keys(records).sort(), [
    "/home/web_user/empty",
    "/home/web_user/holes",
    "/home/web_user/link",
    "/home/web_user/second",
    "/home/web_user/src",
    "/home/web_user/src/deep",
    "/home/web_user/src/deep/a.c",
  ]);
  assert.deepEqual(records["/home/web_user/empty"], {
    timestamp: new Date(1_700_000_000_123),
    mode: 0o100640,
    contents: new Uint8Array(),
  });
  const { timestamp, ...link } = records["/home/web_user/link"];
  assert.ok(timestamp instanceof Date);
  assert.deepEqual(link, { mode: 0o120777, link: "src/deep" });
  assert.deepEqual(Object.keys(records["/home/web_user/src"]).sort(), ["mode", "timestamp"]);
  assert.equal(records["/home/web_user/src"].mode, 0o40755);
  assert.equal(text(records["/home/web_user/second"].contents), "int a;");
  const { contents } = records["/home/web_user/holes"];
  assert.deepEqual([contents.length, contents.buffer.byteLength], [200_000, 200_000]);
  const again = await mount(factory);
  assert.deepEqual(snapshot(again.fs, "/data"), before);
  assert.equal(again.fs.stat("/data/empty").mtimeMs, 1_700_000_000_123);
  assert.equal(again.fs.stat("/data/empty").mode & 0o7777, 0o640);
  assert.equal(again.fs.stat("/data/second").nlink, 1);
});

test("a flush puts and deletes what changed and nothing else", async () => {
  const factory = newDatabase();
  const { fs, volume } = await mount(factory);
  fs.mkdir("/data/d");
  for (let i = 0; i < 20; i++) fs.writeFile(`/data/d/f${i}`, `${i}`);
  await volume.flush();
  /** @type {string[]} */
  const log = [];
  const { put, delete: remove } = IDBObjectStore.prototype;
  Object.assign(IDBObjectStore.prototype, {
    /** @this {any} @param {unknown} value @param {string} key */
    put(value, key) {
      log.push(`+${key.slice(POINT.length)}`);
      return put.call(this, value, key);
    },
    /** @this {any} @param {string} key */
    delete(key) {
      log.push(`-${key.slice(POINT.length)}`);
      return remove.call(this, key);
    },
  });
  try {
    await volume.flush();
    assert.deepEqual(log.splice(0), []);
    fs.writeFile("/data/d/f7", "seven");
    await volume.flush();
    assert.deepEqual(log.splice(0), ["+/d/f7"]);
    fs.rename("/data/d/f7", "/data/f7");
    await volume.flush();
    assert.deepEqual(log.splice(0).sort(), ["+/d", "+/f7", "-/d/f7"]);
    fs.rm("/data/d", { recursive: true });
    await volume.flush();
    assert.equal(log.length, 20);
    assert.ok(log.every((entry) => /^-\/d(\/f\d+)?$/.test(entry)));
  } finally {
    Object.assign(IDBObjectStore.prototype, { put, delete: remove });
  }
  await volume.close();
});

test("what other versions wrote is read, and what nobody can read is left as it is", async () => {
  const factory = newDatabase();
  const { put, all, close } = await other(factory);
  const time = new Date(1000);
  const strange = {
    // No name of a file.
    [`${POINT}`]: folder(1),
    [`${POINT}/`]: folder(1),
    [`${POINT}//x`]: file("x", 1),
    [`${POINT}/a/../b`]: file("x", 1),
    [`${POINT}/./b`]: file("x", 1),
    [`${POINT}/nul\0`]: file("x", 1),
    [`${POINT}/\ud800`]: file("x", 1),
    [`${POINT}/${"n".repeat(256)}`]: file("x", 1),
    [`${POINT}2/of-another-mount`]: file("x", 1),
    // No file.
    [`${POINT}/device`]: { timestamp: time, mode: 0o20666 },
    [`${POINT}/object`]: { timestamp: time, mode: 0o100666, contents: { no: "bytes" } },
    [`${POINT}/no-target`]: { timestamp: time, mode: 0o120777, link: "" },
    [`${POINT}/file-with-no-time`]: { mode: 0o100666, contents: new Uint8Array(1) },
    // Below a file.
    [`${POINT}/plain/below`]: file("x", 1),
  };
  await put({
    ...strange,
    [`${POINT}/plain`]: file("plain", 1),
    [`${POINT}/missing/parents/f`]: file("deep", 2),
    [`${POINT}/array`]: { timestamp: time, mode: 0o100666, contents: [104, 105] },
    [`${POINT}/buffer`]: { timestamp: time, mode: 0o100666, contents: new Uint8Array([1]).buffer },
    [`${POINT}/view`]: {
      timestamp: time,
      mode: 0o100666,
      contents: new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
    },
    [`${POINT}/no-contents`]: { timestamp: time, mode: 0o100600 },
    [`${POINT}/no-mode`]: { timestamp: time, contents: new Uint8Array([65]) },
    [`${POINT}/mode-is-text`]: { timestamp: time, mode: "rw", contents: new Uint8Array([65]) },
    [`${POINT}/mode-is-negative`]: { timestamp: time, mode: -1 },
    [`${POINT}/time-is-number`]: { timestamp: 12345, mode: 0o100666, contents: new Uint8Array(2) },
    [`${POINT}/time-is-text`]: { timestamp: "now", mode: 0o100666, contents: new Uint8Array(2) },
    [`${POINT}/before-1970`]: file("old", -5000),
    [`${POINT}/far`]: file("far", 8.64e15),
    // A link, as Emscripten 3.1.6 stores it: an empty file, with the mode of what it leads to.
    [`${POINT}/link-of-3.1.6`]: file("", 1, 0o100666),
    [`${POINT}/link`]: { timestamp: time, mode: 0o120777, link: "missing" },
  });
  const before = await all();
  const { fs, volume, events } = await mount(factory);
  assert.deepEqual(snapshot(fs, "/data"), {
    "/data/array": "hi",
    "/data/before-1970": "old",
    "/data/buffer": "\x01",
    "/data/far": "far",
    "/data/link": "-> missing",
    "/data/link-of-3.1.6": "",
    "/data/missing": null,
    "/data/missing/parents": null,
    "/data/missing/parents/f": "deep",
    "/data/mode-is-negative": null,
    "/data/mode-is-text": "A",
    "/data/no-contents": "",
    "/data/no-mode": "A",
    "/data/plain": "plain",
    "/data/time-is-number": "\0\0",
    "/data/time-is-text": "\0\0",
    "/data/view": "\x02\x03",
  });
  assert.equal(fs.stat("/data/time-is-number").mtimeMs, 12345);
  fs.writeFile("/data/new", "new");
  await volume.close();
  assert.deepEqual(events, [["flush", ""]]);
  const {
    [`${POINT}/missing`]: one,
    [`${POINT}/missing/parents`]: two,
    [`${POINT}/new`]: three,
    ...rest
  } = await all();
  assert.deepEqual([one.mode, two.mode, text(three.contents)], [0o40755, 0o40755, "new"]);
  assert.deepEqual(rest, before);
  close();
});

test("what the other program changed is taken when we flush, in place and without a change of ours", async () => {
  const factory = newDatabase();
  const { put, remove, all } = await other(factory);
  await put({
    [`${POINT}/d`]: folder(1000),
    [`${POINT}/d/a`]: file("one", 1000),
    [`${POINT}/d/b`]: file("two", 1000),
    [`${POINT}/kind`]: file("a file", 1000),
  });
  const { fs, volume, events } = await mount(factory);
  const fd = fs.open("/data/d/a");
  await put({
    [`${POINT}/d/a`]: file("changed", 2000, 0o100600),
    [`${POINT}/d/c`]: file("new", 2000),
    [`${POINT}/kind`]: folder(2000),
    [`${POINT}/kind/in`]: file("in", 2000),
    [`${POINT}/link`]: { timestamp: new Date(2000), mode: 0o120777, link: "d" },
  });
  await remove(`${POINT}/d/b`);
  const before = await all();
  await volume.flush();
  assert.deepEqual(snapshot(fs, "/data"), {
    "/data/d": null,
    "/data/d/a": "changed",
    "/data/d/c": "new",
    "/data/kind": null,
    "/data/kind/in": "in",
    "/data/link": "-> d",
  });
  assert.equal(text(fs.read(fd)), "changed");
  assert.deepEqual(
    ["/data/d", "/data/d/a", "/data/kind"].map((path) => fs.stat(path).mtimeMs),
    [1000, 2000, 2000],
  );
  assert.equal(fs.stat("/data/d/a").mode & 0o777, 0o600);
  assert.deepEqual(await all(), before);
  await remove(`${POINT}/kind`, `${POINT}/kind/in`, `${POINT}/link`, `${POINT}/d/a`);
  await put({ [`${POINT}/kind`]: { timestamp: new Date(3000), mode: 0o120777, link: "d/c" } });
  await volume.flush();
  assert.deepEqual(snapshot(fs, "/data"), {
    "/data/d": null,
    "/data/d/c": "new",
    "/data/kind": "-> d/c",
  });
  assert.ok(events.every(([event]) => event === "flush"));
  await volume.close();
});

test("where both have changed a file the later change stays, an event says so, and nothing is lost", async () => {
  const factory = newDatabase();
  const { put, remove, all } = await other(factory);
  await put({
    [`${POINT}/ours`]: file("1", 1000),
    [`${POINT}/theirs`]: file("1", 1000),
    [`${POINT}/deleted`]: file("1", 1000),
    [`${POINT}/d`]: folder(1000),
    [`${POINT}/d/in`]: file("1", 1000),
  });
  const { fs, volume, events } = await mount(factory);
  for (const name of ["ours", "theirs", "deleted"]) fs.writeFile(`/data/${name}`, "here");
  fs.writeFile("/data/d/new", "here");
  await put({
    [`${POINT}/ours`]: file("there", 2000),
    [`${POINT}/theirs`]: file("there", Date.now() + 60_000),
    [`${POINT}/only-theirs`]: file("there", 2000),
  });
  await remove(`${POINT}/deleted`, `${POINT}/d`, `${POINT}/d/in`);
  await volume.flush();
  assert.deepEqual(events, [
    [
      "conflict",
      `Another program changed files of "${POINT}" that were changed here, too. Kept as they are here: ` +
        "/data/deleted, /data/ours. Taken from the other program, whose change is later: /data/theirs.",
    ],
    ["flush", ""],
  ]);
  const tree = {
    "/data/d": null,
    "/data/d/new": "here",
    "/data/deleted": "here",
    "/data/only-theirs": "there",
    "/data/ours": "here",
    "/data/theirs": "there",
  };
  assert.deepEqual(snapshot(fs, "/data"), tree);
  assert.deepEqual(
    Object.keys(await all())
      .map((key) => key.replace(POINT, "/data"))
      .sort(),
    Object.keys(tree),
  );
  await volume.close();
  assert.deepEqual(snapshot((await mount(factory)).fs, "/data"), tree);
});

test("a change in the same millisecond gets another time, since others see nothing else", async () => {
  const factory = newDatabase();
  const { all } = await other(factory);
  const { fs, volume } = await mount(factory);
  const times = [];
  for (const contents of ["1", "2", "3"]) {
    fs.writeFile("/data/f", contents);
    fs.utimes("/data/f", 5, 5);
    await volume.flush();
    const { [`${POINT}/f`]: record } = await all();
    assert.equal(text(record.contents), contents);
    times.push(record.timestamp.getTime());
  }
  assert.ok(times[0] !== times[1] && times[1] !== times[2], `${times}`);
  await volume.close();
});

test("one name of a hard link that the other program changed is a file of its own then", async () => {
  const factory = newDatabase();
  const { put } = await other(factory);
  const { fs, volume } = await mount(factory);
  fs.writeFile("/data/a", "both");
  fs.link("/data/a", "/data/b");
  await volume.flush();
  await put({ [`${POINT}/a`]: file("theirs", Date.now() + 60_000) });
  await volume.flush();
  assert.deepEqual(snapshot(fs, "/data"), { "/data/a": "theirs", "/data/b": "both" });
  await volume.close();
});

test("no record leads out of the mount, by a link or into another mount", async () => {
  const factory = newDatabase();
  const { put, all } = await other(factory);
  const { fs, volume, kernel } = await mount(factory);
  fs.mkdir("/outside");
  fs.symlink("/outside", "/data/link");
  fs.mkdir("/data/inner");
  await volume.flush();
  kernel.ask("nidus_mount_mem", ["/data/inner"]);
  fs.writeFile("/data/inner/private", "not stored");
  await put({
    [`${POINT}/link/x`]: file("x", 1),
    [`${POINT}/inner/x`]: file("x", 1),
  });
  await volume.flush();
  assert.deepEqual(snapshot(fs, "/outside"), {});
  assert.deepEqual(snapshot(fs, "/data/inner"), { "/data/inner/private": "not stored" });
  const records = await all();
  assert.deepEqual(Object.keys(records).sort(), [
    `${POINT}/inner`,
    `${POINT}/inner/x`,
    `${POINT}/link`,
    `${POINT}/link/x`,
  ]);
  await volume.close();
});

test("whichever change of a flush fails, the database keeps what it had, and the next flush works", async () => {
  for (let n = 1; ; n++) {
    const factory = newDatabase();
    const { put, all } = await other(factory);
    await put({ [`${POINT}/a`]: file("1", 1000), [`${POINT}/b`]: file("1", 1000) });
    const { fs, volume, events } = await mount(factory);
    fs.writeFile("/data/a", "2");
    fs.unlink("/data/b");
    fs.mkdir("/data/d");
    fs.writeFile("/data/d/f", "2");
    await put({ [`${POINT}/theirs`]: file("3", 3000) });
    const before = await all();
    const restore = failChange(n, IDBObjectStore.prototype);
    const outcome = await volume.flush().then(
      () => null,
      (error) => error,
    );
    restore();
    if (outcome) {
      assert.equal(outcome.code, "ENOSPC");
      assert.deepEqual(await all(), before);
      await volume.flush();
    }
    const tree = {
      "/data/a": "2",
      "/data/d": null,
      "/data/d/f": "2",
      "/data/theirs": "3",
    };
    assert.deepEqual(snapshot(fs, "/data"), tree);
    assert.deepEqual(
      Object.keys(await all()),
      Object.keys(tree).map((path) => path.replace("/data", POINT)),
    );
    assert.deepEqual(
      events.map(([event]) => event),
      outcome ? ["flusherror", "flush"] : ["flush"],
    );
    await volume.close();
    if (!outcome) return assert.ok(n > 4, `${n} changes were made to fail`);
  }
});

test("what does not fit is neither taken nor deleted, and is taken when there is room", async () => {
  const factory = newDatabase();
  const { put, all } = await other(factory);
  const { fs, volume } = await mount(factory, { maxBytes: 500_000 });
  fs.writeFile("/data/large", new Uint8Array(300_000));
  await volume.flush();
  await put({
    [`${POINT}/theirs`]: {
      timestamp: new Date(1000),
      mode: 0o100666,
      contents: new Uint8Array(400_000).fill(65),
    },
  });
  await assert.rejects(volume.flush(), {
    code: "ENOSPC",
    message:
      'The volume has no room for "/data/theirs", which another program stored: raise maxBytes, or delete files.',
  });
  assert.deepEqual(Object.keys(await all()), [`${POINT}/large`, `${POINT}/theirs`]);
  assert.ok(!fs.exists("/data/theirs"));
  fs.unlink("/data/large");
  await volume.flush();
  assert.equal(fs.readFile("/data/theirs").length, 400_000);
  assert.deepEqual(Object.keys(await all()), [`${POINT}/theirs`]);
  await volume.close();
});

test("a database without the index is read; one that is not IDBFS's is refused by name", async () => {
  globalThis.IDBKeyRange = IDBKeyRange;
  /** @param {number} version @param {string} store */
  const made = async (version, store) => {
    const factory = newDatabase();
    const request = /** @type {any} */ (factory.open(POINT, version));
    request.onupgradeneeded = () => {
      const files = request.result.createObjectStore(store);
      files.put(file("there", 1000), `${POINT}/f`);
    };
    (await result(request)).close();
    return factory;
  };
  const unindexed = await made(21, "FILE_DATA");
  const { fs, volume } = await mount(unindexed);
  assert.deepEqual(snapshot(fs, "/data"), { "/data/f": "there" });
  fs.writeFile("/data/f", "here");
  await volume.close();
  assert.deepEqual(snapshot((await mount(unindexed)).fs, "/data"), { "/data/f": "here" });
  // An older version gets what is missing, as IDBFS does it.
  const { fs: older } = await mount(await made(3, "FILE_DATA"));
  assert.deepEqual(snapshot(older, "/data"), { "/data/f": "there" });

  await assert.rejects(mount(await made(21, "else")), {
    code: "ENOTSUP",
    message: /"\/home\/web_user" has no store FILE_DATA, which IDBFS keeps files in: it cannot be/,
  });
  await assert.rejects(mount(await made(22, "FILE_DATA")), {
    code: "ENOTSUP",
    message: /has a version above 21, which IDBFS does not have: it cannot be mounted as idbfs\./,
  });
  await assert.rejects(mount(newDatabase(), { name: "lab" }), {
    code: "EINVAL",
    message: /"idbfs:lab" names no mount point: say the path at which the program built by/,
  });
});

test("a lost connection is opened anew", async () => {
  const factory = newDatabase();
  const { fs, volume } = await mount(factory);
  fs.writeFile("/data/f", "1");
  await volume.flush();
  const { db } = await other(factory);
  const open = /** @type {any} */ (factory);
  // Whoever deletes a database asks all connections to close; then ours makes a new one.
  db.close();
  await result(open.deleteDatabase(POINT));
  fs.writeFile("/data/g", "2");
  await volume.flush();
  const { all } = await other(factory);
  assert.deepEqual(Object.keys(await all()), [`${POINT}/g`]);
  assert.deepEqual(snapshot(fs, "/data"), { "/data/g": "2" });
  await volume.close();
});

test("a connection that has died without a word fails one flush and is not used again", async () => {
  const factory = /** @type {any} */ (newDatabase());
  /** @type {any[]} */
  const requests = [];
  const watched = {
    /** @param {string} name @param {number} version */
    open(name, version) {
      requests.push(factory.open(name, version));
      return requests.at(-1);
    },
  };
  const { fs, volume, events } = await mount(watched);
  fs.writeFile("/data/f", "1");
  requests[0].result.close();
  await assert.rejects(volume.flush(), {
    code: "EIO",
    message: /^Volume "\/home\/web_user" could not be read or stored: InvalidStateError/,
  });
  await volume.flush();
  assert.deepEqual([requests.length, events.map(([event]) => event)], [2, ["flusherror", "flush"]]);
  await volume.close();
  assert.deepEqual(snapshot((await mount(factory)).fs, "/data"), { "/data/f": "1" });
});

test("two systems on one database, changing at random and flushing in turn, end with one tree", async () => {
  const seed = Number(process.env.SEED ?? 20241128);
  let state = seed;
  /** @param {number} limit */
  const random = (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const factory = newDatabase();
  const systems = [await mount(factory), await mount(factory)];
  const some = () =>
    ["/data/", "/data/", "/data/a/", "/data/b/", "/data/a/b/", "/data/a/b/c/"][random(6)] +
    "abcd"[random(4)];
  /** @param {import("../../../web/fs.js").FsSync} fs */
  const operate = (fs) => {
    const path = some();
    const steps = [
      () => fs.mkdir(path),
      () => fs.mkdir(path),
      () => fs.rmdir(path),
      () => fs.unlink(path),
      () => fs.rename(path, some()),
      () => fs.link(path, some()),
      () => fs.symlink("some/where", path),
      () => fs.chmod(path, random(0o1000) | 0o600),
      () => fs.writeFile(path, String(random(1e6))),
      () => fs.writeFile(path, String(random(1e6))),
    ];
    try {
      steps[random(steps.length)]();
    } catch (error) {
      assert.match(/** @type {any} */ (error).code, /^E/);
    }
  };
  for (let round = 0; round < 150; round++) {
    const { fs, volume } = systems[random(2)];
    for (let i = random(10); i > 0; i--) operate(fs);
    const restore = random(5) ? () => 0 : failChange(1 + random(4), IDBObjectStore.prototype);
    await volume.flush().catch((error) => assert.equal(error.code, "ENOSPC"));
    restore();
  }
  for (let i = 0; i < 3; i++) for (const { volume } of systems) await volume.flush();
  const [one, two] = systems.map(({ fs }) => snapshot(fs, "/data"));
  assert.deepEqual(one, two, `SEED=${seed}`);
  for (const { volume } of systems) await volume.close();
  assert.deepEqual(snapshot((await mount(factory)).fs, "/data"), one, `SEED=${seed}`);
});

/** The connection of a volume to its database: who waits for whom, and for how long. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatabase } from "../../../web/database.js";
import { OPEN_PATIENCE } from "../../../web/limits.js";
import { mount, newDatabase, stored } from "./rig.js";

/**
 * A database of whose connections a test is told, as soon as they are open.
 * @param {(connection: IDBDatabase) => void} opened
 */
function watched(opened) {
  const db = newDatabase();
  const source = /** @type {any} */ ({
    open(/** @type {string} */ name, /** @type {number} */ version) {
      const request = db.open(name, version);
      request.addEventListener("success", () => opened(request.result));
      return request;
    },
  });
  return { db, source };
}

test("a browser that never answers is given up after a while, and what it opens later is closed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {any} */
  const request = { readyState: "pending", transaction: null };
  const opening = openDatabase(/** @type {any} */ ({ open: () => request }), "test");
  const refused = assert.rejects(opening, { name: "TimeoutError" });
  t.mock.timers.tick(OPEN_PATIENCE);
  await refused;
  let closed = false;
  request.result = { close: () => (closed = true) };
  request.onsuccess();
  assert.ok(closed);
});

test("what a browser does not answer is said in a sentence that says what to do", async () => {
  const { kernel } = await mount(newDatabase());
  assert.throws(() => kernel.ask("nidus_volume_failure", ["lab", "TimeoutError", ""]), {
    code: "EIO",
    message:
      /^The browser's database does not answer, so volume "lab" cannot be opened: .* reload this page\.$/,
  });
});

test("a database that is deleted while its lost connection is opened anew is let go", async () => {
  /** @type {IDBDatabase[]} */
  const connections = [];
  let onopen = () => {};
  const { db, source } = watched((connection) => {
    connections.push(connection);
    onopen();
  });
  const { volume, fs } = await mount(source);
  fs.writeFile("/home/a", "a");
  await volume.flush();
  const [connection] = connections;
  connection?.close();
  connection?.onclose?.call(connection, new Event("close"));
  const deleted = new Promise((resolve, reject) => {
    onopen = () => {
      onopen = () => {};
      const request = db.deleteDatabase("nidus:test");
      request.onsuccess = resolve;
      request.onerror = reject;
    };
  });
  fs.writeFile("/home/b", "b");
  await volume.flush().catch(() => {});
  await deleted;
  fs.writeFile("/home/c", "c");
  await assert.rejects(volume.flush(), { code: "EBUSY", message: /opened or deleted elsewhere/ });
});

test("requests that need a connection at the same time share one, and none is left when the volume is closed", async () => {
  /** @type {Set<IDBDatabase>} */
  const open = new Set();
  const { source } = watched((connection) => {
    open.add(connection);
    const { close } = connection;
    connection.close = () => {
      open.delete(connection);
      close.call(connection);
    };
  });
  const store = await openDatabase(source, "test");
  await store.open(false);
  for (const connection of open) {
    connection.close();
    connection.onclose?.call(connection, new Event("close"));
  }
  await Promise.all([store.chunks(1, 0, 1), store.chunks(2, 0, 1), store.keys?.()]);
  assert.equal(open.size, 1);
  store.close();
  await assert.rejects(store.chunks(1, 0, 1), { name: "Closed" });
  assert.equal(open.size, 0);
});

test("a connection that dies without a word of its transactions is opened anew, and what they were to store is stored", async () => {
  /** @type {any[]} */
  const connections = [];
  const { db, source } = watched((connection) => connections.push(connection));
  const { volume, fs } = await mount(source);
  fs.writeFile("/home/a", "a");
  await volume.flush();
  const [connection] = connections;
  let asked = false;
  // It takes everything and answers nothing.
  const nothing = () => ({});
  connection.transaction = () => ({
    objectStore: () => ({ add: nothing, put: nothing, delete: nothing, clear: nothing }),
    commit: () => (asked = true),
    abort: nothing,
  });
  fs.writeFile("/home/b", "b");
  const flushed = volume.flush();
  assert.ok(asked);
  connection.onclose(new Event("close"));
  await flushed;
  await volume.close();
  assert.deepEqual(await stored(db), { "/home/a": "a", "/home/b": "b" });
});

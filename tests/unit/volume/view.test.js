/** Views: somebody else writes the volume, and what is read is always one moment of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatabase } from "../../../web/database.js";
import { createView } from "../../../web/view.js";
import { createVolume } from "../../../web/volume.js";
import { boot } from "../host/support.js";
import { mount, newDatabase } from "./rig.js";

/** @param {IDBFactory} db */
async function view(db) {
  const system = await boot();
  // A copy, which nobody tells of changes: it is refreshed when the test says so.
  const volume = createView(createVolume, { ...(await openDatabase(db, "test")) }, () => {});
  const [number] = system.kernel.ask("nidus_mount_volume", ["/home"], 1, 1 << 20);
  await volume.load(system.kernel, number);
  return { volume, system };
}

test("a view follows its writer, cannot be written, and keeps what is open", async () => {
  const db = newDatabase();
  const writer = await mount(db);
  const fill = (/** @type {number} */ n) =>
    writer.fs.writeFile("/home/big", Buffer.alloc(200_000, n));
  fill(1);
  writer.fs.writeFile("/home/old", "old");
  await writer.volume.flush();

  const { volume, system } = await view(db);
  const { sync, kernel } = system;
  /** @type {any} */ (system).settle = () => volume.settle();
  assert.equal(sync.readFile("/home/old", "utf8"), "old");
  assert.throws(() => sync.writeFile("/home/new", "x"), { code: "EROFS" });
  assert.throws(() => sync.unlink("/home/old"), { code: "EROFS" });
  const open = sync.open("/home/old");
  assert.equal((await system.fs.readFile("/home/big"))[199_999], 1);

  // Stored, and not seen yet: whoever reads contents now sees all of the flush.
  fill(2);
  writer.fs.rename("/home/old", "/home/renamed");
  writer.fs.mkdir("/home/d/e", { recursive: true });
  await writer.volume.flush();
  assert.equal(sync.exists("/home/renamed"), false);
  assert.equal(await volume.refresh(), true);
  assert.equal(await volume.refresh(), false);
  assert.deepEqual(sync.readdir("/home"), ["big", "d", "renamed"]);
  assert.deepEqual([...new Set(await system.fs.readFile("/home/big"))], [2]);
  assert.equal(Buffer.from(sync.read(open)).toString(), "old");

  writer.fs.rm("/home/big");
  writer.fs.rm("/home/d", { recursive: true });
  writer.fs.unlink("/home/renamed");
  // The log is made anew now and then, which a view follows, too.
  for (let i = 0; i < 300; i++) {
    writer.fs.writeFile("/home/f", "x".repeat(4000));
    if (i % 10 === 0) await writer.volume.flush();
  }
  await writer.volume.flush();
  assert.equal(await volume.refresh(), true);
  assert.deepEqual(sync.readdir("/home"), ["f"]);
  assert.equal(sync.stat("/home/f").size, 4000);
  sync.close(open);
  assert.equal(kernel.exports.nidus_volume_dirty(2), 0);
  await volume.close();
  await writer.volume.close();
});

test("a reader that asks for a chunk after a flush gets the state of that flush", async () => {
  const db = newDatabase();
  const writer = await mount(db);
  writer.fs.writeFile("/home/big", Buffer.alloc(3_000_000, 1));
  await writer.volume.flush();
  const { volume, system } = await view(db);
  /** @type {any} */ (system).settle = () => volume.settle();
  for (let n = 2; n < 6; n++) {
    writer.fs.writeFile("/home/big", Buffer.alloc(3_000_000 - n, n));
    const [bytes] = await Promise.all([system.fs.readFile("/home/big"), writer.volume.flush()]);
    // Each read is of one moment; the file as a whole may have changed between two.
    for (const byte of new Set(bytes)) assert.ok(byte === n || byte === n - 1 || byte === 1);
    await volume.refresh();
    assert.deepEqual([...new Set(await system.fs.readFile("/home/big"))], [n]);
    assert.equal(system.sync.stat("/home/big").size, 3_000_000 - n);
  }
  await volume.close();
  await writer.volume.close();
});

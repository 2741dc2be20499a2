/** Views: somebody else writes the volume, and what is read is always one moment of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatabase } from "../../../web/database.js";
import { createView } from "../../../web/view.js";
import { createVolume } from "../../../web/volume.js";
import { boot } from "../host/support.js";
import { mount, newDatabase, renewLog } from "./rig.js";

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
  await renewLog(db, writer);
  assert.equal(await volume.refresh(), true);
  assert.deepEqual(sync.readdir("/home"), writer.fs.readdir("/home"));
  assert.equal(sync.readFile("/home/file0", "utf8"), writer.fs.readFile("/home/file0", "utf8"));
  sync.close(open);
  assert.equal(kernel.exports.nidus_volume_dirty(2), 0);
  await volume.close();
  await writer.volume.close();
});

test("of a file that is open when a view learns that it has gone, what it had not read is ESTALE, not zeros", async () => {
  // Told by the log, and by a new log in which it is not.
  for (const anew of [false, true]) {
    const db = newDatabase();
    const writer = await mount(db);
    for (const name of ["unread", "begun", "stays"])
      writer.fs.writeFile(`/home/${name}`, Buffer.alloc(3_000_000, 1));
    await writer.volume.flush();
    const { volume, system } = await view(db);
    const { sync } = system;
    /** @type {any} */ (system).settle = () => volume.settle();
    /** @param {number} fd */
    const piece = async (fd) => {
      for (;;)
        try {
          return sync.read(fd);
        } catch (error) {
          if (/** @type {any} */ (error).code !== "EAGAIN") throw error;
          await volume.settle();
        }
    };
    /** @param {number} fd */
    const onlyOnes = async (fd) => {
      for (let bytes; (bytes = await piece(fd)).length > 0;)
        assert.deepEqual([...new Set(bytes)], [1]);
    };
    const [unread, begun, stays] = /** @type {[number, number, number]} */ (
      ["unread", "begun", "stays"].map((name) => sync.open(`/home/${name}`))
    );
    assert.equal((await piece(begun))[0], 1);

    writer.fs.writeFile("/home/new", Buffer.alloc(3_000_000, 2));
    writer.fs.rename("/home/new", "/home/unread");
    writer.fs.unlink("/home/begun");
    await writer.volume.flush();
    if (anew) await renewLog(db, writer);
    assert.equal(await volume.refresh(), true);
    await assert.rejects(piece(unread), { code: "ESTALE" });
    await assert.rejects(onlyOnes(begun), { code: "ESTALE" });
    await onlyOnes(stays);
    await volume.close();
    await writer.volume.close();
  }
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

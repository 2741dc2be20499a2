/** The check of a volume: what the database has lost or has too much, and its repair. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { mount, newDatabase, stored } from "./rig.js";
import { openDatabase } from "../../../web/database.js";
import { createVolume } from "../../../web/volume.js";
import { boot } from "../host/support.js";

test("the check finds lost and stray chunks, and repairs both", async () => {
  const db = newDatabase();
  const first = await mount(db);
  first.fs.writeFile("/home/f", Buffer.alloc(200_000, 65));
  first.fs.writeFile("/home/g", "small");
  assert.deepEqual(await first.volume.check(), []);
  const { ino } = first.fs.stat("/home/f");
  const inline = first.fs.stat("/home/g").ino;
  await first.volume.close();
  await new Promise((resolve) => {
    const request = db.open("nidus:test");
    request.onsuccess = () => {
      const tx = request.result.transaction("chunk", "readwrite");
      const chunk = tx.objectStore("chunk");
      chunk.delete([ino, 1]);
      for (const key of [
        [ino, 9],
        [inline, 0],
        [777, 3],
      ])
        chunk.put(new Uint8Array(5), key);
      tx.oncomplete = () => resolve(request.result.close());
    };
  });
  const system = await boot();
  const volume = createVolume(await openDatabase(db, "test"), null);
  const [number] = system.kernel.ask("nidus_mount_volume", ["/home"], 0, NaN);
  await volume.load(system.kernel, number);
  const findings = [
    { kind: "stray", ino, index: 9 },
    { kind: "stray", ino: inline, index: 0 },
    { kind: "stray", ino: 777, index: 3 },
    { kind: "missing", ino, index: 1 },
  ];
  const order = (/** @type {any[]} */ list) => list.map((each) => JSON.stringify(each)).sort();
  assert.deepEqual(order(await volume.check()), order(findings));
  assert.deepEqual(order(await volume.check({ repair: true })), order(findings));
  assert.deepEqual(await volume.check(), []);
  await volume.close();
  const whole = "A".repeat(65536) + "\0".repeat(65536) + "A".repeat(200_000 - 131_072);
  assert.deepEqual(await stored(db), { "/home/f": whole, "/home/g": "small" });
});

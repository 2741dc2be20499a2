/** The check of a volume: what the database has lost or has too much, and its repair. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { mount, newDatabase, stored } from "./rig.js";
import { openDatabase } from "../../../web/database.js";
import { createKept, keptStore } from "../../../web/kept-volume.js";
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

test("what programs write, cut short and write again while a repairing check runs is neither lost nor taken for lost", async () => {
  const db = newDatabase();
  const { volume, fs } = await mount(db, undefined, { memory: 1024 * 1024 });
  /** @param {() => unknown} step */
  const whenThere = async (step) => {
    for (;;) {
      try {
        return step();
      } catch (error) {
        if (/** @type {any} */ (error).code !== "EAGAIN") throw error;
        await volume.settle();
      }
    }
  };
  const contents = (/** @type {number} */ round, /** @type {number} */ i) =>
    Buffer.alloc(100_000, (round * 7 + i) & 255);
  for (let i = 0; i < 16; i++) await whenThere(() => fs.writeFile(`/home/${i}`, contents(0, i)));
  for (let round = 1; round <= 12; round++) {
    let checking = true;
    const checked = volume.check({ repair: true }).finally(() => (checking = false));
    do {
      for (let i = 0; i < 16; i++) {
        await whenThere(() => fs.truncate(`/home/${i}`, 0));
        if (i % 4 === 0) await Promise.race([volume.flush(), checked]);
        await whenThere(() => fs.writeFile(`/home/${i}`, contents(round, i)));
      }
      await Promise.race([volume.flush(), checked]);
    } while (checking);
    await checked;
    for (let i = 0; i < 16; i++) {
      const found = /** @type {Buffer} */ (await whenThere(() => fs.readFile(`/home/${i}`)));
      assert.ok(contents(round, i).equals(found), `file ${i} in round ${round}`);
    }
  }
  assert.deepEqual(await volume.check(), []);
  await volume.close();
});

test("a volume in memory has nothing to compare", async () => {
  const { kept, keep } = createKept();
  const { volume, fs } = await mount(keptStore(kept, keep));
  fs.writeFile("/home/f", Buffer.alloc(200_000, 65));
  assert.deepEqual(await volume.check({ repair: true }), []);
  await volume.close();
});

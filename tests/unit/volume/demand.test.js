/** Volumes larger than the memory they may have: contents come when they are needed, and leave again. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatabase } from "../../../web/database.js";
import { NidusError } from "../../../web/errors.js";
import { createVolume } from "../../../web/volume.js";
import { boot, cat } from "../host/support.js";
import { mount, newDatabase } from "./rig.js";

const MIB = 1024 * 1024;

/** @param {number} size @param {number} seed */
const pattern = (size, seed) =>
  Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8) + seed) & 255);

/**
 * A system with the volume of a database at /home, of which 1 MiB may lie in memory; and how many chunks it reads.
 * @param {IDBFactory} db
 */
async function open(db) {
  const system = await boot();
  const store = await openDatabase(db, "test");
  const { chunks } = store;
  let reads = 0;
  store.chunks = (ino, first, count) => {
    reads += count;
    return chunks(ino, first, count);
  };
  const volume = createVolume(store, null);
  const mount = await system.mount("/home", {
    type: "volume",
    flush: () => volume.flush(),
    settle: () => volume.settle(),
    memory: MIB,
  });
  await volume.load(system.kernel, mount);
  const memory = () => system.kernel.u8().length;
  return { ...system, system, fs: system.fs, volume, reads: () => reads, memory };
}

test("files larger than memory are written, copied, read and changed by the host", async () => {
  const db = newDatabase();
  const big = pattern(5 * MIB + 12345, 1);
  const first = await open(db);
  await first.fs.writeFile("/home/big", big);
  await first.fs.copyFile("/home/big", "/home/copy");
  await first.fs.mkdir("/home/a/b", { recursive: true });
  await first.fs.writeFile("/home/a/b/mid", big.subarray(0, 2 * MIB));
  await first.fs.writeFile("/home/a/note", "small");
  await first.fs.cp("/home/a", "/home/c", { recursive: true });
  await first.volume.close();
  assert.ok(first.memory() < 24 * MIB, `${first.memory()} bytes`);

  const { fs, volume, reads, memory } = await open(db);
  assert.equal(reads(), 0);
  assert.equal((await fs.stat("/home/big")).size, big.length);
  assert.equal(await fs.readFile("/home/c/note", "utf8"), "small");
  assert.equal(reads(), 0, "names, attributes and small files need no chunk");
  for (const name of ["big", "copy"]) {
    assert.ok(Buffer.from(big).equals(await fs.readFile(`/home/${name}`)), name);
  }
  assert.ok(Buffer.from(big.subarray(0, 2 * MIB)).equals(await fs.readFile("/home/c/b/mid")));
  await fs.truncate("/home/big", 3 * MIB + 5);
  await fs.appendFile("/home/big", "the end");
  await fs.copyFile("/home/big", "/home/copy");
  await assert.rejects(fs.copyFile("/home/big", "/home/copy", 1), { code: "EEXIST" });
  await fs.cp("/home/c", "/home/a", { recursive: true });
  await volume.close();
  assert.ok(memory() < 24 * MIB, `${memory()} bytes`);

  const last = await open(db);
  const copy = await last.fs.readFile("/home/copy");
  assert.equal(Buffer.from(copy.subarray(3 * MIB + 5)).toString(), "the end");
  assert.ok(Buffer.from(big.subarray(0, 3 * MIB + 5)).equals(copy.subarray(0, 3 * MIB + 5)));
  await last.volume.close();
});

test("a program that is not in memory is started, and waits for the file that it reads", async () => {
  const db = newDatabase();
  const text = Buffer.from(pattern(3 * MIB, 2));
  const first = await open(db);
  // Larger than what lies in an inode's record.
  const program = Buffer.concat([await cat(), customSection(20_000)]);
  await first.fs.writeFile("/home/main", program);
  await first.fs.writeFile("/home/text", text);
  await first.volume.close();

  const { system, volume, reads } = await open(db);
  const process = await system.spawn("./main", [], {
    cwd: "/home",
    tier: "interp",
    stdin: { file: "text" },
    stdout: { file: "out" },
  });
  assert.equal((await process.exit).code, 0);
  assert.ok(reads() >= 48);
  assert.ok(text.equals(await system.fs.readFile("/home/out")));
  await volume.close();
});

test("a chunk that the kernel has no memory for is an error of who waits for it, once, and nobody waits for ever", async () => {
  const db = newDatabase();
  const first = await mount(db);
  first.fs.writeFile("/home/f", Buffer.alloc(300_000, 65));
  await first.volume.close();
  const { volume, kernel, fs } = await mount(db, undefined, { memory: 1024 * 1024 });
  assert.throws(() => fs.readFile("/home/f"), { code: "EAGAIN" });
  const { alloc } = kernel;
  kernel.alloc = () => {
    throw NidusError.fromErrno(48, "alloc");
  };
  await volume.settle();
  kernel.alloc = alloc;
  let errors = 0;
  for (let bytes; !bytes;) {
    try {
      bytes = Buffer.from(fs.readFile("/home/f"));
      assert.ok(bytes.equals(Buffer.alloc(300_000, 65)));
    } catch (error) {
      const { code } = /** @type {NidusError} */ (error);
      const coming = volume.settle();
      if (code === "EIO") errors++;
      else assert.ok(coming, code);
      await coming;
    }
  }
  assert.ok(errors > 0);
  await volume.close();
});

test("a chunk that the database has lost is an error of who reads it, not of the volume", async () => {
  const db = newDatabase();
  const first = await open(db);
  await first.fs.writeFile("/home/f", pattern(200_000, 3));
  const { ino } = await first.fs.stat("/home/f");
  await first.volume.close();
  await new Promise((resolve) => {
    const request = db.open("nidus:test");
    request.onsuccess = () => {
      const tx = request.result.transaction("chunk", "readwrite");
      tx.objectStore("chunk").delete([ino, 1]);
      tx.oncomplete = () => resolve(request.result.close());
    };
  });
  const { fs, volume } = await open(db);
  await assert.rejects(fs.readFile("/home/f"), { code: "EIO" });
  await fs.writeFile("/home/g", "works");
  await volume.close();
});

/** A section that says nothing. @param {number} size */
function customSection(size) {
  const body = Buffer.alloc(size);
  body[0] = 4;
  body.write("none", 1);
  return Buffer.concat([
    Buffer.from([0, (size & 127) | 128, ((size >> 7) & 127) | 128, size >> 14]),
    body,
  ]);
}

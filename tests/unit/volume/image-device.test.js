/**
 * Volumes in one file over a device in memory, which has limits and fails: what programs and callers see of it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { System } from "../../../node/system.js";
import { openImage } from "../../../web/image-module.js";
import { mountImage } from "../../../web/image-volume.js";

const asset = (/** @type {string} */ name) =>
  readFileSync(new URL(`../../../web/${name}`, import.meta.url));

/** A device that has `limit` bytes, and of whose calls the ones that `fails` says answer EIO. */
class MemoryDevice {
  bytes = new Uint8Array(64 * 1024 * 1024);
  length = 0;
  limit = this.bytes.length;
  closed = false;
  /** @type {(call: string) => boolean} */
  fails = () => false;

  /** @type {import("../../../web/image-module.js").BlockDevice} */
  device = {
    read: (into, at) => {
      if (this.fails("read") || at + into.length > this.length) return -29;
      into.set(this.bytes.subarray(at, at + into.length));
      return 0;
    },
    write: (from, at) => {
      if (this.fails("write")) return -29;
      if (at + from.length > this.limit && at + from.length > this.length) return -51;
      this.bytes.set(from, at);
      this.length = Math.max(this.length, at + from.length);
      return 0;
    },
    flush: () => (this.fails("flush") ? -29 : 0),
    size: () => this.length,
    truncate: (size) => {
      this.bytes.fill(0, size, this.length);
      this.length = size;
      return 0;
    },
    close: () => {
      this.closed = true;
      return 0;
    },
  };

  /**
   * A system with the volume at /home.
   * @param {import("../../../web/volume.js").Listener} [on]
   * @param {import("../../../web/image-volume.js").ImageOptions} [options]
   */
  async mount(on, options) {
    const system = await System.create({ kernel: asset("kernel.wasm") });
    const module = await WebAssembly.compile(asset("image.wasm"));
    this.closed = false;
    const volume = await mountImage(system, "/home", module, this.device, "test", options, on);
    return { volume, fs: system.sync };
  }
}

const ENOSPC = {
  code: "ENOSPC",
  message: "there is no room for what changed in volume test: delete files or free disk space",
};

test("a full device is ENOSPC, nothing is lost, and deleting makes room", async () => {
  const disk = new MemoryDevice();
  disk.limit = 3_000_000;
  /** @type {unknown[]} */
  const told = [];
  const { volume, fs } = await disk.mount((name, error) => told.push(error?.code ?? name));
  fs.writeFile("/home/first", new Uint8Array(1_500_000).fill(1));
  volume.flush();
  fs.writeFile("/home/second", new Uint8Array(2_000_000).fill(2));
  assert.throws(() => volume.flush(), ENOSPC);
  assert.deepEqual(told, ["flush", "ENOSPC"]);
  // It is in memory, whole, and the device has what it had.
  assert.ok(/** @type {Uint8Array} */ (fs.readFile("/home/second")).every((byte) => byte === 2));
  const copy = new MemoryDevice();
  copy.bytes.set(disk.bytes);
  copy.length = disk.length;
  const before = await copy.mount();
  assert.deepEqual(before.fs.readdir("/home"), ["first"]);
  before.volume.close();
  // What cannot be stored is given up, then what is stored; after that there is room for it.
  fs.unlink("/home/second");
  fs.unlink("/home/first");
  volume.flush();
  fs.writeFile("/home/second", new Uint8Array(2_000_000).fill(2));
  volume.close();
  const again = await disk.mount();
  assert.deepEqual(again.fs.readdir("/home"), ["second"]);
  again.volume.close();
});

test("on a full device small files can be deleted, one by one, for as long as there are some", async () => {
  const disk = new MemoryDevice();
  const { volume, fs } = await disk.mount();
  for (let i = 0; i < 2000; i++) fs.writeFile(`/home/f${i}`, `file ${i}`);
  volume.flush();
  disk.limit = disk.length;
  for (let i = 0; i < 2000; i++) {
    fs.unlink(`/home/f${i}`);
    volume.flush();
  }
  volume.close();
  assert.equal(disk.length <= disk.limit, true);
  const again = await disk.mount();
  assert.deepEqual(again.fs.readdir("/home"), []);
  again.volume.close();
});

test("a call of the device that fails is EIO, and the next flush stores everything", async () => {
  for (let n = 0; n < 12; n++) {
    const disk = new MemoryDevice();
    const { volume, fs } = await disk.mount();
    fs.writeFile("/home/before", "before");
    volume.flush();
    let left = n;
    disk.fails = (call) => call !== "read" && left-- === 0;
    fs.writeFile("/home/large", new Uint8Array(300_000).fill(n));
    fs.rename("/home/before", "/home/after");
    try {
      volume.flush();
    } catch (error) {
      assert.equal(/** @type {any} */ (error).code, "EIO");
      volume.flush();
    }
    volume.close();
    assert.ok(disk.closed);
    const again = await disk.mount();
    assert.deepEqual(again.fs.readdir("/home").sort(), ["after", "large"], `call ${n}`);
    assert.deepEqual(await again.volume.check(), []);
    again.volume.close();
  }
});

test("what is damaged is EIO when it is read, and check() says where", async () => {
  const disk = new MemoryDevice();
  const first = await disk.mount();
  first.fs.mkdir("/home/folder");
  first.fs.writeFile("/home/folder/file", new Uint8Array(200_000).fill(0x33));
  first.volume.close();
  const at = Buffer.from(disk.bytes.buffer, 0, disk.length).indexOf(Buffer.alloc(9000, 0x33));
  disk.bytes[at + 8000] ^= 1;
  const { volume, fs } = await disk.mount();
  assert.throws(() => fs.readFile("/home/folder/file"), { code: "EIO" });
  const [sentence] = await volume.check();
  assert.match(String(sentence), /^\/folder\/file: bytes \d+ to \d+ are damaged$/);
  volume.close();
});

test("what is damaged on the device and whole in memory is stored anew from there when it is repaired", async () => {
  const disk = new MemoryDevice();
  const { volume, fs } = await disk.mount();
  const bytes = Buffer.alloc(200_000, 0x33);
  fs.writeFile("/home/file", bytes);
  const { ino } = fs.stat("/home/file");
  volume.flush();
  const at = Buffer.from(disk.bytes.buffer, 0, disk.length).indexOf(Buffer.alloc(9000, 0x33));
  disk.bytes[at + 8000] ^= 1;
  const damaged = volume.compare(true);
  assert.deepEqual(
    damaged.map(({ kind, ino }) => [kind, ino]),
    [["damaged", ino]],
  );
  assert.deepEqual(volume.compare(false), []);
  volume.close();
  const again = await disk.mount();
  assert.ok(bytes.equals(Buffer.from(again.fs.readFile("/home/file"))));
  again.volume.close();
});

test("chunks that belong to no file are deleted by the repair, and no others", async () => {
  const disk = new MemoryDevice();
  const first = await disk.mount();
  const bytes = Buffer.alloc(200_000, 0x33);
  first.fs.writeFile("/home/file", bytes);
  const { ino } = first.fs.stat("/home/file");
  first.volume.close();
  const module = await WebAssembly.compile(asset("image.wasm"));
  const image = await openImage(module, disk.device, "test", 0);
  const strays = [
    [ino, 7],
    [ino, 9],
    [999, 0],
    [999, 3],
  ];
  for (const [of = 0, index = 0] of strays) image.putChunk(of, index, new Uint8Array(100));
  assert.equal(image.commit(false), 0);
  image.close();
  const { volume, fs } = await disk.mount();
  const found = strays.map(([ino, index]) => ({ kind: "stray", ino, index }));
  assert.deepEqual(volume.compare(false), found);
  assert.deepEqual(volume.compare(true), found);
  assert.deepEqual(volume.compare(false), []);
  assert.ok(bytes.equals(Buffer.from(fs.readFile("/home/file"))));
  volume.close();
});

test("chunks that the tree has and the file has not are found, and become holes", async () => {
  const disk = new MemoryDevice();
  const first = await disk.mount();
  first.fs.writeFile("/home/file", new Uint8Array(200_000).fill(0x33));
  const { ino } = first.fs.stat("/home/file");
  first.volume.close();
  const module = await WebAssembly.compile(asset("image.wasm"));
  const image = await openImage(module, disk.device, "test", 0);
  image.putCut(ino, 3);
  assert.equal(image.commit(false), 0);
  image.close();
  const second = await disk.mount();
  const range = "/file: bytes 196608 to 199999";
  assert.deepEqual(await second.volume.check(), [`${range} are missing`]);
  second.volume.close();
  const third = await disk.mount(undefined, { repair: true });
  assert.deepEqual(await third.volume.check(), [`${range} were missing; they are a hole now`]);
  third.volume.close();
  const { volume, fs } = await disk.mount();
  assert.deepEqual(await volume.check(), []);
  const bytes = /** @type {Uint8Array} */ (fs.readFile("/home/file"));
  assert.ok(bytes.length === 200_000 && bytes[196_607] === 0x33 && bytes[196_608] === 0);
  volume.close();
});

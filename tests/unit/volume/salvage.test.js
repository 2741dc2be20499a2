/**
 * Volumes whose log contradicts itself: refused and left as they are, and brought back to a tree for who asks for that; the
 * damaged log is there until the tree is stored.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { IDBObjectStore } from "fake-indexeddb";
import { openBlockFile } from "../../../node/block-file.js";
import { Nidus } from "../../../node/index.js";
import { createKept } from "../../../web/kept-volume.js";
import { openImage } from "../../../web/image-module.js";
import { mountImage } from "../../../web/image-volume.js";
import { openVolume } from "../../../web/worker-volumes.js";
import { boot } from "../host/support.js";
import { failChange, mount, newDatabase, snapshot } from "./rig.js";
import { INODE, leaveOut, memoryDevice, spoilImage } from "./spoil.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const asset = (/** @type {string} */ name) => readFileSync(join(root, "web", name));
const imageModule = new WebAssembly.Module(asset("image.wasm"));
const salvage = () => asset("salvage.wasm");

const SENTENCE =
  "the log contradicted itself: parts of it that could not be used: 1; files and folders that are in lost+found now: 1";
const LARGE = "L".repeat(200_000);

/** @param {import("../../../web/fs.js").FsSync} fs */
function fill(fs) {
  fs.mkdir("/home/folder");
  fs.mkdir("/home/folder/below");
  fs.writeFile("/home/folder/below/text", "below");
  fs.writeFile("/home/folder/large", LARGE);
  fs.writeFile("/home/top", "top");
}

/**
 * What is left of that without the record of `folder/below`: the file in it has no place.
 * @param {number} text its inode number
 */
const left = (text) => ({
  "/home/folder": null,
  "/home/folder/large": LARGE,
  "/home/lost+found": null,
  [`/home/lost+found/#${text}`]: "below",
  "/home/top": "top",
});

describe("a volume in a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "nidus-salvage-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  /** @param {string} command @param {string[]} args */
  const run = (command, ...args) => {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
    return { status, stdout, stderr };
  };

  for (const [name, command, ...first] of /** @type {[string, string, ...string[]][]} */ ([
    ["in Node", process.execPath, join(root, "node/cli.js")],
    ["natively", join(root, "build/native/nidus")],
  ])) {
    test(`is refused by nidus fsck ${name}, and a tree again after nidus fsck --repair`, async () => {
      const file = join(folder, name);
      const system = await Nidus.boot({ volume: `image:${file}` });
      fill(system.sync);
      const { ino } = system.sync.stat("/home/folder/below");
      const text = system.sync.stat("/home/folder/below/text").ino;
      await system.close();
      await spoilImage(
        imageModule,
        openBlockFile(file),
        (record) => record.type === INODE && record.ino === ino,
      );
      const damaged = readFileSync(file);
      const refused = run(command, ...first, "fsck", file);
      assert.equal(refused.status, 2);
      assert.match(refused.stderr, /contradicts itself: nidus fsck --repair/);
      assert.ok(damaged.equals(readFileSync(file)), "what is checked only is not changed");
      assert.deepEqual(run(command, ...first, "fsck", "--repair", file), {
        status: 1,
        stdout: `${file}: ${SENTENCE}\n${file}: repaired\n`,
        stderr: "",
      });
      assert.deepEqual(run(command, ...first, "fsck", file), {
        status: 0,
        stdout: `${file}: whole\n`,
        stderr: "",
      });
      const again = await Nidus.boot({ volume: `image:${file}` });
      assert.deepEqual(snapshot(again.sync), left(text));
      await again.close();
    });
  }

  test("keeps its damaged log whichever call of the device fails while it is repaired", async () => {
    const memory = memoryDevice();
    const first = await boot();
    const volume = await mountImage(first, "/home", imageModule, memory.device, "test");
    fill(first.sync);
    const { ino } = first.sync.stat("/home/folder/below");
    const text = first.sync.stat("/home/folder/below/text").ino;
    volume.close();
    await spoilImage(
      imageModule,
      memory.device,
      (record) => record.type === INODE && record.ino === ino,
    );
    const damaged = await openImage(imageModule, memory.device, "test", 1);
    const log = damaged.log().map((segment) => Buffer.from(segment).toString("base64"));
    for (let n = 1, struck = true; struck; n++) {
      let calls = 0;
      const faulty = memoryDevice(memory.bytes);
      faulty.fails = () => ++calls === n;
      const system = await boot();
      const repaired = await mountImage(system, "/home", imageModule, faulty.device, "test", {
        repair: true,
        salvage,
      }).catch((error) => error);
      struck = calls >= n;
      faulty.fails = () => false;
      if (repaired instanceof Error) {
        assert.ok(struck, repaired.message);
        const still = await openImage(imageModule, memoryDevice(faulty.bytes).device, "test", 1);
        const now = still.log().map((segment) => Buffer.from(segment).toString("base64"));
        // What fails when all is stored is not known to be stored, and may be there.
        if (now.join() !== log.join()) {
          const other = await boot();
          const plain = memoryDevice(faulty.bytes);
          await mountImage(other, "/home", imageModule, plain.device, "test");
          assert.deepEqual(snapshot(other.sync), left(text));
        }
      } else {
        assert.deepEqual(snapshot(system.sync), left(text));
        assert.equal(repaired.state().repaired, SENTENCE);
      }
    }
  });
});

describe("a volume in the database", () => {
  /** The volume `test`, and what of its database the test needs. */
  async function damagedDatabase() {
    const db = newDatabase();
    globalThis.indexedDB = db;
    const { volume, fs } = await mount(db);
    fill(fs);
    const { ino } = fs.stat("/home/folder/below");
    const text = fs.stat("/home/folder/below/text").ino;
    await volume.close();
    /**
     * @template T
     * @param {(tx: IDBTransaction) => IDBRequest<T>} use
     * @returns {Promise<T>}
     */
    const raw = (use) =>
      new Promise((resolve) => {
        const request = db.open("nidus:test");
        request.onsuccess = () => {
          const tx = request.result.transaction(["log", "chunk"], "readwrite");
          const asked = use(tx);
          tx.oncomplete = () => {
            request.result.close();
            resolve(asked.result);
          };
        };
      });
    const dump = () => raw((tx) => tx.objectStore("log").getAll());
    const spoiled = leaveOut(await dump(), (record) => record.type === INODE && record.ino === ino);
    await raw((tx) => tx.objectStore("log").clear());
    for (const segment of spoiled) await raw((tx) => tx.objectStore("log").add(segment));
    return { raw, dump, text };
  }

  /** @param {Partial<import("../../../web/protocol.js").VolumeSettings>} [more] */
  async function open(more) {
    const system = await boot();
    const { kept } = createKept();
    const settings = { path: "/home", from: "idb:test", readonly: false, kept, ...more };
    const volume = /** @type {import("../../../web/volume.js").Volume} */ (
      await openVolume(system, settings, () => {})
    );
    return { system, volume };
  }
  const REPAIR = { repair: true, salvage: new WebAssembly.Module(asset("salvage.wasm")) };

  test("is refused and left as it is, and a tree again for who boots with repair: true", async () => {
    const { dump, text } = await damagedDatabase();
    const before = await dump();
    await assert.rejects(open(), {
      code: "EIO",
      message: /^Volume "test" is damaged: .* boot with repair: true to keep what can be read/,
    });
    assert.deepEqual(await dump(), before);
    const { system, volume } = await open(REPAIR);
    assert.deepEqual(snapshot(system.sync), left(text));
    assert.deepEqual(volume.state(), {
      persistent: true,
      reason: null,
      readonly: false,
      repaired: SENTENCE,
    });
    assert.deepEqual(await volume.check(), []);
    system.sync.writeFile("/home/new", "goes on");
    await volume.close();
    const again = await open();
    assert.deepEqual(again.volume.state(), { persistent: true, reason: null, readonly: false });
    assert.deepEqual(snapshot(again.system.sync), { ...left(text), "/home/new": "goes on" });
    await again.volume.close();
  });

  test("that is whole is opened with repair: true as without", async () => {
    const db = newDatabase();
    globalThis.indexedDB = db;
    const { volume, fs } = await mount(db);
    fill(fs);
    const tree = snapshot(fs);
    await volume.close();
    const whole = await open(REPAIR);
    assert.equal(whole.volume.state().repaired, undefined);
    assert.deepEqual(snapshot(whole.system.sync), tree);
    await whole.volume.close();
  });

  test("keeps its damaged log whichever change of the repair fails, and is repaired the next time", async () => {
    const { dump, text } = await damagedDatabase();
    const before = await dump();
    const changes = IDBObjectStore.prototype;
    for (let n = 1, struck = true; struck; n++) {
      const end = failChange(n, changes);
      const opened = await open(REPAIR).catch((error) => error);
      struck = end() >= n;
      if (struck) {
        assert.equal(opened.code, "ENOSPC", opened.message);
        assert.deepEqual(await dump(), before);
      } else {
        assert.deepEqual(snapshot(opened.system.sync), left(text));
        await opened.volume.close();
      }
    }
  });

  test("of which contents are missing, too, has them as errors, and as holes after the check repaired them", async () => {
    const { raw, text } = await damagedDatabase();
    await raw((tx) => {
      tx.objectStore("chunk").clear();
      return tx.objectStore("chunk").count();
    });
    const { system, volume } = await open(REPAIR);
    await assert.rejects(system.fs.readFile("/home/folder/large"), { code: "EIO" });
    assert.equal(await system.fs.readFile(`/home/lost+found/#${text}`, "utf8"), "below");
    const found = await volume.check({ repair: true });
    assert.equal(found.length, 4);
    assert.deepEqual(
      Buffer.from(/** @type {Uint8Array} */ (await system.fs.readFile("/home/folder/large"))),
      Buffer.alloc(200_000),
    );
    await volume.close();
  });

  test("is not repaired by a view of it", async () => {
    const { dump } = await damagedDatabase();
    const before = await dump();
    await assert.rejects(open({ ...REPAIR, readonly: true }), { code: "EIO" });
    assert.deepEqual(await dump(), before);
  });
});

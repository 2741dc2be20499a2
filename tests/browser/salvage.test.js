/** Volumes of pages whose log contradicts itself: refused, left as they are, and repaired for who asks for that. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { INODE, leaveOut, memoryDevice, spoilImage } from "../unit/volume/spoil.js";
import { LIMIT, goBlank, openBlank } from "./chromium.js";

/** @typedef {import("../../web/nidus.js").Nidus} System */
/** @typedef {{Nidus: typeof import("../../web/nidus.js").Nidus, system: System}} Globals */

/** How the bytes of a volume leave the page, and come back, of both kinds. */
const KINDS = /** @type {const} */ ({
  idb: {
    read: `(async () => {
      const [db, result] = await openDatabase();
      const log = await result(db.transaction("log").objectStore("log").getAll());
      db.close();
      return log.map((segment) => btoa(String.fromCharCode(...segment)));
    })()`,
    write: (/** @type {string[]} */ parts) => `(async () => {
      const [db, result] = await openDatabase();
      const tx = db.transaction("log", "readwrite");
      const done = new Promise((resolve) => (tx.oncomplete = resolve));
      tx.objectStore("log").clear();
      for (const part of ${JSON.stringify(parts)}) {
        tx.objectStore("log").add(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)));
      }
      await done;
      db.close();
    })()`,
    refused: /^Volume "lab" is damaged: .* boot with repair: true to keep what can be read/,
  },
  opfs: {
    read: `(async () => {
      const root = await navigator.storage.getDirectory();
      const file = await (await root.getDirectoryHandle("nidus")).getFileHandle("lab");
      const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer());
      let text = "";
      for (let i = 0; i < bytes.length; i += 32768)
        text += String.fromCharCode(...bytes.subarray(i, i + 32768));
      return [btoa(text)];
    })()`,
    write: (/** @type {string[]} */ parts) => `(async () => {
      const root = await navigator.storage.getDirectory();
      const file = await (await root.getDirectoryHandle("nidus")).getFileHandle("lab");
      const stream = await file.createWritable();
      await stream.write(Uint8Array.from(atob(${JSON.stringify(parts[0])}), (c) => c.charCodeAt(0)));
      await stream.close();
    })()`,
    refused: /^the volume opfs:lab .* contradicts itself: .* on a page repair: true, keeps/,
  },
});

const HELPERS = `Object.assign(globalThis, {
  openDatabase: async () => {
    const result = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    return [await result(indexedDB.open("nidus:lab")), result];
  },
}) && undefined`;

const image = new WebAssembly.Module(
  readFileSync(new URL("../../web/image.wasm", import.meta.url)),
);

for (const [kind, { read, write, refused }] of Object.entries(KINDS)) {
  const BOOT = (more = "") =>
    `Nidus.boot({ volume: "${kind}:lab", ${more} }).then((system) => void (globalThis.system = system))`;
  const DUMP = `(async () => {
    const found = {};
    for (const folder of ["/home", "/home/folder", "/home/lost+found"]) {
      for (const name of await system.fs.readdir(folder)) {
        const path = folder + "/" + name;
        const stats = await system.fs.stat(path);
        found[path] = stats.isDirectory() ? null : await system.fs.readFile(path, "utf8");
      }
    }
    return found;
  })()`;

  test(
    `an ${kind} volume whose log contradicts itself is refused, and a tree again with repair: true`,
    LIMIT,
    async (t) => {
      const { page, url } = await openBlank(t);
      await page.evaluate(BOOT());
      const [ino, text] = await page.evaluate(`(async () => {
        await system.fs.mkdir("/home/folder/below", { recursive: true });
        await system.fs.writeFile("/home/folder/below/text", "below");
        await system.fs.writeFile("/home/folder/large", "L".repeat(100_000));
        await system.fs.writeFile("/home/top", "top");
        const { ino } = await system.fs.stat("/home/folder/below");
        const text = (await system.fs.stat("/home/folder/below/text")).ino;
        await system.close();
        return [ino, text];
      })()`);
      await page.evaluate(HELPERS);
      const stored = /** @type {string[]} */ (await page.evaluate(read));
      const bytes = stored.map((part) => Uint8Array.from(Buffer.from(part, "base64")));
      /** @type {(record: import("../unit/volume/spoil.js").LogRecord) => boolean} */
      const drops = (record) => record.type === INODE && record.ino === ino;
      let spoiled = bytes;
      if (kind === "idb") {
        spoiled = leaveOut(bytes, drops);
      } else {
        const memory = memoryDevice(bytes[0]);
        await spoilImage(image, memory.device, drops);
        spoiled = [memory.bytes];
      }
      const damaged = spoiled.map((part) => Buffer.from(part).toString("base64"));
      await page.evaluate(write(damaged));
      const error = await page.evaluate(
        `${BOOT()}.then(() => null, ({ code, message }) => ({ code, message }))`,
      );
      assert.equal(error?.code, "EIO", JSON.stringify(error));
      assert.match(error.message, refused);
      assert.deepEqual(await page.evaluate(read), damaged, "it is left as it is");

      await page.evaluate(BOOT("repair: true"));
      const left = {
        "/home/folder": null,
        "/home/folder/large": "L".repeat(100_000),
        "/home/lost+found": null,
        [`/home/lost+found/#${text}`]: "below",
        "/home/top": "top",
      };
      assert.deepEqual(await page.evaluate(DUMP), left);
      assert.equal(
        await page.evaluate("system.volume.repaired"),
        "the log contradicted itself: parts of it that could not be used: 1; files and folders that are in lost+found now: 1",
      );
      assert.deepEqual(await page.evaluate("system.volume.check()"), []);
      await page.evaluate("system.close()");

      await goBlank(page, url);
      await page.evaluate(BOOT());
      assert.deepEqual(await page.evaluate(DUMP), left);
      assert.equal(await page.evaluate("system.volume.repaired"), undefined);
    },
  );
}

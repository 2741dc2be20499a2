/** Volumes in the browser's private file system: kept, checked, open in one tab at a time, and whole after a kill. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { loopsAtStart } from "../unit/host/support.js";
import { LIMIT, goBlank, openBlank, watched } from "./chromium.js";

/** @typedef {import("../../web/nidus.js").Nidus} System */
/** @typedef {{Nidus: typeof import("../../web/nidus.js").Nidus, system: System}} Globals */

const BOOT = (/** @type {string} */ name, more = "") =>
  `Nidus.boot({ volume: "opfs:${name}", ${more} }).then((system) => void (globalThis.system = system))`;

/** Reads a file as text. */
const TEXT = (/** @type {string} */ path) => `system.fs.readFile(${JSON.stringify(path)}, "utf8")`;

test("an opfs volume keeps what was written, over a reload of its page", LIMIT, async (t) => {
  const { page, url } = await openBlank(t);
  await page.evaluate(BOOT("lab"));
  assert.deepEqual(await page.evaluate("({...system.volume})"), {
    persistent: true,
    reason: null,
    readonly: false,
  });
  await page.evaluate(`(async () => {
    await system.fs.mkdir("/home/a/b", { recursive: true });
    await system.fs.writeFile("/home/a/b/small", "a few words");
    await system.fs.writeFile("/home/large", new Uint8Array(5_000_000).fill(7));
    await system.fs.symlink("a/b/small", "/home/link");
    await system.flush();
  })()`);
  await goBlank(page, url);
  await page.evaluate(BOOT("lab"));
  assert.equal(await page.evaluate(TEXT("/home/link")), "a few words");
  assert.equal(
    await page.evaluate(`system.fs.readFile("/home/large").then((bytes) =>
      bytes.length === 5_000_000 && bytes.every((byte) => byte === 7))`),
    true,
  );
  // Where the documentation says that it lies.
  assert.deepEqual(
    await page.evaluate(`(async () => {
      const root = await navigator.storage.getDirectory();
      const names = [];
      for await (const name of (await root.getDirectoryHandle("nidus")).keys()) names.push(name);
      return names;
    })()`),
    ["lab"],
  );
});

test("changes are stored within a second, and a program's fsync at once", LIMIT, async (t) => {
  const { page, url } = await openBlank(t);
  await page.evaluate(BOOT("lab", 'toolchain: "/clang/"'));
  const stored = page.evaluate(`new Promise((resolve) => system.on("flush", () => resolve(true)))`);
  await page.evaluate(`system.fs.writeFile("/home/later", "by itself")`);
  assert.equal(await stored, true);
  const program = `#include <stdio.h>
#include <unistd.h>
int main(void) {
  FILE *f = fopen("synced", "w");
  fputs("by the program", f);
  fflush(f);
  if (fsync(fileno(f))) return 1;
  puts("synced");
  fflush(stdout);
  for (volatile int i = 0;; i++) {}
}`;
  await page.evaluate(`(async () => {
    await system.fs.writeFile("/home/main.c", ${JSON.stringify(program)});
    const cc = await system.exec("cc", ["main.c", "-o", "main"]);
    if (cc.code !== 0) throw new Error(cc.stderr);
    const running = await system.spawn("./main");
    const reader = running.stdout.pipeThrough(new TextDecoderStream()).getReader();
    if (!(await reader.read()).value.includes("synced")) throw new Error("no word of it");
  })()`);
  // The page goes while the program computes.
  await goBlank(page, url);
  await page.evaluate(BOOT("lab"));
  assert.equal(await page.evaluate(TEXT("/home/later")), "by itself");
  assert.equal(await page.evaluate(TEXT("/home/synced")), "by the program");
});

test(
  "a second tab is refused while the first has the volume, and gets it afterwards",
  LIMIT,
  async (t) => {
    const { page, url, context } = await openBlank(t);
    await page.evaluate(BOOT("lab"));
    await page.evaluate(`system.fs.writeFile("/home/mine", "first")`);
    const other = await watched(context);
    await goBlank(other, url);
    const error = await other.evaluate(
      `Nidus.boot({ volume: "opfs:lab" }).then(() => null, ({ code, message }) => ({ code, message }))`,
    );
    assert.equal(error.code, "EBUSY");
    assert.match(error.message, /is open in another tab or window: close that one/);
    await page.evaluate("system.close()");
    await other.evaluate(BOOT("lab"));
    assert.equal(await other.evaluate(TEXT("/home/mine")), "first");
  },
);

test("a system whose worker was replaced goes on with its opfs volume", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  await page.evaluate(BOOT("lab"));
  const program = [...(await loopsAtStart())];
  await page.evaluate(`(async () => {
    await system.fs.writeFile("/home/kept", "kept");
    await system.fs.writeFile("/home/main", Uint8Array.from(${JSON.stringify(program)}));
    const restarted = new Promise((resolve) => system.on("restart", resolve));
    const running = await system.spawn("./main", [], { tier: "direct" });
    running.kill("SIGKILL");
    await running.exit;
    await restarted;
  })()`);
  assert.equal(await page.evaluate(TEXT("/home/kept")), "kept");
});

test("a volume whose file is damaged is refused, with a sentence", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  const error = await page.evaluate(`(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("nidus", { create: true });
    const stream = await (await folder.getFileHandle("lab", { create: true })).createWritable();
    await stream.write("something else");
    await stream.close();
    return Nidus.boot({ volume: "opfs:lab" }).then(() => null, ({ code, message }) => ({ code, message }));
  })()`);
  assert.deepEqual(error, {
    code: "EINVAL",
    message:
      "opfs:lab is no volume of Nidus: give another name, or that of a file which is not there yet",
  });
});

test(
  "the check of an opfs volume names what is damaged, and repairs it when asked to",
  LIMIT,
  async (t) => {
    const { page, url } = await openBlank(t);
    await page.evaluate(BOOT("lab"));
    await page.evaluate(`(async () => {
    await system.fs.writeFile("/home/large", new Uint8Array(300_000).fill(7));
    await system.fs.writeFile("/home/other", "whole");
  })()`);
    assert.deepEqual(await page.evaluate("system.volume.check()"), []);
    const ino = await page.evaluate(`system.fs.stat("/home/large").then(({ ino }) => ino)`);
    await page.evaluate("system.close()");
    // One byte, in the middle of the third piece.
    await page.evaluate(`(async () => {
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getDirectoryHandle("nidus")).getFileHandle("lab");
    const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer());
    let sevens = 0;
    let at = 0;
    for (; sevens < 2.5 * 65536; at++) if (bytes[at] === 7) sevens++;
    bytes[at - 1] = 8;
    const stream = await file.createWritable();
    await stream.write(bytes);
    await stream.close();
  })()`);
    await goBlank(page, url);
    await page.evaluate(BOOT("lab"));
    const damaged = [{ kind: "damaged", ino, index: 2 }];
    assert.deepEqual(await page.evaluate("system.volume.check()"), damaged);
    assert.deepEqual(await page.evaluate("system.volume.check({ repair: true })"), damaged);
    assert.deepEqual(await page.evaluate("system.volume.check()"), []);
    assert.equal(await page.evaluate(TEXT("/home/other")), "whole");
    assert.equal(
      await page.evaluate(`system.fs.readFile("/home/large").then((bytes) =>
      bytes.every((byte, i) => byte === (i >> 16 === 2 ? 0 : 7)))`),
      true,
    );
  },
);

test("image.wasm is fetched from where assets says", LIMIT, async (t) => {
  const { page, url } = await openBlank(t);
  const { code, message } = await page.evaluate(
    `Nidus.boot({ volume: "opfs:lab", assets: { image: "${url}nowhere/image.wasm" } })
      .then(() => ({}), ({ code, message }) => ({ code, message }))`,
  );
  assert.equal(code, "NIDUS_ASSET");
  assert.match(message, /image\.wasm is missing: .*nowhere\/image\.wasm answered 404/);
  await page.evaluate(BOOT("lab", `assets: { image: new URL("${url}web/image.wasm") }`));
  assert.equal(await page.evaluate("system.volume.persistent"), true);
});

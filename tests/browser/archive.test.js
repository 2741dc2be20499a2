/** Archives in a page: the kernel is in the worker, the stream in the page. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { LIMIT, openBlank } from "./chromium.js";

test(
  "a page exports a tree that GNU tar reads, and imports what GNU tar wrote",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t);
    const packed = execFileSync("tar", [
      "-C",
      new URL(".", import.meta.url).pathname,
      "-c",
      "pages",
    ]);
    const [names, text, error] = await page.evaluate(`(async () => {
    globalThis.system = await Nidus.boot();
    const bytes = Uint8Array.from(atob("${packed.toString("base64")}"), (c) => c.charCodeAt(0));
    await system.importTar("/home", new Blob([bytes]));
    const refused = system.importTar("/home", bytes.subarray(0, 700));
    return [
      await system.fs.readdir("/home/pages"),
      await system.fs.readFile("/home/pages/blank.html", "utf8"),
      await refused.catch((error) => [error.code, error.message]),
    ];
  })()`);
    assert.ok(names.includes("blank.html"));
    assert.match(text, /^<!doctype html>/);
    assert.equal(error[0], "EINVAL");
    assert.match(error[1], /^Cannot import .*: /);
    const archive = await page.evaluate(`(async () => {
    await system.fs.writeFile("/home/big", new Uint8Array(1_000_000));
    await system.fs.symlink("big", "/home/link");
    const bytes = new Uint8Array(await new Response(system.exportTar("/home")).arrayBuffer());
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  })()`);
    const listed = execFileSync("tar", ["-tvf", "-"], {
      input: Buffer.from(archive, "latin1"),
      encoding: "utf8",
    });
    assert.match(listed, /^-rw-r--r-- \S+ +1000000 .* big$/m);
    assert.match(listed, /^l.* link -> big$/m);
    assert.match(listed, / pages\/blank\.html$/m);
  },
);

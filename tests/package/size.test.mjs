/** What a page has to download is at most what sizes.js says. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { FILES, PAGE_LIMIT, PARTS, javascript, web } from "./sizes.js";

for (const [name, limit] of FILES) {
  test(`${name} is at most ${limit / 1000} KB, uncompressed`, (t) => {
    const { size } = statSync(web + name);
    t.diagnostic(`${name}: ${size} bytes`);
    assert.ok(size <= limit, `${name} is ${size} bytes`);
  });
}

test("a page loads at most 56 KB of JavaScript in all, cc and the interpreter with it", async (t) => {
  const { boot, later, parts } = await javascript();
  t.diagnostic(`${boot.length} bytes to boot, ${later.length} when needed; minified, uncompressed`);
  assert.equal(PAGE_LIMIT, 56_000, "as the title and the README say");
  assert.ok(boot.length > 0 && later.length > 0);
  assert.ok(boot.length + later.length <= PAGE_LIMIT, `${boot.length + later.length} bytes`);
  for (const [i, { what, limit }] of PARTS.entries()) {
    t.diagnostic(`${parts[i].length} for ${what}`);
    assert.ok(parts[i].length > 0, `there is nothing for ${what}`);
    assert.ok(parts[i].length <= limit, `${parts[i].length} bytes for ${what}`);
  }
});

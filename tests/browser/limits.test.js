/** What limits do to programs in pages: each has an outcome of its own, on both tiers where the tier can have it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as guests from "../unit/host/support.js";
import { LIMIT, MODES, openBlank } from "./chromium.js";

/** Opens or makes the file f, with descriptor at 16, and exits with the errno where that fails. */
const OPEN = `(call $check (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 1)
  (i64.const 0x66) (i64.const 0) (i32.const 0) (i32.const 16)))`;

/** Programs that go on until a limit ends them, and exit with what a call answers then. */
const programs = {
  spins: guests.guest("(loop $on (br $on))"),
  sleeps: guests.sleeps(60_000),
  reads: guests.cat(),
  floods: guests.guest(
    "(loop $on (call $put (i32.const 1) (i32.const 1024) (i32.const 5)) (br $on))",
    { data: "line\\n" },
  ),
  opens: guests.guest(`(loop $on ${OPEN} (br $on))`, { data: "f", uses: ["path_open"] }),
  fills: guests.guest(
    `${OPEN} (loop $on (call $put (i32.load (i32.const 16)) (i32.const 1024) (i32.const 10000)) (br $on))`,
    { data: "f", uses: ["path_open"] },
  ),
  // The pages that it could have more.
  grows: guests.assemble(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 2)
    (func (export "_start") (local $n i32)
      (loop $more
        (if (i32.and (i32.ne (memory.grow (i32.const 1)) (i32.const -1))
                     (i32.lt_u (local.get $n) (i32.const 100)))
          (then (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $more))))
      (call $exit (local.get $n))))`),
};

/** Boots a system with the programs in its folder. */
async function boot(/** @type {import("playwright-core").Page} */ page, options = "{}") {
  const files = await Promise.all(
    Object.entries(programs).map(async ([name, bytes]) => [name, Array.from(await bytes)]),
  );
  await page.evaluate(`(async () => {
    globalThis.system = await Nidus.boot(${options});
    for (const [name, bytes] of ${JSON.stringify(files)}) {
      await system.fs.writeFile("/home/" + name, new Uint8Array(bytes));
    }
    globalThis.ends = async (name, limits, tier) => {
      const process = await system.spawn("/home/" + name, [], { limits, tier, preopens: { "/home": "/home" } });
      const output = new Response(process.stdout).text();
      const { code, signal, limit } = await process.exit;
      return [code ?? signal, limit ?? null, (await output).length];
    };
  })()`);
}

for (const { mode, isolated } of MODES) {
  test(`each limit has its outcome in a page that is ${mode}`, LIMIT, async (t) => {
    const { page } = await openBlank(t, { isolated });
    await boot(page);
    /** @param {string} name @param {string} limits @param {string} [tier] */
    const ends = (name, limits, tier = "interp") =>
      page.evaluate(`ends("${name}", ${limits}, "${tier}")`);
    assert.deepEqual(await ends("spins", "{ fuel: 100000 }"), [152, "fuel", 0]);
    for (const name of ["spins", "sleeps", "reads"]) {
      assert.deepEqual(await ends(name, "{ time: 0.1 }", "auto"), [152, "time", 0], name);
    }
    // 10 pages, of which it has 2.
    assert.deepEqual(await ends("grows", "{ memory: 655360 }"), [8, null, 0]);
    for (const tier of ["direct", "interp"]) {
      assert.deepEqual(await ends("floods", "{ output: 12 }", tier), [152, "output", 12], tier);
      assert.deepEqual(await ends("opens", "{ descriptors: 8 }", tier), [33, null, 0], tier);
      assert.deepEqual(await ends("fills", "{ fileSize: 25000 }", tier), [22, null, 0], tier);
      assert.equal(await page.evaluate("system.fs.stat('/home/f').then((s) => s.size)"), 25000);
      await page.evaluate("system.fs.rm('/home/f')");
    }
    for (const limits of ["{ fuel: 1 }", "{ time: 1 }", "{ memory: 655360 }"]) {
      const refused = page.evaluate(
        `ends("spins", ${limits}, "direct").catch(({ code, message }) => ({ code, message }))`,
      );
      assert.deepEqual(await refused, {
        code: "EINVAL",
        message:
          "EINVAL: /home/spins cannot have a limit of fuel, memory or time on the direct tier; leave the tier out, or give interp",
      });
    }
  });
}

for (const volume of ["mem", "idb:full"]) {
  test(`a program that fills its volume up sees ENOSPC, on volume ${volume}`, LIMIT, async (t) => {
    const { page } = await openBlank(t);
    await boot(page, `{ volume: "${volume}", maxBytes: 200000 }`);
    for (const tier of ["direct", "interp"]) {
      assert.deepEqual(await page.evaluate(`ends("fills", {}, "${tier}")`), [51, null, 0]);
      const size = await page.evaluate("system.fs.stat('/home/f').then((s) => s.size)");
      assert.ok(size > 100_000 && size < 200_000, String(size));
      await page.evaluate("system.fs.rm('/home/f')");
    }
  });
}

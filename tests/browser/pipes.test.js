/** Pipes of the kernel between programs of a page. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { cat, guest } from "../unit/host/support.js";
import { LIMIT, MODES, openBlank } from "./chromium.js";

const programs = {
  writes: guest(
    `(loop $more
       (call $put (i32.const 1) (i32.const 1024) (i32.const 50000))
       (local.set 0 (i32.add (local.get 0) (i32.const 1)))
       (br_if $more (i32.lt_u (local.get 0) (i32.const 100))))`,
    { data: "0123456789" },
  ),
  cat: cat(),
};

for (const { mode, isolated } of MODES) {
  for (const tier of ["auto", "interp"]) {
    test(`programs are joined by pipes in a page that is ${mode}, ${tier}`, LIMIT, async (t) => {
      const { page } = await openBlank(t, { isolated });
      const files = await Promise.all(
        Object.entries(programs).map(async ([name, bytes]) => [name, Array.from(await bytes)]),
      );
      const answer = await page.evaluate(`(async () => {
        const system = await Nidus.boot();
        for (const [name, bytes] of ${JSON.stringify(files)}) {
          await system.fs.writeFile("/home/" + name, new Uint8Array(bytes));
        }
        const tier = "${tier}";
        const [first, second] = [await system.pipe(), await system.pipe()];
        const source = await system.spawn("writes", [], { tier, stdout: first.writer });
        const middle = await system.spawn("cat", [], { tier, stdin: first.reader, stdout: second.writer });
        const last = await system.spawn("cat", [], { tier, stdin: second.reader });
        const output = await new Response(last.stdout).text();
        const codes = await Promise.all([source, middle, last].map((each) => each.exit));
        const { reader, writer } = await system.pipe();
        const waits = await system.spawn("cat", [], { tier, stdin: reader });
        await system.closeEnd(writer);
        return [output.length, ...codes.map(({ code }) => code), (await waits.exit).code];
      })()`);
      assert.deepEqual(answer, [5_000_000, 0, 0, 0, 0]);
    });
  }
}

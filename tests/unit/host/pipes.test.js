/** Pipes of the kernel between programs. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Nidus } from "../../../node/index.js";
import { cat, exits, guest, says } from "./support.js";

/** Writes 5,000,000 bytes, more than a pipe holds. */
const WRITES = guest(
  `(loop $more
     (call $put (i32.const 1) (i32.const 1024) (i32.const 50000))
     (local.set 0 (i32.add (local.get 0) (i32.const 1)))
     (br_if $more (i32.lt_u (local.get 0) (i32.const 100))))`,
  { data: "0123456789" },
);

for (const tier of /** @type {const} */ (["auto", "interp"])) {
  test(`what one program writes to a pipe, the next reads, through three of them, ${tier}`, async () => {
    const system = await Nidus.boot();
    const [first, second] = [system.pipe(), system.pipe()];
    const source = await system.spawn(await WRITES, [], { tier, stdout: first.writer });
    const middle = await system.spawn(await cat(), [], {
      tier,
      stdin: first.reader,
      stdout: second.writer,
    });
    const { stdout, code } = await system.exec(await cat(), [], { tier, stdin: second.reader });
    assert.equal(code, 0);
    assert.equal(stdout.length, 5_000_000);
    assert.equal(stdout.slice(0, 12), "0123456789\0\0");
    assert.deepEqual([(await source.exit).code, (await middle.exit).code], [0, 0]);
  });

  test(`a program that writes to a pipe nobody reads any more is ended by SIGPIPE, ${tier}`, async () => {
    const system = await Nidus.boot();
    const { reader, writer } = system.pipe();
    const source = await system.spawn(await WRITES, [], { tier, stdout: writer });
    const { code } = await system.exec(await exits(3), [], { tier, stdin: reader });
    assert.equal(code, 3);
    assert.equal((await source.exit).signal, "SIGPIPE");
  });

  test(`both outputs may go into one pipe, which ends when the program does, ${tier}`, async () => {
    const system = await Nidus.boot();
    const { reader, writer } = system.pipe();
    await system.spawn(await says("to both\n", 2), [], { tier, stdout: writer, stderr: writer });
    const { stdout } = await system.exec(await cat(), [], { tier, stdin: reader });
    assert.equal(stdout, "to both\n");
  });
}

test("an end that no program was given is closed by hand", async () => {
  const system = await Nidus.boot();
  const { reader, writer } = system.pipe();
  const waits = await system.spawn(await cat(), [], { stdin: reader });
  system.closeEnd(writer);
  assert.equal((await waits.exit).code, 0);
});

test("an end that is not open any more is refused, also when another pipe has its number", async () => {
  const system = await Nidus.boot();
  const gone = system.pipe();
  system.closeEnd(gone.writer);
  system.closeEnd(gone.reader);
  const { reader, writer } = system.pipe();
  const refused = { code: "EBADF", message: /closed, or given to another program/ };
  assert.throws(() => system.closeEnd(gone.writer), refused);
  await assert.rejects(system.spawn(await says("lost\n"), [], { stdout: gone.writer }), refused);
  await system.spawn(await says("kept\n"), [], { stdout: writer });
  await assert.rejects(system.spawn(await says("lost\n"), [], { stdout: writer }), refused);
  const { stdout } = await system.exec(await cat(), [], { stdin: reader });
  assert.equal(stdout, "kept\n");
});

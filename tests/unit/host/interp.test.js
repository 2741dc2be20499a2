/**
 * The interp tier: the same programs with the same outcome as on the direct tier, and what only it can do.
 */
import assert from "node:assert/strict";
import test from "node:test";
import {
  assemble,
  boot,
  cat,
  echoes,
  exits,
  guest,
  loops,
  says,
  sleeps,
  writesFile,
} from "./support.js";

/** A host that can neither suspend a guest nor hold up its thread. */
const IMPATIENT = { jspi: false, waitSync: undefined };

for (const [name, program, options] of /** @type {const} */ ([
  ["prints", says("hello\nworld\n"), {}],
  ["prints to standard error", says("oops", 2), {}],
  ["ends with a code", exits(7), {}],
  ["copies its input", cat(), { input: "a\nb\0c" }],
  ["copies its arguments and variables", echoes(), { env: { A: "1" } }],
  ["writes a file", writesFile("f", "text"), { cwd: "/tmp" }],
  ["traps", guest("(unreachable)"), {}],
  ["reads outside of its memory", guest("(drop (i32.load (i32.const -4)))"), {}],
  [
    "raises a signal",
    guest("(drop (call $proc_raise (i32.const 6)))", { uses: ["proc_raise"] }),
    {},
  ],
])) {
  test(`a program that ${name} does the same on both tiers`, async () => {
    const system = await boot();
    const bytes = await program;
    const run = async (/** @type {"direct" | "interp"} */ tier) => {
      const { trap, ...rest } = await system.exec(bytes, ["x", "y"], { ...options, tier });
      return { ...rest, trapped: trap !== null };
    };
    assert.deepEqual(await run("interp"), await run("direct"));
  });
}

test("fuel stops a program, and says so; two runs use the same", async () => {
  const system = await boot();
  const stopped = await system.exec(await loops(), [], { limits: { fuel: 100_000 } });
  assert.deepEqual([stopped.code, stopped.limit, stopped.trap], [152, "fuel", null]);
  // The least fuel that is enough is the same each time.
  const bytes = await says("enough");
  const enough = async (/** @type {number} */ fuel) =>
    (await system.exec(bytes, [], { limits: { fuel } })).code === 0;
  const least = async () => {
    let [low, high] = [0, 10_000];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (await enough(middle)) high = middle;
      else low = middle;
    }
    return high;
  };
  const first = await least();
  assert.ok(first > 10 && first < 10_000, `${first} instructions`);
  assert.equal(await least(), first);
});

test("a program waits for input while the event loop goes on, on a host that can do nothing", async () => {
  const system = await boot(IMPATIENT);
  const process = await system.spawn(await cat(), [], { stdin: "pipe" });
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  const writer = /** @type {WritableStream<Uint8Array>} */ (process.stdin).getWriter();
  while (turns < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  await writer.write(new TextEncoder().encode("typed"));
  await writer.close();
  const text = await new Response(process.stdout).text();
  assert.equal(text, "typed");
  assert.equal((await process.exit).code, 0);
  clearInterval(timer);
});

test("an endless loop lets timers run, and is killed", async () => {
  const system = await boot(IMPATIENT);
  const process = await system.spawn(await loops(), [], { tier: "interp" });
  let turns = 0;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      if (++turns < 3) return;
      clearInterval(timer);
      resolve(undefined);
    }, 5);
  });
  process.kill("SIGKILL");
  assert.deepEqual(await process.exit, { code: null, signal: "SIGKILL", trap: null });
  assert.equal((await system.exec(await says("next"), [])).stdout, "next");
});

test("a sleeping program holds nothing up", async () => {
  const system = await boot(IMPATIENT);
  const programs = [await sleeps(60), await sleeps(60), await sleeps(60)];
  const started = performance.now();
  const ended = await Promise.all(
    programs.map((bytes) => system.exec(bytes, [], { tier: "interp" })),
  );
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0, 0],
  );
  assert.ok(performance.now() - started >= 50, "they did sleep");
});

test("what the host cannot compile runs on the interpreter, unless the direct tier is asked for", async (t) => {
  const bytes = await assemble(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (memory $second 1)
    (func (export "_start")
      (i32.store8 $second (i32.const 0) (i32.const 9))
      (call $exit (i32.load8_u $second (i32.const 0)))))`);
  if (WebAssembly.validate(/** @type {Uint8Array<ArrayBuffer>} */ (bytes))) {
    return t.skip("this host has multi-memory");
  }
  const system = await boot();
  assert.equal((await system.exec(bytes, [])).code, 9);
  await assert.rejects(system.exec(bytes, [], { tier: "direct" }), { code: "ENOEXEC" });
});

test("a trap tells where, by function and byte", async () => {
  const system = await boot();
  const { trap } = await system.exec(await guest("(unreachable)"), [], { tier: "interp" });
  assert.equal(trap?.message, "unreachable");
  assert.match(trap?.stack ?? "", /wasm-function\[\d+\]:0x[0-9a-f]+/);
});

test("processes that have ended leave nothing in the kernel's table", async () => {
  const system = await boot();
  const bytes = await exits(0);
  await system.exec(bytes, [], { tier: "interp" });
  const { length } = system.kernel.table;
  for (let i = 0; i < 20; i++) await system.exec(bytes, [], { tier: "interp" });
  assert.equal(system.kernel.table.length, length);
});

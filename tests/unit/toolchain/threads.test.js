/** Programs with POSIX threads, compiled by `cc -pthread`: on every tier that this host has. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { boot, sh } from "./support.js";

const SOURCES = ["basics", "sync", "ends"];
const files = Object.fromEntries(
  SOURCES.map((name) => [
    `${name}.c`,
    readFileSync(new URL(`threads/${name}.c`, import.meta.url), "utf8"),
  ]),
);

/** One system for all, with the programs in it. */
const built = (async () => {
  const system = await boot(files);
  for (const name of SOURCES) {
    const { code, stderr } = await sh(
      system,
      `cc -std=gnu11 -O1 -pthread -Wall -Wextra ${name}.c -o ${name}`,
    );
    assert.deepEqual([code, stderr], [0, ""]);
  }
  return system;
})();

/**
 * @param {string} line
 * @param {import("../../../web/spawn.js").SpawnOptions} [options]
 */
const run = async (line, options) => sh(await built, line, options);

for (const seed of [0, 1, 12345]) {
  test(`threads have storage, values and errno of their own, and count exactly under a mutex (seed ${seed})`, async () => {
    const { code, stdout, trap } = await run("./basics", { limits: { seed } });
    assert.deepEqual(
      [code, stdout, trap],
      [0, "10000 counted, 10 destroyed, 7 mine\na thousand joined\n", null],
    );
  });

  test(`mutexes, condition variables, semaphores, barriers and locks hold (seed ${seed})`, async () => {
    const { code, stdout, trap } = await run("./sync", { limits: { seed } });
    assert.deepEqual(
      [code, stdout, trap],
      [0, "consumed 45150\npassed on 20100\n20 leaders\n200 written\nC11 says 42\n", null],
    );
  });
}

test("exit in a thread ends the process with its code", async () => {
  assert.equal((await run("./ends exit")).code, 7);
});

test("a trap in a thread ends the process, and says where", async () => {
  const { code, trap } = await run("./ends trap");
  assert.equal(code, 134);
  assert.match(trap?.message ?? "", /unreachable/);
});

test("the return of main ends the process, whatever its threads do", async () => {
  assert.equal((await run("./ends return")).code, 3);
});

test("pthread_exit ends a thread from within, after its handlers", async () => {
  assert.equal((await run("./ends leave")).stdout, "cleaned up\ncleaned up\nleft\n");
});

test("pthread_exit in main lets the process end with its last thread", async () => {
  const { code, stdout } = await run("./ends main-leaves");
  assert.deepEqual([code, stdout], [0, "the last one\nthe last one\n"]);
});

test("threads that were detached are gone when they end", async () => {
  const { code, stdout } = await run("./ends detach");
  assert.deepEqual([code, stdout], [0, "500 detached\n"]);
});

test("beyond the limit of threads, and of memory for stacks, pthread_create answers EAGAIN", async () => {
  assert.equal((await run("./ends limit")).stdout, "64 1\n");
  assert.equal((await run("./ends limit", { limits: { threads: 5 } })).stdout, "5 1\n");
  assert.equal((await run("./ends stack")).stdout, "1\n");
});

test("a deadlock is said by the interpreter", async () => {
  const { code, trap } = await run("./ends wait", { limits: { seed: 0 } });
  assert.equal(code, 134);
  assert.match(trap?.message ?? "", /atomic wait that nobody can end/);
});

test("a data race is lost for some seeds, and again with these", async () => {
  const count = async (/** @type {number} */ seed) =>
    Number((await run("./ends race", { limits: { seed } })).stdout);
  const first = [];
  for (let seed = 0; seed < 8; seed++) first.push(await count(seed));
  const again = [];
  for (let seed = 0; seed < 8; seed++) again.push(await count(seed));
  assert.deepEqual(again, first);
  assert.ok(Math.min(...first) < 2000 && Math.min(...first) >= 1000, String(first));
});

test("a thread that waits for input holds up no other one", async () => {
  const system = await built;
  const process = await system.spawn("./ends", ["read"], { cwd: "/home", stdin: "pipe" });
  const writer = /** @type {WritableStream<Uint8Array>} */ (process.stdin).getWriter();
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of /** @type {AsyncIterable<Uint8Array>} */ (
    /** @type {unknown} */ (process.stdout)
  )) {
    if (text === "") await writer.write(new TextEncoder().encode("typed"));
    text += decoder.decode(piece);
  }
  assert.equal(text, "computing\nread typed\n");
  process.kill("SIGKILL");
  await process.exit;
});

test("lines that threads print at once come whole", async () => {
  const { stdout } = await run("./ends print");
  const lines = stdout.split("\n").slice(0, -1);
  assert.equal(lines.length, 400);
  for (const line of lines) assert.match(line, /^[ab] \d+ of a line that is printed whole$/);
  assert.equal(new Set(lines).size, 400);
});

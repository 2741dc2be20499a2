/** Programs with POSIX threads, compiled by `cc -pthread`: on every tier that this host has. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Nidus } from "../../../node/index.js";
import { boot, sh } from "./support.js";

const SOURCES = ["basics", "sync", "ends"];
const files = Object.fromEntries(
  SOURCES.map((name) => [
    `${name}.c`,
    readFileSync(new URL(`threads/${name}.c`, import.meta.url), "utf8"),
  ]),
);

/** One system for each tier, with the programs in it; the direct tier's has a worker for each thread. */
const systems = (async () => {
  const interp = await boot(files);
  for (const name of SOURCES) {
    const { code, stderr } = await sh(
      interp,
      `cc -std=gnu11 -O1 -pthread -Wall -Wextra ${name}.c -o ${name}`,
    );
    assert.deepEqual([code, stderr], [0, ""]);
  }
  const direct = await Nidus.boot({ workers: true });
  for (const name of SOURCES) {
    await direct.fs.writeFile(`/home/${name}`, await interp.fs.readFile(`/home/${name}`));
    await direct.fs.chmod(`/home/${name}`, 0o755);
  }
  return { interp, direct };
})();
const built = systems.then(({ interp }) => interp);
test.after(async () => (await systems).direct.close());

/** @typedef {"interp" | "direct"} Tier */
const TIERS = /** @type {Tier[]} */ (["interp", "direct"]);

/**
 * @param {Tier} tier
 * @param {string} line
 * @param {import("../../../web/spawn.js").SpawnOptions} [options]
 */
async function runOn(tier, line, options) {
  const [command, ...args] = line.split(" ");
  return (await systems)[tier].exec(/** @type {string} */ (command), args, {
    cwd: "/home",
    tier,
    ...options,
  });
}

/**
 * @param {string} line
 * @param {import("../../../web/spawn.js").SpawnOptions} [options]
 */
const run = (line, options) => runOn("interp", line, options);

for (const seed of [0, 1, 12345]) {
  test(`threads have storage, values and errno of their own, and count exactly under a mutex (seed ${seed})`, async () => {
    const { code, stdout, trap } = await run("./basics", { limits: { seed } });
    assert.deepEqual(
      [code, stdout, trap],
      [0, "10000 counted, 10 destroyed, 7 mine\n1000 joined\n", null],
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

for (const tier of TIERS) {
  test(`exit in a thread ends the process with its code (${tier})`, async () => {
    assert.equal((await runOn(tier, "./ends exit")).code, 7);
  });

  test(`a trap in a thread ends the process, and says where (${tier})`, async () => {
    const { code, trap } = await runOn(tier, "./ends trap");
    assert.equal(code, 134);
    assert.match(trap?.message ?? "", /unreachable/);
  });

  test(`the return of main ends the process, whatever its threads do (${tier})`, async () => {
    assert.equal((await runOn(tier, "./ends return")).code, 3);
  });

  test(`pthread_exit ends a thread from within, after its handlers (${tier})`, async () => {
    assert.equal((await runOn(tier, "./ends leave")).stdout, "cleaned up\ncleaned up\nleft\n");
  });

  test(`pthread_exit in main lets the process end with its last thread (${tier})`, async () => {
    const { code, stdout } = await runOn(tier, "./ends main-leaves");
    assert.deepEqual([code, stdout], [0, "the last one\nthe last one\n"]);
  });

  test(`threads that were detached are gone when they end (${tier})`, async () => {
    const { code, stdout } = await runOn(tier, "./ends detach");
    assert.deepEqual([code, stdout], [0, "500 detached\n"]);
  });

  test(`beyond the limit of threads, and of memory for stacks, pthread_create answers EAGAIN (${tier})`, async () => {
    assert.equal((await runOn(tier, "./ends limit")).stdout, "64 1\n");
    assert.equal((await runOn(tier, "./ends limit", { limits: { threads: 5 } })).stdout, "5 1\n");
    assert.equal((await runOn(tier, "./ends stack")).stdout, "1\n");
  });
}

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

for (const tier of TIERS) {
  test(`a thread that waits for input holds up no other one (${tier})`, async () => {
    const system = (await systems)[tier];
    const process = await system.spawn("./ends", ["read"], { cwd: "/home", tier, stdin: "pipe" });
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

  test(`lines that threads print at once come whole (${tier})`, async () => {
    const { stdout } = await runOn(tier, "./ends print");
    const lines = stdout.split("\n").slice(0, -1);
    assert.equal(lines.length, 400);
    for (const line of lines) assert.match(line, /^[ab] \d+ of a line that is printed whole$/);
    assert.equal(new Set(lines).size, 400);
  });

  test(`a process that is killed takes its threads with it, computing or waiting (${tier})`, async () => {
    const system = (await systems)[tier];
    const process = await system.spawn("./ends", ["read"], { cwd: "/home", tier, stdin: "pipe" });
    const reader = /** @type {ReadableStream<Uint8Array>} */ (process.stdout).getReader();
    await reader.read();
    process.kill("SIGKILL");
    assert.equal((await process.exit).signal, "SIGKILL");
    assert.equal((await runOn(tier, "./ends leave")).code, 0);
  });
}

test("on the direct tier threads have all for themselves, too, and what they wait for comes", async () => {
  const basics = await runOn("direct", "./basics 100");
  assert.deepEqual(
    [basics.code, basics.stdout, basics.trap],
    [0, "10000 counted, 10 destroyed, 7 mine\n100 joined\n", null],
  );
  const { code, stdout, trap } = await runOn("direct", "./sync");
  assert.deepEqual(
    [code, stdout, trap],
    [0, "consumed 45150\npassed on 20100\n20 leaders\n200 written\nC11 says 42\n", null],
  );
});

test("auto interprets programs with threads where they cannot have workers", async () => {
  const { code, stdout } = await sh(await built, "./ends leave");
  assert.deepEqual([code, stdout], [0, "cleaned up\ncleaned up\nleft\n"]);
  await assert.rejects(
    sh(await built, "./ends leave", { tier: "direct" }),
    /ends has threads; the direct tier/,
  );
});

/** An isolated page: each program has a worker of its own, and the system's stays free whatever they do. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { loops, says, syncsFile } from "../unit/host/support.js";
import { LIMIT, openBlank } from "./chromium.js";

/** Boots, and writes programs to files of these names. @param {Record<string, Uint8Array>} programs */
const withPrograms = (programs, options = "{}") => `(async () => {
  globalThis.system = await Nidus.boot(${options});
  const programs = ${JSON.stringify(Object.entries(programs).map(([name, bytes]) => [name, [...bytes]]))};
  for (const [name, bytes] of programs) {
    await system.fs.writeFile("/home/" + name, Uint8Array.from(bytes));
  }
})()`;

test(
  "isolated: programs that never wait run beside each other, and each is killed alone",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: true });
    await page.evaluate(withPrograms({ loop: await loops(), hello: await says("hello\n") }));
    const answer = await page.evaluate(`(async () => {
      let restarts = 0;
      system.on("restart", () => restarts++);
      const loops = [];
      for (let i = 0; i < 4; i++) loops.push(await system.spawn("./loop"));
      const { stdout } = await system.exec("./hello");
      const running = (await system.processes()).length;
      loops[0].kill("SIGTERM");
      const first = await loops[0].exit;
      const left = (await system.processes()).length;
      for (const process of loops) process.kill("SIGKILL");
      const rest = await Promise.all(loops.slice(1).map(({ exit }) => exit));
      const after = await system.exec("./hello");
      const { waiting, notes } = system.capabilities;
      return { stdout, running, first, left, rest, after: after.stdout, restarts, waiting, notes };
    })()`);
    const killed = { code: null, signal: "SIGKILL", trap: null };
    assert.deepEqual(answer, {
      stdout: "hello\n",
      running: 5,
      first: { ...killed, signal: "SIGTERM" },
      left: 4,
      rest: [killed, killed, killed],
      after: "hello\n",
      restarts: 0,
      waiting: "workers",
      notes: [],
    });
  },
);

test("isolated: more programs at once than there are workers yet all run", LIMIT, async (t) => {
  const { page } = await openBlank(t, { isolated: true });
  const hello = [...(await says("hello\n"))];
  const answer = await page.evaluate(`(async () => {
    globalThis.system = await Nidus.boot();
    await system.fs.writeFile("/home/hello", Uint8Array.from(${JSON.stringify(hello)}));
    const all = Array.from({ length: 8 }, () => system.exec("./hello"));
    return (await Promise.all(all)).map(({ stdout }) => stdout).join("");
  })()`);
  assert.equal(answer, "hello\n".repeat(8));
});

for (const volume of ["idb:lab", "opfs:lab"]) {
  test(
    `isolated: a program in a worker waits until its file is stored, ${volume}`,
    LIMIT,
    async (t) => {
      const { page } = await openBlank(t, { isolated: true });
      await page.evaluate(
        withPrograms({ sync: await syncsFile("note", "synced") }, `{ volume: "${volume}" }`),
      );
      const answer = await page.evaluate(`(async () => {
        const { code, trap } = await system.exec("./sync", [], { tier: "direct", preopens: { "/home": "/home" } });
        await system.close();
        globalThis.system = await Nidus.boot({ volume: "${volume}" });
        return { code, trap, text: await system.fs.readFile("/home/note", "utf8") };
      })()`);
      assert.deepEqual(answer, { code: 0, trap: null, text: "synced" });
    },
  );
}

test("isolated: a tree is exported and imported while programs run", LIMIT, async (t) => {
  const { page } = await openBlank(t, { isolated: true });
  await page.evaluate(withPrograms({ loop: await loops() }));
  const answer = await page.evaluate(`(async () => {
    const loop = await system.spawn("./loop");
    await system.fs.writeFile("/home/file", "exported");
    const archive = await new Response(system.exportTar("/home")).arrayBuffer();
    await system.importTar("/copy", archive);
    loop.kill("SIGKILL");
    return [await system.fs.readFile("/copy/file", "utf8"), (await loop.exit).signal];
  })()`);
  assert.deepEqual(answer, ["exported", "SIGKILL"]);
});

test("isolated: where a worker cannot be loaded, the program says so", LIMIT, async (t) => {
  const { page } = await openBlank(t, { isolated: true });
  const options = '{ assets: { processWorker: "/missing/process-worker.js" } }';
  await page.evaluate(withPrograms({ hello: await says("hello\n") }, options));
  const { code, trap } = await page.evaluate(`system.exec("./hello")`);
  assert.equal(code, 134);
  assert.match(trap.message, /process-worker\.js/);
});

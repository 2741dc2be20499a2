/** The shell in a page: pipelines of processes on every way of waiting, and a list of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMIT, MODES, openBlank } from "./chromium.js";

for (const { mode, isolated } of MODES) {
  test(
    `a page that is ${mode} runs pipelines, files and signals of the shell`,
    LIMIT,
    async (t) => {
      const { page } = await openBlank(t, { isolated });
      const answer = await page.evaluate(`(async () => {
      const system = await Nidus.boot({ shell: true });
      const run = async (script, options) => {
        const { code, stdout, stderr } = await system.exec("sh", ["-c", script], options);
        return stdout + stderr + code;
      };
      const first = await run("for i in 3 1 2; do echo $i; done | sort -r | head -2 > f; cat f; ls; pwd; exit 4");
      const interpreted = await run("echo a b | wc -w; x=$(echo in | cat); echo $x", { tier: "interp" });
      const endless = await run("while :; do echo y; done | head -1");
      const reads = await system.spawn("sh", ["-c", "read line; echo got $line"]);
      const writer = reads.stdin.getWriter();
      await writer.write("typed\\n");
      const typed = await new Response(reads.stdout).text();
      const waits = await system.spawn("sh", ["-c", "sleep 100; echo never"]);
      let list = [];
      while (list.length < 3) list = (await system.processes()).filter(({ state }) => state === "running");
      const child = list.find(({ command }) => command === "sleep 100");
      const killed = await run("kill -TERM " + child.pid);
      const { code } = await waits.exit;
      return { first, interpreted, endless, typed, parent: child.ppid === waits.pid, killed, code };
    })()`);
      assert.deepEqual(answer, {
        first: "3\n2\nf\n/home\n4",
        interpreted: "2\nin\n0",
        endless: "y\n0",
        typed: "got typed\n",
        parent: true,
        killed: "0",
        code: 0,
      });
    },
  );
}

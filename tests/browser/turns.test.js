/** Pages without isolation headers: programs share the system's worker, take turns in it, and each is stopped alone. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { assemble, cat, guest, loops, loopsAtStart, says } from "../unit/host/support.js";
import { LIMIT, openBlank } from "./chromium.js";

const WITHOUT_JSPI = '{ assets: { worker: "/tests/browser/pages/worker-without-jspi.js" } }';
const TERMINAL = "{ terminal: { cols: 80, rows: 24 } }";

/** Boots, writes programs to files of these names, and counts how often the worker is replaced. */
const withPrograms = (
  /** @type {Record<string, Uint8Array>} */ programs,
  options = "{}",
) => `(async () => {
  globalThis.system = await Nidus.boot(${options});
  globalThis.restarts = 0;
  system.on("restart", () => restarts++);
  const programs = ${JSON.stringify(Object.entries(programs).map(([name, bytes]) => [name, [...bytes]]))};
  for (const [name, bytes] of programs) {
    await system.fs.writeFile("/home/" + name, Uint8Array.from(bytes));
  }
  // It has begun to compute: what comes is answered by others' turns.
  globalThis.begun = async (...spawn) => {
    const process = await system.spawn(...spawn);
    await system.processes();
    await system.processes();
    return process;
  };
})()`;

const ended = (/** @type {string} */ signal) => ({ code: null, signal, trap: null });

test(
  "not isolated: an endless loop is ended alone by any signal and by ^C, and others go on",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    await page.evaluate(withPrograms({ loop: await loops(), cat: await cat() }));
    const answer = await page.evaluate(`(async () => {
      await system.fs.mkdir("/home/folder");
      await system.fs.writeFile("/home/folder/file", "stays");
      const cat = await system.spawn("./cat");
      const beside = await begun("./loop");
      const found = [];
      for (const tier of ["auto", "direct"]) {
        for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"]) {
          const loop = await begun("./loop", [], { tier });
          loop.kill(signal);
          found.push(await loop.exit);
        }
        const loop = await begun("./loop", [], { tier, ...${TERMINAL} });
        loop.type("\\x03");
        found.push(await loop.exit);
      }
      const names = (await system.processes()).map(({ command }) => command);
      beside.kill();
      found.push(await beside.exit);
      const writer = cat.stdin.getWriter();
      await writer.write("it waited");
      await writer.close();
      const text = await new Response(cat.stdout).text();
      const { code } = await cat.exit;
      return {
        found, names, text, code, restarts,
        file: await system.fs.readFile("/home/folder/file", "utf8"),
        capabilities: system.capabilities,
      };
    })()`);
    const signals = ["SIGINT", "SIGTERM", "SIGKILL", "SIGINT"];
    assert.deepEqual(answer.found, [...signals, ...signals, "SIGTERM"].map(ended));
    assert.deepEqual(answer.names.slice(1), ["./cat", "./loop"]);
    assert.deepEqual(
      [answer.text, answer.code, answer.file, answer.restarts],
      ["it waited", 0, "stays", 0],
    );
    assert.equal(answer.capabilities.waiting, "jspi");
    assert.match(answer.capabilities.notes[0], /^No cross-origin isolated page .* take turns/);
  },
);

test(
  "not isolated: all that a program printed before it computes for ever is seen, though the page was behind",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    // 400 lines, and then nothing more.
    const prints = await guest(
      `(loop $more
         (call $put (i32.const 1) (i32.const 1024) (i32.const 5))
         (local.set $i (i32.add (local.get $i) (i32.const 1)))
         (br_if $more (i32.lt_u (local.get $i) (i32.const 400))))
       (loop $for_ever (br $for_ever))`,
      { data: "line\\n", locals: "$i i32" },
    );
    await page.evaluate(withPrograms({ prints }));
    const answer = await page.evaluate(`(async () => {
      const found = [];
      for (const tier of ["direct", "interp"]) {
        const process = await system.spawn("./prints", [], { tier });
        const reader = process.stdout.getReader();
        let text = "";
        while (text.length < 2000) text += new TextDecoder().decode((await reader.read()).value);
        process.kill();
        found.push([text === "line\\n".repeat(400), (await process.exit).signal]);
      }
      return { found, restarts };
    })()`);
    assert.deepEqual(answer, {
      found: [
        [true, "SIGTERM"],
        [true, "SIGTERM"],
      ],
      restarts: 0,
    });
  },
);

test(
  "not isolated: while programs compute, others are started, wait, talk through pipes and end",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    const programs = {
      loop: await loops(),
      cat: await cat(),
      says: await says("one after other\n"),
    };
    await page.evaluate(withPrograms(programs));
    const answer = await page.evaluate(`(async () => {
      const loops = [];
      for (let i = 0; i < 3; i++) loops.push(await begun("./loop"));
      const { reader, writer } = await system.pipe();
      const left = await system.spawn("./says", [], { stdout: writer });
      const right = await system.spawn("./cat", [], { stdin: reader });
      const text = await new Response(right.stdout).text();
      const codes = [(await left.exit).code, (await right.exit).code];
      const many = await Promise.all(Array.from({ length: 10 }, () => system.exec("./says")));
      for (const loop of loops) loop.kill("SIGKILL");
      const signals = (await Promise.all(loops.map(({ exit }) => exit))).map(({ signal }) => signal);
      return { text, codes, many: many.map(({ stdout }) => stdout), signals, restarts };
    })()`);
    assert.deepEqual(answer, {
      text: "one after other\n",
      codes: [0, 0],
      many: Array(10).fill("one after other\n"),
      signals: ["SIGKILL", "SIGKILL", "SIGKILL"],
      restarts: 0,
    });
  },
);

test(
  "not isolated: what computes without a loop, copies memory or catches all is ended as well",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    const programs = {
      // Twice as many calls with each of 60 levels.
      recurses: await guest("(call $twice (i32.const 60))", {
        functions: `(func $twice (param i32)
          (if (local.get 0) (then
            (call $twice (i32.sub (local.get 0) (i32.const 1)))
            (call $twice (i32.sub (local.get 0) (i32.const 1))))))`,
      }),
      copies: await guest(
        `(loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 131072)) (br $again))`,
      ),
      catches: await assemble(
        `(module (memory (export "memory") 1)
          (func (export "_start")
            (loop $again (try (do (loop $forever (br $forever))) (catch_all)) (br $again))))`,
        { exceptions: true },
      ),
    };
    await page.evaluate(withPrograms(programs));
    const answer = await page.evaluate(`(async () => {
      const found = {};
      for (const name of ["recurses", "copies", "catches"]) {
        const process = await begun("./" + name);
        process.kill("SIGINT");
        found[name] = await process.exit;
      }
      return { found, restarts };
    })()`);
    const interrupted = ended("SIGINT");
    assert.deepEqual(answer, {
      found: { recurses: interrupted, copies: interrupted, catches: interrupted },
      restarts: 0,
    });
  },
);

test(
  "not isolated: a program with a handler for SIGINT computes on, runs it at its next call, and SIGKILL ends one",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    const source = `#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void interrupted(int signal) { printf("handled %d\\n", signal); exit(3); }
int main(int argc, char **argv) {
    signal(SIGINT, interrupted);
    puts("ready");
    fflush(stdout);
    for (;;) {
        for (volatile int i = 0; argc > 1 || i < 10000000; i++) {}
        usleep(1);
    }
}`;
    await page.evaluate(withPrograms({}, '{ toolchain: "/clang/" }'));
    const answer = await page.evaluate(`(async () => {
      await system.fs.writeFile("/home/main.c", ${JSON.stringify(source)});
      const flags = ["-O1", "-D_WASI_EMULATED_SIGNAL", "main.c", "-lwasi-emulated-signal", "-o", "main"];
      const cc = await system.exec("cc", flags);
      if (cc.code !== 0) throw new Error(cc.stderr);
      const ready = async (args) => {
        const process = await system.spawn("./main", args);
        const reader = process.stdout.getReader();
        let text = new TextDecoder().decode((await reader.read()).value);
        const rest = async () => {
          for (let got; !(got = await reader.read()).done; ) text += new TextDecoder().decode(got.value);
          return text;
        };
        return { process, rest };
      };
      const calls = await ready([]);
      calls.process.kill("SIGINT");
      const handled = [await calls.rest(), (await calls.process.exit).code];
      const never = await ready(["never"]);
      never.process.kill("SIGINT");
      // Longer than a kill may stay without an effect.
      await new Promise((resolve) => setTimeout(resolve, 400));
      const states = (await system.processes()).map(({ state }) => state);
      never.process.kill("SIGKILL");
      return { handled, states, status: await never.process.exit, restarts };
    })()`);
    assert.deepEqual(answer, {
      handled: ["ready\nhandled 2\n", 3],
      states: ["running", "running"],
      status: ended("SIGKILL"),
      restarts: 0,
    });
  },
);

test(
  "not isolated: a compilation is ended alone, by a signal and by ^C, and what runs beside it has turns",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    await page.evaluate(withPrograms({ cat: await cat() }, '{ toolchain: "/clang/" }'));
    const answer = await page.evaluate(`(async () => {
      // Some thousand functions: seconds of clang.
      const lines = Array.from({ length: 4000 }, (_, i) =>
        "int f" + i + "(int *a, int n) { for (int i = 0; i < n; i++) a[i] = a[i] * " + i + " + i / (n + 1); return a[n - 1]; }");
      await system.fs.writeFile("/home/long.c", lines.join("\\n"));
      await system.fs.writeFile("/home/short.c", "int main(void) { return 7; }\\n");
      const cat = await system.spawn("./cat");
      const found = [];
      for (const how of ["SIGINT", "SIGKILL", "^C"]) {
        const cc = await system.spawn("cc", ["-O2", "-c", "long.c"], how === "^C" ? ${TERMINAL} : {});
        // Ten answers of the worker, while clang computes.
        for (let i = 0; i < 10; i++) {
          await system.fs.stat("/home/long.c");
          await new Promise((resolve) => setTimeout(resolve, 30));
        }
        if (how === "^C") cc.type("\\x03");
        else cc.kill(how);
        found.push((await cc.exit).signal);
      }
      const built = await system.exec("cc", ["short.c", "-o", "short"]);
      const { code } = await system.exec("./short");
      const writer = cat.stdin.getWriter();
      await writer.write("still here");
      await writer.close();
      return { found, built: built.code, code, text: await new Response(cat.stdout).text(), restarts };
    })()`);
    assert.deepEqual(answer, {
      found: ["SIGINT", "SIGKILL", "SIGINT"],
      built: 0,
      code: 7,
      text: "still here",
      restarts: 0,
    });
  },
);

test(
  "not isolated: a large module is rewritten while the system goes on, and is ended alone",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    const large = await guest("(loop $for_ever (br $for_ever))", {
      functions: `(func $large (local i32) ${"(local.set 0 (i32.const 1))".repeat(300_000)})`,
    });
    assert.ok(large.length > 1 << 20, `${large.length} bytes`);
    const workers = new Set();
    page.on("worker", (worker) => workers.add(worker.url().replace(/.*\//, "")));
    await page.evaluate(withPrograms({ cat: await cat() }));
    const answer = await page.evaluate(`(async (bytes) => {
      await system.fs.writeFile("/home/large", Uint8Array.from(bytes));
      const cat = await system.spawn("./cat");
      const found = [];
      for (const signal of ["SIGINT", "SIGKILL"]) {
        const large = await begun("./large");
        large.kill(signal);
        found.push(await large.exit);
      }
      const writer = cat.stdin.getWriter();
      await writer.close();
      return { found, code: (await cat.exit).code, restarts };
    })(${JSON.stringify([...large])})`);
    assert.deepEqual(answer, { found: ["SIGINT", "SIGKILL"].map(ended), code: 0, restarts: 0 });
    assert.ok(workers.has("rewrite-worker.js"), [...workers].join());
  },
);

test(
  "not isolated: what cannot be rewritten is interpreted; on the tier direct it runs as it is, and is ended with the worker",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    const named = await assemble(
      `(module (memory (export "memory") 1) (func (export "nidus:count"))
        (func (export "_start") (loop $forever (br $forever))))`,
    );
    await page.evaluate(withPrograms({ named, start: await loopsAtStart() }));
    const answer = await page.evaluate(`(async () => {
      const found = [];
      for (const name of ["./named", "./start"]) {
        const interpreted = await system.spawn(name);
        interpreted.kill("SIGTERM");
        found.push(await interpreted.exit);
        const restarted = new Promise((resolve) => system.on("restart", resolve));
        const process = await system.spawn(name, [], { tier: "direct" });
        process.kill("SIGINT");
        found.push(await process.exit);
        await restarted;
      }
      return { found, restarts, files: await system.fs.readdir("/home") };
    })()`);
    assert.deepEqual(answer, {
      found: ["SIGTERM", "SIGINT", "SIGTERM", "SIGINT"].map(ended),
      restarts: 2,
      files: ["named", "start"],
    });
  },
);

test("not isolated: a trap tells the place in the program as it came", LIMIT, async (t) => {
  const { page } = await openBlank(t, { isolated: false });
  const countdown = "(local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0))";
  const traps = await guest("(call $outer (i32.const 9))", {
    functions: `
      (func $before (param i32) (loop ${countdown}))
      (func $inner (param i32) (loop ${countdown}) (call $before (i32.const 3)) (unreachable))
      (func $outer (param i32) (loop (call $inner (i32.const 5)) ${countdown}))`,
  });
  await page.evaluate(withPrograms({ traps }));
  const [direct, interp] =
    await page.evaluate(`Promise.all(["direct", "interp"].map(async (tier) => {
    const { code, trap } = await system.exec("./traps", [], { tier });
    return { code, places: trap.stack.match(/wasm-function\\[\\d+\\]:0x\\w+/g) };
  }))`);
  assert.equal(direct.code, 134);
  assert.equal(direct.places.length, 3);
  assert.deepEqual(direct, interp);
});

test("not isolated: a rewriter that is missing is named, with what to do", LIMIT, async (t) => {
  const { page } = await openBlank(t, { isolated: false });
  const options = '{ assets: { rewrite: "/missing/rewrite.wasm" } }';
  await page.evaluate(withPrograms({ hello: await says("hello\n") }, options));
  const error = await page.evaluate(
    `system.exec("./hello").then(() => null, ({ code, message }) => ({ code, message }))`,
  );
  assert.equal(error.code, "NIDUS_ASSET");
  assert.match(error.message, /^rewrite\.wasm is missing: .*answered 404; serve the file there/);
});

test(
  "without JSPI and isolation, a program that never waits is interpreted, so that it is ended alone",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    await page.evaluate(withPrograms({ loop: await loops() }, WITHOUT_JSPI));
    const answer = await page.evaluate(`(async () => {
      const found = [];
      for (const signal of ["SIGINT", "SIGKILL"]) {
        const loop = await begun("./loop");
        loop.kill(signal);
        found.push(await loop.exit);
      }
      const alone = restarts;
      const loop = await system.spawn("./loop", [], { tier: "direct" });
      loop.kill("SIGKILL");
      found.push(await loop.exit);
      return { found, alone, waiting: system.capabilities.waiting };
    })()`);
    assert.deepEqual(answer, {
      found: [ended("SIGINT"), ended("SIGKILL"), ended("SIGKILL")],
      alone: 0,
      waiting: "interp",
    });
  },
);

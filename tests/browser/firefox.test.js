/**
 * Processes, terminals and threads in Firefox: one browser, and in it a page for each way of waiting that it has.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { guest, syncsFile } from "../unit/host/support.js";
import { LIMIT, hasFirefox } from "./chromium.js";
import { driveFirefox } from "./firefox.js";

/** @typedef {import("./firefox.js").Driven} Driven */

const skip = hasFirefox ? false : "Firefox is not installed";

/** Each way of waiting, and a page that has it. */
const ROWS = [
  { waiting: "workers", isolated: true, worker: "/web/worker.js" },
  { waiting: "jspi", isolated: false, worker: "/web/worker.js" },
  { waiting: "interp", isolated: false, worker: "/tests/browser/pages/worker-without-jspi.js" },
];

/** How the sentence begins that says what is missing. @type {Record<string, string>} */
const NOTES = {
  workers: "",
  jspi: "No cross-origin isolated page",
  interp: "Neither JSPI",
};

const threaded = ["basics", "sync", "ends"].map((name) => [
  name,
  readFileSync(new URL(`../unit/toolchain/threads/${name}.c`, import.meta.url), "utf8"),
]);

/**
 * What the tests call in the page: `run` runs a line of the shell; `screen` is what a terminal shows, and waits until it
 * holds a text.
 */
const KIT = `
  globalThis.run = async (script, options) => {
    const { code, stdout, stderr } = await system.exec("sh", ["-c", script], options);
    return stdout + stderr + code;
  };
  globalThis.terminal = { cols: 80, rows: 24 };
  globalThis.screen = (process) => {
    const reader = process.output.getReader();
    const decoder = new TextDecoder();
    let text = "";
    return async (wanted) => {
      while (!text.includes(wanted)) {
        const { done, value } = await reader.read();
        if (done) throw new Error("the terminal ended with: " + text);
        text += decoder.decode(value, { stream: true });
      }
      return text;
    };
  };
  globalThis.waits = async (process) => {
    if (!process.waiting) await new Promise((resolve) => (process.onwaiting = resolve));
  };`;

/** Says that it is there, and never returns. */
const loop = guest("(call $put (i32.const 1) (i32.const 1024) (i32.const 3)) (loop $on (br $on))", {
  data: "on\\n",
});

/** Programs that cc has built in the first page, for the others. @type {[string, number[]][]} */
let built = [];

test("in Firefox programs run on every row of waiting", { skip, timeout: 600_000 }, async (t) => {
  const page = await driveFirefox(t);

  for (const { waiting, isolated, worker } of ROWS) {
    await t.test(`${waiting}: the page has it`, LIMIT, async (t) => {
      await page.goto({ isolated });
      const has = await page.evaluate(
        `globalThis.system = await Nidus.boot({
           shell: true, toolchain: "/clang/", assets: { worker: "${worker}" } });
         ${KIT}
         await system.fs.writeFile("/home/loop", Uint8Array.from(${JSON.stringify([...(await loop)])}));
         globalThis.restarts = 0;
         system.on("restart", () => restarts++);
         return system.capabilities;`,
      );
      if (waiting === "jspi" && !has.jspi) return t.skip("this Firefox has no JSPI");
      assert.deepEqual([has.waiting, has.isolated], [waiting, isolated]);
      assert.deepEqual(
        has.notes.map((/** @type {string} */ note) => note.slice(0, NOTES[waiting].length)),
        waiting === "workers" ? [] : [NOTES[waiting]],
      );

      await t.test(`${waiting}: pipelines, redirection and exit codes of the shell`, () =>
        pipelines(page),
      );
      await t.test(`${waiting}: a terminal waits for keys, and ^C and ^D do what they do`, () =>
        terminals(page),
      );
      await t.test(`${waiting}: an empty endless loop is stopped, and others go on`, () =>
        stops(page),
      );
      await t.test(`${waiting}: programs of cc -pthread, on each tier that there is`, () =>
        threads(page, waiting),
      );
    });
  }

  for (const volume of ["idb:lab", "opfs:lab"]) {
    await t.test(
      `workers: a program waits until its file is stored, ${volume}`,
      LIMIT,
      async (t) => {
        await page.goto({ isolated: true });
        const program = JSON.stringify([...(await syncsFile("note", "synced"))]);
        const answer = await page.evaluate(
          `const system = await Nidus.boot({ volume: "${volume}" });
         await system.fs.writeFile("/home/sync", Uint8Array.from(${program}));
         const options = { tier: "direct", preopens: { "/home": "/home" } };
         const { code, trap } = await system.exec("./sync", [], options);
         const { persistent } = system.volume;
         await system.close();
         const again = await Nidus.boot({ volume: "${volume}" });
         return { code, trap, persistent, text: await again.fs.readFile("/home/note", "utf8") };`,
        );
        assert.deepEqual(answer, { code: 0, trap: null, persistent: true, text: "synced" });
      },
    );
  }
});

/** @param {Driven} page */
async function pipelines(page) {
  const answer = await page.evaluate(
    `const lines = Array.from({ length: 4000 }, (_, i) => (i * 7919) % 4000);
     await system.fs.writeFile("/home/numbers", lines.join("\\n") + "\\n");
     return {
       sorted: await run("cat numbers | sort -n | tail -n 2 > f; cat f; wc -l < numbers"),
       joined: await run("echo a b | cat | wc -w && false || echo or; exit 4"),
       endless: await run("while :; do echo y; done | head -n 1"),
       interpreted: await run("cat numbers | sort -n | grep 77 | wc -l", { tier: "interp" }),
     };`,
  );
  const with77 = Array.from({ length: 4000 }, (_, i) => String(i)).filter((line) =>
    line.includes("77"),
  );
  assert.deepEqual(answer, {
    sorted: "3998\n3999\n4000\n0",
    joined: "2\nor\n4",
    endless: "y\n0",
    interpreted: `${with77.length}\n0`,
  });
}

/** @param {Driven} page */
async function terminals(page) {
  const answer = await page.evaluate(
    `const cat = await system.spawn("cat", [], { terminal });
     const shows = screen(cat);
     await waits(cat);
     cat.type("abx\\x7fc\\r");
     const line = await shows("c\\r\\nabc\\r\\n");
     await waits(cat);
     cat.type("\\x04");
     const ended = await cat.exit;
     const interrupted = await system.spawn("cat", [], { terminal });
     await waits(interrupted);
     interrupted.type("lost\\x03");
     const { signal } = await interrupted.exit;
     const piped = await system.spawn("sh", ["-c", "cat | wc -c; read line; echo got $line"], { terminal });
     const tells = screen(piped);
     await waits(piped);
     piped.type("12345\\r\\x04");
     await tells("6\\r\\n");
     piped.type("typed\\r");
     const text = await tells("got typed");
     return { line, code: ended.code, signal, text, piped: (await piped.exit).code };`,
  );
  assert.deepEqual(answer, {
    line: "abx\b \bc\r\nabc\r\n",
    code: 0,
    signal: "SIGINT",
    text: "12345\r\n6\r\ntyped\r\ngot typed\r\n",
    piped: 0,
  });
}

/** @param {Driven} page */
async function stops(page) {
  const answer = await page.evaluate(
    `const other = await system.spawn("cat");
     await waits(other);
     const ends = [];
     for (const tier of ["interp", "auto"]) {
       for (const signal of ["SIGINT", "SIGKILL"]) {
         const loop = await system.spawn("./loop", [], { tier });
         await loop.stdout.getReader().read();
         loop.kill(signal);
         ends.push((await loop.exit).signal);
       }
     }
     const writer = other.stdin.getWriter();
     await writer.write("unharmed");
     await writer.close();
     const text = await new Response(other.stdout).text();
     const { code } = await other.exit;
     const after = await run("echo fine > g; cat g; cat loop | wc -c");
     return { ends, restarts, text, code, after };`,
  );
  assert.deepEqual(answer, {
    ends: ["SIGINT", "SIGKILL", "SIGINT", "SIGKILL"],
    restarts: 0,
    text: "unharmed",
    code: 0,
    after: `fine\n${(await loop).length}\n0`,
  });
}

/** @param {Driven} page @param {string} waiting */
async function threads(page, waiting) {
  if (built.length === 0) {
    built = await page.evaluate(
      `const built = [];
       for (const [name, source] of ${JSON.stringify(threaded)}) {
         await system.fs.writeFile("/home/" + name + ".c", source);
         const args = ["-std=gnu11", "-O1", "-pthread", "-Wall", "-Wextra", name + ".c", "-o", name];
         const { code, stderr } = await system.exec("cc", args);
         if (code !== 0 || stderr) throw new Error(stderr);
         built.push([name, [...(await system.fs.readFile("/home/" + name))]]);
       }
       return built;`,
    );
  }
  const tiers = waiting === "workers" ? ["direct", "interp"] : ["auto", "interp"];
  for (const tier of tiers) {
    const answer = await page.evaluate(
      `for (const [name, bytes] of ${JSON.stringify(built)}) {
         await system.fs.writeFile("/home/" + name, Uint8Array.from(bytes));
       }
       const tier = "${tier}";
       const ends = async (...args) => {
         const { code, stdout, trap } = await system.exec(...args, { tier });
         return trap ? trap.message : stdout + code;
       };
       const reads = await system.spawn("./ends", ["read"], { tier });
       await reads.stdout.getReader().read();
       reads.kill("SIGKILL");
       return {
         basics: await ends("./basics", ["50"]), sync: await ends("./sync", []),
         leave: await ends("./ends", ["leave"]), exit: await ends("./ends", ["exit"]),
         killed: (await reads.exit).signal,
       };`,
    );
    assert.deepEqual(answer, {
      basics: "10000 counted, 10 destroyed, 7 mine\n50 joined\n0",
      sync: "consumed 45150\npassed on 20100\n20 leaders\n200 written\nC11 says 42\n0",
      leave: "cleaned up\ncleaned up\nleft\n0",
      exit: "7",
      killed: "SIGKILL",
    });
  }
}

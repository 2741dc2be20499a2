/** `Nidus.boot` on a plain page: what fails, fails by name; what runs, never holds the page up. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { loopsAtStart } from "../unit/host/support.js";
import { LIMIT, MODES, goBlank, openBlank, watched } from "./chromium.js";

/** @typedef {import("../../web/nidus.js").Nidus} System */
/** @typedef {{Nidus: typeof import("../../web/nidus.js").Nidus, system: System}} Globals */

/** What `Nidus.boot` rejects with, for options written as JavaScript. */
const BOOT_ERROR = (/** @type {string} */ options) => `
  Nidus.boot(${options}).then(
    () => ({ code: "booted" }),
    (error) => ({ code: error.code, message: error.message }))`;

/** Boots with the toolchain and writes a C program, which `main` then is. */
const WITH_PROGRAM = (/** @type {string} */ source, options = "{}") => `(async () => {
  globalThis.system = await Nidus.boot({ toolchain: "/clang/", ...${options} });
  await system.fs.writeFile("/home/main.c", ${JSON.stringify(source)});
  const cc = await system.exec("cc", ["-O1", "main.c", "-o", "main"]);
  if (cc.code !== 0) throw new Error(cc.stderr);
})()`;

const LOOP = `#include <stdio.h>
int main(void) {
    FILE *f = fopen("lost", "w");
    fputs("never flushed", f);
    fclose(f);
    puts("looping");
    fflush(stdout);
    for (volatile int i = 0;; i++) {}
}`;

test("a page that gets HTML for kernel.wasm is told so, and what to do", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  await page.route("**/kernel.wasm", (route) =>
    route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Not here</title>" }),
  );
  const error = await page.evaluate(BOOT_ERROR("{}"));
  assert.equal(error.code, "NIDUS_ASSET");
  assert.match(
    error.message,
    /kernel\.wasm is an HTML page, not a WebAssembly module.*optimizeDeps/,
  );
});

test("a page whose policy forbids WebAssembly is told the word to add", LIMIT, async (t) => {
  const { page } = await openBlank(t, {
    headers: { "Content-Security-Policy": "script-src 'self' 'unsafe-inline'" },
  });
  const error = await page.evaluate(BOOT_ERROR("{}"));
  assert.equal(error.code, "NIDUS_CSP");
  assert.match(error.message, /content security policy forbids WebAssembly.*'wasm-unsafe-eval'/);
});

test("a policy with wasm-unsafe-eval, as the documentation has it, is enough", LIMIT, async (t) => {
  const { page } = await openBlank(t, {
    headers: {
      "Content-Security-Policy":
        "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'",
    },
  });
  assert.deepEqual(await page.evaluate(BOOT_ERROR("{}")), { code: "booted" });
});

test("a missing worker.js and a missing kernel.wasm are named", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  const worker = await page.evaluate(BOOT_ERROR('{ assets: { worker: "/nothing/worker.js" } }'));
  assert.equal(worker.code, "NIDUS_ASSET");
  assert.match(worker.message, /worker\.js could not be loaded from \/nothing\/worker\.js: serve/);
  const kernel = await page.evaluate(BOOT_ERROR('{ assets: { kernel: "/nothing/kernel.wasm" } }'));
  assert.equal(kernel.code, "NIDUS_ASSET");
  assert.match(
    kernel.message,
    /kernel\.wasm is missing: http:.*\/nothing\/kernel\.wasm answered 404/,
  );
  const volume = await page.evaluate(BOOT_ERROR('{ volume: "lab" }'));
  assert.deepEqual(volume, {
    code: "EINVAL",
    message: 'volume is "lab": say "idb:NAME", "opfs:NAME" or "mem".',
  });
});

test("a boot can be given up", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  const name = await page.evaluate(`(async () => {
    const giving = new AbortController();
    const boot = Nidus.boot({ signal: giving.signal });
    giving.abort();
    return boot.then(() => "booted", (error) => error.name);
  })()`);
  assert.equal(name, "AbortError");
});

test(
  "cc without a toolchain, and a toolchain that is not there, say what is missing",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t);
    const [none, prepared, wrong] = await page.evaluate(`(async () => {
    const bare = await Nidus.boot();
    const none = await bare.exec("cc", []).catch((error) => error.code + " " + error.message);
    const prepared = await bare.prepare().catch((error) => error.message);
    const astray = await Nidus.boot({ toolchain: "/nothing" });
    const wrong = await astray.exec("cc", ["x.c"]);
    return [none, prepared, wrong];
  })()`);
    assert.match(none, /ENOENT.*there is no command "cc"/);
    assert.match(prepared, /no toolchain: give the address/);
    assert.equal(wrong.code, 127);
    assert.match(wrong.stderr, /cc: llvm.* is missing: http:.*\/nothing\/llvm.* answered 404/);
  },
);

test("fs has node's shape across the worker, and errors keep their code", LIMIT, async (t) => {
  const { page } = await openBlank(t);
  const answer = await page.evaluate(`(async () => {
    const { fs } = (globalThis.system = await Nidus.boot());
    await fs.mkdir("/home/a/b", { recursive: true });
    await fs.writeFile("/home/a/b/c.txt", "text");
    await fs.symlink("c.txt", "/home/a/b/link");
    const stats = await fs.stat("/home/a/b/c.txt");
    const link = await fs.lstat("/home/a/b/link");
    const entries = await fs.readdir("/home/a", { withFileTypes: true });
    const error = await fs.readFile("/home/none").catch((e) => e);
    const aborted = await fs
      .readFile("/home/a/b/c.txt", { signal: AbortSignal.abort() })
      .catch((e) => e.name);
    return {
      own: Object.keys(system.fs).includes("promises"),
      text: await fs.promises.readFile("/home/a/b/c.txt", "utf8"),
      bytes: Array.from(await fs.readFile("/home/a/b/c.txt")),
      file: stats.isFile(), size: stats.size, date: stats.mtime instanceof Date,
      link: link.isSymbolicLink(), target: await fs.readlink("/home/a/b/link"),
      entries: entries.map((e) => [e.name, e.isDirectory()]),
      error: [error instanceof NidusError, error.code, error.syscall, error.path, error.message],
      aborted,
    };
  })()`);
  assert.deepEqual(answer, {
    own: true,
    text: "text",
    bytes: [116, 101, 120, 116],
    file: true,
    size: 4,
    date: true,
    link: true,
    target: "c.txt",
    entries: [["b", true]],
    error: [
      true,
      "ENOENT",
      "open",
      "/home/none",
      "ENOENT: no such file or directory, open '/home/none'",
    ],
    aborted: "AbortError",
  });
});

test(
  "a second tab on a volume is refused clearly, and served when the first has gone",
  LIMIT,
  async (t) => {
    const { page, context, url } = await openBlank(t);
    await page.evaluate(`(async () => {
    globalThis.system = await Nidus.boot({ volume: "idb:lab" });
    await system.fs.writeFile("/home/a", "first");
  })()`);
    const second = await watched(context);
    await goBlank(second, url);
    const error = await second.evaluate(BOOT_ERROR('{ volume: "idb:lab" }'));
    assert.equal(error.code, "EBUSY");
    assert.match(error.message, /Volume "lab" is open in another tab or window: close that one/);
    await page.evaluate("system.close()");
    await page.close();
    const text = await second.evaluate(`(async () => {
    globalThis.system = await Nidus.boot({ volume: "idb:lab" });
    return [system.volume.persistent, await system.fs.readFile("/home/a", "utf8")];
  })()`);
    assert.deepEqual(text, [true, "first"]);
  },
);

test(
  "a volume in memory survives the end of its worker, and says that it is memory",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t);
    const program = [...(await loopsAtStart())];
    const answer = await page.evaluate(`(async () => {
    globalThis.system = await Nidus.boot();
    await system.fs.writeFile("/home/main", Uint8Array.from(${JSON.stringify(program)}));
    await system.fs.writeFile("/home/note", "kept");
    const restarted = new Promise((resolve) => system.on("restart", resolve));
    const process = await system.spawn("./main", [], { tier: "direct" });
    process.kill();
    const { signal } = await process.exit;
    await restarted;
    return [signal, await system.fs.readFile("/home/note", "utf8"), system.volume];
  })()`);
    assert.deepEqual(answer, [
      "SIGTERM",
      "kept",
      { persistent: false, readonly: false, reason: "they were asked for in memory" },
    ]);
  },
);

for (const { mode, isolated } of MODES) {
  test(
    `${mode}: a flood of output leaves the page its turns, waits for its reader, and loses nothing when killed`,
    LIMIT,
    async (t) => {
      const { page } = await openBlank(t, { isolated });
      await page.evaluate(
        WITH_PROGRAM('#include <stdio.h>\nint main(void) { for (;;) puts("x"); }'),
      );
      const { turns, rest, wrong, status } = await page.evaluate(`(async () => {
      const process = await system.spawn("./main", [], { terminal: { cols: 80, rows: 24 } });
      let turns = 0, at = 0, wrong = 0;
      const beat = setInterval(() => turns++);
      const reader = process.output.getReader();
      const read = async () => {
        const { done, value } = await reader.read();
        for (const byte of value ?? []) if (byte !== "x\\r\\n".charCodeAt(at++ % 3)) wrong++;
        return done;
      };
      while (at < 300_000 || turns < 20) await read();
      // Nobody reads for a while: what the program has under way stays bounded.
      for (const before = turns; turns < before + 100; ) await new Promise((resolve) => setTimeout(resolve));
      process.kill("SIGINT");
      const status = await process.exit;
      const taken = at;
      while (!(await read()));
      clearInterval(beat);
      return { turns, rest: at - taken, wrong, status };
    })()`);
      t.diagnostic(`${turns} turns of the page, ${rest} bytes were under way`);
      assert.deepEqual(status, { code: null, signal: "SIGINT", trap: null });
      assert.equal(wrong, 0);
      // The window, and the piece that went over it.
      assert.ok(rest <= 0x4_0000 + 0x1_0000, `${rest} bytes`);
    },
  );

  test(
    `${mode}: killing a loop ends it alone, and calls are answered meanwhile`,
    LIMIT,
    async (t) => {
      const { page } = await openBlank(t, { isolated });
      await page.evaluate(WITH_PROGRAM(LOOP, '{ volume: "idb:lab" }'));
      const answer = await page.evaluate(`(async () => {
      let restarts = 0, downloads = 0;
      system.on("restart", () => restarts++);
      await system.fs.writeFile("/home/kept", "flushed before the program starts");
      const process = await system.spawn("./main");
      const reader = process.stdout.getReader();
      const { value } = await reader.read();
      // This cannot be answered by a thread that loops.
      const waiting = system.fs.readFile("/home/kept", "utf8");
      const begin = performance.now();
      const killed = process.kill("SIGKILL");
      const status = await process.exit;
      const kept = await waiting;
      const took = performance.now() - begin;
      const listing = await system.fs.readdir("/home");
      const compileBegin = performance.now();
      const again = await system.exec("cc", ["-O1", "main.c", "-o", "main2"]);
      return {
        text: new TextDecoder().decode(value), killed, again: process.kill(), status, kept, took,
        listing: listing.filter((name) => name !== "lost"), restarts, code: again.code,
        compile: performance.now() - compileBegin,
      };
    })()`);
      t.diagnostic(
        `the system answered ${Math.round(answer.took)} ms after the kill; ` +
          `its first compilation took ${Math.round(answer.compile)} ms`,
      );
      assert.deepEqual(
        { ...answer, took: 0, compile: 0 },
        {
          text: "looping\n",
          killed: true,
          again: false,
          status: { code: null, signal: "SIGKILL", trap: null },
          kept: "flushed before the program starts",
          took: 0,
          listing: ["kept", "main", "main.c"],
          restarts: 0,
          code: 0,
          compile: 0,
        },
      );
    },
  );

  test(
    `${mode}: what the page changed while a program ran is stored, even if that is then killed`,
    LIMIT,
    async (t) => {
      const { page } = await openBlank(t, { isolated });
      const source = LOOP.replace('puts("looping")', 'getchar(); puts("looping")');
      await page.evaluate(WITH_PROGRAM(source, '{ volume: "idb:lab" }'));
      const names = await page.evaluate(`(async () => {
      const process = await system.spawn("./main");
      if (!process.waiting) await new Promise((resolve) => (process.onwaiting = resolve));
      await system.fs.writeFile("/home/note", "kept");
      await system.fs.rename("/home/note", "/home/renamed");
      await process.stdin.getWriter().write("\\n");
      await process.stdout.getReader().read();
      process.kill();
      await process.exit;
      return (await system.fs.readdir("/home")).filter((name) => name !== "lost");
    })()`);
      assert.deepEqual(names, ["main", "main.c", "renamed"]);
    },
  );

  test(
    `${mode}: a compilation can be killed while clang computes, and the next one works`,
    LIMIT,
    async (t) => {
      const { page } = await openBlank(t, { isolated });
      await page.evaluate(WITH_PROGRAM("int main(void) { return 4; }"));
      const answer = await page.evaluate(`(async () => {
      await system.fs.writeFile("/home/slow.cc", "#include <regex>\\n#include <iostream>\\nstd::regex r(\\"a+\\");\\nint main() { std::cout << std::regex_match(\\"aa\\", r); }\\n");
      const slow = await system.spawn("c++", ["-O2", "slow.cc", "-o", "slow"]);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const begin = performance.now();
      slow.kill("SIGINT");
      const status = await slow.exit;
      const took = performance.now() - begin;
      const next = await system.exec("cc", ["-O1", "main.c", "-o", "main"]);
      const run = await system.exec("./main");
      return { status, took, codes: [next.code, run.code], names: await system.fs.readdir("/home") };
    })()`);
      assert.deepEqual(answer.status, { code: null, signal: "SIGINT", trap: null });
      t.diagnostic(`it took ${Math.round(answer.took)} ms`);
      assert.deepEqual(answer.codes, [0, 4]);
      assert.deepEqual(answer.names, ["main", "main.c", "slow.cc"]);
    },
  );

  test(
    `${mode}: standard input is a stream: bytes arrive, writers wait, closing it ends the file`,
    LIMIT,
    async (t) => {
      const { page } = await openBlank(t, { isolated });
      await page.evaluate(
        WITH_PROGRAM(
          "#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); }",
        ),
      );
      const answer = await page.evaluate(`(async () => {
      const process = await system.spawn("./main");
      const size = 3_000_000;
      const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) >> 3);
      const writer = process.stdin.getWriter();
      const writing = (async () => {
        for (let at = 0; at < size; at += 100_000) await writer.write(bytes.slice(at, at + 100_000));
        await writer.close();
      })();
      const back = new Uint8Array(await new Response(process.stdout).arrayBuffer());
      await writing;
      const status = await process.exit;
      const broken = await process.stdin.getWriter === undefined;
      const piped = await system.exec("./main", [], { input: "all at once" });
      return [back.length, back.every((byte, i) => byte === bytes[i]), status.code, piped.stdout];
    })()`);
      assert.deepEqual(answer, [3_000_000, true, 0, "all at once"]);
    },
  );
}

/** A program that asks twice, as one that reads from a terminal. */
const ASKING = `#include <stdio.h>
int main(void) {
    char name[32];
    for (int i = 0; i < 2 && scanf("%31s", name) == 1; i++) printf("Hello %s\\n", name);
    return 5;
}`;

test(
  "without JSPI, an isolated page's programs wait for input, and a kill ends the wait at once",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: true });
    await page.evaluate(
      WITH_PROGRAM(ASKING, '{ assets: { worker: "/tests/browser/pages/worker-without-jspi.js" } }'),
    );
    const answer = await page.evaluate(`(async () => {
    const { waiting, jspi, notes } = system.capabilities;
    const process = await system.spawn("./main", [], { terminal: { cols: 80, rows: 24 } });
    const turns = [];
    let asked, text = "";
    const next = () => new Promise((resolve) => (asked = resolve));
    process.onwaiting = (is) => is && asked?.();
    const reader = process.output.getReader();
    const writer = process.stdin.getWriter();
    for (const name of ["Ada", "Bob"]) {
      if (!process.waiting) await next();
      await writer.write(name + "\\n");
      while (!text.includes("Hello " + name)) text += new TextDecoder().decode((await reader.read()).value);
      turns.push(text);
      text = "";
    }
    const { code } = await process.exit;

    const other = await system.spawn("./main", [], { terminal: { cols: 80, rows: 24 } });
    if (!other.waiting) await new Promise((resolve) => (other.onwaiting = resolve));
    let restarts = 0;
    system.on("restart", () => restarts++);
    other.kill("SIGINT");
    const killed = await other.exit;
    return { waiting, jspi, notes, turns, code, killed, restarts };
  })()`);
    assert.deepEqual(answer.turns, ["Ada\r\nHello Ada\r\n", "Bob\r\nHello Bob\r\n"]);
    assert.deepEqual([answer.waiting, answer.jspi, answer.code], ["workers", false, 5]);
    assert.deepEqual(answer.killed, { code: null, signal: "SIGINT", trap: null });
    assert.equal(answer.restarts, 0); // its worker was not needed for that
    assert.deepEqual(answer.notes, []);
  },
);

test(
  "without JSPI and isolation, programs that may wait are interpreted: input, output and kill work",
  LIMIT,
  async (t) => {
    const { page } = await openBlank(t, { isolated: false });
    await page.evaluate(
      WITH_PROGRAM(ASKING, '{ assets: { worker: "/tests/browser/pages/worker-without-jspi.js" } }'),
    );
    const answer = await page.evaluate(`(async () => {
    const whole = await system.exec("./main", [], { input: "Ada Bob" });
    const process = await system.spawn("./main", [], { terminal: { cols: 80, rows: 24 } });
    const reader = process.output.getReader();
    const writer = process.stdin.getWriter();
    const turns = [];
    for (const name of ["Ada", "Bob"]) {
      let text = "";
      await writer.write(name + "\\n");
      while (!text.includes("Hello " + name)) text += new TextDecoder().decode((await reader.read()).value);
      turns.push(text);
    }
    const { code } = await process.exit;
    const other = await system.spawn("./main", [], { terminal: { cols: 80, rows: 24 } });
    if (!other.waiting) await new Promise((resolve) => (other.onwaiting = resolve));
    other.kill("SIGINT");
    const spent = await system.exec("./main", [], { input: "A", limits: { fuel: 50 } });
    return { whole, turns, code, killed: await other.exit, spent, can: system.capabilities };
  })()`);
    assert.deepEqual([answer.whole.code, answer.whole.stdout], [5, "Hello Ada\nHello Bob\n"]);
    assert.deepEqual(answer.turns, ["Ada\r\nHello Ada\r\n", "Bob\r\nHello Bob\r\n"]);
    assert.equal(answer.code, 5);
    assert.deepEqual(answer.killed, { code: null, signal: "SIGINT", trap: null });
    assert.deepEqual([answer.spent.code, answer.spent.limit], [152, "fuel"]);
    assert.equal(answer.can.waiting, "interp");
    assert.match(answer.can.notes[0], /^Neither JSPI .* nor a cross-origin isolated page/);
  },
);

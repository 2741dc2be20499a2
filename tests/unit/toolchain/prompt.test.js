/**
 * Prompts: what a program has printed appears before it waits for input, newline or not (the C library
 * alone would keep it), and programs that read no input carry nothing for it.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { HELLO, boot, sh } from "./support.js";

const ASKS = `#include <stdio.h>
int main(void) {
  char name[80];
  int age;
  printf("name? ");
  if (scanf("%79s", name) != 1) return 1;
  printf("age of %s? ", name);
  if (scanf("%d", &age) != 1) return 2;
  printf("%d\\n", age + 1);
  return 0;
}
`;

/** One of each way to read, in C and C++. */
const READERS = {
  "scanf.c": ASKS,
  "fgets.c": `#include <stdio.h>
    int main(void) { char line[80]; printf("name? "); return !fgets(line, sizeof line, stdin); }`,
  "getchar.c": `#include <stdio.h>
    int main(void) { fputs("name? ", stdout); return getchar() != 'b'; }`,
  "cin.cc": `#include <iostream>
    #include <string>
    #include <cstdio>
    int main() { std::string name; std::printf("name? "); return !(std::cin >> name); }`,
};

/**
 * Streams that note what happens in which order: what is written, and reads. Each read gets a line.
 * @param {string[]} lines
 * @param {boolean} terminal
 */
function noting(lines, terminal) {
  /** @type {string[]} */
  const events = [];
  const rest = [...lines];
  /** @type {import("../../../web/host.js").HostStream} */
  const input = {
    read(into) {
      const line = rest.shift() ?? "";
      events.push("read");
      return new TextEncoder().encodeInto(line, into).written;
    },
    ready: () => 1,
    whole: true,
    terminal,
  };
  /** @type {import("../../../web/host.js").HostStream} */
  const output = {
    write(from) {
      events.push(new TextDecoder().decode(from.slice()));
      return from.length;
    },
    ready: () => 2,
    terminal,
  };
  /** @type {[typeof input, typeof output, typeof output]} */
  const streams = [input, output, output];
  return { events, streams };
}

for (const tier of /** @type {const} */ (["direct", "interp"])) {
  for (const terminal of [true, false]) {
    const where = terminal ? "a terminal" : "pipes";
    test(`prompts appear before the program reads, on ${where}, on the ${tier} tier`, async () => {
      const system = await boot({ "asks.c": ASKS });
      assert.equal((await sh(system, "cc asks.c -o asks")).stderr, "");
      const { events, streams } = noting(["bob\n", "41\n"], terminal);
      const process = await system.spawn("./asks", [], { cwd: "/home", streams, tier });
      assert.equal((await process.exit).code, 0);
      assert.deepEqual(events, ["name? ", "read", "age of bob? ", "read", "42\n"]);
    });
  }
}

for (const [file, source] of Object.entries(READERS)) {
  test(`${file.replace(/\..*/, "")} is preceded by the prompt, optimised or not`, async () => {
    const system = await boot({ [file]: source });
    const command = file.endsWith(".cc") ? "c++" : "cc";
    for (const level of ["-O0", "-O2"]) {
      assert.equal((await sh(system, `${command} ${level} ${file} -o asks`)).stderr, "");
      const { events, streams } = noting(["bob\n", "41\n"], false);
      const process = await system.spawn("./asks", [], { cwd: "/home", streams });
      await process.exit;
      assert.deepEqual(events.slice(0, 2), ["name? ", "read"], level);
    }
  });
}

test("a program that reads no input is byte for byte what clang makes", async () => {
  const system = await boot({ "hello.c": HELLO });
  for (const command of ["cc", "clang"]) {
    const stack = command === "clang" ? " -Wl,-z,stack-size=1048576" : "";
    const { code, stderr } = await sh(system, `${command} -O1 hello.c -o hello${stack}`);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    await system.fs.rename("/home/hello", `/home/of-${command}`);
  }
  assert.deepEqual(
    await system.fs.readFile("/home/of-cc"),
    await system.fs.readFile("/home/of-clang"),
  );
});

test("linking for prompts leaves no file behind, and is left out where there is no /tmp", async () => {
  const system = await boot({ "asks.c": ASKS });
  assert.equal((await sh(system, "cc -c asks.c")).code, 0);
  assert.equal((await sh(system, "cc asks.o -o asks")).code, 0);
  assert.notEqual((await sh(system, "cc asks.o absent.o -o absent")).code, 0);
  assert.deepEqual(await system.fs.readdir("/tmp"), []);
  await system.fs.rmdir("/tmp");
  const { code, stderr } = await sh(system, "cc asks.o -o again");
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
});

test("a partial link without the C library is as clang makes it, and prompts when it is linked whole", async () => {
  const system = await boot({ "asks.c": ASKS });
  assert.equal((await sh(system, "cc -r -nostdlib asks.c -o part.o")).stderr, "");
  assert.equal((await sh(system, "cc part.o -o asks")).stderr, "");
  const { events, streams } = noting(["bob\n", "41\n"], false);
  const process = await system.spawn("./asks", [], { cwd: "/home", streams });
  await process.exit;
  assert.deepEqual(events.slice(0, 2), ["name? ", "read"]);
});

test("who links without the C library gets nothing of it", async () => {
  const system = await boot({ "bare.c": "void _start(void) {}\n" });
  const { code, stderr } = await sh(system, "cc -nostdlib bare.c -o bare");
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
});

// cc and its like from end to end: compiled, linked and run in one system.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HELLO, boot, sh } from "./support.js";

/**
 * @param {import("../../../web/system.js").ExecResult} result
 */
function succeeds({ code, stderr }) {
  assert.equal(stderr, "");
  assert.equal(code, 0);
}

test("cc -O2 compiles and links a program that runs", async () => {
  const system = await boot({ "hello.c": HELLO });
  succeeds(await sh(system, "cc -O2 hello.c -o hello"));
  const { code, stdout } = await sh(system, "./hello");
  assert.deepEqual([code, stdout], [0, "hello\n"]);
});

test("a program is executable and temporary files are gone, also after errors", async () => {
  const system = await boot({ "hello.c": HELLO, "bad.c": "int x = ;" });
  succeeds(await sh(system, "cc hello.c"));
  assert.equal((await system.fs.stat("/home/a.out")).mode & 0o777, 0o755);
  assert.equal((await sh(system, "cc hello.c bad.c")).code, 1);
  assert.deepEqual(await system.fs.readdir("/tmp"), []);
});

test("several files and a header of the volume make one program", async () => {
  const system = await boot({
    "main.c":
      '#include "lib/twice.h"\n#include <stdio.h>\nint main(void) { printf("%d\\n", twice(21)); }',
    "lib/twice.h": "int twice(int);",
    "lib/twice.c": '#include "twice.h"\nint twice(int x) { return 2 * x; }',
  });
  succeeds(await sh(system, "cc main.c lib/twice.c -o main"));
  assert.equal((await sh(system, "./main")).stdout, "42\n");
});

test("objects made by -c are linked later", async () => {
  const system = await boot({
    "a.c": "int b(void); int main(void) { return b(); }",
    "b.c": "int b(void) { return 7; }",
  });
  succeeds(await sh(system, "cc -c a.c b.c"));
  succeeds(await sh(system, "cc a.o b.o -o ab"));
  assert.equal((await sh(system, "./ab")).code, 7);
});

test("a static library made by ar is found by -L and -l", async () => {
  const system = await boot({
    "main.c": "int answer(void); int main(void) { return answer(); }",
    "answer.c": "int answer(void) { return 42; }",
  });
  succeeds(await sh(system, "cc -c answer.c -o answer.o"));
  await system.fs.mkdir("/home/lib");
  succeeds(await sh(system, "ar rcs lib/libanswer.a answer.o"));
  assert.equal((await sh(system, "ar t lib/libanswer.a")).stdout, "answer.o\n");
  assert.match((await sh(system, "nm lib/libanswer.a")).stdout, / T answer\n/);
  succeeds(await sh(system, "cc main.c -Llib -lanswer -o main"));
  assert.equal((await sh(system, "./main")).code, 42);
});

test("-D, -I, -std, -W and -g reach the compiler", async () => {
  const system = await boot({
    "main.c": '#include "value.h"\nint main(void) { int unused; return VALUE + FROM_HEADER; }',
    "include/value.h": "#define FROM_HEADER 2\n",
    "new.c": "int main(void) { auto x = 1; return x; }",
  });
  const { code, stderr } = await sh(system, "cc -Wall -DVALUE=40 -Iinclude -g main.c -o main");
  assert.equal(code, 0);
  assert.match(stderr, /^main\.c:2:22: warning: unused variable 'unused' \[-Wunused-variable\]\n/);
  assert.equal((await sh(system, "./main")).code, 42);
  const bytes = await system.fs.readFile("/home/main");
  assert.ok(Buffer.from(bytes).includes(".debug_info"), "no debug information");
  assert.ok(Buffer.from(bytes).includes("/home"), "debug information does not name the folder");
  assert.notEqual((await sh(system, "cc -std=c99 -pedantic-errors -c new.c")).code, 0);
  succeeds(await sh(system, "cc -std=c23 -c new.c"));
});

test("an error has clang's text and exit code, and comes as data", async () => {
  const system = await boot({ "bad.c": "int main(void) {\n  int x = 1\n  return x;\n}\n" });
  const { code, stdout, stderr, diagnostics } = await sh(system, "cc bad.c -o bad");
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    "bad.c:2:12: error: expected ';' at end of declaration\n" +
      "    2 |   int x = 1\n      |            ^\n      |            ;\n" +
      "1 error generated.\n",
  );
  assert.deepEqual(diagnostics, [
    {
      file: "bad.c",
      line: 2,
      column: 12,
      severity: "error",
      message: "expected ';' at end of declaration",
      option: null,
      fixits: [{ file: "bad.c", line: 2, column: 12, endLine: 2, endColumn: 12, text: ";" }],
    },
  ]);
  assert.equal(system.sync.exists("/home/bad"), false);
});

test("an undefined symbol is reported by the linker, then by the driver", async () => {
  const system = await boot({ "main.c": "int f(void); int main(void) { return f(); }" });
  const { code, stderr, diagnostics } = await sh(system, "cc main.c -o main");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^wasm-ld: error: .*: undefined symbol: f\nclang: error: linker command failed/,
  );
  assert.deepEqual(
    /** @type {any[]} */ (diagnostics).map(({ severity }) => severity),
    ["error", "error"],
  );
});

test("a missing input is the driver's to report", async () => {
  const system = await boot();
  const { code, stderr } = await sh(system, "cc missing.c");
  assert.deepEqual([code, stderr], [1, "clang: error: no such file or directory: 'missing.c'\n"]);
});

test("no input and unknown options are the driver's to report", async () => {
  const system = await boot({ "hello.c": HELLO });
  const { code, stderr } = await sh(system, "cc -O2");
  assert.deepEqual([code, stderr], [1, "clang: error: no input files\n"]);
  assert.match((await sh(system, "cc -fhello hello.c")).stderr, /unknown argument: '-fhello'/);
});

test("the driver's own plan is run where ours ends, and again with other temporary files", async () => {
  const system = await boot({ "hello.c": HELLO });
  for (let round = 0; round < 2; round++) {
    const { code, stderr } = await sh(system, "cc -ansi -flto hello.c -o hello");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal((await sh(system, "./hello")).stdout, "hello\n");
  }
  const { code, stderr } = await sh(system, "cc -c hello.c -lm");
  assert.equal(code, 0);
  assert.match(stderr, /^clang: warning: -lm: 'linker' input unused/);
  assert.deepEqual(await system.fs.readdir("/tmp"), []);
});

test("paths are relative to the working folder, upwards too", async () => {
  const system = await boot({
    "src/main.c": '#include "../include/n.h"\nint main(void) { return N; }',
    "include/n.h": "#define N 3\n",
  });
  await system.fs.mkdir("/home/build");
  succeeds(await sh(system, "cc ../src/main.c -o ../main", { cwd: "/home/build" }));
  succeeds(await sh(system, "cc /home/src/main.c -o ./main.wasm", { cwd: "/home/build" }));
  assert.equal((await sh(system, "../main", { cwd: "/home/build" })).code, 3);
  assert.equal((await sh(system, "build/main.wasm")).code, 3);
});

test("cc compiles its standard input", async () => {
  const system = await boot();
  succeeds(await sh(system, "cc -x c - -o hello", { input: HELLO }));
  assert.equal((await sh(system, "./hello")).stdout, "hello\n");
});

test("-E and -M write to standard output", async () => {
  const system = await boot({ "a.c": '#include "b.h"\nB\n', "b.h": "#define B 42\n" });
  assert.match((await sh(system, "cc -E -P a.c")).stdout, /^42\n$/);
  assert.equal((await sh(system, "cc -MM a.c")).stdout, "a.o: a.c b.h\n");
});

test("--version and -v are answered by the driver", async () => {
  const system = await boot({ "hello.c": HELLO });
  assert.match((await sh(system, "cc --version")).stdout, /^clang version \d+/);
  const { code, stderr } = await sh(system, "cc -v hello.c -o hello");
  assert.equal(code, 0);
  assert.match(stderr, /^clang version \d+[^]*\n "" "clang" "-cc1" [^]*\n "wasm-ld" /);
});

test("options in a file are read each time", async () => {
  const system = await boot({ "n.c": "int main(void) { return N; }", options: "-DN=4 n.c -o n" });
  succeeds(await sh(system, "cc @options"));
  assert.equal((await sh(system, "./n")).code, 4);
  await system.fs.writeFile("/home/options", "-DN=5 n.c -o n");
  succeeds(await sh(system, "cc @options"));
  assert.equal((await sh(system, "./n")).code, 5);
});

test("assembly is assembled, with and without the preprocessor", async () => {
  const system = await boot({
    "main.c": "int seven(void); int main(void) { return seven(); }",
    "seven.S":
      "#define VALUE 7\n.functype seven () -> (i32)\n.globl seven\n.type seven,@function\n" +
      "seven:\n.functype seven () -> (i32)\ni32.const VALUE\nend_function\n",
  });
  succeeds(await sh(system, "cc main.c seven.S -o main"));
  assert.equal((await sh(system, "./main")).code, 7);
  succeeds(await sh(system, "cc -S -O1 main.c"));
  succeeds(await sh(system, "cc main.s seven.S -o main2"));
  assert.equal((await sh(system, "./main2")).code, 7);
});

test("c++ compiles <iostream>", async () => {
  const system = await boot({
    "hello.cc":
      "#include <iostream>\n#include <string>\n#include <vector>\n" +
      'int main() { std::vector<std::string> v{"hello", "c++"};\n' +
      '  for (auto& s : v) std::cout << s << "\\n"; return v.at(1).size(); }\n',
    "throws.cc": "int main() { throw 1; }",
  });
  succeeds(await sh(system, "c++ -O1 hello.cc -o hello"));
  const { code, stdout } = await sh(system, "./hello");
  assert.deepEqual([code, stdout], [3, "hello\nc++\n"]);
  const refused = await sh(system, "c++ throws.cc -o throws");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /cannot use 'throw' with exceptions disabled/);
  const unlinked = await sh(system, "clang++ throws.cc -o throws");
  assert.equal(unlinked.code, 1);
  assert.match(unlinked.stderr, /undefined symbol: __cxa_throw/);
  assert.match(unlinked.stderr, /compile with -fno-exceptions\n$/);
});

test("on a terminal messages are coloured, and still read as data", async () => {
  const system = await boot({ "bad.c": "int x = ;" });
  const process = await system.spawn("cc", ["-c", "bad.c"], {
    cwd: "/home",
    terminal: { cols: 80, rows: 24 },
  });
  const shown = await new Response(/** @type {ReadableStream} */ (process.output)).text();
  const status = /** @type {{diagnostics?: {message: string}[]}} */ (await process.exit);
  assert.match(shown, /\u001b\[/);
  assert.doesNotMatch(shown, /fix-it/);
  assert.equal(status.diagnostics?.[0].message, "expected expression");
});

test("compilations at the same time do not disturb each other", async () => {
  const system = await boot({ "hello.c": HELLO, "seven.c": "int main(void) { return 7; }" });
  const results = await Promise.all([
    sh(system, "cc -O1 hello.c -o hello"),
    sh(system, "cc -O1 seven.c -o seven"),
    sh(system, "cc -c hello.c -o again.o"),
  ]);
  results.forEach(succeeds);
  assert.equal((await sh(system, "./hello")).stdout, "hello\n");
  assert.equal((await sh(system, "./seven")).code, 7);
});

test("what an earlier compilation did leaves no trace in a later one", async () => {
  const big = Array.from({ length: 400 }, (_, i) => `int f${i}(int x) { return x * ${i}; }`).join(
    "\n",
  );
  const system = await boot({ "a.c": HELLO, "big.c": big, "bad.c": "#error no\n" });
  const alone = await boot({ "a.c": HELLO });
  succeeds(await sh(alone, "cc -O2 -g -c a.c"));
  const expected = await alone.fs.readFile("/home/a.o");
  for (const before of ["cc -O3 -g -c big.c", "cc -c bad.c", "cc -S a.c", "nm a.o"]) {
    await sh(system, before);
    succeeds(await sh(system, "cc -O2 -g -c a.c"));
    assert.deepEqual(await system.fs.readFile("/home/a.o"), expected, `after ${before}`);
  }
});

test("cc gives programs a stack of a megabyte, unless told otherwise", async () => {
  const system = await boot({
    "large.c": `#include <stdio.h>
#include <string.h>
int main(void) { char line[500000]; memset(line, 'x', sizeof line); printf("%c\\n", line[499999]); return 0; }
`,
  });
  succeeds(await sh(system, "cc -O0 large.c -o large"));
  assert.equal((await sh(system, "./large")).stdout, "x\n");
  succeeds(await sh(system, "cc -O0 -Wl,-z,stack-size=65536 large.c -o small"));
  assert.notEqual((await sh(system, "./small")).trap, null);
});

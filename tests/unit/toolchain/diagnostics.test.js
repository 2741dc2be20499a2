// What clang writes, as data.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readMessages, tools as loadTools } from "./support.js";

const tools = await loadTools();

test("errors, warnings and notes have place, option and text", () => {
  const text =
    "In file included from main.c:1:\n" +
    "./a b.h:3:7: warning: unused variable 'x: y' [-Wunused-variable]\n" +
    "    3 |   int x;\n      |       ^\n" +
    "main.c:2:1: note: expanded from macro 'A'\n" +
    "main.c:9:10: fatal error: 'nope.h' file not found\n" +
    "1 warning and 1 error generated.\n";
  assert.deepEqual(
    readMessages(tools, text).map(({ file, line, column, severity, message, option }) => [
      ...[file, line, column, severity, message, option],
    ]),
    [
      ["./a b.h", 3, 7, "warning", "unused variable 'x: y'", "-Wunused-variable"],
      ["main.c", 2, 1, "note", "expanded from macro 'A'", null],
      ["main.c", 9, 10, "fatal", "'nope.h' file not found", null],
    ],
  );
});

test("messages of driver and linker have no line", () => {
  const text =
    "clang: error: no such file or directory: 'x.c'\n" +
    "wasm-ld: error: /tmp/a-000001.o: undefined symbol: f\r\n";
  assert.deepEqual(
    readMessages(tools, text).map(({ file, line, severity, message }) => [
      file,
      line,
      severity,
      message,
    ]),
    [
      [null, null, "error", "no such file or directory: 'x.c'"],
      [null, null, "error", "/tmp/a-000001.o: undefined symbol: f"],
    ],
  );
});

test("fix-its belong to the message before, with their escapes undone", () => {
  const text =
    "a.c:1:2: error: e\n" +
    'fix-it:"a.c":{1:3-1:5}:"\\"\\303\\244\\\\141\\n"\n' +
    'fix-it:"dir/\\"q\\".c":{2:1-2:1}:";"\n';
  const [{ fixits }] = readMessages(tools, text);
  assert.deepEqual(fixits, [
    { file: "a.c", line: 1, column: 3, endLine: 1, endColumn: 5, text: '"ä\\141\n' },
    { file: 'dir/"q".c', line: 2, column: 1, endLine: 2, endColumn: 1, text: ";" },
  ]);
  assert.deepEqual(readMessages(tools, 'fix-it:"a.c":{1:3-1:5}:"x"\n'), []);
});

test("colours do not hide a message", () => {
  const text =
    "\u001b[1mbad.c:1:9: \u001b[0m\u001b[0;1;31merror: \u001b[0m\u001b[1mexpected expression\u001b[0m\n";
  assert.equal(readMessages(tools, text)[0].message, "expected expression");
});

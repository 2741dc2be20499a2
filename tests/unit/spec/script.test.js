/** The reader of specification scripts: what it takes for a form, a comment, a string. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { headOf, parseForm, splitScript } from "../../spec/script.mjs";

/** @param {string} text */
const heads = (text) => splitScript(text).map(({ head, line }) => `${head}:${line}`);

test("top-level forms are found with the lines they begin on", () => {
  const text = `(module)\n;; (module)\n(; (; nested ;) ( ;)\n  (assert_return (invoke "f"))`;
  assert.deepEqual(heads(text), ["module:1", "assert_return:4"]);
});

test("parentheses, quotes and comment marks inside strings do not count", () => {
  const text = `(module quote "(\\")" ";;" "(;") (register "a)")`;
  assert.deepEqual(heads(text), ["module:1", "register:1"]);
});

test("annotations are blanks, wherever they stand", () => {
  const text = `((@a ")" (x)) module (@b) $m) (@c (module)) (register "m")`;
  assert.deepEqual(heads(text), ["module:1", "register:1"]);
  const form = parseForm(text, 0);
  assert.equal(headOf(form), "module");
  assert.deepEqual(
    form.items.map((item) => item.kind === "atom" && item.text),
    ["module", "$m"],
  );
});

test("a script of module fields is one module", () => {
  assert.deepEqual(heads('(func) (memory 0) (func (export "f"))'), ["fields:1"]);
});

test("a form that never closes is an error with its line", () => {
  assert.throws(() => splitScript("(module)\n(module (func)"), /line 2: .* never closes/);
});

test("string escapes become bytes", () => {
  const form = parseForm(String.raw`(register "\00\ff\t\n\"\'\\\u{20ac}z")`, 0);
  const string = form.items[1];
  assert.ok(string.kind === "string");
  assert.equal(Buffer.from(string.bytes).toString("hex"), "00ff090a22275ce282ac7a");
});

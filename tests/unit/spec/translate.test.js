/** Scripts become command lists: literals to the bit, modules to files, text-only assertions marked. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { translate } from "../../spec/translate.mjs";

/**
 * @param {string} script
 * @param {(folder: string, suite: string) => void | Promise<void>} check
 * @param {string} [name]
 */
async function translated(script, check, name = "example") {
  const suite = mkdtempSync(join(tmpdir(), "nidus-spec-"));
  try {
    writeFileSync(join(suite, `${name}.wast`), script);
    await check(await translate(suite, name, join(suite, "build")), suite);
  } finally {
    rmSync(suite, { recursive: true });
  }
}

/** @param {string} folder */
const commands = (folder) =>
  readFileSync(join(folder, "commands.txt"), "utf8").split("\n").slice(0, -1);

test("literals keep their bits, whatever their notation", async () => {
  const script = `(module)
(assert_return (invoke "f" (i32.const -1) (i64.const 0x1_0) (f32.const 0x1.fffffep+127)
  (f32.const -nan:0x200000) (f64.const 1.0000000000000002) (f64.const -inf) (ref.extern 3) (ref.null func))
  (f32.const nan:canonical) (v128.const i16x8 -1 0 1 2 3 4 5 0xffff)
  (v128.const f32x4 nan:arithmetic 1 -0 1e-45) (either (i32.const 1) (i32.const 2)))`;
  await translated(script, (folder) => {
    assert.deepEqual(commands(folder), [
      "module 1 - 0",
      "return 2 invoke - x66 i32:ffffffff i64:0000000000000010 f32:7f7fffff f32:ffa00000 " +
        "f64:3ff0000000000001 f64:fff0000000000000 extern:3 null => f32:canonical " +
        "i16x8:ffff,0000,0001,0002,0003,0004,0005,ffff " +
        "f32x4:arithmetic,3f800000,80000000,00000001 i32:00000001|i32:00000002",
    ]);
  });
});

test("modules of every encoding become files that compile", async () => {
  const script = String.raw`(module $a (func (export "f")))
(module binary "\00asm" "\01\00\00\00")
(module quote "(memory 1)" "(data (i32.const 0) \"\\00\")")
(module definition $d (global i32 (i32.const 1)))
(module instance $i $d)`;
  await translated(script, (folder) => {
    assert.deepEqual(commands(folder), [
      "module 1 $a 0",
      "module 2 - 1",
      "module 3 - 2",
      "definition 4 $d 3",
      "instance 5 $i $d",
    ]);
    const files = readdirSync(folder).filter((name) => name.endsWith(".wasm"));
    assert.equal(files.length, 4);
    for (const file of files) assert.ok(WebAssembly.validate(readFileSync(join(folder, file))));
  });
});

test("a malformed text is one that an assembler refuses; one that none refuses is told apart", async () => {
  const script = `(assert_malformed (module quote "(func") "unexpected end")
(assert_malformed (module quote "(func)") "this text is sound")
(assert_malformed (module binary "") "unexpected end")
(assert_invalid (module (func (result i32))) "type mismatch")`;
  await translated(script, (folder) => {
    assert.deepEqual(
      commands(folder).map((line) => line.split(" ")[0]),
      ["refused", "text", "malformed", "invalid"],
    );
  });
});

test("a form that nothing can assemble is reported, not dropped", async () => {
  await translated("(module (nonsense))", (folder) => {
    assert.match(commands(folder)[0], /^untranslated 1 x[0-9a-f]+$/);
  });
});

test("an unchanged script is not translated again", async () => {
  await translated("(module)", async (folder, suite) => {
    const before = statSync(join(folder, "commands.txt")).ino;
    await translate(suite, "example", join(suite, "build"));
    assert.equal(statSync(join(folder, "commands.txt")).ino, before);
    writeFileSync(join(suite, "example.wast"), "(module) (module)");
    await translate(suite, "example", join(suite, "build"));
    assert.equal(commands(folder).length, 2);
  });
});

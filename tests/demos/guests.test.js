/** Every sample program of demos/guests compiles without a warning, and does what its first lines say. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Nidus } from "../../node/index.js";

const FOLDER = new URL("../../demos/guests/", import.meta.url);
const FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror"];

/** @type {Awaited<ReturnType<typeof Nidus.boot>>} */
let system;
/** @type {Set<string>} */
const untested = new Set();

/**
 * Compiles a sample once and runs it.
 * @param {string} name
 * @param {string[]} [args]
 * @param {string} [input]
 */
async function run(name, args = [], input = "") {
  untested.delete(name);
  const source = readFileSync(new URL(`${name}.c`, FOLDER));
  await system.fs.writeFile(`/home/${name}.c`, source);
  const cc = await system.exec("cc", [...FLAGS, `${name}.c`, "-o", name], { cwd: "/home" });
  assert.equal(cc.stderr, "");
  assert.equal(cc.code, 0);
  return system.exec(`./${name}`, args, { cwd: "/home", input });
}

describe("the sample programs", () => {
  before(async () => {
    system = await Nidus.boot({ toolchain: true });
    for (const file of readdirSync(FOLDER).filter((file) => file.endsWith(".c"))) {
      untested.add(file.slice(0, -2));
    }
  });
  after(async () => {
    await system.close();
    assert.deepEqual([...untested], [], "samples without a test");
  });

  test("hello prints one line", async () => {
    const { code, stdout } = await run("hello");
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "hello, nidus\n" });
  });

  test("greet reads a name and an age", async () => {
    const { code, stdout } = await run("greet", [], "Ada\n36\n");
    assert.equal(code, 0);
    assert.match(stdout, /how old are you, Ada\? Next year you will be 37\.\n$/);
  });

  test("greet says what was wrong with its input", async () => {
    const { code, stderr } = await run("greet", [], "Ada\nold\n");
    assert.deepEqual(
      { code, stderr },
      { code: 1, stderr: "greet: an age is a number, zero or more\n" },
    );
  });

  test("cat joins files and standard input, and goes on after a file that is not there", async () => {
    await system.fs.writeFile("/home/one", "1\n");
    await system.fs.writeFile("/home/two", "2\n");
    const { code, stdout, stderr } = await run("cat", ["one", "none", "-", "two"], "input\n");
    assert.equal(stdout, "1\ninput\n2\n");
    assert.match(stderr, /^cat: cannot open none: No such file or directory\n$/);
    assert.equal(code, 1);
  });

  test("wc counts lines, words and bytes", async () => {
    const { code, stdout } = await run("wc", [], "one two\nthree\n");
    assert.deepEqual(stdout.trim().split(/ +/), ["2", "3", "14"]);
    assert.equal(code, 0);
  });

  test("notes keeps what it was given", async () => {
    assert.match((await run("notes")).stdout, /^No notes yet/);
    assert.equal((await run("notes", ["buy", "milk"])).stdout, " 1. buy milk\n");
    assert.equal((await run("notes", ["sleep"])).stdout, " 1. buy milk\n 2. sleep\n");
    assert.equal(String(await system.fs.readFile("/home/notes.txt", "utf8")), "buy milk\nsleep\n");
  });

  test("life moves the glider one cell in four generations", async () => {
    /** @param {string} stdout */
    const corner = (stdout) =>
      stdout
        .split("\n")
        .map((line) => line.slice(0, 8))
        .slice(0, 8);
    const start = corner((await run("life", ["0"])).stdout);
    const later = corner((await run("life", ["4"])).stdout);
    const moved = start.slice(0, -1).map((line) => `.${line.slice(0, -1)}`);
    assert.deepEqual(later.slice(1), moved);
  });

  test("mandelbrot is its own mirror image", async () => {
    const { stdout } = await run("mandelbrot", ["60"]);
    const lines = stdout.trimEnd().split("\n");
    assert.equal(stdout.split("\n").length, 21);
    const rows = stdout.split("\n").slice(0, 20);
    assert.deepEqual(rows, [...rows].reverse());
    assert.ok(lines.some((line) => line.includes("##########")));
  });
});

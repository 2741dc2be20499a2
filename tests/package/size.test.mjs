/** What a page has to download: the limits are promises of the README. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = fileURLToPath(new URL("../../web/", import.meta.url));

for (const [name, limit] of /** @type {const} */ ([
  ["kernel.wasm", 120_000],
  ["kernel.shared.wasm", 120_000],
  ["archive.wasm", 15_000],
  ["toolchain.wasm", 47_000],
  ["image.wasm", 20_000],
  ["salvage.wasm", 13_000],
  ["shell.wasm", 220_000],
  ["pthread.tar", 40_000],
  ["engine.wasm", 320_000],
  ["rewrite.wasm", 115_000],
])) {
  test(`${name} is at most ${limit / 1000} KB, uncompressed`, (t) => {
    const { size } = statSync(web + name);
    t.diagnostic(`${name}: ${size} bytes`);
    assert.ok(size <= limit, `${name} is ${size} bytes`);
  });
}

/**
 * Loaded by who has a volume of the layout before this one, once, and by who repairs one; and kinds of volumes that only those pages load
 * which ask for them (web/volume-kinds.js).
 */
const RARE = ["./volume-migrate.js", "./salvage.js", "./idbfs.js", "./opfs.js"];

/**
 * The host's JavaScript in bytes, minified: what a page loads to boot, shared parts once, what it loads only
 * when `cc` or the interpreter is first used, and what only pages load that export or import archives, look at
 * the volume of another tab, spawn processes from programs, have a terminal, boot with the shell, are isolated and
 * run programs in workers, or are not and let them take turns, or run programs that have threads.
 */
async function javascript() {
  const { metafile } = await build({
    entryPoints: [`${web}nidus.js`, `${web}worker.js`],
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    outdir: "/nowhere",
    write: false,
    metafile: true,
    external: ["*.wasm", "node:*", ...RARE],
    logLevel: "silent",
  });
  const { outputs } = metafile;
  const boot = new Set(Object.keys(outputs).filter((path) => /\/(nidus|worker)\.js$/.test(path)));
  for (const path of boot) {
    for (const { kind, path: imported } of outputs[path].imports) {
      if (kind === "import-statement" && outputs[imported]) boot.add(imported);
    }
  }
  const sum = (/** @type {Iterable<string>} */ paths) =>
    [...paths].reduce((total, path) => total + outputs[path].bytes, 0);
  const only = (/** @type {string} */ name) =>
    sum(Object.keys(outputs).filter((path) => outputs[path].entryPoint?.endsWith(`/${name}.js`)));
  const [
    archive = 0,
    view = 0,
    children = 0,
    shell = 0,
    threads = 0,
    guest = 0,
    keys = 0,
    tty = 0,
    turns = 0,
  ] = [
    "archive",
    "view",
    "children",
    "shell",
    "threads",
    "guest-threads",
    "page-terminal",
    "terminal",
    "turns",
  ].map(only);
  const terminal = keys + tty;
  const rare = archive + view + children + shell + threads + guest + terminal + turns;
  const later = sum(Object.keys(outputs)) - sum(boot) - rare;
  return {
    boot: sum(boot),
    later,
    archive,
    view,
    children,
    shell,
    threads,
    guest,
    terminal,
    turns,
  };
}

test("a page loads at most 56 KB of JavaScript in all, cc and the interpreter with it", async (t) => {
  const { boot, later, archive, view, children, shell, threads, guest, terminal, turns } =
    await javascript();
  t.diagnostic(
    `JavaScript, minified, uncompressed: ${boot} bytes to boot, ${later} when needed, ` +
      `${archive} for archives, ${view} for views, ${children} when programs spawn others, ${shell} for the shell, ` +
      `${terminal} for terminals, ${threads} for workers on isolated pages, ${turns} for turns on others, ${guest} for programs with threads`,
  );
  assert.ok(boot + later <= 56_000, `${boot + later} bytes`);
  assert.ok(archive > 0 && archive <= 2500, `${archive} bytes`);
  assert.ok(view > 0 && view <= 1500, `${view} bytes`);
  assert.ok(children > 0 && children <= 2000, `${children} bytes`);
  assert.ok(shell > 0 && shell <= 1000, `${shell} bytes`);
  assert.ok(threads > 0 && threads <= 9000, `${threads} bytes`);
  assert.ok(guest > 0 && guest <= 2500, `${guest} bytes`);
  assert.ok(turns > 0 && turns <= 3500, `${turns} bytes`);
  assert.ok(terminal > 0 && terminal <= 2000, `${terminal} bytes`);
});

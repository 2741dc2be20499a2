/**
 * The package as its users get it: packed, installed into an empty project, imported, run and
 * type-checked there. Nothing is downloaded.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @param {string} command @param {string[]} args @param {string} cwd */
const output = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/**
 * The code blocks of the README for pages, or those for Node: each is marked ```js page or ```js node.
 * @param {"page" | "node"} world
 */
function examples(world) {
  const text = readFileSync(join(root, "README.md"), "utf8");
  const blocks = [...text.matchAll(/^```js (\w+)\n([\s\S]*?)^```$/gm)];
  return blocks.filter(([, marked]) => marked === world).map(([, , code]) => code);
}

describe("the packed package", () => {
  /** @type {string} */
  let project;
  /** @type {string[]} */
  let files;

  before(() => {
    project = mkdtempSync(join(tmpdir(), "nidus-package-"));
    output(process.execPath, ["scripts/pack.mjs"], root);
    const packed = output(
      "npm",
      ["pack", "--json", "--ignore-scripts", "--pack-destination", project],
      root,
    );
    const [{ filename, files: listed }] = JSON.parse(packed);
    files = listed.map((/** @type {{path: string}} */ file) => file.path);
    writeFileSync(
      join(project, "package.json"),
      '{ "name": "user", "private": true, "type": "module" }\n',
    );
    const quiet = ["--offline", "--no-audit", "--no-fund", "--omit=optional", "--omit=peer"];
    output("npm", ["install", ...quiet, join(project, filename)], project);
  });

  after(() => rmSync(project, { recursive: true, force: true }));

  test("holds everything its exports and its command name", () => {
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    /** @param {unknown} value @returns {string[]} */
    const paths = (value) =>
      typeof value === "string"
        ? [value]
        : Object.values(/** @type {object} */ (value)).flatMap(paths);
    for (const path of [...paths(manifest.exports), ...paths(manifest.bin)]) {
      assert.ok(files.includes(path.replace(/^\.\//, "")), `${path} is packed`);
    }
    for (const name of [
      "kernel.wasm",
      "kernel.shared.wasm",
      "archive.wasm",
      "toolchain.wasm",
      "image.wasm",
      "salvage.wasm",
      "engine.wasm",
      "rewrite.wasm",
    ])
      assert.ok(files.includes(`web/${name}`), name);
  });

  test("holds neither sources in C nor tests", () => {
    assert.deepEqual(
      files.filter(
        (path) => !/^(web|node|types)\/|^(package\.json|README\.md|LICENSE)$/.test(path),
      ),
      [],
    );
  });

  test("is imported by name in Node, and names what it exports", () => {
    const script = 'import * as nidus from "nidus"; console.log(Object.keys(nidus).join(" "));';
    const names = output(process.execPath, ["--input-type=module", "-e", script], project)
      .trim()
      .split(" ");
    assert.ok(names.includes("NidusError"), names.join(" "));
    assert.ok(!names.includes("default"), "there are no default exports");
  });

  test("has a command that prints its help", () => {
    const bin = join(project, "node_modules", ".bin", "nidus");
    const { status, stdout, stderr } = spawnSync(bin, ["--help"], {
      cwd: project,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /nidus run/);
  });

  for (const [world, options] of /** @type {const} */ ([
    ["node", { module: "nodenext", types: ["node"] }],
    ["page", { module: "esnext", moduleResolution: "bundler", types: [] }],
  ])) {
    test(`has declarations with which the README's examples for a ${world} type-check strictly`, () => {
      const types = join(project, "node_modules", "@types");
      mkdirSync(types, { recursive: true });
      if (!existsSync(join(types, "node"))) {
        symlinkSync(join(root, "node_modules", "@types", "node"), join(types, "node"));
      }
      const files = examples(world).map((code, i) => {
        writeFileSync(join(project, `${world}${i}.ts`), code);
        return `${world}${i}.ts`;
      });
      assert.ok(files.length > 0, "the README has examples");
      const lib = ["es2023", "dom", "dom.iterable", "dom.asynciterable"];
      const compilerOptions = { noEmit: true, strict: true, target: "es2022", lib, ...options };
      const config = `tsconfig.${world}.json`;
      writeFileSync(join(project, config), JSON.stringify({ compilerOptions, files }));
      const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
      const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", config], {
        cwd: project,
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout);
    });
  }

  test("runs the README's examples for Node, given the compiler", () => {
    const peer = join(project, "node_modules", "@yowasp");
    mkdirSync(peer, { recursive: true });
    symlinkSync(join(root, "node_modules", "@yowasp", "clang"), join(peer, "clang"));
    const [example] = examples("node");
    writeFileSync(join(project, "example.mjs"), example);
    assert.equal(output(process.execPath, ["example.mjs"], project), "42\n");
  });
});

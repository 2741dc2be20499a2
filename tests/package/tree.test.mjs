/**
 * What the repository holds: nothing built, nothing downloaded, nothing large, no address of a
 * package registry, and documents whose links and commands are real.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Every file under version control that is in the work tree. */
const committed = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
  .split("\0")
  .filter((path) => path !== "" && existsSync(join(root, path)));

/** @param {string} path */
const read = (path) => readFileSync(join(root, path), "utf8");

test("no committed file is larger than 1 MB", () => {
  assert.ok(committed.length > 10, "git lists the files");
  const large = committed.filter((path) => statSync(join(root, path)).size > 1_000_000);
  assert.deepEqual(large, []);
});

test("no build output is committed, and no wasm module", () => {
  const built = committed.filter((path) =>
    /\.(o|a|so|tgz|wasm)$|^build\/|(^|\/)node_modules\/|\/dist\//.test(path),
  );
  assert.deepEqual(built, []);
});

test("no committed file names a package registry's host", () => {
  // Put together here, so that this file does not name one either.
  const hosts = [
    ["registry", "npmjs"],
    ["registry", "yarnpkg"],
    ["deb", "debian"],
    ["proxy", "golang"],
  ];
  const pattern = new RegExp(hosts.map((parts) => parts.join("\\.")).join("|"), "i");
  assert.deepEqual(
    committed.filter((path) => pattern.test(read(path))),
    [],
  );
});

test("the lock file records no download address, and an integrity for every package", () => {
  const lock = JSON.parse(read("package-lock.json"));
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === "") continue;
    assert.equal(entry.resolved, undefined, `${path} has a "resolved"`);
    assert.match(entry.integrity ?? "", /^sha512-/, `${path} has no integrity`);
  }
});

test("the package has no runtime dependency", () => {
  const manifest = JSON.parse(read("package.json"));
  assert.equal(manifest.dependencies, undefined);
  assert.deepEqual(Object.keys(manifest.peerDependencies), ["@yowasp/clang"]);
  assert.equal(manifest.peerDependenciesMeta["@yowasp/clang"].optional, true);
  assert.equal(
    manifest.devDependencies["@yowasp/clang"],
    manifest.peerDependencies["@yowasp/clang"],
  );
});

const documents = committed.filter((path) => path.endsWith(".md"));

test("every relative link in the documents leads to a file", () => {
  for (const path of documents) {
    for (const [, target] of read(path).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      assert.ok(existsSync(join(root, dirname(path), target)), `${path} links to ${target}`);
    }
  }
});

test("every npm script that a document names exists, and every script's file too", () => {
  const { scripts } = JSON.parse(read("package.json"));
  for (const path of documents) {
    for (const [, name] of read(path).matchAll(/\bnpm run ([a-z][a-z:-]*)/g)) {
      assert.ok(Object.hasOwn(scripts, name), `${path} names npm run ${name}`);
    }
  }
  for (const [name, command] of Object.entries(scripts)) {
    const file = /^node (\S+)/.exec(command)?.[1];
    if (file) assert.ok(existsSync(join(root, file)), `npm run ${name} starts ${file}`);
  }
});

/**
 * Stamps: what a step of the set-up was made from. A step is skipped when its inputs hash to what
 * they hashed to when it last succeeded, and what it makes is still there.
 *
 * Invariant: a stamp is written only after its step has succeeded. Contents are hashed, not times,
 * so a fresh clone, a branch switched to and back, or a `touch` cost nothing.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./process.mjs";

/** Folders that hold what was built or downloaded, never a source. */
const skipped = new Set(["build", "node_modules", "dist", ".git", "types"]);

/**
 * Every file below the given files and folders, sorted; those that do not exist are left out.
 * @param {string[]} paths relative to the root
 * @returns {string[]} relative to the root
 */
export function filesBelow(paths) {
  /** @type {string[]} */
  const found = [];
  const pending = [...paths];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat?.isFile()) found.push(path);
    if (!stat?.isDirectory()) continue;
    for (const name of readdirSync(join(root, path))) {
      if (!skipped.has(name)) pending.push(join(path, name));
    }
  }
  return found.sort();
}

/**
 * @param {string[]} paths files and folders relative to the root
 * @param {string[]} facts whatever else the result depends on, such as a compiler's version
 */
export function hashOf(paths, facts = []) {
  const hash = createHash("sha256");
  for (const fact of [root, ...facts]) hash.update(`${fact}\0`);
  for (const path of filesBelow(paths)) {
    const bytes = readFileSync(join(root, path));
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** @param {string} name */
const stampPath = (name) => join(root, "build", "stamps", name);

/**
 * Whether step `name` has been done for these inputs and its results are there.
 * @param {string} name
 * @param {string} hash
 * @param {string[]} results paths that the step makes
 */
export function isDone(name, hash, results) {
  const path = stampPath(name);
  return (
    existsSync(path) &&
    readFileSync(path, "utf8") === hash &&
    results.every((result) => existsSync(join(root, result)))
  );
}

/** @param {string} name @param {string} hash */
export function markDone(name, hash) {
  const path = stampPath(name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, hash);
}

/** @param {string} name */
export function forget(name) {
  rmSync(stampPath(name), { force: true });
}

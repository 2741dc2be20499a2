/**
 * Which scripts of the test suite are in scope: all but those listed here, each with the feature
 * that the engine does not have. Nothing leaves the run unless this table names it.
 */

/** @type {Record<string, string>} feature -> scripts, relative to the suite, without ".wast" */
const OUT_OF_SCOPE = {};

/**
 * Assertions that hold for an engine which allows one table and one memory only: the threads proposal forks
 * from the first version of WebAssembly, which did.
 * @param {string} name of the script
 * @param {string} message of the assert_invalid
 */
export function knowsOne(name, message) {
  return name.startsWith("proposals/threads/") && /^multiple (tables|memories)$/.test(message);
}

const reasons = new Map(
  Object.entries(OUT_OF_SCOPE).flatMap(([feature, names]) =>
    names.split(" ").map((name) => /** @type {[string, string]} */ ([name, feature])),
  ),
);

/**
 * The feature that puts a script out of scope, or undefined.
 * @param {string} name relative to the suite, without ".wast"
 */
export function outOfScope(name) {
  return reasons.get(name);
}

/**
 * Names in the table that the suite does not have: the table is then stale.
 * @param {Iterable<string>} names of all scripts
 */
export function unknownNames(names) {
  const known = new Set(names);
  return [...reasons.keys()].filter((name) => !known.has(name));
}

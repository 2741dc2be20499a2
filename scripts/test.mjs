/**
 * npm test [-- STAGE...]: the set-up, then every test, or those of the named stages. A stage that
 * fails does not keep the next from running; the closing lines of all runners are repeated at the end,
 * and the status is 0 only if every one of them passed. A stage that finds no tests has failed.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { CURRENT_NODE, currentNode } from "./lib/current-node.mjs";
import { ScriptError, run, script, since } from "./lib/process.mjs";
import { filesBelow } from "./lib/stamp.mjs";
import { build, setup } from "./setup.mjs";
import { buildPlayground } from "./start.mjs";

/** How long each fuzz target runs here; `npm run fuzz` gives each 60 seconds. */
const FUZZ_SECONDS = 10;

/** No stage needs this long; one that does hangs. */
const STAGE_MINUTES = 25;

/** @typedef {{status: number, output: string, skipped?: string}} Result `skipped`: why nothing was run */

/** @param {string[]} folders the test files below these folders */
const testFiles = (folders) => filesBelow(folders).filter((file) => /\.test\.m?js$/.test(file));

/**
 * @param {string[]} files
 * @param {string[]} [flags]
 * @param {string} [node] the program to run them with
 * @returns {Promise<Result>}
 */
async function nodeTest(files, flags = [], node = process.execPath) {
  if (files.length === 0) return { status: 1, output: "no test files found\n" };
  const args = ["--test", "--test-reporter=spec", ...flags, ...files];
  return run(node, args, { minutes: STAGE_MINUTES });
}

/**
 * The flag for so many test files at once, where this Node has it; by itself it leaves a processor free.
 * @param {number} count
 */
function atOnce(count) {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return major > 21 || (major === 20 && minor >= 10) ? [`--test-concurrency=${count}`] : [];
}

/** @param {string} folder @returns {Promise<Result>} */
async function ctest(folder) {
  const args = ["--test-dir", folder, "--output-on-failure", "--no-tests=error", "-j", "2"];
  return run("ctest", args, { minutes: STAGE_MINUTES });
}

/** Folders below tests/ that are not plain node:test suites, each run in its own way. */
const special = new Set(["browser", "bench", "fuzz", "soak"]);

/**
 * What differs between Nodes: how programs wait (JSPI), memories (multi-memory), workers, threads and atomic waits. A
 * test of these that is skipped in the oldest Node must run in a current one.
 */
const HOST_TESTS = [
  ..."direct limits pipes process shared terminal turns waiting wasi-threads workers"
    .split(" ")
    .map((name) => `tests/unit/host/${name}.test.js`),
  "tests/unit/kernel/modules.test.js",
  "tests/unit/toolchain/threads.test.js",
  "tests/unit/shell/shell.test.js",
];
/** Of the package's tests those in which Node imports it or runs its command. */
const PACKAGE_TEST = "tests/package/install.test.mjs";
const IN_NODE = "--test-name-pattern=in Node|for Node|command";

/** @type {Array<{name: string, what: string, closing: RegExp, run: () => Promise<Result>}>} */
const stages = [
  {
    name: "native",
    what: "C tests, release build (ctest)",
    closing: /tests passed|tests? failed out of|^spec: /,
    run: () => ctest("build/native"),
  },
  {
    name: "sanitize",
    what: "C tests under the address and undefined-behaviour sanitisers (ctest)",
    closing: /tests passed|tests? failed out of/,
    run: async () => {
      await build("sanitize", ["-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DNIDUS_SANITIZE=ON"]);
      return ctest("build/sanitize");
    },
  },
  {
    name: "node",
    what: "JavaScript tests in Node (node --test)",
    closing: /^ℹ (tests|pass|fail|skipped) /,
    run: () => {
      const suites = testFiles(["tests"]).filter((file) => !special.has(file.split("/")[1]));
      return nodeTest(suites, atOnce(availableParallelism()));
    },
  },
  {
    name: "current-node",
    what: `tests of hosts, workers and threads in Node ${CURRENT_NODE} or newer (node --test)`,
    closing: /^ℹ (tests|pass|fail|skipped) |^A test of hosts/,
    run: async () => {
      const { program, reason } = await currentNode();
      if (program === undefined) return { status: 0, output: "", skipped: reason };
      const runs = [
        await nodeTest(HOST_TESTS, [], program),
        await nodeTest([PACKAGE_TEST], [IN_NODE], program),
      ];
      const output = runs.map((each) => each.output).join("\n");
      const status = Math.max(...runs.map((each) => each.status));
      if (status !== 0 || /^ℹ skipped 0$/m.test(runs[0].output)) return { status, output };
      return {
        status: 1,
        output: `${output}\nA test of hosts was skipped in Node ${CURRENT_NODE}.\n`,
      };
    },
  },
  {
    name: "browser",
    what: "tests in Chromium (node --test, playwright-core)",
    closing: /^ℹ (tests|pass|fail|skipped) /,
    run: async () => {
      await buildPlayground();
      // One file after the other: each starts a browser of its own.
      return nodeTest(testFiles(["tests/browser"]), atOnce(1));
    },
  },
  {
    name: "check",
    what: "types and format (tsc, Prettier)",
    closing: /found nothing|failed/,
    run: () => run(process.execPath, [join("scripts", "check.mjs")], { minutes: STAGE_MINUTES }),
  },
  {
    name: "fuzz",
    what: `every fuzz target for ${FUZZ_SECONDS} s (libFuzzer)`,
    closing: /^fuzz: |Fuzzing found/,
    run: () =>
      run(process.execPath, [join("scripts", "fuzz.mjs"), "--seconds", String(FUZZ_SECONDS)], {
        minutes: STAGE_MINUTES,
      }),
  },
];

await script(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    const names = stages.map((stage) => stage.name).join(", ");
    throw new ScriptError(`There is no test stage ${unknown.join(", ")}; there are: ${names}.`);
  }
  const begin = performance.now();
  await setup();
  /** @type {string[]} */
  const summary = [];
  /** @type {string[]} */
  const failed = [];
  let skipped = 0;
  for (const stage of stages) {
    if (wanted.length > 0 && !wanted.includes(stage.name)) continue;
    console.log(`\n== ${stage.name}: ${stage.what}`);
    const start = performance.now();
    /** @type {Result} */
    let result;
    try {
      result = await stage.run();
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      console.error(error.message);
      result = { status: 1, output: `${error.message}\n` };
    }
    if (result.skipped !== undefined) {
      skipped++;
      console.log(`skipped: ${result.skipped}`);
      summary.push(`skipped ${stage.name}: ${stage.what}`, `        ${result.skipped}`);
      continue;
    }
    const passed = result.status === 0;
    if (!passed) failed.push(stage.name);
    summary.push(`${passed ? "passed" : "FAILED"}  ${stage.name} (${since(start)}): ${stage.what}`);
    const lines = result.output.replace(/\x1b\[[0-9;]*m/g, "").split("\n");
    const closing = lines.filter((line) => stage.closing.test(line)).slice(-8);
    for (const line of closing.length > 0 ? closing : lines.filter(Boolean).slice(-2))
      summary.push(`        ${line}`);
  }
  console.log(`\n== results\n${summary.join("\n")}`);
  const total = `in ${since(begin)}`;
  if (failed.length > 0)
    throw new ScriptError(`npm test: failed in ${failed.join(", ")}, ${total}.`);
  const count = wanted.length || stages.length;
  const ran = skipped
    ? `${count - skipped} stages passed, ${skipped} skipped`
    : `all ${count} stages passed`;
  console.log(`\nnpm test: ${ran}, ${total}.`);
});

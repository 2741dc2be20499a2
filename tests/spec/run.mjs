/**
 * Runs the WebAssembly specification's own tests.
 *
 *   node tests/spec/run.mjs [--wasm | --program P | [--host | --rewritten] [--chromium]] [--all] [--verbose] [FILE...]
 *
 *   (nothing)   the native engine: build/native/tests/spec/run_commands
 *   --wasm      the same program and engine compiled to wasm, under this Node
 *   --host      this Node's own WebAssembly: checks the translation, not the engine
 *   --rewritten the same, every module rewritten by the engine with checks: checks the rewriter
 *   --chromium  with either: in Chromium, which has all of WebAssembly 3.0, instead of Node
 *   --program P the program P, for builds elsewhere
 *   --all       the files out of scope too
 *   FILE        only these, such as `i32` or `proposals/threads/atomic`
 *
 * The suite is the folder that NIDUS_SPEC_TESTS names, or ../shared/spec. Status: 0 all passed,
 * 1 something failed, 77 there is no suite (which ctest calls skipped).
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { outOfScope, unknownNames } from "./scope.mjs";
import { translate } from "./translate.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A script that takes longer hangs. The longest takes some seconds under the sanitisers. */
const SCRIPT_SECONDS = 60;

/** Failures shown per file, unless --verbose. */
const SHOWN_FAILURES = 5;

/**
 * @typedef {object} Result
 * @property {number} passed
 * @property {number} failed
 * @property {number} text malformed texts that the assemblers accept, which no engine sees
 * @property {number} superseded assertions that a later feature contradicts
 * @property {number} unsupported assertions on modules refused as beyond the engine's features
 * @property {string[]} failures
 */

function suiteFolder() {
  const candidates = [process.env.NIDUS_SPEC_TESTS, join(root, "..", "shared", "spec")];
  for (const folder of candidates) {
    if (folder && existsSync(join(folder, "i32.wast"))) return resolve(folder);
  }
  const named = process.env.NIDUS_SPEC_TESTS;
  console.error(
    `THE SPECIFICATION TESTS DID NOT RUN: ${named ? `NIDUS_SPEC_TESTS is ${named}, which holds no i32.wast` : "NIDUS_SPEC_TESTS is not set"}, ` +
      "and there is no ../shared/spec. Set NIDUS_SPEC_TESTS to a checkout of WebAssembly/testsuite.",
  );
  process.exit(77);
}

/**
 * All scripts below a folder, without ".wast", sorted.
 * @param {string} suite
 */
function scriptsOf(suite) {
  return readdirSync(suite, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".wast"))
    .map((name) => name.slice(0, -".wast".length))
    .sort();
}

/**
 * Executes translated folders in one process after the other: a crash or a hang fails the script
 * that it happened in, and the next process goes on behind it.
 * @param {string[]} command
 * @param {string[]} folders
 * @param {(folder: string, result: Result) => void} report
 */
async function execute(command, folders, report) {
  for (let done = 0; done < folders.length;) {
    const child = spawn(command[0], [...command.slice(1), ...folders.slice(done)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    let late = false;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        late = true;
        child.kill("SIGKILL");
      }, SCRIPT_SECONDS * 1000);
    };
    const ended = new Promise((settle) => {
      child.on("error", (error) => {
        console.error(`spec: ${command.join(" ")} could not be started: ${error.message}.`);
        process.exit(1);
      });
      child.on("close", (status, signal) => settle(signal ?? (status ? `status ${status}` : "")));
    });
    watch();
    /** @type {string[]} */
    let failures = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const summary = /^= (.*) (\d+) (\d+) (\d+) (\d+) (\d+)$/.exec(line);
      if (!summary) {
        failures.push(line);
        continue;
      }
      const [passed, failed, text, superseded, unsupported] = summary.slice(2).map(Number);
      report(summary[1], { passed, failed, text, superseded, unsupported, failures });
      failures = [];
      done++;
      watch();
    }
    const end = await ended;
    clearTimeout(timer);
    if (done < folders.length && (end || failures.length > 0 || done === 0)) {
      const what = late ? `no end after ${SCRIPT_SECONDS} s` : `the program ended: ${end}`;
      failures.push(`${folders[done]}: ${what}`);
      const none = { passed: 0, text: 0, superseded: 0, unsupported: 0 };
      report(folders[done], { ...none, failed: 1, failures });
      done++;
    } else if (done < folders.length) {
      throw new Error(`${command.join(" ")} ended in silence before ${folders[done]}`);
    } else if (end) {
      // All scripts were executed, and then something was wrong: a leak, says the sanitiser.
      const none = { passed: 0, text: 0, superseded: 0, unsupported: 0 };
      const failures = [`after the last script the program ended: ${end}`];
      report(folders[done - 1], { ...none, failed: 1, failures });
    }
  }
}

/**
 * The program that executes command lists.
 * @param {"native" | "wasm" | "host" | "rewritten"} world
 * @param {boolean} chromium instead of this Node
 * @param {string} [given] instead of the one of `build/`
 */
function programOf(world, chromium, given) {
  if (given) return /\.c?js$/.test(given) ? [process.execPath, given] : [given];
  const runHost = join(root, "tests", "spec", chromium ? "run_chromium.mjs" : "run_host.mjs");
  if (world === "host") return [process.execPath, runHost];
  if (world === "rewritten") return [process.execPath, runHost, "--rewritten"];
  const folder = join(root, "build", world, "tests", "spec");
  const file = join(folder, world === "wasm" ? "run_commands.cjs" : "run_commands");
  if (!existsSync(file)) {
    console.error(`spec: ${relative(root, file)} is not built; run \`npm run setup\` first.`);
    process.exit(1);
  }
  return world === "wasm" ? [process.execPath, file] : [file];
}

async function main() {
  const { values: options, positionals } = parseArgs({
    options: {
      wasm: { type: "boolean" },
      host: { type: "boolean" },
      rewritten: { type: "boolean" },
      chromium: { type: "boolean" },
      program: { type: "string" },
      all: { type: "boolean" },
      verbose: { type: "boolean", short: "v" },
    },
    allowPositionals: true,
  });
  const suite = suiteFolder();
  const all = scriptsOf(suite);
  const wanted = positionals.map((name) => name.replace(/\.wast$/, ""));
  const missing = wanted.filter((name) => !all.includes(name));
  if (missing.length > 0) {
    console.error(`spec: the suite ${suite} has no ${missing.join(", ")}.`);
    process.exit(1);
  }
  const left = all.filter((name) => !options.all && wanted.length === 0 && outOfScope(name));
  const names = (wanted.length > 0 ? wanted : all).filter((name) => !left.includes(name));
  const world = options.wasm
    ? "wasm"
    : options.rewritten
      ? "rewritten"
      : options.host || options.chromium
        ? "host"
        : "native";
  const program = programOf(world, options.chromium === true, options.program);

  const build = join(root, "build", "spec");
  /** @type {string[]} */
  const folders = [];
  for (const name of names) folders.push(await translate(suite, name, build));

  const total = { passed: 0, failed: 0, text: 0, superseded: 0, unsupported: 0 };
  await execute(program, folders, (folder, result) => {
    const { passed, failed, text, superseded, unsupported, failures } = result;
    total.passed += passed;
    total.failed += failed;
    total.text += text;
    total.superseded += superseded;
    total.unsupported += unsupported;
    const why = Object.entries({ text, superseded, unsupported })
      .filter(([, count]) => count > 0)
      .map(([reason, count]) => `${reason} ${count}`)
      .join(", ");
    console.log(
      `${failed ? "FAILED" : "ok    "} ${relative(build, folder).padEnd(40)} passed ${String(passed).padStart(5)}` +
        `  failed ${String(failed).padStart(4)}  skipped ${String(text + superseded + unsupported).padStart(4)}${why && ` (${why})`}`,
    );
    const shown = options.verbose ? failures : failures.slice(0, SHOWN_FAILURES);
    for (const line of shown) console.log(`       ${line.replace(`${build}/`, "")}`);
    if (shown.length < failures.length)
      console.log(`       and ${failures.length - shown.length} more`);
  });

  if (left.length > 0) {
    console.log(
      `\nOut of scope, ${left.length} files, each for a feature that the engine does not have:`,
    );
    for (const feature of new Set(left.map(outOfScope))) {
      const files = left.filter((name) => outOfScope(name) === feature);
      console.log(`  ${feature}: ${files.join(" ")}`);
    }
  }
  for (const name of unknownNames(all))
    console.log(`note: scope.mjs names ${name}, which the suite lacks`);
  if (total.text > 0) {
    console.log(
      `\nSkipped as text: ${total.text} malformed texts that the assemblers accept; an engine sees only bytes.`,
    );
  }
  if (total.superseded > 0) {
    console.log(
      `Skipped as superseded: ${total.superseded} assertions that several tables or memories are invalid.`,
    );
  }
  if (total.unsupported > 0) {
    console.log(
      `Skipped as unsupported: ${total.unsupported} assertions on modules beyond the engine's features.`,
    );
  }
  const skipped = total.text + total.superseded + total.unsupported;
  console.log(`spec: ${total.passed} passed, ${total.failed} failed, ${skipped} skipped`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

await main();

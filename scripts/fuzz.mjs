/**
 * npm run fuzz [-- --seconds N] [NAME...]: builds the libFuzzer targets of tests/fuzz with clang and
 * runs each of them, or the named ones, for 60 seconds, as many at once as there are processors;
 * `differential` compares the engine with the host's WebAssembly as long. A finding is kept in
 * build/fuzz/findings and its reproducing command is printed. Seeds that are modules are kept as text
 * and assembled here.
 */
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ScriptError, root, run, script } from "./lib/process.mjs";
import { filesBelow } from "./lib/stamp.mjs";
import { build, setup } from "./setup.mjs";

/** Where the targets are, once built: every program named fuzz_… below build/fuzz. */
function targets() {
  /** @type {string[]} */
  const found = [];
  const pending = [join(root, "build", "fuzz")];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !/^(CMakeFiles|findings|corpus|seeds)$/.test(entry.name))
        pending.push(path);
      if (entry.isFile() && /^fuzz_\w+$/.test(entry.name)) found.push(path);
    }
  }
  return found.sort();
}

/**
 * Lays out the seeds of a target; answers their folder, or nothing where there are none.
 * @param {string} name
 * @returns {Promise<string[]>}
 */
async function seedsOf(name) {
  const kept = filesBelow([join("tests", "fuzz", "corpus", name)]);
  const folder = join(root, "build", "fuzz", "seeds", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of kept) {
    const from = join(root, file);
    const to = join(folder, basename(file).replace(/\.wat$/, ".wasm"));
    if (!file.endsWith(".wat")) copyFileSync(from, to);
    else writeFileSync(to, await assembled(file, readFileSync(from, "latin1")));
  }
  return kept.length > 0 ? [folder] : [];
}

/**
 * @param {string} file
 * @param {string} text
 */
async function assembled(file, text) {
  // From npm's packages, which only the set-up has made sure of.
  const { assemble } = await import("../tests/spec/assemble.mjs");
  try {
    return await assemble(text);
  } catch (error) {
    throw new ScriptError(`${file} cannot be assembled: ${error}`);
  }
}

/**
 * Runs one target; prints what came of it.
 * @param {string} target its program
 * @param {number} seconds
 * @param {string} findings where inputs that fail are kept
 * @returns {Promise<boolean>} nothing was found
 */
async function fuzzTarget(target, seconds, findings) {
  const name = target.replace(/.*\/fuzz_/, "");
  const grown = join(root, "build", "fuzz", "corpus", name);
  mkdirSync(grown, { recursive: true });
  const seeds = await seedsOf(name);
  const limits = [`-max_total_time=${seconds}`, "-timeout=10", "-rss_limit_mb=2048"];
  const args = [
    ...limits,
    `-artifact_prefix=${findings}/${name}-`,
    "-print_final_stats=1",
    grown,
    ...seeds,
  ];
  const { status, output } = await run(target, args, { quiet: true, minutes: seconds / 60 + 3 });
  const runs = /number_of_executed_units: (\d+)/.exec(output)?.[1] ?? "0";
  if (status === 0 && Number(runs) > 0) {
    console.log(`fuzz ${name}: ${runs} runs in ${seconds} s, nothing found`);
    return true;
  }
  process.stderr.write(output);
  const input = /Test unit written to (\S+)/.exec(output)?.[1];
  const again = input ? ` Again with: ${relative(root, target)} ${relative(root, input)}` : "";
  console.error(`fuzz ${name}: failed with status ${status}.${again}`);
  return false;
}

/**
 * The engine against the host's WebAssembly, on random modules.
 * @param {number} seconds
 * @returns {Promise<boolean>} no difference was found
 */
async function compareWithHost(seconds) {
  const compare = [join("tests", "fuzz", "differential.mjs"), "--seconds", String(seconds)];
  const { status } = await run(process.execPath, compare, { minutes: seconds / 60 + 3 });
  return status === 0;
}

/**
 * Runs the targets; throws when one finds something.
 * @param {number} seconds for each target
 * @param {string[]} names without the prefix fuzz_; all when empty
 */
export async function fuzz(seconds, names) {
  await build("fuzz", [
    "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
    "-DCMAKE_C_COMPILER=clang",
    "-DNIDUS_FUZZ=ON",
  ]);
  const all = targets();
  const differential = names.length === 0 || names.includes("differential");
  const chosen = all.filter(
    (path) => names.length === 0 || names.some((name) => path.endsWith(`/fuzz_${name}`)),
  );
  if (chosen.length === 0 && !differential) {
    const known = [...all.map((path) => path.replace(/.*\/fuzz_/, "")), "differential"].join(", ");
    throw new ScriptError(`There is no fuzz target ${names.join(", ")}; there are: ${known}.`);
  }
  const findings = join(root, "build", "fuzz", "findings");
  mkdirSync(findings, { recursive: true });
  /** @type {string[]} */
  const failed = [];
  const pending = chosen.map((target) => ({
    name: target.replace(/.*\/fuzz_/, ""),
    passes: () => fuzzTarget(target, seconds, findings),
  }));
  if (differential) pending.push({ name: "differential", passes: () => compareWithHost(seconds) });
  const count = pending.length;
  // Each takes one processor, so as many at once as there are.
  const turns = Array.from({ length: Math.min(count, availableParallelism()) }, async () => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift())
      if (!(await next.passes())) failed.push(next.name);
  });
  await Promise.all(turns);
  if (failed.length > 0) throw new ScriptError(`Fuzzing found something in: ${failed.join(", ")}.`);
  console.log(`fuzz: ${count} targets, ${seconds} s each, nothing found`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await script(async () => {
    const { values, positionals } = parseArgs({
      options: { seconds: { type: "string", default: "60" } },
      allowPositionals: true,
    });
    const seconds = Number(values.seconds);
    if (!Number.isInteger(seconds) || seconds < 1) {
      throw new ScriptError(`--seconds wants a whole number, not ${values.seconds}.`);
    }
    await setup();
    await fuzz(seconds, positionals);
  });
}

/**
 * npm run demo: the set-up, then the main job, once, in front of your eyes. Nidus boots in Node, clang
 * compiles a C program inside it, the program runs, and what that took is printed: the time of each
 * step and the bytes involved.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ScriptError, root, script } from "./lib/process.mjs";
import { setup } from "./setup.mjs";

/** The program that is compiled, and the arguments it is run with. */
const SOURCE = "demos/guests/life.c";
const ARGUMENTS = ["32"];

/** @param {number} bytes */
const size = (bytes) => (bytes < 10_000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} KB`);

/** @param {number} ms */
const time = (ms) => `${ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** @type {Array<[string, string]>} */
const times = [];

/**
 * Does a step and notes how long it took.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} job
 */
async function step(name, job) {
  const start = performance.now();
  const result = await job();
  times.push([name, time(performance.now() - start)]);
  return result;
}

/** @param {string} title @param {Array<[string, string]>} rows */
function table(title, rows) {
  console.log(`\n${title}`);
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) console.log(`  ${name.padEnd(width)}  ${value.padStart(12)}`);
}

await script(async () => {
  await step("set-up", setup);
  // Only now are the packages and modules there that this loads.
  const { Nidus } = await import("../node/index.js");
  const source = readFileSync(join(root, SOURCE), "utf8");

  const system = await step("boot", () => Nidus.boot({ toolchain: true }));
  await system.fs.writeFile("/home/life.c", source);

  const compile = ["-O2", "-Wall", "life.c", "-o", "life"];
  /** @param {string} name */
  const cc = (name) =>
    step(name, async () => {
      const { code, stderr } = await system.exec("cc", compile, { cwd: "/home" });
      if (code !== 0) throw new ScriptError(`cc ended with ${code}:\n${stderr}`);
    });
  await cc("first compile and link");
  await cc("second compile and link");

  const result = await step("run", () => system.exec("./life", ARGUMENTS, { cwd: "/home" }));
  if (result.code !== 0) {
    throw new ScriptError(
      `The program ended with ${result.code ?? result.signal}:\n${result.stderr}`,
    );
  }
  console.log(`\n$ cc ${compile.join(" ")}\n$ ./life ${ARGUMENTS.join(" ")}`);
  process.stdout.write(result.stdout);

  const llvm = join(root, "node_modules", "@yowasp", "clang");
  const { version } = JSON.parse(readFileSync(join(llvm, "package.json"), "utf8"));
  /** @param {string} path */
  const onDisk = (path) => size(statSync(join(root, path)).size);
  const program = await system.fs.stat("/home/life");
  table(`Compiled: ${SOURCE}, with clang of @yowasp/clang ${version}, as guests of the kernel`, [
    ["the source", size(source.length)],
    ["the program, a WASI module", size(program.size)],
    ["its output", size(result.stdout.length)],
    ["kernel.wasm", onDisk("web/kernel.wasm")],
    [
      "clang and its linker (llvm.core.wasm)",
      size(statSync(join(llvm, "gen", "llvm.core.wasm")).size),
    ],
    [
      "headers and libraries (a tar, used in place)",
      size(statSync(join(llvm, "gen", "llvm-resources.tar")).size),
    ],
  ]);
  table("Time", times);
});

// `npm run bench [-- NAME...]`: runs the named benches, or all of them, in one process, and prints
// the ratios last. Exit status: 0, 1 when a figure missed its limit, 2 when a bench could not run.
import { Report } from "./report.js";

/** @type {Record<string, () => Promise<{ name: string, run(report: Report): Promise<void> }>>} */
const BENCHES = {
  syscalls: () => import("./syscalls.js"),
  interp: () => import("./interp.js"),
  rewrite: () => import("./rewrite.js"),
  objects: () => import("./objects.js"),
  volumes: () => import("./volumes.js"),
  "volume-kinds": () => import("./volume-kinds.js"),
  processes: () => import("./processes.js"),
  threads: () => import("./threads.js"),
  terminals: () => import("./terminals.js"),
  toolchain: () => import("./toolchain.js"),
  wasi: () => import("./wasi.js"),
  sizes: () => import("./sizes.js"),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length) {
  process.stderr.write(
    `bench: there is no bench called ${unknown.join(", ")}; there are ${Object.keys(BENCHES).join(", ")}.\n`,
  );
  process.exit(2);
}

const report = new Report();
report.machine();
let failed = false;
for (const name of wanted.length ? wanted : Object.keys(BENCHES))
  try {
    const bench = await BENCHES[name]();
    report.begin(bench.name);
    await bench.run(report);
  } catch (error) {
    failed = true;
    report.ratio(
      `could not run: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
    );
  }
const missed = report.end();
process.exitCode = failed ? 2 : missed ? 1 : 0;

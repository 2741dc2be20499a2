// Processes in workers of their own, over one kernel that is shared: starting them, pipes between them, and system calls while
// others are busy. Part of the bench `processes`.
import { Nidus } from "../../node/index.js";
import { guest } from "./guests.js";
import { digits, duration, median } from "./report.js";

const STARTS = 200;
/** Most that starting and ending an empty program may take, in milliseconds. */
const START_LIMITS = { direct: 2, interp: 1 };
/** What goes through the pipe, in megabytes, and how much at a time. */
const MEGABYTES = 200;
const SIZES = [65536, 4096];
const PIPE_LIMIT = 200;
const BUSY = 8;
/** How much longer a system call may take in the shared kernel with others busy. */
const BUSY_LIMIT = 3;

/** @param {import("./report.js").Report} report */
export async function runWorkers(report) {
  const system = await Nidus.boot({ workers: true });
  const alone = await Nidus.boot();
  const [empty, pipe, calls] = await Promise.all(
    ["empty", "pipe", "calls"].map(async (name) => WebAssembly.compile(await guest(name))),
  );
  await system.fs.writeFile("/home/empty", await guest("empty"));

  for (const tier of /** @type {const} */ (["direct", "interp"])) {
    const times = [];
    for (let k = 0; k < STARTS; k++) {
      const start = performance.now();
      await system.exec(tier === "direct" ? empty : "/home/empty", [], { tier });
      times.push(performance.now() - start);
    }
    const took = median(times);
    report.ratio(
      `workers: an empty process takes ${duration(took * 1e6)}, ${tier}`,
      took <= START_LIMITS[tier],
    );
  }

  for (const size of SIZES) {
    const rates = [];
    for (let round = 0; round < 5; round++) {
      const { reader, writer } = system.pipe();
      const start = performance.now();
      const ends = [
        system.exec(pipe, ["write", String(MEGABYTES), String(size)], { stdout: writer }),
        system.exec(pipe, ["read", String(size)], { stdin: reader }),
      ];
      for (const { code } of await Promise.all(ends)) {
        if (code !== 0) throw new Error(`pipe exited with ${code}`);
      }
      rates.push((MEGABYTES * 1000) / (performance.now() - start));
    }
    const rate = median(rates);
    report.ratio(
      `workers: ${Math.round(rate)} MB/s through a pipe, ${size} bytes at a time`,
      size === SIZES[0] ? rate >= PIPE_LIMIT : undefined,
    );
  }

  const callTime = async (/** @type {import("../../node/index.js").System} */ of) =>
    Number((await of.exec(calls, ["measure"])).stdout);
  await callTime(alone);
  const unshared = await callTime(alone);
  await callTime(system);
  const shared = await callTime(system);
  const busy = [];
  for (let k = 0; k < BUSY; k++) busy.push(await system.spawn(calls, ["busy"]));
  const crowded = await callTime(system);
  for (const process of busy) process.kill("SIGKILL");
  await Promise.all(busy.map(({ exit }) => exit));
  report.table(
    ["a small system call", "time"],
    [
      ["one kernel, one thread", duration(unshared)],
      ["shared kernel", duration(shared)],
      [`shared kernel, ${BUSY} others busy`, duration(crowded)],
    ],
  );
  report.ratio(
    `workers: a system call with ${BUSY} others busy takes ${digits(crowded / unshared)} times what it takes in one thread`,
    crowded / unshared <= BUSY_LIMIT,
  );
  await system.close();
  await alone.close();
}

// Processes: starting and ending the smallest program; and those in workers.
import { guest } from "./guests.js";
import { browserWasiShim, nodeWasi, runno } from "./hosts.js";
import { nidusHost } from "./nidus-host.js";
import { runWorkers } from "./processes-workers.js";
import { digits, duration, median } from "./report.js";

export const name = "processes";

const ROUNDS = 15;
/** Programs started one after the other in each round. */
const STARTS = 50;

/** @param {import("./report.js").Report} report */
export async function run(report) {
  /** @type {import("./hosts.js").Host[]} */
  const hosts = [];
  for (const create of [nidusHost, browserWasiShim, runno, nodeWasi])
    try {
      hosts.push(await create());
    } catch (error) {
      report.note(`absent: ${create.name}: ${/** @type {Error} */ (error).message}`);
    }
  const module = await WebAssembly.compile(await guest("empty"));
  const samples = hosts.map(() => /** @type {number[]} */ ([]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, host] of hosts.entries()) {
      const start = performance.now();
      for (let k = 0; k < STARTS; k++) await host.run(module, []);
      samples[i].push(((performance.now() - start) * 1e6) / STARTS);
    }
  for (const host of hosts) await host.close();
  report.note("\nstarting and ending an empty program");
  report.table(
    ["", ...hosts.map((host) => host.name)],
    [["per process", ...samples.map((of) => duration(median(of)))]],
  );
  await runWorkers(report);
  const ours = hosts.findIndex((host) => host.name === "nidus");
  if (ours < 0) return;
  const best = Math.min(...samples.filter((_, i) => i !== ours).map(median));
  report.ratio(
    `an empty process takes ${duration(median(samples[ours]))}, on the best peer ${duration(best)}: ` +
      `${digits(best / median(samples[ours]))} times as fast`,
  );
}

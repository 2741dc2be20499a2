// System calls: one guest (guests/syscalls.c) on Nidus and on the other WASI hosts of JavaScript,
// in turn, in one process. A row's figure is the median of the rounds, in nanoseconds per call.
import { guest } from "./guests.js";
import { browserWasiShim, nodeWasi, runno } from "./hosts.js";
import { nidusHost } from "./nidus-host.js";
import { digits, duration, geometricMean, median } from "./report.js";

export const name = "syscalls";

const ROUNDS = 9;
/** Rounds before these, in which the hosts' code becomes hot. */
const WARM_UP = 3;
/** How long the guest repeats each row, per round. */
const WINDOW_MS = 10;
const ROWS = [
  ["write64", "write 64 bytes"],
  ["read64", "read 64 bytes"],
  ["pread4k", "pread 4 KiB"],
  ["lseek", "lseek"],
  ["fstat", "fstat"],
  ["open+close", "open and close"],
  ["stat", "stat"],
  ["create", "create and close"],
  ["rename", "rename"],
  ["unlink", "unlink"],
  ["readdir", "list 2,000 entries"],
  ["write1m", "write 1 MiB over a file"],
  ["append1m", "write 1 MiB to a new file"],
];
/**
 * Two rows that are one question: how fast 1 MiB is written. Over a file it is one copy between two memories, which
 * Node 20 makes with its own memmove for every host alike: `bareCopy` says how little is left to be better at.
 */
const MIB_ROWS = ["write1m", "append1m"];
const MIB = 2 ** 20;
const APPENDS_MIB = [1, 4, 16];
const LISTS = [1000, 4000, 16000];
/** A peer whose next size would take longer than this is not asked for it. */
const PATIENCE_NS = 4e9;
/** Time may grow this much faster than the size and still be called linear: the caches end somewhere. */
const LINEAR_SLACK = 2;

/**
 * @typedef {import("./hosts.js").Host} Host
 * @typedef {import("./report.js").Report} Report
 */

/** @param {string} text */
function figures(text) {
  return new Map(
    text
      .trim()
      .split("\n")
      .map((line) => {
        const [row, value] = line.split(" ");
        return /** @type {[string, number]} */ ([row, Number(value)]);
      }),
  );
}

/** Nanoseconds to copy 1 MiB from one linear memory to another, by the one call that copies all of it. */
function bareCopy() {
  const [from, to] = [1, 2].map(() => {
    const memory = new WebAssembly.Memory({ initial: (2 * MIB) >> 16 });
    return new Uint8Array(memory.buffer, MIB / 2, MIB).fill(1);
  });
  return () => {
    const COUNT = 4;
    let copies = 0;
    const start = performance.now();
    do {
      for (let i = 0; i < COUNT; i++) to.set(from);
      copies += COUNT;
    } while (performance.now() - start < WINDOW_MS);
    return ((performance.now() - start) * 1e6) / copies;
  };
}

/** @param {Report} report */
export async function run(report) {
  /** @type {Host[]} */
  const hosts = [];
  for (const create of [nidusHost, browserWasiShim, runno, nodeWasi])
    try {
      hosts.push(await create());
    } catch (error) {
      report.note(`absent: ${create.name}: ${/** @type {Error} */ (error).message}`);
    }
  try {
    for (const host of hosts) report.note(`${host.name}: ${host.version}`);
    const module = await WebAssembly.compile(await guest("syscalls"));
    await rows(report, hosts, module);
    await appends(report, hosts, module);
    await lists(report, hosts, module);
  } finally {
    for (const host of hosts) await host.close();
  }
}

/**
 * @param {Report} report
 * @param {Host[]} hosts
 * @param {WebAssembly.Module} module
 */
async function rows(report, hosts, module) {
  /** @type {Map<Host, Map<string, number[]>>} */
  const samples = new Map(hosts.map((host) => [host, new Map()]));
  const copy = bareCopy();
  /** @type {number[]} */
  const copies = [];
  for (const [what, folder] of [
    ["small", 0],
    ["readdir", 2000],
  ]) {
    for (const host of hosts) await host.fill("big", Number(folder));
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      copies.push(copy());
      for (const host of hosts)
        for (const [row, ns] of figures(
          await host.run(module, [String(what), String(WINDOW_MS)]),
        )) {
          if (round < 0) continue;
          const of = /** @type {Map<string, number[]>} */ (samples.get(host));
          of.set(row, [...(of.get(row) ?? []), ns]);
        }
    }
  }
  const ours = hosts.find((host) => host.name === "nidus");
  const peers = hosts.filter((host) => host !== ours);
  /** @param {Host} host @param {string} row */
  const figure = (host, row) => median(samples.get(host)?.get(row) ?? [NaN]);
  /** @type {number[]} */
  const mib = [];
  const table = ROWS.map(([row, title]) => {
    const best = Math.min(...peers.map((peer) => figure(peer, row)));
    const ratio = ours ? best / figure(ours, row) : NaN;
    const one = MIB_ROWS.includes(row);
    if (one) mib.push(ratio);
    if (ours)
      report.ratio(
        `${title}: ${duration(figure(ours, row))}, the best peer ${duration(best)}: ${digits(ratio)} times as fast`,
        one ? undefined : ratio > 1,
      );
    return [title, ...hosts.map((host) => duration(figure(host, row))), digits(ratio)];
  });
  if (ours) {
    const mean = geometricMean(mib);
    report.ratio(`write 1 MiB, both: ${digits(mean)} times as fast as the best peer`, mean > 1);
    const bare = median(copies);
    report.ratio(
      `copying 1 MiB between two memories and nothing else: ${duration(bare)}; ` +
        `writing it over a file: ${digits(figure(ours, "write1m") / bare)} times that`,
    );
  }
  report.note(`\nper call, median of ${ROUNDS} interleaved rounds`);
  report.table(["", ...hosts.map((host) => host.name), "best peer/nidus"], table);
}

/**
 * Runs `measure` for growing sizes on every host, smallest first, and says how time grew.
 *
 * @param {Report} report
 * @param {Host[]} hosts
 * @param {string} title
 * @param {readonly number[]} sizes
 * @param {(host: Host, size: number) => Promise<number>} measure
 */
async function growth(report, hosts, title, sizes, measure) {
  /** @type {string[][]} */
  const table = [];
  for (const host of hosts) {
    /** @type {number[]} */
    const times = [];
    for (const size of sizes) {
      const [last] = times.slice(-1);
      // At worst the peer is quadratic: the sizes grow by four, so its time by sixteen.
      if (host.name !== "nidus" && last * 16 > PATIENCE_NS) break;
      const samples = [];
      for (let i = 0; i < (last * 16 > PATIENCE_NS / 10 ? 1 : 5); i++)
        samples.push(await measure(host, size));
      times.push(median(samples));
    }
    table.push([
      host.name,
      ...sizes.map((_, i) => (i < times.length ? duration(times[i]) : "not waited for")),
    ]);
    if (host.name === "nidus") {
      const grew = times[times.length - 1] / times[0];
      const size = sizes[sizes.length - 1] / sizes[0];
      report.ratio(
        `${title}: ${digits(size)} times the size takes ${digits(grew)} times the time`,
        grew < size * LINEAR_SLACK,
      );
    }
  }
  report.note(`\n${title}`);
  report.table(["", ...sizes.map(String)], table);
}

/**
 * @param {Report} report
 * @param {Host[]} hosts
 * @param {WebAssembly.Module} module
 */
async function appends(report, hosts, module) {
  await growth(report, hosts, "appends of 256 bytes, by MiB", APPENDS_MIB, async (host, mib) => {
    const out = figures(await host.run(module, ["append", String(mib * 2 ** 20)]));
    return out.get("append") ?? NaN;
  });
}

/**
 * @param {Report} report
 * @param {Host[]} hosts
 * @param {WebAssembly.Module} module
 */
async function lists(report, hosts, module) {
  await growth(report, hosts, "listing a folder, by entries", LISTS, async (host, count) => {
    await host.fill("big", count);
    const out = figures(await host.run(module, ["list"]));
    const entries = out.get("entries") ?? 0;
    if (entries < count) throw new Error(`${host.name} listed ${entries} of ${count} entries`);
    return out.get("list") ?? NaN;
  });
}

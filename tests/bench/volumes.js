// Volumes in IndexedDB, in Chromium: Nidus against Emscripten's IDBFS, one program for both
// (tests/idbfs/files.c), in turns on one page, each step on a new database (pages/volumes.js).
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildGuest, buildPeer, emccVersion } from "../idbfs/build.js";
import { onDisk } from "./chromium.js";
import { digits, median } from "./report.js";

export const name = "volumes";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const MANY = 10_000;
const APPENDS = 25_000;
const PIECE = 4096;
/** Each change of the step that changes one file among many. */
const CHANGES = 5;

/**
 * The steps, with how often each is done and the most that Nidus may take of IDBFS's time.
 * @type {{step: string, what: string, numbers: number[], rounds: number, limit?: number}[]}
 */
const STEPS = [
  {
    step: "change",
    what: "save after changing 1 file among 10,000",
    numbers: [MANY, 1024, CHANGES],
    rounds: 3,
    limit: 1 / 50,
  },
  {
    step: "fill",
    what: "save 10,000 new files of 1 KB",
    numbers: [MANY, 1024],
    rounds: 5,
    limit: 1 / 3,
  },
  { step: "fill", what: "save 10,000 new files of 4 KB", numbers: [MANY, 4096], rounds: 3 },
  {
    step: "mount",
    what: "mount 10,000 files of 10 KB and read one",
    numbers: [MANY, 10_000],
    rounds: 3,
    limit: 1 / 5,
  },
  { step: "append", what: "append 4 KiB 25,000 times", numbers: [APPENDS, PIECE], rounds: 3 },
];
/** The most that may be stored of a file made by appending, in its size. */
const STORED_LIMIT = 1.02;

/** @typedef {import("../idbfs/count-puts.js").Count} Count */
/** @typedef {{ms: number, mounted?: number, whole?: number, count?: Count, stored?: number}} Figures */

/** @param {number | undefined} bytes */
const megabytes = (bytes = NaN) => `${digits(bytes / 1e6)} MB`;

/** @param {Figures[]} samples @param {(figures: Figures) => number | undefined} which */
const middle = (samples, which) => median(samples.map((figures) => which(figures) ?? NaN));

/** @param {import("./report.js").Report} report */
export async function run(report) {
  /** @type {(string | null)[]} */
  const sides = [null];
  try {
    sides.push(buildPeer());
    report.note(`idbfs: ${emccVersion()}`);
  } catch (error) {
    report.note(`absent: idbfs: ${/** @type {Error} */ (error).message}`);
  }
  const guests = join(ROOT, "build", "idbfs");
  mkdirSync(guests, { recursive: true });
  writeFileSync(join(guests, "files.wasm"), await buildGuest());
  // Isolated pages have the finer clock.
  const options = { mounts: { "/guest/": guests }, isolated: true };
  await onDisk(report, "volumes.html", options, async (page) => {
    const only = process.env.NIDUS_BENCH_STEPS?.split(",");
    const rows = [];
    for (const { step, what, numbers, rounds, limit } of STEPS) {
      if (only && !only.includes(step)) continue;
      /** @type {Figures[][]} */
      const samples = sides.map(() => []);
      for (let round = 0; round < rounds; round++)
        for (const [i, peer] of sides.entries()) {
          const database = `bench-${step}-${numbers.join("-")}-${i}-${round}`;
          const call = JSON.stringify([peer, step, database, numbers]);
          samples[i].push(/** @type {Figures} */ (await page.evaluate(`job(...${call})`)));
        }
      const [ours, peer] = [...samples, []].map((side) => middle(side, ({ ms }) => ms));
      for (const [i, side] of samples.entries()) {
        const [count] = side.map((figures) => figures.count).filter((count) => count);
        const cells = [
          digits(middle(side, ({ ms }) => ms)),
          digits(middle(side, ({ mounted, whole }) => mounted ?? whole)),
          digits(count?.puts ?? NaN),
          digits(count?.deletes ?? NaN),
          count ? megabytes(count.bytes) : "-",
          side[0].stored === undefined ? "-" : megabytes(side[0].stored),
        ];
        rows.push([`${i ? "idbfs" : "nidus"}: ${what}`, ...cells]);
      }
      if (step === "append") {
        const share = (samples[0][0].stored ?? NaN) / (APPENDS * PIECE);
        report.ratio(
          `${what}: stored ${share.toFixed(4)} of the file's size (limit ${STORED_LIMIT})`,
          share <= STORED_LIMIT,
        );
      }
      if (sides.length < 2) continue;
      const most = limit ? ` (limit ${digits(1 / limit)})` : "";
      report.ratio(
        `${what}: ${digits(ours)} ms, IDBFS ${digits(peer)} ms: ${digits(peer / ours)} times as fast${most}`,
        limit && ours <= peer * limit,
      );
    }
    report.note("whole: with making the files; of a mount, without the first read");
    report.table(
      ["medians, bytes of one round", "ms", "whole", "puts", "deletes", "put", "stored"],
      rows,
    );
  });
}

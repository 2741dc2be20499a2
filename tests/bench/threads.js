// Threads: an embarrassingly parallel program on one and on two, and what starting and joining one costs.
import { Worker } from "node:worker_threads";
import { Nidus } from "../../node/index.js";
import { digits, duration, median } from "./report.js";

export const name = "threads";

const ROUNDS = 11;
/** Of two threads on two processors. */
const SPEED_UP = 1.8;

/**
 * The same work in JavaScript, shared by threads of the host: what this machine gives at most.
 * @param {Int32Array} shared the next row, and how many are through
 */
function hostWork(shared) {
  const ROWS = 240;
  for (let row; (row = Atomics.add(shared, 0, 1)) < ROWS;)
    for (let column = 0; column < 2 * ROWS; column++) {
      const a = column / ROWS - 1.5;
      const b = row / (ROWS / 2) - 1;
      let [x, y] = [0, 0];
      for (let i = 0; i < 1000 && x * x + y * y < 4; i++) {
        const t = x * x - y * y + a;
        y = 2 * x * y + b;
        x = t;
      }
    }
  Atomics.add(shared, 1, 1);
  Atomics.notify(shared, 1);
}

const HOST_WORKER = `const { parentPort } = require("node:worker_threads");
parentPort.on("message", (${hostWork}));
parentPort.postMessage(0);`;

/** How many times as fast two threads of the host do it as one: times of one by those of two, per round. */
async function hostSpeedUps() {
  const workers = [0, 1].map(() => new Worker(HOST_WORKER, { eval: true }));
  await Promise.all(workers.map((each) => new Promise((resolve) => each.once("message", resolve))));
  const time = (/** @type {number} */ count) => {
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const start = performance.now();
    for (const each of workers.slice(0, count)) each.postMessage(shared);
    for (let done; (done = Atomics.load(shared, 1)) < count;) Atomics.wait(shared, 1, done);
    return performance.now() - start;
  };
  const ratios = [];
  for (let round = 0; round <= ROUNDS; round++) ratios.push(time(1) / time(2));
  await Promise.all(workers.map((each) => each.terminate()));
  return ratios.slice(1); // the first compiles
}

const SOURCE = `#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
enum { ROWS = 240 };
static volatile int next;
static long total;
static void *work(void *unused) {
  long inside = 0;
  for (int row; (row = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < ROWS;)
    for (int column = 0; column < 2 * ROWS; column++) {
      double x = 0, y = 0, a = column / (double)ROWS - 1.5, b = row / (ROWS / 2.0) - 1;
      int i = 0;
      for (; i < 1000 && x * x + y * y < 4; i++) {
        double t = x * x - y * y + a;
        y = 2 * x * y + b;
        x = t;
      }
      inside += i;
    }
  __atomic_add_fetch(&total, inside, __ATOMIC_RELAXED);
  return unused;
}
static void *nothing(void *unused) { return unused; }
static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e9 + at.tv_nsec;
}
int main(int argc, char **argv) {
  pthread_t threads[8];
  int count = atoi(argv[argc - 1]);
  /* Their workers are there before the clock runs. */
  for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, nothing, NULL);
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  double begin = now();
  for (int i = 0; i < 20; i++) {
    pthread_create(&threads[0], NULL, nothing, NULL);
    pthread_join(threads[0], NULL);
  }
  double begun = now();
  for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  printf("%.0f %.0f %ld\\n", now() - begun, (begun - begin) / 20, total);
}
`;

/** @param {import("./report.js").Report} report */
export async function run(report) {
  const system = await Nidus.boot({ workers: true, toolchain: true });
  await system.fs.writeFile("/home/work.c", SOURCE);
  const cc = await system.exec("cc", ["-O2", "-pthread", "work.c", "-o", "work"], { cwd: "/home" });
  if (cc.code !== 0) throw new Error(cc.stderr);
  /** @type {Map<string, {work: number[], start: number[]}>} */
  const samples = new Map();
  let checked = "";
  const measure = async (
    /** @type {number} */ threads,
    /** @type {"direct" | "interp"} */ tier,
  ) => {
    const { stdout, trap } = await system.exec("./work", [String(threads)], { cwd: "/home", tier });
    if (trap) throw new Error(trap.message);
    const [work, start, total] = stdout.trim().split(" ");
    if ((checked ||= String(total)) !== total) throw new Error(`${total} is not ${checked}`);
    const key = `${tier} ${threads}`;
    const of = samples.get(key) ?? { work: [], start: [] };
    samples.set(key, of);
    of.work.push(Number(work));
    of.start.push(Number(start));
  };
  const before = await hostSpeedUps();
  for (let round = 0; round < ROUNDS; round++)
    for (const threads of [1, 2]) await measure(threads, "direct");
  const most = median([...before, ...(await hostSpeedUps())]);
  for (const threads of [1, 2]) await measure(threads, "interp");
  await system.close();
  report.table(
    ["", "work", "create and join"],
    [...samples].map(([key, { work, start }]) => [
      `${key} thread${key.endsWith("1") ? "" : "s"}`,
      duration(median(work)),
      duration(median(start)),
    ]),
  );
  const one = samples.get("direct 1")?.work ?? [];
  const two = samples.get("direct 2")?.work ?? [];
  // Of neighbours, for the machine does not stay as fast as it is.
  const factor = median(one.map((each, i) => each / /** @type {number} */ (two[i])));
  report.note(`two threads of the host itself: ${digits(most)} times as fast as one`);
  report.ratio(
    `two threads on the direct tier are ${digits(factor)} times as fast as one (at least ${SPEED_UP})`,
    factor >= SPEED_UP,
  );
}

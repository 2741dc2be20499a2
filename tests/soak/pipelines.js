/**
 * Programs are spawned, joined by pipes, and killed at random moments, for a long time, in Node with workers or in a page:
 * what is told of them must be right each time, nothing of them may be left in the table of processes, and at the end the
 * system must need no more memory than it did in the middle.
 */

/**
 * What it uses of a system, of a page or of Node.
 *
 * @typedef {{code: number, stdout: string, stderr: string, signal?: string | null}} Told
 * @typedef {{exit: Promise<{code: number, signal?: string | null}>, kill(signal?: string): boolean}} Spawned
 * @typedef {object} System
 * @property {{writeFile(path: string, bytes: string | Uint8Array, options?: object): unknown, rm(path: string, options?: object): unknown}} fs
 * @property {(command: string, args: string[], options?: any) => Promise<Told>} exec
 * @property {(command: string, args: string[], options?: any) => Promise<Spawned>} spawn
 * @property {() => {pid: number}[] | Promise<{pid: number}[]>} processes
 */

/** With `cc -pthread`: threads that compute and wait for one another, for so many rounds. */
const THREADS = `#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn, rounds;
static unsigned sum;
static void *work(void *mine) {
  for (int i = 0; i < rounds; i++) {
    pthread_mutex_lock(&lock);
    while (turn != *(int *)mine) pthread_cond_wait(&changed, &lock);
    turn = (turn + 1) % 3;
    sum = sum * 31 + (unsigned)*(int *)mine;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}
int main(int argc, char **argv) {
  pthread_t threads[3];
  int numbers[] = {0, 1, 2};
  rounds = atoi(argv[argc - 1]);
  for (int i = 0; i < 3; i++)
    if (pthread_create(&threads[i], NULL, work, &numbers[i])) return 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  printf("%u\\n", sum);
  return 0;
}
`;
const LOOP = "int main(void) { for (volatile int i = 0;; i++) {} }\n";

/** What the threads must come to. @param {number} rounds */
function threadsSum(rounds) {
  let sum = 0;
  for (let i = 0; i < 3 * rounds; i++) sum = (Math.imul(sum, 31) + (i % 3)) >>> 0;
  return sum;
}

/** @param {boolean} fact @param {string} what */
function check(fact, what) {
  if (!fact) throw new Error(what);
}

/**
 * @param {object} test
 * @param {System} test.system with `cc` and `sh`, and nothing running
 * @param {number} test.seconds
 * @param {(below: number) => number} test.random
 * @param {() => Promise<number>} test.memory bytes of whatever runs the system
 * @param {(line: string) => void} test.log
 * @returns {Promise<{rounds: number, kills: number, middle: number, end: number}>} `middle`, `end`: the median of the memory
 *   in the second quarter of the time, and in the last
 */
export async function livePipelines({ system, seconds, random, memory, log }) {
  const cwd = "/home/work";
  const run = async (/** @type {string} */ script) => {
    const told = await system.exec("sh", ["-c", script], { cwd });
    check(
      told.code === 0 && told.stderr === "",
      `"${script}" ended with ${told.code}: ${told.stderr}`,
    );
    return told.stdout.trim().replace(/\s+/g, " ");
  };
  await system.exec("mkdir", [cwd]);
  await system.fs.writeFile(`${cwd}/threads.c`, THREADS);
  await system.fs.writeFile(`${cwd}/loop.c`, LOOP);
  for (const args of [
    ["-O1", "-pthread", "threads.c", "-o", "threads"],
    ["loop.c", "-o", "loop"],
  ]) {
    const built = await system.exec("cc", args, { cwd });
    check(built.code === 0, built.stderr);
  }
  const words = Array.from({ length: 20_000 }, () => random(1e6).toString(36));
  await system.fs.writeFile(`${cwd}/words`, words.map((word) => `${word}\n`).join(""));
  const [with1, kinds] = [words.filter((word) => word.includes("1")).length, new Set(words).size];

  let kills = 0;
  let files = 0;
  const killed = async (
    /** @type {string} */ command,
    /** @type {string[]} */ args,
    options = {},
  ) => {
    const process = await system.spawn(command, args, { cwd, ...options });
    await new Promise((resolve) => setTimeout(resolve, random(40)));
    process.kill(random(2) ? "SIGKILL" : "SIGTERM");
    const { code, signal } = await process.exit;
    check(
      code === 0 || signal === "SIGKILL" || signal === "SIGTERM",
      `${command} ended with ${code}`,
    );
    kills++;
  };
  const quiet = { stdout: "null", stderr: "null" };
  /** @type {(() => Promise<void>)[]} */
  const doings = [
    async () => check((await run("cat words | grep 1 | wc -l")) === String(with1), "grep"),
    async () => check((await run("sort -u words | wc -l | cat | cat")) === String(kinds), "sort"),
    async () =>
      check(
        (await run(
          `for i in 1 2 3; do echo $i > ${++files}-$i; done; cat ${files}-? | tail -n 1; rm ${files}-?`,
        )) === "3",
        "for",
      ),
    async () => {
      const rounds = 10 + random(100);
      check((await run(`./threads ${rounds}`)) === String(threadsSum(rounds)), "threads");
    },
    async () => check((await run("./loop & kill -9 $!; wait $!; echo $?")) === "137", "kill"),
    () => killed("./loop", []),
    () => killed("./threads", ["1000000"], quiet),
    () => killed("cat", [], { stdin: undefined, ...quiet }),
    () => killed("sort", ["words", "words", "words"], quiet),
  ];

  /** @type {{at: number, bytes: number}[]} */
  const samples = [];
  const begin = performance.now();
  const passed = () => (performance.now() - begin) / 1000;
  let rounds = 0;
  for (let told = 60; passed() < seconds; rounds++) {
    // Two at a time, each of which may be any.
    await Promise.all(
      [doings[random(doings.length)], doings[random(doings.length)]].map((each) => each?.()),
    );
    const left = (await system.processes()).map(({ pid }) => pid);
    check(left.length === 1, `${left.length - 1} processes are left: ${left}`);
    if (rounds % 8 === 0) samples.push({ at: passed(), bytes: await memory() });
    if (passed() > told) {
      const { bytes = 0 } = samples[samples.length - 1] ?? {};
      log(
        `${Math.round(passed())} s: ${rounds} rounds, ${kills} killed, ${Math.round(bytes / 1e6)} MB`,
      );
      told += 60;
    }
  }
  /** @param {number} from @param {number} to as parts of the time */
  const median = (from, to) => {
    const within = samples.filter(({ at }) => at >= from * seconds && at <= to * seconds);
    return within.map(({ bytes }) => bytes).sort((a, b) => a - b)[within.length >> 1] ?? NaN;
  };
  return { rounds, kills, middle: median(0.25, 0.5), end: median(0.75, 1.1) };
}

/** The end may need so much more than the middle. */
const SLACK = 1.05;
const SLACK_BYTES = 8e6;

/** @param {Awaited<ReturnType<typeof livePipelines>>} lived */
export function checkFlat({ middle, end }) {
  check(
    end <= middle * SLACK + SLACK_BYTES,
    `memory has grown: ${Math.round(middle / 1e6)} MB in the middle, ${Math.round(end / 1e6)} MB at the end`,
  );
}

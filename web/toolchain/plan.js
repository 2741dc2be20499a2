/**
 * What `cc` does: the list of jobs, each one run of clang's compiler proper, its assembler, or the linker, with
 * exactly the arguments that clang's own driver would give them. The kernel plans the everyday command
 * lines (wasi-polyfill/src/cc.h); for all others the driver is asked with `-###` what it would do.
 *
 * Invariant: what the driver says to the user (warnings, errors, versions) is passed on word for word. Its
 * answers are kept by everything they depend on: the arguments, the folder, the environment, and that
 * the inputs were there.
 */

/** @typedef {import("../kernel.js").Kernel} Kernel */

/**
 * @typedef {object} Job one program to run
 * @property {string} tool "clang" or "wasm-ld"
 * @property {string[]} argv with the program's name first
 * @property {string[]} inputs files it reads (not the headers and libraries it finds itself)
 * @property {string | undefined} output the file it makes; none for output to standard output
 * @property {boolean} temporary whether the output is to be removed after the last job
 */

/**
 * @typedef {object} Question
 * @property {Kernel} kernel
 * @property {string} name of the driver, `clang` or `clang++`
 * @property {readonly string[]} argv without the program's name
 * @property {string} [cwd] the working folder, absolute; debug information names it
 * @property {Readonly<Record<string, string>>} [env]
 * @property {(path: string) => boolean} [exists]
 * @property {boolean} [planned] whether the compiler is the build whose driver the kernel speaks for
 */

/**
 * @typedef {object} Answer
 * @property {number} code of the driver; when not 0, there is nothing to run
 * @property {string} stdout
 * @property {string} stderr what the user is to see
 * @property {Job[]} jobs
 */

/** How many answers of the driver are kept. */
const KEPT = 64;

/** @type {(path: string) => boolean} */
const always = () => true;

/**
 * Jobs as the kernel gives them; `ask` says how the driver is to be asked where it has none.
 *
 * @param {Kernel} kernel
 * @param {"nidus_cc_plan" | "nidus_cc_driver"} call
 * @param {string} text
 * @param {number[]} values
 */
function answer(kernel, call, text, ...values) {
  const bytes = new TextEncoder().encode(text);
  const block = kernel.withBytes([bytes], (at) =>
    kernel.generated(call, at, bytes.length, ...values),
  );
  /** @type {Job[]} */
  const jobs = [];
  /** @type {string | undefined} */
  let ask;
  let rest = "";
  for (const line of new TextDecoder().decode(block).split("\0")) {
    const [kind, word] = [line[0], line.slice(1)];
    const job = jobs[jobs.length - 1];
    if (kind === "j") {
      jobs.push({ tool: word, argv: [], inputs: [], output: undefined, temporary: false });
    } else if (kind === "a") job.argv.push(word);
    else if (kind === "i") job.inputs.push(word);
    else if (kind === "r") rest += word;
    else if (kind === "?") ask = word;
    else if (kind) {
      job.output = word;
      job.temporary = kind === "t";
    }
  }
  return { jobs, ask, rest };
}

/** Chosen from 16 million, so that more than one attempt is rare. */
const ATTEMPTS = 9;

/**
 * Asks anew until none of the temporary files is there already.
 *
 * @template {{jobs: Job[]}} T
 * @param {(path: string) => boolean} exists
 * @param {(seed: number) => T} plan
 */
function unused(exists, plan) {
  for (let attempt = 1; ; attempt++) {
    const planned = plan(1 + Math.floor(Math.random() * 0xffffff));
    const taken = planned.jobs.some(({ temporary, output }) => temporary && exists(output ?? ""));
    if (!taken || attempt === ATTEMPTS) return planned;
  }
}

/**
 * Whether the files are there that the jobs read and none of them makes.
 *
 * @param {Job[]} jobs
 * @param {(path: string) => boolean} exists
 */
function haveInputs(jobs, exists) {
  /** @type {Set<string | undefined>} */
  const made = new Set();
  return jobs.every(({ inputs, output }) => {
    const all = inputs.every((input) => made.has(input) || exists(input));
    made.add(output);
    return all;
  });
}

/**
 * Plans a command line without the driver. With `ask`, only the driver knows; a missing input is its to report.
 *
 * @param {Question} question
 */
export function planJobs({ kernel, name, argv, cwd = "/", env = {}, exists, planned = true }) {
  const variables = Object.entries(env).map(([variable, value]) => `${variable}=${value}`);
  const text = [cwd, ...argv, ...variables, ""].join("\0");
  const flags = (name === "clang++" ? 1 : 0) | (planned ? 0 : 2);
  const there = exists ?? always;
  const { jobs, ask } = unused(exists ?? (() => false), (seed) =>
    answer(kernel, "nidus_cc_plan", text, argv.length, flags, seed),
  );
  return { jobs, ask: ask ?? (haveInputs(jobs, there) ? undefined : "") };
}

/**
 * Reads what `-###` prints: the jobs, and the text around them.
 *
 * @param {Kernel} kernel
 * @param {string} text
 * @param {boolean} [verbose] whether the banner and the list of jobs were asked for
 * @param {number} [seed] other than 0: for other names of the temporary files
 */
export function readDriver(kernel, text, verbose = false, seed = 0) {
  return answer(kernel, "nidus_cc_driver", text, Number(verbose), seed);
}

/** Plans command lines for one compiler, and remembers what its driver said. */
export class Planner {
  /** @type {Map<string, {stdout: string, stderr: string}>} */
  #kept = new Map();

  /**
   * The jobs for a command line.
   *
   * @param {Question & {exists: (path: string) => boolean}} question
   * @param {(argv: string[]) => Promise<{code: number | null, stdout: string, stderr: string}>} run
   * @returns {Promise<Answer>}
   */
  async plan(question, run) {
    const { kernel, name, argv, cwd, env, exists } = question;
    const { jobs, ask } = planJobs(question);
    if (ask === undefined) return { code: 0, stdout: "", stderr: "", jobs };
    const verbose = ask.includes("v");
    const key = JSON.stringify([name, argv, cwd, env]);
    const kept = this.#kept.get(key);
    if (kept) {
      const read = unused(exists, (seed) => readDriver(kernel, kept.stderr, verbose, seed));
      this.#kept.delete(key);
      if (haveInputs(read.jobs, exists)) {
        this.#kept.set(key, kept);
        return { code: 0, stdout: kept.stdout, stderr: read.rest, jobs: read.jobs };
      }
    }
    if (!ask.includes("a")) {
      const ran = await run([name, "-###", ...argv]);
      const read = readDriver(kernel, ran.stderr, verbose);
      const { code, stdout } = ran;
      if (code !== 0) return { code: code ?? 1, stdout, stderr: read.rest, jobs: [] };
      // It keeps "no input files" to itself when asked for its list.
      if (read.jobs.length > 0) {
        if (!ask.includes("f")) this.#kept.set(key, ran);
        const [oldest] = this.#kept.keys();
        if (this.#kept.size > KEPT) this.#kept.delete(oldest);
        return { code, stdout, stderr: read.rest, jobs: read.jobs };
      }
    }
    // What the driver answers by itself is run as it stands.
    const { code, stdout, stderr } = await run([name, ...argv]);
    return { code: code ?? 1, stdout, stderr, jobs: [] };
  }
}

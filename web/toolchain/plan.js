/**
 * What `cc` does: the list of jobs, each one run of clang's compiler proper, its assembler, or the linker, with
 * exactly the arguments that clang's own driver would give them. toolchain.wasm plans the everyday command
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
 * @property {Kernel} tools toolchain.wasm
 * @property {string} name of the driver, `clang` or `clang++`
 * @property {readonly string[]} argv without the program's name
 * @property {string} [cwd] the working folder, absolute; debug information names it
 * @property {Readonly<Record<string, string>>} [env]
 * @property {(path: string | undefined) => boolean} [exists]
 * @property {boolean} [planned] whether the compiler is the build whose driver the planner speaks for
 */

/** @typedef {{code: number | null, stdout: string, stderr: string}} Ran */

/**
 * @typedef {object} Answer
 * @property {number} code of the driver; when not 0, there is nothing to run
 * @property {string} stdout
 * @property {string} stderr what the user is to see
 * @property {Job[]} jobs
 */

/** How many answers of the driver are kept. */
const KEPT = 64;
/** Names of temporary files are chosen from 16 million, so that more than one attempt is rare. */
const ATTEMPTS = 9;

/**
 * Jobs as toolchain.wasm gives them; `ask` says how the driver is to be asked where it has none.
 *
 * @param {(string | number)[]} reply
 */
function read([, ...lines]) {
  /** @type {Job[]} */
  const jobs = [];
  /** @type {string | undefined} */
  let ask;
  let rest = "";
  for (const line of /** @type {string[]} */ (lines)) {
    const word = line.slice(1);
    const job = jobs[jobs.length - 1];
    switch (line[0]) {
      case "j":
        jobs.push({ tool: word, argv: [], inputs: [], output: undefined, temporary: false });
        break;
      case "a":
        job.argv.push(word);
        break;
      case "i":
        job.inputs.push(word);
        break;
      case "r":
        rest += word;
        break;
      case "?":
        ask = word;
        break;
      case "t":
      case "o":
        job.temporary = line[0] === "t";
        job.output = word;
    }
  }
  return { jobs, ask, rest };
}

/**
 * Asks anew until none of the temporary files is there already.
 *
 * @template {{jobs: Job[]}} T
 * @param {NonNullable<Question["exists"]>} exists
 * @param {(seed: number) => T} plan
 */
function unused(exists, plan) {
  for (let attempt = 1; ; attempt++) {
    const planned = plan(1 + Math.floor(Math.random() * 0xffffff));
    const taken = planned.jobs.some(({ temporary, output }) => temporary && exists(output));
    if (!taken || attempt === ATTEMPTS) return planned;
  }
}

/**
 * Whether the files are there that the jobs read and none of them makes.
 *
 * @param {Job[]} jobs
 * @param {Question["exists"]} exists
 */
function haveInputs(jobs, exists) {
  const made = new Set();
  return jobs.every(
    ({ inputs, output }) =>
      inputs.every((input) => made.has(input) || exists?.(input)) && made.add(output),
  );
}

/**
 * Plans a command line without the driver. With `ask`, only the driver knows; a missing input is its to report.
 *
 * @param {Question} question
 */
export function planJobs({ tools, name, argv, cwd = "/", env = {}, exists, planned = true }) {
  const variables = Object.entries(env).map((each) => each.join("="));
  const strings = [cwd, ...argv, ...variables];
  const flags = Number(name.endsWith("+")) + (planned ? 0 : 2);
  const { jobs, ask } = unused(exists ?? (() => false), (seed) =>
    read(tools.ask("nidus_cc_plan", strings, argv.length, flags, seed)),
  );
  return { jobs, ask: ask ?? (haveInputs(jobs, exists ?? (() => true)) ? ask : "") };
}

/**
 * Reads what `-###` prints: the jobs, and the text around them.
 *
 * @param {Kernel} tools
 * @param {string} text
 * @param {boolean} [verbose] whether the banner and the list of jobs were asked for
 * @param {number} [seed] other than 0: for other names of the temporary files
 */
export function readDriver(tools, text, verbose = false, seed = 0) {
  return read(tools.ask("nidus_cc_driver", [text], Number(verbose), seed));
}

/** Plans command lines for one compiler, and remembers what its driver said. */
export class Planner {
  /** @type {Map<string, Ran>} */
  #kept = new Map();

  /**
   * The jobs for a command line.
   *
   * @param {Question & {exists: NonNullable<Question["exists"]>}} question
   * @param {(argv: string[]) => Promise<Ran>} run
   * @returns {Promise<Answer>}
   */
  async plan(question, run) {
    const { tools, name, argv, cwd, env, exists } = question;
    const kept = this.#kept;
    const planned = planJobs(question);
    const { ask } = planned;
    if (ask === undefined) return { code: 0, stdout: "", stderr: "", jobs: planned.jobs };
    const verbose = ask.includes("v");
    const key = JSON.stringify([name, argv, cwd, env]);
    const known = kept.get(key);
    /** @param {Ran} ran @param {number} [seed] */
    const answer = ({ code, stdout, stderr }, seed) => {
      const { jobs, rest } = readDriver(tools, stderr, verbose, seed);
      return { code: code ?? 1, stdout, stderr: rest, jobs: code === 0 ? jobs : [] };
    };
    if (known) {
      const again = unused(exists, (seed) => answer(known, seed));
      if (haveInputs(again.jobs, exists)) return again;
      kept.delete(key);
    }
    if (!ask.includes("a")) {
      const ran = await run([name, "-###", ...argv]);
      const answered = answer(ran);
      // It keeps "no input files" to itself when asked for its list.
      if (answered.code !== 0 || answered.jobs.length > 0) {
        if (kept.size >= KEPT) kept.clear();
        if (answered.code === 0 && !ask.includes("f")) kept.set(key, ran);
        return answered;
      }
    }
    // What the driver answers by itself is run as it stands.
    const { code, stdout, stderr } = await run([name, ...argv]);
    return { code: code ?? 1, stdout, stderr, jobs: [] };
  }
}

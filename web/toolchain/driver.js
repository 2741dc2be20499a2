/**
 * Clang's own driver, asked with `-###` what it would do: for every command line that plan.js does not
 * know for certain.
 *
 * Invariant: what the driver says to the user (warnings, errors, versions) is passed on word for word; its
 * list of jobs is not shown unless asked for. Answers are kept by everything they depend on: the
 * arguments, the folder, the environment, and that the inputs were there.
 */

import { DRIVER_ENVIRONMENT, baseName, stem } from "./options.js";

/** @typedef {import("./plan.js").Job} Job */

/**
 * @typedef {object} DriverAnswer
 * @property {number} code of the driver; when not 0, there is nothing to run
 * @property {string} stdout
 * @property {string} stderr what the user is to see
 * @property {Job[]} jobs
 */

/** How many answers are kept. */
const KEPT = 64;
/** Options with which the driver answers by itself, or shows its list. */
const ANSWERED =
  /^(-###|--?help(-hidden)?|--version|-dump(version|machine)|--?print-.*|-fdriver-only)$/;
/** Options that stand in a file, which may change. */
const FROM_FILE = /^(@|--config)/;
/** The lines that `-###` begins with. */
const BANNER =
  /^(clang version|Target:|Thread model:|InstalledDir:|Build config:|Configuration file:) ?.*$/;
/** A temporary file as the driver names it. */
const TEMPORARY = /^\/tmp\/(.+)-[0-9a-f]{6}\.(\w+)$/;

/**
 * Reads what `-###` prints: jobs, quoted, one per line, between lines of other text.
 *
 * @param {string} text
 * @param {boolean} verbose whether the banner and the list of jobs were asked for
 * @returns {{commands: string[][], rest: string}}
 */
export function parseDriverOutput(text, verbose = false) {
  /** @type {string[][]} */
  const commands = [];
  let rest = "";
  let at = 0;
  let banner = true;
  while (at < text.length) {
    if (text.startsWith(' "', at)) {
      const from = at;
      const words = [];
      // An argument may contain a line break, so lines are found by reading the words.
      while (text.startsWith(' "', at)) {
        let word = "";
        for (at += 2; at < text.length && text[at] !== '"'; at++) {
          if (text[at] === "\\") at++;
          word += text[at];
        }
        at++;
        words.push(word);
      }
      at = endOfLine(text, at);
      commands.push(words);
      if (verbose) rest += text.slice(from, at);
      banner = false;
      continue;
    }
    const end = endOfLine(text, at);
    const line = text.slice(at, end);
    at = end;
    banner &&= BANNER.test(line.trimEnd());
    const dull = (banner && !verbose) || line === " (in-process)\n" || line === "\n";
    if (!dull) rest += line;
  }
  return { commands, rest };
}

/**
 * @param {string} text
 * @param {number} at
 */
function endOfLine(text, at) {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

/**
 * A driver's command as a job. Its first word is the path of the program, empty where that is clang
 * itself; then the name follows.
 *
 * @param {string[]} words
 * @param {string[]} made outputs of the jobs before
 * @returns {Job}
 */
function toJob(words, made) {
  const argv = words[0] === "" ? words.slice(1) : [...words];
  const linking = /(^|[-/])ld$/.test(argv[0]);
  const at = argv.lastIndexOf("-o");
  const named = at < 0 ? undefined : argv[at + 1];
  const output = named === "-" ? undefined : named;
  const temporary = output !== undefined && TEMPORARY.test(output);
  const inputs = argv.filter((word) => made.includes(word));
  // cc1 and cc1as are given their input last.
  const last = argv[argv.length - 1];
  if (!linking && last !== "-" && !inputs.includes(last)) inputs.push(last);
  return { tool: linking ? "wasm-ld" : "clang", argv, inputs, output, temporary };
}

/** Asks one compiler's driver, and remembers. */
export class Driver {
  /** @type {Map<string, DriverAnswer>} */
  #answers = new Map();

  /**
   * The jobs for a command line.
   *
   * @param {object} question
   * @param {"clang" | "clang++"} question.name
   * @param {readonly string[]} question.argv
   * @param {string} question.cwd
   * @param {Readonly<Record<string, string>>} question.env
   * @param {(path: string) => boolean} question.exists
   * @param {(stem: string, extension: string) => string} question.temporary
   * @param {(argv: string[]) => Promise<{code: number | null, stdout: string, stderr: string}>} run
   * @returns {Promise<DriverAnswer>}
   */
  async ask({ name, argv, cwd, env, exists, temporary }, run) {
    const variables = DRIVER_ENVIRONMENT.map((each) => env[each] ?? null);
    const key = JSON.stringify([name, argv, cwd, variables]);
    const known = this.#answers.get(key);
    if (known && sources(known.jobs).every(exists)) {
      this.#answers.delete(key);
      this.#answers.set(key, known);
      return { ...known, jobs: renameTemporaries(known.jobs, temporary) };
    }
    // What the driver answers by itself is run as it stands.
    const alone = async () => {
      const { code, stdout, stderr } = await run([name, ...argv]);
      return { code: code ?? 1, stdout, stderr, jobs: [] };
    };
    if (argv.some((argument) => ANSWERED.test(argument))) return alone();
    const ran = await run([name, "-###", ...argv]);
    const code = ran.code ?? 1;
    const verbose = argv.includes("-v") || argv.includes("--verbose");
    const { commands, rest } = parseDriverOutput(ran.stderr, verbose);
    // It keeps "no input files" to itself when asked for its list.
    if (code === 0 && commands.length === 0) return alone();
    /** @type {string[]} */
    const made = [];
    const jobs = commands.map((words) => {
      const job = toJob(words, made);
      if (job.output !== undefined) made.push(job.output);
      return job;
    });
    /** @type {DriverAnswer} */
    const answer = { code, stdout: ran.stdout, stderr: rest, jobs: code === 0 ? jobs : [] };
    if (code === 0 && !argv.some((argument) => FROM_FILE.test(argument))) {
      this.#answers.set(key, answer);
    }
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= KEPT) break;
      this.#answers.delete(oldest);
    }
    return answer;
  }
}

/**
 * The files that the jobs read and none of them makes.
 *
 * @param {Job[]} jobs
 */
function sources(jobs) {
  const made = new Set(jobs.map(({ output }) => output));
  return jobs.flatMap(({ inputs }) => inputs).filter((input) => !made.has(input));
}

/**
 * The same jobs with temporary files of other names, so that two runs do not meet.
 *
 * @param {Job[]} jobs
 * @param {(stem: string, extension: string) => string} temporary
 * @returns {Job[]}
 */
function renameTemporaries(jobs, temporary) {
  /** @type {[string, string][]} */
  const renames = [];
  for (const { output, temporary: isTemporary } of jobs) {
    const name = baseName(output ?? "");
    if (isTemporary && output !== undefined) {
      const extension = name.slice(name.lastIndexOf(".") + 1);
      renames.push([output, temporary(stem(name).slice(0, -7), extension)]);
    }
  }
  /** @param {string} word */
  const rename = (word) => renames.reduce((text, [from, to]) => text.replaceAll(from, to), word);
  return jobs.map((job) => ({
    ...job,
    argv: job.argv.map(rename),
    inputs: job.inputs.map(rename),
    output: job.output === undefined ? undefined : rename(job.output),
  }));
}

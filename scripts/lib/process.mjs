/**
 * Running other programs from the scripts: everything the front door starts goes through here, so
 * that nothing can prompt (no stdin), nothing outlives the script, and a failure names its command.
 *
 * Only built-ins of Node: these files run before `npm ci` has run.
 */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root folder, without a trailing slash. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** A failure the user should read as one sentence, without a stack. */
export class ScriptError extends Error {}

/** How often a program running quietly gives a sign of life: its latest line of output. */
const PULSE_MS = 5000;

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/** @param {import("node:child_process").ChildProcess} child @param {NodeJS.Signals} signal */
function killTree(child, signal) {
  try {
    if (child.pid) process.kill(-child.pid, signal);
  } catch {
    // It has ended by itself.
  }
}

for (const signal of /** @type {NodeJS.Signals[]} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, () => {
    for (const child of running) killTree(child, "SIGTERM");
    process.exit(130);
  });
}

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd] folder to run in; the root unless given
 * @property {Record<string, string>} [env] added to the environment
 * @property {boolean} [quiet] show only the latest line, every few seconds
 * @property {number} [minutes] end it, and fail, after so long
 */

/**
 * Runs a program, its output passed on as it comes, and returns all of it with the exit status.
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<{status: number, output: string}>}
 */
export function run(command, args, options = {}) {
  const { cwd = root, env = {}, quiet = false, minutes = 0 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that a time-out ends the program's children too.
      detached: true,
    });
    running.add(child);
    /** @type {Buffer[]} */
    const chunks = [];
    /** @param {Buffer} chunk @param {NodeJS.WriteStream} out */
    const take = (chunk, out) => {
      chunks.push(chunk);
      if (!quiet) out.write(chunk);
    };
    child.stdout.on("data", (chunk) => take(chunk, process.stdout));
    child.stderr.on("data", (chunk) => take(chunk, process.stderr));
    const pulse =
      quiet &&
      setInterval(() => {
        const lines = Buffer.concat(chunks.slice(-20))
          .toString()
          .split(/[\r\n]+/);
        const line = lines.filter((text) => text.trim() !== "").at(-1);
        if (line !== undefined) console.log(`  … ${line.trim().slice(0, 100)}`);
      }, PULSE_MS);
    let late = false;
    const timer =
      minutes &&
      setTimeout(() => {
        late = true;
        killTree(child, "SIGKILL");
      }, minutes * 60_000);
    child.on("error", (error) => {
      running.delete(child);
      if (timer) clearTimeout(timer);
      if (pulse) clearInterval(pulse);
      reject(new ScriptError(`${command} could not be started: ${error.message}.`));
    });
    child.on("close", (code, signal) => {
      running.delete(child);
      if (timer) clearTimeout(timer);
      if (pulse) clearInterval(pulse);
      const output = Buffer.concat(chunks).toString();
      const note = late ? `\n${command} was ended after ${minutes} minutes.\n` : "";
      if (note) process.stderr.write(note);
      resolve({ status: code ?? (signal ? 128 : 1), output: output + note });
    });
  });
}

/**
 * Like `run`, but a status other than 0 is an error that names what was being done.
 * @param {string} what for instance "the native build"
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 */
export async function must(what, command, args, options = {}) {
  const { status, output } = await run(command, args, options);
  if (status !== 0) {
    if (options.quiet) process.stderr.write(output);
    throw new ScriptError(
      `${what} failed: \`${[command, ...args].join(" ")}\` ended with ${status}.`,
    );
  }
  return output;
}

/**
 * The standard output of a short command, or undefined when it is missing or fails.
 * @param {string} command
 * @param {string[]} args
 */
export function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, {
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "utf8",
  });
  return status === 0 ? stdout : undefined;
}

/**
 * Runs a script's main function; a ScriptError ends it with its sentence and status 1.
 * @param {() => Promise<void>} main
 */
export async function script(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}

/** @param {number} start a time by performance.now() */
export function since(start) {
  const ms = performance.now() - start;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

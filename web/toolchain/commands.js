/**
 * `cc` and its like. What they do is decided in toolchain.wasm (wasi-polyfill/src/cc_run.h), which says step
 * by step what is to be run, and which files are looked for or removed; here that is done.
 *
 * Invariant: temporary files are gone when the command ends, however it ends.
 */

import { fingerprint } from "../image.js";
import { createCollector } from "../streams.js";

/**
 * @typedef {object} FixIt a change that clang proposes: the text from (line, column) up to
 *   (endLine, endColumn), which is empty for an insertion, becomes `text`
 * @property {string} file
 * @property {number} line
 * @property {number} column
 * @property {number} endLine
 * @property {number} endColumn
 * @property {string} text
 */

/**
 * @typedef {object} Diagnostic
 * @property {string | null} file as clang named it; null for messages about the command or the link
 * @property {number | null} line from 1
 * @property {number | null} column from 1, in bytes, as clang counts
 * @property {"fatal" | "error" | "warning" | "note" | "remark"} severity
 * @property {string} message without the option in brackets
 * @property {string | null} option the warning option that controls it, such as `-Wunused-variable`
 * @property {FixIt[]} fixits
 */

/** The steps: the command has ended, a file is looked for, made or removed; else a program is run. */
const END = 0;
const FILE = 1;
/** It is the driver, asked what it would do. */
const QUIZ = 3;
const EXECUTABLE = 0o755;

/**
 * Runs `cc`, `c++`, `clang` or `clang++`.
 *
 * @param {string} command
 * @param {import("../spawn.js").CommandContext} context
 * @param {WebAssembly.Module} module the compiler
 * @param {import("../kernel.js").Kernel} tools toolchain.wasm
 * @returns {Promise<import("../system.js").CommandResult>}
 */
export async function compile(command, context, module, tools) {
  const { args, cwd, env, pid, stderr } = context;
  const { terminal } = stderr;
  const sync = /** @type {Record<string, Function>} */ (
    /** @type {unknown} */ (context.system.sync)
  );
  const variables = Object.entries(env).map((pair) => pair.join("="));
  const [run] = tools.ask(
    "nidus_cc_begin",
    [fingerprint(module) ?? "", command, cwd, ...args, ...variables],
    args.length,
    Number(terminal),
    Math.random() * 1e9,
    pid,
  );
  /** Tells what was written to standard error, and shows what is to be shown of it. @param {Uint8Array} bytes */
  const says = (bytes) => stderr.write(tools.call("nidus_cc_says", [bytes], run)[1]);
  /**
   * Does something to a file; answers whether that could be done, or is so.
   * @param {string} what
   * @param {string} path
   */
  const touch = (what, path) => {
    try {
      const given = what === "writeFile" ? tools.take("nidus_cc_prompt")[1] : EXECUTABLE;
      return Number(sync[what](path, given) ?? 1);
    } catch {
      return 0;
    }
  };
  let result = 0;
  let trap = "";
  try {
    for (;;) {
      const [step, first, ...rest] = tools.ask("nidus_cc_next", [trap], run, result);
      await says(new Uint8Array());
      if (step === END) return JSON.parse(first);
      if (step === FILE) result = touch(first, rest[0]);
      else {
        const written = Object.assign(createCollector(), { terminal });
        /** @type {import("../spawn.js").SpawnOptions} */
        const options = { argv0: first, stderr: written };
        if (step === QUIZ) options.stdin = options.stdout = "null";
        const job = await context.spawn(module, rest.slice(0, -1), options);
        const ended = await job.exit;
        await says(written.bytes());
        result = ended.code ?? -1;
        trap = ended.trap?.message ?? "";
      }
    }
  } finally {
    for (const file of tools.ask("nidus_cc_end", [], run).slice(1, -1)) {
      touch("unlink", /** @type {string} */ (file));
    }
  }
}

/**
 * `cc` and its like: plan the jobs, run them one after the other as processes, clean up.
 *
 * Invariants: what the user sees is clang's own text; temporary files are gone when the command ends,
 * however it ends; a job whose input was not made is not run; the exit code is that of the first job
 * that failed.
 */

import { decodeText } from "../fs.js";
import { resolvePath } from "../spawn.js";
import { Collector } from "../streams.js";
import { parseDiagnostics } from "./diagnostics.js";

/** @typedef {import("../spawn.js").CommandContext} CommandContext */

/** Asks cc1 for fix-its in a form that machines read; those lines are kept from the user. */
const FIXITS = "-fdiagnostics-parseable-fixits";
const FIXIT_LINE = /^fix-it:".*\n?/gm;
/** Diagnostics are read from this much of what is written, at most, in characters. */
const READ_LIMIT = 4 * 1024 * 1024;
const EXECUTABLE = 0o755;
/** The linker's own 64 KiB of stack hold no `char line[65536]`. */
const STACK_SIZE = "stack-size=";

/**
 * Gives a program a large stack, and lets its prompts appear before it reads (linked/prompt.c). Answers the
 * temporary file that this takes.
 *
 * @param {CommandContext} context
 * @param {import("../kernel.js").Kernel} tools
 * @param {string[]} argv of the linker
 */
function extendLink({ system, pid }, tools, argv) {
  const prompt = `/tmp/prompt-${pid}.o`;
  if (!argv.some((each) => each.includes(STACK_SIZE))) argv.push("-z", `${STACK_SIZE}1048576`);
  try {
    if (argv.includes("-lc")) {
      system.sync.writeFile(prompt, tools.take("nidus_cc_prompt")[1]);
      argv.push("--wrap=__stdio_read", "--start-lib", prompt, "--end-lib");
    }
  } catch {
    // No room for it: programs link without.
  }
  return prompt;
}

/**
 * Runs `cc`, `c++`, `clang` or `clang++`. The first two link more than clang does; the others stay as they are.
 *
 * @param {string} command
 * @param {CommandContext} context
 * @param {WebAssembly.Module} module
 * @param {import("../kernel.js").Kernel} tools toolchain.wasm
 * @param {import("./plan.js").Planner} planner
 * @param {boolean} planned whether the compiler is the build whose driver the planner speaks for
 * @returns {Promise<import("../system.js").CommandResult>}
 */
export async function compile(command, context, module, tools, planner, planned) {
  const { system, args, cwd, env } = context;
  let log = "";
  const own = !command.startsWith("clang");
  const cxx = command.endsWith("+");
  const argv = [...args];
  // The C++ library of the sysroot is built without exceptions: what throws would not link.
  if (own && cxx) argv.unshift("-fno-exceptions");
  if (context.stderr.terminal && env.TERM !== "dumb") argv.unshift("-fcolor-diagnostics");
  const answer = await planner.plan(
    {
      tools,
      name: cxx ? "clang++" : "clang",
      argv,
      cwd,
      env,
      exists: (path = "") => system.sync.exists(resolvePath(cwd, path)),
      planned,
    },
    ([argv0, ...rest]) => context.exec(module, rest, { argv0 }),
  );
  let { code } = answer;
  /**
   * Text on its way to the user's standard error is kept to be read as data.
   * @param {string} text
   * @param {boolean} filters takes fix-its out
   */
  const say = (text, filters) => {
    log = (log + text).slice(0, READ_LIMIT);
    return context.stderr.write(filters ? text.replace(FIXIT_LINE, "") : text);
  };
  await context.stdout.write(answer.stdout);
  await say(answer.stderr, false);
  /** @type {Set<string | undefined>} what is not there, or is to go */
  const missing = new Set();
  const temporaries = answer.jobs.map((job) => (job.temporary ? job.output : undefined));
  /** @param {string | undefined} output */
  const remove = async (output = "") =>
    system.fs.rm(resolvePath(cwd, output), { force: true }).catch(() => {});
  try {
    for (const { tool, argv, inputs, output } of answer.jobs) {
      const linking = tool === "wasm-ld";
      let status = 0;
      if (!inputs.some((input) => missing.has(input))) {
        const [argv0, ...rest] = argv;
        const compiling = rest[0] === "-cc1";
        if (compiling) rest.splice(1, 0, FIXITS);
        if (linking && own) temporaries.push(extendLink(context, tools, rest));
        const { terminal } = context.stderr;
        const stderr = Object.assign(new Collector(), { terminal });
        const job = await context.spawn(module, rest, { argv0, stderr });
        const { code: ended, trap } = await job.exit;
        status = ended ?? 1;
        let says = decodeText(stderr.bytes());
        if (trap || (status !== 0 && (linking || status !== 1))) {
          const how = trap ? `: ${trap.message}` : ` with exit code ${status}`;
          const what = linking ? "linker" : "clang frontend";
          const throws = /undefined symbol: __cxa_(throw|allocate_exception)\b/.test(says);
          says += `clang: error: ${what} command failed${how} (use -v to see invocation)\n`;
          if (throws) {
            says +=
              "clang: note: this C++ library has no exceptions; compile with -fno-exceptions\n";
          }
        }
        await say(says, compiling && !args.includes(FIXITS));
        if (status === 0) {
          if (linking && output) {
            await system.fs.chmod(resolvePath(cwd, output), EXECUTABLE).catch(() => {});
          }
          continue;
        }
        code ||= status;
        if (output) await remove(output);
      }
      missing.add(output);
    }
  } finally {
    for (const output of temporaries) if (output) await remove(output);
  }
  return { code, diagnostics: parseDiagnostics(log) };
}

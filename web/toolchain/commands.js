/**
 * `cc` and its like: plan the jobs, run them one after the other as processes, clean up.
 *
 * Invariants: what the user sees is clang's own text; temporary files are gone when the command ends,
 * however it ends; a job whose input was not made is not run; the exit code is that of the first job
 * that failed.
 */

import { parseDiagnostics } from "./diagnostics.js";

/** @typedef {import("../spawn.js").CommandContext} CommandContext */
/** @typedef {import("../host.js").HostStream} HostStream */
/** @typedef {import("./plan.js").Job} Job */
/** @typedef {import("./plan.js").Planner} Planner */

/** Asks cc1 for fix-its in a form that machines read; those lines are kept from the user. */
const FIXITS = "-fdiagnostics-parseable-fixits";
/** Diagnostics are read from this much of what is written, at most, in bytes. */
const READ_LIMIT = 4 * 1024 * 1024;
const EXECUTABLE = 0o755;

/**
 * A compiler command.
 *
 * @param {object} options
 * @param {string} options.name the driver's name
 * @param {string[]} options.defaults arguments put before the user's
 * @param {Planner} options.planner
 * @returns {import("./index.js").ToolCommand}
 */
export function compilerCommand({ name, defaults, planner }) {
  return async (context, module, { planned }) => {
    const { system, cwd, env } = context;
    const log = new Log(context);
    const color = context.stderr.stream.terminal && env.TERM !== "dumb";
    const answer = await planner.plan(
      {
        kernel: system.kernel,
        name,
        argv: [...(color ? ["-fcolor-diagnostics"] : []), ...defaults, ...context.args],
        cwd,
        env,
        exists: (path) => system.sync.exists(path.startsWith("/") ? path : `${cwd}/${path}`),
        planned,
      },
      ([argv0, ...args]) => context.exec(module, args, { argv0 }),
    );
    await context.stdout.write(answer.stdout);
    await log.write(answer.stderr);
    const showFixits = context.args.includes(FIXITS);
    const code = answer.code || (await runJobs(context, module, answer.jobs, log, showFixits));
    return { code, diagnostics: log.diagnostics() };
  };
}

/** The commands that link more than clang does (extendLink); clang and clang++ stay as they are. */
const EXTENDED = new Set(["cc", "c++"]);
/** The linker's own 64 KiB of stack hold no `char line[65536]`. */
const STACK_SIZE = "stack-size=1048576";

/**
 * Runs jobs in order; answers the exit code.
 *
 * @param {CommandContext} context
 * @param {WebAssembly.Module} module
 * @param {Job[]} jobs
 * @param {Log} log
 * @param {boolean} showFixits
 */
async function runJobs(context, module, jobs, log, showFixits) {
  const { system, cwd } = context;
  /** @param {string} path */
  const absolute = (path) => (path.startsWith("/") ? path : `${cwd}/${path}`);
  /** @type {Set<string>} */
  const missing = new Set();
  const temporary = jobs.flatMap((job) => (job.temporary && job.output) || []);
  let code = 0;
  try {
    for (const job of jobs) {
      if (job.tool === "wasm-ld" && EXTENDED.has(context.argv0)) {
        temporary.push(extendLink(context, job.argv));
      }
      if (job.inputs.some((input) => missing.has(input))) {
        if (job.output !== undefined) missing.add(job.output);
        continue;
      }
      const status = await runJob(context, module, job, log, showFixits);
      if (status === 0) {
        if (job.tool === "wasm-ld" && job.output !== undefined) {
          await system.fs.chmod(absolute(job.output), EXECUTABLE).catch(() => {});
        }
        continue;
      }
      code ||= status;
      if (job.output === undefined) continue;
      missing.add(job.output);
      await system.fs.rm(absolute(job.output), { force: true }).catch(() => {});
    }
  } finally {
    for (const file of temporary) await system.fs.rm(file, { force: true }).catch(() => {});
  }
  return code;
}

/**
 * Gives a program a large stack, and lets its prompts appear before it reads (linked/prompt.c). Answers the
 * temporary file that this takes.
 *
 * @param {CommandContext} context
 * @param {string[]} argv of the linker
 */
function extendLink({ system, pid }, argv) {
  const prompt = `/tmp/prompt-${pid}.o`;
  if (!argv.some((each) => each.includes("stack-size="))) argv.push("-z", STACK_SIZE);
  try {
    if (argv.includes("-lc")) {
      system.sync.writeFile(prompt, system.kernel.generated("nidus_cc_prompt"));
      argv.push("--wrap=__stdio_read", "--start-lib", prompt, "--end-lib");
    }
  } catch {
    // No room for it: programs link without.
  }
  return prompt;
}

/**
 * @param {CommandContext} context
 * @param {WebAssembly.Module} module
 * @param {Job} job
 * @param {Log} log
 * @param {boolean} showFixits
 */
async function runJob(context, module, job, log, showFixits) {
  const [argv0, ...args] = job.argv;
  const compiling = args[0] === "-cc1";
  if (compiling) args.splice(1, 0, FIXITS);
  const tap = new Tap(context.stderr.stream, log, compiling && !showFixits);
  const process = await context.spawn(module, args, { argv0, stderr: tap });
  const { code, trap } = await process.exit;
  await context.stderr.write(tap.rest());
  const linking = job.tool === "wasm-ld";
  const what = linking ? "linker" : "clang frontend";
  if (trap) {
    await log.write(
      `clang: error: ${what} command failed: ${trap.message} (use -v to see invocation)\n`,
    );
  } else if (code !== 0 && (linking || code !== 1)) {
    const how = `with exit code ${code} (use -v to see invocation)`;
    await log.write(`clang: error: ${what} command failed ${how}\n`);
    if (linking && /undefined symbol: __cxa_(throw|allocate_exception)\b/.test(log.text())) {
      await log.write(
        "clang: note: this C++ library has no exceptions; compile with -fno-exceptions\n",
      );
    }
  }
  return code ?? 1;
}

/** Everything a command writes to standard error, kept to be read as data. */
class Log {
  /** @type {Uint8Array[]} */
  #parts = [];
  #size = 0;

  /** @param {CommandContext} context */
  constructor(context) {
    this.context = context;
  }

  /** @param {Uint8Array} bytes */
  keep(bytes) {
    if (this.#size + bytes.length > READ_LIMIT) return;
    this.#size += bytes.length;
    this.#parts.push(bytes.slice());
  }

  /** @param {string} text */
  async write(text) {
    if (text === "") return;
    this.keep(new TextEncoder().encode(text));
    await this.context.stderr.write(text);
  }

  text() {
    const decoder = new TextDecoder();
    return this.#parts.map((part) => decoder.decode(part, { stream: true })).join("");
  }

  diagnostics() {
    return parseDiagnostics(this.text());
  }
}

const BLOCK = -0x10000;
const NEWLINE = 10;
const OTHER = -1;
const FIXIT_START = new TextEncoder().encode('fix-it:"');

/**
 * The standard error of a job: on its way to the user it is kept, and fix-its are taken out.
 * @implements {HostStream}
 */
class Tap {
  /** What is to be passed on. */
  #pending = new Uint8Array(0);
  /** How much of FIXIT_START the line begins with, which is held back; OTHER: it is no fix-it. */
  #matched = 0;

  /**
   * @param {HostStream} out
   * @param {Log} log
   * @param {boolean} filters
   */
  constructor(out, log, filters) {
    this.out = out;
    this.log = log;
    this.filters = filters;
    this.terminal = out.terminal;
  }

  /** @param {(() => void) | null | undefined} call */
  set onready(call) {
    this.out.onready = call;
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    const failed = this.#flush();
    if (failed < 0) return failed;
    this.log.keep(bytes);
    this.#pending = this.filters ? this.#filter(bytes) : bytes.slice();
    const result = this.#flush();
    return result < 0 && result !== BLOCK ? result : bytes.length;
  }

  ready() {
    return this.#flush() === 0 ? this.out.ready() : 0;
  }

  /** What could not be passed on. */
  rest() {
    const held = this.#matched < FIXIT_START.length ? Math.max(this.#matched, 0) : 0;
    const rest = new Uint8Array([...this.#pending, ...FIXIT_START.subarray(0, held)]);
    this.#pending = new Uint8Array(0);
    this.#matched = 0;
    return rest;
  }

  /** 0 when everything was passed on, or what the stream answered. */
  #flush() {
    while (this.#pending.length > 0) {
      const taken = this.out.write?.(this.#pending) ?? -8;
      if (taken < 0) return taken;
      this.#pending = this.#pending.subarray(taken);
    }
    return 0;
  }

  /**
   * Takes out the lines that begin as a fix-it does.
   *
   * @param {Uint8Array} bytes
   */
  #filter(bytes) {
    /** @type {number[]} */
    const kept = [];
    for (const byte of bytes) {
      const matched = this.#matched;
      if (matched < FIXIT_START.length) {
        if (byte === FIXIT_START[matched]) {
          this.#matched++;
          continue;
        }
        if (matched > 0) kept.push(...FIXIT_START.subarray(0, matched));
        this.#matched = OTHER;
        kept.push(byte);
      }
      if (byte === NEWLINE) this.#matched = 0;
    }
    return Uint8Array.from(kept);
  }
}

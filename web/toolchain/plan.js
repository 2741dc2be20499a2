/**
 * What `cc` does: the list of jobs, each one run of clang's compiler proper, its assembler, or
 * the linker, with exactly the arguments that clang's own driver would give them.
 *
 * Asking the driver costs one more run of a 75 MB program, so the plan for everyday command lines is
 * made here. The invariant: for the build named by `PLANNED_BUILD` (build.js), `planJobs` gives the driver's own
 * list (temporary names apart), or null. tests/unit/toolchain/plan.test.js holds it to that.
 */

import { baseName, isPlainEnvironment, parseArguments, stem } from "./options.js";

/**
 * @typedef {object} Job one program to run
 * @property {"clang" | "wasm-ld"} tool
 * @property {string[]} argv with the program's name first
 * @property {string[]} inputs files it reads (not the headers and libraries it finds itself)
 * @property {string | undefined} output the file it makes; none for output to standard output
 * @property {boolean} temporary whether the output is to be removed after the last job
 */

/**
 * @typedef {object} PlanOptions
 * @property {boolean} [cxx] plan as `clang++` does
 * @property {string} [cwd] the working folder, absolute; debug information names it
 * @property {Readonly<Record<string, string>>} [env]
 * @property {(path: string) => boolean} [exists] asked for every input file; a missing one is the
 *   driver's to report
 * @property {(stem: string, extension: string) => string} [temporary] names a temporary file
 */

const TRIPLE = "wasm32-unknown-wasip1";
const LIBRARIES = "/usr/lib/wasm32-wasip1";
const RUNTIME = `/usr/lib/${TRIPLE}`;
const PRODUCER =
  "clang version 22.1.0 (https://codeberg.org/YoWASP/llvm-project " +
  "9560ae0f2cc440e4fc891fddbc119da6f56daa59)";

const CXX_INCLUDES = ["/usr/include/wasm32-wasip1/c++/v1", "/usr/include/c++/v1"];
const C_INCLUDES = ["/usr/include", "/usr/include/wasm32-wasip1", "/usr/include"];

/** The first argument that says which step cc1 stops at. */
const ACTIONS = /** @type {const} */ ({
  link: "-emit-obj",
  object: "-emit-obj",
  assembly: "-S",
  preprocess: "-E",
  syntax: "-fsyntax-only",
  dependencies: "-Eonly",
});

/**
 * @typedef {import("./options.js").Options} Options
 * @typedef {import("./options.js").Source} Source
 */

/**
 * Plans a command line, or returns null where only the driver knows.
 *
 * @param {readonly string[]} argv without the program's name
 * @param {PlanOptions} [planning]
 * @returns {Job[] | null}
 */
export function planJobs(argv, planning = {}) {
  const { cxx = false, cwd = "/", env = {}, exists = () => true } = planning;
  const { temporary = temporaryName } = planning;
  const options = isPlainEnvironment(env) ? parseArguments(argv, cxx) : null;
  if (!options) return null;
  const files = options.link.filter((item) => !Array.isArray(item) || !item[0].startsWith("-"));
  const paths = options.sources.map(({ path }) => path);
  for (const item of files) if (Array.isArray(item)) paths.push(item[0]);
  if (!paths.every(exists)) return null;

  /** @type {Job[]} */
  const jobs = [];
  /** @type {Map<Source, string>} */
  const objects = new Map();
  for (const source of options.sources) {
    const planned = compileJobs(options, source, cwd, temporary);
    jobs.push(...planned);
    objects.set(source, planned[planned.length - 1].output ?? "");
  }
  if (options.mode === "link") jobs.push(linkJob(options, objects));
  return jobs;
}

/**
 * A name for a temporary file, as the driver chooses it.
 *
 * @param {string} name
 * @param {string} extension
 */
export function temporaryName(name, extension) {
  const random = Math.floor(Math.random() * 0x1000000);
  return `/tmp/${name}-${random.toString(16).padStart(6, "0")}.${extension}`;
}

/**
 * The jobs that turn one source into what the command line asks for.
 *
 * @param {Options} options
 * @param {Source} source
 * @param {string} cwd
 * @param {(stem: string, extension: string) => string} temporary
 * @returns {Job[]}
 */
function compileJobs(options, source, cwd, temporary) {
  const name = stem(baseName(source.path));
  const linking = options.mode === "link";
  /** @type {string | undefined} */
  let output;
  if (linking) output = temporary(name, "o");
  else if (options.mode === "object") output = options.output ?? `${name}.o`;
  else if (options.mode === "assembly") output = options.output ?? `${name}.s`;
  else if (options.mode === "preprocess") output = options.output;

  if (!source.language.startsWith("assembler")) {
    const argv = cc1(options, source, cwd, output);
    return [{ tool: "clang", argv, inputs: [source.path], output, temporary: linking }];
  }
  /** @type {Job[]} */
  const jobs = [];
  let input = source.path;
  if (source.language === "assembler-with-cpp") {
    const assembly = temporary(name, "s");
    const argv = cc1({ ...options, mode: "preprocess" }, source, cwd, assembly, linking);
    jobs.push({ tool: "clang", argv, inputs: [input], output: assembly, temporary: true });
    input = assembly;
  }
  const argv = cc1as(options, source, input, cwd, /** @type {string} */ (output));
  jobs.push({ tool: "clang", argv, inputs: [input], output, temporary: linking });
  return jobs;
}

/**
 * The arguments of the compiler proper, in the order of the driver.
 *
 * @param {Options} options
 * @param {Source} source
 * @param {string} cwd
 * @param {string | undefined} output
 * @param {boolean} [linking]
 */
function cc1(options, source, cwd, output, linking = options.mode === "link") {
  const { mode, settings, lists } = options;
  /** @param {string} name @returns {string[]} */
  const set = (name) => settings.get(name) ?? [];
  /** @param {string} name @returns {string[]} */
  const list = (name) => lists.get(name) ?? [];
  /** @param {string} name @param {string} otherwise @returns {string[]} */
  const setOr = (name, otherwise) => settings.get(name) ?? [otherwise];

  const cxx = source.language.startsWith("c++");
  const preprocessed = source.language.endsWith("-output");
  const compiled = !source.language.startsWith("assembler");
  const optimize = set("optimize")[0] ?? "";
  const optimized = /^-O[123szg]$/.test(optimize);
  const exceptions = set("exceptions")[0];
  const standard = set("standard");
  const target = options.output ?? "a.out";

  const argv = [options.cxx ? "clang++" : "clang", "-cc1", "-triple", TRIPLE, ...set("optimize")];
  argv.push(ACTIONS[mode]);
  if (linking) argv.push("-dumpdir", options.output === undefined ? "a-" : `${target}-`);
  argv.push("-disable-free", "-clear-ast-before-backend");
  argv.push("-main-file-name", baseName(source.path), "-mrelocation-model", "static");
  argv.push(...set("null-checks"), ...setOr("frame-pointer", "-mframe-pointer=none"));
  argv.push(...set("aliasing"), ...set("math-errno"));
  argv.push("-ffp-contract=on", "-fno-rounding-math", "-mconstructor-aliases");
  argv.push(...set("freestanding"));
  if (settings.has("pthread")) {
    for (const feature of ["atomics", "bulk-memory", "mutable-globals", "sign-ext"]) {
      argv.push("-target-feature", `+${feature}`);
    }
  }
  argv.push("-target-cpu", "generic", ...list("feature"));
  if (!settings.has("visibility")) argv.push("-fvisibility=hidden");
  if (set("debug").length > 0 && optimized && compiled) argv.push("-gkey-instructions");
  argv.push(...set("debug"), "-debugger-tuning=gdb", `-fdebug-compilation-dir=${cwd}`);
  argv.push(...set("linemarkers"), ...set("function-sections"), ...set("data-sections"));
  argv.push(`-fcoverage-compilation-dir=${cwd}`);
  argv.push(...set("nostdinc++"), "-resource-dir", "/usr");
  if (settings.has("depend-on")) argv.push(...dependencyArguments(options, source, output));
  argv.push(...list("include"), ...list("define"));
  if (!preprocessed) {
    argv.push("-isysroot", "/usr");
    const folders =
      cxx && !settings.has("nostdinc++") ? [...CXX_INCLUDES, ...C_INCLUDES] : C_INCLUDES;
    for (const folder of folders) argv.push("-internal-isystem", folder);
  }
  argv.push(...list("warning"), ...set("pedantic"), ...set("no-warnings"), ...standard);
  if (cxx) argv.push("-fdeprecated-macro");
  argv.push("-ferror-limit", "19", ...set("visibility"), ...set("ranges"), ...set("fixits"));
  argv.push(...set("wrapv"), ...set("unroll"), ...set("pthread"));
  argv.push(...set("builtin"));
  if (cxx) argv.push(...set("rtti"));
  argv.push(...set("short-enums"), ...set("char"));
  argv.push("-fgnuc-version=4.2.1", ...set("inline"));
  argv.push(...set("statics"));
  if (cxx && /\+\+2[0-9a-c]$/.test(standard[0] ?? "")) argv.push("-fno-implicit-modules");
  argv.push("-fskip-odr-check-in-gmf");
  if (cxx && exceptions !== "no") argv.push("-fcxx-exceptions", "-fexceptions");
  else if (exceptions === "-fexceptions") argv.push("-fexceptions");
  argv.push(...set("common"), ...set("caret"), ...set("color"));
  if (/^-O[23s]$/.test(optimize)) argv.push("-vectorize-loops");
  if (/^-O[23sz]$/.test(optimize)) argv.push("-vectorize-slp");
  if (optimize === "-Og") argv.push("-fextend-variable-liveness=all");
  argv.push(...list("cc1"), ...list("llvm"));
  if (output !== undefined) argv.push("-o", output);
  else if (mode === "preprocess") argv.push("-o", "-");
  argv.push("-x", source.language, source.path);
  return argv;
}

/**
 * The arguments that make cc1 write a make rule.
 *
 * @param {Options} options
 * @param {Source} source
 * @param {string | undefined} output
 */
function dependencyArguments({ mode, output: named, settings, lists }, source, output) {
  const only = mode === "dependencies";
  const base = stem(baseName(source.path));
  let file = lists.get("depend-file")?.[0];
  if (file === undefined && only) file = named ?? "-";
  if (file === undefined) file = `${named === undefined ? base : stem(named)}.d`;
  const target = named !== undefined && !only && mode !== "assembly" ? named : `${base}.o`;
  const targets = lists.get("depend-target") ?? [target];
  const argv = only ? ["-w"] : [];
  argv.push("-dependency-file", file);
  for (const word of targets) argv.push("-MT", word);
  argv.push(...(settings.get("depend-on") ?? []), ...(settings.get("phony") ?? []));
  return argv;
}

/**
 * The arguments of the assembler.
 *
 * @param {Options} options
 * @param {Source} source
 * @param {string} input
 * @param {string} cwd
 * @param {string} output
 */
function cc1as(options, source, input, cwd, output) {
  const argv = [options.cxx ? "clang++" : "clang", "-cc1as", "-triple", TRIPLE];
  argv.push("-filetype", "obj", "-main-file-name", baseName(source.path));
  argv.push("-target-cpu", "generic", `-fdebug-compilation-dir=${cwd}`);
  argv.push("-dwarf-debug-producer", PRODUCER, "-dwarf-version=4");
  argv.push("-mrelocation-model", "static", "-o", output, input);
  return argv;
}

/**
 * The linker's job.
 *
 * @param {Options} options
 * @param {Map<Source, string>} objects
 * @returns {Job}
 */
function linkJob({ link, settings, lists, output = "a.out", cxx }, objects) {
  const nostdlib = settings.has("nostdlib");
  const [reactor, shared] = settings.get("model") ?? [];
  const argv = ["wasm-ld", "-m", "wasm32", ...(settings.get("strip") ?? [])];
  argv.push(...(lists.get("library-path") ?? []), `-L${RUNTIME}`, `-L${LIBRARIES}`);
  if (!nostdlib && !settings.has("nostartfiles")) {
    argv.push(`${LIBRARIES}/crt1-${reactor ? "reactor" : "command"}.o`);
  }
  if (reactor) argv.push("--entry", "_initialize");
  if (shared) argv.push(shared);
  const inputs = [];
  for (const item of link) {
    const words = Array.isArray(item) ? item : [objects.get(item) ?? ""];
    if (!words[0].startsWith("-")) inputs.push(words[0]);
    argv.push(...words);
  }
  if (settings.has("pthread")) argv.push("--shared-memory");
  if (!nostdlib && !settings.has("nodefaultlibs")) {
    if (cxx && !settings.has("nostdlib++")) argv.push("-lc++", "-lc++abi");
    if (settings.has("pthread")) argv.push("-lpthread");
    argv.push("-lc", `${RUNTIME}/libclang_rt.builtins.a`);
  }
  argv.push("-o", output);
  return { tool: "wasm-ld", argv, inputs, output, temporary: false };
}

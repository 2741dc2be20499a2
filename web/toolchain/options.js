/**
 * The command line of `cc` and `c++`, as clang's driver reads it.
 *
 * Owns the table of the options whose effect on the jobs is known for certain. The invariant:
 * `parseArguments` either understands every argument exactly as the driver of the planned build
 * does, or returns null, and then the driver itself is asked (driver.js). So an option that
 * belongs here but is missing costs time, never correctness; one that is here by mistake is found by
 * tests/unit/toolchain/plan.test.js, which compares with the driver.
 */

/**
 * @typedef {"link" | "object" | "assembly" | "preprocess" | "syntax" | "dependencies"} Mode
 * What the command line asks for: the last step that is done.
 */

/**
 * @typedef {"c" | "c++" | "cpp-output" | "c++-cpp-output" | "assembler" | "assembler-with-cpp"}
 *   Language
 */

/**
 * @typedef {object} Source a file to be compiled or assembled
 * @property {string} path
 * @property {Language} language
 */

/**
 * @typedef {object} Options a command line, understood
 * @property {Mode} mode
 * @property {string | undefined} output
 * @property {Source[]} sources
 * @property {(string[] | Source)[]} link what the linker gets between start files and libraries, in
 *   order: its own arguments, or a source whose object stands here
 * @property {Map<string, string[]>} settings the last value of every option of which one wins, in
 *   cc1's words
 * @property {Map<string, string[]>} lists the arguments of every option that accumulates
 * @property {boolean} cxx whether the C++ libraries are linked (`c++`)
 */

/** What an extension says about a file; "link" goes to the linker as it is. */
const LANGUAGES = /** @type {Record<string, Language | "link">} */ ({
  c: "c",
  i: "cpp-output",
  ii: "c++-cpp-output",
  s: "assembler",
  S: "assembler-with-cpp",
  o: "link",
  a: "link",
});
for (const extension of ["C", "cc", "CC", "cp", "cpp", "CPP", "c++", "C++", "cxx", "CXX"]) {
  LANGUAGES[extension] = "c++";
}

/** `-x` accepts these; `none` returns to the extension. */
const X_LANGUAGES = new Set([
  "c",
  "c++",
  "cpp-output",
  "c++-cpp-output",
  "assembler",
  "assembler-with-cpp",
]);

/** @type {Record<string, Mode>} */
const MODES = {
  "-c": "object",
  "-S": "assembly",
  "-E": "preprocess",
  "-fsyntax-only": "syntax",
  "-M": "dependencies",
  "-MM": "dependencies",
};

/**
 * Options of which the last one wins: flag -> setting, and its value in cc1's words (none: off).
 * @type {Record<string, [string, ...string[]]>}
 */
const SETTINGS = {
  "-O": ["optimize", "-O1"],
  "-g": ["debug", "-debug-info-kind=constructor", "-dwarf-version=4"],
  "-g0": ["debug"],
  "-g1": ["debug", "-debug-info-kind=line-tables-only", "-dwarf-version=4"],
  "-g2": ["debug", "-debug-info-kind=constructor", "-dwarf-version=4"],
  "-g3": ["debug", "-debug-info-kind=constructor", "-dwarf-version=4"],
  "-ggdb": ["debug", "-debug-info-kind=constructor", "-dwarf-version=4"],
  "-gline-tables-only": ["debug", "-debug-info-kind=line-tables-only", "-dwarf-version=4"],
  "-gdwarf-4": ["debug", "-debug-info-kind=constructor", "-dwarf-version=4"],
  "-gdwarf-5": ["debug", "-debug-info-kind=constructor", "-dwarf-version=5"],
  "-w": ["no-warnings", "-w"],
  "-pedantic": ["pedantic", "-pedantic"],
  "-pedantic-errors": ["pedantic", "-pedantic-errors"],
  "-pthread": ["pthread", "-pthread"],
  "-MD": ["depend-on", "-sys-header-deps"],
  "-MMD": ["depend-on"],
  "-MP": ["phony", "-MP"],
  "-P": ["linemarkers", "-P"],
  "-s": ["strip", "--strip-all"],
  "-shared": ["model", "reactor", "-shared"],
  "-mexec-model=command": ["model"],
  "-mexec-model=reactor": ["model", "reactor"],
  "-nostdlib": ["nostdlib", "yes"],
  "-nostartfiles": ["nostartfiles", "yes"],
  "-nodefaultlibs": ["nodefaultlibs", "yes"],
  "-nostdlib++": ["nostdlib++", "yes"],
  "-nostdinc++": ["nostdinc++", "-nostdinc++"],
  "-m32": ["width"],
  "-pipe": ["pipe"],
  "--target=wasm32-wasip1": ["target"],
  "--target=wasm32-unknown-wasip1": ["target"],
  "-fno-delete-null-pointer-checks": ["null-checks", "-fno-delete-null-pointer-checks"],
  "-fdelete-null-pointer-checks": ["null-checks"],
  "-fomit-frame-pointer": ["frame-pointer", "-mframe-pointer=none"],
  "-fno-omit-frame-pointer": ["frame-pointer", "-mframe-pointer=all"],
  "-fstrict-aliasing": ["aliasing"],
  "-fno-strict-aliasing": ["aliasing", "-relaxed-aliasing"],
  "-fmath-errno": ["math-errno", "-fmath-errno"],
  "-fno-math-errno": ["math-errno"],
  "-ffreestanding": ["freestanding", "-ffreestanding"],
  "-fno-pic": ["pic"],
  "-fno-pie": ["pic"],
  "-ffunction-sections": ["function-sections", "-ffunction-sections"],
  "-fno-function-sections": ["function-sections"],
  "-fdata-sections": ["data-sections", "-fdata-sections"],
  "-fno-data-sections": ["data-sections"],
  "-fdiagnostics-print-source-range-info": ["ranges", "-fdiagnostics-print-source-range-info"],
  "-fdiagnostics-parseable-fixits": ["fixits", "-fdiagnostics-parseable-fixits"],
  "-fwrapv": ["wrapv", "-fwrapv"],
  "-fno-wrapv": ["wrapv"],
  "-funroll-loops": ["unroll", "-funroll-loops"],
  "-fno-unroll-loops": ["unroll", "-fno-unroll-loops"],
  "-fno-stack-protector": ["stack-protector"],
  "-fno-builtin": ["builtin", "-fno-builtin"],
  "-fshort-enums": ["short-enums", "-fshort-enums"],
  "-fno-short-enums": ["short-enums"],
  "-fsigned-char": ["char"],
  "-funsigned-char": ["char", "-fno-signed-char"],
  "-fno-inline": ["inline", "-fno-inline"],
  "-fcommon": ["common", "-fcommon"],
  "-fno-common": ["common"],
  "-fexceptions": ["exceptions", "-fexceptions"],
  "-fno-exceptions": ["exceptions", "no"],
  "-frtti": ["rtti"],
  "-fno-rtti": ["rtti", "-fno-rtti"],
  "-fno-threadsafe-statics": ["statics", "-fno-threadsafe-statics"],
  "-fthreadsafe-statics": ["statics"],
  "-fcolor-diagnostics": ["color", "-fcolor-diagnostics"],
  "-fno-color-diagnostics": ["color"],
  "-fdiagnostics-color=always": ["color", "-fcolor-diagnostics"],
  "-fdiagnostics-color=never": ["color"],
  "-fno-caret-diagnostics": ["caret", "-fno-caret-diagnostics"],
  "-fcaret-diagnostics": ["caret"],
};
for (const level of ["0", "1", "2", "3", "s", "z", "g"]) {
  SETTINGS[`-O${level}`] = ["optimize", `-O${level}`];
}

/** Settings whose values mix where two are given; only the driver knows how. */
const MIXING = new Set(["debug", "model", "depend-on", "pedantic"]);

/** Joined options of which the last one wins: prefix -> setting; cc1 takes them as they stand. */
const JOINED_SETTINGS = /** @type {const} */ ([
  ["-std=", "standard"],
  ["-fvisibility=", "visibility"],
]);

/**
 * Options with a value, joined or separate, that accumulate: prefix -> list. cc1 gets flag and
 * value as two arguments.
 */
const SEPARATE_LISTS = /** @type {const} */ ([
  ["-isystem", "include"],
  ["-include", "include"],
  ["-iquote", "include"],
  ["-idirafter", "include"],
  ["-I", "define"],
  ["-D", "define"],
  ["-U", "define"],
]);

/** Target features that the driver hands on one by one. */
const FEATURES =
  /^-m(no-)?(simd128|relaxed-simd|tail-call|bulk-memory|sign-ext|nontrapping-fptoint|multivalue|reference-types|extended-const|mutable-globals|exception-handling)$/;

/**
 * Warnings on which the driver bases more than the argument itself, or whose values it checks.
 * Asked of the driver.
 */
const SPECIAL_WARNINGS =
  /^-W([alp],|(no-)?(deprecated|write-strings)$|large-by-value|undef-prefix)/;

/** The environment variables that change what the driver does. */
export const DRIVER_ENVIRONMENT = [
  "CPATH",
  "C_INCLUDE_PATH",
  "CPLUS_INCLUDE_PATH",
  "LIBRARY_PATH",
  "COMPILER_PATH",
  "CCC_OVERRIDE_OPTIONS",
  "CLANG_CONFIG_FILE_SYSTEM_DIR",
  "CLANG_CONFIG_FILE_USER_DIR",
  "DEPENDENCIES_OUTPUT",
  "SUNPRO_DEPENDENCIES",
  "SOURCE_DATE_EPOCH",
  "CC_PRINT_OPTIONS",
  "CC_PRINT_HEADERS",
  "CC_LOG_DIAGNOSTICS",
  "CL",
  "_CL_",
];

/**
 * Whether the environment leaves the driver's plan as the command line alone makes it.
 *
 * @param {Readonly<Record<string, string>>} environment
 */
export function isPlainEnvironment(environment) {
  return DRIVER_ENVIRONMENT.every((name) => environment[name] === undefined);
}

/**
 * The last component of a path.
 *
 * @param {string} path
 */
export function baseName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * A path without its last extension.
 *
 * @param {string} path
 */
export function stem(path) {
  const dot = path.lastIndexOf(".");
  return dot > path.lastIndexOf("/") + 1 ? path.slice(0, dot) : path;
}

/**
 * Understands the arguments of `cc` (or, with `cxx`, of `c++`), or returns null where one of them is
 * not known for certain.
 *
 * @param {readonly string[]} argv without the program's name
 * @param {boolean} cxx
 * @returns {Options | null}
 */
export function parseArguments(argv, cxx) {
  /** @type {Options} */
  const options = {
    mode: "link",
    output: undefined,
    sources: [],
    link: [],
    settings: new Map(),
    lists: new Map(),
    cxx,
  };
  /** @type {string | undefined} */
  let forced;
  let forcedUnused = false;
  let modes = 0;
  let i = 0;
  /** The value of an option that stands joined or in the next argument. @param {string} prefix */
  const value = (prefix) => {
    const argument = argv[i];
    return argument.length > prefix.length ? argument.slice(prefix.length) : argv[++i];
  };

  for (; i < argv.length; i++) {
    const argument = argv[i];
    if (argument === "" || argument === "-" || argument.startsWith("@")) return null;
    if (argument[0] !== "-") {
      if (!addInput(options, argument, forced)) return null;
      forcedUnused = false;
    } else if (Object.hasOwn(MODES, argument)) {
      options.mode = MODES[argument];
      if (++modes > 1) return null; // the driver has an order of precedence, and warns
    } else if (Object.hasOwn(SETTINGS, argument)) {
      const [setting, ...words] = SETTINGS[argument];
      const before = options.settings.get(setting);
      if (before && MIXING.has(setting)) {
        if (before.join() !== words.join()) return null;
      }
      options.settings.set(setting, words);
    } else if (argument.startsWith("-o")) {
      if (options.output !== undefined) return null;
      options.output = value("-o");
      if (!options.output || options.output === "-") return null;
    } else if (argument.startsWith("-x")) {
      forced = value("-x");
      forcedUnused = true;
      if (forced === "none") forced = undefined;
      else if (!X_LANGUAGES.has(forced)) return null;
    } else if (!addListed(options, argument, value)) {
      return null;
    }
  }
  if (options.mode === "dependencies") {
    if (options.settings.has("depend-on")) return null;
    options.settings.set("depend-on", argv.includes("-M") ? ["-sys-header-deps"] : []);
  }
  return forcedUnused || !isPlannable(options) ? null : options;
}

/**
 * Adds an input file. False: its kind is not known for certain.
 *
 * @param {Options} options
 * @param {string} path
 * @param {string | undefined} forced the language given by -x
 */
function addInput(options, path, forced) {
  const name = baseName(path);
  const dot = name.lastIndexOf(".");
  const extension = dot < 0 ? "" : name.slice(dot + 1);
  const known = Object.hasOwn(LANGUAGES, extension) ? LANGUAGES[extension] : undefined;
  const language = forced ?? known;
  if (language === undefined) return false;
  if (language === "link") {
    options.link.push([path]);
    return true;
  }
  // `c++` takes a C file for C++ and warns; leave the warning's words to the driver.
  if (options.cxx && !forced && (language === "c" || language === "cpp-output")) return false;
  const source = { path, language: /** @type {Language} */ (language) };
  options.sources.push(source);
  options.link.push(source);
  return true;
}

/**
 * Adds an option that accumulates. False: not known.
 *
 * @param {Options} options
 * @param {string} argument
 * @param {(prefix: string) => string | undefined} value
 */
function addListed(options, argument, value) {
  /** @param {string} list @param {string[]} words */
  const add = (list, ...words) => {
    const before = options.lists.get(list);
    if (before) before.push(...words);
    else options.lists.set(list, words);
    return true;
  };
  for (const [prefix, setting] of JOINED_SETTINGS) {
    if (argument.startsWith(prefix) && argument.length > prefix.length) {
      options.settings.set(setting, [argument]);
      return true;
    }
  }
  if (FEATURES.test(argument)) {
    const off = argument.startsWith("-mno-");
    return addFeature(options, argument.slice(off ? 5 : 2), off);
  }
  if (argument.startsWith("-Wl,")) {
    options.link.push(argument.slice(4).split(","));
    return true;
  }
  if (argument.startsWith("-W")) {
    return !SPECIAL_WARNINGS.test(argument) && add("warning", argument);
  }
  for (const [flag, list] of /** @type {const} */ ([
    ["-Xclang", "cc1"],
    ["-MF", "depend-file"],
    ["-MT", "depend-target"],
  ])) {
    if (argument === flag) {
      const word = value(flag);
      return word !== undefined && add(list, word);
    }
  }
  if (argument === "-mllvm") {
    const word = value(argument);
    return word !== undefined && add("llvm", "-mllvm", word);
  }
  if (argument === "-Xlinker" || argument === "-z") {
    const word = value(argument);
    if (word === undefined) return false;
    options.link.push(argument === "-z" ? ["-z", word] : [word]);
    return true;
  }
  if (argument.startsWith("-l")) {
    const library = value("-l");
    if (!library) return false;
    options.link.push([`-l${library}`]);
    return true;
  }
  if (argument.startsWith("-L")) {
    const folder = value("-L");
    return Boolean(folder) && add("library-path", `-L${folder}`);
  }
  for (const [prefix, list] of SEPARATE_LISTS) {
    if (argument.startsWith(prefix) && !argument.startsWith("-include-")) {
      const word = value(prefix);
      return Boolean(word) && add(list, prefix, /** @type {string} */ (word));
    }
  }
  return false;
}

/**
 * Adds a target feature; what was said of it before no longer counts.
 *
 * @param {Options} options
 * @param {string} name
 * @param {boolean} off
 */
function addFeature({ lists }, name, off) {
  const others = (lists.get("feature") ?? []).filter(
    (word) => word !== "-target-feature" && word.slice(1) !== name,
  );
  const words = [...others, `${off ? "-" : "+"}${name}`];
  lists.set(
    "feature",
    words.flatMap((word) => ["-target-feature", word]),
  );
  return true;
}

/**
 * Whether the whole is one for which the driver has nothing to say. Where it would warn of
 * unused arguments, or refuse, it is asked, so that the words are its own.
 *
 * @param {Options} options
 */
function isPlannable(options) {
  const { mode, sources, link, settings, lists } = options;
  const linking = mode === "link";
  if (linking ? link.length === 0 : sources.length === 0) return false;
  if (!linking) {
    const unused = ["strip", "model", "nostdlib", "nostartfiles", "nodefaultlibs", "nostdlib++"];
    if (link.some(Array.isArray) || lists.has("library-path")) return false;
    if (unused.some((setting) => settings.has(setting))) return false;
    if (options.output !== undefined && sources.length > 1) return false;
  } else if (!link.some((item) => !Array.isArray(item) || !item[0].startsWith("-"))) {
    return false; // no input at all
  }
  const depends = settings.has("depend-on");
  if (!depends && ["depend-file", "depend-target"].some((list) => lists.has(list))) return false;
  if (!depends && settings.has("phony")) return false;
  if ((lists.get("depend-file")?.length ?? 0) > 1) return false;
  if (sources.length === 0 && lists.has("llvm")) return false;
  // Whether -E keeps colours depends on which of the two stands first.
  if (mode === "preprocess" && settings.get("color")?.length) return false;
  // Preprocessed files and assembly leave most options unused, of which the driver warns.
  const plain = sources.every(({ language }) => language === "c" || language === "c++");
  if (!plain) {
    const compiling = ["link", "object", "assembly"].includes(mode);
    if (!compiling) return false;
    if (["include", "define", "feature", "cc1", "llvm"].some((list) => lists.has(list)))
      return false;
    const assembling = sources.some(({ language }) => language.startsWith("assembler"));
    const known = new Set(["strip", "model", "nostdlib", "nostartfiles"]);
    if (!assembling) known.add("optimize");
    if (assembling && mode === "assembly") return false;
    for (const setting of settings.keys()) if (!known.has(setting)) return false;
  }
  return true;
}

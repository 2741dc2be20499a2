/*
 * cc_options.c: the command line of `cc` and `c++`, as clang's driver reads it.
 *
 * Owns the table of the options whose effect on the jobs is known for certain. The invariant: cc_parse either
 * understands every argument exactly as the driver of the planned build does, or answers false, and then the
 * driver itself is asked. So an option that belongs here but is missing costs time, never correctness; one that
 * is here by mistake is found by tests/unit/toolchain/plan.test.js, which compares with the driver.
 */
#include "cc_options.h"

static const char mode_flags[] = "-c -S -E -fsyntax-only -M -MM";

/* A flag, its setting, and what is set: cc1's words; "" nothing; "=" the flag itself. */
#define DWARF(kind, version) "-debug-info-kind=" kind " -dwarf-version=" version
static const struct {
  const char *flag, *words;
  enum cc_setting setting;
} settings[] = {
    {"-O", "-O1", SET_OPTIMIZE},
    {"-O0", "=", SET_OPTIMIZE},
    {"-O1", "=", SET_OPTIMIZE},
    {"-O2", "=", SET_OPTIMIZE},
    {"-O3", "=", SET_OPTIMIZE},
    {"-Os", "=", SET_OPTIMIZE},
    {"-Oz", "=", SET_OPTIMIZE},
    {"-Og", "=", SET_OPTIMIZE},
    {"-g", DWARF("constructor", "4"), SET_DEBUG},
    {"-g0", "", SET_DEBUG},
    {"-g1", DWARF("line-tables-only", "4"), SET_DEBUG},
    {"-g2", DWARF("constructor", "4"), SET_DEBUG},
    {"-g3", DWARF("constructor", "4"), SET_DEBUG},
    {"-ggdb", DWARF("constructor", "4"), SET_DEBUG},
    {"-gline-tables-only", DWARF("line-tables-only", "4"), SET_DEBUG},
    {"-gdwarf-4", DWARF("constructor", "4"), SET_DEBUG},
    {"-gdwarf-5", DWARF("constructor", "5"), SET_DEBUG},
    {"-w", "=", SET_NO_WARNINGS},
    {"-pedantic", "=", SET_PEDANTIC},
    {"-pedantic-errors", "=", SET_PEDANTIC},
    {"-pthread", "=", SET_PTHREAD},
    {"-MD", "-sys-header-deps", SET_DEPEND_ON},
    {"-MMD", "", SET_DEPEND_ON},
    {"-MP", "=", SET_PHONY},
    {"-P", "=", SET_LINEMARKERS},
    {"-s", "--strip-all", SET_STRIP},
    {"-shared", "=", SET_MODEL},
    {"-mexec-model=command", "", SET_MODEL},
    {"-mexec-model=reactor", "=", SET_MODEL},
    {"-nostdlib", "=", SET_NOSTDLIB},
    {"-nostartfiles", "=", SET_NOSTARTFILES},
    {"-nodefaultlibs", "=", SET_NODEFAULTLIBS},
    {"-nostdlib++", "=", SET_NOSTDLIBXX},
    {"-nostdinc++", "=", SET_NOSTDINCXX},
    {"-m32", "", SET_NOTHING},
    {"-pipe", "", SET_NOTHING},
    {"--target=wasm32-wasip1", "", SET_NOTHING},
    {"--target=wasm32-unknown-wasip1", "", SET_NOTHING},
    {"-fno-pic", "", SET_NOTHING},
    {"-fno-pie", "", SET_NOTHING},
    {"-fno-stack-protector", "", SET_NOTHING},
    {"-fno-delete-null-pointer-checks", "=", SET_NULL_CHECKS},
    {"-fdelete-null-pointer-checks", "", SET_NULL_CHECKS},
    {"-fomit-frame-pointer", "-mframe-pointer=none", SET_FRAME_POINTER},
    {"-fno-omit-frame-pointer", "-mframe-pointer=all", SET_FRAME_POINTER},
    {"-fstrict-aliasing", "", SET_ALIASING},
    {"-fno-strict-aliasing", "-relaxed-aliasing", SET_ALIASING},
    {"-fmath-errno", "=", SET_MATH_ERRNO},
    {"-fno-math-errno", "", SET_MATH_ERRNO},
    {"-ffreestanding", "=", SET_FREESTANDING},
    {"-ffunction-sections", "=", SET_FUNCTION_SECTIONS},
    {"-fno-function-sections", "", SET_FUNCTION_SECTIONS},
    {"-fdata-sections", "=", SET_DATA_SECTIONS},
    {"-fno-data-sections", "", SET_DATA_SECTIONS},
    {"-fdiagnostics-print-source-range-info", "=", SET_RANGES},
    {"-fdiagnostics-parseable-fixits", "=", SET_FIXITS},
    {"-fwrapv", "=", SET_WRAPV},
    {"-fno-wrapv", "", SET_WRAPV},
    {"-funroll-loops", "=", SET_UNROLL},
    {"-fno-unroll-loops", "=", SET_UNROLL},
    {"-fno-builtin", "=", SET_BUILTIN},
    {"-fshort-enums", "=", SET_SHORT_ENUMS},
    {"-fno-short-enums", "", SET_SHORT_ENUMS},
    {"-fsigned-char", "", SET_CHAR},
    {"-funsigned-char", "-fno-signed-char", SET_CHAR},
    {"-fno-inline", "=", SET_INLINE},
    {"-fcommon", "=", SET_COMMON},
    {"-fno-common", "", SET_COMMON},
    {"-fexceptions", "=", SET_EXCEPTIONS},
    {"-fno-exceptions", "", SET_EXCEPTIONS},
    {"-frtti", "", SET_RTTI},
    {"-fno-rtti", "=", SET_RTTI},
    {"-fno-threadsafe-statics", "=", SET_STATICS},
    {"-fthreadsafe-statics", "", SET_STATICS},
    {"-fcolor-diagnostics", "=", SET_COLOR},
    {"-fno-color-diagnostics", "", SET_COLOR},
    {"-fdiagnostics-color=always", "-fcolor-diagnostics", SET_COLOR},
    {"-fdiagnostics-color=never", "", SET_COLOR},
    {"-fno-caret-diagnostics", "=", SET_CARET},
    {"-fcaret-diagnostics", "", SET_CARET},
};

/* Options with a value, joined or separate, that accumulate; -L is joined again for the linker. */
static const struct {
  const char *flag;
  enum cc_kind kind;
} joinable[] = {
    {"-isystem", ITEM_INCLUDE}, {"-include", ITEM_INCLUDE}, {"-iquote", ITEM_INCLUDE}, {"-idirafter", ITEM_INCLUDE},
    {"-I", ITEM_DEFINE},        {"-D", ITEM_DEFINE},        {"-U", ITEM_DEFINE},       {"-L", ITEM_LIBRARY_PATH},
    {"-l", ITEM_LINK},
};

/* Options with a value in the next argument, that accumulate. */
static const struct {
  const char *flag;
  enum cc_kind kind;
  bool keeps_flag;
} separate[] = {
    {"-Xclang", ITEM_CC1, false}, {"-MF", ITEM_DEPEND_FILE, false}, {"-MT", ITEM_DEPEND_TARGET, false},
    {"-mllvm", ITEM_LLVM, true},  {"-Xlinker", ITEM_LINK, false},   {"-z", ITEM_LINK, true},
};

/* Target features that the driver hands on one by one. */
static const char features[] =
    "simd128 relaxed-simd tail-call bulk-memory sign-ext nontrapping-fptoint multivalue reference-types "
    "extended-const mutable-globals exception-handling";

/* What would be read as one of the above with a value, and is an option of its own. */
static const char *const others[] = {"-include-", "-isystem-after", "-I-", "-obj"};

const char *const cc_language_names[LANGUAGES] = {"c",              "cpp-output", "c++",
                                                  "c++-cpp-output", "assembler",  "assembler-with-cpp"};

static int language_of_extension(const char *name) {
  const char *dot = strrchr(name, '.');
  if (!dot || !dot[1]) return -1;
  const char *extension = dot + 1;
  if (cc_one_of(extension, "C cc CC cp cpp CPP c++ C++ cxx CXX")) return LANGUAGE_CXX;
  if (cc_one_of(extension, "o a")) return LANGUAGE_LINK;
  static const char *const known[LANGUAGES] = {"c", "i", "", "ii", "s", "S"};
  for (int i = 0; i < LANGUAGES; i++) {
    if (strcmp(known[i], extension) == 0) return i;
  }
  return -1;
}

static struct cc_item *add(struct cc_options *options, enum cc_kind kind, const char *flag, const char *word) {
  struct cc_item *item = &options->items[options->item_count++];
  *item = (struct cc_item){.kind = (uint8_t)kind, .flag = flag, .word = word};
  options->count[kind]++;
  return item;
}

/* Adds an input file. False: its kind is not known for certain. */
static bool add_input(struct cc_options *options, const char *path, int forced) {
  int language = forced >= 0 ? forced : language_of_extension(cc_base_name(path));
  if (language < 0) return false;
  /* `c++` takes a C file for C++ and warns; leave the warning's words to the driver. */
  if (options->cxx && forced < 0 && language <= LANGUAGE_CPP_OUTPUT) return false;
  add(options, language == LANGUAGE_LINK ? ITEM_LINK : ITEM_SOURCE, NULL, path)->language = (uint8_t)language;
  return true;
}

/* Adds a target feature; what was said of it before no longer counts. */
static void add_feature(struct cc_options *options, const char *name, bool off) {
  for (uint32_t i = 0; i < options->item_count; i++) {
    struct cc_item *item = &options->items[i];
    if (item->kind == ITEM_FEATURE && strcmp(item->word, name) == 0) item->kind = ITEM_FORGOTTEN;
  }
  add(options, ITEM_FEATURE, off ? "-" : "+", name);
}

/* Warnings on which the driver bases more than the argument itself, or whose values it checks. */
static bool is_special_warning(const char *argument) {
  const char *name = argument + 2;
  if (name[0] && strchr("alp", name[0]) && name[1] == ',') return true;
  if (cc_starts(name, "large-by-value") || cc_starts(name, "undef-prefix")) return true;
  if (cc_starts(name, "no-")) name += 3;
  return cc_one_of(name, "deprecated write-strings");
}

/* A cursor over the arguments. */
struct arguments {
  const char *const *argv;
  uint32_t argc, at;
};

/* The value of an option that stands joined or in the next argument; NULL when there is none. */
static const char *value_of(struct arguments *arguments, const char *prefix) {
  const char *joined = arguments->argv[arguments->at] + strlen(prefix);
  if (*joined) return joined;
  return arguments->at + 1 < arguments->argc ? arguments->argv[++arguments->at] : NULL;
}

/* Takes an option of the table of settings: 1 taken, 0 not in the table, -1 only the driver knows. */
static int take_setting(struct cc_options *options, const char *argument) {
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    if (strcmp(settings[i].flag, argument) != 0) continue;
    enum cc_setting setting = settings[i].setting;
    const char *words = settings[i].words;
    if (words[0] == '=') words = settings[i].flag;
    const char *before = options->value[setting];
    /* Of these the values mix where two are given. */
    bool mixes = setting == SET_DEBUG || setting == SET_MODEL || setting == SET_DEPEND_ON || setting == SET_PEDANTIC;
    if (before && mixes && strcmp(before, words) != 0) return -1;
    options->value[setting] = words;
    return 1;
  }
  return 0;
}

/* Takes an option that accumulates. False: not known. */
static bool take_listed(struct cc_options *options, struct arguments *arguments) {
  const char *argument = arguments->argv[arguments->at];
  if (cc_starts(argument, "-std=") && argument[5]) {
    options->value[SET_STANDARD] = argument;
    return true;
  }
  if (cc_starts(argument, "-fvisibility=") && argument[13]) {
    options->value[SET_VISIBILITY] = argument;
    return true;
  }
  bool off = cc_starts(argument, "-mno-");
  if (cc_starts(argument, "-m") && cc_one_of(argument + (off ? 5 : 2), features)) {
    add_feature(options, argument + (off ? 5 : 2), off);
    return true;
  }
  if (cc_starts(argument, "-Wl,")) {
    if (argument[4] == 0 || argument[4] == ',') return false;
    add(options, ITEM_LINK, ",", argument + 4);
    return true;
  }
  if (cc_starts(argument, "-W")) {
    if (is_special_warning(argument)) return false;
    add(options, ITEM_WARNING, NULL, argument);
    return true;
  }
  for (size_t i = 0; i < sizeof separate / sizeof separate[0]; i++) {
    if (strcmp(separate[i].flag, argument) != 0) continue;
    const char *word = value_of(arguments, argument);
    if (!word || (separate[i].kind == ITEM_LINK && !word[0])) return false;
    add(options, separate[i].kind, separate[i].keeps_flag ? separate[i].flag : NULL, word);
    return true;
  }
  for (size_t i = 0; i < sizeof joinable / sizeof joinable[0]; i++) {
    if (!cc_starts(argument, joinable[i].flag)) continue;
    const char *word = value_of(arguments, joinable[i].flag);
    if (!word || !word[0]) return false;
    add(options, joinable[i].kind, joinable[i].flag, word);
    return true;
  }
  return false;
}

static bool any_set(const struct cc_options *options, uint64_t which) {
  for (int i = 0; i < SETTINGS; i++) {
    if ((which >> i & 1) && options->value[i]) return true;
  }
  return false;
}

#define BIT(setting) (UINT64_C(1) << (setting))
_Static_assert(SETTINGS <= 64, "a set of settings is a word");

/*
 * Whether the whole is one for which the driver has nothing to say. Where it would warn of unused
 * arguments, or refuse, it is asked, so that the words are its own.
 */
static bool is_plannable(const struct cc_options *options) {
  const uint32_t *count = options->count;
  enum cc_mode mode = options->mode;
  bool files = false, plain = true, assembling = false;
  for (uint32_t i = 0; i < options->item_count; i++) {
    const struct cc_item *item = &options->items[i];
    files |= cc_is_file(item);
    if (item->kind != ITEM_SOURCE) continue;
    plain &= item->language == LANGUAGE_C || item->language == LANGUAGE_CXX;
    assembling |= item->language >= LANGUAGE_ASSEMBLER;
  }
  if (!files) return false;
  const uint64_t for_linker = BIT(SET_STRIP) | BIT(SET_MODEL) | BIT(SET_NOSTDLIB) | BIT(SET_NOSTARTFILES);
  if (mode != MODE_LINK) {
    if (count[ITEM_SOURCE] == 0 || count[ITEM_LINK] || count[ITEM_LIBRARY_PATH]) return false;
    if (any_set(options, for_linker | BIT(SET_NODEFAULTLIBS) | BIT(SET_NOSTDLIBXX))) return false;
    if (options->output && count[ITEM_SOURCE] > 1) return false;
  }
  bool depends = options->value[SET_DEPEND_ON];
  if (!depends && (count[ITEM_DEPEND_FILE] || count[ITEM_DEPEND_TARGET] || options->value[SET_PHONY])) return false;
  if (count[ITEM_DEPEND_FILE] > 1) return false;
  if (count[ITEM_SOURCE] == 0 && count[ITEM_LLVM]) return false;
  /* Whether -E keeps colours depends on which of the two stands first. */
  if (mode == MODE_PREPROCESS && options->value[SET_COLOR] && options->value[SET_COLOR][0]) return false;
  if (plain) return true;
  /* Preprocessed files and assembly leave most options unused, of which the driver warns. */
  if (mode > MODE_ASSEMBLY || (assembling && mode == MODE_ASSEMBLY)) return false;
  for (int kind = ITEM_INCLUDE; kind <= ITEM_FEATURE; kind++) {
    if (kind != ITEM_WARNING && count[kind]) return false;
  }
  return !any_set(options, ~(for_linker | (assembling ? 0 : BIT(SET_OPTIMIZE))));
}

bool cc_parse(struct cc_options *options, const char *const *argv, uint32_t argc) {
  struct arguments arguments = {argv, argc, 0};
  int forced = -1, modes = 0;
  bool forced_unused = false, all_headers = false;
  for (; arguments.at < argc; arguments.at++) {
    const char *argument = argv[arguments.at];
    if (argument[0] == 0 || argument[0] == '@' || strcmp(argument, "-") == 0) return false;
    if (argument[0] != '-') {
      if (!add_input(options, argument, forced)) return false;
      forced_unused = false;
      continue;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
      if (cc_starts(argument, others[i])) return false;
    }
    if (cc_one_of(argument, mode_flags)) {
      if (++modes > 1) return false; /* the driver has an order of precedence, and warns */
      options->mode = argument[1] == 'c'   ? MODE_OBJECT
                      : argument[1] == 'S' ? MODE_ASSEMBLY
                      : argument[1] == 'E' ? MODE_PREPROCESS
                      : argument[1] == 'f' ? MODE_SYNTAX
                                           : MODE_DEPENDENCIES;
      all_headers = strcmp(argument, "-M") == 0;
      continue;
    }
    int taken = take_setting(options, argument);
    if (taken < 0) return false;
    if (taken > 0) continue;
    if (argument[1] == 'o') {
      if (options->output) return false;
      options->output = value_of(&arguments, "-o");
      if (!options->output || !options->output[0] || strcmp(options->output, "-") == 0) return false;
    } else if (argument[1] == 'x') {
      const char *language = value_of(&arguments, "-x");
      if (!language) return false;
      forced_unused = true;
      for (forced = LANGUAGES - 1; forced >= 0 && strcmp(cc_language_names[forced], language) != 0;) forced--;
      if (forced < 0 && strcmp(language, "none") != 0) return false;
    } else if (!take_listed(options, &arguments)) {
      return false;
    }
  }
  if (options->mode == MODE_DEPENDENCIES) {
    if (options->value[SET_DEPEND_ON]) return false;
    options->value[SET_DEPEND_ON] = all_headers ? "-sys-header-deps" : "";
  }
  return !forced_unused && is_plannable(options);
}

/*
 * cc_plan.c: the jobs of `cc`, each one run of clang's compiler proper, its assembler, or the linker, with
 * exactly the arguments that clang's own driver would give them.
 *
 * Asking the driver costs one more run of a 75 MB program, so the plan for everyday command lines is made here.
 * The invariant: for the build named in rewriter.h, cc_plan gives the driver's own list (temporary
 * names apart), or none. tests/unit/toolchain/plan.test.js holds it to that.
 */
#include <stdlib.h>

#include "cc_options.h"
#include "nidus/wasi.h"

#define TRIPLE "wasm32-unknown-wasip1"
#define LIBRARIES "/usr/lib/wasm32-wasip1"
#define RUNTIME "/usr/lib/" TRIPLE
#define PRODUCER                                                    \
  "clang version 22.1.0 (https://codeberg.org/YoWASP/llvm-project " \
  "9560ae0f2cc440e4fc891fddbc119da6f56daa59)"
#define HEADERS                                                                       \
  "-internal-isystem /usr/include -internal-isystem /usr/include/wasm32-wasip1 " \
  "-internal-isystem /usr/include"
#define CXX_HEADERS "-internal-isystem /usr/include/wasm32-wasip1/c++/v1 -internal-isystem /usr/include/c++/v1"

struct plan {
  struct cc_options options;
  const char *cwd;
  uint32_t seed;
  struct cc_block *out;
};

static void argument(struct plan *plan, const char *text) { cc_string(plan->out, 'a', text, NULL, NULL); }
static void joined(struct plan *plan, const char *a, const char *b) { cc_string(plan->out, 'a', a, b, NULL); }
static void words(struct plan *plan, const char *text) { cc_words(plan->out, text); }
static bool is_set(const struct plan *plan, enum cc_setting setting) { return plan->options.value[setting]; }

/* The words of one setting. */
static void put_set(struct plan *plan, enum cc_setting setting) {
  const char *value = plan->options.value[setting];
  if (!value) return;
  /* These two stand as the user wrote them, blanks included. */
  if (setting == SET_STANDARD || setting == SET_VISIBILITY) argument(plan, value);
  else words(plan, value);
}

/* The words of some settings that follow each other. */
static void put_sets(struct plan *plan, enum cc_setting first, enum cc_setting last) {
  for (int setting = (int)first; setting <= (int)last; setting++) put_set(plan, (enum cc_setting)setting);
}

static void put_list(struct plan *plan, enum cc_kind kind) {
  for (uint32_t i = 0; i < plan->options.item_count; i++) {
    const struct cc_item *item = &plan->options.items[i];
    if (item->kind != kind) continue;
    if (kind == ITEM_FEATURE) argument(plan, "-target-feature");
    if (kind == ITEM_FEATURE || kind == ITEM_LIBRARY_PATH) {
      joined(plan, item->flag, item->word);
      continue;
    }
    if (kind == ITEM_DEPEND_TARGET) argument(plan, "-MT");
    if (item->flag) argument(plan, item->flag);
    argument(plan, item->word);
  }
}

/* A string of a kind: `prefix`, the stem of a path, and `suffix`. */
static void put_stem(struct plan *plan, char kind, const char *path, const char *suffix) {
  cc_text(plan->out, &kind, 1);
  cc_text(plan->out, path, cc_stem(path));
  cc_text(plan->out, suffix, (uint32_t)strlen(suffix) + 1);
}

/* Where a job's output goes. */
struct output {
  enum { TO_STDOUT, TO_NAMED, TO_STEM, TO_TEMPORARY } where;
  const char *name; /* the named one; of a stem or a temporary, the extension */
  uint32_t number;  /* in a temporary's name */
};

static void put_output(struct plan *plan, char kind, const struct output *output, const char *base) {
  if (output->where == TO_NAMED) cc_string(plan->out, kind, output->name, NULL, NULL);
  else if (output->where == TO_STEM) put_stem(plan, kind, base, output->name);
  else cc_temporary(plan->out, kind, base, cc_stem(base), output->number, output->name);
}

/* The end of a job: what it reads and makes. */
static void put_files(struct plan *plan, const struct output *output, const char *base) {
  if (output->where != TO_STDOUT) put_output(plan, output->where == TO_TEMPORARY ? 't' : 'o', output, base);
}

/* The arguments that make cc1 write a make rule. */
static void put_dependencies(struct plan *plan, const char *base) {
  const struct cc_options *options = &plan->options;
  bool only = options->mode == MODE_DEPENDENCIES;
  const char *named = options->output;
  words(plan, only ? "-w -dependency-file" : "-dependency-file");
  if (options->count[ITEM_DEPEND_FILE]) put_list(plan, ITEM_DEPEND_FILE);
  else if (only) argument(plan, named ? named : "-");
  else put_stem(plan, 'a', named ? named : base, ".d");
  if (options->count[ITEM_DEPEND_TARGET]) put_list(plan, ITEM_DEPEND_TARGET);
  else {
    argument(plan, "-MT");
    if (named && !only && options->mode != MODE_ASSEMBLY) argument(plan, named);
    else put_stem(plan, 'a', base, ".o");
  }
  put_sets(plan, SET_DEPEND_ON, SET_PHONY);
}

/* The level of optimization: the character behind -O, or 0. */
static char level_of(const struct plan *plan) {
  const char *optimize = plan->options.value[SET_OPTIMIZE];
  return optimize ? optimize[2] : 0;
}

static bool level_in(char level, const char *levels) { return level && strchr(levels, level); }

/* The arguments of the compiler proper, in the order of the driver. */
static void put_cc1(struct plan *plan, const struct cc_item *source, enum cc_mode mode, const struct output *output) {
  const struct cc_options *options = &plan->options;
  static const char *const actions[] = {"-emit-obj", "-emit-obj", "-S", "-E", "-fsyntax-only", "-Eonly"};
  bool cxx = source->language == LANGUAGE_CXX || source->language == LANGUAGE_CXX_CPP_OUTPUT;
  bool preprocessed = source->language == LANGUAGE_CPP_OUTPUT || source->language == LANGUAGE_CXX_CPP_OUTPUT;
  bool compiled = source->language < LANGUAGE_ASSEMBLER;
  char level = level_of(plan);
  const char *base = cc_base_name(source->word);
  const char *debug = options->value[SET_DEBUG], *exceptions = options->value[SET_EXCEPTIONS];
  const char *standard = options->value[SET_STANDARD];

  argument(plan, options->cxx ? "clang++" : "clang");
  words(plan, "-cc1 -triple " TRIPLE);
  put_set(plan, SET_OPTIMIZE);
  argument(plan, actions[mode]);
  if (options->mode == MODE_LINK) {
    argument(plan, "-dumpdir");
    joined(plan, options->output ? options->output : "a", "-");
  }
  words(plan, "-disable-free -clear-ast-before-backend -main-file-name");
  argument(plan, base);
  words(plan, "-mrelocation-model static");
  put_set(plan, SET_NULL_CHECKS);
  if (!is_set(plan, SET_FRAME_POINTER)) argument(plan, "-mframe-pointer=none");
  put_sets(plan, SET_FRAME_POINTER, SET_MATH_ERRNO);
  words(plan, "-ffp-contract=on -fno-rounding-math -mconstructor-aliases");
  put_set(plan, SET_FREESTANDING);
  if (is_set(plan, SET_PTHREAD))
    words(plan, "-target-feature +atomics -target-feature +bulk-memory -target-feature +mutable-globals "
                "-target-feature +sign-ext");
  words(plan, "-target-cpu generic");
  put_list(plan, ITEM_FEATURE);
  if (!is_set(plan, SET_VISIBILITY)) argument(plan, "-fvisibility=hidden");
  if (debug && debug[0] && level_in(level, "123szg") && compiled) argument(plan, "-gkey-instructions");
  put_set(plan, SET_DEBUG);
  argument(plan, "-debugger-tuning=gdb");
  joined(plan, "-fdebug-compilation-dir=", plan->cwd);
  put_set(plan, SET_LINEMARKERS);
  put_sets(plan, SET_FUNCTION_SECTIONS, SET_DATA_SECTIONS);
  joined(plan, "-fcoverage-compilation-dir=", plan->cwd);
  put_set(plan, SET_NOSTDINCXX);
  words(plan, "-resource-dir /usr");
  if (is_set(plan, SET_DEPEND_ON)) put_dependencies(plan, base);
  put_list(plan, ITEM_INCLUDE);
  put_list(plan, ITEM_DEFINE);
  if (!preprocessed) {
    words(plan, "-isysroot /usr");
    if (cxx && !is_set(plan, SET_NOSTDINCXX)) words(plan, CXX_HEADERS);
    words(plan, HEADERS);
  }
  put_list(plan, ITEM_WARNING);
  put_set(plan, SET_PEDANTIC);
  put_set(plan, SET_NO_WARNINGS);
  put_set(plan, SET_STANDARD);
  if (cxx) argument(plan, "-fdeprecated-macro");
  words(plan, "-ferror-limit 19");
  put_set(plan, SET_VISIBILITY);
  put_sets(plan, SET_RANGES, SET_UNROLL);
  put_set(plan, SET_PTHREAD);
  put_set(plan, SET_BUILTIN);
  if (cxx) put_set(plan, SET_RTTI);
  put_sets(plan, SET_SHORT_ENUMS, SET_CHAR);
  argument(plan, "-fgnuc-version=4.2.1");
  put_set(plan, SET_INLINE);
  put_set(plan, SET_STATICS);
  size_t length = standard ? strlen(standard) : 0;
  if (cxx && length > 4 && memcmp(standard + length - 4, "++2", 3) == 0 &&
      level_in(standard[length - 1], "0123456789abc"))
    argument(plan, "-fno-implicit-modules");
  argument(plan, "-fskip-odr-check-in-gmf");
  if (cxx && !(exceptions && !exceptions[0])) words(plan, "-fcxx-exceptions -fexceptions");
  else put_set(plan, SET_EXCEPTIONS);
  put_set(plan, SET_COMMON);
  put_set(plan, SET_CARET);
  put_set(plan, SET_COLOR);
  if (level_in(level, "23s")) argument(plan, "-vectorize-loops");
  if (level_in(level, "23sz")) argument(plan, "-vectorize-slp");
  if (level == 'g') argument(plan, "-fextend-variable-liveness=all");
  put_list(plan, ITEM_CC1);
  put_list(plan, ITEM_LLVM);
  if (output->where != TO_STDOUT) {
    argument(plan, "-o");
    put_output(plan, 'a', output, base);
  } else if (mode == MODE_PREPROCESS) {
    words(plan, "-o -");
  }
  argument(plan, "-x");
  argument(plan, cc_language_names[source->language]);
  argument(plan, source->word);
}

/* The arguments of the assembler; its input is the source, or the temporary file that is given. */
static void put_cc1as(struct plan *plan, const struct cc_item *source, const struct output *input,
                      const struct output *output) {
  const char *base = cc_base_name(source->word);
  argument(plan, plan->options.cxx ? "clang++" : "clang");
  words(plan, "-cc1as -triple " TRIPLE " -filetype obj -main-file-name");
  argument(plan, base);
  words(plan, "-target-cpu generic");
  joined(plan, "-fdebug-compilation-dir=", plan->cwd);
  argument(plan, "-dwarf-debug-producer");
  argument(plan, PRODUCER);
  words(plan, "-dwarf-version=4 -mrelocation-model static -o");
  put_output(plan, 'a', output, base);
  put_output(plan, 'a', input, base);
}

/* The jobs that turn one source into what the command line asks for. */
static void put_compile(struct plan *plan, struct cc_item *source) {
  static const char tool[] = "clang";
  enum cc_mode mode = plan->options.mode;
  const char *base = cc_base_name(source->word), *named = plan->options.output;
  struct output output = {TO_STDOUT, named, 0};
  if (mode == MODE_LINK) {
    source->object = cc_next(&plan->seed);
    output = (struct output){TO_TEMPORARY, "o", source->object};
  } else if (mode == MODE_OBJECT || mode == MODE_ASSEMBLY) {
    output.where = named ? TO_NAMED : TO_STEM;
    if (!named) output.name = mode == MODE_OBJECT ? ".o" : ".s";
  } else if (mode == MODE_PREPROCESS && named) {
    output.where = TO_NAMED;
  }
  struct output input = {TO_NAMED, source->word, 0};
  if (source->language == LANGUAGE_ASSEMBLER_WITH_CPP) {
    struct output assembly = {TO_TEMPORARY, "s", cc_next(&plan->seed)};
    cc_string(plan->out, 'j', tool, NULL, NULL);
    put_cc1(plan, source, MODE_PREPROCESS, &assembly);
    put_output(plan, 'i', &input, base);
    put_files(plan, &assembly, base);
    input = assembly;
  }
  cc_string(plan->out, 'j', tool, NULL, NULL);
  if (source->language >= LANGUAGE_ASSEMBLER) put_cc1as(plan, source, &input, &output);
  else put_cc1(plan, source, mode, &output);
  put_output(plan, 'i', &input, base);
  put_files(plan, &output, base);
}

/* One item of what the linker gets between start files and libraries. */
static void put_link_item(struct plan *plan, const struct cc_item *item) {
  struct cc_block *out = plan->out;
  if (item->kind == ITEM_SOURCE) {
    const char *base = cc_base_name(item->word);
    struct output object = {TO_TEMPORARY, "o", item->object};
    put_output(plan, 'a', &object, base);
    put_output(plan, 'i', &object, base);
    return;
  }
  bool split = item->flag && item->flag[0] == ',';
  if (cc_is_file(item)) {
    cc_text(out, "i", 1);
    cc_text(out, item->word, (uint32_t)(split ? strcspn(item->word, ",") : strlen(item->word)));
    cc_text(out, "", 1);
  }
  if (split) {
    for (const char *word = item->word;; word++) {
      uint32_t length = (uint32_t)strcspn(word, ",");
      cc_text(out, "a", 1);
      cc_text(out, word, length);
      cc_text(out, "", 1);
      word += length;
      if (!*word) break;
    }
  } else if (item->flag && item->flag[1] == 'l') {
    joined(plan, item->flag, item->word);
  } else {
    if (item->flag) argument(plan, item->flag);
    argument(plan, item->word);
  }
}

/* The linker's job. */
static void put_link(struct plan *plan) {
  const struct cc_options *options = &plan->options;
  bool no_libraries = is_set(plan, SET_NOSTDLIB);
  const char *model = options->value[SET_MODEL];
  bool reactor = model && model[0];
  const char *output = options->output ? options->output : "a.out";
  cc_string(plan->out, 'j', "wasm-ld", NULL, NULL);
  words(plan, "wasm-ld -m wasm32");
  put_set(plan, SET_STRIP);
  put_list(plan, ITEM_LIBRARY_PATH);
  words(plan, "-L" RUNTIME " -L" LIBRARIES);
  if (!no_libraries && !is_set(plan, SET_NOSTARTFILES))
    argument(plan, reactor ? LIBRARIES "/crt1-reactor.o" : LIBRARIES "/crt1-command.o");
  if (reactor) words(plan, "--entry _initialize");
  if (reactor && model[1] == 's') argument(plan, model);
  for (uint32_t i = 0; i < options->item_count; i++) {
    const struct cc_item *item = &options->items[i];
    if (item->kind == ITEM_SOURCE || item->kind == ITEM_LINK) put_link_item(plan, item);
  }
  if (is_set(plan, SET_PTHREAD)) argument(plan, "--shared-memory");
  if (!no_libraries && !is_set(plan, SET_NODEFAULTLIBS)) {
    if (options->cxx && !is_set(plan, SET_NOSTDLIBXX)) words(plan, "-lc++ -lc++abi");
    if (is_set(plan, SET_PTHREAD)) argument(plan, "-lpthread");
    words(plan, "-lc " RUNTIME "/libclang_rt.builtins.a");
  }
  argument(plan, "-o");
  argument(plan, output);
  cc_string(plan->out, 'o', output, NULL, NULL);
}

/* Whether the environment leaves the driver's plan as the command line alone makes it. */
static bool is_plain(const char *variable) {
  char name[40];
  size_t length = strcspn(variable, "=");
  if (length >= sizeof name) return true;
  memcpy(name, variable, length);
  name[length] = 0;
  return !cc_one_of(name, "CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH LIBRARY_PATH COMPILER_PATH CCC_OVERRIDE_OPTIONS "
                          "CLANG_CONFIG_FILE_SYSTEM_DIR CLANG_CONFIG_FILE_USER_DIR DEPENDENCIES_OUTPUT "
                          "SUNPRO_DEPENDENCIES SOURCE_DATE_EPOCH CC_PRINT_OPTIONS CC_PRINT_HEADERS "
                          "CC_LOG_DIAGNOSTICS CL _CL_");
}

/* How the driver is to be asked. */
static void put_question(struct cc_block *out, const char *const *argv, uint32_t argc) {
  bool alone = false, from_file = false, verbose = false;
  for (uint32_t i = 0; i < argc; i++) {
    const char *argument = argv[i];
    alone |= cc_one_of(argument, "-### -help --help -help-hidden --help-hidden --version -dumpversion -dumpmachine "
                                 "-fdriver-only") ||
             cc_starts(argument, "-print-") || cc_starts(argument, "--print-");
    from_file |= argument[0] == '@' || cc_starts(argument, "--config");
    verbose |= cc_one_of(argument, "-v --verbose");
  }
  cc_string(out, '?', alone ? "a" : "", from_file ? "f" : "", verbose ? "v" : "");
}

int32_t cc_plan(const char *strings, uint32_t length, uint32_t argc, uint32_t flags, uint32_t seed,
                struct cc_block *out) {
  *out = (struct cc_block){0};
  if (length == 0 || strings[length - 1] != 0 || argc >= length) return -WASI_EINVAL;
  const char **argv = calloc(argc + 1, sizeof *argv);
  struct plan plan = {.options.cxx = flags & CC_CXX, .cwd = strings, .seed = seed, .out = out};
  plan.options.items = calloc(argc + 1, sizeof *plan.options.items);
  int32_t result = argv && plan.options.items ? 0 : -WASI_ENOMEM;
  const char *at = strings, *end = strings + length;
  bool known = !(flags & CC_ASK);
  for (uint32_t i = 0; result == 0 && (i <= argc || at < end); i++) {
    if (at == end) {
      result = -WASI_EINVAL; /* fewer strings than were announced */
    } else {
      if (i > 0 && i <= argc) argv[i - 1] = at;
      if (i > argc) known &= is_plain(at);
      at += strlen(at) + 1;
    }
  }
  if (result == 0) {
    if (known && cc_parse(&plan.options, argv, argc)) {
      for (uint32_t i = 0; i < plan.options.item_count; i++) {
        if (plan.options.items[i].kind == ITEM_SOURCE) put_compile(&plan, &plan.options.items[i]);
      }
      if (plan.options.mode == MODE_LINK) put_link(&plan);
    } else {
      put_question(out, argv, argc);
    }
    if (out->failed) result = -WASI_ENOMEM;
  }
  free(argv);
  free(plan.options.items);
  return result;
}

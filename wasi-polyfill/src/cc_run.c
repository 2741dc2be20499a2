/*
 * cc_run.c: the steps of a run: plan the jobs or ask the driver for them, run them one after the other.
 *
 * Invariant: between two steps the state says what the result of the step before means. A buffer for which
 * memory was short is `failed`, and ends the run with ENOMEM.
 */
#include "cc_run.h"

#include <stdlib.h>

#include "cc_options.h"
#include "rewriter.h"

/* Asks cc1 for fix-its in a form that machines read; those lines are kept from the user. */
#define FIXITS "-fdiagnostics-parseable-fixits"
#define FIXIT_LINE "fix-it:\""
/* The linker's own 64 KiB of stack hold no `char line[65536]`. */
#define STACK_SIZE "stack-size="

enum {
  KEPT = 64,                   /* answers of the driver, at most */
  ATTEMPTS = 9,                /* to find names for temporary files: of 16 million, so that one is nearly always enough */
  READ_LIMIT = 4 * 1024 * 1024 /* of what is written, this much is read as diagnostics, at most */
};

struct cc_answer {
  struct cc_answer *next;
  struct reply key, text;
};

enum state {
  PLANNING,
  CHECKING, /* whether a file exists that a plan names */
  ASKED,    /* the driver */
  STARTING, /* the next job */
  PROMPTED, /* the linker is to be run */
  RAN,
  LAST, /* what the driver answers by itself was run */
  ENDED
};

struct cc_run {
  struct cc_answers *answers;
  struct reply key;     /* all that the driver's answer depends on: the strings of the beginning come last */
  struct reply strings; /* the working folder, arguments, environment: what cc_plan is asked with */
  uint32_t argc, seed, pid;
  bool cxx, own; /* c++; not clang's own command */
  bool planned;  /* the compiler's driver is known */
  bool lists_fixits;
  const char *question; /* how the driver is to be asked; NULL: there is a plan of ours */

  enum state state;
  uint32_t attempt;
  struct cc_block jobs;
  uint32_t at; /* in the jobs: the string that is checked, or the next job */
  struct {
    bool linking, compiling, prompt, libraries;
    uint32_t start, end; /* in the jobs */
    const char *output;  /* NULL: none */
  } job;
  struct reply missing, temporaries; /* files that were not made; that are to be removed */
  int32_t code;

  bool quiet, filters;                     /* the driver speaks; fix-its are taken out */
  uint32_t told;                           /* of what is shown: how much was answered before */
  struct reply line, shown, log, answered; /* what is no whole line yet; is to be shown; read; said by the driver */
};

static uint32_t length_of(const char *text) { return (uint32_t)strlen(text); }

static const char *decimal(char digits[12], uint32_t number) {
  char *at = digits + 11;
  *at = 0;
  do *--at = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  return at;
}

/* Drops the first bytes of a buffer. */
static void drop(struct reply *buffer, uint32_t count) {
  if (count > buffer->length) count = buffer->length;
  if (count < buffer->length) memmove(buffer->bytes, buffer->bytes + count, buffer->length - count);
  buffer->length -= count;
}

/* Whether a block of strings has this one. */
static bool has(const struct reply *block, const char *string) {
  for (uint32_t at = 0; at < block->length; at += length_of(block->bytes + at) + 1)
    if (strcmp(block->bytes + at, string) == 0) return true;
  return false;
}

/* ---- what the programs say ---- */

/* Whole lines, or the last one: read, and shown without fix-its. */
static void show(struct cc_run *run, const char *text, uint32_t length, bool filters) {
  if (run->log.length < READ_LIMIT) reply_text(&run->log, text, length);
  for (const char *end = text + length; text < end;) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    uint32_t size = (uint32_t)((newline ? newline + 1 : end) - text);
    bool fixit = size >= sizeof FIXIT_LINE - 1 && memcmp(text, FIXIT_LINE, sizeof FIXIT_LINE - 1) == 0;
    if (!fixit || !filters) reply_text(&run->shown, text, size);
    text += size;
  }
}

static void show_text(struct cc_run *run, const char *text) { show(run, text, length_of(text), false); }

const struct reply *cc_run_says(struct cc_run *run, const char *text, uint32_t length) {
  drop(&run->shown, run->told);
  if (run->quiet) {
    reply_text(&run->answered, text, length);
  } else {
    struct reply *line = &run->line;
    reply_text(line, text, length);
    uint32_t whole = line->length;
    while (whole > 0 && line->bytes[whole - 1] != '\n') whole--;
    if (whole > 0) show(run, line->bytes, whole, run->filters);
    drop(line, whole);
  }
  run->told = run->shown.length;
  return &run->shown;
}

/* The program has ended: what it left without a line break. */
static void end_line(struct cc_run *run) {
  if (run->line.length > 0) show(run, run->line.bytes, run->line.length, run->filters);
  run->line.length = 0;
}

/* ---- the driver's answers ---- */

static void answer_free(struct cc_answer *answer) {
  free(answer->key.bytes);
  free(answer->text.bytes);
  free(answer);
}

void cc_answers_clear(struct cc_answers *answers) {
  while (answers->first) {
    struct cc_answer *answer = answers->first;
    answers->first = answer->next;
    answer_free(answer);
  }
  answers->count = 0;
}

/* Where the answer is linked that the driver gave to this command line; NULL: it was not asked. */
static struct cc_answer **find_answer(struct cc_run *run) {
  for (struct cc_answer **at = &run->answers->first; *at; at = &(*at)->next) {
    const struct reply *key = &(*at)->key;
    if (key->length == run->key.length && memcmp(key->bytes, run->key.bytes, key->length) == 0) return at;
  }
  return NULL;
}

static void forget_answer(struct cc_run *run) {
  struct cc_answer **at = find_answer(run), *answer = at ? *at : NULL;
  if (!answer) return;
  *at = answer->next;
  answer_free(answer);
  run->answers->count--;
}

/* Keeps what the driver said; without memory for it, it is asked again. */
static void keep_answer(struct cc_run *run) {
  struct cc_answers *answers = run->answers;
  forget_answer(run);
  if (answers->count >= KEPT) cc_answers_clear(answers);
  struct cc_answer *answer = calloc(1, sizeof *answer);
  if (!answer) return;
  reply_text(&answer->key, run->key.bytes, run->key.length);
  reply_text(&answer->text, run->answered.bytes, run->answered.length);
  if (answer->key.failed || answer->text.failed) {
    answer_free(answer);
    return;
  }
  answer->next = answers->first;
  answers->first = answer;
  answers->count++;
}

/* ---- the steps ---- */

static int32_t file_step(const struct cc_run *run, struct reply *reply, const char *what, const char *path) {
  const char *cwd = run->strings.bytes;
  reply_string(reply, what);
  if (path[0] == '/') reply_string(reply, path);
  else reply_string(reply, strcmp(cwd, "/") == 0 ? "" : cwd, "/", path);
  return CC_FILE;
}

/* Runs the driver with the arguments of the command line. */
static int32_t driver_step(struct cc_run *run, struct reply *reply, const char *first) {
  const char *at = run->strings.bytes + length_of(run->strings.bytes) + 1;
  reply_string(reply, run->cxx ? "clang++" : "clang");
  if (first) reply_string(reply, first);
  for (uint32_t i = 0; i < run->argc; i++, at += length_of(at) + 1) reply_string(reply, at);
  return CC_RUN;
}

static const char *prompt_path(const struct cc_run *run, char path[32]) {
  char digits[7] = "";
  cc_hex(digits, run->pid);
  strcpy(path, "/tmp/prompt-");
  strcat(path, digits);
  return strcat(path, ".o");
}

static bool job_has(const struct cc_run *run, const char *argument) {
  for (uint32_t at = run->job.start; at < run->job.end; at += length_of(run->jobs.bytes + at) + 1) {
    if (run->jobs.bytes[at] == 'a' && strcmp(run->jobs.bytes + at + 1, argument) == 0) return true;
  }
  return false;
}

/* What goes before the arguments of a compilation or a link with -pthread: headers, and the linker's options with the
 * library (guests/pthread). */
#define THREAD_HEADERS "/usr/include/nidus-pthread"
#define THREAD_OPTIONS "@/usr/lib/wasm32-wasip1/nidus-pthread.txt"

/* Nidus's own libraries for a link, before those that they stand in for. What calls the handlers of signals stands
 * before reading and writing, so it comes only where a program may have handlers. */
static void own_libraries(const struct cc_run *run, struct reply *reply) {
  if (!run->job.libraries) return;
  if (job_has(run, "--shared-memory")) reply_string(reply, THREAD_OPTIONS);
  reply_string(reply, "-lnidus");
  if (job_has(run, "-lwasi-emulated-signal")) reply_string(reply, "-lnidus-signal");
}

static int32_t job_step(struct cc_run *run, struct reply *reply) {
  bool stack = true, first = true;
  for (uint32_t at = run->job.start; at < run->job.end; at += length_of(run->jobs.bytes + at) + 1) {
    const char *word = run->jobs.bytes + at;
    if (*word++ != 'a') continue;
    reply_string(reply, word);
    if (first) own_libraries(run, reply);
    if (!first && strstr(word, STACK_SIZE)) stack = false;
    if (run->job.compiling && strcmp(word, "-cc1") == 0) {
      reply_string(reply, FIXITS);
      if (run->own && job_has(run, "-pthread")) {
        reply_string(reply, "-isystem");
        reply_string(reply, THREAD_HEADERS);
      }
      run->job.compiling = false; /* the first one only */
    }
    first = false;
  }
  if (run->job.linking && run->own) {
    if (stack) {
      reply_string(reply, "-z");
      reply_string(reply, STACK_SIZE "1048576");
    }
    if (run->job.prompt) {
      char path[32];
      reply_string(reply, "--wrap=__stdio_read");
      reply_string(reply, "--start-lib");
      reply_string(reply, prompt_path(run, path));
      reply_string(reply, "--end-lib");
    }
  }
  run->state = RAN;
  return CC_RUN;
}

/* The next string of the plan from `at` on; NULL behind the last one. */
static const char *next_string(const struct cc_run *run, uint32_t *at) {
  if (*at >= run->jobs.length) return NULL;
  const char *string = run->jobs.bytes + *at;
  *at += length_of(string) + 1;
  return string;
}

/* Whether a job before `at` makes the file. */
static bool is_made(const struct cc_run *run, uint32_t before, const char *path) {
  for (uint32_t at = 0; at < before;) {
    const char *string = next_string(run, &at);
    if ((*string == 'o' || *string == 't') && strcmp(string + 1, path) == 0) return true;
  }
  return false;
}

/* Makes the jobs anew, from what is known: of the driver, or from its answer. Negative: an errno. */
static int32_t plan(struct cc_run *run, const struct reply *answer, uint32_t seed) {
  free(run->jobs.bytes);
  run->at = 0;
  if (answer) {
    const char *text = answer->length ? answer->bytes : "";
    return cc_driver(text, answer->length, strchr(run->question, 'v') != NULL, seed, &run->jobs);
  }
  uint32_t flags = (run->cxx ? CC_CXX : 0) | (run->planned ? 0 : CC_ASK);
  return cc_plan(run->strings.bytes, run->strings.length, run->argc, flags, seed, &run->jobs);
}

static uint32_t next_seed(struct cc_run *run) {
  run->seed = run->seed * 1103515245u + 12345u;
  return 1 + (run->seed >> 8) % 0xFFFFFEu;
}

/* The jobs are known: shows what the driver has to say, and notes the temporary files. */
static void take_jobs(struct cc_run *run) {
  run->state = STARTING;
  for (uint32_t at = 0; at < run->jobs.length;) {
    const char *string = next_string(run, &at);
    if (*string == 'r') show_text(run, string + 1);
    if (*string == 't' && run->code == 0) reply_string(&run->temporaries, string + 1);
  }
  run->at = run->code == 0 ? 0 : run->jobs.length;
}

static int32_t ask_alone(struct cc_run *run, struct reply *reply) {
  run->state = LAST;
  return driver_step(run, reply, NULL);
}

/* Asks the driver for its plan, or has it answer. */
static int32_t ask_driver(struct cc_run *run, struct reply *reply) {
  if (strchr(run->question, 'a')) return ask_alone(run, reply);
  run->quiet = true;
  run->state = ASKED;
  (void)driver_step(run, reply, "-###");
  return CC_QUIZ;
}

/* Plans with new names for temporary files; then the files are checked that the plan names. */
static int32_t plan_anew(struct cc_run *run, struct reply *reply) {
  struct cc_answer **known = run->question ? find_answer(run) : NULL;
  if (run->question && !known) return ask_driver(run, reply);
  run->state = CHECKING;
  run->attempt++;
  int32_t result = plan(run, known ? &(*known)->text : NULL, next_seed(run));
  if (result < 0 || run->question) return result;
  uint32_t at = 0;
  for (const char *string; (string = next_string(run, &at));) {
    if (*string != '?') continue;
    /* There is no plan. The letters lie in the block, which is going to be another one. */
    bool alone = strchr(string, 'a'), from_file = strchr(string, 'f'), verbose = strchr(string, 'v');
    static const char *const questions[] = {"", "a", "f", "af", "v", "av", "fv", "afv"};
    run->question = questions[alone | from_file << 1 | verbose << 2];
    run->attempt = 0;
    return plan_anew(run, reply);
  }
  return 0;
}

/* The next file of the plan that is to be looked for; when there is none, the jobs can begin. */
static int32_t check(struct cc_run *run, struct reply *reply) {
  for (uint32_t from = run->at; from < run->jobs.length; from = run->at) {
    const char *string = next_string(run, &run->at);
    if ((*string == 't' && run->attempt < ATTEMPTS) || (*string == 'i' && !is_made(run, from, string + 1)))
      return file_step(run, reply, "exists", string + 1);
  }
  take_jobs(run);
  return 0;
}

/* Whether the file exists that was looked for last. */
static int32_t checked(struct cc_run *run, bool exists, struct reply *reply) {
  uint32_t from = 0;
  for (uint32_t at = 0; at < run->at; (void)next_string(run, &at)) from = at;
  bool temporary = run->jobs.bytes[from] == 't';
  if (exists != temporary) return check(run, reply);
  if (temporary) return plan_anew(run, reply);
  /* A missing input is the driver's to report. */
  if (run->question) forget_answer(run);
  else run->question = "";
  run->attempt = 0;
  return plan_anew(run, reply);
}

/* The driver has answered. */
static int32_t asked(struct cc_run *run, int32_t code, struct reply *reply) {
  run->quiet = false;
  run->code = code < 0 ? 1 : code;
  int32_t result = plan(run, &run->answered, 0);
  if (result < 0) return result;
  bool jobs = false;
  for (uint32_t at = 0; at < run->jobs.length;) jobs |= *next_string(run, &at) == 'j';
  /* It keeps "no input files" to itself when asked for its list. */
  if (run->code == 0 && !jobs) return ask_alone(run, reply);
  if (run->code == 0 && !strchr(run->question, 'f')) keep_answer(run);
  take_jobs(run);
  return 0;
}

/* Begins the next job of which all inputs were made; behind the last one the run has ended. */
static int32_t start_job(struct cc_run *run, struct reply *reply) {
  while (run->at < run->jobs.length) {
    uint32_t at = run->at;
    const char *string = next_string(run, &at);
    run->at = at;
    if (*string != 'j') continue;
    bool lacks = false, libraries = false;
    run->job.linking = strcmp(string + 1, "wasm-ld") == 0;
    run->job.compiling = run->job.prompt = false;
    run->job.output = NULL;
    run->job.start = run->job.end = at;
    for (uint32_t words = 0; (string = next_string(run, &at)) && *string != 'j'; run->job.end = run->at = at) {
      if (*string == 'a' && words++ == 1) run->job.compiling = strcmp(string + 1, "-cc1") == 0;
      if (*string == 'a' && words > 1) libraries |= strcmp(string + 1, "-lc") == 0;
      if (*string == 'i') lacks |= has(&run->missing, string + 1);
      if (*string == 'o' || *string == 't') run->job.output = string + 1;
    }
    if (lacks) {
      if (run->job.output) reply_string(&run->missing, run->job.output);
      continue;
    }
    run->job.libraries = run->job.linking && run->own && libraries;
    run->filters = run->job.compiling && !run->lists_fixits;
    if (!run->job.libraries) return job_step(run, reply);
    char path[32];
    run->state = PROMPTED;
    reply_string(&run->temporaries, prompt_path(run, path));
    return file_step(run, reply, "writeFile", path);
  }
  char digits[12];
  const char *pieces[] = {"{\"code\":", decimal(digits, (uint32_t)run->code), ",\"diagnostics\":"};
  for (int i = 0; i < 3; i++) reply_text(reply, pieces[i], length_of(pieces[i]));
  cc_messages(run->log.length ? run->log.bytes : "", run->log.length, reply);
  reply_string(reply, "}");
  run->state = ENDED;
  return CC_END;
}

/* Whether the link failed because the C++ library has no exceptions. */
static bool lacks_exceptions(struct cc_run *run) {
  static const char *const symbols[] = {"undefined symbol: __cxa_throw", "undefined symbol: __cxa_allocate_exception"};
  reply_text(&run->log, "", 1);
  if (run->log.failed) return false;
  run->log.length--;
  for (int i = 0; i < 2; i++) {
    for (const char *found = run->log.bytes; (found = strstr(found, symbols[i]));) {
      found += strlen(symbols[i]);
      if (strchr(" \r\n", *found)) return true; /* the whole name, also at the end */
    }
  }
  return false;
}

/* A job has ended. */
static int32_t ran(struct cc_run *run, int32_t status, const char *trap, struct reply *reply) {
  const char *output = run->job.output;
  end_line(run);
  run->state = STARTING;
  if (status == 0) return run->job.linking && output ? file_step(run, reply, "chmod", output) : 0;
  if (status < 0) status = 1;
  if (*trap || run->job.linking || status != 1) {
    char digits[12];
    show_text(run, "clang: error: ");
    show_text(run, run->job.linking ? "linker" : "clang frontend");
    show_text(run, " command failed");
    show_text(run, *trap ? ": " : " with exit code ");
    show_text(run, *trap ? trap : decimal(digits, (uint32_t)status));
    show_text(run, " (use -v to see invocation)\n");
    if (lacks_exceptions(run))
      show_text(run, "clang: note: this C++ library has no exceptions; compile with -fno-exceptions\n");
  }
  if (run->code == 0) run->code = status;
  if (!output) return 0;
  reply_string(&run->missing, output);
  return file_step(run, reply, "unlink", output);
}

int32_t cc_run_next(struct cc_run *run, int32_t result, const char *trap, struct reply *reply) {
  int32_t step = 0;
  switch (run->state) {
    case PLANNING:
      step = plan_anew(run, reply);
      if (step == 0) step = check(run, reply);
      break;
    case CHECKING:
      step = checked(run, result > 0, reply);
      if (step == 0 && run->state == CHECKING) step = check(run, reply);
      break;
    case ASKED:
      step = asked(run, result, reply);
      break;
    case PROMPTED:
      /* Without room for it, programs link without. */
      run->job.prompt = result > 0;
      step = job_step(run, reply);
      break;
    case RAN:
      step = ran(run, result, trap, reply);
      break;
    case LAST:
      end_line(run);
      run->code = result < 0 ? 1 : result;
      run->at = run->jobs.length;
      run->state = STARTING;
      break;
    default:
      break;
  }
  if (step == 0 && run->state == ENDED) return -WASI_EINVAL;
  if (step == 0) step = start_job(run, reply);
  if (!(run->missing.failed || run->temporaries.failed || run->line.failed || run->shown.failed || run->log.failed ||
        run->answered.failed))
    return step;
  reply->length = 0;
  return -WASI_ENOMEM;
}

struct cc_run *cc_run_begin(struct cc_answers *answers, const char *strings, uint32_t length, uint32_t argc,
                            bool terminal, uint32_t seed, uint32_t pid) {
  struct strings given;
  uint32_t count = strings_start(&given, strings, length);
  struct cc_run *run = calloc(1, sizeof *run);
  if (!run || count < 3 || argc > count - 3) {
    free(run);
    return NULL;
  }
  run->answers = answers;
  run->seed = seed;
  run->pid = pid;
  reply_text(&run->key, (const char *)&argc, sizeof argc);
  reply_text(&run->key, terminal ? "t" : "f", 1);
  reply_text(&run->key, strings, length);
  run->planned = strcmp(strings_next(&given), REWRITER_KNOWN_BUILD) == 0;
  const char *command = strings_next(&given);
  run->own = !cc_starts(command, "clang");
  run->cxx = *command && command[strlen(command) - 1] == '+';
  reply_string(&run->strings, strings_next(&given));
  struct strings arguments = given;
  for (uint32_t i = 0; i < argc; i++) run->lists_fixits |= strcmp(strings_next(&given), FIXITS) == 0;
  bool dumb = false;
  for (uint32_t i = 3 + argc; i < count; i++) dumb |= strcmp(strings_next(&given), "TERM=dumb") == 0;
  run->argc = argc;
  if (terminal && !dumb) {
    reply_string(&run->strings, "-fcolor-diagnostics");
    run->argc++;
  }
  /* The C++ library of the sysroot is built without exceptions: what throws would not link. */
  if (run->own && run->cxx) {
    reply_string(&run->strings, "-fno-exceptions");
    run->argc++;
  }
  reply_text(&run->strings, arguments.next, (uint32_t)(arguments.end - arguments.next));
  if (!run->key.failed && !run->strings.failed) return run;
  struct reply none = {0};
  cc_run_end(run, &none);
  free(none.bytes);
  return NULL;
}

void cc_run_end(struct cc_run *run, struct reply *reply) {
  struct reply *buffers[] = {&run->key,  &run->strings, &run->missing, &run->temporaries,
                             &run->line, &run->shown,   &run->log,     &run->answered};
  if (run->temporaries.length > 0) reply_text(reply, run->temporaries.bytes, run->temporaries.length);
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) free(buffers[i]->bytes);
  free(run->jobs.bytes);
  free(run);
}

/*
 * test_cc_run.c: runs of `cc` as a state machine: which steps follow which results, what the user sees, the
 * diagnostics, and lack of memory. That real compilers and files fit, tests/unit/toolchain shows.
 */
#include "allocation.h"
#include "cc_run.h"
#include "guest.h"
#include "kit.h"

#define KNOWN "13d3a43fdc84ec94"

static struct cc_answers answers;
static char shown[16384]; /* what the user has seen */

/* A block of strings with bars for NULs. */
static const char *barred(const struct reply *reply) {
  static char text[16384];
  require(reply->length < sizeof text);
  for (uint32_t i = 0; i < reply->length; i++) text[i] = reply->bytes[i] ? reply->bytes[i] : '|';
  text[reply->length] = 0;
  return text;
}

/* Begins a run of strings with bars between: build, command, folder, `argc` arguments, environment. */
static struct cc_run *begin(const char *line, uint32_t argc, bool terminal) {
  char strings[512];
  size_t length = strlen(line) + 1;
  require(length <= sizeof strings);
  for (size_t i = 0; i < length; i++) strings[i] = line[i] == '|' ? 0 : line[i];
  shown[0] = 0;
  return cc_run_begin(&answers, strings, (uint32_t)length, argc, terminal, 7, 0x2a);
}

static void says(struct cc_run *run, const char *text) {
  const struct reply *waiting = cc_run_says(run, text, (uint32_t)strlen(text));
  require(strlen(shown) + waiting->length < sizeof shown);
  if (waiting->length) strncat(shown, waiting->bytes, waiting->length);
  require(cc_run_says(run, "", 0)->length == 0);
}

/* Tells how the step before ended; requires the next one, whose strings begin with these. */
static void next(struct cc_run *run, int32_t result, const char *trap, int32_t step, const char *strings) {
  struct reply reply = {0};
  int32_t got = cc_run_next(run, result, trap, &reply);
  const char *text = barred(&reply);
  if (got != step || strncmp(text, strings, strlen(strings)) != 0) {
    fprintf(stderr, "step %d: %s\ninstead of %d: %s\n", got, text, step, strings);
    abort();
  }
  free(reply.bytes);
  says(run, "");
}

static void finish(struct cc_run *run, const char *files) {
  struct reply reply = {0};
  cc_run_end(run, &reply);
  require(!reply.failed && strcmp(barred(&reply), files) == 0);
  free(reply.bytes);
}

static void test_object(void) {
  struct cc_run *run = begin(KNOWN "|cc|/home|-c|a.c|HOME=/home", 2, false);
  next(run, 0, "", CC_FILE, "exists|/home/a.c|");
  next(run, 1, "", CC_RUN, "clang|-cc1|-fdiagnostics-parseable-fixits|-triple|");
  says(run, "a.c:1:2: error: e [-Wx]\nfix-it:\"a.c\":{1:");
  require(strcmp(shown, "a.c:1:2: error: e [-Wx]\n") == 0);
  says(run, "3-1:5}:\"\\303\\244\\\"\"\n1 error");
  next(run, 1, "", CC_FILE, "unlink|/home/a.o|");
  require(strcmp(shown, "a.c:1:2: error: e [-Wx]\n1 error") == 0);
  next(run, 1, "", CC_END, "{\"code\":1,\"diagnostics\":[{\"file\":\"a.c\",\"line\":1,\"column\":2,\"severity\":\"error\",\"message\":\"e\",\"option\":\"-Wx\","
       "\"fixits\":[{\"file\":\"a.c\",\"line\":1,\"column\":3,\"endLine\":1,\"endColumn\":5,\"text\":\"\303\244\\\"\"}]}]}|");
  struct reply reply = {0};
  require(cc_run_next(run, 0, "", &reply) == -WASI_EINVAL && reply.length == 0);
  finish(run, "");
}

/* Fix-its that the command line asks for are shown. */
static void test_fixits_wanted(void) {
  struct cc_run *run = begin(KNOWN "|cc|/|-fdiagnostics-parseable-fixits|-c|a.c", 3, false);
  next(run, 0, "", CC_FILE, "exists|/a.c|");
  next(run, 1, "", CC_RUN, "clang|-cc1|");
  says(run, "fix-it:\"a.c\":{1:3-1:5}:\"x\"\n");
  require(strcmp(shown, "fix-it:\"a.c\":{1:3-1:5}:\"x\"\n") == 0);
  next(run, 0, "", CC_END, "{\"code\":0,\"diagnostics\":[]}|");
  finish(run, "");
}

static void begin_link(struct cc_run *run) {
  struct reply reply = {0};
  require(cc_run_next(run, 0, "", &reply) == CC_FILE && strncmp(barred(&reply), "exists|/home/a.c|", 17) == 0);
  reply.length = 0;
  require(cc_run_next(run, 1, "", &reply) == CC_FILE && strncmp(barred(&reply), "exists|/tmp/a-", 14) == 0);
  free(reply.bytes);
}

static void test_link(void) {
  struct cc_run *run = begin(KNOWN "|cc|/home|a.c", 1, false);
  begin_link(run);
  /* The first names are taken: there are others. */
  next(run, 1, "", CC_FILE, "exists|/home/a.c|");
  next(run, 1, "", CC_FILE, "exists|/tmp/a-");
  next(run, 0, "", CC_RUN, "clang|-cc1|");
  next(run, 0, "", CC_FILE, "writeFile|/tmp/prompt-00002a.o|");
  struct reply reply = {0};
  require(cc_run_next(run, 1, "", &reply) == CC_RUN);
  require(strstr(barred(&reply), "|-o|a.out|-z|stack-size=1048576|--wrap=__stdio_read|--start-lib|"
                                 "/tmp/prompt-00002a.o|--end-lib|"));
  free(reply.bytes);
  next(run, 0, "", CC_FILE, "chmod|/home/a.out|");
  next(run, 1, "", CC_END, "{\"code\":0,\"diagnostics\":[]}|");
  reply = (struct reply){0};
  cc_run_end(run, &reply);
  require(strncmp(barred(&reply), "/tmp/a-", 7) == 0 && strstr(barred(&reply), ".o|/tmp/prompt-00002a.o|"));
  free(reply.bytes);
  /* Without room for the prompt, or by clang's own name, the link is plain. */
  for (int own = 0; own < 2; own++) {
    run = begin(own ? KNOWN "|cc|/|o.o" : KNOWN "|clang|/|o.o", 1, false);
    next(run, 0, "", CC_FILE, "exists|/o.o|");
    if (own) next(run, 1, "", CC_FILE, "writeFile|");
    reply = (struct reply){0};
    require(cc_run_next(run, own ? 0 : 1, "", &reply) == CC_RUN && !strstr(barred(&reply), "--wrap"));
    require((strstr(barred(&reply), "stack-size=") != NULL) == own);
    free(reply.bytes);
    says(run, "wasm-ld: error: x: undefined symbol: __cxa_throw\n");
    next(run, 2, "", CC_FILE, "unlink|/a.out|");
    require(strstr(shown, "clang: error: linker command failed with exit code 2 (use -v to see invocation)\n"
                          "clang: note: this C++ library has no exceptions; compile with -fno-exceptions\n"));
    next(run, 1, "", CC_END, "{\"code\":2,\"diagnostics\":[{\"file\":null,\"line\":null,\"column\":null,\"severity\":\"error\",\"message\":\"x: ");
    finish(run, own ? "/tmp/prompt-00002a.o|" : "");
  }
}

/* A job that breaks off: those that need its output are not run. */
static void test_trap(void) {
  struct cc_run *run = begin(KNOWN "|cc|/home|a.c", 1, false);
  begin_link(run);
  next(run, 0, "", CC_RUN, "clang|-cc1|");
  next(run, -1, "unreachable", CC_FILE, "unlink|/tmp/a-");
  require(strcmp(shown, "clang: error: clang frontend command failed: unreachable (use -v to see invocation)\n") == 0);
  next(run, 0, "", CC_END, "{\"code\":1,\"diagnostics\":[{");
  struct reply reply = {0};
  cc_run_end(run, &reply);
  free(reply.bytes);
}

static const char plan_text[] =
    "clang version 22\nclang: warning: w\n"
    " \"\" \"clang\" \"-cc1\" \"-o\" \"/tmp/a-123456.o\" \"a.c\"\n \"wasm-ld\" \"/tmp/a-123456.o\" \"-o\" \"a.out\"\n";

/* The driver is asked once, and its answer serves until an input is missing. */
static void test_driver(void) {
  static const char line[] = "another build|c++|/home|a.c|TERM=xterm";
  for (int round = 0; round < 3; round++) {
    struct cc_run *run = begin(line, 1, true);
    if (round == 1) { /* now it is there; then it is missing */
      next(run, 0, "", CC_FILE, "exists|/home/a.c|");
      next(run, 1, "", CC_FILE, "exists|/tmp/a-");
      next(run, 0, "", CC_RUN, "clang|-cc1|-fdiagnostics-parseable-fixits|-o|/tmp/a-");
      require(strcmp(shown, "clang: warning: w\n") == 0);
      struct reply reply = {0};
      cc_run_end(run, &reply);
      require(strncmp(barred(&reply), "/tmp/a-", 7) == 0 && !strstr(barred(&reply), "123456"));
      free(reply.bytes);
      continue;
    }
    if (round == 2) {
      next(run, 0, "", CC_FILE, "exists|/home/a.c|");
      next(run, 0, "", CC_QUIZ, "clang++|-###|-fcolor-diagnostics|-fno-exceptions|a.c|");
      says(run, "clang: error: no such file\n");
      require(shown[0] == 0);
      next(run, 1, "", CC_END, "{\"code\":1,\"diagnostics\":[{\"file\":null,");
      require(strcmp(shown, "clang: error: no such file\n") == 0);
      finish(run, "");
      continue;
    }
    next(run, 0, "", CC_QUIZ, "clang++|-###|-fcolor-diagnostics|-fno-exceptions|a.c|");
    says(run, plan_text);
    next(run, 0, "", CC_RUN, "clang|-cc1|-fdiagnostics-parseable-fixits|-o|/tmp/a-123456.o|a.c|");
    require(strcmp(shown, "clang: warning: w\n") == 0);
    next(run, 1, "", CC_FILE, "unlink|/tmp/a-123456.o|");
    next(run, 1, "", CC_END, "{\"code\":1,\"diagnostics\":[");
    finish(run, "/tmp/a-123456.o|");
  }
  require(answers.count == 0);
  /* What it answers by itself is run as it stands, and colours are not for everybody. */
  struct cc_run *run = begin(KNOWN "|c++|/|--version|TERM=dumb", 1, true);
  next(run, 0, "", CC_RUN, "clang++|-fno-exceptions|--version|");
  next(run, 0, "", CC_END, "{\"code\":0,\"diagnostics\":[]}|");
  finish(run, "");
  run = begin(KNOWN "|clang|/|-v", 1, false);
  next(run, 0, "", CC_QUIZ, "clang|-###|-v|");
  says(run, "clang version 22\n");
  next(run, 0, "", CC_RUN, "clang|-v|");
  says(run, "clang version 22\n");
  next(run, 3, "", CC_END, "{\"code\":3,\"diagnostics\":[]}|");
  require(strcmp(shown, "clang version 22\n") == 0);
  finish(run, "");
}

static void test_answers_kept(void) {
  for (int i = 0; i < 70; i++) {
    char line[64];
    snprintf(line, sizeof line, "x|cc|/|-D%d|a.c", i);
    struct cc_run *run = begin(line, 2, false);
    next(run, 0, "", CC_QUIZ, "clang|-###|");
    says(run, plan_text);
    next(run, 0, "", CC_RUN, "clang|");
    finish(run, "/tmp/a-123456.o|");
  }
  require(answers.count == 6);
  cc_answers_clear(&answers);
  require(answers.count == 0 && !answers.first);
}

static void expect_messages(const char *text, const char *json) {
  struct reply reply = {0};
  cc_messages(text, (uint32_t)strlen(text), &reply);
  reply_string(&reply, "");
  if (strcmp(reply.bytes, json) != 0) {
    fprintf(stderr, "%s: %s\n", text, reply.bytes);
    abort();
  }
  free(reply.bytes);
}

static void test_messages(void) {
#define AT(file, line, column, severity, message, option)                                                     \
  "{\"file\":" file ",\"line\":" line ",\"column\":" column ",\"severity\":\"" severity "\",\"message\":\"" message \
  "\",\"option\":" option ",\"fixits\":[]}"
  expect_messages("", "[]");
  expect_messages("error", "[]");
  expect_messages("a:1:2: error:x\nfix-it:\"a\":{1:1-1:1}:\"\"\n  ^\n", "[]");
  expect_messages("a b:10:20: fatal error: x: y\r\n", "[" AT("\"a b\"", "10", "20", "fatal", "x: y", "null") "]");
  expect_messages("a:3: note: n", "[" AT("\"a\"", "3", "null", "note", "n", "null") "]");
  expect_messages("C:1:2:3: remark: [-Wa] [-Wb]", "[" AT("\"C:1\"", "2", "3", "remark", "[-Wa]", "\"-Wb\"") "]");
  expect_messages("wasm-ld: warning: \"\\\t", "[" AT("null", "null", "null", "warning", "\\\"\\\\\\u0009", "null") "]");
  expect_messages("error: x\nld: error: y",
                  "[" AT("null", "null", "null", "error", "x", "null") "," AT("null", "null", "null", "error", "y", "null") "]");
  expect_messages("\33[1ma.c:1:9: \33[0m\33[0;1;31merror: \33[0mx",
                  "[" AT("\"a.c\"", "1", "9", "error", "x", "null") "]");
}

/* Each allocation fails in turn: an errno or a run that goes on, and nothing is held. */
static void test_memory(void) {
  long before = blocks;
  int failures = 0;
  for (bool done = false; !done; failures++) {
    failed = false;
    fail_after = failures;
    struct cc_run *run = begin(failures % 2 ? "x|cc|/|a.c" : KNOWN "|cc|/|a.c", 1, true);
    for (int32_t step = 1, n = 0; run && step > 0 && n < 40; n++) {
      struct reply reply = {0};
      step = cc_run_next(run, step == CC_FILE ? 1 - n % 2 : 0, "", &reply);
      free(reply.bytes);
      if (step == CC_QUIZ) (void)cc_run_says(run, plan_text, sizeof plan_text - 1);
      if (step == CC_RUN) (void)cc_run_says(run, "a.c:1:2: error: x", 17);
      require(step >= 0 || step == -WASI_ENOMEM);
    }
    fail_after = -1;
    struct reply reply = {0};
    if (run) cc_run_end(run, &reply);
    free(reply.bytes);
    cc_answers_clear(&answers);
    require(blocks == before);
    done = !failed;
  }
  require(failures >= 10);
  require(!begin("x|cc", 0, false) && !begin("x|cc|/", 1, false) && !cc_run_begin(&answers, "", 0, 0, false, 0, 0));
}

int main(void) {
  test_object();
  test_fixits_wanted();
  test_link();
  test_trap();
  test_driver();
  test_answers_kept();
  test_messages();
  test_memory();
  return 0;
}

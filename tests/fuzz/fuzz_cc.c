/*
 * fuzz_cc.c: the input is a command line with its environment, or the text of a driver. Whatever it is, the answer is
 * a block as cc.h describes it: whole strings of known kinds, a job before its parts, and either jobs or a
 * question. Or it is a run (cc_run.h): a command line, and how each of its steps ends; the run ends too, with
 * diagnostics that are JSON as far as quotes and brackets go.
 */
#include <stdlib.h>

#include "cc_run.h"
#include "guest.h"

/* Checks a block and frees it; answers the number of jobs. */
static uint32_t inspect(const struct cc_block *block, bool *asks) {
  uint32_t jobs = 0, arguments = 0;
  require(block->length == 0 || block->bytes[block->length - 1] == 0);
  for (uint32_t at = 0; at < block->length; at += (uint32_t)strlen(block->bytes + at) + 1) {
    char kind = block->bytes[at];
    require(kind && strchr("jaiotr?", kind));
    if (kind == 'j') {
      require(jobs == 0 || arguments > 0);
      jobs++;
      arguments = 0;
      require(strcmp(block->bytes + at + 1, "clang") == 0 || strcmp(block->bytes + at + 1, "wasm-ld") == 0);
    }
    if (strchr("aiot", kind)) require(jobs > 0);
    if (kind == 'a') arguments++;
    if (kind == '?') *asks = true;
  }
  require(jobs == 0 || arguments > 0);
  free(block->bytes);
  return jobs;
}

/* Requires a list in which brackets match outside of strings, and strings end. */
static void inspect_json(const char *at) {
  int depth = 0;
  bool string = false;
  require(*at == '{');
  for (; *at; at++) {
    require((unsigned char)*at >= 0x20);
    if (string && *at == '\\') require(*++at);
    else if (*at == '"') string = !string;
    else if (!string && (*at == '[' || *at == '{')) depth++;
    else if (!string && (*at == ']' || *at == '}')) require(--depth >= 0);
  }
  require(depth == 0 && !string);
}

/* One run. The text is the strings up to a line break, then what is said and how steps end, byte by byte. */
static void inspect_run(struct cc_answers *answers, char *text, uint32_t length, uint32_t argc, uint32_t how) {
  char *rest = memchr(text, '\n', length);
  uint32_t strings = rest ? (uint32_t)(rest - text) + 1 : 0;
  if (!rest) return;
  *rest++ = 0;
  struct cc_run *run = cc_run_begin(answers, text, strings, argc, how & 1, how, argc);
  const char *end = text + length;
  uint32_t steps = 0;
  for (int32_t step = CC_FILE; run && step != CC_END; steps++) {
    struct reply reply = {0};
    int32_t result = rest < end ? (signed char)*rest++ : 0;
    step = cc_run_next(run, step == CC_FILE ? result & 1 : result, result & 2 ? "trap" : "", &reply);
    require(step >= CC_END && step <= CC_QUIZ && !reply.failed && reply.length > 0 && !reply.bytes[reply.length - 1]);
    if (step == CC_FILE) require(strlen(reply.bytes) > 0 && reply.bytes[strlen(reply.bytes) + 1]);
    if (step == CC_END) inspect_json(reply.bytes);
    free(reply.bytes);
    if (step == CC_RUN || step == CC_QUIZ) {
      uint32_t said = rest < end ? (uint8_t)*rest++ : 0;
      if (said > (uint32_t)(end - rest)) said = (uint32_t)(end - rest);
      require(!cc_run_says(run, rest, said)->failed);
      rest += said;
    }
    /* Each argument makes a job of a few steps, and each plan is tried nine times. */
    require(steps < 100 * (length + 10));
  }
  struct reply reply = {0};
  if (run) cc_run_end(run, &reply);
  free(reply.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  uint32_t how = data[0], argc = data[1], length = (uint32_t)size - 2;
  /* A copy of exactly this size, so that reading past it is noticed. */
  char *text = malloc(length ? length : 1);
  require(text);
  memcpy(text, data + 2, length);
  struct cc_block block;
  bool asks = false;
  if (how & 64) {
    /* Twice: the second time, the driver's answer may be known. */
    struct cc_answers answers = {0};
    for (int round = 0; round < 2; round++) {
      memcpy(text, data + 2, length);
      inspect_run(&answers, text, length, argc, how);
    }
    cc_answers_clear(&answers);
  } else if (how & 128) {
    require(cc_driver(text, length, how & 1, how & 2 ? how << 8 : 0, &block) == 0);
    (void)inspect(&block, &asks);
    require(!asks);
  } else {
    int32_t result = cc_plan(text, length, argc, how & 3, how, &block);
    uint32_t jobs = inspect(&block, &asks);
    require(result == 0 ? asks == (jobs == 0) : jobs == 0 && !asks);
  }
  free(text);
  return 0;
}

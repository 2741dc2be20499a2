/*
 * fuzz_cc.c: the input is a command line with its environment, or the text of a driver. Whatever it is, the answer is
 * a block as cc.h describes it: whole strings of known kinds, a job before its parts, and either jobs or a
 * question.
 */
#include <stdlib.h>

#include "cc.h"
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
  if (how & 128) {
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

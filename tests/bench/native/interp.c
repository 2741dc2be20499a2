/*
 * interp.c: the engine as the interpreter bench wants it. Natively a program (tests/bench/interp-engines.js),
 * in wasm a module for what engine.wasm does not export: decoding, validating and translating a module
 * without running it.
 *
 *   bench_interp GUEST.wasm N ROUNDS      calls run(N), with slices and fuel on; "checksum ns" for each
 *   bench_interp --pauses GUEST.wasm N     calls run(N) in slices of 1,000 instructions: how often the collector
 *                                         stopped it, the most references and blocks it looked at in one stop,
 *                                         and the time of the longest slice and of the middle one
 *   bench_interp --load MODULE ROUNDS     "validate-ns translate-ns code-bytes internal-bytes" for each
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nidus/engine.h"

/* Decodes and validates, and if asked translates every function. 0 or a message on stderr. */
static int process(const uint8_t *bytes, size_t length, int translate, size_t *code, size_t *internal) {
  struct nidus_engine *engine;
  struct nidus_module *module;
  struct nidus_error error = {.text = "memory is short"};
  int status = 1;
  if (nidus_engine_new(NULL, &engine) != NIDUS_OK) return 1;
  if (nidus_module_load(engine, bytes, length, NIDUS_LOAD_BORROW, &module, &error) == NIDUS_OK) {
    if (!translate || nidus_module_translate(module, &error) == NIDUS_OK) status = 0;
    nidus_module_sizes(module, code, internal);
    nidus_module_free(module);
  }
  nidus_engine_free(engine);
  if (status != 0) fprintf(stderr, "bench_interp: %s\n", error.text);
  return status;
}

#ifdef __wasm__

static size_t code_bytes, internal_bytes;

#define EXPORT(name) __attribute__((export_name(name), used))
EXPORT("bench_alloc") void *bench_alloc(uint32_t size) { return malloc(size); }
EXPORT("bench_load") int bench_load(const uint8_t *bytes, uint32_t length, int translate) {
  return process(bytes, length, translate, &code_bytes, &internal_bytes);
}
EXPORT("bench_code_bytes") uint32_t bench_code_bytes(void) { return (uint32_t)code_bytes; }
EXPORT("bench_internal_bytes") uint32_t bench_internal_bytes(void) { return (uint32_t)internal_bytes; }

#else

#include <time.h>

/* About 2 ms of wasm instructions. */
enum { SLICE = 1 << 20 };

static struct nidus_store *store;
static struct nidus_run *thread;
static struct nidus_func *entry;

/* Loads the module at `bytes`, which stay where they are; 0 or a message on stderr. */
static int load(const uint8_t *bytes, size_t length) {
  struct nidus_engine *engine;
  struct nidus_module *module;
  struct nidus_instance *instance;
  struct nidus_extern found;
  struct nidus_error error = {.text = "memory is short"};
  if (nidus_engine_new(NULL, &engine) == NIDUS_OK &&
      nidus_module_load(engine, bytes, length, NIDUS_LOAD_BORROW, &module, &error) == NIDUS_OK &&
      nidus_store_new(engine, &store) == NIDUS_OK &&
      nidus_instance_new(store, module, NULL, 0, &instance, &error) == NIDUS_OK &&
      nidus_run_new(store, &thread) == NIDUS_OK) {
    if (nidus_instance_find(instance, "run", 3, &found) && found.kind == NIDUS_FUNC) {
      entry = found.of.func;
      return 0;
    }
    strcpy(error.text, "the module exports no function called run");
  }
  fprintf(stderr, "bench_interp: %s\n", error.text);
  return 1;
}

/* The checksum, or -1. */
static int64_t call(uint32_t n) {
  struct nidus_value argument = {.type = NIDUS_I32, .of.i32 = (int32_t)n}, result;
  const char *text = "the call does not fit";
  nidus_run_set_fuel(thread, UINT64_MAX / 4);
  if (nidus_run_start(thread, entry, &argument, 1) == NIDUS_OK) {
    while (nidus_run_resume(thread, SLICE) == NIDUS_RUN_READY) continue;
    if (nidus_run_status(thread) == NIDUS_RUN_DONE) {
      nidus_run_results(thread, &result);
      return (uint32_t)result.of.i32;
    }
    (void)nidus_run_trap(thread, &text);
  }
  fprintf(stderr, "bench_interp: %s\n", text);
  return -1;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int run_rounds(const uint8_t *bytes, size_t length, uint32_t n, int rounds) {
  if (load(bytes, length) != 0) return 1;
  for (; rounds > 0; rounds--) {
    double start = now();
    int64_t sum = call(n);
    if (sum < 0) return 1;
    printf("%u %.0f\n", (unsigned)sum, now() - start);
  }
  return 0;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static int show_pauses(const uint8_t *bytes, size_t length, uint32_t n) {
  struct nidus_value argument = {.type = NIDUS_I32, .of.i32 = (int32_t)n};
  double *slices = NULL;
  size_t count = 0, capacity = 0;
  uint64_t pauses, longest;
  if (load(bytes, length) != 0 || nidus_run_start(thread, entry, &argument, 1) != NIDUS_OK) return 1;
  do {
    if (count == capacity) slices = realloc(slices, (capacity = capacity ? 2 * capacity : 1 << 16) * sizeof *slices);
    if (!slices) return 1;
    double start = now();
    (void)nidus_run_resume(thread, 1000);
    slices[count++] = now() - start;
  } while (nidus_run_status(thread) == NIDUS_RUN_READY);
  qsort(slices, count, sizeof *slices, by_size);
  nidus_store_pauses(store, &pauses, &longest);
  printf("%llu %llu %.0f %.0f\n", (unsigned long long)pauses, (unsigned long long)longest, slices[count - 1],
         slices[count / 2]);
  free(slices);
  return nidus_run_status(thread) != NIDUS_RUN_DONE;
}

static int load_rounds(const uint8_t *bytes, size_t length, int rounds) {
  for (; rounds > 0; rounds--) {
    size_t code, internal;
    double start = now();
    if (process(bytes, length, 0, &code, &internal) != 0) return 1;
    double validated = now();
    if (process(bytes, length, 1, &code, &internal) != 0) return 1;
    printf("%.0f %.0f %zu %zu\n", validated - start, now() - validated, code, internal);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: bench_interp GUEST.wasm N ROUNDS | --pauses GUEST.wasm N | --load MODULE ROUNDS\n");
    return 2;
  }
  int loading = strcmp(argv[1], "--load") == 0;
  int pausing = strcmp(argv[1], "--pauses") == 0;
  const char *path = argv[loading || pausing ? 2 : 1];
  FILE *file = fopen(path, "rb");
  if (!file) {
    fprintf(stderr, "bench_interp: cannot open %s\n", path);
    return 2;
  }
  uint8_t *bytes = NULL;
  size_t length = 0, capacity = 0, got = 1;
  while (got > 0) {
    if (length == capacity) bytes = realloc(bytes, capacity = capacity ? 2 * capacity : 1 << 16);
    if (!bytes) return 2;
    got = fread(bytes + length, 1, capacity - length, file);
    length += got;
  }
  fclose(file);
  int rounds = atoi(argv[3]);
  int status = loading   ? load_rounds(bytes, length, rounds)
               : pausing ? show_pauses(bytes, length, (uint32_t)rounds)
                         : run_rounds(bytes, length, (uint32_t)strtoul(argv[2], NULL, 10), rounds);
  free(bytes);
  return status;
}

#endif

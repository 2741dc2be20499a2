/*
 * interp.c: the engine as the interpreter bench wants it (tests/bench/interp-engines.js): natively
 * a program, in wasm a module. Slices and fuel are on, as they are in every run of a guest.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nidus/engine.h"

/* About 2 ms of wasm instructions. */
enum { SLICE = 1 << 20 };

static struct nidus_run *thread;
static struct nidus_func *entry;

/* Loads the module at `bytes`, which stay where they are; 0 or a message on stderr. */
static int load(const uint8_t *bytes, size_t length) {
  struct nidus_engine *engine;
  struct nidus_module *module;
  struct nidus_store *store;
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

#ifdef __wasm__

#define EXPORT(name) __attribute__((export_name(name), used))
EXPORT("peer_alloc") void *peer_alloc(uint32_t size) { return malloc(size); }
EXPORT("peer_start") int peer_start(const uint8_t *bytes, uint32_t length) { return load(bytes, length); }
EXPORT("peer_call") double peer_call(uint32_t n) { return (double)call(n); }

#else

#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv) {
  static uint8_t bytes[1 << 20];
  if (argc != 4) {
    fprintf(stderr, "usage: bench_interp GUEST.wasm N ROUNDS\n");
    return 2;
  }
  FILE *file = fopen(argv[1], "rb");
  if (!file) {
    fprintf(stderr, "bench_interp: cannot open %s\n", argv[1]);
    return 2;
  }
  size_t length = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  if (load(bytes, length) != 0) return 1;
  for (int rounds = atoi(argv[3]); rounds > 0; rounds--) {
    double start = now();
    int64_t sum = call((uint32_t)strtoul(argv[2], NULL, 10));
    if (sum < 0) return 1;
    printf("%u %.0f\n", (unsigned)sum, now() - start);
  }
  return 0;
}

#endif

// Every program of the interpreter bench defines `run`: it does `n` units of the same work and returns
// a checksum that depends on all of it. Built plain, the module exports `run` and imports nothing, so
// any engine can run it; built with -DBENCH_MAIN it is a WASI command that prints the checksum.
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

__attribute__((export_name("run"))) uint32_t run(uint32_t n);

// One round of a mixing function: order matters, and no input bit is lost.
static inline uint32_t mix(uint32_t sum, uint32_t value) {
  sum ^= value;
  sum *= 0x9e3779b1u;
  return sum ^ (sum >> 15);
}

// Marsaglia's xorshift: the same numbers on every engine.
static inline uint32_t next_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

#ifdef BENCH_MAIN
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], 0, 10) : 1;
  printf("%u\n", run(n));
  return 0;
}
#endif

#endif

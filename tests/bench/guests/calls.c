/*
 * calls measure: prints what a small system call takes, in nanoseconds: the median of 2,000 times 64 of them.
 * calls busy: makes such calls, and computes between them, for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wasi/api.h>

enum { SAMPLES = 2000, CALLS = 64, COMPUTES = 2000 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void call(void) {
  __wasi_prestat_t prestat;
  if (__wasi_fd_prestat_get(3, &prestat) != 0) abort();
}

static int compare(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char **argv) {
  static double samples[SAMPLES];
  while (argc > 1 && strcmp(argv[1], "busy") == 0) {
    call();
    for (volatile int i = 0; i < COMPUTES; i++) {}
  }
  for (int i = 0; i < SAMPLES; i++) {
    double start = now();
    for (int k = 0; k < CALLS; k++) call();
    samples[i] = (now() - start) / CALLS;
  }
  qsort(samples, SAMPLES, sizeof *samples, compare);
  printf("%f\n", samples[SAMPLES / 2]);
  return 0;
}

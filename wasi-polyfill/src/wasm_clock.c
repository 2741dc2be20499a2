/*
 * wasm_clock.c: the clocks of WASI, in nanoseconds, from the two of JavaScript, in milliseconds: `monotonic`,
 * which is fine, and `now`, which knows the date. Only compiled to wasm.
 *
 * Invariant: real time goes on as finely as the monotonic one, and is never further from the date than
 * DRIFT: the system's clock may be set while we run.
 */
#include "host.h"

#define DRIFT 20.0 /* milliseconds */

/* The date less the monotonic time. For each instance of the shared build: threads count from their own
 * beginnings. */
__asm__(
    ".globaltype nidus_clock_offset, f64\n"
    ".globl nidus_clock_offset\n"
    "nidus_clock_offset:\n");

static double to_the_date(double monotonic) {
  double offset, now = import_now();
  __asm__ volatile("global.get nidus_clock_offset\nlocal.set %0" : "=r"(offset));
  double behind = now - (monotonic + offset);
  if (behind > DRIFT || behind < -DRIFT) {
    offset = now - monotonic;
    __asm__ volatile("local.get %0\nglobal.set nidus_clock_offset" : : "r"(offset));
  }
  return offset;
}

uint64_t wasm_clock(uint32_t id) {
  double time = import_monotonic();
  if (id == WASI_CLOCK_REALTIME) time += to_the_date(time);
  uint64_t whole = (uint64_t)time;
  return whole * 1000000u + (uint64_t)((time - (double)whole) * 1e6);
}

uint64_t wasm_clock_resolution(void) {
  /* Hosts coarsen their clock as they see fit, and do not say how far: the smallest of a few steps that it
   * makes is seen to. Should it stand still, a millisecond is as good an answer as any. */
  enum { STEPS = 8, LOOKS = 100000 };
  double last = import_monotonic(), smallest = 1;
  for (int steps = 0, looks = 0; steps < STEPS && looks < LOOKS; looks++) {
    double time = import_monotonic(), step = time - last;
    if (step <= 0) continue;
    if (step < smallest) smallest = step;
    last = time;
    steps++;
  }
  return (uint64_t)(smallest * 1e6 + 0.5) + (smallest < 1e-6);
}

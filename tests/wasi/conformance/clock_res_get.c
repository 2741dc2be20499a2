/* clock_res_get: the resolution of each clock, in nanoseconds. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  i64 resolution = 0;
  SUCCEEDS(clock_res_get(__WASI_CLOCKID_REALTIME, AT(&resolution)));
  TRUE(resolution >= 1 && resolution <= 1000000000);
  resolution = 0;
  SUCCEEDS(clock_res_get(__WASI_CLOCKID_MONOTONIC, AT(&resolution)));
  TRUE(resolution >= 1 && resolution <= 1000000000);
  /* CPU clocks may be missing. */
  resolution = 1;
  EITHER(OK, EINVAL, clock_res_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, AT(&resolution)));
  TRUE(resolution >= 1);
  EITHER(OK, EINVAL, clock_res_get(__WASI_CLOCKID_THREAD_CPUTIME_ID, AT(&resolution)));
  TRUE(resolution >= 1);
  FAILS(EINVAL, clock_res_get(4, AT(&resolution)));
  FAILS(EINVAL, clock_res_get(~0u, AT(&resolution)));
  FAILS(EFAULT, clock_res_get(__WASI_CLOCKID_MONOTONIC, NOWHERE));
  FAILS(EFAULT, clock_res_get(__WASI_CLOCKID_MONOTONIC, last_byte() - 6));
  return done();
}

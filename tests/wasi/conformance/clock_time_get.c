/* clock_time_get: what each clock shows; the monotonic one never goes back, and advances by itself. */
#include "check.h"

static i64 now(i32 id) {
  i64 time = 0;
  must(clock_time_get(id, 1, AT(&time)), "clock_time_get");
  return time;
}

int main(int argc, char **argv) {
  start(argc, argv);
  const i64 second = 1000000000;
  i64 time = 0;
  SUCCEEDS(clock_time_get(__WASI_CLOCKID_REALTIME, 1000, AT(&time)));
  TRUE(time > 1600000000 * second); /* 2020 */
  TRUE(time < 5000000000 * second); /* 2128 */
  SUCCEEDS(clock_time_get(__WASI_CLOCKID_REALTIME, 0, AT(&time)));
  SUCCEEDS(clock_time_get(__WASI_CLOCKID_MONOTONIC, ~0ull, AT(&time)));
  bool back = false;
  i64 last = now(__WASI_CLOCKID_MONOTONIC);
  for (int i = 0; i < 2000; i++) {
    i64 next = now(__WASI_CLOCKID_MONOTONIC);
    back |= next < last;
    last = next;
  }
  TRUE(!back);
  /* Its resolution is true: it advances within a few steps of it. */
  i64 begin = now(__WASI_CLOCKID_MONOTONIC), wall = now(__WASI_CLOCKID_REALTIME), resolution = 0;
  must(clock_res_get(__WASI_CLOCKID_MONOTONIC, AT(&resolution)), "clock_res_get");
  while ((time = now(__WASI_CLOCKID_MONOTONIC)) == begin) continue;
  TRUE(time - begin <= 1000 * resolution + second);
  /* Both advance alike. */
  while (now(__WASI_CLOCKID_MONOTONIC) - begin < 20000000) continue;
  int64_t passed = (int64_t)(now(__WASI_CLOCKID_REALTIME) - wall);
  TRUE(passed > 10000000 && passed < (int64_t)(60 * second));
  EITHER(OK, EINVAL, clock_time_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, 1, AT(&time)));
  EITHER(OK, EINVAL, clock_time_get(__WASI_CLOCKID_THREAD_CPUTIME_ID, 1, AT(&time)));
  FAILS(EINVAL, clock_time_get(4, 1, AT(&time)));
  FAILS(EINVAL, clock_time_get(~0u, 1, AT(&time)));
  FAILS(EFAULT, clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, NOWHERE));
  FAILS(EFAULT, clock_time_get(__WASI_CLOCKID_REALTIME, 1, last_byte() - 6));
  return done();
}

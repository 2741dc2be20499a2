// Direct calls: short functions that call themselves and one another.
#include "bench.h"

static __attribute__((noinline)) uint32_t fibonacci(uint32_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static __attribute__((noinline)) int tak(int x, int y, int z) {
  if (y >= x) return z;
  return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

static uint32_t is_odd(uint32_t n);
static __attribute__((noinline)) uint32_t is_even(uint32_t n) { return n ? 1 ^ is_odd(n - 1) : 1; }
static __attribute__((noinline)) uint32_t is_odd(uint32_t n) { return n ? 1 ^ is_even(n - 1) : 0; }

uint32_t run(uint32_t n) {
  uint32_t sum = 1;
  for (uint32_t i = 0; i < n; i++) {
    sum = mix(sum, fibonacci(19 + (i & 1)));
    sum = mix(sum, (uint32_t)tak(10, 6, 2 + (int)(i & 1)));
    sum = mix(sum, is_even(500 + i % 100));
  }
  return sum;
}

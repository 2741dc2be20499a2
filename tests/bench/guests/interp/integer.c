// Integer arithmetic, 32 and 64 bits wide: modular powers, greatest common divisors, Collatz chains.
#include "bench.h"

static uint64_t power(uint64_t base, uint32_t exponent, uint64_t modulus) {
  uint64_t result = 1;
  for (base %= modulus; exponent; exponent >>= 1) {
    if (exponent & 1) result = result * base % modulus;
    base = base * base % modulus;
  }
  return result;
}

static uint32_t gcd(uint32_t a, uint32_t b) {
  while (b) {
    uint32_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static uint32_t collatz(uint64_t x) {
  uint32_t steps = 0;
  for (; x != 1; steps++) x = x & 1 ? 3 * x + 1 : x >> 1;
  return steps;
}

uint32_t run(uint32_t n) {
  uint32_t sum = 1, random = 2463534242u;
  for (uint32_t i = 0; i < n * 400; i++) {
    uint32_t a = next_random(&random), b = next_random(&random);
    sum = mix(sum, (uint32_t)power(a, b, 4294967291u));
    sum = mix(sum, gcd(a, b));
    sum = mix(sum, collatz((a & 0xffff) + 1));
  }
  return sum;
}

// Hashing: SHA-256 of a buffer, CRC-32 by table, and FNV-1a.
#include "bench.h"

enum { SIZE = 4096 };
static uint8_t bytes[SIZE];
static uint32_t crc_table[256];
static uint32_t constants[64];

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes, found by search.
static void prepare(void) {
  uint32_t count = 0;
  for (uint32_t candidate = 2; count < 64; candidate++) {
    uint32_t divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor) divisor++;
    if (divisor * divisor <= candidate) continue;
    double low = 1, high = 8;
    for (int i = 0; i < 80; i++) {
      double middle = (low + high) / 2;
      if (middle * middle * middle <= candidate) low = middle;
      else high = middle;
    }
    constants[count++] = (uint32_t)((low - (uint32_t)low) * 4294967296.0);
  }
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    crc_table[i] = c;
  }
  uint32_t random = 123456789u;
  for (int i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(next_random(&random) >> 11);
}

static uint32_t right(uint32_t x, int by) { return x >> by | x << (32 - by); }

static void sha256_block(uint32_t *h, const uint8_t *block) {
  uint32_t w[64], v[8];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           block[4 * i + 3];
  for (int i = 16; i < 64; i++)
    w[i] = w[i - 16] + w[i - 7] + (right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3) +
           (right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10);
  for (int i = 0; i < 8; i++) v[i] = h[i];
  for (int i = 0; i < 64; i++) {
    uint32_t one = v[7] + (right(v[4], 6) ^ right(v[4], 11) ^ right(v[4], 25)) +
                   ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + w[i];
    uint32_t two = (right(v[0], 2) ^ right(v[0], 13) ^ right(v[0], 22)) +
                   ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + one;
    v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = one + two;
  }
  for (int i = 0; i < 8; i++) h[i] += v[i];
}

uint32_t run(uint32_t n) {
  uint32_t h[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                   0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
  uint32_t sum = 1;
  if (!constants[0]) prepare();
  for (uint32_t i = 0; i < n; i++) {
    for (int at = 0; at < SIZE; at += 64) sha256_block(h, bytes + at);
    uint32_t crc = ~0u, fnv = 2166136261u;
    for (int at = 0; at < SIZE; at++) crc = crc_table[(crc ^ bytes[at]) & 255] ^ crc >> 8;
    for (int at = 0; at < SIZE; at++) fnv = (fnv ^ bytes[at]) * 16777619u;
    bytes[i % SIZE] ^= (uint8_t)crc;
    sum = mix(mix(mix(sum, h[0]), crc), fnv);
    bytes[i % SIZE] ^= (uint8_t)crc;
  }
  return sum;
}

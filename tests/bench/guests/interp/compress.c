// Compression: LZ77 with a hash table of three-byte strings, and back again. A wrong byte shows in the sum.
#include <string.h>

#include "bench.h"

enum { SIZE = 32768, HASH_BITS = 13, LONGEST = 130, WINDOW = 8192 };
static uint8_t plain[SIZE], packed[SIZE * 2], unpacked[SIZE];
static uint16_t last_seen[1 << HASH_BITS];

// Words drawn from a small vocabulary: text-like, so that there is something to find.
static void fill(uint32_t seed) {
  static const char *const words[] = {"the ", "kernel ", "reads ", "a ", "page ", "of ", "memory ", "and ",
                                      "returns ", "to ", "its ", "caller ", "when ", "process ", "parks ", "\n"};
  uint32_t at = 0;
  while (at < SIZE) {
    const char *word = words[next_random(&seed) >> 9 & 15];
    for (; *word && at < SIZE; word++) plain[at++] = (uint8_t)*word;
  }
}

// 0..127: that many + 1 literal bytes follow; 128..255: copy (code - 125) bytes from a two-byte distance back.
static uint32_t pack(void) {
  uint32_t at = 0, out = 0, literals = 0;
  memset(last_seen, 0, sizeof last_seen);
  while (at < SIZE) {
    uint32_t length = 0, candidate = 0;
    if (at + 3 <= SIZE) {
      uint32_t key = (plain[at] | plain[at + 1] << 8 | (uint32_t)plain[at + 2] << 16) * 2654435761u >> (32 - HASH_BITS);
      candidate = last_seen[key];
      last_seen[key] = (uint16_t)at;
      if (candidate < at && at - candidate < WINDOW)
        while (length < LONGEST && at + length < SIZE && plain[candidate + length] == plain[at + length]) length++;
    }
    if (length >= 3) {
      packed[out++] = (uint8_t)(length + 125);
      packed[out++] = (uint8_t)(at - candidate);
      packed[out++] = (uint8_t)((at - candidate) >> 8);
      at += length;
      literals = 0;
    } else {
      if (literals == 0 || packed[literals - 1] == 127) {
        literals = out + 1;
        packed[out++] = 0;
      } else {
        packed[literals - 1]++;
      }
      packed[out++] = plain[at++];
    }
  }
  return out;
}

static void unpack(uint32_t length) {
  uint32_t at = 0, out = 0;
  while (at < length) {
    uint32_t code = packed[at++];
    if (code < 128) {
      for (uint32_t i = 0; i <= code; i++) unpacked[out++] = packed[at++];
    } else {
      uint32_t distance = packed[at] | (uint32_t)packed[at + 1] << 8;
      at += 2;
      for (uint32_t i = 0; i < code - 125; i++, out++) unpacked[out] = unpacked[out - distance];
    }
  }
}

uint32_t run(uint32_t n) {
  uint32_t sum = 1;
  for (uint32_t i = 0; i < n; i++) {
    fill(i + 1);
    uint32_t length = pack();
    unpack(length);
    sum = mix(sum, length);
    sum = mix(sum, (uint32_t)memcmp(plain, unpacked, SIZE) ? 0xdeadu : 0);
  }
  return sum;
}

#include "crc32c.h"

#include <string.h>

void crc32c_init(struct crc32c *crc) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t sum = i;
    for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0x82F63B78u : 0);
    crc->table[0][i] = sum;
  }
  for (uint32_t i = 0; i < 256; i++) {
    for (int k = 1; k < 8; k++) {
      uint32_t before = crc->table[k - 1][i];
      crc->table[k][i] = before >> 8 ^ crc->table[0][before & 255];
    }
  }
}

uint32_t crc32c(const struct crc32c *crc, uint32_t sum, const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  sum = ~sum;
  for (; length >= 8; length -= 8, at += 8) {
    uint32_t low, high;
    memcpy(&low, at, 4);
    memcpy(&high, at + 4, 4);
    low ^= sum;
    sum = crc->table[7][low & 255] ^ crc->table[6][low >> 8 & 255] ^ crc->table[5][low >> 16 & 255] ^
          crc->table[4][low >> 24] ^ crc->table[3][high & 255] ^ crc->table[2][high >> 8 & 255] ^
          crc->table[1][high >> 16 & 255] ^ crc->table[0][high >> 24];
  }
  for (; length > 0; length--) sum = sum >> 8 ^ crc->table[0][(sum ^ *at++) & 255];
  return ~sum;
}

/*
 * tar_field.h: fields of tar headers, for those that write them: tar_write.c and cc_own.c.
 */
#ifndef NIDUS_TAR_FIELD_H
#define NIDUS_TAR_FIELD_H

#include <stdint.h>
#include <string.h>

enum { TAR_HEADER = 512 };

/* Octal digits in a zeroed field of `size` bytes, whose last stays NUL; all of them 0 for what it cannot hold. */
static inline void tar_put_field(char *field, uint32_t size, uint64_t number) {
  if (number >> 3 * (size - 1)) number = 0;
  for (uint32_t i = size - 1; i-- > 0; number >>= 3) field[i] = (char)('0' + (number & 7));
}

/* What makes a header one, when all else is in it, and zeros are in the rest. */
static inline void tar_seal(char header[TAR_HEADER]) {
  uint32_t sum = 0;
  memcpy(header + 257, "ustar\00000", 8);
  memset(header + 148, ' ', 8);
  for (uint32_t i = 0; i < TAR_HEADER; i++) sum += (uint8_t)header[i];
  tar_put_field(header + 148, 7, sum);
}

#endif

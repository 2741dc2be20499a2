/*
 * crc32c.h: the Castagnoli checksum (polynomial 0x1EDC6F41, reflected), eight bytes a step. Any one to three
 * flipped bits of 64 KiB are found, any burst of 32, and of anything else all but one in four thousand million.
 */
#ifndef NIDUS_CRC32C_H
#define NIDUS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Made at run time: 8 KiB that no module carries. */
struct crc32c {
  uint32_t table[8][256];
};

void crc32c_init(struct crc32c *crc);
/* Goes on from `sum`, which is 0 at the start. */
uint32_t crc32c(const struct crc32c *crc, uint32_t sum, const void *bytes, size_t length);

#endif

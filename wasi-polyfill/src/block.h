/*
 * block.h: what a volume in one file lies on: bytes at offsets, and a flush that makes them last.
 *
 * What a device promises, and no more: when `flush` has succeeded, everything written before it, and the
 * size, outlive any crash. Of what was written since, a crash may keep any part, sector by sector, in any
 * order. A sector that is not written keeps what it holds.
 */
#ifndef NIDUS_BLOCK_H
#define NIDUS_BLOCK_H

#include "system.h"

struct block_device {
  const struct block_operations *operations;
  void *context;
  uint32_t number;
};

/* All answer an errno; a write that the storage has no room for answers ENOSPC. */
struct block_operations {
  /* Exactly `length` bytes: EIO when the device ends before. */
  MUST_CHECK wasi_errno_t (*read)(const struct block_device *device, uint64_t at, void *bytes, uint32_t length);
  /* All of them; beyond its end, the device grows. */
  MUST_CHECK wasi_errno_t (*write)(const struct block_device *device, uint64_t at, const void *bytes, uint32_t length);
  MUST_CHECK wasi_errno_t (*flush)(const struct block_device *device);
  MUST_CHECK wasi_errno_t (*size)(const struct block_device *device, uint64_t *size);
  MUST_CHECK wasi_errno_t (*truncate)(const struct block_device *device, uint64_t size);
};

#endif

/*
 * block_sim.h: a block device in memory that crashes: it keeps what was flushed, and of what was written since, any
 * sectors, in any order. What is random comes from a seed.
 */
#ifndef KERNEL_TEST_BLOCK_SIM_H
#define KERNEL_TEST_BLOCK_SIM_H

#include "block.h"
#include "kit.h"

struct sim_write {
  uint64_t at; /* a truncation, if bytes is NULL */
  uint8_t *bytes;
  uint32_t length;
};

struct block_sim {
  uint8_t *bytes, *lasting; /* as it reads now; as flushed */
  uint64_t size, lasting_size, capacity;
  struct sim_write *writes; /* since the flush */
  uint32_t write_count, write_capacity;
  uint64_t limit;      /* of the size: beyond is ENOSPC */
  uint64_t calls;      /* of write, flush and truncate */
  uint64_t fail_at;    /* the call that fails, and its errno; 0: none */
  uint64_t fail_calls; /* how many fail from there on */
  wasi_errno_t failure;
};

void sim_open(struct block_sim *sim, uint64_t capacity, struct block_device *device);
void sim_close(struct block_sim *sim);
/* The machine stops now and starts again. */
void sim_crash(struct block_sim *sim, struct random *random);

#endif

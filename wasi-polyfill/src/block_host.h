/*
 * block_host.h: the block devices of the host, by their numbers.
 */
#ifndef NIDUS_BLOCK_HOST_H
#define NIDUS_BLOCK_HOST_H

#include "block.h"

struct block_device block_host(struct nidus_system *system, uint32_t number);
/* The host may forget it. */
void block_host_close(const struct block_device *device);

#endif

/*
 * volume_load.h: the state of a volume that is being loaded. See volume_load.c.
 */
#ifndef NIDUS_VOLUME_LOAD_H
#define NIDUS_VOLUME_LOAD_H

#include "mem.h"

/* Drops what has been loaded so far; without effect when nothing is being loaded. */
void loader_discard(struct mem_filesystem *fs);

#endif

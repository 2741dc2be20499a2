/*
 * store_host.h: stores of the host's that answer in the same call, as the volumes in one file of JavaScript's world.
 */
#ifndef NIDUS_STORE_HOST_H
#define NIDUS_STORE_HOST_H

#include "volume.h"

/* volume_mount with the host's store of that number. */
int32_t store_mount(struct nidus_system *system, const char *path, uint32_t length, uint32_t number, uint32_t flags,
                    uint64_t budget);

#endif

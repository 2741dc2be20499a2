/*
 * block_posix.h: files of this machine as block devices (nidus/kernel.h); a part of host_posix.h.
 */
#ifndef NIDUS_BLOCK_POSIX_H
#define NIDUS_BLOCK_POSIX_H

struct posix_host;

void block_posix_init(struct posix_host *posix);
void block_posix_close(struct posix_host *posix);

#endif

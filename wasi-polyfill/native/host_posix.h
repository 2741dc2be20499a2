/*
 * host_posix.h: the kernel's host on POSIX systems: the three standard streams, clocks, randomness, and
 * folders.
 *
 * Folders are reached through a descriptor of their root. A path is opened one way only: its parent
 * folder first, without following any symbolic link and never leaving the root, then its last name
 * without following a link. What changes on disk behind the kernel's back can make a call fail, but
 * can not lead it outside.
 */
#ifndef NIDUS_HOST_POSIX_H
#define NIDUS_HOST_POSIX_H

#include "nidus/kernel.h"

enum { POSIX_FOLDER_LIMIT = 64 };

struct posix_host {
  struct nidus_host host; /* give its address to nidus_system_create */
  int folders[POSIX_FOLDER_LIMIT];
  uint32_t folder_count;
};

void posix_host_init(struct posix_host *posix);
void posix_host_close(struct posix_host *posix);

/* Opens a folder of the host; its number, or a negated WASI errno. */
int32_t posix_host_add_folder(struct posix_host *posix, const char *path);

/* Waits until one of `kinds` (NIDUS_WAIT_…) may have come, or the deadline (monotonic ns) has passed. */
void posix_host_wait(uint32_t kinds, int64_t deadline);

wasi_errno_t posix_errno(int error);

#endif

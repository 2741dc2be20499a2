/*
 * volumes.h: volumes in files of this machine, for the native program: those that a program runs with, and their check.
 */
#ifndef NIDUS_NATIVE_VOLUMES_H
#define NIDUS_NATIVE_VOLUMES_H

#include <stdbool.h>
#include <stdint.h>

#include "host_posix.h"

enum { VOLUME_LIMIT = POSIX_DEVICE_LIMIT };

/* The volumes of a system. What changes in them is stored within WRITE_BEHIND, and when a program syncs. */
struct volumes {
  struct nidus_system *system;
  uint32_t mounts[VOLUME_LIMIT];
  uint32_t count;
  int64_t due;       /* monotonic ns: when what changed is to be stored; 0: not before something changes */
  bool complained; /* that it can not be stored has been said */
};

/* Mounts FILE or FILE::GUEST and preopens it for the process, as /home where nothing is said. False after a sentence
 * on stderr. */
bool volumes_add(struct volumes *volumes, struct posix_host *posix, uint32_t pid, const char *what);

/* Looks whether it is time to store; returns when to look again, at the latest, given that time now. */
int64_t volumes_tick(struct volumes *volumes, int64_t now);

/* Stores what changed, at the end; false after a sentence on stderr. */
bool volumes_store(struct volumes *volumes);

/* nidus fsck: the exit status, 0 whole, 1 repaired, 2 damaged, 126 it cannot be checked. */
int volumes_check(int argc, char **argv);

#endif

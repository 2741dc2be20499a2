/*
 * guest_run.h: a WASI program on the interpreter, as a process of a kernel.
 */
#ifndef NIDUS_GUEST_RUN_H
#define NIDUS_GUEST_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "host_posix.h"

/* Exit statuses of `nidus` itself, as other WASI hosts have them. */
enum { STATUS_NOT_STORED = 1, STATUS_USAGE = 2, STATUS_CANNOT_RUN = 126, STATUS_TRAP = 134, STATUS_NO_FUEL = 152 };

/* What a program may use at most; UINT64_MAX: no limit. */
struct guest_limits {
  uint64_t fuel;
  uint64_t descriptors;
  uint64_t file_size;   /* bytes of each file that it makes longer */
  uint64_t output;      /* bytes that go to streams */
  uint64_t memory;      /* bytes of each linear memory: growing beyond fails */
  uint64_t nanoseconds; /* from its start, waiting included */
};
extern const struct guest_limits guest_unlimited;

struct volumes;

/* Runs the module as process `pid` of a system on `posix` to its end and returns its exit status. What goes wrong is said on
 * stderr, and with `trace` each system call. What it changes in `volumes` is stored meanwhile. */
int guest_run(struct nidus_system *system, struct posix_host *posix, uint32_t pid, const char *name,
              const void *bytes, size_t size, const struct guest_limits *limits, bool trace,
              struct volumes *volumes);

#endif

/*
 * guest_run.h: a WASI program on the interpreter, as a process of a kernel.
 */
#ifndef NIDUS_GUEST_RUN_H
#define NIDUS_GUEST_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "nidus/kernel.h"

/* Exit statuses of `nidus` itself, as other WASI hosts have them. */
enum { STATUS_USAGE = 2, STATUS_CANNOT_RUN = 126, STATUS_TRAP = 134, STATUS_NO_FUEL = 152 };

/* Runs the module as process `pid` to its end and returns its exit status. What goes wrong is said on
 * stderr. `fuel` is UINT64_MAX for no limit. */
int guest_run(struct nidus_system *system, uint32_t pid, const char *name, const void *bytes, size_t size,
              uint64_t fuel);

#endif

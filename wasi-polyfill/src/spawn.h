/*
 * spawn.h: processes made in one call: arguments, environment, what lies at their descriptors, and the folders.
 *
 * Invariant: a process is made whole or not at all.
 */
#ifndef NIDUS_SPAWN_H
#define NIDUS_SPAWN_H

#include "reply.h"
#include "system.h"

/* Instead of a number of preopens: every folder of the root by its path, and the working folder as "." */
#define SPAWN_ALL_FOLDERS UINT32_MAX

/*
 * Makes a process. Strings: the working folder; `argc` arguments, the program's name first; `envc` variables as
 * NAME=VALUE; what lies at descriptors 0, 1 and 2; then for each of `preopens` folders the name the program knows it
 * under, and its path; then what lies at the descriptors after the folders. What lies at a descriptor:
 *
 *     fPATH       a file, read at descriptor 0, else made or emptied, and written
 *     aPATH       the same, but what it holds stays, and is added to
 *     sFNUMBER    stream NUMBER of the host, with the flags of nidus_fd_stream, which F counts from '0' on
 *     tNUMBER     the terminal at stream NUMBER of the host (nidus_tty_open)
 *     iFD:PID     what lies at descriptor FD of process PID
 *
 * The working folder must be one, unless the preopens are given. Returns the process id.
 */
int32_t spawn_process(struct nidus_system *system, const char *strings, uint32_t length, uint32_t argc, uint32_t envc,
                      uint32_t preopens, struct reply *reply);

#endif

/*
 * family.h: processes as parents, children and groups.
 *
 * A process that another one has spawned is `prepared`, complete but for what executes it, until the host takes it
 * (family_take). When the host has finished with it, it stays as a zombie until its parent has waited for it;
 * whoever has no parent but process 1 is forgotten at once. Invariant: the parent of a living process is there and
 * has not ended, or is process 1.
 */
#ifndef NIDUS_FAMILY_H
#define NIDUS_FAMILY_H

#include "reply.h"
#include "system.h"

/* The process has ended: its children are process 1's from now on. */
void family_orphan(struct process *process);
/* The host is done with a process that has ended: it is a zombie now, or forgotten. */
void family_finish(struct process *process);
/* How many processes there are of those that share the limit on their number. */
uint32_t family_count(const struct process *process);

/*
 * The next process that waits for the host to execute it: its id, or 0. Adds to the id (whose limit is PROCESS_LIMIT) what
 * it may come to wait for: FAMILY_PIPE, a descriptor of its is an end of a pipe or socket; FAMILY_STREAM, its standard
 * input is the host's. Replies: the parent, the number of arguments, the name it was spawned by, the file's path (empty where there is
 * none: it may be a command of the host's), the key of its contents (program.h), the working folder, the arguments, and
 * the environment.
 */
enum { FAMILY_PIPE = 1 << 16, FAMILY_STREAM = 1 << 17 };
int32_t family_take(struct nidus_system *system, struct reply *reply);

/* All processes, five strings each: pid, parent, group, state (prepared, running or zombie) and arguments. */
int32_t family_list(struct nidus_system *system, struct reply *reply);

#endif

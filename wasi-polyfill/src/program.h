/*
 * program.h: from what somebody wants to run to what can run: where a command's file lies, on which tier it may
 * execute, and whether its module is a program for this kernel.
 *
 * Nothing here changes the system. Strings and replies are those of reply.h.
 */
#ifndef NIDUS_PROGRAM_H
#define NIDUS_PROGRAM_H

#include "reply.h"
#include "system.h"

/* What the host has of the program. */
enum program_source {
  PROGRAM_NAMED = 0,   /* its name, or a path */
  PROGRAM_BYTES = 1,   /* its bytes */
  PROGRAM_COMPILED = 2 /* what the host's own compiler made of it, for the direct tier */
};

enum program_tier { PROGRAM_AUTO = 0, PROGRAM_DIRECT = 1, PROGRAM_INTERP = 2 };

/* What a program may come to wait for: WAITS, for other processes. THREADS: it may have some, over a memory that the
 * host gives it. */
enum program_needs { PROGRAM_READS = 1, PROGRAM_POLLS = 2, PROGRAM_SYNCS = 4, PROGRAM_WAITS = 8, PROGRAM_THREADS = 16 };

/* Instead of a number of imports: the host sees that it is no module. */
#define PROGRAM_NO_MODULE UINT32_MAX

/*
 * Decides on a tier, and finds the file of a command that was named. Strings: the working folder, the command (for
 * messages only, if it was not named), the variable PATH, and the tier that is asked for; `limited` says that it has
 * a limit of fuel, memory or time. Returns the tier. The reply holds the file's absolute path, and a key that is another one whenever
 * the file's contents may be: empty while the file is so young that it may change without showing it.
 */
int32_t program_find(struct nidus_system *system, const char *strings, uint32_t length, uint32_t source,
                     uint32_t limited, struct reply *reply);

/*
 * Is a module a program that can run here? Strings: its name for messages; three for each of its imports, namely
 * module, name and kind; then two for each of its exports, namely name and kind. For
 * PROGRAM_NO_MODULE: its name, and what it is instead. Returns the sum of what applies of enum program_needs, and
 * replies the entry's name; or -ENOEXEC with a sentence.
 */
int32_t program_check(const char *strings, uint32_t length, uint32_t imports, struct reply *reply);

/* The regular file of that name in the first folder of `folders`, a list as in PATH, that has one: its path. */
bool program_search(struct nidus_system *system, char path[PATH_LIMIT], const char *cwd, const char *name,
                    const char *folders, struct nidus_stat *stat);
/* Replies the key of a file's contents. */
void program_key(struct nidus_system *system, const struct nidus_stat *stat, struct reply *reply);

/* A program has to wait and nothing can hold it: -ENOTSUP, with a sentence. */
int32_t program_unheld(struct reply *reply);

#endif

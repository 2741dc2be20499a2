/*
 * path.h: from a path to an inode, inside the sandbox.
 *
 * The walk is the only place that interprets paths. It starts at a folder and never leaves what
 * lies below it: ".." above it and absolute paths (also those in symbolic links) are EPERM, unless the
 * folder's description may climb (a working folder), in which case the system's root is the limit.
 * It is a loop over one buffer: symbolic links are spliced in front of what remains.
 */
#ifndef NIDUS_PATH_H
#define NIDUS_PATH_H

#include "process.h"

/* WALK_FOLLOW: a symbolic link at the end is followed. WALK_NAME: the call is about the last name itself, so
 * a slash after it neither follows a link there nor asks for a folder: the caller judges it. */
enum { WALK_FOLLOW = 1, WALK_NAME = 2 };

struct path_walk {
  /* Where the last name lies, and the name; no parent and an empty name when the path ends in "." or
   * "..", or names the root. Both inodes are referenced. */
  struct inode *parent;
  struct name name;
  struct inode *inode;  /* NULL: there is no such name in `parent` */
  bool dot_dot;         /* the path ends in ".." */
  bool trailing_slash;
  char path[PATH_LIMIT];
};

bool name_is_valid(struct name name);
bool utf8_is_valid(const char *bytes, uint32_t length);
/* Not empty, no NUL, well-formed UTF-8. */
MUST_CHECK wasi_errno_t path_check(const char *path, uint32_t length);

/* Walks a path in guest memory from the folder of `directory`. On success path_walk_end must follow. */
MUST_CHECK wasi_errno_t path_walk_guest(struct path_walk *walk, struct process *process,
                                        const struct descriptor *directory, uint32_t path, uint32_t length,
                                        uint32_t flags);
/* Walks an absolute path of the host's from the root of the tree. */
MUST_CHECK wasi_errno_t path_walk_host(struct path_walk *walk, struct nidus_system *system, const char *path,
                                       uint32_t length, uint32_t flags);
void path_walk_end(struct path_walk *walk);

/* Copies a path from guest memory and checks it; `buffer` has PATH_LIMIT bytes. */
MUST_CHECK wasi_errno_t path_copy(struct process *process, char *buffer, uint32_t path, uint32_t length);

/* What `name`, a path, means in `folder`, an absolute one: the path with a NUL behind it. Returns its length, or 0 when
 * it is too long. ".." stays: only the walk knows the links. */
uint32_t path_join(char path[PATH_LIMIT], const char *folder, const char *name, uint32_t length);

/* Is `inode` the folder `ancestor` or below it? */
bool path_is_below(struct inode *inode, struct inode *ancestor);

#endif

/*
 * tree.h: changes of the tree at a place that a walk has found, for system calls (wasi_path.c) and for the
 * host's own calls (fs.c) alike.
 *
 * Invariant: each checks all that POSIX lets fail before it changes anything, in Linux's order, which
 * programs have come to rely on where several errors apply: the unit tests compare them with Linux for
 * every combination. Rights of descriptors are the callers' business.
 */
#ifndef NIDUS_TREE_H
#define NIDUS_TREE_H

#include "path.h"

static const struct name no_target = {NULL, 0};

/* What the walk found, or ENOENT. */
static inline wasi_errno_t tree_found(const struct path_walk *walk) {
  return walk->inode ? WASI_ESUCCESS : WASI_ENOENT;
}

/* Makes a file, a folder or a symbolic link to `target` where the walk, with WALK_NAME, found nothing. */
MUST_CHECK wasi_errno_t tree_create(struct path_walk *walk, uint8_t type, struct name target);
MUST_CHECK wasi_errno_t tree_mkdir(struct path_walk *walk);
MUST_CHECK wasi_errno_t tree_link(const struct path_walk *from, const struct path_walk *to);
/* rename(2): what `from` names takes the place of `to`. */
MUST_CHECK wasi_errno_t tree_rename(const struct path_walk *from, const struct path_walk *to);
MUST_CHECK wasi_errno_t tree_unlink(struct path_walk *walk);
MUST_CHECK wasi_errno_t tree_rmdir(struct path_walk *walk);
MUST_CHECK wasi_errno_t tree_set_mode(struct inode *inode, uint32_t mode);

struct opening {
  uint32_t oflags;
  uint16_t fdflags;
  uint8_t access; /* NIDUS_ACCESS_… */
  bool may_create;
};

/* How the walk before tree_open has to go: O_EXCL does not follow a link. */
uint32_t tree_open_flags(uint32_t oflags, bool follow);
/* Opens what the walk found, or makes it. Takes over the description, also on failure. */
MUST_CHECK wasi_errno_t tree_open(struct path_walk *walk, const struct opening *opening,
                                  struct description *description);

#endif

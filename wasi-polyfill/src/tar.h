/*
 * tar.h: a whole tree as a stream of bytes, and back: tar archives, piece by piece (tar_write.c, tar_import.c).
 *
 * What the kernel can express is kept: names in UTF-8, modes, modification and access times in nanoseconds,
 * hard links, symbolic links, empty folders. Holes are written as zeros. Devices are left out.
 *
 * Both go on where they were after a call that could not: -EAGAIN, having changed nothing, means that contents
 * have to come from a store first (or room has to come), and that the same call is to be made again. After any
 * other failure only the end may follow; the reply then has a sentence, what was done, and the path.
 */
#ifndef NIDUS_TAR_H
#define NIDUS_TAR_H

#include "reply.h"
#include "system.h"

/* Holds an inode beyond a call: its filesystem stays as long. */
static inline struct inode *inode_pin(struct inode *inode) {
  inode->fs->open_descriptions++;
  return inode_hold(inode);
}

static inline void inode_unpin(struct inode *inode) {
  inode->fs->open_descriptions--;
  inode_drop(inode);
}

/* ---- writing: POSIX pax, for the tree below the folder `path` ---- */

struct tar_writer;

/* Negated errno, or 0. While the writer lives, its filesystem cannot be unmounted. */
int32_t tar_write_begin(struct nidus_system *system, const char *path, uint32_t length, struct tar_writer **made,
                        struct reply *reply);
/* Puts the next piece of the archive, some 64 KiB, into the reply; returns its length, 0 at the end. */
int32_t tar_write_next(struct tar_writer *writer, struct reply *reply);
void tar_write_end(struct tar_writer *writer);

/* ---- reading: makes files below the folder `path`, which is made if it is missing ---- */

/* Nothing is made elsewhere, whatever the archive says: names that lead out of the folder, also by symbolic
 * links, end the import. What has the name of an entry is replaced, but for folders, which are kept with what
 * is in them. */
struct tar_import;

int32_t tar_import_begin(struct nidus_system *system, const char *path, uint32_t length, struct tar_import **made,
                         struct reply *reply);
/* Takes a piece of the archive; returns how many of its bytes were taken, which may be fewer, but not none. */
int32_t tar_import_take(struct tar_import *import, const char *bytes, uint32_t length, struct reply *reply);
/* The archive is at its end: refused if that was cut off. */
int32_t tar_import_finish(struct tar_import *import, struct reply *reply);
void tar_import_end(struct tar_import *import);

#endif

/*
 * path_store.h: a volume whose store has one record for each path, as Emscripten's IDBFS keeps files
 * (web/idbfs.js, which knows those records and compares them with the tree).
 *
 * Every change of an inode has a number, one more than the one before in the volume, and the inode has that of its
 * last change. So a walk tells all that a flush has to know: a path needs a new record when another inode is
 * there now than was stored, or the same with another number; a record has to go when there is no such path any
 * more. Nothing is noted but numbers, so no change can be forgotten and a failed flush leaves nothing to put back; a
 * renamed folder is new paths and old ones, a hard link a file under each of its names.
 */
#ifndef NIDUS_PATH_STORE_H
#define NIDUS_PATH_STORE_H

#include "mem.h"
#include "reply.h"

struct path_store {
  uint64_t change; /* the number of the last one */
  uint64_t change_begun;
  uint64_t change_stored;
  uint32_t begun; /* number of the last flush begun, of the last that was stored, and of the last that failed */
  uint32_t completed;
  uint32_t failed;
  wasi_errno_t failure;
};

static inline void path_store_changed(struct mem_inode *inode) {
  struct path_store *paths = mem_volume(inode)->paths;
  if (paths) inode->change = ++paths->change;
}

static inline bool path_store_dirty(const struct path_store *paths) { return paths->change != paths->change_stored; }

/* fd_sync: as inode_ops.sync. */
wasi_errno_t path_store_sync(struct path_store *paths, uint64_t *awaited);

/* As nidus_mount_mem, but by path. */
int32_t nidus_mount_paths(struct nidus_system *system, const char *path, uint32_t length);
/* 1 when something changed since the last flush that was stored, a negated errno where there is no such mount. */
int32_t nidus_paths_dirty(struct nidus_system *system, uint32_t mount);
/*
 * Begins a flush, unless one is under way, and replies what the tree holds but its root, each folder before what is
 * in it:
 *
 *   0  f64 inode number      16  f64 mtime, in whole milliseconds     32  f64 mode | WASI's file type << 16
 *   8  f64 change            24  f64 size                                 | 1 << 24 for a folder that a mount covers
 *                                                                     40  the path below the root, NUL
 *
 * What changes after the last such list belongs to the next flush. A negated errno: no flush is under way.
 */
int32_t nidus_paths_begin(struct nidus_system *system, uint32_t mount, struct reply *reply);
/* All of it is stored, or, for an errno, nothing. */
void nidus_paths_end(struct nidus_system *system, uint32_t mount, uint32_t error);

#endif

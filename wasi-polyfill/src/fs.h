/*
 * fs.h: what the host does to files, by path, in the shape of node's fs/promises, whose words these are.
 *
 * Two-path operations come first, then those that change the tree; web/fs.js has the names in this order.
 *
 *   values    the path (`first` bytes), directly followed by the second value (`second` bytes): a path, what
 *             a symbolic link leads to (then the path is second), open's flags, the bytes to write
 *   options   two bits for each FS_RECURSIVE…: 0 not given, 1 true, 2 false
 *   x, y      not a number where not given:
 *             chmod, mkdir, open   x mode (of what is made)      read   x descriptor, y the most bytes wanted
 *             copyFile             x 1: fail if it is there      write, close   x descriptor
 *             truncate             x size                        utimes         x atime, y mtime in seconds
 *
 *             copyFile, cp         on: x and y are what the reply gave
 *
 * Paths need no slash at their beginning. Descriptors are those of process 1, or for read, write and close those
 * of the process that `options` names, unless it is 0. Nothing outlives a call, and nothing recurses, however
 * deep the tree. A stream that would block is EAGAIN. What waits for contents of files or for room answers
 * -NIDUS_WOULD_BLOCK and is to be called again; of a copy, which then goes on where it was, the reply gives two doubles
 * for x and y.
 */
#ifndef NIDUS_FS_H
#define NIDUS_FS_H

#include "reply.h"
#include "system.h"

enum fs_operation {
  FS_COPY_FILE,
  FS_CP,
  FS_LINK,
  FS_RENAME,
  FS_SYMLINK,
  FS_CHMOD,
  FS_MKDIR,
  FS_MKDTEMP,
  FS_RM,
  FS_RMDIR,
  FS_TRUNCATE,
  FS_UNLINK,
  FS_UTIMES,
  FS_ACCESS,
  FS_LSTAT,
  FS_READDIR,
  FS_READLINK,
  FS_REALPATH,
  FS_STAT,
  FS_EXISTS,
  FS_OPEN,
  FS_READ,
  FS_WRITE,
  FS_CLOSE,
  FS_OPERATIONS
};

enum { FS_RECURSIVE = 0, FS_FORCE = 2, FS_ERROR_ON_EXIST = 4, FS_WITH_FILE_TYPES = 6 };

enum fs_kind {
  FS_NOTHING,
  FS_TEXT,    /* UTF-8; mkdir answers nothing when the folder was there */
  FS_LIST,    /* names in the order of their bytes, each ended by a NUL */
  FS_ENTRIES, /* the same: the digit of the WASI file type, name, '/', the folder it lies in, NUL */
  FS_STATS,   /* 16 doubles: the type, node's Stats, the number of the mount; then their names, NUL between them */
  FS_NUMBER   /* a number n is kind FS_NUMBER + n: open's descriptor, 1 or 0 of exists, the bytes that
                read gives, or that write took, which may be fewer than there are */
};

/* Returns the kind of what is in the reply; or a negated errno, and the reply tells what failed: node's name of
 * the call, and the paths it was about, NUL between them, as far as memory was there for them. */
int32_t fs_perform(struct nidus_system *system, uint32_t operation, const char *values, uint32_t first,
                   uint32_t second, uint32_t options, double x, double y, struct reply *reply);

#endif

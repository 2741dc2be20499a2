/*
 * inode.h: files of every kind, whatever stores them.
 *
 * An inode is shared by all who hold a reference: open descriptions, directories above it, walks in
 * progress. Backends embed `struct inode` as their first member and supply one table of operations.
 * Invariants: a directory's `parent` is referenced for as long as the directory is; the attributes
 * in `struct inode` are current for mem, tar and devices, and brought up to date by `refresh` for
 * host folders. Operations get names that are non-empty, at most NAME_LIMIT bytes, valid UTF-8,
 * without '/' or NUL, and neither "." nor ".."; the path walk has seen to it.
 */
#ifndef NIDUS_INODE_H
#define NIDUS_INODE_H

#include <stdbool.h>

#include "nidus/kernel.h"

#define MUST_CHECK __attribute__((warn_unused_result))

enum { NAME_LIMIT = 255, PATH_LIMIT = 4096, SYMLINK_LIMIT = 40, LINK_LIMIT = 65000 };

struct inode;
struct filesystem;
struct description;
struct transfer;

struct name {
  const char *bytes;
  uint32_t length;
};

/* One entry as fd_readdir reports it; `name` is valid until the directory changes. */
struct entry_view {
  uint64_t next; /* cookie of the entry after this one */
  uint64_t ino;
  uint8_t type;
  struct name name;
};

struct inode_ops {
  /* Directories. lookup and create give the caller a reference. */
  wasi_errno_t (*lookup)(struct inode *directory, struct name name, struct inode **found);
  wasi_errno_t (*create)(struct inode *directory, struct name name, uint8_t type, struct name target,
                         struct inode **made);
  wasi_errno_t (*link)(struct inode *directory, struct name name, struct inode *inode);
  wasi_errno_t (*unlink)(struct inode *directory, struct name name, struct inode *inode);
  wasi_errno_t (*rmdir)(struct inode *directory, struct name name, struct inode *inode);
  /* `replaced` is what new_name names now, or NULL; the caller has checked that it may be. */
  wasi_errno_t (*rename)(struct inode *old_directory, struct name old_name, struct inode *inode,
                         struct inode *new_directory, struct name new_name, struct inode *replaced);
  /* The first entry at or after `cookie`; *found false at the end. Cookies 0 to 2 are the kernel's. */
  wasi_errno_t (*next_entry)(struct description *description, uint64_t cookie, struct entry_view *entry, bool *found);

  wasi_errno_t (*readlink)(struct inode *inode, char *buffer, uint32_t size, uint32_t *length);

  /* Files. `open` may be NULL. read and write move bytes between the file and the transfer. */
  wasi_errno_t (*open)(struct description *description, bool truncate);
  void (*close)(struct description *description);
  wasi_errno_t (*read)(struct description *description, struct transfer *transfer, uint64_t offset);
  wasi_errno_t (*write)(struct description *description, struct transfer *transfer, uint64_t offset);
  wasi_errno_t (*truncate)(struct description *description, uint64_t size);
  /* Backs the range with space and grows the file to its end; NULL where that can not be promised. */
  wasi_errno_t (*allocate)(struct description *description, uint64_t offset, uint64_t length);
  /* May answer would-block; *awaited, zero at first, is then for the backend to know the caller again. */
  wasi_errno_t (*sync)(struct description *description, bool data_only, uint64_t *awaited);
  uint32_t (*ready)(struct description *description);
  /* Sockets: a read with flags of sock_recv; an end of reading, writing, or both; and for those that listen,
   * the next connection, as an inode with a reference. */
  wasi_errno_t (*receive)(struct description *description, struct transfer *transfer, uint32_t flags);
  wasi_errno_t (*shutdown)(struct description *description, uint32_t how);
  wasi_errno_t (*accept)(struct description *description, struct inode **connection);

  wasi_errno_t (*set_times)(struct inode *inode, uint64_t atime, uint64_t mtime);
  wasi_errno_t (*set_mode)(struct inode *inode, uint32_t mode);
  wasi_errno_t (*refresh)(struct inode *inode);
  uint64_t (*allocated)(struct inode *inode);
  /* The last reference is gone. */
  void (*release)(struct inode *inode);
};

struct inode {
  const struct inode_ops *ops;
  struct filesystem *fs;
  struct inode *parent;       /* of a directory; NULL for the root of the tree and for files */
  struct filesystem *mounted; /* of a directory that is covered by a mount */
  uint64_t ino;
  uint64_t size;
  uint64_t atime;
  uint64_t mtime;
  uint64_t ctime;
  uint32_t nlink;
  uint32_t mode;
  uint32_t references;
  uint8_t type;
};

struct filesystem {
  struct nidus_system *system;
  struct inode *root;       /* referenced */
  struct inode *mount_point; /* referenced; NULL for the root of the tree */
  uint32_t number;
  uint32_t open_descriptions; /* unmounting waits for these */
  bool read_only;
  uint32_t blocked; /* NIDUS_WAIT_…: what the last operation waits for that would block; set by files' operations */
  /* Frees what the filesystem owns, once its root has been released. */
  void (*destroy)(struct filesystem *fs);
};

static inline struct inode *inode_hold(struct inode *inode) {
  inode->references++;
  return inode;
}

static inline void inode_drop(struct inode *inode) {
  if (--inode->references == 0) inode->ops->release(inode);
}

/* The inode that stands in the tree in place of `inode`: the root of what is mounted there, or itself. */
static inline struct inode *inode_uncover(struct inode *inode) {
  while (inode->mounted) inode = inode->mounted->root;
  return inode;
}

/* Brings the attributes up to date and fills `out`. */
MUST_CHECK wasi_errno_t inode_stat(struct inode *inode, struct nidus_stat *out);

/* Time stamps of the system, in nanoseconds. */
uint64_t inode_now(const struct inode *inode);

/* An end of a pipe or of a pair of sockets (channel.c). */
bool inode_is_channel(const struct inode *inode);
/* What who waits to read from it, or to write to it (NIDUS_WAIT_…), waits for: a channel, or NULL. */
const void *inode_channel(struct inode *inode, uint32_t kind);

/* For operations a backend does not have. */
wasi_errno_t inode_no_truncate(struct description *description, uint64_t size);
wasi_errno_t inode_no_sync(struct description *description, bool data_only, uint64_t *awaited);
/* For those that keep their times where they are. */
wasi_errno_t inode_put_times(struct inode *inode, uint64_t atime, uint64_t mtime);
wasi_errno_t inode_no_read(struct description *description, struct transfer *transfer, uint64_t offset);
wasi_errno_t inode_no_readlink(struct inode *inode, char *buffer, uint32_t size, uint32_t *length);

#endif

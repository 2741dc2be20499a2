/*
 * hostfs.c: a folder of the host as a filesystem.
 *
 * The host is asked by path, relative to the mounted folder; the kernel's own walk has resolved every
 * ".." and link before, so the host never follows one. An inode here stands for a name in a folder and
 * lives as long as somebody holds it; its path is put together from its parents, so that renaming a
 * folder moves what is open below it. Live inodes of a folder form a list, by which a name that is
 * looked up twice gives the same inode. One whose name was removed has none (`name` NULL): what is
 * open stays usable through its handle, everything that needs a path is ENOENT.
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "host.h"

struct host_inode {
  struct inode base;
  struct host_inode *parent; /* referenced; NULL for the root */
  struct host_inode *children; /* the live ones, linked by `sibling` */
  struct host_inode *sibling;
  struct description *open; /* those with a file, linked by open_next: attributes without a name come from one */
  char *name;
  uint32_t name_length;
};

struct host_filesystem {
  struct filesystem base;
  uint32_t mount; /* the host's number for the folder */
};

static const struct inode_ops host_ops;

static struct host_inode *host_of(struct inode *inode) { return (struct host_inode *)inode; }
static struct nidus_system *system_of(const struct inode *inode) { return inode->fs->system; }
static uint32_t mount_of(const struct inode *inode) { return ((const struct host_filesystem *)inode->fs)->mount; }

/* ---- paths ---- */

struct host_path {
  char bytes[PATH_LIMIT];
  uint32_t start; /* the path lies at the end of the buffer */
};

static wasi_errno_t path_prepend(struct host_path *path, const char *name, uint32_t length) {
  bool first = path->start == PATH_LIMIT;
  if (length + (first ? 0 : 1) > path->start) return WASI_ENAMETOOLONG;
  if (!first) path->bytes[--path->start] = '/';
  path->start -= length;
  memcpy(path->bytes + path->start, name, length);
  return WASI_ESUCCESS;
}

static wasi_errno_t path_of(struct host_path *path, const struct host_inode *inode, struct name below) {
  path->start = PATH_LIMIT;
  wasi_errno_t error = below.length > 0 ? path_prepend(path, below.bytes, below.length) : WASI_ESUCCESS;
  for (; !error && inode->parent; inode = inode->parent) {
    error = inode->name ? path_prepend(path, inode->name, inode->name_length) : WASI_ENOENT;
  }
  return error;
}

#define PATH_BYTES(path) (path).bytes + (path).start, PATH_LIMIT - (path).start

static const struct name no_name = {NULL, 0};

/* ---- inodes ---- */

static void take_attributes(struct inode *inode, const struct nidus_stat *stat) {
  inode->ino = stat->ino;
  inode->type = (uint8_t)stat->type;
  inode->mode = stat->mode;
  inode->nlink = stat->nlink < UINT32_MAX ? (uint32_t)stat->nlink : UINT32_MAX;
  inode->size = stat->size;
  inode->atime = stat->atime;
  inode->mtime = stat->mtime;
  inode->ctime = stat->ctime;
}

static void children_remove(struct host_inode *inode) {
  if (!inode->parent || !inode->name) return;
  struct host_inode **link = &inode->parent->children;
  while (*link != inode) link = &(*link)->sibling;
  *link = inode->sibling;
}

static void name_forget(struct host_inode *inode) {
  children_remove(inode);
  free(inode->name);
  inode->name = NULL;
}

static wasi_errno_t name_give(struct host_inode *inode, struct host_inode *parent, struct name name) {
  char *copy = malloc(name.length);
  if (!copy) return WASI_ENOMEM;
  memcpy(copy, name.bytes, name.length);
  name_forget(inode);
  inode->name = copy;
  inode->name_length = name.length;
  if (inode->parent != parent) {
    inode_hold(&parent->base);
    if (inode->parent) inode_drop(&inode->parent->base);
    inode->parent = parent;
    inode->base.parent = &parent->base;
  }
  inode->sibling = parent->children;
  parent->children = inode;
  return WASI_ESUCCESS;
}

static struct host_inode *live_child(struct host_inode *folder, struct name name) {
  for (struct host_inode *child = folder->children; child; child = child->sibling) {
    if (child->name_length == name.length && memcmp(child->name, name.bytes, name.length) == 0) return child;
  }
  return NULL;
}

static struct host_inode *inode_make(struct filesystem *fs, const struct nidus_stat *stat) {
  struct host_inode *inode = calloc(1, sizeof *inode);
  if (!inode) return NULL;
  inode->base.ops = &host_ops;
  inode->base.fs = fs;
  inode->base.references = 1;
  take_attributes(&inode->base, stat);
  return inode;
}

/* A loop, as the folders above may go with their last child, and the guest chooses how many there are. */
static void host_release(struct inode *base) {
  struct host_inode *inode = host_of(base);
  while (inode) {
    struct host_inode *parent = inode->parent;
    name_forget(inode);
    free(inode);
    inode = parent && --parent->base.references == 0 ? parent : NULL;
  }
}

static wasi_errno_t host_refresh(struct inode *inode) {
  struct host_path path;
  struct nidus_stat stat;
  if (inode->nlink == 0 && inode->type == WASI_FILETYPE_DIRECTORY) return WASI_ESUCCESS; /* removed while open */
  wasi_errno_t error = path_of(&path, host_of(inode), no_name);
  if (host_of(inode)->open) {
    error = host_errno(host_fs(system_of(inode), fstat, host_of(inode)->open->host_handle, &stat));
  } else if (!error) {
    error = host_errno(host_fs(system_of(inode), stat, mount_of(inode), PATH_BYTES(path), &stat));
  }
  if (!error) take_attributes(inode, &stat);
  return error;
}

/* ---- folders ---- */

static wasi_errno_t host_lookup(struct inode *directory, struct name name, struct inode **found) {
  struct host_path path;
  struct nidus_stat stat;
  struct host_inode *folder = host_of(directory);
  wasi_errno_t error = path_of(&path, folder, name);
  if (!error) error = host_errno(host_fs(system_of(directory), stat, mount_of(directory), PATH_BYTES(path), &stat));
  if (error) return error;
  struct host_inode *inode = live_child(folder, name);
  if (inode && inode->base.ino == stat.ino && inode->base.type == stat.type) {
    take_attributes(&inode->base, &stat);
    *found = inode_hold(&inode->base);
    return WASI_ESUCCESS;
  }
  /* Something else has taken the name, behind the kernel's back. */
  if (inode) name_forget(inode);
  inode = inode_make(directory->fs, &stat);
  if (!inode) return WASI_ENOMEM;
  error = name_give(inode, folder, name);
  if (error) {
    inode_drop(&inode->base);
    return error;
  }
  *found = &inode->base;
  return WASI_ESUCCESS;
}

static wasi_errno_t host_create(struct inode *directory, struct name name, uint8_t type, struct name target,
                                struct inode **made) {
  struct host_path path;
  wasi_errno_t error = path_of(&path, host_of(directory), name);
  if (error) return error;
  struct nidus_system *system = system_of(directory);
  uint32_t mount = mount_of(directory);
  if (type == WASI_FILETYPE_DIRECTORY) {
    error = host_errno(host_fs(system, mkdir, mount, PATH_BYTES(path)));
  } else if (type == WASI_FILETYPE_SYMBOLIC_LINK) {
    error = host_errno(host_fs(system, symlink, mount, target.bytes, target.length, PATH_BYTES(path)));
  } else {
    const uint32_t flags = NIDUS_HOST_OPEN_WRITE | NIDUS_HOST_OPEN_CREATE | NIDUS_HOST_OPEN_EXCLUSIVE;
    int32_t handle = host_fs(system, open, mount, PATH_BYTES(path), flags);
    error = host_errno(handle);
    if (!error) host_fs(system, close, handle);
  }
  return error ? error : host_lookup(directory, name, made);
}

static wasi_errno_t host_link(struct inode *directory, struct name name, struct inode *inode) {
  struct host_path from, to;
  wasi_errno_t error = path_of(&from, host_of(inode), no_name);
  if (!error) error = path_of(&to, host_of(directory), name);
  if (error) return error;
  return host_errno(host_fs(system_of(inode), link, mount_of(inode), PATH_BYTES(from), PATH_BYTES(to)));
}

static wasi_errno_t host_unlink(struct inode *directory, struct name name, struct inode *inode) {
  struct host_path path;
  wasi_errno_t error = path_of(&path, host_of(directory), name);
  if (!error) error = host_errno(host_fs(system_of(inode), unlink, mount_of(inode), PATH_BYTES(path)));
  if (!error) name_forget(host_of(inode));
  return error;
}

static wasi_errno_t host_rmdir(struct inode *directory, struct name name, struct inode *inode) {
  struct host_path path;
  wasi_errno_t error = path_of(&path, host_of(directory), name);
  if (!error) error = host_errno(host_fs(system_of(inode), rmdir, mount_of(inode), PATH_BYTES(path)));
  if (error) return error;
  name_forget(host_of(inode));
  inode->nlink = 0;
  return WASI_ESUCCESS;
}

static wasi_errno_t host_rename(struct inode *old_directory, struct name old_name, struct inode *inode,
                                struct inode *new_directory, struct name new_name, struct inode *replaced) {
  struct host_path from, to;
  wasi_errno_t error = path_of(&from, host_of(old_directory), old_name);
  if (!error) error = path_of(&to, host_of(new_directory), new_name);
  if (!error) error = host_errno(host_fs(system_of(inode), rename, mount_of(inode), PATH_BYTES(from), PATH_BYTES(to)));
  if (error) return error;
  /* Two names of one file: rename(2) does nothing, and both are still there. */
  if (replaced && replaced->ino == inode->ino && replaced->type != WASI_FILETYPE_DIRECTORY) return WASI_ESUCCESS;
  if (replaced) {
    name_forget(host_of(replaced));
    if (replaced->type == WASI_FILETYPE_DIRECTORY) replaced->nlink = 0;
  }
  /* The host has renamed it: without memory for the new name the inode is left without one. */
  if (name_give(host_of(inode), host_of(new_directory), new_name)) name_forget(host_of(inode));
  return WASI_ESUCCESS;
}

/* ---- listing: a snapshot, taken anew when a reader starts from the beginning ---- */

static wasi_errno_t take_listing(struct description *description) {
  struct host_path path;
  struct inode *folder = description->inode;
  wasi_errno_t error = path_of(&path, host_of(folder), no_name);
  if (error) return error;
  free(description->listing.bytes);
  description->listing = (struct nidus_listing){NULL, 0};
  description->listing_offset = 0;
  description->listing_cookie = 2;
  return host_errno(host_fs(system_of(folder), list, mount_of(folder), PATH_BYTES(path), &description->listing));
}

static bool listing_at(const struct description *description, uint32_t offset, struct nidus_host_entry *entry,
                       uint32_t *next) {
  const struct nidus_listing *listing = &description->listing;
  if (offset > listing->length || listing->length - offset < sizeof *entry) return false;
  memcpy(entry, (const char *)listing->bytes + offset, sizeof *entry);
  uint32_t room = listing->length - offset - (uint32_t)sizeof *entry;
  if (entry->name_length > room) return false;
  uint32_t padded = (entry->name_length + 7) & ~7u;
  *next = padded > room ? listing->length : offset + (uint32_t)sizeof *entry + padded;
  return true;
}

static wasi_errno_t host_next_entry(struct description *description, uint64_t cookie, struct entry_view *view,
                                    bool *found) {
  wasi_errno_t error = WASI_ESUCCESS;
  if (cookie <= 2 || !description->listing.bytes) error = take_listing(description);
  if (error) return error;
  if (cookie < 2) cookie = 2;
  if (cookie < description->listing_cookie) {
    description->listing_offset = 0;
    description->listing_cookie = 2;
  }
  struct nidus_host_entry entry;
  uint32_t next;
  while (listing_at(description, description->listing_offset, &entry, &next)) {
    if (description->listing_cookie == cookie) {
      *found = true;
      view->next = cookie + 1;
      view->ino = entry.ino;
      view->type = (uint8_t)entry.type;
      const char *name = (const char *)description->listing.bytes + description->listing_offset + sizeof entry;
      view->name = (struct name){name, entry.name_length};
      return WASI_ESUCCESS;
    }
    description->listing_offset = next;
    description->listing_cookie++;
  }
  *found = false;
  return WASI_ESUCCESS;
}

/* ---- files ---- */

static wasi_errno_t host_open(struct description *description, bool truncate) {
  struct inode *inode = description->inode;
  if (inode->type == WASI_FILETYPE_DIRECTORY) return WASI_ESUCCESS;
  struct host_path path;
  wasi_errno_t error = path_of(&path, host_of(inode), no_name);
  if (error) return error;
  uint32_t flags = description->access & NIDUS_ACCESS_WRITE ? NIDUS_HOST_OPEN_WRITE : 0;
  if ((description->access & NIDUS_ACCESS_READ) || !flags) flags |= NIDUS_HOST_OPEN_READ;
  if (truncate) flags |= NIDUS_HOST_OPEN_TRUNCATE | NIDUS_HOST_OPEN_WRITE;
  int32_t handle = host_fs(system_of(inode), open, mount_of(inode), PATH_BYTES(path), flags);
  if (handle < 0) return host_errno(handle);
  description->host_handle = handle;
  description->open_next = host_of(inode)->open;
  host_of(inode)->open = description;
  return WASI_ESUCCESS;
}

static void host_close(struct description *description) {
  if (description->host_handle < 0) return;
  host_fs(system_of(description->inode), close, description->host_handle);
  struct description **link = &host_of(description->inode)->open;
  while (*link != description) link = &(*link)->open_next;
  *link = description->open_next;
}

static wasi_errno_t host_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  struct nidus_system *system = system_of(description->inode);
  for (uint32_t run; (run = transfer_run(transfer)) > 0;) {
    uint32_t length = run < BOUNCE_SIZE ? run : BOUNCE_SIZE;
    int32_t result = host_fs(system, read, description->host_handle, system->bounce, length, offset);
    if (result < 0) return transfer->done > 0 ? WASI_ESUCCESS : host_errno(result);
    uint32_t have = (uint32_t)result <= length ? (uint32_t)result : length;
    if (have == 0 || !transfer_to_guest(transfer, system->bounce, have)) break;
    offset += have;
    if (have < length) break;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t host_write(struct description *description, struct transfer *transfer, uint64_t offset) {
  struct nidus_system *system = system_of(description->inode);
  uint32_t written = 0;
  for (;;) {
    uint32_t gathered = transfer_gather(transfer, system->bounce, BOUNCE_SIZE);
    if (gathered == 0) break;
    int32_t result = host_fs(system, write, description->host_handle, system->bounce, gathered, offset + written);
    if (result > 0) written += (uint32_t)result <= gathered ? (uint32_t)result : gathered;
    if (result >= 0 && (uint32_t)result == gathered) continue;
    transfer->done = written;
    return result < 0 && written == 0 ? host_errno(result) : WASI_ESUCCESS;
  }
  if (offset + written > description->inode->size) description->inode->size = offset + written;
  return WASI_ESUCCESS;
}

static wasi_errno_t host_truncate(struct description *description, uint64_t size) {
  return host_errno(host_fs(system_of(description->inode), truncate, description->host_handle, size));
}

static wasi_errno_t host_sync(struct description *description, bool data_only, uint64_t *awaited) {
  (void)awaited;
  if (description->host_handle < 0) return WASI_ESUCCESS;
  return host_errno(host_fs(system_of(description->inode), sync, description->host_handle, data_only));
}

/* Of what is open through its handle: its name may be gone, or another file's. */
static wasi_errno_t host_set_times(struct inode *inode, uint64_t atime, uint64_t mtime) {
  struct host_path path;
  const struct description *open = host_of(inode)->open;
  if (open) return host_errno(host_fs(system_of(inode), futimes, open->host_handle, atime, mtime));
  if (inode->nlink == 0 && inode->type == WASI_FILETYPE_DIRECTORY) return inode_put_times(inode, atime, mtime);
  wasi_errno_t error = path_of(&path, host_of(inode), no_name);
  return error ? error
               : host_errno(host_fs(system_of(inode), utimes, mount_of(inode), PATH_BYTES(path), atime, mtime));
}

static wasi_errno_t host_readlink(struct inode *inode, char *buffer, uint32_t size, uint32_t *length) {
  if (inode->type != WASI_FILETYPE_SYMBOLIC_LINK) return WASI_EINVAL;
  struct host_path path;
  wasi_errno_t error = path_of(&path, host_of(inode), no_name);
  if (error) return error;
  int32_t result = host_fs(system_of(inode), readlink, mount_of(inode), PATH_BYTES(path), buffer, size);
  if (result < 0) return host_errno(result);
  *length = (uint32_t)result < size ? (uint32_t)result : size;
  return WASI_ESUCCESS;
}

static const struct inode_ops host_ops = {.lookup = host_lookup,
                                          .create = host_create,
                                          .link = host_link,
                                          .unlink = host_unlink,
                                          .rmdir = host_rmdir,
                                          .rename = host_rename,
                                          .next_entry = host_next_entry,
                                          .readlink = host_readlink,
                                          .open = host_open,
                                          .close = host_close,
                                          .read = host_read,
                                          .write = host_write,
                                          .truncate = host_truncate,
                                          .sync = host_sync,
                                          .set_times = host_set_times,
                                          .refresh = host_refresh,
                                          .release = host_release};

/* ---- the filesystem ---- */

static void host_destroy(struct filesystem *fs) {
  if (fs->root) inode_drop(fs->root);
  free(fs);
}

struct filesystem *host_filesystem_create(struct nidus_system *system, uint32_t host_mount, bool read_only,
                                          wasi_errno_t *error) {
  struct nidus_stat stat;
  *error = host_errno(host_fs(system, stat, host_mount, "", 0, &stat));
  if (!*error && stat.type != WASI_FILETYPE_DIRECTORY) *error = WASI_ENOTDIR;
  if (*error) return NULL;
  struct host_filesystem *fs = calloc(1, sizeof *fs);
  if (!fs) {
    *error = WASI_ENOMEM;
    return NULL;
  }
  fs->base.system = system;
  fs->base.read_only = read_only;
  fs->base.destroy = host_destroy;
  fs->mount = host_mount;
  struct host_inode *root = inode_make(&fs->base, &stat);
  if (!root) {
    free(fs);
    *error = WASI_ENOMEM;
    return NULL;
  }
  fs->base.root = &root->base;
  return &fs->base;
}

#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "path_store.h"

static const struct inode_ops directory_ops, file_ops, link_ops;

struct mem_inode *mem_inode_create(struct mem_filesystem *fs, uint8_t type, uint32_t mode, uint64_t ino) {
  if (!space_take(fs, INODE_SPACE)) return NULL;
  struct mem_inode *inode = calloc(1, sizeof *inode);
  if (!inode) {
    fs->space_used -= INODE_SPACE;
    return NULL;
  }
  if (ino >= fs->next_ino) fs->next_ino = ino + 1;
  inode->base.fs = &fs->base;
  inode->base.ino = ino ? ino : fs->next_ino++;
  inode->base.type = type;
  inode->base.mode = mode;
  inode->base.references = 1;
  inode->base.ops = type == WASI_FILETYPE_DIRECTORY      ? &directory_ops
                    : type == WASI_FILETYPE_REGULAR_FILE ? &file_ops
                                                         : &link_ops;
  inode->cut_from = UINT64_MAX;
  if (type == WASI_FILETYPE_REGULAR_FILE) inode->file.dirty = (struct chunk_link){&inode->file.dirty, &inode->file.dirty};
  if (fs->volume) volume_add_inode(fs->volume, inode);
  return inode;
}

/* A directory is empty before it goes (removing asks for that, and destroying a volume empties it leaf by
 * leaf), but may be the last to hold the removed one above it: a loop, for the guest chooses how many. */
static void mem_release(struct inode *base) {
  while (base) {
    struct mem_inode *inode = mem_of(base);
    struct inode *above = base->parent;
    if (base->type == WASI_FILETYPE_DIRECTORY) {
      directory_free(inode);
    } else if (base->type == WASI_FILETYPE_REGULAR_FILE) {
      content_free(inode);
    } else {
      free(inode->target.bytes);
    }
    mem_volume(inode)->space_used -= INODE_SPACE;
    journal_inode_gone(inode);
    base = above && --above->references == 0 ? above : NULL;
  }
}

static void touch(struct mem_inode *inode) {
  inode->base.mtime = inode->base.ctime = inode_now(&inode->base);
  journal_inode(inode);
}

static void changed(struct mem_inode *inode) {
  inode->base.ctime = inode_now(&inode->base);
  journal_inode(inode);
}

/* ---- directories ---- */

static wasi_errno_t mem_lookup(struct inode *directory, struct name name, struct inode **found) {
  struct mem_entry *entry = directory_find(mem_of(directory), name);
  if (!entry) return WASI_ENOENT;
  *found = inode_hold(&entry->inode->base);
  return WASI_ESUCCESS;
}

static wasi_errno_t mem_create(struct inode *directory, struct name name, uint8_t type, struct name target,
                               struct inode **made) {
  if (directory->nlink == 0) return WASI_ENOENT;
  bool folder = type == WASI_FILETYPE_DIRECTORY;
  uint32_t mode = type == WASI_FILETYPE_SYMBOLIC_LINK ? 0777 : folder ? 0755 : 0644;
  struct mem_inode *inode = mem_inode_create((struct mem_filesystem *)directory->fs, type, mode, 0);
  if (!inode) return WASI_ENOSPC;
  if (type == WASI_FILETYPE_SYMBOLIC_LINK) {
    inode->target.bytes = malloc(target.length);
    if (!inode->target.bytes) {
      inode_drop(&inode->base);
      return WASI_ENOSPC;
    }
    memcpy(inode->target.bytes, target.bytes, target.length);
    inode->target.length = target.length;
    inode->base.size = target.length;
  }
  wasi_errno_t error = directory_add(mem_of(directory), name, inode);
  if (error) {
    inode_drop(&inode->base);
    return WASI_ENOSPC;
  }
  inode->base.nlink = folder ? 2 : 1;
  if (folder) {
    inode->base.parent = inode_hold(directory);
    directory->nlink++;
  }
  touch(mem_of(directory));
  inode->base.atime = inode->base.mtime = inode->base.ctime = directory->mtime;
  journal_inode(inode);
  *made = &inode->base;
  return WASI_ESUCCESS;
}

static wasi_errno_t mem_link(struct inode *directory, struct name name, struct inode *inode) {
  if (directory->nlink == 0) return WASI_ENOENT;
  if (inode->nlink == 0) return WASI_ENOENT;
  if (inode->nlink >= LINK_LIMIT) return WASI_EMLINK;
  wasi_errno_t error = directory_add(mem_of(directory), name, mem_of(inode));
  if (error) return WASI_ENOSPC;
  inode->nlink++;
  touch(mem_of(directory));
  changed(mem_of(inode));
  return WASI_ESUCCESS;
}

static wasi_errno_t mem_unlink(struct inode *directory, struct name name, struct inode *inode) {
  struct mem_entry *entry = directory_find(mem_of(directory), name);
  inode->nlink--;
  changed(mem_of(inode));
  directory_remove(mem_of(directory), entry);
  touch(mem_of(directory));
  return WASI_ESUCCESS;
}

static wasi_errno_t mem_rmdir(struct inode *directory, struct name name, struct inode *inode) {
  if (mem_of(inode)->directory.live > 0) return WASI_ENOTEMPTY;
  inode->nlink = 0;
  changed(mem_of(inode));
  directory_remove(mem_of(directory), directory_find(mem_of(directory), name));
  directory->nlink--;
  touch(mem_of(directory));
  return WASI_ESUCCESS;
}

static wasi_errno_t mem_rename(struct inode *old_directory, struct name old_name, struct inode *inode,
                               struct inode *new_directory, struct name new_name, struct inode *replaced) {
  if (new_directory->nlink == 0) return WASI_ENOENT;
  bool folder = inode->type == WASI_FILETYPE_DIRECTORY;
  if (replaced && replaced->type == WASI_FILETYPE_DIRECTORY && mem_of(replaced)->directory.live > 0) {
    return WASI_ENOTEMPTY;
  }
  /* The entry is added before anything is removed: the only step that can fail comes first. */
  if (replaced) {
    struct mem_entry *entry = directory_find(mem_of(new_directory), new_name);
    inode_hold(inode);
    inode_drop(&entry->inode->base);
    entry->inode = mem_of(inode);
    entry->dirty = true;
    journal_inode(mem_of(new_directory));
    if (folder) {
      replaced->nlink = 0;
      new_directory->nlink--;
    } else {
      replaced->nlink--;
    }
    changed(mem_of(replaced));
  } else {
    wasi_errno_t error = directory_add(mem_of(new_directory), new_name, mem_of(inode));
    if (error) return WASI_ENOSPC;
  }
  directory_remove(mem_of(old_directory), directory_find(mem_of(old_directory), old_name));
  if (folder) {
    inode_hold(new_directory);
    inode_drop(inode->parent);
    inode->parent = new_directory;
    old_directory->nlink--;
    new_directory->nlink++;
  }
  touch(mem_of(old_directory));
  touch(mem_of(new_directory));
  changed(mem_of(inode));
  return WASI_ESUCCESS;
}

static wasi_errno_t mem_next_entry(struct description *description, uint64_t cookie, struct entry_view *view,
                                   bool *found) {
  struct mem_entry *entry = directory_from(mem_of(description->inode), cookie);
  *found = entry != NULL;
  if (!entry) return WASI_ESUCCESS;
  view->next = entry->cookie + 1;
  view->ino = entry->inode->base.ino;
  view->type = entry->inode->base.type;
  view->name = (struct name){entry->name->bytes, entry->name->length};
  return WASI_ESUCCESS;
}

/* ---- files and links ---- */

static wasi_errno_t mem_open(struct description *description, bool truncate) {
  struct mem_inode *inode = mem_of(description->inode);
  if (!truncate) return WASI_ESUCCESS;
  wasi_errno_t error = content_resize(inode, 0);
  if (!error) touch(inode);
  return error;
}

static wasi_errno_t mem_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  return content_read(mem_of(description->inode), transfer, offset);
}

static wasi_errno_t mem_write(struct description *description, struct transfer *transfer, uint64_t offset) {
  struct mem_inode *inode = mem_of(description->inode);
  wasi_errno_t error = content_write(inode, transfer, offset);
  if (transfer->done > 0) touch(inode);
  return error;
}

static wasi_errno_t mem_truncate(struct description *description, uint64_t size) {
  struct mem_inode *inode = mem_of(description->inode);
  wasi_errno_t error = content_resize(inode, size);
  if (!error) touch(inode);
  return error;
}

static wasi_errno_t mem_allocate(struct description *description, uint64_t offset, uint64_t length) {
  struct mem_inode *inode = mem_of(description->inode);
  wasi_errno_t error = content_reserve(inode, offset, length);
  if (!error) touch(inode);
  return error;
}

/* In memory there is nothing to wait for; on a persistent volume the data must reach the store. */
static wasi_errno_t mem_sync(struct description *description, bool data_only, uint64_t *awaited) {
  (void)data_only;
  struct mem_filesystem *fs = (struct mem_filesystem *)description->inode->fs;
  return fs->paths ? path_store_sync(fs->paths, awaited) : journal_sync(fs, awaited);
}

static uint64_t mem_allocated(struct inode *inode) {
  return inode->type == WASI_FILETYPE_REGULAR_FILE ? content_allocated(mem_of(inode)) : inode->size;
}

static wasi_errno_t mem_set_times(struct inode *inode, uint64_t atime, uint64_t mtime) {
  inode->atime = atime;
  inode->mtime = mtime;
  changed(mem_of(inode));
  return WASI_ESUCCESS;
}

static wasi_errno_t mem_set_mode(struct inode *inode, uint32_t mode) {
  inode->mode = mode & 07777;
  changed(mem_of(inode));
  return WASI_ESUCCESS;
}

static wasi_errno_t mem_readlink(struct inode *base, char *buffer, uint32_t size, uint32_t *length) {
  struct mem_inode *inode = mem_of(base);
  *length = inode->target.length < size ? inode->target.length : size;
  memcpy(buffer, inode->target.bytes, *length);
  return WASI_ESUCCESS;
}

static const struct inode_ops directory_ops = {.lookup = mem_lookup,
                                               .create = mem_create,
                                               .link = mem_link,
                                               .unlink = mem_unlink,
                                               .rmdir = mem_rmdir,
                                               .rename = mem_rename,
                                               .next_entry = mem_next_entry,
                                               .readlink = inode_no_readlink,
                                               .read = inode_no_read,
                                               .write = inode_no_read,
                                               .sync = mem_sync,
                                               .allocated = mem_allocated,
                                               .set_times = mem_set_times,
                                               .set_mode = mem_set_mode,
                                               .release = mem_release};

static const struct inode_ops file_ops = {.readlink = inode_no_readlink,
                                          .open = mem_open,
                                          .read = mem_read,
                                          .write = mem_write,
                                          .truncate = mem_truncate,
                                          .allocate = mem_allocate,
                                          .sync = mem_sync,
                                          .allocated = mem_allocated,
                                          .set_times = mem_set_times,
                                          .set_mode = mem_set_mode,
                                          .release = mem_release};

static const struct inode_ops link_ops = {.readlink = mem_readlink,
                                          .allocated = mem_allocated,
                                          .set_times = mem_set_times,
                                          .set_mode = mem_set_mode,
                                          .release = mem_release};

/* ---- the volume ---- */

/* Takes the tree apart from the leaves, without recursion: it may be deeper than the C stack. */
static void mem_empty(struct mem_inode *root) {
  struct mem_inode *directory = root;
  for (;;) {
    struct mem_entry *entry = directory_from(directory, 0);
    if (!entry) {
      if (directory == root) return;
      directory = mem_of(directory->base.parent);
      struct mem_entry *child = directory_from(directory, 0);
      directory_remove(directory, child);
    } else if (entry->inode->base.type == WASI_FILETYPE_DIRECTORY && entry->inode->directory.live > 0) {
      directory = entry->inode;
    } else {
      directory_remove(directory, entry);
    }
  }
}

static void mem_destroy(struct filesystem *base) {
  struct mem_filesystem *fs = (struct mem_filesystem *)base;
  if (fs->volume) volume_abandon(fs);
  free(fs->paths);
  fs->paths = NULL;
  if (base->root) {
    mem_empty(mem_of(base->root));
    inode_drop(base->root);
  }
  assert(fs->space_used == 0);
  if (fs->volume) volume_free(fs->volume);
  free(fs);
}

bool mem_is(const struct filesystem *fs) { return fs->destroy == mem_destroy; }

struct filesystem *mem_filesystem_create(struct nidus_system *system, struct volume *volume) {
  struct mem_filesystem *fs = calloc(1, sizeof *fs);
  if (!fs) {
    if (volume) volume_free(volume);
    return NULL;
  }
  fs->volume = volume;
  fs->base.system = system;
  fs->base.destroy = mem_destroy;
  fs->next_ino = 1;
  fs->space_limit = UINT64_MAX;
  struct mem_inode *root = mem_inode_create(fs, WASI_FILETYPE_DIRECTORY, 0755, 1);
  if (root) {
    fs->base.root = &root->base;
    root->base.nlink = 2;
    root->base.atime = root->base.mtime = root->base.ctime = inode_now(&root->base);
    journal_inode(root);
    return &fs->base;
  }
  mem_destroy(&fs->base);
  return NULL;
}

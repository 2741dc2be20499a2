/*
 * volume_load.c: building a volume's tree from its store, in three steps: all inodes, then entries and
 * chunks in any order, then nidus_load_end, which accepts only a whole tree.
 *
 * Until load_end the loaded inodes are held by a table from inode number to inode. What comes from
 * the store is not trusted: a record that contradicts another is EIO, never a broken tree.
 */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "path.h"
#include "volume_load.h"

struct loader {
  struct mem_inode **table; /* open addressing by ino; each referenced */
  uint32_t size;            /* a power of two */
  uint32_t count;
  bool refused; /* a record: the volume will not be accepted */
};

static uint32_t table_start(const struct loader *loader, uint64_t ino) {
  return (uint32_t)((ino * 0x9E3779B97F4A7C15ull) >> 32) & (loader->size - 1);
}

static struct mem_inode **table_slot(const struct loader *loader, uint64_t ino) {
  uint32_t i = table_start(loader, ino);
  while (loader->table[i] && loader->table[i]->base.ino != ino) i = (i + 1) & (loader->size - 1);
  return &loader->table[i];
}

static struct mem_inode *loaded(const struct loader *loader, uint64_t ino) {
  return loader && loader->size ? *table_slot(loader, ino) : NULL;
}

static bool table_grow(struct loader *loader) {
  if (loader->count < loader->size / 2) return true;
  struct loader bigger = {.size = loader->size ? loader->size * 2 : 64, .count = loader->count, .refused = loader->refused};
  if (bigger.size == 0) return false;
  bigger.table = calloc(bigger.size, sizeof *bigger.table);
  if (!bigger.table) return false;
  for (uint32_t i = 0; i < loader->size; i++) {
    if (loader->table[i]) *table_slot(&bigger, loader->table[i]->base.ino) = loader->table[i];
  }
  free(loader->table);
  *loader = bigger;
  return true;
}

static void loader_free(struct mem_filesystem *fs);

void loader_discard(struct mem_filesystem *fs) {
  struct loader *loader = fs->loader;
  if (!loader) return;
  /* The folders may form cycles: every tie between inodes is cut before any is let go. */
  for (uint32_t i = 0; i < loader->size; i++) {
    struct mem_inode *inode = loader->table[i];
    if (!inode || inode->base.type != WASI_FILETYPE_DIRECTORY) continue;
    directory_free(inode);
    inode->base.size = 0;
    inode->base.nlink = 2;
    if (inode->base.parent && &inode->base != fs->base.root) inode_drop(inode->base.parent);
    if (&inode->base != fs->base.root) inode->base.parent = NULL;
  }
  loader_free(fs);
}

static void loader_free(struct mem_filesystem *fs) {
  struct loader *loader = fs->loader;
  fs->loader = NULL;
  for (uint32_t i = 0; i < loader->size; i++) {
    if (loader->table[i]) inode_drop(&loader->table[i]->base);
  }
  free(loader->table);
  free(loader);
}

static struct mem_filesystem *volume_of(struct nidus_system *system, uint32_t mount) {
  struct filesystem *fs = system_mount(system, mount);
  return fs && mem_is(fs) && ((struct mem_filesystem *)fs)->journal ? (struct mem_filesystem *)fs : NULL;
}

/* The answer to a record, remembered when it was no. */
static int32_t answered(struct mem_filesystem *fs, wasi_errno_t error) {
  if (error && fs->loader) fs->loader->refused = true;
  return -(int32_t)error;
}

static wasi_errno_t load_root(struct mem_filesystem *fs, const void *bytes, uint32_t length) {
  struct mem_inode *record;
  wasi_errno_t error = record_decode(fs, 1, bytes, length, &record);
  if (error) return error;
  struct inode *root = fs->base.root;
  if (record->base.type == WASI_FILETYPE_DIRECTORY) {
    root->mode = record->base.mode;
    root->atime = record->base.atime;
    root->mtime = record->base.mtime;
    root->ctime = record->base.ctime;
  } else {
    error = WASI_EIO;
  }
  inode_drop(&record->base);
  return error;
}

static wasi_errno_t load_inode(struct mem_filesystem *fs, uint64_t ino, const void *bytes, uint32_t length) {
  if (!fs->loader || !table_grow(fs->loader)) return WASI_ENOMEM;
  struct mem_inode **slot = table_slot(fs->loader, ino);
  if (*slot) return WASI_EIO;
  wasi_errno_t error = ino == 1 ? load_root(fs, bytes, length) : record_decode(fs, ino, bytes, length, slot);
  if (error) {
    *slot = NULL;
    return error;
  }
  if (ino == 1) *slot = mem_of(inode_hold(fs->base.root));
  fs->loader->count++;
  return WASI_ESUCCESS;
}

int32_t nidus_load_inode(struct nidus_system *system, uint32_t mount, uint64_t ino, const void *bytes,
                         uint32_t length) {
  struct mem_filesystem *fs = volume_of(system, mount);
  if (!fs) return -WASI_EINVAL;
  if (!fs->loader && mem_of(fs->base.root)->directory.live > 0) return -WASI_EBUSY;
  if (!fs->loader) fs->loader = calloc(1, sizeof *fs->loader);
  return answered(fs, load_inode(fs, ino, bytes, length));
}

static wasi_errno_t load_dirent(struct mem_filesystem *fs, uint64_t parent, struct name name, uint64_t child) {
  struct mem_inode *directory = loaded(fs->loader, parent);
  struct mem_inode *inode = loaded(fs->loader, child);
  if (!directory || !inode || child == 1 || directory->base.type != WASI_FILETYPE_DIRECTORY) return WASI_EIO;
  if (!name_is_valid(name) || directory_find(directory, name)) return WASI_EIO;
  bool folder = inode->base.type == WASI_FILETYPE_DIRECTORY;
  if (folder ? inode->base.parent != NULL : inode->base.nlink >= LINK_LIMIT) return WASI_EIO;
  wasi_errno_t error = directory_add(directory, name, inode);
  if (error) return error;
  if (folder) {
    inode->base.parent = inode_hold(&directory->base);
    directory->base.nlink++;
  } else {
    inode->base.nlink++;
  }
  return WASI_ESUCCESS;
}

int32_t nidus_load_dirent(struct nidus_system *system, uint32_t mount, uint64_t parent, const char *name,
                          uint32_t length, uint64_t child) {
  struct mem_filesystem *fs = volume_of(system, mount);
  if (!fs) return -WASI_EINVAL;
  return answered(fs, load_dirent(fs, parent, (struct name){name, length}, child));
}

static wasi_errno_t load_chunk(struct mem_filesystem *fs, uint64_t ino, uint64_t index, const void *bytes,
                               uint32_t length) {
  struct mem_inode *inode = loaded(fs->loader, ino);
  if (!inode || inode->base.type != WASI_FILETYPE_REGULAR_FILE || !inode->file.chunked) return WASI_EIO;
  wasi_errno_t error = content_load_chunk(inode, index, bytes, length);
  if (!error) inode->chunks_stored = true;
  return error;
}

int32_t nidus_load_chunk(struct nidus_system *system, uint32_t mount, uint64_t ino, uint64_t index,
                         const void *bytes, uint32_t length) {
  struct mem_filesystem *fs = volume_of(system, mount);
  if (!fs) return -WASI_EINVAL;
  return answered(fs, load_chunk(fs, ino, index, bytes, length));
}

/* Every inode must hang in the tree: a folder's parents lead to the root, a file has a link. */
static bool tree_is_whole(struct mem_filesystem *fs) {
  struct loader *loader = fs->loader;
  for (uint32_t i = 0; i < loader->size; i++) {
    struct mem_inode *inode = loader->table[i];
    if (!inode || &inode->base == fs->base.root) continue;
    if (inode->base.nlink == 0) return false;
    if (inode->base.type != WASI_FILETYPE_DIRECTORY) continue;
    /* A cycle never reaches the root: a walk of more steps than there are inodes is in one. */
    uint32_t steps = 0;
    for (const struct inode *at = &inode->base; at != fs->base.root; at = at->parent) {
      if (!at || !at->parent || ++steps > loader->count) return false;
    }
  }
  return true;
}

static void mark_stored(struct mem_inode *inode) {
  inode->stored = true;
  if (inode->base.type != WASI_FILETYPE_DIRECTORY) return;
  for (uint32_t i = 0; i < inode->directory.used; i++) {
    inode->directory.entries[i].stored = true;
    inode->directory.entries[i].dirty = false;
  }
}

int32_t nidus_load_end(struct nidus_system *system, uint32_t mount) {
  struct mem_filesystem *fs = volume_of(system, mount);
  if (!fs) return -WASI_EINVAL;
  if (!fs->loader) return 0;
  bool whole = !fs->loader->refused && loaded(fs->loader, 1) && tree_is_whole(fs);
  if (whole) {
    for (uint32_t i = 0; i < fs->loader->size; i++) {
      if (fs->loader->table[i]) mark_stored(fs->loader->table[i]);
    }
    journal_reset(fs);
    loader_free(fs);
  } else {
    loader_discard(fs);
  }
  return whole ? 0 : -WASI_EIO;
}

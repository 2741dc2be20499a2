#include "path_store.h"

#include <stdlib.h>

wasi_errno_t path_store_sync(struct path_store *paths, uint64_t *awaited) {
  if (*awaited == 0) {
    if (!path_store_dirty(paths)) return WASI_ESUCCESS;
    bool under_way = paths->begun > paths->completed && paths->begun > paths->failed;
    *awaited = paths->begun + !(under_way && paths->change == paths->change_begun);
  }
  if (paths->completed < *awaited && paths->failed < *awaited) return NIDUS_WOULD_BLOCK;
  wasi_errno_t error = paths->completed < *awaited ? paths->failure : WASI_ESUCCESS;
  *awaited = 0;
  return error;
}

static struct mem_filesystem *volume_of(struct nidus_system *system, uint32_t mount) {
  struct filesystem *fs = system_mount(system, mount);
  return fs && mem_is(fs) && ((struct mem_filesystem *)fs)->paths ? (struct mem_filesystem *)fs : NULL;
}

int32_t nidus_mount_paths(struct nidus_system *system, const char *path, uint32_t length) {
  struct filesystem *fs = mem_filesystem_create(system, NULL);
  if (!fs) return -WASI_ENOMEM;
  ((struct mem_filesystem *)fs)->paths = calloc(1, sizeof(struct path_store));
  if (((struct mem_filesystem *)fs)->paths) return system_add_mount(system, path, length, fs);
  fs->destroy(fs);
  return -WASI_ENOMEM;
}

int32_t nidus_paths_dirty(struct nidus_system *system, uint32_t mount) {
  const struct mem_filesystem *fs = volume_of(system, mount);
  return fs ? path_store_dirty(fs->paths) : -WASI_EINVAL;
}

static void list_entry(struct reply *reply, const struct reply *path, const struct mem_inode *inode) {
  const struct inode *base = &inode->base;
  uint32_t bits = base->mode | (uint32_t)base->type << 16 | (base->mounted ? 1u << 24 : 0);
  const double fields[] = {(double)base->ino, (double)inode->change, (double)(base->mtime / 1000000),
                           (double)base->size, (double)bits};
  reply_text(reply, (const char *)fields, sizeof fields);
  reply_text(reply, path->bytes, path->length);
  reply_text(reply, "", 1);
}

/* Without recursion, however deep the tree: the way up is in the path. */
static void list_tree(struct reply *reply, struct mem_inode *root, struct reply *path) {
  struct mem_inode *folder = root;
  for (uint64_t cookie = 0; !path->failed && !reply->failed;) {
    const struct mem_entry *entry = directory_from(folder, cookie);
    uint32_t end = path->length;
    if (entry) {
      if (end > 0) reply_text(path, "/", 1);
      reply_text(path, entry->name->bytes, entry->name->length);
      list_entry(reply, path, entry->inode);
      cookie = 0;
      if (entry->inode->base.type == WASI_FILETYPE_DIRECTORY) {
        folder = entry->inode;
        continue;
      }
    } else {
      if (folder == root) return;
      while (end > 0 && path->bytes[end - 1] != '/') end--;
      folder = mem_of(folder->base.parent);
      const struct name name = {path->bytes + end, path->length - end};
      entry = directory_find(folder, name);
      end -= end > 0;
    }
    cookie = entry->cookie + 1;
    path->length = end;
  }
}

int32_t nidus_paths_begin(struct nidus_system *system, uint32_t mount, struct reply *reply) {
  struct mem_filesystem *fs = volume_of(system, mount);
  if (!fs) return -WASI_EINVAL;
  struct path_store *paths = fs->paths;
  struct reply path = {0};
  list_tree(reply, mem_of(fs->base.root), &path);
  free(path.bytes);
  if (path.failed || reply->failed) {
    nidus_paths_end(system, mount, WASI_ENOMEM);
    return -WASI_ENOMEM;
  }
  paths->change_begun = paths->change;
  if (paths->begun == paths->completed || paths->begun == paths->failed) paths->begun++;
  return 0;
}

void nidus_paths_end(struct nidus_system *system, uint32_t mount, uint32_t error) {
  struct mem_filesystem *fs = volume_of(system, mount);
  if (!fs) return;
  struct path_store *paths = fs->paths;
  if (error) {
    /* Whoever waits for a flush that could not even begin is told, too. */
    if (paths->begun == paths->completed || paths->begun == paths->failed) paths->begun++;
    paths->failed = paths->begun;
    paths->failure = (wasi_errno_t)error;
  } else {
    paths->completed = paths->begun;
    paths->change_stored = paths->change_begun;
  }
}

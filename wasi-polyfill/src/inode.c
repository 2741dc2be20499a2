#include "inode.h"

#include <string.h>

#include "host.h"

wasi_errno_t inode_stat(struct inode *inode, struct nidus_stat *out) {
  if (inode->ops->refresh) {
    wasi_errno_t error = inode->ops->refresh(inode);
    if (error) return error;
  }
  memset(out, 0, sizeof *out);
  out->dev = inode->fs ? inode->fs->number + 1 : 0;
  out->ino = inode->ino;
  out->type = inode->type;
  out->mode = inode->mode;
  out->nlink = inode->nlink;
  out->size = inode->size;
  out->atime = inode->atime;
  out->mtime = inode->mtime;
  out->ctime = inode->ctime;
  out->mount = inode->fs ? inode->fs->number : 0;
  out->allocated = inode->ops->allocated ? inode->ops->allocated(inode) : inode->size;
  return WASI_ESUCCESS;
}

uint64_t inode_now(const struct inode *inode) {
  double milliseconds = host_now(inode->fs->system);
  return milliseconds > 0 ? (uint64_t)(milliseconds * 1e6) : 0;
}

wasi_errno_t inode_no_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)description, (void)transfer, (void)offset;
  return WASI_EISDIR;
}

wasi_errno_t inode_no_readlink(struct inode *inode, char *buffer, uint32_t size, uint32_t *length) {
  (void)inode, (void)buffer, (void)size, (void)length;
  return WASI_EINVAL;
}

wasi_errno_t inode_no_truncate(struct description *description, uint64_t size) {
  (void)description, (void)size;
  return WASI_EINVAL;
}

wasi_errno_t inode_no_sync(struct description *description, bool data_only, uint64_t *awaited) {
  (void)description, (void)data_only, (void)awaited;
  return WASI_EINVAL;
}

wasi_errno_t inode_put_times(struct inode *inode, uint64_t atime, uint64_t mtime) {
  inode->atime = atime;
  inode->mtime = mtime;
  inode->ctime = inode_now(inode);
  return WASI_ESUCCESS;
}

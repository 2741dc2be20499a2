/*
 * wasi_fd.c: system calls on open descriptors: attributes, offsets, table. Moving bytes is in wasi_io.c.
 */
#include <string.h>

#include "handlers.h"

static void put32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }
static void put64(uint8_t *at, uint64_t value) { memcpy(at, &value, sizeof value); }

/* A file with offsets, or the errno that says what it is instead. */
static wasi_errno_t seekable(const struct descriptor *descriptor) {
  switch (descriptor->description->inode->type) {
    case WASI_FILETYPE_REGULAR_FILE:
      return WASI_ESUCCESS;
    case WASI_FILETYPE_DIRECTORY:
      return WASI_EBADF;
    default:
      return WASI_ESPIPE;
  }
}

wasi_errno_t wasi_fd_advise(struct process *process, uint32_t fd, uint64_t offset, uint64_t len, uint32_t advice) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (!error) error = seekable(descriptor);
  if (error) return error;
  if (!(descriptor->rights_base & WASI_RIGHT_FD_ADVISE)) return WASI_ENOTCAPABLE;
  /* Advice changes nothing that a program could see; all data is in memory already. */
  return advice > 5 || offset > INT64_MAX || len > INT64_MAX - offset ? WASI_EINVAL : WASI_ESUCCESS;
}

wasi_errno_t wasi_fd_allocate(struct process *process, uint32_t fd, uint64_t offset, uint64_t len) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (!error) error = seekable(descriptor);
  if (error) return error;
  struct description *description = descriptor->description;
  if (!(description->access & NIDUS_ACCESS_WRITE)) return WASI_EBADF;
  if (!(descriptor->rights_base & WASI_RIGHT_FD_ALLOCATE)) return WASI_ENOTCAPABLE;
  if (len == 0 || offset > INT64_MAX) return WASI_EINVAL;
  if (len > INT64_MAX - offset || offset + len > process->file_size_limit) return WASI_EFBIG;
  /* Space that has been allocated must not run out at a later write: where it can not be had, say so. */
  if (!description->inode->ops->allocate) return WASI_ENOTSUP;
  error = description->inode->ops->allocate(description, offset, len);
  return error == NIDUS_WOULD_BLOCK ? wasi_file_blocked(process, description) : error;
}

wasi_errno_t wasi_fd_close(struct process *process, uint32_t fd) { return descriptor_close(process, fd); }

/* One of the rights is enough. */
static wasi_errno_t sync_descriptor(struct process *process, uint32_t fd, uint64_t rights, bool data_only) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (!error && !(descriptor->rights_base & rights)) error = WASI_ENOTCAPABLE;
  if (!error && !descriptor->description->inode->ops->sync) error = WASI_EINVAL;
  if (error) {
    process->call.flush_awaited = 0; /* another thread may have closed it while this one waited */
    return error;
  }
  struct description *description = descriptor->description;
  error = description->inode->ops->sync(description, data_only, &process->call.flush_awaited);
  return error == NIDUS_WOULD_BLOCK ? process_block(process, NIDUS_WAIT_FLUSH, NIDUS_NO_DEADLINE) : error;
}

wasi_errno_t wasi_fd_datasync(struct process *process, uint32_t fd) {
  /* wasi-libc asks for the one right only where it opens for writing, for the other always; and who may sync all
   * may sync a part. */
  return sync_descriptor(process, fd, WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_SYNC, true);
}

wasi_errno_t wasi_fd_sync(struct process *process, uint32_t fd) {
  return sync_descriptor(process, fd, WASI_RIGHT_FD_SYNC, false);
}

/* fdstat: filetype u8, fs_flags u16 at 2, rights_base u64 at 8, rights_inheriting u64 at 16. */
wasi_errno_t wasi_fd_fdstat_get(struct process *process, uint32_t fd, uint32_t stat_out) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  uint8_t stat[24] = {0};
  stat[0] = descriptor->description->inode->type;
  memcpy(stat + 2, &descriptor->description->fdflags, 2);
  put64(stat + 8, descriptor->rights_base);
  put64(stat + 16, descriptor->rights_inheriting);
  return guest_write(process, stat_out, stat, sizeof stat) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_fd_fdstat_set_flags(struct process *process, uint32_t fd, uint32_t flags) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, WASI_RIGHT_FD_FDSTAT_SET_FLAGS, &descriptor);
  if (error) return error;
  if (flags & ~(uint32_t)WASI_FDFLAG_ALL) return WASI_EINVAL;
  const uint32_t synchronous = WASI_FDFLAG_DSYNC | WASI_FDFLAG_RSYNC | WASI_FDFLAG_SYNC;
  if ((flags ^ descriptor->description->fdflags) & synchronous) return WASI_ENOTSUP;
  descriptor->description->fdflags = (uint16_t)flags;
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_fd_fdstat_set_rights(struct process *process, uint32_t fd, uint64_t rights_base,
                                       uint64_t rights_inheriting) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  /* Rights can be given up, never gained. */
  if ((rights_base & ~descriptor->rights_base) || (rights_inheriting & ~descriptor->rights_inheriting)) {
    return WASI_ENOTCAPABLE;
  }
  descriptor->rights_base = rights_base;
  descriptor->rights_inheriting = rights_inheriting;
  return WASI_ESUCCESS;
}

/* filestat: dev, ino u64; filetype u8 at 16; nlink, size, atim, mtim, ctim u64 from 24. In the older snapshot
 * nlink is a u32 at 20, and the others follow from 24. */
wasi_errno_t wasi_filestat_out(struct process *process, struct inode *inode, uint32_t out) {
  struct nidus_stat stat;
  wasi_errno_t error = inode_stat(inode, &stat);
  if (error) return error;
  uint8_t bytes[64] = {0};
  put64(bytes, stat.dev);
  put64(bytes + 8, stat.ino);
  bytes[16] = (uint8_t)stat.type;
  uint32_t at = process->snapshot0 ? 24 : 32;
  if (process->snapshot0) {
    put32(bytes + 20, stat.nlink < UINT32_MAX ? (uint32_t)stat.nlink : UINT32_MAX);
  } else {
    put64(bytes + 24, stat.nlink);
  }
  put64(bytes + at, stat.size);
  put64(bytes + at + 8, stat.atime);
  put64(bytes + at + 16, stat.mtime);
  put64(bytes + at + 24, stat.ctime);
  return guest_write(process, out, bytes, at + 32) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_fd_filestat_get(struct process *process, uint32_t fd, uint32_t stat_out) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, WASI_RIGHT_FD_FILESTAT_GET, &descriptor);
  return error ? error : wasi_filestat_out(process, descriptor->description->inode, stat_out);
}

wasi_errno_t wasi_fd_filestat_set_size(struct process *process, uint32_t fd, uint64_t size) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  struct description *description = descriptor->description;
  if (description->inode->type == WASI_FILETYPE_DIRECTORY) return WASI_EBADF;
  if (!(description->access & NIDUS_ACCESS_WRITE)) return WASI_EINVAL;
  if (description->inode->type == WASI_FILETYPE_REGULAR_FILE &&
      !(descriptor->rights_base & WASI_RIGHT_FD_FILESTAT_SET_SIZE)) {
    return WASI_ENOTCAPABLE;
  }
  if (size > INT64_MAX || size > process->file_size_limit) return WASI_EFBIG;
  if (!description->inode->ops->truncate) return WASI_EINVAL;
  error = description->inode->ops->truncate(description, size);
  return error == NIDUS_WOULD_BLOCK ? wasi_file_blocked(process, description) : error;
}

wasi_errno_t wasi_chosen_times(struct inode *inode, uint64_t *atime, uint64_t *mtime, uint32_t fst_flags) {
  const uint32_t both_atimes = WASI_FSTFLAG_ATIM | WASI_FSTFLAG_ATIM_NOW;
  const uint32_t both_mtimes = WASI_FSTFLAG_MTIM | WASI_FSTFLAG_MTIM_NOW;
  if ((fst_flags & ~(both_atimes | both_mtimes)) || (fst_flags & both_atimes) == both_atimes ||
      (fst_flags & both_mtimes) == both_mtimes) {
    return WASI_EINVAL;
  }
  if (inode->ops->refresh) {
    wasi_errno_t error = inode->ops->refresh(inode);
    if (error) return error;
  }
  uint64_t now = inode_now(inode);
  if (!(fst_flags & WASI_FSTFLAG_ATIM)) *atime = fst_flags & WASI_FSTFLAG_ATIM_NOW ? now : inode->atime;
  if (!(fst_flags & WASI_FSTFLAG_MTIM)) *mtime = fst_flags & WASI_FSTFLAG_MTIM_NOW ? now : inode->mtime;
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_fd_filestat_set_times(struct process *process, uint32_t fd, uint64_t atim, uint64_t mtim,
                                        uint32_t fst_flags) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  struct inode *inode = descriptor->description->inode;
  if (inode->fs->read_only) return WASI_EROFS;
  if (!(descriptor->rights_base & WASI_RIGHT_FD_FILESTAT_SET_TIMES)) return WASI_ENOTCAPABLE;
  error = wasi_chosen_times(inode, &atim, &mtim, fst_flags);
  return error ? error : inode->ops->set_times(inode, atim, mtim);
}

/* prestat: tag u8 (0: a folder), name length u32 at 4. */
wasi_errno_t wasi_fd_prestat_get(struct process *process, uint32_t fd, uint32_t prestat_out) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error || !descriptor->description->preopen) return WASI_EBADF;
  uint8_t prestat[8] = {0};
  put32(prestat + 4, descriptor->description->preopen_length);
  return guest_write(process, prestat_out, prestat, sizeof prestat) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_fd_prestat_dir_name(struct process *process, uint32_t fd, uint32_t path, uint32_t path_len) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error || !descriptor->description->preopen) return WASI_EBADF;
  uint32_t length = descriptor->description->preopen_length;
  if (path_len < length) return WASI_ENAMETOOLONG;
  return guest_write(process, path, descriptor->description->preopen, length) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_fd_renumber(struct process *process, uint32_t fd, uint32_t to) {
  struct descriptor *from, *target;
  wasi_errno_t error = descriptor_get(process, fd, 0, &from);
  if (!error) error = descriptor_get(process, to, 0, &target);
  if (error || fd == to) return error;
  struct descriptor moved = *from;
  /* The reference moves along: the old number loses it without dropping it. */
  moved.description->references++;
  error = descriptor_place(process, to, moved.description, moved.rights_base, moved.rights_inheriting);
  if (!error) return descriptor_close(process, fd);
  description_drop(moved.description);
  return error;
}

wasi_errno_t wasi_fd_seek(struct process *process, uint32_t fd, uint64_t offset, uint32_t whence,
                          uint32_t newoffset_out) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (!error) error = seekable(descriptor);
  if (error) return error;
  struct description *description = descriptor->description;
  /* The older snapshot counts CUR, END, SET. */
  if (process->snapshot0 && whence <= WASI_WHENCE_END) whence = (whence + 1) % 3;
  bool telling = whence == WASI_WHENCE_CUR && offset == 0;
  uint64_t right = telling ? WASI_RIGHT_FD_TELL : WASI_RIGHT_FD_SEEK;
  if (!(descriptor->rights_base & (right | WASI_RIGHT_FD_SEEK))) return WASI_ENOTCAPABLE;
  uint64_t base = 0;
  if (whence == WASI_WHENCE_CUR) {
    base = description->offset;
  } else if (whence == WASI_WHENCE_END) {
    if (description->inode->ops->refresh) {
      error = description->inode->ops->refresh(description->inode);
      if (error) return error;
    }
    base = description->inode->size;
  } else if (whence != WASI_WHENCE_SET) {
    return WASI_EINVAL;
  }
  int64_t delta = (int64_t)offset;
  if (delta < 0 ? base < (uint64_t)0 - offset : offset > INT64_MAX - base) return WASI_EINVAL;
  uint64_t position = base + offset;
  if (!guest_write_u64(process, newoffset_out, position)) return WASI_EFAULT;
  description->offset = position;
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_fd_tell(struct process *process, uint32_t fd, uint32_t offset_out) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (!error) error = seekable(descriptor);
  if (error) return error;
  if (!(descriptor->rights_base & WASI_RIGHT_FD_TELL)) return WASI_ENOTCAPABLE;
  return guest_write_u64(process, offset_out, descriptor->description->offset) ? WASI_ESUCCESS : WASI_EFAULT;
}

/*
 * wasi_io.c: system calls that move bytes: read, write and their positioned forms, readdir.
 */
#include <string.h>

#include "handlers.h"
#include "process_signal.h"
#include "wake.h"

/* A descriptor that may be read from or written to, or the errno a POSIX call would give. */
static wasi_errno_t descriptor_for(struct process *process, uint32_t fd, uint8_t access, struct descriptor **found) {
  wasi_errno_t error = descriptor_get(process, fd, 0, found);
  if (error) return error;
  const struct description *description = (*found)->description;
  if (description->inode->type == WASI_FILETYPE_DIRECTORY) return WASI_EISDIR;
  if (!(description->access & access)) return WASI_EBADF;
  uint64_t right = access == NIDUS_ACCESS_READ ? WASI_RIGHT_FD_READ : WASI_RIGHT_FD_WRITE;
  return (*found)->rights_base & right ? WASI_ESUCCESS : WASI_ENOTCAPABLE;
}

wasi_errno_t wasi_blocked(struct process *process, const struct description *description, uint32_t kind) {
  if (process->limit_hit) {
    process_end(process, NIDUS_EXIT_SIGNAL + WASI_SIGNAL_XFSZ);
    return NIDUS_WOULD_BLOCK;
  }
  if (process_take_late_signal(process)) return NIDUS_WOULD_BLOCK;
  if (description->fdflags & WASI_FDFLAG_NONBLOCK) return WASI_EAGAIN;
  uint32_t clock = process->call.read_deadline < NIDUS_NO_DEADLINE ? NIDUS_WAIT_CLOCK : 0;
  wasi_errno_t error = process_block(process, kind | clock, process->call.read_deadline);
  if (error == NIDUS_WOULD_BLOCK) wake_sleep(process, inode_channel(description->inode, kind));
  return error;
}

/* Files make wait even who has asked not to: what they wait for comes by itself. */
wasi_errno_t wasi_file_blocked(struct process *process, const struct description *description) {
  return process_block(process, description->inode->fs->blocked, NIDUS_NO_DEADLINE);
}

wasi_errno_t wasi_transfer_end(struct process *process, const struct transfer *transfer, wasi_errno_t error,
                               uint32_t count_out) {
  if (error && transfer->done == 0) return error;
  if (transfer->fault && transfer->done == 0) return WASI_EFAULT;
  return guest_write_u32(process, count_out, transfer->done) ? WASI_ESUCCESS : WASI_EFAULT;
}

static bool has_offset(const struct description *description) {
  return description->inode->type == WASI_FILETYPE_REGULAR_FILE;
}

/* Lets a write end where the process's files must. */
static wasi_errno_t keep_file_size(struct process *process, struct transfer *transfer, uint64_t offset) {
  uint64_t limit = process->file_size_limit;
  if (offset >= limit) return transfer_run(transfer) > 0 ? WASI_EFBIG : WASI_ESUCCESS;
  if (limit - offset < transfer->most) transfer->most = (uint32_t)(limit - offset);
  return WASI_ESUCCESS;
}

/* The end of a write. What goes to a file that was opened with dsync or sync is stored when the call answers; made
 * again while it waits for that, it does not write again, since `call.written` says what it has written. */
static wasi_errno_t write_end(struct process *process, const struct descriptor *descriptor, struct transfer *transfer,
                              wasi_errno_t error, uint32_t nwritten_out) {
  struct description *description = descriptor->description;
  uint32_t synchronous = description->fdflags & (WASI_FDFLAG_DSYNC | WASI_FDFLAG_SYNC);
  process->call.written = 0;
  if (synchronous && transfer->done > 0 && has_offset(description)) {
    bool data_only = !(synchronous & WASI_FDFLAG_SYNC);
    error = description->inode->ops->sync(description, data_only, &process->call.flush_awaited);
    if (error == NIDUS_WOULD_BLOCK) {
      process->call.written = transfer->done;
      return process_block(process, NIDUS_WAIT_FLUSH, NIDUS_NO_DEADLINE);
    }
    if (error) return error;
  }
  return wasi_transfer_end(process, transfer, error, nwritten_out);
}

/* What every write begins with. *again: it has written, and waits for that to be stored. */
static wasi_errno_t write_start(struct process *process, uint32_t fd, uint32_t iovs, uint32_t iovs_len,
                                struct descriptor **descriptor, struct transfer *transfer, bool *again) {
  wasi_errno_t error = descriptor_for(process, fd, NIDUS_ACCESS_WRITE, descriptor);
  if (!error) error = transfer_start(transfer, process, iovs, iovs_len);
  *again = !error && process->call.written > 0;
  if (*again) transfer->done = process->call.written;
  if (error && process->call.written > 0) { /* another thread has closed it meanwhile */
    process->call.written = 0;
    process->call.flush_awaited = 0;
  }
  return error;
}

wasi_errno_t wasi_fd_read(struct process *process, uint32_t fd, uint32_t iovs, uint32_t iovs_len,
                          uint32_t nread_out) {
  struct descriptor *descriptor;
  struct transfer transfer;
  wasi_errno_t error = descriptor_for(process, fd, NIDUS_ACCESS_READ, &descriptor);
  if (!error) error = transfer_start(&transfer, process, iovs, iovs_len);
  if (error) return error;
  struct description *description = descriptor->description;
  error = description->inode->ops->read(description, &transfer, description->offset);
  if (error == NIDUS_WOULD_BLOCK && has_offset(description)) return wasi_file_blocked(process, description);
  if (error == NIDUS_WOULD_BLOCK) return wasi_blocked(process, description, NIDUS_WAIT_READABLE);
  if (has_offset(description)) description->offset += transfer.done;
  return wasi_transfer_end(process, &transfer, error, nread_out);
}

wasi_errno_t wasi_fd_write(struct process *process, uint32_t fd, uint32_t iovs, uint32_t iovs_len,
                           uint32_t nwritten_out) {
  struct descriptor *descriptor;
  struct transfer transfer;
  bool again;
  wasi_errno_t error = write_start(process, fd, iovs, iovs_len, &descriptor, &transfer, &again);
  if (error) return error;
  if (again) return write_end(process, descriptor, &transfer, error, nwritten_out);
  struct description *description = descriptor->description;
  struct inode *inode = description->inode;
  uint64_t offset = description->offset;
  if ((description->fdflags & WASI_FDFLAG_APPEND) && has_offset(description)) {
    if (inode->ops->refresh) {
      error = inode->ops->refresh(inode);
      if (error) return error;
    }
    offset = inode->size;
  }
  if (has_offset(description)) error = keep_file_size(process, &transfer, offset);
  if (error) return error;
  error = inode->ops->write(description, &transfer, offset);
  if (error == NIDUS_WOULD_BLOCK && has_offset(description)) return wasi_file_blocked(process, description);
  if (error == NIDUS_WOULD_BLOCK) return wasi_blocked(process, description, NIDUS_WAIT_WRITABLE);
  if (error == WASI_EPIPE && inode_is_channel(inode)) {
    process_signal(process, SIGNAL_PIPE);
    if (process->exit_code >= 0) return NIDUS_WOULD_BLOCK; /* to a call that is never made again */
  }
  if (has_offset(description) && transfer.done > 0) description->offset = offset + transfer.done;
  return write_end(process, descriptor, &transfer, error, nwritten_out);
}

static wasi_errno_t positioned(const struct descriptor *descriptor, uint64_t offset) {
  if (!has_offset(descriptor->description)) return WASI_ESPIPE;
  if (!(descriptor->rights_base & WASI_RIGHT_FD_SEEK)) return WASI_ENOTCAPABLE;
  return offset > INT64_MAX ? WASI_EINVAL : WASI_ESUCCESS;
}

wasi_errno_t wasi_fd_pread(struct process *process, uint32_t fd, uint32_t iovs, uint32_t iovs_len, uint64_t offset,
                           uint32_t nread_out) {
  struct descriptor *descriptor;
  struct transfer transfer;
  wasi_errno_t error = descriptor_for(process, fd, NIDUS_ACCESS_READ, &descriptor);
  if (!error) error = positioned(descriptor, offset);
  if (!error) error = transfer_start(&transfer, process, iovs, iovs_len);
  if (error) return error;
  error = descriptor->description->inode->ops->read(descriptor->description, &transfer, offset);
  if (error == NIDUS_WOULD_BLOCK) return wasi_file_blocked(process, descriptor->description);
  return wasi_transfer_end(process, &transfer, error, nread_out);
}

wasi_errno_t wasi_fd_pwrite(struct process *process, uint32_t fd, uint32_t iovs, uint32_t iovs_len, uint64_t offset,
                            uint32_t nwritten_out) {
  struct descriptor *descriptor;
  struct transfer transfer;
  bool again;
  wasi_errno_t error = write_start(process, fd, iovs, iovs_len, &descriptor, &transfer, &again);
  if (error) return error;
  if (again) return write_end(process, descriptor, &transfer, error, nwritten_out);
  error = positioned(descriptor, offset);
  if (!error) error = keep_file_size(process, &transfer, offset);
  if (error) return error;
  error = descriptor->description->inode->ops->write(descriptor->description, &transfer, offset);
  if (error == NIDUS_WOULD_BLOCK) return wasi_file_blocked(process, descriptor->description);
  return write_end(process, descriptor, &transfer, error, nwritten_out);
}

/* ---- readdir ---- */

/* Bytes on their way to the guest's buffer, gathered so that a folder costs few copies. */
struct listing_out {
  struct process *process;
  uint8_t *bounce;
  uint32_t gathered;
  uint32_t at;   /* guest address */
  uint32_t left; /* room in the guest's buffer, what is gathered taken off */
};

static bool listing_flush(struct listing_out *out) {
  if (out->gathered == 0) return true;
  if (!guest_write(out->process, out->at, out->bounce, out->gathered)) return false;
  out->at += out->gathered;
  out->gathered = 0;
  return true;
}

/* Puts as much of the bytes as fits. */
static bool listing_put(struct listing_out *out, const void *bytes, uint32_t length) {
  if (length > out->left) length = out->left;
  if (length > BOUNCE_SIZE - out->gathered && !listing_flush(out)) return false;
  memcpy(out->bounce + out->gathered, bytes, length);
  out->gathered += length;
  out->left -= length;
  return true;
}

/* The first entry at or after `cookie`: ".", "..", then what the folder holds. */
static wasi_errno_t entry_at(struct description *description, uint64_t cookie, struct entry_view *view, bool *found) {
  struct inode *folder = description->inode;
  *found = folder->nlink > 0; /* removed while open: it has no entries, as for readdir(3) */
  if (!*found) return WASI_ESUCCESS;
  view->type = WASI_FILETYPE_DIRECTORY;
  view->next = cookie + 1;
  if (cookie == 0) {
    view->ino = folder->ino;
    view->name = (struct name){".", 1};
    return WASI_ESUCCESS;
  }
  if (cookie == 1) {
    view->ino = folder->parent ? folder->parent->ino : folder->ino;
    view->name = (struct name){"..", 2};
    return WASI_ESUCCESS;
  }
  return folder->ops->next_entry(description, cookie, view, found);
}

/* dirent: d_next, d_ino u64; d_namlen u32; d_type u8; 24 bytes, then the name. An entry that does not
 * fit is cut off: the guest sees a full buffer and asks again. */
wasi_errno_t wasi_fd_readdir(struct process *process, uint32_t fd, uint32_t buf, uint32_t buf_len, uint64_t cookie,
                             uint32_t bufused_out) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  struct description *description = descriptor->description;
  if (description->inode->type != WASI_FILETYPE_DIRECTORY) return WASI_ENOTDIR;
  if (!(descriptor->rights_base & WASI_RIGHT_FD_READDIR)) return WASI_ENOTCAPABLE;
  struct listing_out out = {.process = process, .bounce = process->system->bounce, .at = buf, .left = buf_len};
  while (out.left > 0) {
    struct entry_view view;
    bool found;
    error = entry_at(description, cookie, &view, &found);
    if (error) return error;
    if (!found) break;
    uint8_t header[24] = {0};
    memcpy(header, &view.next, 8);
    memcpy(header + 8, &view.ino, 8);
    memcpy(header + 16, &view.name.length, 4);
    header[20] = view.type;
    if (!listing_put(&out, header, sizeof header)) return WASI_EFAULT;
    if (!listing_put(&out, view.name.bytes, view.name.length)) return WASI_EFAULT;
    cookie = view.next;
  }
  if (!listing_flush(&out)) return WASI_EFAULT;
  return guest_write_u32(process, bufused_out, buf_len - out.left) ? WASI_ESUCCESS : WASI_EFAULT;
}

/*
 * fs_file.c: contents of files, for the host.
 */
#include <stdlib.h>
#include <string.h>

#include "fs_call.h"
#include "guest.h"
#include "system.h"

/* The most that one read answers, and what copying moves at a time. */
enum { READ_LIMIT = 256 * 1024, COPY_SIZE = 64 * 1024, END_ROOM = 4096 };

/* ---- the kernel's own memory as the memory of a process ---- */

#ifndef __wasm__

static uint32_t copy_in(void *context, void *kernel, uint64_t at, uint32_t length) {
  memcpy(kernel, (const char *)context + at, length);
  return 0;
}

static uint32_t copy_out(void *context, uint64_t at, const void *kernel, uint32_t length) {
  memcpy((char *)context + at, kernel, length);
  return 0;
}

#endif

/* Makes a transfer of one run: `bytes`. `own` is its process, for as long as the transfer lasts. */
static wasi_errno_t transfer_own(struct transfer *transfer, struct process *own, struct nidus_system *system,
                                 void *bytes, uint32_t length) {
  *own = *system_process(system, 1);
  wasi_errno_t error = transfer_start(transfer, own, 0, 0);
#ifdef __wasm__
  transfer->batch[0][0] = (uint32_t)bytes;
#else
  own->memory = (struct nidus_guest_memory){bytes, copy_in, copy_out};
  transfer->batch[0][0] = 0;
#endif
  transfer->batch[0][1] = length;
  transfer->fetched = 1;
  return error;
}

static bool is_file(const struct description *description) {
  return description->inode->type == WASI_FILETYPE_REGULAR_FILE;
}

wasi_errno_t fs_move(struct description *description, struct nidus_system *system, bool writes, uint64_t offset,
                     void *bytes, uint32_t length, uint32_t *done) {
  struct transfer transfer;
  struct process own;
  wasi_errno_t error = transfer_own(&transfer, &own, system, bytes, length);
  if (error) return error;
  const struct inode_ops *ops = description->inode->ops;
  error = (writes ? ops->write : ops->read)(description, &transfer, offset);
  *done = transfer.done;
  /* What waits for a stream is another matter than what waits for a file's contents. */
  if (error == NIDUS_WOULD_BLOCK && !is_file(description)) error = WASI_EAGAIN;
  return *done > 0 ? WASI_ESUCCESS : error;
}

/* `written` says how many bytes were, also where it fails. */
static wasi_errno_t write_all(struct description *description, struct nidus_system *system, uint64_t offset,
                              char *bytes, uint32_t length, uint32_t *written) {
  *written = 0;
  for (uint32_t at = 0, done; at < length; *written = at += done) {
    wasi_errno_t error = fs_move(description, system, true, offset + at, bytes + at, length - at, &done);
    if (error) return error;
    if (done == 0) return WASI_EIO;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t refresh(struct inode *inode) {
  return inode->ops->refresh ? inode->ops->refresh(inode) : WASI_ESUCCESS;
}

/* ---- open and close ---- */

/* node's flags: r, w or a, then + (both ways) and x (fail if it is there). */
static bool flags_of(const struct name *text, struct opening *opening) {
  char how = text->length > 0 ? text->bytes[0] : 0;
  if (how == 'r') {
    opening->access = NIDUS_ACCESS_READ;
  } else if (how == 'w' || how == 'a') {
    opening->access = NIDUS_ACCESS_WRITE;
    opening->oflags = WASI_OFLAG_CREAT | (how == 'w' ? WASI_OFLAG_TRUNC : 0);
    opening->fdflags = how == 'a' ? WASI_FDFLAG_APPEND : 0;
  } else {
    return false;
  }
  for (uint32_t i = 1; i < text->length; i++) {
    if (text->bytes[i] == '+') {
      opening->access |= NIDUS_ACCESS_READ | NIDUS_ACCESS_WRITE;
    } else if (text->bytes[i] == 'x' && how != 'r') {
      opening->oflags |= WASI_OFLAG_EXCL;
    } else {
      return false;
    }
  }
  return true;
}

/* Opens a file; one that is made gets `mode`, if it is one (fs_mode). */
static wasi_errno_t open_at(struct fs_call *call, const struct name *path, const struct opening *opening, double mode,
                            struct description **opened) {
  struct path_walk walk;
  uint32_t flags = tree_open_flags(opening->oflags, true), bits;
  wasi_errno_t error = fs_walk(call, &walk, path, flags);
  if (error) return error;
  bool made = !walk.inode;
  *opened = description_create();
  error = *opened ? tree_open(&walk, opening, *opened) : WASI_ENOMEM;
  if (!error && made && fs_mode(mode, &bits)) {
    error = fs_set_new_mode(walk.inode, bits);
    if (error) description_drop(*opened);
  }
  path_walk_end(&walk);
  return error;
}

wasi_errno_t fs_open(struct fs_call *call) {
  struct opening opening = {.may_create = true};
  if (!flags_of(&call->second, &opening)) return WASI_EINVAL;
  struct process *process = system_process(call->system, 1);
  /* All that may run out is taken first, so that no file is made or emptied by a call that fails. */
  wasi_errno_t error = descriptor_reserve(process);
  struct description *description;
  if (!error) error = open_at(call, &call->path, &opening, call->x, &description);
  if (error) return error;
  uint32_t fd;
  uint64_t rights = rights_of(description->inode, opening.access);
  error = descriptor_add(process, 0, description, rights, 0, &fd);
  if (error) {
    description_drop(description);
    return error;
  }
  call->kind = FS_NUMBER + fd;
  return WASI_ESUCCESS;
}

/* Whose descriptors are meant. */
static struct process *owner_of(const struct fs_call *call) {
  return system_process(call->system, call->options ? call->options : 1);
}

/* The number that was given as a descriptor. */
static wasi_errno_t descriptor_given(const struct fs_call *call, struct description **description) {
  struct descriptor *descriptor;
  struct process *owner = owner_of(call);
  if (!owner || !(call->x >= 0 && call->x < DESCRIPTOR_LIMIT)) return WASI_EBADF;
  wasi_errno_t error = descriptor_get(owner, (uint32_t)call->x, 0, &descriptor);
  if (!error) *description = descriptor->description;
  return error;
}

wasi_errno_t fs_close(struct fs_call *call) {
  struct description *description;
  wasi_errno_t error = descriptor_given(call, &description);
  return error ? error : descriptor_close(owner_of(call), (uint32_t)call->x);
}

/* ---- read and write ---- */

static wasi_errno_t usable(const struct fs_call *call, uint8_t access, struct description **description) {
  wasi_errno_t error = descriptor_given(call, description);
  if (error) return error;
  if ((*description)->inode->type == WASI_FILETYPE_DIRECTORY) return WASI_EISDIR;
  return (*description)->access & access ? WASI_ESUCCESS : WASI_EBADF;
}

wasi_errno_t fs_read(struct fs_call *call) {
  struct description *description;
  wasi_errno_t error = usable(call, NIDUS_ACCESS_READ, &description);
  if (!error) error = refresh(description->inode);
  if (error) return error;
  uint32_t length = call->y >= 0 && call->y < READ_LIMIT ? (uint32_t)call->y : READ_LIMIT;
  uint64_t offset = description->offset, size = description->inode->size;
  /* No more room than there is to read; some, since a file may say less than it has (the host's /proc). */
  uint64_t left = is_file(description) ? (size > offset ? size - offset : 0) : READ_LIMIT;
  if (left < END_ROOM) left = END_ROOM;
  if (length > left) length = (uint32_t)left;
  if (!reply_room(call->answer, length + 1)) return WASI_ENOMEM; /* an address, even for nothing */
  uint32_t done = 0;
  error = fs_move(description, call->system, false, offset, call->answer->bytes + call->answer->length, length, &done);
  if (error) return error;
  if (is_file(description)) description->offset += done;
  call->answer->length += done;
  call->kind = FS_NUMBER + done;
  return WASI_ESUCCESS;
}

wasi_errno_t fs_write(struct fs_call *call) {
  struct description *description;
  wasi_errno_t error = usable(call, NIDUS_ACCESS_WRITE, &description);
  if (error) return error;
  uint64_t offset = description->offset;
  if ((description->fdflags & WASI_FDFLAG_APPEND) && is_file(description)) {
    error = refresh(description->inode);
    if (error) return error;
    offset = description->inode->size;
  }
  /* It is only read: transfers have one direction of const. */
  char *bytes = (char *)(uintptr_t)call->second.bytes;
  uint32_t written;
  error = write_all(description, call->system, offset, bytes, call->second.length, &written);
  if (written == 0 && error) return error;
  if (is_file(description)) description->offset = offset + written;
  call->kind = FS_NUMBER + written;
  return WASI_ESUCCESS;
}

wasi_errno_t fs_truncate(struct fs_call *call) {
  static const struct opening opening = {.access = NIDUS_ACCESS_READ | NIDUS_ACCESS_WRITE};
  double size = call->x == call->x ? call->x : 0;
  if (!(size >= 0 && size < 9007199254740992.0)) return WASI_EINVAL;
  struct description *description;
  wasi_errno_t error = open_at(call, &call->path, &opening, -1, &description);
  if (error) return error;
  call->syscall = "truncate";
  const struct inode_ops *ops = description->inode->ops;
  error = ops->truncate ? ops->truncate(description, (uint64_t)size) : WASI_EINVAL;
  description_drop(description);
  return error;
}

/* ---- copies ---- */

/* To the end of a file; of a device, which may have none, only what it says to hold. */
static wasi_errno_t copy_between(struct fs_call *call, struct description *from, struct description *to) {
  char *buffer = malloc(COPY_SIZE);
  if (!buffer) return WASI_ENOMEM;
  wasi_errno_t error = WASI_ESUCCESS;
  uint64_t offset = call->copied > 0 ? (uint64_t)call->copied : 0;
  for (uint32_t done = 0, written = 0; !error && (is_file(from) || offset < from->inode->size); offset += written) {
    error = fs_move(from, call->system, false, offset, buffer, COPY_SIZE, &done);
    written = 0;
    if (error || done == 0) break;
    error = write_all(to, call->system, offset, buffer, done, &written);
  }
  free(buffer);
  call->copied = (double)offset;
  return error;
}

/* The same file under both names stays as it is: opening the second would empty it. */
static wasi_errno_t copy_from(struct fs_call *call, struct inode *source, const struct name *from,
                              const struct name *to, bool exclusive) {
  if (source->type == WASI_FILETYPE_DIRECTORY) return WASI_EISDIR;
  struct path_walk walk;
  bool begun = call->copied >= 0;
  if (!exclusive && !begun && !fs_walk(call, &walk, to, WALK_FOLLOW)) {
    bool same = walk.inode == source || (walk.inode->fs == source->fs && walk.inode->ino == source->ino);
    path_walk_end(&walk);
    if (same) return WASI_ESUCCESS;
  }
  static const struct opening reading = {.access = NIDUS_ACCESS_READ};
  struct opening writing = {.access = NIDUS_ACCESS_WRITE, .may_create = true};
  if (!begun) writing.oflags = WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC | (exclusive ? WASI_OFLAG_EXCL : 0);
  struct description *input, *output;
  wasi_errno_t error = open_at(call, from, &reading, -1, &input);
  if (error) return error;
  error = open_at(call, to, &writing, -1, &output);
  if (!error) {
    error = copy_between(call, input, output);
    if (!error) error = refresh(source);
    if (!error) error = fs_set_new_mode(output->inode, source->mode);
    description_drop(output);
  }
  description_drop(input);
  return error;
}

wasi_errno_t fs_copy_contents(struct fs_call *call, const struct name *from, const struct name *to,
                              bool exclusive) {
  struct path_walk walk;
  fs_about(call, "copyfile", from, to);
  wasi_errno_t error = fs_walk(call, &walk, from, WALK_FOLLOW);
  if (error) return error;
  struct inode *source = inode_hold(walk.inode);
  path_walk_end(&walk);
  error = copy_from(call, source, from, to, exclusive);
  inode_drop(source);
  return error;
}

wasi_errno_t fs_copy_file(struct fs_call *call) {
  return fs_copy_contents(call, &call->path, &call->second, call->x == 1);
}

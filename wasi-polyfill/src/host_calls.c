/*
 * host_calls.c: what the embedder does to processes, descriptors and files from outside.
 */
#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "host.h"
#include "mem.h"
#include "process_signal.h"
#include "system.h"
#include "tree.h"

#ifndef __wasm__
int32_t nidus_process_memory(struct nidus_system *system, uint32_t pid, struct nidus_guest_memory memory) {
  struct process *process = system_process(system, pid);
  if (!process) return -WASI_ESRCH;
  process->memory = memory;
  return 0;
}
#endif

static int64_t now(struct nidus_system *system) { return (int64_t)host_clock(system, WASI_CLOCK_MONOTONIC); }

int32_t nidus_process_exit_code(struct nidus_system *system, uint32_t pid) {
  struct process *process = system_process(system, pid);
  if (!process) return -WASI_ESRCH;
  if (process->time_limit < NIDUS_NO_DEADLINE && process->time_limit <= now(system)) process_end(process, NIDUS_EXIT_TIME);
  return process->exit_code;
}

void nidus_process_end(struct nidus_system *system, uint32_t pid, int32_t code) {
  struct process *process = system_process(system, pid);
  if (process && pid != 1) process_end(process, code);
}

int32_t nidus_wait_kinds(struct nidus_system *system, uint32_t pid) {
  struct process *process = system_process(system, pid);
  if (!process) return -WASI_ESRCH;
  uint32_t clock = process->time_limit < NIDUS_NO_DEADLINE ? NIDUS_WAIT_CLOCK : 0;
  return (int32_t)(process->wait_kinds | clock);
}

int64_t nidus_wait_deadline(struct nidus_system *system, uint32_t pid) {
  struct process *process = system_process(system, pid);
  return process ? process->wait_deadline : NIDUS_NO_DEADLINE;
}

int32_t nidus_process_snapshot0(struct nidus_system *system, uint32_t pid, bool older) {
  struct process *process = system_process(system, pid);
  if (!process) return -WASI_ESRCH;
  process->snapshot0 = older;
  return 0;
}

int32_t nidus_process_limit(struct nidus_system *system, uint32_t pid, uint32_t limit, uint64_t value) {
  struct process *process = system_process(system, pid);
  if (!process) return -WASI_ESRCH;
  switch (limit) {
    case NIDUS_LIMIT_DESCRIPTORS:
      process->descriptor_limit = value < DESCRIPTOR_LIMIT ? (uint32_t)value : DESCRIPTOR_LIMIT;
      return 0;
    case NIDUS_LIMIT_FILE_SIZE:
      process->file_size_limit = value;
      return 0;
    case NIDUS_LIMIT_OUTPUT:
      process->output_left = value;
      return 0;
    case NIDUS_LIMIT_TIME:
      /* What is longer than a year is for ever. */
      process->time_limit = value < 31536000000 ? now(system) + (int64_t)value * 1000000 : NIDUS_NO_DEADLINE;
      return 0;
    case NIDUS_LIMIT_PROCESSES:
      process->most_processes = value < PROCESS_LIMIT ? (uint32_t)value : PROCESS_LIMIT;
      process->counted = pid;
      return 0;
    default:
      return -WASI_EINVAL;
  }
}

int32_t nidus_process_signal(struct nidus_system *system, uint32_t pid, uint32_t signal) {
  struct process *process = system_process(system, pid);
  if (!process || pid == 1) return -WASI_ESRCH;
  if (signal > SIGNAL_LAST) return -WASI_EINVAL;
  process_signal(process, signal);
  return 0;
}

int32_t nidus_process_limit_hit(struct nidus_system *system, uint32_t pid) {
  struct process *process = system_process(system, pid);
  return process ? process->limit_hit : -WASI_ESRCH;
}

int32_t nidus_mount_limit(struct nidus_system *system, uint32_t mount, uint64_t bytes) {
  struct filesystem *fs = system_mount(system, mount);
  if (!fs || !mem_is(fs)) return -WASI_EINVAL;
  ((struct mem_filesystem *)fs)->space_limit = bytes;
  return 0;
}

double nidus_wait_time(struct nidus_system *system, uint32_t pid) {
  const double longest = INT32_MAX; /* of a JavaScript timer */
  struct process *process = system_process(system, pid);
  if (!process) return longest;
  int64_t deadline = process->wait_kinds & NIDUS_WAIT_CLOCK ? process->wait_deadline : NIDUS_NO_DEADLINE;
  if (deadline > process->time_limit) deadline = process->time_limit;
  int64_t left = deadline - now(system);
  if (left <= 0) return 0;
  double milliseconds = (double)((left - 1) / 1000000 + 1);
  return milliseconds < longest ? milliseconds : longest;
}

int32_t nidus_process_finish(struct nidus_system *system, uint32_t pid) {
  struct process *process = system_process(system, pid);
  if (!process || pid == 1) return -WASI_ESRCH;
  int32_t code = process->limit_hit ? NIDUS_EXIT_LIMIT : process->exit_code;
  if (process->limit_hit) process->exit_code = NIDUS_EXIT_LIMIT;
  process_end(process, 0);
  if (!process->finished) family_finish(process);
  return code;
}

/* ---- descriptors ---- */

static int32_t place(struct process *process, uint32_t fd, struct description *description, uint64_t inheriting) {
  uint64_t rights = rights_of(description->inode, description->access);
  wasi_errno_t error = descriptor_place(process, fd, description, rights, inheriting);
  if (error) description_drop(description);
  return -(int32_t)error;
}

int32_t nidus_fd_stream(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t stream, uint32_t flags) {
  struct process *process = system_running(system, pid);
  if (!process) return -WASI_ESRCH;
  struct inode *inode = stream_inode_create(system, stream, flags);
  if (!inode) return -WASI_ENOMEM;
  const uint32_t reads = NIDUS_STREAM_READABLE | NIDUS_STREAM_LISTENER; /* whose connections can be waited for */
  uint8_t access = (flags & reads ? NIDUS_ACCESS_READ : 0) |
                   (flags & NIDUS_STREAM_WRITABLE ? NIDUS_ACCESS_WRITE : 0);
  struct description *description;
  wasi_errno_t error = description_open(inode, access, 0, false, &description);
  return error ? -(int32_t)error : place(process, fd, description, 0);
}

int32_t nidus_fd_open(struct nidus_system *system, uint32_t pid, uint32_t fd, const char *path, uint32_t length,
                      uint32_t oflags, uint32_t fdflags, uint32_t access) {
  struct process *process = system_running(system, pid);
  if (!process) return -WASI_ESRCH;
  struct opening opening = {oflags, (uint16_t)(fdflags & WASI_FDFLAG_ALL), (uint8_t)access, true};
  struct path_walk walk;
  wasi_errno_t error = path_walk_host(&walk, system, path, length, tree_open_flags(oflags, true));
  if (error) return -(int32_t)error;
  struct description *description = description_create();
  error = description ? tree_open(&walk, &opening, description) : WASI_ENOMEM;
  path_walk_end(&walk);
  if (error) return -(int32_t)error;
  bool folder = description->inode->type == WASI_FILETYPE_DIRECTORY;
  return place(process, fd, description, folder ? RIGHTS_DIRECTORY_INHERITING : 0);
}

#define READ_ONLY_RIGHTS                                                                                         \
  (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_FDSTAT_SET_FLAGS |                \
   WASI_RIGHT_FD_ADVISE | WASI_RIGHT_PATH_OPEN | WASI_RIGHT_FD_READDIR | WASI_RIGHT_PATH_READLINK |               \
   WASI_RIGHT_PATH_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_POLL_FD_READWRITE)

int32_t nidus_fd_preopen(struct nidus_system *system, uint32_t pid, const char *path, uint32_t length,
                         const char *name, uint32_t name_length, uint32_t flags) {
  struct process *process = system_running(system, pid);
  if (!process) return -WASI_ESRCH;
  if (name_length >= PATH_LIMIT) return -WASI_ENAMETOOLONG;
  struct path_walk walk;
  wasi_errno_t error = path_walk_host(&walk, system, path, length, WALK_FOLLOW);
  if (error) return -(int32_t)error;
  struct inode *inode = walk.inode ? inode_hold(walk.inode) : NULL;
  path_walk_end(&walk);
  if (!inode) return -WASI_ENOENT;
  if (inode->type != WASI_FILETYPE_DIRECTORY) {
    inode_drop(inode);
    return -WASI_ENOTDIR;
  }
  struct description *description;
  error = description_open(inode, NIDUS_ACCESS_READ, 0, false, &description);
  if (error) return -(int32_t)error;
  description->climb = flags & NIDUS_PREOPEN_CLIMB;
  uint32_t fd = 0;
  uint64_t limit = flags & NIDUS_PREOPEN_READ_ONLY ? READ_ONLY_RIGHTS : WASI_RIGHT_ALL;
  error = description_name(description, name, name_length);
  if (!error) error = descriptor_add(process, 3, description, rights_of(inode, 0) & limit, limit, &fd);
  if (error) description_drop(description);
  return error ? -(int32_t)error : (int32_t)fd;
}

int32_t nidus_fd_share(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t from_pid, uint32_t from_fd) {
  struct process *process = system_running(system, pid), *from = system_running(system, from_pid);
  if (!process || !from) return -WASI_ESRCH;
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(from, from_fd, 0, &descriptor);
  if (error) return -(int32_t)error;
  struct description *description = descriptor->description;
  description->references++;
  error = descriptor_place(process, fd, description, descriptor->rights_base, descriptor->rights_inheriting);
  if (error) description_drop(description);
  return -(int32_t)error;
}

int32_t nidus_fd_close(struct nidus_system *system, uint32_t pid, uint32_t fd) {
  struct process *process = system_running(system, pid);
  return process ? -(int32_t)descriptor_close(process, fd) : -WASI_ESRCH;
}

/* ---- files ---- */

int32_t nidus_stat(struct nidus_system *system, const char *path, uint32_t length, bool follow,
                   struct nidus_stat *out) {
  struct path_walk walk;
  wasi_errno_t error = path_walk_host(&walk, system, path, length, follow ? WALK_FOLLOW : 0);
  if (error) return -(int32_t)error;
  error = walk.inode ? inode_stat(walk.inode, out) : WASI_ENOENT;
  path_walk_end(&walk);
  return -(int32_t)error;
}

int32_t nidus_chmod(struct nidus_system *system, const char *path, uint32_t length, uint32_t mode) {
  struct path_walk walk;
  wasi_errno_t error = path_walk_host(&walk, system, path, length, WALK_FOLLOW);
  if (error) return -(int32_t)error;
  error = walk.inode ? tree_set_mode(walk.inode, mode) : WASI_ENOENT;
  path_walk_end(&walk);
  return -(int32_t)error;
}

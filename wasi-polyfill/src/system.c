#include "system.h"

#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "tty.h"

struct process *system_process(struct nidus_system *system, uint32_t pid) {
  return pid < system->process_capacity ? system->processes[pid] : NULL;
}

struct process *system_running(struct nidus_system *system, uint32_t pid) {
  struct process *process = system_process(system, pid);
  return process && process->exit_code < 0 ? process : NULL;
}

uint32_t nidus_events(struct nidus_system *system) { return system->events; }

struct filesystem *system_mount(struct nidus_system *system, uint32_t number) {
  return number < system->mount_capacity ? system->mounts[number] : NULL;
}

/* ---- mounts ---- */

static int32_t mount_number(struct nidus_system *system) {
  for (uint32_t i = 0; i < system->mount_capacity; i++) {
    if (!system->mounts[i]) return (int32_t)i;
  }
  if (system->mount_capacity >= MOUNT_LIMIT) return -WASI_ENFILE;
  uint32_t capacity = system->mount_capacity ? system->mount_capacity * 2 : 8;
  struct filesystem **mounts = realloc(system->mounts, capacity * sizeof *mounts);
  if (!mounts) return -WASI_ENOMEM;
  memset(mounts + system->mount_capacity, 0, (capacity - system->mount_capacity) * sizeof *mounts);
  int32_t number = (int32_t)system->mount_capacity;
  system->mounts = mounts;
  system->mount_capacity = capacity;
  return number;
}

/* The folder at `path`, made with those above it where it is missing; referenced. */
static wasi_errno_t make_folders(struct nidus_system *system, const char *path, uint32_t length,
                                 struct inode **folder) {
  static const struct name no_target = {NULL, 0};
  uint32_t stop = 0;
  struct path_walk walk;
  for (;;) {
    while (stop < length && path[stop] == '/') stop++;
    while (stop < length && path[stop] != '/') stop++;
    if (stop == 0) return WASI_EINVAL;
    wasi_errno_t error = path_walk_host(&walk, system, path, stop, WALK_FOLLOW);
    if (error) return error;
    if (!walk.inode) {
      struct inode *parent = walk.parent;
      error = parent->fs->read_only  ? WASI_EROFS
              : !parent->ops->create ? WASI_EACCES
                                     : parent->ops->create(parent, walk.name, WASI_FILETYPE_DIRECTORY, no_target,
                                                           &walk.inode);
    } else if (walk.inode->type != WASI_FILETYPE_DIRECTORY) {
      error = WASI_ENOTDIR;
    }
    bool last = stop >= length;
    if (!error && last) *folder = inode_hold(walk.inode);
    path_walk_end(&walk);
    if (error || last) return error;
  }
}

int32_t system_add_mount(struct nidus_system *system, const char *path, uint32_t length, struct filesystem *fs) {
  struct inode *folder = NULL;
  wasi_errno_t error = length > 0 && path[0] == '/' ? make_folders(system, path, length, &folder) : WASI_EINVAL;
  int32_t number = error ? -(int32_t)error : mount_number(system);
  if (number < 0) {
    if (folder) inode_drop(folder);
    fs->destroy(fs);
    return number;
  }
  fs->number = (uint32_t)number;
  fs->mount_point = folder;
  folder->mounted = fs;
  system->mounts[number] = fs;
  return number;
}

int32_t nidus_mount_mem(struct nidus_system *system, const char *path, uint32_t length) {
  struct filesystem *fs = mem_filesystem_create(system, NULL);
  return fs ? system_add_mount(system, path, length, fs) : -WASI_ENOMEM;
}

int32_t nidus_mount_tar(struct nidus_system *system, const char *path, uint32_t length, void *archive,
                        uint32_t archive_length) {
  wasi_errno_t error = WASI_ESUCCESS;
  struct filesystem *fs = tar_filesystem_create(system, archive, archive_length, &error);
  return fs ? system_add_mount(system, path, length, fs) : -(int32_t)error;
}

int32_t nidus_mount_host(struct nidus_system *system, const char *path, uint32_t length, uint32_t host_mount,
                         uint32_t flags) {
  wasi_errno_t error = WASI_ESUCCESS;
  struct filesystem *fs = host_filesystem_create(system, host_mount, flags & NIDUS_MOUNT_READ_ONLY, &error);
  return fs ? system_add_mount(system, path, length, fs) : -(int32_t)error;
}

int32_t nidus_unmount(struct nidus_system *system, uint32_t number) {
  struct filesystem *fs = system_mount(system, number);
  if (!fs) return -WASI_EINVAL;
  if (!fs->mount_point || fs->open_descriptions > 0) return -WASI_EBUSY;
  for (uint32_t i = 0; i < system->mount_capacity; i++) {
    struct filesystem *other = system->mounts[i];
    if (other && other->mount_point && other->mount_point->fs == fs) return -WASI_EBUSY;
  }
  fs->mount_point->mounted = NULL;
  inode_drop(fs->mount_point);
  system->mounts[number] = NULL;
  fs->destroy(fs);
  return 0;
}

/* ---- the system ---- */

int32_t system_add_process(struct nidus_system *system, struct process *process) {
  /* Numbers are given out in turn, so that one is not used again soon. */
  uint32_t pid = system->next_pid;
  for (uint32_t tries = 0; tries < PROCESS_LIMIT; tries++, pid++) {
    if (pid >= PROCESS_LIMIT) pid = 2;
    if (!system_process(system, pid)) break;
    if (tries == PROCESS_LIMIT - 1) return -WASI_EAGAIN;
  }
  if (pid >= system->process_capacity) {
    uint32_t capacity = system->process_capacity ? system->process_capacity : 16;
    while (capacity <= pid) capacity *= 2;
    struct process **processes = realloc(system->processes, capacity * sizeof *processes);
    if (!processes) return -WASI_ENOMEM;
    memset(processes + system->process_capacity, 0, (capacity - system->process_capacity) * sizeof *processes);
    system->processes = processes;
    system->process_capacity = capacity;
  }
  process->pid = pid;
  if (process->group == 0) process->group = pid;
  system->processes[pid] = process;
  system->next_pid = pid + 1;
  return (int32_t)pid;
}

int32_t nidus_process_create(struct nidus_system *system, const char *argv, uint32_t argv_length, uint32_t argc,
                             const char *env, uint32_t env_length, uint32_t envc) {
  struct process *process;
  wasi_errno_t error = process_create(&process, system, argv, argv_length, argc, env, env_length, envc);
  if (error) return -(int32_t)error;
  int32_t pid = system_add_process(system, process);
  if (pid < 0) process_free(process);
  return pid;
}

void system_drop_process(struct nidus_system *system, struct process *process) {
  system->processes[process->pid] = NULL;
  process_free(process);
}

int32_t nidus_process_reap(struct nidus_system *system, uint32_t pid) {
  struct process *process = system_process(system, pid);
  if (!process || pid == 1) return -WASI_ESRCH;
  if (process->exit_code < 0) return -WASI_EBUSY;
  system_drop_process(system, process);
  return 0;
}

static bool mount_at(struct nidus_system *system, const char *path, struct filesystem *fs) {
  return fs && system_add_mount(system, path, (uint32_t)strlen(path), fs) >= 0;
}

static bool boot(struct nidus_system *system) {
  struct filesystem *root = mem_filesystem_create(system, NULL);
  if (!root) return false;
  int32_t number = mount_number(system);
  if (number < 0) {
    root->destroy(root);
    return false;
  }
  root->number = (uint32_t)number;
  system->mounts[number] = root;
  system->root = inode_hold(root->root);
  struct inode *tmp = NULL;
  if (make_folders(system, "/tmp", 4, &tmp)) return false;
  inode_drop(tmp);
  if (!mount_at(system, "/dev", device_filesystem_create(system))) return false;
  system->next_pid = 1;
  if (nidus_process_create(system, "nidus", 6, 1, NULL, 0, 0) != 1) return false;
  return nidus_fd_preopen(system, 1, "/", 1, "/", 1, NIDUS_PREOPEN_CLIMB) == 3;
}

struct nidus_system *nidus_system_create(const struct nidus_host *host) {
  struct nidus_system *system = calloc(1, sizeof *system);
  if (!system) return NULL;
  system->host = host;
  system->bounce = malloc(BOUNCE_SIZE);
  if (system->bounce && boot(system)) return system;
  nidus_system_destroy(system);
  return NULL;
}

void nidus_system_destroy(struct nidus_system *system) {
  if (!system) return;
  for (uint32_t i = 0; i < system->process_capacity; i++) {
    if (system->processes[i]) process_free(system->processes[i]);
  }
  while (system->ttys) inode_drop(&system->ttys->base); /* those that the host has not closed */
  if (system->root) inode_drop(system->root);
  /* What is mounted on others goes first; the root has no mount point and goes last. */
  for (bool unmounted = true; unmounted;) {
    unmounted = false;
    for (uint32_t i = 0; i < system->mount_capacity; i++) {
      if (system->mounts[i] && system->mounts[i]->mount_point && nidus_unmount(system, i) == 0) unmounted = true;
    }
  }
  for (uint32_t i = 0; i < system->mount_capacity; i++) {
    if (system->mounts[i]) system->mounts[i]->destroy(system->mounts[i]);
  }
  free(system->processes);
  free(system->mounts);
  free(system->bounce);
  free(system);
}

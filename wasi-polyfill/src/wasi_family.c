/*
 * wasi_family.c: the calls of module `nidus_process`: children, groups, signals, the working folder, pipes and copies of
 * descriptors. nidus/process.h describes them for programs.
 */
#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "fs.h"
#include "handlers.h"
#include "nidus/process_abi.h"
#include "process_signal.h"
#include "program.h"
#include "wake.h"

_Static_assert(sizeof(struct nidus_spawn_request) == 40, "nidus/process_abi.h");

/* ---- copies of descriptors ---- */

static wasi_errno_t put_copy(struct process *process, const struct descriptor *from, uint32_t to) {
  struct descriptor copy = *from; /* the table may move */
  copy.description->references++;
  wasi_errno_t error = descriptor_place(process, to, copy.description, copy.rights_base, copy.rights_inheriting);
  if (error) description_drop(copy.description);
  return error;
}

wasi_errno_t wasi_fd_dup(struct process *process, uint32_t fd, uint32_t copy_out) {
  struct descriptor *found;
  uint32_t to;
  wasi_errno_t error = descriptor_get(process, fd, 0, &found);
  if (error) return error;
  struct descriptor copy = *found;
  copy.description->references++;
  error = descriptor_add(process, 0, copy.description, copy.rights_base, copy.rights_inheriting, &to);
  if (error) {
    description_drop(copy.description);
    return error;
  }
  if (guest_write_u32(process, copy_out, to)) return WASI_ESUCCESS;
  return descriptor_close(process, to) ? WASI_EBADF : WASI_EFAULT;
}

wasi_errno_t wasi_fd_dup2(struct process *process, uint32_t fd, uint32_t to) {
  struct descriptor *found;
  wasi_errno_t error = descriptor_get(process, fd, 0, &found);
  return error || fd == to ? error : put_copy(process, found, to);
}

wasi_errno_t wasi_fd_pipe(struct process *process, uint32_t fds_out) {
  const uint32_t before[2] = {0, 0};
  uint32_t fds[2];
  if (!guest_write(process, fds_out, before, sizeof before)) return WASI_EFAULT;
  wasi_errno_t error = descriptor_reserve_two(process, fds);
  if (error) return error;
  int32_t result = nidus_fd_pipe(process->system, process->pid, fds[0], process->pid, fds[1]);
  if (result < 0) return (wasi_errno_t)-result;
  return guest_write(process, fds_out, fds, sizeof fds) ? WASI_ESUCCESS : WASI_EFAULT;
}

/* ---- the working folder ---- */

/* The preopen that the program knows as ".": what a relative path begins at. NULL when it has none, or may not
 * leave it. */
static struct descriptor *cwd_descriptor(struct process *process) {
  for (uint32_t fd = 3; process->cwd && fd < process->descriptor_count; fd++) {
    const struct description *description = process->descriptors[fd].description;
    if (description && description->climb && description->preopen && strcmp(description->preopen, ".") == 0) {
      return &process->descriptors[fd];
    }
  }
  return NULL;
}

/* What a path of the guest's means, absolute, and with a NUL behind it. */
static wasi_errno_t absolute(struct process *process, char path[PATH_LIMIT], const char *given, uint32_t length) {
  if (!cwd_descriptor(process)) return WASI_ENOTCAPABLE;
  return path_join(path, process->cwd, given, length) > 0 ? WASI_ESUCCESS : WASI_ENAMETOOLONG;
}

/* The path without symbolic links, "." and "..", with a NUL behind it. */
static wasi_errno_t real_path(struct nidus_system *system, const char *path, char real[PATH_LIMIT]) {
  struct reply reply = {0};
  uint32_t length = (uint32_t)strlen(path);
  int32_t kind = fs_perform(system, FS_REALPATH, path, length, 0, 0, 0, 0, &reply);
  if (kind >= 0) {
    memcpy(real, reply.bytes, reply.length); /* shorter than PATH_LIMIT */
    real[reply.length] = 0;
  }
  free(reply.bytes);
  return kind < 0 ? (wasi_errno_t)-kind : WASI_ESUCCESS;
}

static wasi_errno_t folder_at(struct nidus_system *system, const char *path, struct inode **folder) {
  struct path_walk walk;
  wasi_errno_t error = path_walk_host(&walk, system, path, (uint32_t)strlen(path), WALK_FOLLOW);
  if (error) return error;
  if (!walk.inode) error = WASI_ENOENT;
  else if (walk.inode->type != WASI_FILETYPE_DIRECTORY) error = WASI_ENOTDIR;
  else *folder = inode_hold(walk.inode);
  path_walk_end(&walk);
  return error;
}

wasi_errno_t wasi_proc_chdir(struct process *process, uint32_t path, uint32_t path_len) {
  char given[PATH_LIMIT], joined[PATH_LIMIT], real[PATH_LIMIT];
  wasi_errno_t error = path_copy(process, given, path, path_len);
  if (!error) error = absolute(process, joined, given, path_len);
  if (!error) error = real_path(process->system, joined, real);
  if (error) return error;
  struct inode *folder;
  error = folder_at(process->system, real, &folder);
  if (error) return error;
  struct description *description;
  error = description_open(folder, NIDUS_ACCESS_READ, 0, false, &description);
  if (error) return error;
  error = description_name(description, ".", 1);
  char *cwd = process_text(real);
  if (error || !cwd) {
    free(cwd);
    description_drop(description);
    return WASI_ENOMEM;
  }
  description->climb = true;
  struct descriptor *place = cwd_descriptor(process);
  description_drop(place->description);
  place->description = description;
  free(process->cwd);
  process->cwd = cwd;
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_proc_getcwd(struct process *process, uint32_t buf, uint32_t buf_len, uint32_t length_out) {
  char real[PATH_LIMIT];
  if (!cwd_descriptor(process)) return WASI_ENOTCAPABLE;
  wasi_errno_t error = real_path(process->system, process->cwd, real);
  if (error) return error;
  uint32_t length = (uint32_t)strlen(real);
  if (!guest_write_u32(process, length_out, length)) return WASI_EFAULT;
  if (length > buf_len) return WASI_ERANGE;
  return guest_write(process, buf, real, length) ? WASI_ESUCCESS : WASI_EFAULT;
}

/* ---- spawning ---- */

/* Bytes of a request, NUL-terminated: NULL where there is no memory. */
static wasi_errno_t take_bytes(struct process *process, uint32_t at, uint32_t length, char **bytes) {
  if (length > NIDUS_SPAWN_BYTES) return WASI_E2BIG;
  *bytes = malloc(length + 1);
  if (!*bytes) return WASI_ENOMEM;
  (*bytes)[length] = 0;
  return guest_read(process, *bytes, at, length) ? WASI_ESUCCESS : WASI_EFAULT;
}

static uint32_t count_strings(const char *bytes, uint32_t length) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < length; i++) count += bytes[i] == 0;
  return count;
}

/* A folder of the parent's for the child: a description of its own, so that each may go elsewhere. */
static wasi_errno_t own_preopen(struct descriptor *descriptor) {
  struct description *from = descriptor->description, *own;
  wasi_errno_t error = description_open(inode_hold(from->inode), from->access, from->fdflags, false, &own);
  if (error) return error;
  error = description_name(own, from->preopen, from->preopen_length);
  if (error) {
    description_drop(own);
    return error;
  }
  own->climb = from->climb;
  descriptor->description = own;
  description_drop(from);
  return WASI_ESUCCESS;
}

static wasi_errno_t act(struct process *child, const struct nidus_spawn_action *action, uint64_t *kept) {
  struct descriptor *found;
  wasi_errno_t error = descriptor_get(child, action->fd, 0, &found);
  if (error) return error;
  if (action->op == NIDUS_SPAWN_CLOSE) {
    if (action->fd > 2 && found->description->preopen) return WASI_EINVAL;
    return descriptor_close(child, action->fd);
  }
  if (action->op != NIDUS_SPAWN_DUP2) return WASI_EINVAL;
  if (action->to >= 64) return WASI_EBADF;
  struct descriptor *there;
  bool taken = action->to > 2 && !descriptor_get(child, action->to, 0, &there) && there->description->preopen;
  if (taken) return WASI_EBUSY; /* the C library would take it for a folder's */
  *kept |= (uint64_t)1 << action->to;
  return action->fd == action->to ? WASI_ESUCCESS : put_copy(child, found, action->to);
}

/* Gives the child the parent's descriptors 0 to 2 and folders, and what the actions put somewhere. */
static wasi_errno_t inherit(struct process *child, struct process *parent, const struct nidus_spawn_action *actions,
                            uint32_t count) {
  wasi_errno_t error = WASI_ESUCCESS;
  uint64_t kept = 7;
  for (uint32_t fd = 0; fd < parent->descriptor_count && !error; fd++) {
    if (parent->descriptors[fd].description) error = put_copy(child, &parent->descriptors[fd], fd);
  }
  for (uint32_t i = 0; i < count && !error; i++) error = act(child, &actions[i], &kept);
  for (uint32_t fd = 3; fd < child->descriptor_count && !error; fd++) {
    struct descriptor *descriptor = &child->descriptors[fd];
    if (!descriptor->description) continue;
    if (descriptor->description->preopen) error = own_preopen(descriptor);
    else if (fd >= 64 || !(kept >> fd & 1)) error = descriptor_close(child, fd);
  }
  child->lowest_free = 0;
  return error;
}

/* Finds the file: in `path` the absolute one, empty for a name that only the host may know. */
static wasi_errno_t find(struct process *parent, const char *name, const char *env, uint32_t envc, bool search,
                         char path[PATH_LIMIT]) {
  struct nidus_stat stat;
  if (!*name) return WASI_ENOENT;
  if (!cwd_descriptor(parent)) return WASI_ENOTCAPABLE;
  if (search && !strchr(name, '/')) {
    const char *folders = "";
    for (; envc > 0; envc--, env += strlen(env) + 1) {
      if (strncmp(env, "PATH=", 5) == 0) folders = env + 5;
    }
    if (!program_search(parent->system, path, parent->cwd, name, folders, &stat)) *path = 0;
    return WASI_ESUCCESS;
  }
  wasi_errno_t error = absolute(parent, path, name, (uint32_t)strlen(name));
  if (error) return error;
  int32_t result = nidus_stat(parent->system, path, (uint32_t)strlen(path), true, &stat);
  if (result < 0) return (wasi_errno_t)-result;
  return stat.type == WASI_FILETYPE_DIRECTORY ? WASI_EACCES : WASI_ESUCCESS;
}

/* It is in the group, or a child of its is. */
static bool has_in_group(const struct process *process, uint32_t group) {
  for (uint32_t pid = 2; pid < process->system->process_capacity; pid++) {
    const struct process *member = system_process(process->system, pid);
    if (member && member->group == group && (member->parent == process->pid || member == process)) return true;
  }
  return false;
}

/* The group that the child shall be in, 0 for one of its own. */
static wasi_errno_t group_of(struct process *parent, const struct nidus_spawn_request *request, uint32_t *group) {
  *group = parent->group;
  if (request->flags & NIDUS_SPAWN_GROUP) *group = request->group;
  if (request->flags & ~(uint32_t)(NIDUS_SPAWN_SEARCH | NIDUS_SPAWN_GROUP)) return WASI_EINVAL;
  return *group == 0 || has_in_group(parent, *group) ? WASI_ESUCCESS : WASI_EPERM;
}

static wasi_errno_t make_child(struct process *parent, const struct nidus_spawn_request *request, char *const strings[3],
                               const struct nidus_spawn_action *actions, struct process **made) {
  const char *name = strings[0], *argv = strings[1], *env = strings[2];
  uint32_t argc = count_strings(argv, request->argv_len), envc = count_strings(env, request->env_len), group;
  if (argc == 0 || strlen(name) != request->path_len) return WASI_EINVAL;
  if (parent->most_processes < PROCESS_LIMIT && family_count(parent) >= parent->most_processes) return WASI_EAGAIN;
  char path[PATH_LIMIT];
  wasi_errno_t error = group_of(parent, request, &group);
  if (!error) error = process_create(made, parent->system, argv, request->argv_len, argc, env, request->env_len, envc);
  if (error) return error;
  struct process *child = *made;
  error = find(parent, name, child->env, envc, request->flags & NIDUS_SPAWN_SEARCH, path);
  if (error) return error;
  child->parent = parent->pid;
  child->group = group;
  child->ignored = parent->ignored;
  child->descriptor_limit = parent->descriptor_limit;
  child->file_size_limit = parent->file_size_limit;
  child->time_limit = parent->time_limit;
  child->output_left = parent->output_left;
  child->most_processes = parent->most_processes;
  child->counted = parent->counted;
  child->cwd = process_text(parent->cwd);
  child->name = process_text(name);
  child->path = process_text(path);
  if (!child->cwd || !child->name || !child->path) return WASI_ENOMEM;
  return inherit(child, parent, actions, request->action_count);
}

wasi_errno_t wasi_proc_spawn(struct process *process, uint32_t at, uint32_t pid_out) {
  struct nidus_spawn_request request;
  if (!guest_read(process, &request, at, sizeof request)) return WASI_EFAULT;
  if (request.action_count > NIDUS_SPAWN_ACTIONS) return WASI_E2BIG;
  struct nidus_spawn_action actions[NIDUS_SPAWN_ACTIONS];
  if (!guest_read(process, actions, request.actions, request.action_count * (uint32_t)sizeof *actions)) return WASI_EFAULT;
  if (!guest_write_u32(process, pid_out, 0)) return WASI_EFAULT;
  char *strings[3] = {NULL, NULL, NULL};
  struct process *child = NULL;
  wasi_errno_t error = take_bytes(process, request.path, request.path_len, &strings[0]);
  if (!error) error = take_bytes(process, request.argv, request.argv_len, &strings[1]);
  if (!error) error = take_bytes(process, request.env, request.env_len, &strings[2]);
  if (!error) error = make_child(process, &request, strings, actions, &child);
  for (int i = 0; i < 3; i++) free(strings[i]);
  int32_t pid = error ? 0 : system_add_process(process->system, child);
  if (pid < 0) error = (wasi_errno_t)-pid;
  if (error) {
    if (child) process_free(child);
    return error;
  }
  child->prepared = true;
  process->system->prepared++;
  process->system->events++;
  wake_host(process->system);
  return guest_write_u32(process, pid_out, (uint32_t)pid) ? WASI_ESUCCESS : WASI_EFAULT;
}

/* ---- waiting ---- */

static bool is_meant(const struct process *parent, const struct process *child, int32_t pid) {
  if (child->parent != parent->pid || child == parent) return false;
  if (pid > 0) return child->pid == (uint32_t)pid;
  if (pid == -1) return true;
  return child->group == (pid == 0 ? parent->group : (uint32_t)0 - (uint32_t)pid);
}

/* As waitpid(2) tells it: the code in the second byte, or the signal in the first; a limit's is XCPU. */
static uint32_t status_of(const struct process *child) {
  const uint32_t xcpu = 24;
  if (child->exit_code >= NIDUS_EXIT_LIMIT) return xcpu;
  if (child->exit_code >= NIDUS_EXIT_SIGNAL) return (uint32_t)child->exit_code - NIDUS_EXIT_SIGNAL;
  return (uint32_t)child->exit_code << 8;
}

wasi_errno_t wasi_proc_wait(struct process *process, uint32_t pid, uint32_t options, uint32_t pid_out,
                            uint32_t status_out) {
  struct nidus_system *system = process->system;
  bool any = false;
  if (options & ~(uint32_t)NIDUS_WAIT_NO_HANG) return WASI_EINVAL;
  for (uint32_t i = 2; i < system->process_capacity; i++) {
    struct process *child = system->processes[i];
    if (!child || !is_meant(process, child, (int32_t)pid)) continue;
    any = true;
    if (!child->finished) continue;
    if (!guest_write_u32(process, pid_out, i) || !guest_write_u32(process, status_out, status_of(child))) {
      return WASI_EFAULT;
    }
    system_drop_process(system, child);
    return WASI_ESUCCESS;
  }
  if (!any) return WASI_ECHILD;
  if (!(options & NIDUS_WAIT_NO_HANG)) return process_block(process, NIDUS_WAIT_CHILD, NIDUS_NO_DEADLINE);
  return guest_write_u32(process, pid_out, 0) ? WASI_ESUCCESS : WASI_EFAULT;
}

/* ---- numbers, groups, signals ---- */

wasi_errno_t wasi_proc_getpid(struct process *process, uint32_t pid_out, uint32_t parent_out) {
  if (!guest_write_u32(process, pid_out, process->pid)) return WASI_EFAULT;
  return guest_write_u32(process, parent_out, process->parent) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_proc_getpgid(struct process *process, uint32_t pid, uint32_t group_out) {
  const struct process *other = pid ? system_process(process->system, pid) : process;
  if (!other) return WASI_ESRCH;
  return guest_write_u32(process, group_out, other->group) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_proc_setpgid(struct process *process, uint32_t pid, uint32_t group) {
  struct process *other = pid ? system_running(process->system, pid) : process;
  if (!other || (other != process && other->parent != process->pid)) return WASI_ESRCH;
  if (group > INT32_MAX) return WASI_EINVAL;
  if (group == 0) group = other->pid;
  if (group != other->pid && !has_in_group(process, group)) return WASI_EPERM;
  other->group = group;
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_proc_kill(struct process *process, uint32_t pid, uint32_t signal) {
  struct nidus_system *system = process->system;
  int32_t target = (int32_t)pid;
  if (signal > SIGNAL_LAST) return WASI_EINVAL;
  if (target == 1) return WASI_EPERM;
  if (target > 0) {
    struct process *other = system_process(system, pid);
    if (!other) return WASI_ESRCH;
    process_signal(other, signal);
    return WASI_ESUCCESS;
  }
  if (target != -1) {
    uint32_t group = target == 0 ? process->group : (uint32_t)0 - pid;
    return process_group_signal(system, group, signal) > 0 ? WASI_ESUCCESS : WASI_ESRCH;
  }
  uint32_t count = 0;
  for (uint32_t i = 2; i < system->process_capacity; i++) {
    struct process *other = system_running(system, i);
    if (!other || other == process) continue;
    process_signal(other, signal);
    count++;
  }
  return count > 0 ? WASI_ESUCCESS : WASI_ESRCH;
}

wasi_errno_t wasi_proc_sigset(struct process *process, uint32_t signal, uint32_t disposition) {
  return process_disposition(process, signal, disposition);
}

wasi_errno_t wasi_proc_signext(struct process *process, uint32_t signal_out) {
  if (!guest_write_u32(process, signal_out, 0)) return WASI_EFAULT;
  return guest_write_u32(process, signal_out, process_take_signal(process)) ? WASI_ESUCCESS : WASI_EFAULT;
}

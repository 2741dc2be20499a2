#include "process.h"

#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "host.h"
#include "process_signal.h"
#include "wake.h"

/* ---- open descriptions ---- */

struct description *description_create(void) { return calloc(1, sizeof(struct description)); }

void description_discard(struct description *description) { free(description); }

wasi_errno_t description_start(struct description *description, struct inode *inode, uint8_t access,
                               uint16_t fdflags, bool truncate) {
  description->inode = inode;
  description->references = 1;
  description->fdflags = fdflags;
  description->access = access;
  description->host_handle = -1;
  if (inode->ops->open) {
    wasi_errno_t error = inode->ops->open(description, truncate);
    if (error) {
      inode_drop(inode);
      free(description);
      return error;
    }
  }
  if (inode->fs) inode->fs->open_descriptions++;
  return WASI_ESUCCESS;
}

wasi_errno_t description_open(struct inode *inode, uint8_t access, uint16_t fdflags, bool truncate,
                              struct description **opened) {
  *opened = description_create();
  if (*opened) return description_start(*opened, inode, access, fdflags, truncate);
  inode_drop(inode);
  return WASI_ENOMEM;
}

wasi_errno_t description_name(struct description *description, const char *name, uint32_t length) {
  description->preopen = malloc(length + 1);
  if (!description->preopen) return WASI_ENOMEM;
  memcpy(description->preopen, name, length);
  description->preopen[length] = 0;
  description->preopen_length = length;
  return WASI_ESUCCESS;
}

void description_drop(struct description *description) {
  if (--description->references > 0) return;
  struct inode *inode = description->inode;
  if (inode->ops->close) inode->ops->close(description);
  if (inode->fs) inode->fs->open_descriptions--;
  free(description->listing.bytes);
  free(description->preopen);
  inode_drop(inode);
  free(description);
}

/* ---- descriptors ---- */

static wasi_errno_t table_reach(struct process *process, uint32_t fd) {
  if (fd >= process->descriptor_limit) return WASI_EMFILE;
  if (fd < process->descriptor_count) return WASI_ESUCCESS;
  uint32_t count = process->descriptor_count ? process->descriptor_count : 8;
  while (count <= fd) count *= 2;
  struct descriptor *descriptors = realloc(process->descriptors, count * sizeof *descriptors);
  if (!descriptors) return WASI_ENOMEM;
  memset(descriptors + process->descriptor_count, 0, (count - process->descriptor_count) * sizeof *descriptors);
  process->descriptors = descriptors;
  process->descriptor_count = count;
  return WASI_ESUCCESS;
}

static void table_set(struct process *process, uint32_t fd, struct description *description, uint64_t rights_base,
                      uint64_t rights_inheriting) {
  struct descriptor *slot = &process->descriptors[fd];
  slot->description = description;
  slot->rights_base = rights_base;
  slot->rights_inheriting = rights_inheriting;
}

static uint32_t lowest_free_from(const struct process *process, uint32_t from) {
  uint32_t candidate = from > process->lowest_free ? from : process->lowest_free;
  while (candidate < process->descriptor_count && process->descriptors[candidate].description) candidate++;
  return candidate;
}

wasi_errno_t descriptor_reserve(struct process *process) {
  return table_reach(process, lowest_free_from(process, 0));
}

wasi_errno_t descriptor_reserve_two(struct process *process, uint32_t fds[2]) {
  fds[0] = lowest_free_from(process, 0);
  fds[1] = lowest_free_from(process, fds[0] + 1);
  return table_reach(process, fds[1]);
}

wasi_errno_t descriptor_add(struct process *process, uint32_t from, struct description *description,
                            uint64_t rights_base, uint64_t rights_inheriting, uint32_t *fd) {
  uint32_t candidate = lowest_free_from(process, from);
  wasi_errno_t error = table_reach(process, candidate);
  if (error) return error;
  table_set(process, candidate, description, rights_base, rights_inheriting);
  if (from <= process->lowest_free) process->lowest_free = candidate + 1;
  *fd = candidate;
  return WASI_ESUCCESS;
}

wasi_errno_t descriptor_place(struct process *process, uint32_t fd, struct description *description,
                              uint64_t rights_base, uint64_t rights_inheriting) {
  bool taken = fd < process->descriptor_count && process->descriptors[fd].description;
  wasi_errno_t error = taken ? WASI_ESUCCESS : table_reach(process, fd); /* a limit may have come since it was opened */
  if (error) return error;
  if (taken) description_drop(process->descriptors[fd].description);
  table_set(process, fd, description, rights_base, rights_inheriting);
  return WASI_ESUCCESS;
}

wasi_errno_t descriptor_close(struct process *process, uint32_t fd) {
  if (fd >= process->descriptor_count || !process->descriptors[fd].description) return WASI_EBADF;
  struct description *description = process->descriptors[fd].description;
  table_set(process, fd, NULL, 0, 0);
  if (fd < process->lowest_free) process->lowest_free = fd;
  description_drop(description);
  return WASI_ESUCCESS;
}

wasi_errno_t descriptor_get(struct process *process, uint32_t fd, uint64_t rights, struct descriptor **found) {
  if (fd >= process->descriptor_count) return WASI_EBADF;
  struct descriptor *descriptor = &process->descriptors[fd];
  if (!descriptor->description) return WASI_EBADF;
  if ((descriptor->rights_base & rights) != rights) return WASI_ENOTCAPABLE;
  *found = descriptor;
  return WASI_ESUCCESS;
}

uint64_t rights_of(const struct inode *inode, uint8_t access) {
  const uint64_t common = WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_POLL_FD_READWRITE;
  const uint64_t reading = WASI_RIGHT_FD_READ;
  const uint64_t writing = WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_SYNC;
  switch (inode->type) {
    case WASI_FILETYPE_DIRECTORY:
      return WASI_RIGHT_ALL & ~(WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL |
                                WASI_RIGHT_FD_ADVISE | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE |
                                WASI_RIGHT_SOCK_SHUTDOWN | WASI_RIGHT_SOCK_ACCEPT | WASI_RIGHT_POLL_FD_READWRITE);
    case WASI_FILETYPE_REGULAR_FILE: {
      uint64_t rights = common | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_ADVISE | WASI_RIGHT_FD_SYNC |
                        WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_FILESTAT_SET_TIMES;
      if (access & NIDUS_ACCESS_READ) rights |= reading;
      if (access & NIDUS_ACCESS_WRITE) {
        rights |= writing | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE;
      }
      return rights;
    }
    default: {
      uint64_t rights = common;
      if (inode->ops->shutdown) rights |= WASI_RIGHT_SOCK_SHUTDOWN;
      if (inode->ops->accept) rights |= WASI_RIGHT_SOCK_ACCEPT;
      if (access & NIDUS_ACCESS_READ) rights |= reading;
      if (access & NIDUS_ACCESS_WRITE) rights |= writing;
      return rights;
    }
  }
}

/* ---- processes ---- */

/* Exactly `count` strings, each ending in NUL, fill the block. */
static bool strings_well_formed(const char *bytes, uint32_t length, uint32_t count) {
  uint32_t ends = 0;
  for (uint32_t i = 0; i < length; i++) ends += bytes[i] == 0;
  return ends == count && (length == 0 || bytes[length - 1] == 0);
}

static char *copy_bytes(const char *bytes, uint32_t length) {
  char *copy = malloc(length ? length : 1);
  if (copy && length) memcpy(copy, bytes, length);
  return copy;
}

wasi_errno_t process_create(struct process **made, struct nidus_system *system, const char *argv,
                            uint32_t argv_length, uint32_t argc, const char *env, uint32_t env_length,
                            uint32_t envc) {
  if (!strings_well_formed(argv, argv_length, argc) || !strings_well_formed(env, env_length, envc)) {
    return WASI_EINVAL;
  }
  struct process *process = calloc(1, sizeof *process);
  if (!process) return WASI_ENOMEM;
  process->system = system;
  process->argv = copy_bytes(argv, argv_length);
  process->env = copy_bytes(env, env_length);
  process->argc = argc;
  process->argv_length = argv_length;
  process->envc = envc;
  process->env_length = env_length;
  process->exit_code = -1;
  process->local = true;
  process->wait_deadline = process->time_limit = process->call.read_deadline = NIDUS_NO_DEADLINE;
  process->descriptor_limit = DESCRIPTOR_LIMIT;
  process->most_processes = PROCESS_LIMIT;
  process->parent = 1;
  process->file_size_limit = process->output_left = UINT64_MAX;
  if (process->argv && process->env && table_reach(process, 7) == WASI_ESUCCESS) {
    *made = process;
    return WASI_ESUCCESS;
  }
  process_free(process);
  return WASI_ENOMEM;
}

char *process_text(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = malloc(size);
  return copy ? memcpy(copy, text, size) : NULL;
}

static void close_descriptors(struct process *process) {
  for (uint32_t fd = 0; fd < process->descriptor_count; fd++) {
    if (process->descriptors[fd].description) description_drop(process->descriptors[fd].description);
  }
  free(process->descriptors);
  process->descriptors = NULL;
  process->descriptor_count = 0;
  process->lowest_free = 0;
}

void process_end(struct process *process, int32_t code) {
  if (process->exit_code < 0) {
    process->exit_code = code;
    family_orphan(process);
  }
  close_descriptors(process);
  process->wait_kinds = 0;
  wake_process(process);
#ifdef __wasm__
  process->call.read = NULL;
  process->call.write = NULL;
  for (uint32_t i = 0; process->others && i <= process->thread_most; i++) {
    process->others[i].read = NULL;
    process->others[i].write = NULL;
  }
#else
  process->memory = (struct nidus_guest_memory){0};
#endif
  if (process->prepared) family_finish(process); /* the host never had it */
}

void process_free(struct process *process) {
  close_descriptors(process);
  wake_process(process);
  free(process->argv);
  free(process->env);
  free(process->cwd);
  free(process->others);
  free(process->words);
  free(process->name);
  free(process->path);
  free(process);
}

wasi_errno_t process_block(struct process *process, uint32_t kinds, int64_t deadline) {
  const uint32_t by_itself = NIDUS_WAIT_FLUSH | NIDUS_WAIT_CHUNK; /* what these wait for comes soon */
  if (process_interrupted(process) && !(kinds & by_itself)) return WASI_EINTR;
  process->wait_kinds = kinds;
  process->wait_deadline = deadline;
  if (process->thread) {
    process->words[process->thread].wait_kinds = kinds;
    process->words[process->thread].wait_deadline = deadline;
  }
  wake_sleep(process, NULL);
  return NIDUS_WOULD_BLOCK;
}

wasi_errno_t process_threads(struct process *process, uint32_t most) {
  if (process->others) return 0;
  if (most > THREAD_LAST) most = THREAD_LAST;
  struct call_state *others = calloc(most + 1, sizeof *others);
  process->words = calloc(most + 1, sizeof *process->words);
  if (!others || !process->words) {
    free(others);
    free(process->words);
    process->words = NULL;
    return WASI_ENOMEM;
  }
  for (uint32_t i = 0; i <= most; i++) {
    others[i] = process->call; /* the same memory of the guest's */
    others[i].read_deadline = NIDUS_NO_DEADLINE;
  }
  process->others = others;
  process->thread_most = most;
  return 0;
}

wasi_errno_t process_thread(struct process *process, uint32_t thread) {
  if (thread == process->thread) return 0;
  if (!process->others || thread > process->thread_most) return WASI_EAGAIN;
  process->others[process->thread] = process->call;
  process->call = process->others[thread];
  process->thread = thread;
  return 0;
}

#include "spawn.h"

#include <stdlib.h>
#include <string.h>

#include "path.h"

struct spawning {
  struct nidus_system *system;
  struct reply *reply;
  const char *cwd;
  uint32_t pid;
  uint32_t next; /* the descriptor after those that are given */
};

static int32_t fail(struct spawning *spawning, int32_t result, const char *syscall, const char *path) {
  return reply_refuse(spawning->reply, (wasi_errno_t)-result, syscall, path, "");
}

/* ---- what lies at a descriptor ---- */

static int32_t put_file(struct spawning *spawning, uint32_t fd, const char *file, uint32_t oflags, uint32_t fdflags) {
  char path[PATH_LIMIT];
  uint32_t length = path_join(path, spawning->cwd, file, (uint32_t)strlen(file));
  if (length == 0) return fail(spawning, -WASI_ENAMETOOLONG, "open", file);
  int32_t result = nidus_fd_open(spawning->system, spawning->pid, fd, path, length, oflags, fdflags,
                                 fd == 0 ? NIDUS_ACCESS_READ : NIDUS_ACCESS_WRITE);
  return result < 0 ? fail(spawning, result, "open", path) : 0;
}

static uint32_t number_of(const char *digits) {
  uint32_t number = 0;
  for (const char *digit = digits; *digit >= '0' && *digit <= '9'; digit++) number = number * 10 + (uint32_t)(*digit - '0');
  return number;
}

static int32_t put(struct spawning *spawning, uint32_t fd, const char *place) {
  uint32_t creates = fd == 0 ? 0 : WASI_OFLAG_CREAT;
  uint32_t empties = fd == 0 ? 0 : WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC;
  switch (*place) {
    case 'f': return put_file(spawning, fd, place + 1, empties, 0);
    case 'a': return put_file(spawning, fd, place + 1, creates, WASI_FDFLAG_APPEND);
    case 's': {
      uint32_t flags = (uint32_t)(unsigned char)place[1] - '0';
      if (flags > NIDUS_STREAM_ALL) break;
      int32_t result = nidus_fd_stream(spawning->system, spawning->pid, fd, number_of(place + 2), flags);
      return result < 0 ? fail(spawning, result, "spawn", place) : 0;
    }
    case 't': {
      int32_t result = nidus_fd_tty(spawning->system, spawning->pid, fd, number_of(place + 1));
      return result < 0 ? fail(spawning, result, "spawn", place) : 0;
    }
    case 'i': {
      const char *colon = strchr(place, ':');
      if (!colon) break;
      int32_t result =
          nidus_fd_share(spawning->system, spawning->pid, fd, number_of(colon + 1), number_of(place + 1));
      return result < 0 ? fail(spawning, result, "spawn", place) : 0;
    }
  }
  return fail(spawning, -WASI_EINVAL, "spawn", place);
}

/* ---- folders ---- */

static int32_t preopen(struct spawning *spawning, const char *path, const char *name, uint32_t flags) {
  int32_t result = nidus_fd_preopen(spawning->system, spawning->pid, path, (uint32_t)strlen(path), name,
                                    (uint32_t)strlen(name), flags);
  if (result < 0) return fail(spawning, result, "open", path);
  spawning->next = (uint32_t)result + 1;
  return 0;
}

/* What may be a folder of the root. */
struct folder {
  bool certain; /* a folder; else a link, which may lead to one */
  char path[1 + NAME_LIMIT + 1];
};

struct folders {
  struct folder *list; /* sorted, so that the same tree gives the same descriptors */
  uint32_t count;
  uint32_t capacity;
};

static bool folders_add(struct folders *folders, const struct entry_view *entry) {
  if (folders->count == folders->capacity) {
    uint32_t capacity = folders->capacity ? folders->capacity * 2 : 16;
    struct folder *list = realloc(folders->list, capacity * sizeof *list);
    if (!list) return false;
    folders->list = list;
    folders->capacity = capacity;
  }
  struct folder folder = {.certain = entry->type == WASI_FILETYPE_DIRECTORY, .path = "/"};
  memcpy(folder.path + 1, entry->name.bytes, entry->name.length);
  uint32_t at = folders->count++;
  for (; at > 0 && strcmp(folders->list[at - 1].path, folder.path) > 0; at--) folders->list[at] = folders->list[at - 1];
  folders->list[at] = folder;
  return true;
}

static wasi_errno_t folders_list(struct folders *folders, struct nidus_system *system) {
  struct inode *root = inode_uncover(system->root);
  struct description *description;
  wasi_errno_t error = description_open(inode_hold(root), NIDUS_ACCESS_READ, 0, false, &description);
  if (error) return error;
  struct entry_view entry = {.next = 2}; /* "." and ".." are before it */
  bool found = true;
  while (!error && found) {
    error = root->ops->next_entry(description, entry.next, &entry, &found);
    if (error || !found) break;
    bool folder = entry.type == WASI_FILETYPE_DIRECTORY || entry.type == WASI_FILETYPE_SYMBOLIC_LINK;
    if (folder && !folders_add(folders, &entry)) error = WASI_ENOMEM;
  }
  description_drop(description);
  return error;
}

static int32_t preopen_all(struct spawning *spawning) {
  struct folders folders = {0};
  wasi_errno_t error = folders_list(&folders, spawning->system);
  int32_t result = error ? fail(spawning, -(int32_t)error, "open", "/") : 0;
  for (uint32_t i = 0; i < folders.count && result == 0; i++) {
    const char *path = folders.list[i].path;
    struct nidus_stat stat;
    bool leads_there = nidus_stat(spawning->system, path, (uint32_t)strlen(path), true, &stat) == 0 &&
                       stat.type == WASI_FILETYPE_DIRECTORY;
    if (folders.list[i].certain || leads_there) result = preopen(spawning, path, path, 0);
  }
  free(folders.list);
  /* wasi-libc takes the longest prefix that fits, of equals the last: "." catches what is relative. */
  return result < 0 ? result : preopen(spawning, spawning->cwd, ".", NIDUS_PREOPEN_CLIMB);
}

/* ---- the whole ---- */

static int32_t check_folder(struct spawning *spawning) {
  struct nidus_stat stat;
  int32_t result = nidus_stat(spawning->system, spawning->cwd, (uint32_t)strlen(spawning->cwd), true, &stat);
  if (result < 0) return fail(spawning, result, "stat", spawning->cwd);
  return stat.type == WASI_FILETYPE_DIRECTORY ? 0 : fail(spawning, -WASI_ENOTDIR, "spawn", spawning->cwd);
}

static int32_t preopen_given(struct spawning *spawning, struct strings *strings, uint32_t preopens) {
  int32_t result = 0;
  for (uint32_t i = 0; i < preopens && result == 0; i++) {
    const char *name = strings_next(strings);
    result = preopen(spawning, strings_next(strings), name, 0);
  }
  return result;
}

/* Gives the new process what is at `strings`, of which `further` are beyond the folders. */
static int32_t furnish(struct spawning *spawning, struct strings *strings, uint32_t preopens, uint32_t further) {
  int32_t result = 0;
  for (; spawning->next < 3 && result == 0; spawning->next++) {
    result = put(spawning, spawning->next, strings_next(strings));
  }
  if (result == 0) {
    result = preopens == SPAWN_ALL_FOLDERS ? preopen_all(spawning) : preopen_given(spawning, strings, preopens);
  }
  for (uint32_t i = 0; i < further && result == 0; i++) {
    result = put(spawning, spawning->next++, strings_next(strings));
  }
  return result;
}

int32_t spawn_process(struct nidus_system *system, const char *bytes, uint32_t length, uint32_t argc, uint32_t envc,
                      uint32_t preopens, struct reply *reply) {
  struct strings strings;
  uint32_t count = strings_start(&strings, bytes, length);
  struct spawning spawning = {.system = system, .reply = reply, .cwd = strings_next(&strings)};
  bool all = preopens == SPAWN_ALL_FOLDERS;
  uint64_t whole = 4 + (uint64_t)argc + envc + (all ? 0 : 2 * (uint64_t)preopens);
  if (count < whole) return fail(&spawning, -WASI_EINVAL, "spawn", spawning.cwd);
  int32_t result = all ? check_folder(&spawning) : 0;
  if (result < 0) return result;
  const char *argv = strings.next;
  for (uint32_t i = 0; i < argc; i++) (void)strings_next(&strings);
  const char *env = strings.next;
  for (uint32_t i = 0; i < envc; i++) (void)strings_next(&strings);
  uint32_t argv_length = (uint32_t)(env - argv), env_length = (uint32_t)(strings.next - env);
  int32_t pid = nidus_process_create(system, argv, argv_length, argc, env, env_length, envc);
  if (pid < 0) return fail(&spawning, pid, "spawn", argc ? argv : "");
  spawning.pid = (uint32_t)pid;
  if (all) {
    struct process *process = system_process(system, spawning.pid);
    process->cwd = process_text(spawning.cwd);
  }
  result = furnish(&spawning, &strings, preopens, count - (uint32_t)whole);
  if (result == 0) return pid;
  nidus_process_end(system, spawning.pid, 0);
  (void)nidus_process_reap(system, spawning.pid);
  return result;
}

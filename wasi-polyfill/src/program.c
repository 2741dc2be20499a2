#include "program.h"

#include <string.h>

#include "host.h"
#include "path.h"

#define THREAD_ENTRY "wasi_thread_start"
#define STANDARD_PATH "/usr/local/bin:/usr/bin:/bin"

/* Time stamps count milliseconds: a file changed less than this ago may change again without showing it. */
enum { YOUNG_NS = 3 * 1000 * 1000 };

static const char *colon_after(const char *folder) {
  const char *colon = strchr(folder, ':');
  return colon ? colon : folder + strlen(folder);
}

bool program_search(struct nidus_system *system, char path[PATH_LIMIT], const char *cwd, const char *name,
                    const char *folders, struct nidus_stat *stat) {
  if (!*folders) folders = STANDARD_PATH;
  for (const char *folder = *name ? folders : NULL, *end; folder; folder = *end ? end + 1 : NULL) {
    end = colon_after(folder);
    char place[PATH_LIMIT];
    uint32_t length = path_join(place, cwd, folder, (uint32_t)(end - folder));
    if (length > 0) length = path_join(path, place, name, (uint32_t)strlen(name));
    if (length > 0 && nidus_stat(system, path, length, true, stat) == 0 && stat->type == WASI_FILETYPE_REGULAR_FILE) {
      return true;
    }
  }
  return false;
}

void program_key(struct nidus_system *system, const struct nidus_stat *stat, struct reply *reply) {
  int64_t age = (int64_t)(host_now(system) * 1e6) - (int64_t)stat->mtime;
  if (age > -YOUNG_NS && age < YOUNG_NS) {
    reply_string(reply, "");
    return;
  }
  const uint64_t parts[] = {stat->mount, stat->ino, stat->mtime, stat->ctime, stat->size};
  for (int i = 0; i < 5; i++) {
    char digits[17];
    for (int j = 0; j < 16; j++) digits[j] = "0123456789abcdef"[parts[i] >> (60 - 4 * j) & 15];
    digits[16] = i < 4 ? ':' : 0;
    reply_text(reply, digits, sizeof digits);
  }
}

static int32_t locate(struct nidus_system *system, const char *cwd, const char *command, const char *folders,
                      struct reply *reply) {
  char path[PATH_LIMIT];
  struct nidus_stat stat;
  if (strchr(command, '/')) {
    uint32_t length = path_join(path, cwd, command, (uint32_t)strlen(command));
    int32_t result = length ? nidus_stat(system, path, length, true, &stat) : -WASI_ENAMETOOLONG;
    if (result < 0) return reply_refuse(reply, (wasi_errno_t)-result, "stat", length ? path : command, "");
    if (stat.type == WASI_FILETYPE_DIRECTORY) return reply_refuse(reply, WASI_EACCES, "spawn", path, "");
  } else if (!program_search(system, path, cwd, command, folders, &stat)) {
    return reply_refuse(reply, WASI_ENOENT, "spawn", command, "ENOENT: there is no command \"", command,
                        "\": it is neither registered nor in PATH; a program in the working folder is started as ./",
                        command);
  }
  reply_string(reply, path);
  program_key(system, &stat, reply);
  return 0;
}

int32_t program_find(struct nidus_system *system, const char *bytes, uint32_t length, uint32_t source,
                     uint32_t limited, struct reply *reply) {
  static const char *const tiers[] = {"auto", "direct", "interp"};
  struct strings strings;
  (void)strings_start(&strings, bytes, length);
  const char *cwd = strings_next(&strings);
  const char *command = strings_next(&strings);
  const char *folders = strings_next(&strings);
  const char *wanted = strings_next(&strings);
  uint32_t tier = 0;
  while (tier < 3 && strcmp(tiers[tier], wanted) != 0) tier++;
  if (tier == 3) {
    return reply_refuse(reply, WASI_EINVAL, "spawn", command, "EINVAL: there is no tier \"", wanted, "\" for ", command,
                        ": it is direct, interp or auto");
  }
  if (limited && tier == PROGRAM_DIRECT) {
    return reply_refuse(reply, WASI_EINVAL, "spawn", command, "EINVAL: ", command,
                        " cannot have a limit of fuel, memory or time on the direct tier; "
                        "leave the tier out, or give interp");
  }
  if (limited) tier = PROGRAM_INTERP;
  if (source == PROGRAM_COMPILED && tier == PROGRAM_INTERP) {
    return reply_refuse(reply, WASI_EINVAL, "spawn", command, "EINVAL: ", command,
                        " was compiled for the direct tier; give its bytes or its path to interpret it");
  }
  if (source == PROGRAM_COMPILED) tier = PROGRAM_DIRECT;
  int32_t result = 0;
  if (source == PROGRAM_NAMED) result = locate(system, cwd, command, folders, reply);
  return result < 0 ? result : (int32_t)tier;
}

/* ---- modules ---- */

/* The snapshot before preview 1 has the same functions. NULL: there is none; else its parameters. */
static const char *system_call(const char *module, const char *name) {
  if (strcmp(module, "wasi_unstable") == 0) module = nidus_syscall_module(0);
  for (uint32_t i = 0; i < nidus_syscall_count(); i++) {
    if (strcmp(nidus_syscall_name(i), name) != 0) continue;
    return strcmp(nidus_syscall_module(i), module) == 0 ? nidus_syscall_signature(i) : NULL;
  }
  return NULL;
}

/* The host compares types of functions itself. For the interpreter the kind has the parameters behind it: "function iI". */
static const char function_kind[] = "function";
static bool is_function(const char *kind) { return strncmp(kind, function_kind, sizeof function_kind - 1) == 0; }
static bool has_parameters(const char *kind, const char *parameters) {
  const char *own = kind + sizeof function_kind - 1;
  return *own == 0 || strcmp(own + 1, parameters) == 0;
}

static bool is_thread_spawn(const char *module, const char *name, const char *kind) {
  return strcmp(module, "wasi") == 0 && strcmp(name, "thread-spawn") == 0 && is_function(kind);
}

/* Ends a thread from within, which wasi-threads has nothing for. */
static bool is_thread_exit(const char *module, const char *name, const char *kind) {
  return strcmp(module, "nidus_process") == 0 && strcmp(name, "thread_exit") == 0 && is_function(kind);
}

/* wasi-threads: a program that makes threads, or might. */
static bool has_threads(struct strings strings, uint32_t imports, uint32_t left) {
  for (uint32_t i = 0; i < imports; i++) {
    const char *module = strings_next(&strings), *name = strings_next(&strings), *kind = strings_next(&strings);
    if (is_thread_spawn(module, name, kind)) return true;
  }
  for (; left > 1; left -= 2) {
    if (strcmp(strings_next(&strings), THREAD_ENTRY) == 0) return true;
    (void)strings_next(&strings);
  }
  return false;
}

int32_t program_check(const char *bytes, uint32_t length, uint32_t imports, struct reply *reply) {
  struct strings strings;
  uint32_t left = strings_start(&strings, bytes, length);
  const char *program = strings_next(&strings);
  if (imports == PROGRAM_NO_MODULE) {
    const char *kind = strings_next(&strings);
    return reply_refuse(reply, WASI_ENOEXEC, "spawn", program, "ENOEXEC: ", program, " is ", kind,
                        ", not a WebAssembly module",
                        strcmp(kind, "a component") == 0 ? "; build it as a module for wasm32-wasip1" : "");
  }
  if (left == 0 || imports > (left - 1) / 3) return reply_refuse(reply, WASI_EINVAL, "spawn", "", "");
  left -= 1 + 3 * imports;
  int32_t needs = has_threads(strings, imports, left) ? PROGRAM_THREADS : 0;
  bool imported = false;
  for (uint32_t i = 0; i < imports; i++) {
    const char *module = strings_next(&strings), *name = strings_next(&strings), *kind = strings_next(&strings);
    if (is_thread_spawn(module, name, kind) || is_thread_exit(module, name, kind)) continue;
    if (strcmp(kind, "memory") == 0) {
      if ((needs & PROGRAM_THREADS) && !imported && strcmp(module, "env") == 0 && strcmp(name, "memory") == 0) {
        imported = true;
        continue;
      }
      return reply_refuse(reply, WASI_ENOEXEC, "spawn", program, program, " imports its memory (", module, ".", name,
                          "), which only programs with threads may, as env.memory; build it with cc -pthread, or "
                          "without --import-memory");
    }
    const char *parameters = system_call(module, name);
    if (is_function(kind) && parameters && !has_parameters(kind, parameters)) {
      return reply_refuse(reply, WASI_ENOEXEC, "spawn", program, program, " imports ", module, ".", name,
                          " with other parameters than it has; build it for wasm32-wasi");
    }
    if (!is_function(kind) || !parameters) {
      return reply_refuse(reply, WASI_ENOEXEC, "spawn", program, program, " imports ", module, ".", name, " (",
                          is_function(kind) ? function_kind : kind, "), which Nidus does not provide; build it for wasm32-wasi");
    }
    if (strcmp(name, "poll_oneoff") == 0) needs |= PROGRAM_POLLS;
    static const char *const reads[] = {"fd_read", "sock_recv", "sock_accept"};
    for (int r = 0; r < 3; r++) needs |= strcmp(name, reads[r]) == 0 ? PROGRAM_READS : 0;
    if (strcmp(name, "proc_wait") == 0 || strcmp(name, "fd_pipe") == 0) needs |= PROGRAM_WAITS;
    if (strcmp(name, "fd_sync") == 0 || strcmp(name, "fd_datasync") == 0) needs |= PROGRAM_SYNCS;
  }
  if ((needs & PROGRAM_THREADS) && !imported) {
    return reply_refuse(reply, WASI_ENOEXEC, "spawn", program, program, " has threads but does not import "
                        "env.memory, so they would share nothing; link it with --import-memory --shared-memory");
  }
  bool memory = false, starts = false, initializes = false, begins = false;
  for (; left > 1; left -= 2) {
    const char *name = strings_next(&strings), *kind = strings_next(&strings);
    bool function = strcmp(kind, "function") == 0;
    memory |= strcmp(name, "memory") == 0 && strcmp(kind, "memory") == 0;
    starts |= function && strcmp(name, "_start") == 0;
    initializes |= function && strcmp(name, "_initialize") == 0;
    begins |= function && strcmp(name, THREAD_ENTRY) == 0;
  }
  if (!memory) {
    return reply_refuse(reply, WASI_ENOEXEC, "spawn", program, program,
                        " exports no memory called \"memory\", so it can make no system call; export it");
  }
  if (!starts && !initializes) {
    return reply_refuse(reply, WASI_ENOEXEC, "spawn", program, program,
                        " exports neither _start nor _initialize: it is a library; link it as a program");
  }
  if ((needs & PROGRAM_THREADS) && !begins) {
    return reply_refuse(reply, WASI_ENOEXEC, "spawn", program, program, " imports wasi.thread-spawn but exports no "
                        "function wasi_thread_start, where its threads would begin; build it with cc -pthread");
  }
  reply_string(reply, starts ? "_start" : "_initialize");
  return needs;
}

int32_t program_unheld(struct reply *reply) {
  return reply_refuse(reply, WASI_ENOTSUP, "", "",
                      "ENOTSUP: the program waits for input, output or a clock, and this host cannot hold it (no JSPI, "
                      "no shared memory): give it all its input at the start, or use a newer browser or Node 26.");
}

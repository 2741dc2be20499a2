/*
 * process.c: nidus/process.h for guests, but for the working folder: the calls of module nidus_process with POSIX's
 * faces. Weak, so that a program may have functions of these names.
 */
#include "libc.h"

CALL(proc_spawn) int proc_spawn(const struct nidus_spawn_request *request, uint32_t *pid);
CALL(proc_wait) int proc_wait(int pid, int options, uint32_t *pid_out, uint32_t *status);
CALL(proc_kill) int proc_kill(int pid, int signal);
CALL(proc_getpid) int proc_getpid(uint32_t *pid, uint32_t *parent);
CALL(proc_getpgid) int proc_getpgid(int pid, uint32_t *group);
CALL(proc_setpgid) int proc_setpgid(int pid, int group);
CALL(fd_pipe) int fd_pipe(int fds[2]);
CALL(fd_dup) int fd_dup(int fd, int *copy);
CALL(fd_dup2) int fd_dup2(int fd, int to);

struct nidus_spawn {
  const struct nidus_spawn_action *actions;
  uint32_t action_count;
  uint32_t flags;
  int group;
};

static uint32_t address(const void *pointer) { return (uint32_t)(uintptr_t)pointer; }

/* signal.c, in programs that have it. */
int nidus_signalled_wait(int pid, int options, uint32_t *pid_out, uint32_t *status) WEAK;

/* Strings one after the other; NULL where there is no memory. */
static char *join(char *const strings[], uint32_t *length) {
  size_t total = 0;
  for (char *const *string = strings; *string; string++) total += strlen(*string) + 1;
  char *block = malloc(total + 1), *at = block;
  for (char *const *string = strings; block && *string; string++) {
    size_t size = strlen(*string) + 1;
    memcpy(at, *string, size);
    at += size;
  }
  *length = (uint32_t)total;
  return block;
}

WEAK int nidus_spawn(int *pid, const char *path, const struct nidus_spawn *how, char *const argv[], char *const env[]) {
  if (!env) {
    __wasilibc_ensure_environ();
    env = __wasilibc_environ;
  }
  struct nidus_spawn_request request = {.path = address(path), .path_len = (uint32_t)strlen(path)};
  char *arguments = join(argv, &request.argv_len), *variables = join(env, &request.env_len);
  uint32_t made = 0;
  int error = arguments && variables ? 0 : ENOMEM;
  if (!error) {
    request.argv = address(arguments);
    request.env = address(variables);
    if (how) {
      request.actions = address(how->actions);
      request.action_count = how->action_count;
      request.flags = how->flags;
      request.group = (uint32_t)how->group;
    }
    error = proc_spawn(&request, &made);
  }
  free(arguments);
  free(variables);
  if (pid) *pid = (int)made;
  return error;
}

WEAK int waitpid(int pid, int *status, int options) {
  uint32_t found = 0, how = 0;
  int error = (nidus_signalled_wait ? nidus_signalled_wait : proc_wait)(pid, options, &found, &how);
  if (error) return answer(error);
  uint32_t signal = how & 0x7f;
  if (status) *status = signal ? libc_signal((int)signal) : (int)how;
  return (int)found;
}

WEAK int pipe(int fds[2]) { return answer(fd_pipe(fds)); }
WEAK int dup2(int fd, int to) {
  int error = fd_dup2(fd, to);
  return error ? answer(error) : to;
}
WEAK int dup(int fd) {
  int copy = -1, error = fd_dup(fd, &copy);
  return error ? answer(error) : copy;
}

WEAK int kill(int pid, int signal) { return answer(proc_kill(pid, wasi_signal(signal))); }

WEAK int nidus_getpid(void) {
  uint32_t pid = 0, parent;
  (void)proc_getpid(&pid, &parent);
  return (int)pid;
}

WEAK int getppid(void) {
  uint32_t pid, parent = 0;
  (void)proc_getpid(&pid, &parent);
  return (int)parent;
}

WEAK int getpgid(int pid) {
  uint32_t group = 0;
  int error = proc_getpgid(pid, &group);
  return error ? answer(error) : (int)group;
}

WEAK int setpgid(int pid, int group) { return answer(proc_setpgid(pid, group)); }

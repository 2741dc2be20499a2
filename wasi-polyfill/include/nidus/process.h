/*
 * process.h: processes for programs compiled by Nidus's cc, which links what this needs by itself: spawn, wait, pipe,
 * dup2, kill, groups and the working folder. As in POSIX, failure is -1 (NULL) and errno, unless it says otherwise.
 *
 * There is no fork: nidus_spawn starts a program with chosen descriptors. A child has its parent's descriptors 0 to 2 and
 * folders, and what the actions give it; all others are closed in it.
 */
#ifndef NIDUS_PROCESS_H
#define NIDUS_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "process_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the child gets otherwise than its parent; all zeros (NULL as well) for nothing. */
struct nidus_spawn {
  const struct nidus_spawn_action *actions;
  uint32_t action_count;
  uint32_t flags; /* NIDUS_SPAWN_SEARCH, NIDUS_SPAWN_GROUP */
  pid_t group;
};

/* Starts a program; env NULL: this process's own. Answers 0 and the child's number, or an errno, as posix_spawn does. A
 * file that is no program, and a name that nothing has, end the child with 126 and 127 and a sentence on its descriptor 2. */
int nidus_spawn(pid_t *pid, const char *path, const struct nidus_spawn *how, char *const argv[], char *const env[]);

#define WNOHANG 1
#define WIFEXITED(status) (((status) & 0x7f) == 0)
#define WEXITSTATUS(status) ((status) >> 8 & 0xff)
#define WIFSIGNALED(status) (((status) & 0x7f) != 0)
#define WTERMSIG(status) ((status) & 0x7f)
pid_t waitpid(pid_t pid, int *status, int options);

int pipe(int fds[2]);
int dup(int fd);
int dup2(int fd, int to);

/* Signals are those of <signal.h>. Handlers that are set by its signal() run at system calls. */
int kill(pid_t pid, int signal);
pid_t getppid(void);
pid_t nidus_getpid(void);
pid_t getpgid(pid_t pid);
int setpgid(pid_t pid, pid_t group);
#define getpid nidus_getpid

/* The working folder is the kernel's: children begin in it. */
int nidus_chdir(const char *path);
char *nidus_getcwd(char *buffer, size_t size);
#define chdir nidus_chdir
#define getcwd nidus_getcwd

#ifdef __cplusplus
}
#endif

#endif

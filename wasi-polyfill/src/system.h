/*
 * system.h: what one booted Nidus owns: its root, mounts, processes, and the way to the host.
 */
#ifndef NIDUS_SYSTEM_H
#define NIDUS_SYSTEM_H

#include "process.h"

enum { PROCESS_LIMIT = 4096, MOUNT_LIMIT = 1024, BOUNCE_SIZE = 64 * 1024 };

struct nidus_system {
  const struct nidus_host *host; /* NULL in kernel.wasm, whose host is its imports */
  struct inode *root;            /* referenced */
  struct process **processes;    /* by pid; NULL where there is none */
  uint32_t process_capacity;
  uint32_t next_pid;
  uint32_t prepared; /* how many processes wait for the host to take them */
  struct filesystem **mounts; /* by number; NULL where unmounted */
  uint32_t mount_capacity;
  uint32_t events;   /* how often something has changed that a parked process may wait for: a pipe, a child, a signal */
  bool listening;    /* the host's thread wants to be told of the next of these (shared build) */
  struct process *sleepers; /* wake.h */
  uint64_t channels; /* ends of such made so far */
  struct tty *ttys;  /* those that the host has not closed, or a process has open */
  struct process *poller; /* who is in the middle of poll_oneoff, or NULL */
  uint8_t *bounce; /* BOUNCE_SIZE bytes on the way between a guest and the host */
};

struct process *system_process(struct nidus_system *system, uint32_t pid);
/* NULL also when it has ended. */
struct process *system_running(struct nidus_system *system, uint32_t pid);
/* Gives a process its number, or answers a negated errno. */
int32_t system_add_process(struct nidus_system *system, struct process *process);
/* Forgets it. */
void system_drop_process(struct nidus_system *system, struct process *process);
struct filesystem *system_mount(struct nidus_system *system, uint32_t number);

/* Gives the filesystem its number and hangs it in at `path`, making missing folders. `fs` is
 * destroyed on failure. Returns the number or a negated errno. */
int32_t system_add_mount(struct nidus_system *system, const char *path, uint32_t length, struct filesystem *fs);

/* A filesystem with nodes of the three devices. */
struct filesystem *device_filesystem_create(struct nidus_system *system);
/* An inode for host stream `stream`; its only reference is the caller's. NULL when memory is short. */
struct inode *stream_inode_create(struct nidus_system *system, uint32_t stream, uint32_t flags);

struct volume;
/* With a volume it is persistent, and owns it, also on failure. */
struct filesystem *mem_filesystem_create(struct nidus_system *system, struct volume *volume);
struct filesystem *tar_filesystem_create(struct nidus_system *system, void *archive, uint32_t length,
                                         wasi_errno_t *error);
struct filesystem *host_filesystem_create(struct nidus_system *system, uint32_t host_mount, bool read_only,
                                          wasi_errno_t *error);

#endif

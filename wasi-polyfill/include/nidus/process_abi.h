/*
 * process_abi.h: what the kernel and a program that spawns others agree on: module `nidus_process`
 * (docs/kernel-abi.md). Programs include nidus/process.h. All addresses are in the program's memory.
 */
#ifndef NIDUS_PROCESS_ABI_H
#define NIDUS_PROCESS_ABI_H

#include <stdint.h>

/* SEARCH: a name without a slash is looked for in the PATH of `env`, and among the host's commands. GROUP: the child goes
 * into `group`, 0 being a new one of its own; without, it is in its parent's. */
enum { NIDUS_SPAWN_SEARCH = 1, NIDUS_SPAWN_GROUP = 2 };
/* The most actions; the most bytes of each of path, argv and env. */
enum { NIDUS_SPAWN_ACTIONS = 64, NIDUS_SPAWN_BYTES = 1 << 20 };
enum { NIDUS_SPAWN_DUP2 = 1, NIDUS_SPAWN_CLOSE = 2 };

/* What is done in the child, one after the other: DUP2 makes descriptor `to` what `fd` is, CLOSE closes `fd`. */
struct nidus_spawn_action {
  uint32_t op;
  uint32_t fd;
  uint32_t to;
};

/* What proc_spawn is given: argv and env are strings, each ended by a NUL, one after the other. */
struct nidus_spawn_request {
  uint32_t path, path_len;
  uint32_t argv, argv_len;
  uint32_t env, env_len;
  uint32_t actions, action_count;
  uint32_t flags;
  uint32_t group;
};

/* Of proc_wait: answer pid 0 rather than wait. */
enum { NIDUS_WAIT_NO_HANG = 1 };

#endif

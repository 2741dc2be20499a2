/*
 * guest.h: a kernel under test, with one process whose system calls the fuzz target makes.
 *
 * The process's linear memory is a buffer of its own, so that the sanitiser sees a copy that goes beyond
 * it. The host is deterministic: its clock counts calls, its streams are at their end, and it keeps no
 * folders. What must always hold is checked with `require`, which aborts and so is a finding.
 */
#ifndef FUZZ_GUEST_H
#define FUZZ_GUEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nidus/kernel.h"

/* The numbers of the system calls, in the order of the kernel's table. */
#define SYSCALL0(name) SYS_##name,
#define SYSCALL1(name, ...) SYS_##name,
#define SYSCALL2(name, ...) SYS_##name,
#define SYSCALL3(name, ...) SYS_##name,
#define SYSCALL4(name, ...) SYS_##name,
#define SYSCALL5(name, ...) SYS_##name,
#define SYSCALL6(name, ...) SYS_##name,
#define SYSCALL7(name, ...) SYS_##name,
#define SYSCALL9(name, ...) SYS_##name,
#define SYSCALLV1(name, ...) SYS_##name,
enum {
#include "syscalls.def"
  SYS_COUNT
};

enum { GUEST_SIZE = 1 << 18 };

struct guest {
  struct nidus_host host;
  struct nidus_system *system;
  uint32_t pid;
  uint64_t ticks;
  uint8_t *memory; /* GUEST_SIZE bytes */
  /* Lets a call that would block be made again, when it answers true (store.h). */
  bool (*unblock)(struct guest *guest);
  void *unblock_context;
};

#define require(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                                   \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

/* A system whose process has `folder`, made if need be, as its only preopen, at descriptor 3. */
void guest_start(struct guest *guest);
void guest_preopen(struct guest *guest, const char *folder, uint32_t flags);
void guest_stop(struct guest *guest);

/* Its memory, which further processes may have, too. */
struct nidus_guest_memory guest_memory(struct guest *guest);

/* Makes system call `number`; the arguments are those of its specification. */
#define guest_call(guest, number, ...) guest_syscall(guest, number, (const uint64_t[]){__VA_ARGS__})
wasi_errno_t guest_syscall(struct guest *guest, uint32_t number, const uint64_t *arguments);

uint32_t guest_u32(const struct guest *guest, uint32_t at);
uint64_t guest_u64(const struct guest *guest, uint32_t at);
void guest_put_u32(struct guest *guest, uint32_t at, uint32_t value);

/*
 * Looks at everything below descriptor `fd`: lists each folder, stats each entry, reads each file and
 * each link. Aborts when a folder lists a name twice, or an entry cannot be found under the name that
 * it was listed with, or (with `links`) a file has another number of names than its link count says.
 */
struct findings {
  uint32_t entries;
  /* Of all paths, attributes (without atime) and contents (of long files: both ends); the order in which
   * folders list their entries does not matter. */
  uint64_t digest;
};
struct findings guest_inspect(struct guest *guest, uint32_t fd, bool links);

#endif

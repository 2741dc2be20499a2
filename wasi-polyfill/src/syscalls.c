/*
 * syscalls.c: the system calls by number, for those who call with an array of arguments: the engine's
 * tier, the native program, tests and fuzzers.
 */
#include "handlers.h"

#define TEXT_I "i"
#define TEXT_L "I"

struct syscall {
  const char *name;
  const char *signature;
};

static const struct syscall syscalls[] = {
#define SYSCALL0(name) {#name, ""},
#define SYSCALL1(name, t1, p1) {#name, TEXT_##t1},
#define SYSCALLV1(name, t1, p1) {#name, TEXT_##t1},
#define SYSCALL2(name, t1, p1, t2, p2) {#name, TEXT_##t1 TEXT_##t2},
#define SYSCALL3(name, t1, p1, t2, p2, t3, p3) {#name, TEXT_##t1 TEXT_##t2 TEXT_##t3},
#define SYSCALL4(name, t1, p1, t2, p2, t3, p3, t4, p4) {#name, TEXT_##t1 TEXT_##t2 TEXT_##t3 TEXT_##t4},
#define SYSCALL5(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5) \
  {#name, TEXT_##t1 TEXT_##t2 TEXT_##t3 TEXT_##t4 TEXT_##t5},
#define SYSCALL6(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6) \
  {#name, TEXT_##t1 TEXT_##t2 TEXT_##t3 TEXT_##t4 TEXT_##t5 TEXT_##t6},
#define SYSCALL7(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7) \
  {#name, TEXT_##t1 TEXT_##t2 TEXT_##t3 TEXT_##t4 TEXT_##t5 TEXT_##t6 TEXT_##t7},
#define SYSCALL9(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7, t8, p8, t9, p9) \
  {#name, TEXT_##t1 TEXT_##t2 TEXT_##t3 TEXT_##t4 TEXT_##t5 TEXT_##t6 TEXT_##t7 TEXT_##t8 TEXT_##t9},
#include "syscalls.def"
#include "syscalls_undef.h"
};

/* The table again, for its numbers. */
#define SYSCALL0(name) CALL_##name,
#define SYSCALL1(name, ...) CALL_##name,
#define SYSCALLV1(name, ...) CALL_##name,
#define SYSCALL2(name, ...) CALL_##name,
#define SYSCALL3(name, ...) CALL_##name,
#define SYSCALL4(name, ...) CALL_##name,
#define SYSCALL5(name, ...) CALL_##name,
#define SYSCALL6(name, ...) CALL_##name,
#define SYSCALL7(name, ...) CALL_##name,
#define SYSCALL9(name, ...) CALL_##name,
enum {
#include "syscalls.def"
  CALL_COUNT
};
#include "syscalls_undef.h"

const char *nidus_syscall_module(uint32_t number) {
  return number < CALL_proc_spawn ? "wasi_snapshot_preview1" : number < CALL_tty_get ? "nidus_process" : "nidus_tty";
}

uint32_t nidus_syscall_count(void) { return sizeof syscalls / sizeof syscalls[0]; }
const char *nidus_syscall_name(uint32_t number) { return syscalls[number].name; }
const char *nidus_syscall_signature(uint32_t number) { return syscalls[number].signature; }

/* kernel.wasm has an export for each instead. */
#ifndef __wasm__

#define ARGUMENT_I(n) (uint32_t)arguments[n]
#define ARGUMENT_L(n) arguments[n]

typedef wasi_errno_t (*dispatcher)(struct process *process, const uint64_t *arguments);

#define SYSCALL0(name)                                                                 \
  static wasi_errno_t dispatch_##name(struct process *process, const uint64_t *arguments) { \
    (void)arguments;                                                                   \
    return wasi_##name(process);                                                       \
  }
#define DISPATCH(name, ...)                                                                 \
  static wasi_errno_t dispatch_##name(struct process *process, const uint64_t *arguments) { \
    return wasi_##name(process, __VA_ARGS__);                                               \
  }
#define SYSCALL1(name, t1, p1) DISPATCH(name, ARGUMENT_##t1(0))
#define SYSCALLV1(name, t1, p1) DISPATCH(name, ARGUMENT_##t1(0))
#define SYSCALL2(name, t1, p1, t2, p2) DISPATCH(name, ARGUMENT_##t1(0), ARGUMENT_##t2(1))
#define SYSCALL3(name, t1, p1, t2, p2, t3, p3) DISPATCH(name, ARGUMENT_##t1(0), ARGUMENT_##t2(1), ARGUMENT_##t3(2))
#define SYSCALL4(name, t1, p1, t2, p2, t3, p3, t4, p4) \
  DISPATCH(name, ARGUMENT_##t1(0), ARGUMENT_##t2(1), ARGUMENT_##t3(2), ARGUMENT_##t4(3))
#define SYSCALL5(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5) \
  DISPATCH(name, ARGUMENT_##t1(0), ARGUMENT_##t2(1), ARGUMENT_##t3(2), ARGUMENT_##t4(3), ARGUMENT_##t5(4))
#define SYSCALL6(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6)                                    \
  DISPATCH(name, ARGUMENT_##t1(0), ARGUMENT_##t2(1), ARGUMENT_##t3(2), ARGUMENT_##t4(3), ARGUMENT_##t5(4), \
           ARGUMENT_##t6(5))
#define SYSCALL7(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7)                            \
  DISPATCH(name, ARGUMENT_##t1(0), ARGUMENT_##t2(1), ARGUMENT_##t3(2), ARGUMENT_##t4(3), ARGUMENT_##t5(4), \
           ARGUMENT_##t6(5), ARGUMENT_##t7(6))
#define SYSCALL9(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7, t8, p8, t9, p9)            \
  DISPATCH(name, ARGUMENT_##t1(0), ARGUMENT_##t2(1), ARGUMENT_##t3(2), ARGUMENT_##t4(3), ARGUMENT_##t5(4), \
           ARGUMENT_##t6(5), ARGUMENT_##t7(6), ARGUMENT_##t8(7), ARGUMENT_##t9(8))
#include "syscalls.def"
#include "syscalls_undef.h"

static const dispatcher dispatchers[] = {
#define SYSCALL0(name) dispatch_##name,
#define SYSCALL1(name, ...) dispatch_##name,
#define SYSCALLV1(name, ...) dispatch_##name,
#define SYSCALL2(name, ...) dispatch_##name,
#define SYSCALL3(name, ...) dispatch_##name,
#define SYSCALL4(name, ...) dispatch_##name,
#define SYSCALL5(name, ...) dispatch_##name,
#define SYSCALL6(name, ...) dispatch_##name,
#define SYSCALL7(name, ...) dispatch_##name,
#define SYSCALL9(name, ...) dispatch_##name,
#include "syscalls.def"
#include "syscalls_undef.h"
};

wasi_errno_t nidus_syscall(struct nidus_system *system, uint32_t pid, uint32_t number, const uint64_t *arguments) {
  struct process *process = system_process(system, pid);
  if (!process || process->exit_code >= 0 || number >= nidus_syscall_count()) return WASI_ESRCH;
  return dispatchers[number](process, arguments);
}

#endif

/*
 * handlers.h: the handlers of wasi_snapshot_preview1, declared from the table of system calls.
 *
 * A handler gets the calling process and the core arguments, checks them all before it changes
 * anything, and returns an errno or NIDUS_WOULD_BLOCK.
 */
#ifndef NIDUS_WASI_HANDLERS_H
#define NIDUS_WASI_HANDLERS_H

#include "guest.h"
#include "path.h"
#include "system.h"

#define TYPE_I uint32_t
#define TYPE_L uint64_t

#define SYSCALL0(name) wasi_errno_t wasi_##name(struct process *process);
#define SYSCALL1(name, t1, p1) wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1);
#define SYSCALLV1(name, t1, p1) wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1);
#define SYSCALL2(name, t1, p1, t2, p2) wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1, TYPE_##t2 p2);
#define SYSCALL3(name, t1, p1, t2, p2, t3, p3) \
  wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3);
#define SYSCALL4(name, t1, p1, t2, p2, t3, p3, t4, p4) \
  wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4);
#define SYSCALL5(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5)                                              \
  wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4, \
                           TYPE_##t5 p5);
#define SYSCALL6(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6)                                      \
  wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4, \
                           TYPE_##t5 p5, TYPE_##t6 p6);
#define SYSCALL7(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7)                              \
  wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4, \
                           TYPE_##t5 p5, TYPE_##t6 p6, TYPE_##t7 p7);
#define SYSCALL9(name, t1, p1, t2, p2, t3, p3, t4, p4, t5, p5, t6, p6, t7, p7, t8, p8, t9, p9)              \
  wasi_errno_t wasi_##name(struct process *process, TYPE_##t1 p1, TYPE_##t2 p2, TYPE_##t3 p3, TYPE_##t4 p4, \
                           TYPE_##t5 p5, TYPE_##t6 p6, TYPE_##t7 p7, TYPE_##t8 p8, TYPE_##t9 p9);
#include "syscalls.def"
#include "syscalls_undef.h"

/* Fills the 64 bytes of a filestat in guest memory. */
MUST_CHECK wasi_errno_t wasi_filestat_out(struct process *process, struct inode *inode, uint32_t out);
/* The call can not go on: EAGAIN on a non-blocking descriptor, or would-block. Ends a process that has hit
 * a limit. */
MUST_CHECK wasi_errno_t wasi_blocked(struct process *process, const struct description *description, uint32_t kind);
/* The same for what a file's operation waits for. */
MUST_CHECK wasi_errno_t wasi_file_blocked(struct process *process, const struct description *description);
/* The end of every transfer: stores the count; a fault counts only when nothing has moved. */
MUST_CHECK wasi_errno_t wasi_transfer_end(struct process *process, const struct transfer *transfer, wasi_errno_t error,
                                          uint32_t count_out);
/* The times that fst_flags ask for; EINVAL when they contradict themselves. */
MUST_CHECK wasi_errno_t wasi_chosen_times(struct inode *inode, uint64_t *atime, uint64_t *mtime, uint32_t fst_flags);

#endif

/*
 * guest.h: the only way to a process's linear memory.
 *
 * The kernel never holds a pointer into guest memory: it copies in and out, and every copy may fail
 * with EFAULT. Process 1 is the host itself; in kernel.wasm its memory is the kernel's own.
 */
#ifndef NIDUS_GUEST_H
#define NIDUS_GUEST_H

#include "process.h"

MUST_CHECK bool guest_read(struct process *process, void *kernel, uint32_t guest, uint32_t length);
MUST_CHECK bool guest_write(struct process *process, uint32_t guest, const void *kernel, uint32_t length);

static inline MUST_CHECK bool guest_write_u32(struct process *process, uint32_t guest, uint32_t value) {
  return guest_write(process, guest, &value, sizeof value);
}

static inline MUST_CHECK bool guest_write_u64(struct process *process, uint32_t guest, uint64_t value) {
  return guest_write(process, guest, &value, sizeof value);
}

/*
 * A list of (address, length) pairs in guest memory being read from or written to. The pairs are
 * fetched a batch at a time. `done` counts the bytes moved so far; EFAULT after some bytes have moved
 * is reported as a short count, as read(2) and write(2) do.
 */
enum { IOVEC_LIMIT = 1024, IOVEC_BATCH = 8 };

struct transfer {
  struct process *process;
  uint32_t vectors;   /* guest address of the pairs not fetched yet */
  uint32_t remaining; /* number of them */
  uint32_t batch[IOVEC_BATCH][2];
  uint32_t fetched;
  uint32_t current;
  uint32_t done;
  uint32_t most; /* `done` stops here: the count that the guest gets back has 32 bits, or a limit is nearer */
  bool fault;
};

MUST_CHECK wasi_errno_t transfer_start(struct transfer *transfer, struct process *process, uint32_t vectors,
                                       uint32_t count);

/* The length of the run of guest memory at hand: what one copy can move; 0 at the end of the list. */
uint32_t transfer_run(struct transfer *transfer);

/* Move up to `length` bytes (at most one run, for which transfer_run was asked) and advance. False on a fault. */
bool transfer_to_guest(struct transfer *transfer, const void *kernel, uint32_t length);
bool transfer_from_guest(struct transfer *transfer, void *kernel, uint32_t length);
/* Gathers up to `room` bytes from the vectors and advances; how many. Fewer than there are on a fault. */
uint32_t transfer_gather(struct transfer *transfer, void *kernel, uint32_t room);
bool transfer_zeros_to_guest(struct transfer *transfer, uint32_t length);

#endif

#include "guest.h"

#include <string.h>

#ifdef __wasm__

bool guest_read(struct process *process, void *kernel, uint32_t guest, uint32_t length) {
  if (process->call.read) return process->call.read(kernel, guest, length) == 0;
  if (process->pid != 1) return false;
  memcpy(kernel, (const void *)guest, length);
  return true;
}

bool guest_write(struct process *process, uint32_t guest, const void *kernel, uint32_t length) {
  if (process->call.write) return process->call.write(guest, kernel, length) == 0;
  if (process->pid != 1) return false;
  memcpy((void *)guest, kernel, length);
  return true;
}

#else

bool guest_read(struct process *process, void *kernel, uint32_t guest, uint32_t length) {
  if (!process->memory.read) return false;
  return process->memory.read(process->memory.context, kernel, guest, length) == 0;
}

bool guest_write(struct process *process, uint32_t guest, const void *kernel, uint32_t length) {
  if (!process->memory.write) return false;
  return process->memory.write(process->memory.context, guest, kernel, length) == 0;
}

#endif

static bool fetch_batch(struct transfer *transfer) {
  uint32_t count = transfer->remaining < IOVEC_BATCH ? transfer->remaining : IOVEC_BATCH;
  transfer->current = 0;
  transfer->fetched = 0;
  if (!guest_read(transfer->process, transfer->batch, transfer->vectors, count * 8)) return false;
  transfer->fetched = count;
  transfer->remaining -= count;
  transfer->vectors += count * 8;
  return true;
}

wasi_errno_t transfer_start(struct transfer *transfer, struct process *process, uint32_t vectors, uint32_t count) {
  if (count > IOVEC_LIMIT) return WASI_EINVAL;
  transfer->process = process;
  transfer->vectors = vectors;
  transfer->remaining = count;
  transfer->fetched = 0;
  transfer->current = 0;
  transfer->done = 0;
  transfer->most = UINT32_MAX;
  transfer->fault = false;
  if (count > 0 && !fetch_batch(transfer)) return WASI_EFAULT;
  return WASI_ESUCCESS;
}

uint32_t transfer_run(struct transfer *transfer) {
  for (;;) {
    while (transfer->current < transfer->fetched) {
      uint32_t length = transfer->batch[transfer->current][1];
      if (length > transfer->most - transfer->done) length = transfer->most - transfer->done;
      if (length > 0) return length;
      transfer->current++;
    }
    if (transfer->remaining == 0) return 0;
    if (!fetch_batch(transfer)) {
      transfer->fault = true;
      transfer->remaining = 0;
      return 0;
    }
  }
}

static void advance(struct transfer *transfer, uint32_t length) {
  transfer->batch[transfer->current][0] += length;
  transfer->batch[transfer->current][1] -= length;
  transfer->done += length;
}

bool transfer_to_guest(struct transfer *transfer, const void *kernel, uint32_t length) {
  if (!guest_write(transfer->process, transfer->batch[transfer->current][0], kernel, length)) {
    transfer->fault = true;
    return false;
  }
  advance(transfer, length);
  return true;
}

bool transfer_from_guest(struct transfer *transfer, void *kernel, uint32_t length) {
  if (!guest_read(transfer->process, kernel, transfer->batch[transfer->current][0], length)) {
    transfer->fault = true;
    return false;
  }
  advance(transfer, length);
  return true;
}

uint32_t transfer_gather(struct transfer *transfer, void *kernel, uint32_t room) {
  uint32_t gathered = 0;
  for (uint32_t run; gathered < room && (run = transfer_run(transfer)) > 0;) {
    uint32_t length = run < room - gathered ? run : room - gathered;
    if (!transfer_from_guest(transfer, (uint8_t *)kernel + gathered, length)) break;
    gathered += length;
  }
  return gathered;
}

bool transfer_zeros_to_guest(struct transfer *transfer, uint32_t length) {
  static const uint8_t zeros[1024];
  while (length > 0) {
    uint32_t step = length < sizeof zeros ? length : sizeof zeros;
    if (!transfer_to_guest(transfer, zeros, step)) return false;
    length -= step;
  }
  return true;
}

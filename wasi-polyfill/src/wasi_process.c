/*
 * wasi_process.c: system calls about the process itself: arguments, clocks, randomness, waiting, ending.
 */
#include <string.h>

#include "host.h"
#include "handlers.h"
#include "process_signal.h"

/* ---- arguments and environment ---- */

/* Writes the strings to `buffer` and the address of each to `pointers`. */
static wasi_errno_t strings_out(struct process *process, const char *bytes, uint32_t length, uint32_t count,
                                uint32_t pointers, uint32_t buffer) {
  if (length > 0 && !guest_write(process, buffer, bytes, length)) return WASI_EFAULT;
  uint32_t at = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!guest_write_u32(process, pointers + i * 4, buffer + at)) return WASI_EFAULT;
    at += (uint32_t)strlen(bytes + at) + 1;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t sizes_out(struct process *process, uint32_t count, uint32_t length, uint32_t count_out,
                              uint32_t length_out) {
  if (!guest_write_u32(process, count_out, count)) return WASI_EFAULT;
  return guest_write_u32(process, length_out, length) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_args_get(struct process *process, uint32_t argv, uint32_t argv_buf) {
  return strings_out(process, process->argv, process->argv_length, process->argc, argv, argv_buf);
}

wasi_errno_t wasi_args_sizes_get(struct process *process, uint32_t argc_out, uint32_t argv_buf_size_out) {
  return sizes_out(process, process->argc, process->argv_length, argc_out, argv_buf_size_out);
}

wasi_errno_t wasi_environ_get(struct process *process, uint32_t environ, uint32_t environ_buf) {
  return strings_out(process, process->env, process->env_length, process->envc, environ, environ_buf);
}

wasi_errno_t wasi_environ_sizes_get(struct process *process, uint32_t environc_out, uint32_t environ_buf_size_out) {
  return sizes_out(process, process->envc, process->env_length, environc_out, environ_buf_size_out);
}

/* ---- clocks and randomness ---- */

wasi_errno_t wasi_clock_res_get(struct process *process, uint32_t id, uint32_t resolution_out) {
  if (id > WASI_CLOCK_THREAD_CPUTIME) return WASI_EINVAL;
  uint64_t resolution = host_clock_resolution(process->system, id);
  return guest_write_u64(process, resolution_out, resolution) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_clock_time_get(struct process *process, uint32_t id, uint64_t precision, uint32_t time_out) {
  (void)precision; /* a wish for at most this lag; there is none */
  if (id > WASI_CLOCK_THREAD_CPUTIME) return WASI_EINVAL;
  uint64_t time = host_clock(process->system, id);
  return guest_write_u64(process, time_out, time) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_random_get(struct process *process, uint32_t buf, uint32_t buf_len) {
  uint8_t *bounce = process->system->bounce;
  while (buf_len > 0) {
    uint32_t length = buf_len < BOUNCE_SIZE ? buf_len : BOUNCE_SIZE;
    host_random(process->system, bounce, length);
    if (!guest_write(process, buf, bounce, length)) return WASI_EFAULT;
    buf += length;
    buf_len -= length;
  }
  return WASI_ESUCCESS;
}

/* ---- ending ---- */

wasi_errno_t wasi_proc_exit(struct process *process, uint32_t code) {
  process_end(process, (int32_t)(code & 0xFF));
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_proc_raise(struct process *process, uint32_t signal) {
  if (signal > SIGNAL_LAST) return WASI_EINVAL;
  if (signal >= SIGNAL_STOP && signal <= SIGNAL_TTOU) return WASI_ENOTSUP; /* nobody could let it go on */
  process_signal(process, signal);
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_sched_yield(struct process *process) {
  (void)process;
  return WASI_ESUCCESS;
}

/* ---- poll_oneoff ---- */

enum { SUBSCRIPTION_SIZE = 48, SUBSCRIPTION_SIZE_0 = 56, EVENT_SIZE = 32, SUBSCRIPTION_LIMIT = 4096 };

/* subscription: userdata u64; tag u8 at 8; clock: id u32 at 16, timeout, precision u64 at 24 and 32,
 * flags u16 at 40; descriptor: fd u32 at 16. In the older snapshot a clock begins with a u64 of no use. */
struct subscription {
  uint64_t userdata;
  uint64_t timeout;
  uint32_t target; /* clock id or descriptor */
  uint16_t flags;
  uint8_t tag;
};

struct poll {
  struct process *process;
  uint32_t out;    /* where the next event goes */
  uint32_t events; /* written so far */
  uint32_t wait_kinds;
  int64_t deadline; /* the nearest, monotonic */
  bool first;       /* not a restart: relative time-outs begin now */
};

static uint32_t subscription_size(const struct process *process) {
  return process->snapshot0 ? SUBSCRIPTION_SIZE_0 : SUBSCRIPTION_SIZE;
}

static wasi_errno_t subscription_in(struct process *process, uint32_t at, struct subscription *subscription) {
  uint8_t bytes[SUBSCRIPTION_SIZE_0];
  if (!guest_read(process, bytes, at, subscription_size(process))) return WASI_EFAULT;
  memcpy(&subscription->userdata, bytes, 8);
  subscription->tag = bytes[8];
  const uint8_t *clock = bytes + (process->snapshot0 && subscription->tag == WASI_EVENTTYPE_CLOCK ? 24 : 16);
  memcpy(&subscription->target, clock, 4);
  memcpy(&subscription->timeout, clock + 8, 8);
  memcpy(&subscription->flags, clock + 24, 2);
  return subscription->tag > WASI_EVENTTYPE_FD_WRITE ? WASI_EINVAL : WASI_ESUCCESS;
}

/* event: userdata u64; errno u16 at 8; type u8 at 10; nbytes u64 at 16, flags u16 at 24. */
static wasi_errno_t event_out(struct poll *poll, const struct subscription *subscription, wasi_errno_t error,
                              uint64_t nbytes, uint16_t flags) {
  uint8_t event[EVENT_SIZE] = {0};
  uint16_t code = (uint16_t)error;
  memcpy(event, &subscription->userdata, 8);
  memcpy(event + 8, &code, 2);
  event[10] = subscription->tag;
  memcpy(event + 16, &nbytes, 8);
  memcpy(event + 24, &flags, 2);
  if (!guest_write(poll->process, poll->out, event, sizeof event)) return WASI_EFAULT;
  poll->out += EVENT_SIZE;
  poll->events++;
  return WASI_ESUCCESS;
}

static int64_t saturated_sum(uint64_t a, uint64_t b) {
  return a > INT64_MAX || b > INT64_MAX - a ? INT64_MAX : (int64_t)(a + b);
}

static wasi_errno_t poll_clock(struct poll *poll, const struct subscription *subscription) {
  struct process *process = poll->process;
  if (subscription->target > WASI_CLOCK_MONOTONIC || (subscription->flags & ~WASI_SUBCLOCKFLAG_ABSTIME)) {
    return event_out(poll, subscription, WASI_EINVAL, 0, 0);
  }
  uint64_t monotonic = host_clock(process->system, WASI_CLOCK_MONOTONIC);
  int64_t deadline;
  if (subscription->flags & WASI_SUBCLOCKFLAG_ABSTIME) {
    uint64_t now = host_clock(process->system, subscription->target);
    uint64_t left = subscription->timeout > now ? subscription->timeout - now : 0;
    deadline = saturated_sum(monotonic, left);
  } else {
    /* A restart must not begin the time-out anew: it is counted from the first attempt. */
    uint64_t start = poll->first ? monotonic : process->call.poll_started;
    deadline = saturated_sum(start, subscription->timeout);
  }
  if (monotonic >= (uint64_t)deadline) return event_out(poll, subscription, WASI_ESUCCESS, 0, 0);
  poll->wait_kinds |= NIDUS_WAIT_CLOCK;
  if (deadline < poll->deadline) poll->deadline = deadline;
  return WASI_ESUCCESS;
}

static wasi_errno_t poll_descriptor(struct poll *poll, const struct subscription *subscription) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(poll->process, subscription->target, 0, &descriptor);
  bool reads = subscription->tag == WASI_EVENTTYPE_FD_READ;
  struct description *description = error ? NULL : descriptor->description;
  if (!error && !(description->access & (reads ? NIDUS_ACCESS_READ : NIDUS_ACCESS_WRITE))) error = WASI_EBADF;
  if (!error && !(descriptor->rights_base & WASI_RIGHT_POLL_FD_READWRITE)) error = WASI_ENOTCAPABLE;
  if (error) return event_out(poll, subscription, error, 0, 0);
  struct inode *inode = description->inode;
  uint32_t ready = inode->ops->ready ? inode->ops->ready(description) : NIDUS_STREAM_CAN_READ | NIDUS_STREAM_CAN_WRITE;
  uint16_t flags = ready & NIDUS_STREAM_HUNG_UP ? WASI_EVENTRWFLAG_HANGUP : 0;
  if (flags || (ready & (reads ? NIDUS_STREAM_CAN_READ : NIDUS_STREAM_CAN_WRITE))) {
    bool file = inode->type == WASI_FILETYPE_REGULAR_FILE && inode->size > description->offset;
    uint64_t nbytes = !reads ? 0 : file ? inode->size - description->offset : inode->ops->ready && !flags ? 1 : 0;
    return event_out(poll, subscription, WASI_ESUCCESS, nbytes, flags);
  }
  poll->wait_kinds |= reads ? NIDUS_WAIT_READABLE : NIDUS_WAIT_WRITABLE;
  return WASI_ESUCCESS;
}

static wasi_errno_t poll_all(struct poll *poll, uint32_t in, uint32_t nsubscriptions) {
  for (uint32_t i = 0; i < nsubscriptions; i++) {
    struct subscription subscription;
    wasi_errno_t error = subscription_in(poll->process, in + i * subscription_size(poll->process), &subscription);
    if (error) return error;
    error = subscription.tag == WASI_EVENTTYPE_CLOCK ? poll_clock(poll, &subscription)
                                                     : poll_descriptor(poll, &subscription);
    if (error) return error;
  }
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_poll_oneoff(struct process *process, uint32_t in, uint32_t out, uint32_t nsubscriptions,
                              uint32_t nevents_out) {
  if (nsubscriptions == 0 || nsubscriptions > SUBSCRIPTION_LIMIT) return WASI_EINVAL;
  struct poll poll = {.process = process, .out = out, .deadline = NIDUS_NO_DEADLINE, .first = !process->call.polling};
  if (poll.first) process->call.poll_started = host_clock(process->system, WASI_CLOCK_MONOTONIC);
  process->call.polling = false;
  process->system->poller = process;
  wasi_errno_t error = poll_all(&poll, in, nsubscriptions);
  process->system->poller = NULL;
  if (error) return error;
  if (process_take_late_signal(process)) return NIDUS_WOULD_BLOCK;
  if (poll.events == 0) {
    process->call.polling = true;
    return process_block(process, poll.wait_kinds, poll.deadline);
  }
  return guest_write_u32(process, nevents_out, poll.events) ? WASI_ESUCCESS : WASI_EFAULT;
}

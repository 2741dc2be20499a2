/*
 * tty.c: terminals as files: how keys come from the host's stream, how processes read and write, and the calls of
 * module nidus_tty. tty.h has the drawing.
 *
 * Keys are taken when the host says that there are some (nidus_tty_input), so that ^C works while nobody reads, and
 * when a process looks, so that nothing depends on being told.
 */
#include "tty.h"

#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "host.h"
#include "process_signal.h"
#include "wake.h"

enum { TENTH_NS = 100 * 1000 * 1000 };
enum { HALF = BOUNCE_SIZE / 2 };

static struct tty *tty_of(const struct inode *inode) { return (struct tty *)inode; }

static bool is_canonical(const struct tty *tty) { return tty->mode.c_lflag & ICANON; }

/* The key that ends who is in the foreground by a signal; 0: there is none, or somebody has a handler, or ignores it. */
static uint32_t fatal_key(const struct tty *tty, uint32_t which, uint32_t signal) {
  const struct nidus_system *system = tty->base.fs->system;
  if (!(tty->mode.c_lflag & ISIG)) return 0;
  for (uint32_t pid = 2; pid < system->process_capacity; pid++) {
    const struct process *process = system->processes[pid];
    bool there = process && process->exit_code < 0 && process->group == tty->foreground;
    if (there && ((process->handled | process->ignored) >> signal & 1)) return 0;
  }
  return tty->mode.c_cc[which];
}

/* Tells the host what has changed. */
static void tell(struct tty *tty) {
  uint32_t state = tty->waited ? NIDUS_TTY_WAITED : 0;
  state |= fatal_key(tty, VINTR, SIGNAL_INT) << 8 | fatal_key(tty, VQUIT, SIGNAL_QUIT) << 16;
  if (state == tty->told || tty->closed) return;
  tty->told = state;
  host_stream_state(tty->base.fs->system, tty->stream, state);
}

void tty_signals_changed(struct nidus_system *system) {
  for (struct tty *tty = system->ttys; tty; tty = tty->next) tell(tty);
}

/* Nobody is there any more. */
static bool is_left(const struct tty *tty) {
  return process_group_signal(tty->base.fs->system, tty->foreground, 0) == 0;
}

/* `caller`, or NULL, is in the middle of a system call: its signal comes when that is over, for it may end it. */
static void signal_foreground(struct tty *tty, struct process *caller, uint32_t signal) {
  bool itself = caller && caller->group == tty->foreground;
  if (itself) {
    caller->signalled = (uint8_t)signal;
    caller->group = 0; /* so that the others of its group get it now, and it does not */
  }
  (void)process_group_signal(tty->base.fs->system, tty->foreground, signal);
  if (itself) caller->group = tty->foreground;
}

/* ---- between the host and the buffers ---- */

/* False when the host does not take everything now. */
static bool flush(struct tty *tty) {
  while (tty->pending_length > 0 && !tty->closed) {
    int32_t result = host_stream_write(tty->base.fs->system, tty->stream, tty->pending, tty->pending_length);
    if (result < 0 && result != -(int32_t)NIDUS_WOULD_BLOCK) tty->pending_length = 0; /* a screen that is no more */
    if (result <= 0) break;
    uint32_t taken = (uint32_t)result < tty->pending_length ? (uint32_t)result : tty->pending_length;
    memmove(tty->pending, tty->pending + taken, tty->pending_length -= taken);
  }
  return tty->pending_length == 0 || tty->closed;
}

/* Gets some keys; false when there are none now. */
static bool fetch(struct tty *tty) {
  struct nidus_system *system = tty->base.fs->system;
  if (tty->hung_up || !(host_stream_ready(system, tty->stream) & NIDUS_STREAM_CAN_READ)) return false;
  int32_t result = host_stream_read(system, tty->stream, tty->typed, TTY_TYPED);
  if (result == -(int32_t)NIDUS_WOULD_BLOCK) return false;
  tty->typed_next = 0;
  tty->typed_length = result <= 0 ? 0 : result < TTY_TYPED ? (uint32_t)result : TTY_TYPED;
  if (result <= 0) tty_hang_up(tty);
  return result > 0;
}

static void take_all(struct tty *tty, struct process *caller) {
  do {
    for (; tty->typed_next < tty->typed_length; tty->typed_next++) {
      uint32_t signal;
      if (!tty_key(tty, tty->typed[tty->typed_next], &signal) &&
          (!flush(tty) || !tty_key(tty, tty->typed[tty->typed_next], &signal))) {
        return;
      }
      if (signal) signal_foreground(tty, caller, signal);
    }
  } while (fetch(tty));
}

static void take_keys(struct tty *tty, struct process *caller) {
  const uint32_t length = tty->length, ready = tty->ready;
  const bool hung_up = tty->hung_up;
  take_all(tty, caller);
  struct nidus_system *system = tty->base.fs->system;
  if (tty->length != length && tty->mode.c_cc[VTIME]) tty->typed_at = host_clock(system, WASI_CLOCK_MONOTONIC);
  /* Who reads may have a thread of his own, and what he waits for need not be echoed: the end of input is not. */
  if (tty->ready != ready || tty->hung_up != hung_up) wake_changed(system, tty);
  (void)flush(tty);
}

static bool readable(struct tty *tty, struct process *process, uint32_t room) {
  uint32_t least = tty->mode.c_cc[VMIN];
  uint64_t patience = tty->mode.c_cc[VTIME] * (uint64_t)TENTH_NS;
  if (tty->hung_up || is_canonical(tty)) return tty->ready > 0 || tty->hung_up;
  if (tty->ready > 0 && tty->ready >= (least < room ? least : room)) return true;
  if (least == 0 && patience == 0) return true;
  if (patience == 0 || (least > 0 && tty->ready == 0)) return false;
  uint64_t now = host_clock(process->system, WASI_CLOCK_MONOTONIC);
  if (least > 0) {
    process->call.read_deadline = (int64_t)(tty->typed_at + patience); /* from key to key */
  } else if (process->call.read_deadline == NIDUS_NO_DEADLINE) {
    process->call.read_deadline = (int64_t)(now + patience);
  }
  return (int64_t)now >= process->call.read_deadline;
}

/* ---- the terminal as a file ---- */

/* Moves bytes, one line at most in canonical mode, to the vectors. */
static void hand_over(struct tty *tty, struct transfer *transfer) {
  uint8_t *bounce = tty->base.fs->system->bounce;
  bool ended = false;
  for (uint32_t run; !ended && tty->ready > 0 && (run = transfer_run(transfer)) > 0;) {
    uint32_t bytes = 0, entries = 0;
    while (!ended && entries < tty->ready && bytes < run) {
      uint16_t entry = tty->queue[(tty->start + entries++) % TTY_QUEUE];
      if (!(entry & TTY_EOF)) bounce[bytes++] = (uint8_t)entry;
      ended = entry & TTY_END;
    }
    if (bytes > 0 && !transfer_to_guest(transfer, bounce, bytes)) return;
    tty->start = (tty->start + entries) % TTY_QUEUE;
    tty->ready -= entries;
    tty->length -= entries;
  }
  /* What ^D has sent off has been read to its end: that is no end of file. */
  if (!ended && tty->ready > 0 && (tty->queue[tty->start] & TTY_EOF)) {
    tty->start = (tty->start + 1) % TTY_QUEUE;
    tty->ready--;
    tty->length--;
  }
}

static wasi_errno_t tty_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)offset;
  struct tty *tty = tty_of(description->inode);
  struct process *process = transfer->process;
  uint32_t room = transfer_run(transfer);
  if (room == 0) return WASI_ESUCCESS;
  take_keys(tty, process);
  bool blocks = process->signalled || !readable(tty, process, room);
  tty->waited = blocks && !process->signalled;
  if (!blocks) {
    process->call.read_deadline = NIDUS_NO_DEADLINE;
    hand_over(tty, transfer);
  }
  tell(tty);
  return blocks ? NIDUS_WOULD_BLOCK : WASI_ESUCCESS;
}

static wasi_errno_t tty_write(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)offset;
  struct tty *tty = tty_of(description->inode);
  struct nidus_system *system = description->inode->fs->system;
  struct process *process = transfer->process;
  /* In place: what is made of the first n bytes ends before byte n of the second half. */
  uint8_t *cooked = system->bounce, *raw = system->bounce + HALF;
  if (tty->closed) return WASI_EIO;
  if (transfer_run(transfer) > 0 && !flush(tty)) return NIDUS_WOULD_BLOCK;
  for (uint32_t taken = 0;;) {
    uint32_t room = process->output_left < HALF ? (uint32_t)process->output_left : HALF;
    if (room == 0 && taken == 0 && transfer_run(transfer) > 0) {
      process->limit_hit = NIDUS_LIMIT_OUTPUT; /* fd_write ends the process when it sees this */
      return NIDUS_WOULD_BLOCK;
    }
    uint32_t length = transfer_gather(transfer, raw, room);
    if (length == 0) return WASI_ESUCCESS;
    uint32_t made = tty_cook(tty, raw, length, cooked);
    int32_t result = host_stream_write(system, tty->stream, cooked, made);
    uint32_t count = result < 0 ? 0 : (uint32_t)result < made ? (uint32_t)result : made;
    tty_advance(&tty->cursor, cooked, count);
    bool half = false;
    uint32_t got = count < made ? tty_uncook(tty, cooked, count, &half) : length;
    if (half) tty->pending[tty->pending_length++] = '\n';
    taken += got;
    process->output_left -= got;
    if (count < made) {
      transfer->done = taken;
      return taken > 0 ? WASI_ESUCCESS : result < 0 ? (wasi_errno_t)-result : NIDUS_WOULD_BLOCK;
    }
  }
}

static uint32_t tty_ready(struct description *description) {
  struct tty *tty = tty_of(description->inode);
  struct nidus_system *system = description->inode->fs->system;
  const cc_t *keys = tty->mode.c_cc;
  take_keys(tty, system->poller);
  uint32_t least = is_canonical(tty) || keys[VTIME] || !keys[VMIN] ? 1 : keys[VMIN];
  uint32_t ready = tty->ready >= least || tty->hung_up ? NIDUS_STREAM_CAN_READ : 0;
  bool writable = tty->closed || (flush(tty) && (host_stream_ready(system, tty->stream) & NIDUS_STREAM_CAN_WRITE));
  return ready | (writable ? NIDUS_STREAM_CAN_WRITE : 0);
}

static void tty_release(struct inode *inode) {
  struct tty **link = &inode->fs->system->ttys;
  while (*link != tty_of(inode)) link = &(*link)->next;
  *link = tty_of(inode)->next;
  free(inode);
}

static const struct inode_ops tty_ops = {.readlink = inode_no_readlink,
                                         .read = tty_read,
                                         .write = tty_write,
                                         .truncate = inode_no_truncate,
                                         .sync = inode_no_sync,
                                         .ready = tty_ready,
                                         .set_times = inode_put_times,
                                         .release = tty_release};

/* ---- what processes ask of it: module nidus_tty ---- */

static wasi_errno_t terminal_at(struct process *process, uint32_t fd, struct tty **found) {
  struct descriptor *descriptor;
  wasi_errno_t error = descriptor_get(process, fd, 0, &descriptor);
  if (error) return error;
  struct inode *inode = descriptor->description->inode;
  *found = tty_of(inode);
  return inode->ops == &tty_ops ? WASI_ESUCCESS : WASI_ENOTTY;
}

wasi_errno_t wasi_tty_get(struct process *process, uint32_t fd, uint32_t mode_out) {
  struct tty *tty;
  wasi_errno_t error = terminal_at(process, fd, &tty);
  if (error) return error;
  return guest_write(process, mode_out, &tty->mode, sizeof tty->mode) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_tty_set(struct process *process, uint32_t fd, uint32_t when, uint32_t mode) {
  struct tty *tty;
  struct termios wanted;
  wasi_errno_t error = terminal_at(process, fd, &tty);
  if (error) return error;
  if (when > TCSAFLUSH) return WASI_EINVAL;
  if (!guest_read(process, &wanted, mode, sizeof wanted)) return WASI_EFAULT;
  if (when != TCSANOW && !flush(tty)) return process_block(process, NIDUS_WAIT_WRITABLE, NIDUS_NO_DEADLINE);
  if (when == TCSAFLUSH) {
    take_keys(tty, process);
    tty_forget_input(tty);
  }
  tty_change(tty, &wanted);
  tell(tty);
  return WASI_ESUCCESS;
}

wasi_errno_t wasi_tty_size(struct process *process, uint32_t fd, uint32_t size_out) {
  struct tty *tty;
  wasi_errno_t error = terminal_at(process, fd, &tty);
  if (error) return error;
  return guest_write(process, size_out, &tty->size, sizeof tty->size) ? WASI_ESUCCESS : WASI_EFAULT;
}

wasi_errno_t wasi_tty_group(struct process *process, uint32_t fd, uint32_t group, uint32_t group_out) {
  struct tty *tty;
  wasi_errno_t error = terminal_at(process, fd, &tty);
  if (error) return error;
  if (group && process_group_signal(process->system, group, 0) == 0) return WASI_ESRCH;
  if (!guest_write_u32(process, group_out, group ? group : tty->foreground)) return WASI_EFAULT;
  if (group) tty->foreground = group;
  tell(tty);
  return WASI_ESUCCESS;
}

/* ---- what the host does with it ---- */

static struct tty *tty_find(struct nidus_system *system, uint32_t stream) {
  struct tty *tty = system->ttys;
  while (tty && (tty->stream != stream || tty->closed)) tty = tty->next;
  return tty;
}

static uint16_t measure(uint32_t count) { return count < UINT16_MAX ? (uint16_t)count : UINT16_MAX; }

int32_t nidus_tty_open(struct nidus_system *system, uint32_t stream, uint32_t cols, uint32_t rows) {
  if (tty_find(system, stream)) return -WASI_EEXIST;
  struct tty *tty = calloc(1, sizeof *tty);
  if (!tty) return -WASI_ENOMEM;
  tty->base = (struct inode){.ops = &tty_ops,
                             .fs = system->root->fs,
                             .ino = 1ull << 63 | stream, /* as streams that are no terminals have */
                             .nlink = 1,
                             .mode = 0620,
                             .references = 1, /* the host's */
                             .type = WASI_FILETYPE_CHARACTER_DEVICE};
  tty->stream = stream;
  tty->size = (struct winsize){.ws_row = measure(rows), .ws_col = measure(cols)};
  tty->next = system->ttys;
  system->ttys = tty;
  tty_reset(tty);
  tell(tty);
  return 0;
}

int32_t nidus_fd_tty(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t stream) {
  struct process *process = system_running(system, pid);
  struct tty *tty = tty_find(system, stream);
  if (!process) return -WASI_ESRCH;
  if (!tty) return -WASI_ENXIO;
  struct description *description;
  const uint8_t access = NIDUS_ACCESS_READ | NIDUS_ACCESS_WRITE;
  wasi_errno_t error = description_open(inode_hold(&tty->base), access, 0, false, &description);
  if (error) return -(int32_t)error;
  error = descriptor_place(process, fd, description, rights_of(&tty->base, access), 0);
  if (error) description_drop(description);
  else if (is_left(tty)) tty->foreground = process->group;
  tell(tty);
  return -(int32_t)error;
}

void nidus_tty_input(struct nidus_system *system) {
  for (struct tty *tty = system->ttys, *next; tty; tty = next) {
    struct inode *inode = inode_hold(&tty->base);
    take_keys(tty, NULL);
    if (tty->ready > 0 || tty->hung_up || is_left(tty)) tty->waited = false;
    tell(tty);
    next = tty->next;
    inode_drop(inode);
  }
}

int32_t nidus_tty_resize(struct nidus_system *system, uint32_t stream, uint32_t cols, uint32_t rows) {
  struct tty *tty = tty_find(system, stream);
  if (!tty) return -WASI_ENXIO;
  tty->size.ws_col = measure(cols);
  tty->size.ws_row = measure(rows);
  signal_foreground(tty, NULL, SIGNAL_WINCH);
  return 0;
}

void nidus_tty_close(struct nidus_system *system, uint32_t stream) {
  struct tty *tty = tty_find(system, stream);
  if (!tty) return;
  (void)flush(tty);
  tty->closed = true;
  tty_hang_up(tty);
  inode_drop(&tty->base);
}

/*
 * channel.c: pipes and pairs of connected sockets between processes of one system.
 *
 * A channel is a ring of bytes with one end that writes and one that reads. A pipe has one channel; each of
 * two connected sockets reads from one and writes to another. An end lives for as long as something has
 * it open; then the channel knows that its writer, or its reader, is gone, and it goes with the second.
 * Invariants: `start` < RING_SIZE, `length` <= RING_SIZE; the ring's memory is there while bytes are in it.
 *
 * Whoever may wait for what has changed must look again: the system counts the changes (nidus_events).
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "system.h"
#include "wake.h"

/* PIPE_ATOMIC is POSIX's PIPE_BUF: so much is written whole or not at all. */
enum { RING_SIZE = 64 * 1024, PIPE_ATOMIC = 4096 };

struct channel {
  uint8_t *ring;
  uint32_t start;
  uint32_t length;
  uint32_t references; /* its ends */
  bool no_writer; /* or it has shut down writing: after what is there comes the end */
  bool no_reader; /* or it has shut down reading: writing is EPIPE */
};

struct end_inode {
  struct inode base;
  struct channel *in;  /* what it reads, or NULL */
  struct channel *out; /* what it writes, or NULL */
};

static struct end_inode *end_of(struct inode *inode) { return (struct end_inode *)inode; }
static void changed(const struct inode *inode, const struct channel *channel) {
  wake_changed(inode->fs->system, channel);
}

/* ---- the ring ---- */

static struct channel *channel_create(void) {
  struct channel *channel = calloc(1, sizeof *channel);
  if (!channel) return NULL;
  channel->references = 1; /* the maker's */
  channel->ring = malloc(RING_SIZE);
  if (channel->ring) return channel;
  free(channel);
  return NULL;
}

/* Moves bytes out of the ring; with `peek` they stay in it. */
static void channel_read(struct channel *channel, struct transfer *transfer, bool peek) {
  uint32_t at = channel->start, left = channel->length;
  for (uint32_t run; left > 0 && (run = transfer_run(transfer)) > 0;) {
    uint32_t length = run < left ? run : left;
    if (length > RING_SIZE - at) length = RING_SIZE - at;
    if (!transfer_to_guest(transfer, channel->ring + at, length)) break;
    at = (at + length) % RING_SIZE;
    left -= length;
  }
  if (peek) return;
  channel->start = left > 0 ? at : 0;
  channel->length = left;
}

static void channel_write(struct channel *channel, struct transfer *transfer) {
  for (uint32_t run; channel->length < RING_SIZE && (run = transfer_run(transfer)) > 0;) {
    uint32_t at = (channel->start + channel->length) % RING_SIZE, room = RING_SIZE - channel->length;
    uint32_t length = run < room ? run : room;
    if (length > RING_SIZE - at) length = RING_SIZE - at;
    if (!transfer_from_guest(transfer, channel->ring + at, length)) break;
    channel->length += length;
  }
}

/* How many bytes a transfer asks for, as far as `limit`. */
static uint32_t wanted(const struct transfer *transfer, uint32_t limit) {
  if (transfer->remaining > 0) return limit; /* more vectors than are at hand: taken for much */
  uint64_t length = 0;
  for (uint32_t i = transfer->current; i < transfer->fetched; i++) length += transfer->batch[i][1];
  return length < limit ? (uint32_t)length : limit;
}

/* ---- an end as a file ---- */

static wasi_errno_t end_receive(struct description *description, struct transfer *transfer, uint32_t flags) {
  struct channel *in = end_of(description->inode)->in;
  uint32_t enough = flags & WASI_RIFLAG_RECV_WAITALL ? wanted(transfer, RING_SIZE) : 1;
  if (in->length < enough && !in->no_writer) return transfer_run(transfer) > 0 ? NIDUS_WOULD_BLOCK : WASI_ESUCCESS;
  channel_read(in, transfer, flags & WASI_RIFLAG_RECV_PEEK);
  if (transfer->done > 0) changed(description->inode, in);
  return WASI_ESUCCESS;
}

static wasi_errno_t end_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)offset;
  return end_receive(description, transfer, 0);
}

static wasi_errno_t end_write(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)offset;
  struct channel *out = end_of(description->inode)->out;
  if (transfer_run(transfer) == 0) return WASI_ESUCCESS;
  if (out->no_reader || out->no_writer) return WASI_EPIPE;
  uint32_t atomic = wanted(transfer, PIPE_ATOMIC + 1), room = RING_SIZE - out->length;
  if (room == 0 || (atomic <= PIPE_ATOMIC && room < atomic)) return NIDUS_WOULD_BLOCK;
  channel_write(out, transfer);
  if (transfer->done > 0) changed(description->inode, out);
  return WASI_ESUCCESS;
}

static uint32_t end_ready(struct description *description) {
  const struct channel *in = end_of(description->inode)->in, *out = end_of(description->inode)->out;
  uint32_t ready = 0;
  if (in && (in->length > 0 || in->no_writer)) ready |= NIDUS_STREAM_CAN_READ;
  if (in && in->length == 0 && in->no_writer) ready |= NIDUS_STREAM_HUNG_UP;
  if (out && (out->no_reader || RING_SIZE - out->length >= PIPE_ATOMIC)) ready |= NIDUS_STREAM_CAN_WRITE;
  if (out && out->no_reader) ready |= NIDUS_STREAM_HUNG_UP;
  return ready;
}

static wasi_errno_t end_shutdown(struct description *description, uint32_t how) {
  struct end_inode *end = end_of(description->inode);
  if (how & WASI_SDFLAG_RD) {
    end->in->no_reader = true;
    end->in->no_writer = true; /* for its own reads: what is there, then the end */
  }
  if (how & WASI_SDFLAG_WR) end->out->no_writer = true;
  changed(description->inode, NULL);
  return WASI_ESUCCESS;
}

static wasi_errno_t end_set_times(struct inode *inode, uint64_t atime, uint64_t mtime) {
  inode->atime = atime;
  inode->mtime = mtime;
  return WASI_ESUCCESS;
}

static void channel_leave(struct channel *channel) {
  if (channel && --channel->references == 0) {
    free(channel->ring);
    free(channel);
  }
}

static void end_release(struct inode *inode) {
  struct end_inode *end = end_of(inode);
  if (end->in) end->in->no_reader = true;
  if (end->out) end->out->no_writer = true;
  changed(inode, NULL);
  channel_leave(end->in);
  channel_leave(end->out);
  free(end);
}

static const struct inode_ops end_ops = {.readlink = inode_no_readlink,
                                         .read = end_read,
                                         .write = end_write,
                                         .truncate = inode_no_truncate,
                                         .ready = end_ready,
                                         .set_times = end_set_times,
                                         .release = end_release};

static const struct inode_ops socket_ops = {.readlink = inode_no_readlink,
                                            .read = end_read,
                                            .write = end_write,
                                            .receive = end_receive,
                                            .shutdown = end_shutdown,
                                            .truncate = inode_no_truncate,
                                            .ready = end_ready,
                                            .set_times = end_set_times,
                                            .release = end_release};

bool inode_is_channel(const struct inode *inode) { return inode->ops == &end_ops || inode->ops == &socket_ops; }

const void *inode_channel(struct inode *inode, uint32_t kind) {
  if (!inode_is_channel(inode)) return NULL;
  return kind == NIDUS_WAIT_READABLE ? end_of(inode)->in : end_of(inode)->out;
}

/* ---- making them ---- */

static struct inode *end_create(struct nidus_system *system, struct channel *in, struct channel *out) {
  struct end_inode *end = calloc(1, sizeof *end);
  if (!end) return NULL;
  bool socket = in && out;
  end->base = (struct inode){.ops = socket ? &socket_ops : &end_ops,
                             .fs = system->root->fs,
                             .ino = 3ull << 62 | ++system->channels, /* no other file has such a number */
                             .nlink = 1,
                             .mode = 0600,
                             .references = 1,
                             .type = socket ? WASI_FILETYPE_SOCKET_STREAM : WASI_FILETYPE_UNKNOWN};
  end->in = in;
  end->out = out;
  if (in) in->references++;
  if (out) out->references++;
  return &end->base;
}

static wasi_errno_t place_end(struct process *process, uint32_t fd, struct inode *inode, uint8_t access) {
  struct description *description;
  wasi_errno_t error = description_open(inode, access, 0, false, &description);
  if (error) return error;
  error = descriptor_place(process, fd, description, rights_of(inode, access), 0);
  if (error) description_drop(description);
  return error;
}

/* Two ends over one or two channels. What can not be made whole is taken back. */
static int32_t connect(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t other_pid, uint32_t other_fd,
                       bool both_ways) {
  struct process *process = system_running(system, pid), *other = system_running(system, other_pid);
  if (!process || !other) return -WASI_ESRCH;
  if (process == other && fd == other_fd) return -WASI_EINVAL;
  struct channel *to = channel_create(), *back = both_ways ? channel_create() : NULL;
  struct inode *end = NULL, *other_end = NULL;
  wasi_errno_t error = to && (back || !both_ways) ? WASI_ESUCCESS : WASI_ENOMEM;
  if (!error) {
    end = end_create(system, to, back);
    other_end = end_create(system, back, to);
    if (!end || !other_end) error = WASI_ENOMEM;
  }
  uint8_t reads = NIDUS_ACCESS_READ, writes = NIDUS_ACCESS_WRITE, both = reads | writes;
  if (!error) {
    error = place_end(process, fd, inode_hold(end), both_ways ? both : reads);
    if (!error) {
      error = place_end(other, other_fd, inode_hold(other_end), both_ways ? both : writes);
      if (error && descriptor_close(process, fd)) error = WASI_EBADF;
    }
  }
  if (end) inode_drop(end);
  if (other_end) inode_drop(other_end);
  channel_leave(to);
  channel_leave(back);
  return -(int32_t)error;
}

int32_t nidus_fd_pipe(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t writer_pid, uint32_t writer_fd) {
  return connect(system, pid, fd, writer_pid, writer_fd, false);
}

int32_t nidus_fd_pair(struct nidus_system *system, uint32_t pid, uint32_t fd, uint32_t other_pid, uint32_t other_fd) {
  return connect(system, pid, fd, other_pid, other_fd, true);
}

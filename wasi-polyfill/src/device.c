/*
 * device.c: /dev, and the host's byte streams.
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "host.h"

enum device { DEVICE_FOLDER, DEVICE_NULL, DEVICE_ZERO, DEVICE_RANDOM, DEVICE_URANDOM, DEVICE_COUNT };
static const char *const device_names[DEVICE_COUNT] = {"", "null", "zero", "random", "urandom"};

struct device_filesystem {
  struct filesystem base;
  struct inode inodes[DEVICE_COUNT];
};

static struct device_filesystem *devices_of(const struct inode *inode) { return (struct device_filesystem *)inode->fs; }

static enum device device_of(const struct inode *inode) {
  return (enum device)(inode - devices_of(inode)->inodes);
}

/* ---- /dev itself ---- */

static wasi_errno_t device_lookup(struct inode *directory, struct name name, struct inode **found) {
  for (int i = DEVICE_NULL; i < DEVICE_COUNT; i++) {
    if (strlen(device_names[i]) == name.length && memcmp(device_names[i], name.bytes, name.length) == 0) {
      *found = inode_hold(&devices_of(directory)->inodes[i]);
      return WASI_ESUCCESS;
    }
  }
  return WASI_ENOENT;
}

static wasi_errno_t device_next_entry(struct description *description, uint64_t cookie, struct entry_view *view,
                                      bool *found) {
  uint64_t i = cookie < 3 ? DEVICE_NULL : cookie - 3 + DEVICE_NULL;
  *found = i < DEVICE_COUNT;
  if (!*found) return WASI_ESUCCESS;
  const struct inode *inode = &devices_of(description->inode)->inodes[i];
  view->next = i - DEVICE_NULL + 4;
  view->ino = inode->ino;
  view->type = inode->type;
  view->name = (struct name){device_names[i], (uint32_t)strlen(device_names[i])};
  return WASI_ESUCCESS;
}

/* ---- null, zero, random ---- */

static wasi_errno_t device_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)offset;
  struct nidus_system *system = description->inode->fs->system;
  enum device device = device_of(description->inode);
  if (device == DEVICE_NULL) return WASI_ESUCCESS;
  for (uint32_t run; (run = transfer_run(transfer)) > 0;) {
    uint32_t length = run < BOUNCE_SIZE ? run : BOUNCE_SIZE;
    bool moved;
    if (device == DEVICE_ZERO) {
      moved = transfer_zeros_to_guest(transfer, length);
    } else {
      host_random(system, system->bounce, length);
      moved = transfer_to_guest(transfer, system->bounce, length);
    }
    if (!moved) break;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t device_write(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)offset;
  struct nidus_system *system = description->inode->fs->system;
  for (uint32_t run; (run = transfer_run(transfer)) > 0;) {
    if (!transfer_from_guest(transfer, system->bounce, run < BOUNCE_SIZE ? run : BOUNCE_SIZE)) break;
  }
  return WASI_ESUCCESS;
}

/* The inodes are part of the filesystem, which holds a reference to each. */
static void device_release(struct inode *inode) { (void)inode; }

static const struct inode_ops folder_ops = {.lookup = device_lookup,
                                            .next_entry = device_next_entry,
                                            .readlink = inode_no_readlink,
                                            .read = inode_no_read,
                                            .write = inode_no_read,
                                            .set_times = inode_put_times,
                                            .release = device_release};

static const struct inode_ops device_ops = {.readlink = inode_no_readlink,
                                            .read = device_read,
                                            .write = device_write,
                                            .truncate = inode_no_truncate,
                                            .sync = inode_no_sync,
                                            .set_times = inode_put_times,
                                            .release = device_release};

static void devices_destroy(struct filesystem *fs) { free(fs); }

struct filesystem *device_filesystem_create(struct nidus_system *system) {
  struct device_filesystem *fs = calloc(1, sizeof *fs);
  if (!fs) return NULL;
  fs->base.system = system;
  fs->base.destroy = devices_destroy;
  for (int i = 0; i < DEVICE_COUNT; i++) {
    bool folder = i == DEVICE_FOLDER;
    fs->inodes[i] = (struct inode){.ops = folder ? &folder_ops : &device_ops,
                                   .fs = &fs->base,
                                   .ino = (uint64_t)i + 1,
                                   .nlink = folder ? 2 : 1,
                                   .mode = folder ? 0755 : 0666,
                                   .references = 1,
                                   .type = folder ? WASI_FILETYPE_DIRECTORY : WASI_FILETYPE_CHARACTER_DEVICE};
  }
  fs->base.root = &fs->inodes[DEVICE_FOLDER];
  return &fs->base;
}

/* ---- streams of the host ---- */

struct stream_inode {
  struct inode base;
  uint32_t stream;
  uint32_t released; /* what the host is told when it is not needed any more; 0: nothing */
};

static const struct inode_ops stream_ops, socket_ops, listener_ops;

static uint32_t stream_of(const struct inode *inode) { return ((const struct stream_inode *)inode)->stream; }

/* One read of the host's, scattered over the vectors at hand: a short count is as good as a full one. */
static wasi_errno_t stream_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)offset;
  struct nidus_system *system = description->inode->fs->system;
  uint32_t room = transfer_run(transfer);
  if (room == 0) return WASI_ESUCCESS;
  for (uint32_t i = transfer->current + 1; i < transfer->fetched && room < BOUNCE_SIZE; i++) {
    uint32_t length = transfer->batch[i][1];
    room += length < BOUNCE_SIZE ? length : BOUNCE_SIZE;
  }
  if (room > BOUNCE_SIZE) room = BOUNCE_SIZE;
  uint32_t stream = ((struct stream_inode *)description->inode)->stream;
  int32_t result = host_stream_read(system, stream, system->bounce, room);
  if (result < 0) return (wasi_errno_t)-result;
  uint32_t have = (uint32_t)result <= room ? (uint32_t)result : room;
  for (uint32_t given = 0; given < have;) {
    uint32_t run = transfer_run(transfer);
    uint32_t length = run < have - given ? run : have - given;
    if (length == 0 || !transfer_to_guest(transfer, system->bounce + given, length)) break;
    given += length;
  }
  return WASI_ESUCCESS;
}

static wasi_errno_t stream_write(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)offset;
  struct nidus_system *system = description->inode->fs->system;
  uint32_t stream = ((struct stream_inode *)description->inode)->stream;
  struct process *process = transfer->process;
  uint32_t taken = 0;
  for (;;) {
    uint32_t room = process->output_left < BOUNCE_SIZE ? (uint32_t)process->output_left : BOUNCE_SIZE;
    if (room == 0 && taken == 0 && transfer_run(transfer) > 0) {
      process->limit_hit = NIDUS_LIMIT_OUTPUT; /* fd_write ends the process when it sees this */
      return NIDUS_WOULD_BLOCK;
    }
    uint32_t gathered = transfer_gather(transfer, system->bounce, room);
    if (gathered == 0) return WASI_ESUCCESS;
    int32_t result = host_stream_write(system, stream, system->bounce, gathered);
    if (result < 0) {
      transfer->done = taken;
      return taken > 0 ? WASI_ESUCCESS : (wasi_errno_t)-result;
    }
    uint32_t count = (uint32_t)result <= gathered ? (uint32_t)result : gathered;
    taken += count;
    process->output_left -= count;
    if ((uint32_t)result < gathered) {
      transfer->done = taken;
      return taken > 0 ? WASI_ESUCCESS : NIDUS_WOULD_BLOCK;
    }
  }
}

static uint32_t stream_ready(struct description *description) {
  return (uint32_t)host_stream_ready(description->inode->fs->system,
                                     ((struct stream_inode *)description->inode)->stream);
}

static void stream_release(struct inode *inode) {
  struct nidus_system *system = inode->fs->system;
  uint32_t how = ((struct stream_inode *)inode)->released;
  if (how) (void)host_stream_shutdown(system, stream_of(inode), how);
  free(inode);
}

/* ---- sockets of the host ---- */

static wasi_errno_t socket_receive(struct description *description, struct transfer *transfer, uint32_t flags) {
  /* The host's streams give each byte once, and what has come already can not be put back. */
  if (flags) return WASI_ENOTSUP;
  return stream_read(description, transfer, 0);
}

static wasi_errno_t socket_shutdown(struct description *description, uint32_t how) {
  return host_errno(host_stream_shutdown(description->inode->fs->system, stream_of(description->inode), how));
}

static wasi_errno_t listener_read(struct description *description, struct transfer *transfer, uint64_t offset) {
  (void)description, (void)transfer, (void)offset;
  return WASI_ENOTCONN;
}

static wasi_errno_t listener_accept(struct description *description, struct inode **connection) {
  struct nidus_system *system = description->inode->fs->system;
  /* First the memory, for a connection that has been accepted can not be given back. */
  struct inode *made = stream_inode_create(system, 0, NIDUS_STREAM_SOCKET);
  if (!made) return WASI_ENOMEM;
  int32_t stream = host_stream_accept(system, stream_of(description->inode));
  if (stream < 0) {
    inode_drop(made);
    return host_errno(stream);
  }
  ((struct stream_inode *)made)->stream = (uint32_t)stream;
  ((struct stream_inode *)made)->released = NIDUS_SHUTDOWN_CLOSE;
  *connection = made;
  return WASI_ESUCCESS;
}

static const struct inode_ops stream_ops = {.readlink = inode_no_readlink,
                                            .read = stream_read,
                                            .write = stream_write,
                                            .truncate = inode_no_truncate,
                                            .sync = inode_no_sync,
                                            .ready = stream_ready,
                                            .set_times = inode_put_times,
                                            .release = stream_release};

static const struct inode_ops socket_ops = {.readlink = inode_no_readlink,
                                            .read = stream_read,
                                            .write = stream_write,
                                            .receive = socket_receive,
                                            .shutdown = socket_shutdown,
                                            .truncate = inode_no_truncate,
                                            .sync = inode_no_sync,
                                            .ready = stream_ready,
                                            .set_times = inode_put_times,
                                            .release = stream_release};

static const struct inode_ops listener_ops = {.readlink = inode_no_readlink,
                                              .read = listener_read,
                                              .write = listener_read,
                                              .accept = listener_accept,
                                              .truncate = inode_no_truncate,
                                              .sync = inode_no_sync,
                                              .ready = stream_ready,
                                              .set_times = inode_put_times,
                                              .release = stream_release};

struct inode *stream_inode_create(struct nidus_system *system, uint32_t stream, uint32_t flags) {
  struct stream_inode *inode = calloc(1, sizeof *inode);
  if (!inode) return NULL;
  /* WASI has no filetype for pipes; libc takes a character device for a terminal, so a pipe is none. */
  bool terminal = flags & NIDUS_STREAM_TERMINAL, listens = flags & NIDUS_STREAM_LISTENER;
  bool socket = listens || (flags & NIDUS_STREAM_SOCKET);
  inode->base = (struct inode){.ops = listens ? &listener_ops : socket ? &socket_ops : &stream_ops,
                               .fs = system->root->fs,
                               .ino = 1ull << 63 | stream, /* no file of the root volume has such a number */
                               .nlink = 1,
                               .mode = terminal ? 0620 : 0600,
                               .references = 1,
                               .type = terminal ? WASI_FILETYPE_CHARACTER_DEVICE
                                       : socket ? WASI_FILETYPE_SOCKET_STREAM
                                                : WASI_FILETYPE_UNKNOWN};
  inode->stream = stream;
#ifdef NIDUS_SHARED
  inode->released = NIDUS_SHUTDOWN_RELEASE; /* bytes of it may lie in memory that threads share */
#endif
  return &inode->base;
}

/*
 * host_posix.h: the kernel's host on POSIX systems: byte streams, clocks, randomness, and folders.
 *
 * Streams 0 to 2 are the standard ones. All others are sockets, whose numbers are their descriptors: those that
 * posix_host_listen opens, and what they accept. No call on a stream holds the thread up where the system has
 * another way; what a call has found not ready is noted, and posix_host_wait waits for just that.
 *
 * Folders are reached through a descriptor of their root. A path is opened one way only: its parent
 * folder first, without following any symbolic link and never leaving the root, then its last name
 * without following a link. What changes on disk behind the kernel's back can make a call fail, but
 * can not lead it outside.
 */
#ifndef NIDUS_HOST_POSIX_H
#define NIDUS_HOST_POSIX_H

#include <poll.h>

#include "nidus/kernel.h"

enum { POSIX_FOLDER_LIMIT = 64, POSIX_LISTENER_LIMIT = 64, POSIX_STANDARD_STREAMS = 3, POSIX_DEVICE_LIMIT = 16 };
/* As many descriptors as poll_oneoff takes. */
enum { POSIX_AWAITED_LIMIT = 4096 };

struct posix_standard {
  int fd;        /* of its own, without blocking, where it could be opened again */
  bool socket;
  bool blocking; /* it could not, so it is looked at before each call */
};

struct posix_listener {
  int fd;
  char *path; /* of a socket in the file system, which goes with it; else NULL */
};

struct posix_host {
  struct nidus_host host; /* give its address to nidus_system_create */
  int folders[POSIX_FOLDER_LIMIT];
  uint32_t folder_count;
  struct posix_standard standard[POSIX_STANDARD_STREAMS];
  struct posix_listener listeners[POSIX_LISTENER_LIMIT];
  uint32_t listener_count;
  struct pollfd awaited[POSIX_AWAITED_LIMIT];
  uint32_t awaited_count;
  int devices[POSIX_DEVICE_LIMIT]; /* descriptors, plus one; 0: none */
};

void posix_host_init(struct posix_host *posix);
void posix_host_close(struct posix_host *posix);

/* Opens a folder of the host; its number, or a negated WASI errno. */
int32_t posix_host_add_folder(struct posix_host *posix, const char *path);

/* Opens a file as a block device, alone: -EBUSY while another process has it. With `create` a file that is not there
 * is made. Its number, or a negated WASI errno. */
int32_t posix_host_add_device(struct posix_host *posix, const char *path, bool create, bool read_only);

/*
 * Listens on HOST:PORT, [HOST]:PORT or unix:PATH: the number of the stream, or -1 and in `why` the end of a
 * sentence. With port 0 the system chooses one; `port` is the one that it is (0 for a path).
 */
int32_t posix_host_listen(struct posix_host *posix, const char *address, uint16_t *port, const char **why);

/* To be called before each system call: it forgets what others have found not ready. */
void posix_host_enter(struct posix_host *posix);

/* Waits until something that the last system call found not ready may be so, or the deadline (monotonic ns) has
 * passed. */
void posix_host_wait(struct posix_host *posix, int64_t deadline);

wasi_errno_t posix_errno(int error);

/* A file that has no offsets, opened so that it does not block: a count, or a negated errno. */
int32_t posix_host_read(struct posix_host *posix, int fd, void *bytes, uint32_t length);
int32_t posix_host_write(struct posix_host *posix, int fd, const void *bytes, uint32_t length);

/* host_streams.c's part of the first two above. */
void posix_streams_init(struct posix_host *posix);
void posix_streams_close(struct posix_host *posix);

#endif

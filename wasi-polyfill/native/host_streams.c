#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host_posix.h"

/* ---- what was not ready ---- */

void posix_host_enter(struct posix_host *posix) { posix->awaited_count = 0; }

static void await(struct posix_host *posix, int fd, short events) {
  if (posix->awaited_count < POSIX_AWAITED_LIMIT) {
    posix->awaited[posix->awaited_count++] = (struct pollfd){.fd = fd, .events = events};
  }
}

void posix_host_wait(struct posix_host *posix, int64_t deadline) {
  int timeout = -1;
  if (deadline != NIDUS_NO_DEADLINE) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = deadline - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
    const int64_t day = 86400000; /* ms; whoever waits longer is woken in between */
    timeout = left <= 0 ? 0 : left / 1000000 >= day ? (int)day : (int)((left + 999999) / 1000000);
  }
  (void)poll(posix->awaited, posix->awaited_count, timeout);
}

/* ---- streams ---- */

/* The standard stream, or NULL for a socket of the host's. */
static const struct posix_standard *standard_of(const struct posix_host *posix, uint32_t stream) {
  return stream < POSIX_STANDARD_STREAMS ? &posix->standard[stream] : NULL;
}

static int fd_of(const struct posix_host *posix, uint32_t stream) {
  const struct posix_standard *standard = standard_of(posix, stream);
  return standard ? standard->fd : (int)stream;
}

static bool is_socket(const struct posix_host *posix, uint32_t stream) {
  const struct posix_standard *standard = standard_of(posix, stream);
  return !standard || standard->socket;
}

static bool ready_for(int fd, short events) {
  struct pollfd entry = {.fd = fd, .events = events};
  return poll(&entry, 1, 0) != 0;
}

/* A call may hold the thread up, which it must not. */
static bool must_wait(const struct posix_host *posix, uint32_t stream, short events) {
  const struct posix_standard *standard = standard_of(posix, stream);
  return standard && standard->blocking && !ready_for(standard->fd, events);
}

/* The result of a call that moves bytes. */
static int32_t moved(struct posix_host *posix, int fd, short events, ssize_t count) {
  if (count >= 0) return (int32_t)count;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return -(int32_t)posix_errno(errno);
  await(posix, fd, events);
  return -(int32_t)NIDUS_WOULD_BLOCK;
}

/* ---- files of folders that have no offsets, such as FIFOs; opened so that they do not block ---- */

int32_t posix_host_read(struct posix_host *posix, int fd, void *bytes, uint32_t length) {
  ssize_t count = read(fd, bytes, length);
  /* Before the first writer has come, a FIFO is no more at its end than empty. */
  if (count == 0 && length > 0 && !ready_for(fd, POLLIN)) {
    errno = EAGAIN;
    count = -1;
  }
  return moved(posix, fd, POLLIN, count);
}

int32_t posix_host_write(struct posix_host *posix, int fd, const void *bytes, uint32_t length) {
  return moved(posix, fd, POLLOUT, write(fd, bytes, length));
}

static int32_t stream_read(void *context, uint32_t stream, void *bytes, uint32_t length) {
  struct posix_host *posix = context;
  int fd = fd_of(posix, stream);
  bool socket = is_socket(posix, stream), waits = must_wait(posix, stream, POLLIN);
  ssize_t count;
  do {
    errno = EAGAIN;
    count = waits ? -1 : socket ? recv(fd, bytes, length, MSG_DONTWAIT) : read(fd, bytes, length);
  } while (count < 0 && errno == EINTR);
  return moved(posix, fd, POLLIN, count);
}

static int32_t stream_write(void *context, uint32_t stream, const void *bytes, uint32_t length) {
  struct posix_host *posix = context;
  int fd = fd_of(posix, stream);
  bool socket = is_socket(posix, stream), waits = must_wait(posix, stream, POLLOUT);
  /* A standard stream that nobody reads ends nidus, as it ends any program; a connection does not. */
  int flags = MSG_DONTWAIT | (standard_of(posix, stream) ? 0 : MSG_NOSIGNAL);
  ssize_t count;
  do {
    errno = EAGAIN;
    count = waits ? -1 : socket ? send(fd, bytes, length, flags) : write(fd, bytes, length);
  } while (count < 0 && errno == EINTR);
  return moved(posix, fd, POLLOUT, count);
}

/* A socket can be read when there is nothing but its end, too. */
static bool has_ended(const struct posix_host *posix, uint32_t stream) {
  char byte;
  return is_socket(posix, stream) && recv(fd_of(posix, stream), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static int32_t stream_ready(void *context, uint32_t stream) {
  struct posix_host *posix = context;
  /* Of a standard one, what nidus was given: a FIFO that is opened again says nothing of writers that went before. */
  int fd = standard_of(posix, stream) ? (int)stream : fd_of(posix, stream);
  struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT};
  int32_t ready = 0;
  if (poll(&entry, 1, 0) > 0) {
    if (entry.revents & (POLLIN | POLLHUP)) ready |= NIDUS_STREAM_CAN_READ;
    if (entry.revents & (POLLOUT | POLLERR)) ready |= NIDUS_STREAM_CAN_WRITE;
    /* Before the end comes what was written before it. */
    bool ended = (entry.revents & POLLHUP) && (!(entry.revents & POLLIN) || has_ended(posix, stream));
    if (ended || (entry.revents & (POLLERR | POLLNVAL))) ready |= NIDUS_STREAM_HUNG_UP;
  }
  short missing = (ready & NIDUS_STREAM_CAN_READ ? 0 : POLLIN) | (ready & NIDUS_STREAM_CAN_WRITE ? 0 : POLLOUT);
  if (missing) await(posix, entry.fd, missing);
  return ready;
}

/* ---- sockets ---- */

static int32_t stream_accept(void *context, uint32_t listener) {
  struct posix_host *posix = context;
  int fd;
  /* A connection that went away again is none. */
  do fd = accept4((int)listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
  return moved(posix, (int)listener, POLLIN, fd);
}

static int32_t stream_shutdown(void *context, uint32_t stream, uint32_t how) {
  (void)context;
  int fd = (int)stream;
  if (how & NIDUS_SHUTDOWN_CLOSE) return close(fd) ? -(int32_t)posix_errno(errno) : 0;
  bool reads = how & NIDUS_SHUTDOWN_READ, writes = how & NIDUS_SHUTDOWN_WRITE;
  return shutdown(fd, reads ? writes ? SHUT_RDWR : SHUT_RD : SHUT_WR) ? -(int32_t)posix_errno(errno) : 0;
}

/* ---- the standard ones ---- */

static struct posix_standard standard_open(int fd) {
  struct posix_standard standard = {.fd = fd};
  struct stat stat;
  if (fstat(fd, &stat)) return standard;
  standard.socket = S_ISSOCK(stat.st_mode);
  if (!S_ISFIFO(stat.st_mode) && !isatty(fd)) return standard;
  /* The descriptor is shared with other programs, which may not be ready for one that does not block; so it is opened
   * once more. */
  char name[32];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  int own = open(name, (fd == 0 ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  standard.blocking = own < 0;
  if (own >= 0) standard.fd = own;
  return standard;
}

void posix_streams_init(struct posix_host *posix) {
  posix->host.stream_read = stream_read;
  posix->host.stream_write = stream_write;
  posix->host.stream_ready = stream_ready;
  posix->host.stream_accept = stream_accept;
  posix->host.stream_shutdown = stream_shutdown;
  for (int fd = 0; fd < POSIX_STANDARD_STREAMS; fd++) posix->standard[fd] = standard_open(fd);
}

void posix_streams_close(struct posix_host *posix) {
  for (int fd = 0; fd < POSIX_STANDARD_STREAMS; fd++) {
    if (posix->standard[fd].fd != fd) close(posix->standard[fd].fd);
  }
  for (uint32_t i = 0; i < posix->listener_count; i++) {
    close(posix->listeners[i].fd);
    if (posix->listeners[i].path) unlink(posix->listeners[i].path);
    free(posix->listeners[i].path);
  }
  posix->listener_count = 0;
}

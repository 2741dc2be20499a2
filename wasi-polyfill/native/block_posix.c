/*
 * block_posix.c: files of this machine as block devices.
 *
 * One writer: the file is locked (flock) as long as it is open, which ends with the process however that ends.
 * Flushing is fdatasync, on Apple's systems F_FULLFSYNC, since there fdatasync stops at the drive's cache.
 */
#include "block_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_posix.h"

static int descriptor_of(void *context, uint32_t device) {
  const struct posix_host *posix = context;
  return device < POSIX_DEVICE_LIMIT ? posix->devices[device] - 1 : -1;
}

static int32_t answer(int result) { return result < 0 ? -(int32_t)posix_errno(errno) : 0; }

static int32_t block_read(void *context, uint32_t device, uint64_t at, void *bytes, uint32_t length) {
  int fd = descriptor_of(context, device);
  uint8_t *into = bytes;
  while (length > 0) {
    ssize_t count = pread(fd, into, length, (off_t)at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? answer(-1) : -WASI_EIO;
    into += count;
    at += (uint64_t)count;
    length -= (uint32_t)count;
  }
  return 0;
}

static int32_t block_write(void *context, uint32_t device, uint64_t at, const void *bytes, uint32_t length) {
  int fd = descriptor_of(context, device);
  const uint8_t *from = bytes;
  while (length > 0) {
    ssize_t count = pwrite(fd, from, length, (off_t)at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? answer(-1) : -WASI_ENOSPC;
    from += count;
    at += (uint64_t)count;
    length -= (uint32_t)count;
  }
  return 0;
}

static int32_t block_flush(void *context, uint32_t device) {
  int fd = descriptor_of(context, device);
#ifdef F_FULLFSYNC
  if (fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
  return answer(fdatasync(fd));
}

static double block_size(void *context, uint32_t device) {
  struct stat stat;
  return fstat(descriptor_of(context, device), &stat) ? answer(-1) : (double)stat.st_size;
}

static int32_t block_truncate(void *context, uint32_t device, uint64_t size) {
  return answer(ftruncate(descriptor_of(context, device), (off_t)size));
}

static int32_t block_close(void *context, uint32_t device) {
  struct posix_host *posix = context;
  int fd = descriptor_of(context, device);
  if (fd < 0) return -WASI_EBADF;
  posix->devices[device] = 0;
  return answer(close(fd));
}

void block_posix_init(struct posix_host *posix) {
  posix->host.block_read = block_read;
  posix->host.block_write = block_write;
  posix->host.block_flush = block_flush;
  posix->host.block_size = block_size;
  posix->host.block_truncate = block_truncate;
  posix->host.block_close = block_close;
}

void block_posix_close(struct posix_host *posix) {
  for (uint32_t i = 0; i < POSIX_DEVICE_LIMIT; i++) {
    if (posix->devices[i]) (void)block_close(posix, i);
  }
}

/* The name of a new file lasts, too. */
static int flush_folder(const char *path) {
  char *copy = strdup(path);
  if (!copy) return -1;
  char *slash = strrchr(copy, '/');
  if (slash) slash[slash == copy] = 0;
  int fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(copy);
  if (fd < 0) return -1;
  int result = fsync(fd);
  close(fd);
  return result;
}

/* Refuses what is no file and what another process has open. */
static int claim(int fd, bool read_only) {
  struct stat stat;
  if (fstat(fd, &stat)) return -1;
  if (!S_ISREG(stat.st_mode)) {
    errno = S_ISDIR(stat.st_mode) ? EISDIR : EINVAL;
    return -1;
  }
  if (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) return 0;
  if (errno == EWOULDBLOCK) errno = EBUSY;
  return -1;
}

int32_t posix_host_add_device(struct posix_host *posix, const char *path, bool create, bool read_only) {
  uint32_t device = 0;
  while (device < POSIX_DEVICE_LIMIT && posix->devices[device]) device++;
  if (device == POSIX_DEVICE_LIMIT) return -WASI_ENFILE;
  int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | (create ? O_CREAT : 0) | O_CLOEXEC, 0666);
  if (fd < 0) return answer(-1);
  if (claim(fd, read_only) || (create && flush_folder(path))) {
    int32_t error = answer(-1);
    close(fd);
    return error;
  }
  posix->devices[device] = fd + 1;
  return (int32_t)device;
}

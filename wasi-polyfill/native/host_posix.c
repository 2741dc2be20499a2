#include "host_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "block_posix.h"

#if defined(__linux__) && defined(SYS_openat2)
#include <linux/openat2.h>
#endif

/* ---- errno ---- */

wasi_errno_t posix_errno(int error) {
  static const struct {
    int host;
    wasi_errno_t wasi;
  } table[] = {{ECONNABORTED, WASI_ECONNABORTED}, {ECONNRESET, WASI_ECONNRESET}, {EHOSTUNREACH, WASI_EHOSTUNREACH},
               {ENETUNREACH, WASI_ENETUNREACH}, {ENOBUFS, WASI_ENOBUFS}, {ENOTCONN, WASI_ENOTCONN},
               {ETIMEDOUT, WASI_ETIMEDOUT},
               {EACCES, WASI_EACCES},       {EAGAIN, WASI_EAGAIN},   {EBADF, WASI_EBADF},
               {EBUSY, WASI_EBUSY},         {EDQUOT, WASI_EDQUOT},   {EEXIST, WASI_EEXIST},
               {EFBIG, WASI_EFBIG},         {EINTR, WASI_EINTR},     {EINVAL, WASI_EINVAL},
               {EIO, WASI_EIO},             {EISDIR, WASI_EISDIR},   {ELOOP, WASI_ELOOP},
               {EMFILE, WASI_EMFILE},       {EMLINK, WASI_EMLINK},   {ENAMETOOLONG, WASI_ENAMETOOLONG},
               {ENFILE, WASI_ENFILE},       {ENODEV, WASI_ENODEV},   {ENOENT, WASI_ENOENT},
               {ENOMEM, WASI_ENOMEM},       {ENOSPC, WASI_ENOSPC},   {ENOTDIR, WASI_ENOTDIR},
               {ENOTEMPTY, WASI_ENOTEMPTY}, {ENOTSUP, WASI_ENOTSUP}, {ENXIO, WASI_ENXIO},
               {EOVERFLOW, WASI_EOVERFLOW}, {EPERM, WASI_EPERM},     {EPIPE, WASI_EPIPE},
               {EROFS, WASI_EROFS},         {ESPIPE, WASI_ESPIPE},   {ESTALE, WASI_ESTALE},
               {ETXTBSY, WASI_ETXTBSY},     {EXDEV, WASI_EXDEV}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].host == error) return table[i].wasi;
  }
  return WASI_EIO;
}

static int32_t failed(void) { return -(int32_t)posix_errno(errno); }
static int32_t answer(int result) { return result < 0 ? failed() : result; }

/* ---- clocks, randomness ---- */

static clockid_t clock_of(uint32_t id) {
  switch (id) {
    case WASI_CLOCK_REALTIME:
      return CLOCK_REALTIME;
    case WASI_CLOCK_MONOTONIC:
      return CLOCK_MONOTONIC;
    case WASI_CLOCK_PROCESS_CPUTIME:
      return CLOCK_PROCESS_CPUTIME_ID;
    default:
      return CLOCK_THREAD_CPUTIME_ID;
  }
}

static uint64_t host_clock(void *context, uint32_t id) {
  (void)context;
  struct timespec time;
  if (clock_gettime(clock_of(id), &time)) return 0;
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t host_clock_resolution(void *context, uint32_t id) {
  (void)context;
  struct timespec time;
  if (clock_getres(clock_of(id), &time)) return 1;
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static double host_now(void *context) { return (double)host_clock(context, WASI_CLOCK_REALTIME) / 1e6; }

static void host_random(void *context, void *bytes, uint32_t length) {
  (void)context;
  uint8_t *at = bytes;
  while (length > 0) {
    ssize_t count = getrandom(at, length, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      /* Randomness that is none must not go out. */
      perror("nidus: the system gives no random bytes");
      abort();
    }
    at += count;
    length -= (uint32_t)count;
  }
}

/* ---- folders ---- */

struct place {
  int parent; /* to be closed, unless it is the root */
  char name[256]; /* "." for the root itself */
};

static int open_beneath(int root, const char *path) {
  const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
#if defined(__linux__) && defined(SYS_openat2)
  struct open_how how = {.flags = (uint64_t)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
  /* EPERM: older container sandboxes say so to system calls that they do not know. */
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
#endif
  /* Without openat2: one name at a time. */
  char part[256];
  int at = dup(root);
  while (at >= 0 && *path) {
    size_t length = strcspn(path, "/");
    if (length >= sizeof part) {
      close(at);
      errno = ENAMETOOLONG;
      return -1;
    }
    memcpy(part, path, length);
    part[length] = 0;
    int next = openat(at, part, flags);
    close(at);
    at = next;
    path += length + (path[length] == '/');
  }
  return at;
}

/* Finds the folder of a path's last name. A negated errno on failure. */
static int32_t place_find(struct posix_host *posix, uint32_t mount, const char *path, uint32_t length,
                          struct place *place) {
  char copy[4096];
  if (mount >= posix->folder_count) return -WASI_ENODEV;
  if (length >= sizeof copy) return -WASI_ENAMETOOLONG;
  int root = posix->folders[mount];
  memcpy(copy, path, length);
  copy[length] = 0;
  char *slash = strrchr(copy, '/');
  const char *name = slash ? slash + 1 : copy;
  if (strlen(name) >= sizeof place->name) return -WASI_ENAMETOOLONG;
  strcpy(place->name, *name ? name : ".");
  place->parent = root;
  if (!slash) return 0;
  *slash = 0;
  place->parent = open_beneath(root, copy);
  return place->parent < 0 ? failed() : 0;
}

static int32_t place_leave(struct posix_host *posix, uint32_t mount, const struct place *place, int result) {
  int32_t code = answer(result);
  if (place->parent != posix->folders[mount]) close(place->parent);
  return code;
}

static uint32_t filetype(mode_t mode) {
  if (S_ISREG(mode)) return WASI_FILETYPE_REGULAR_FILE;
  if (S_ISDIR(mode)) return WASI_FILETYPE_DIRECTORY;
  if (S_ISLNK(mode)) return WASI_FILETYPE_SYMBOLIC_LINK;
  if (S_ISCHR(mode)) return WASI_FILETYPE_CHARACTER_DEVICE;
  if (S_ISBLK(mode)) return WASI_FILETYPE_BLOCK_DEVICE;
  if (S_ISSOCK(mode)) return WASI_FILETYPE_SOCKET_STREAM;
  return WASI_FILETYPE_UNKNOWN;
}

static uint64_t nanoseconds(struct timespec time) {
  return time.tv_sec < 0 ? 0 : (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fill_stat(const struct stat *from, struct nidus_stat *out) {
  memset(out, 0, sizeof *out);
  out->dev = from->st_dev;
  out->ino = from->st_ino;
  out->type = filetype(from->st_mode);
  out->mode = from->st_mode & 07777;
  out->nlink = from->st_nlink;
  out->size = (uint64_t)from->st_size;
  out->atime = nanoseconds(from->st_atim);
  out->mtime = nanoseconds(from->st_mtim);
  out->ctime = nanoseconds(from->st_ctim);
  out->allocated = (uint64_t)from->st_blocks * 512;
}

static int32_t fs_stat(void *context, uint32_t mount, const char *path, uint32_t length, struct nidus_stat *out) {
  struct place place;
  struct stat stat;
  int32_t error = place_find(context, mount, path, length, &place);
  if (error) return error;
  error = place_leave(context, mount, &place, fstatat(place.parent, place.name, &stat, AT_SYMLINK_NOFOLLOW));
  if (!error) fill_stat(&stat, out);
  return error;
}

static int32_t fs_open(void *context, uint32_t mount, const char *path, uint32_t length, uint32_t flags) {
  struct place place;
  int32_t error = place_find(context, mount, path, length, &place);
  if (error) return error;
  bool reads = flags & NIDUS_HOST_OPEN_READ, writes = flags & NIDUS_HOST_OPEN_WRITE;
  /* O_NONBLOCK: opening a FIFO must not hang the system; it means nothing for files. */
  int host_flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (writes ? reads ? O_RDWR : O_WRONLY : O_RDONLY);
  if (flags & NIDUS_HOST_OPEN_CREATE) host_flags |= O_CREAT;
  if (flags & NIDUS_HOST_OPEN_EXCLUSIVE) host_flags |= O_EXCL;
  if (flags & NIDUS_HOST_OPEN_TRUNCATE) host_flags |= O_TRUNC;
  return place_leave(context, mount, &place, openat(place.parent, place.name, host_flags, 0666));
}

static void fs_close(void *context, int32_t handle) {
  (void)context;
  close(handle);
}

static int32_t fs_fstat(void *context, int32_t handle, struct nidus_stat *out) {
  (void)context;
  struct stat stat;
  if (fstat(handle, &stat)) return failed();
  fill_stat(&stat, out);
  return 0;
}

/* No more than lies between the offset and the last one: the system refuses all of what would go beyond. */
static size_t reachable(uint32_t length, uint64_t offset) {
  return length < INT64_MAX - offset ? length : INT64_MAX - offset;
}

static int32_t fs_read(void *context, int32_t handle, void *bytes, uint32_t length, uint64_t offset) {
  ssize_t count = pread(handle, bytes, reachable(length, offset), (off_t)offset);
  if (count >= 0 || errno != ESPIPE) return answer((int)count);
  return posix_host_read(context, handle, bytes, length);
}

static int32_t fs_write(void *context, int32_t handle, const void *bytes, uint32_t length, uint64_t offset) {
  size_t most = reachable(length, offset);
  if (most == 0 && length > 0) return -WASI_EFBIG;
  ssize_t count = pwrite(handle, bytes, most, (off_t)offset);
  if (count >= 0 || errno != ESPIPE) return answer((int)count);
  return posix_host_write(context, handle, bytes, length);
}

static int32_t fs_truncate(void *context, int32_t handle, uint64_t size) {
  (void)context;
  return answer(ftruncate(handle, (off_t)size));
}

static int32_t fs_sync(void *context, int32_t handle, uint32_t data_only) {
  (void)context;
  return answer(data_only ? fdatasync(handle) : fsync(handle));
}

static struct timespec timespec_of(uint64_t nanoseconds) {
  return (struct timespec){.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
}

static int32_t fs_futimes(void *context, int32_t handle, uint64_t atime, uint64_t mtime) {
  (void)context;
  const struct timespec times[2] = {timespec_of(atime), timespec_of(mtime)};
  return answer(futimens(handle, times));
}

static int32_t fs_utimes(void *context, uint32_t mount, const char *path, uint32_t length, uint64_t atime,
                         uint64_t mtime) {
  struct place place;
  int32_t error = place_find(context, mount, path, length, &place);
  if (error) return error;
  const struct timespec times[2] = {timespec_of(atime), timespec_of(mtime)};
  return place_leave(context, mount, &place, utimensat(place.parent, place.name, times, AT_SYMLINK_NOFOLLOW));
}

static uint32_t entry_type(int folder, const struct dirent *entry) {
  struct stat stat;
  switch (entry->d_type) {
    case DT_REG:
      return WASI_FILETYPE_REGULAR_FILE;
    case DT_DIR:
      return WASI_FILETYPE_DIRECTORY;
    case DT_LNK:
      return WASI_FILETYPE_SYMBOLIC_LINK;
    case DT_CHR:
      return WASI_FILETYPE_CHARACTER_DEVICE;
    case DT_BLK:
      return WASI_FILETYPE_BLOCK_DEVICE;
    case DT_SOCK:
      return WASI_FILETYPE_SOCKET_STREAM;
    case DT_UNKNOWN: /* not every filesystem tells */
      return fstatat(folder, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) ? WASI_FILETYPE_UNKNOWN
                                                                        : filetype(stat.st_mode);
    default:
      return WASI_FILETYPE_UNKNOWN;
  }
}

static int32_t list_entries(DIR *folder, struct nidus_listing *out) {
  char *bytes = NULL;
  size_t length = 0, capacity = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    struct nidus_host_entry head = {.ino = entry->d_ino,
                                    .type = entry_type(dirfd(folder), entry),
                                    .name_length = (uint32_t)strlen(entry->d_name)};
    size_t need = sizeof head + ((head.name_length + 7) & ~(size_t)7);
    if (need > capacity - length) {
      capacity = capacity ? capacity * 2 : 4096;
      char *bigger = realloc(bytes, capacity);
      if (!bigger) {
        free(bytes);
        return -WASI_ENOMEM;
      }
      bytes = bigger;
    }
    memset(bytes + length, 0, need);
    memcpy(bytes + length, &head, sizeof head);
    memcpy(bytes + length + sizeof head, entry->d_name, head.name_length);
    length += need;
  }
  out->bytes = bytes;
  out->length = (uint32_t)length;
  return 0;
}

static int32_t fs_list(void *context, uint32_t mount, const char *path, uint32_t length, struct nidus_listing *out) {
  struct place place;
  int32_t error = place_find(context, mount, path, length, &place);
  if (error) return error;
  int fd = place_leave(context, mount, &place,
                       openat(place.parent, place.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (fd < 0) return fd;
  DIR *folder = fdopendir(fd);
  if (!folder) {
    error = failed();
    close(fd);
    return error;
  }
  error = list_entries(folder, out);
  closedir(folder);
  return error;
}

static int32_t fs_mkdir(void *context, uint32_t mount, const char *path, uint32_t length) {
  struct place place;
  int32_t error = place_find(context, mount, path, length, &place);
  return error ? error : place_leave(context, mount, &place, mkdirat(place.parent, place.name, 0777));
}

static int32_t fs_rmdir(void *context, uint32_t mount, const char *path, uint32_t length) {
  struct place place;
  int32_t error = place_find(context, mount, path, length, &place);
  return error ? error : place_leave(context, mount, &place, unlinkat(place.parent, place.name, AT_REMOVEDIR));
}

static int32_t fs_unlink(void *context, uint32_t mount, const char *path, uint32_t length) {
  struct place place;
  int32_t error = place_find(context, mount, path, length, &place);
  return error ? error : place_leave(context, mount, &place, unlinkat(place.parent, place.name, 0));
}

typedef int (*two_places)(const struct place *from, const struct place *to);

static int rename_places(const struct place *from, const struct place *to) {
  return renameat(from->parent, from->name, to->parent, to->name);
}

static int link_places(const struct place *from, const struct place *to) {
  return linkat(from->parent, from->name, to->parent, to->name, 0);
}

static int32_t with_two(struct posix_host *posix, uint32_t mount, const char *from, uint32_t from_length,
                        const char *to, uint32_t to_length, two_places operation) {
  struct place old_place, new_place;
  int32_t error = place_find(posix, mount, from, from_length, &old_place);
  if (error) return error;
  error = place_find(posix, mount, to, to_length, &new_place);
  if (!error) error = place_leave(posix, mount, &new_place, operation(&old_place, &new_place));
  (void)place_leave(posix, mount, &old_place, 0);
  return error;
}

static int32_t fs_rename(void *context, uint32_t mount, const char *from, uint32_t from_length, const char *to,
                         uint32_t to_length) {
  return with_two(context, mount, from, from_length, to, to_length, rename_places);
}

static int32_t fs_link(void *context, uint32_t mount, const char *from, uint32_t from_length, const char *to,
                       uint32_t to_length) {
  return with_two(context, mount, from, from_length, to, to_length, link_places);
}

static int32_t fs_symlink(void *context, uint32_t mount, const char *target, uint32_t target_length, const char *path,
                          uint32_t length) {
  char copy[4096];
  struct place place;
  if (target_length >= sizeof copy) return -WASI_ENAMETOOLONG;
  memcpy(copy, target, target_length);
  copy[target_length] = 0;
  int32_t error = place_find(context, mount, path, length, &place);
  return error ? error : place_leave(context, mount, &place, symlinkat(copy, place.parent, place.name));
}

static int32_t fs_readlink(void *context, uint32_t mount, const char *path, uint32_t length, char *buffer,
                           uint32_t buffer_length) {
  struct place place;
  int32_t error = place_find(context, mount, path, length, &place);
  if (error) return error;
  return place_leave(context, mount, &place, (int)readlinkat(place.parent, place.name, buffer, buffer_length));
}

/* ---- the host ---- */

void posix_host_init(struct posix_host *posix) {
  memset(posix, 0, sizeof *posix);
  posix->host = (struct nidus_host){.context = posix,
                                    .clock = host_clock,
                                    .clock_resolution = host_clock_resolution,
                                    .now = host_now,
                                    .random = host_random,
                                    .fs_stat = fs_stat,
                                    .fs_open = fs_open,
                                    .fs_close = fs_close,
                                    .fs_fstat = fs_fstat,
                                    .fs_read = fs_read,
                                    .fs_write = fs_write,
                                    .fs_truncate = fs_truncate,
                                    .fs_sync = fs_sync,
                                    .fs_utimes = fs_utimes,
                                    .fs_futimes = fs_futimes,
                                    .fs_list = fs_list,
                                    .fs_mkdir = fs_mkdir,
                                    .fs_rmdir = fs_rmdir,
                                    .fs_unlink = fs_unlink,
                                    .fs_rename = fs_rename,
                                    .fs_link = fs_link,
                                    .fs_symlink = fs_symlink,
                                    .fs_readlink = fs_readlink};
  posix_streams_init(posix);
  block_posix_init(posix);
}

void posix_host_close(struct posix_host *posix) {
  for (uint32_t i = 0; i < posix->folder_count; i++) close(posix->folders[i]);
  posix->folder_count = 0;
  posix_streams_close(posix);
  block_posix_close(posix);
}

int32_t posix_host_add_folder(struct posix_host *posix, const char *path) {
  if (posix->folder_count == POSIX_FOLDER_LIMIT) return -WASI_ENFILE;
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed();
  posix->folders[posix->folder_count] = fd;
  return (int32_t)posix->folder_count++;
}

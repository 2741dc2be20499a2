// The guest of the system call bench: every row calls WASI directly, so that what is timed is the
// host's system call and not the C library, and prints "row nanoseconds-per-operation".
//
//   syscalls small MS     every row but readdir, each run for MS milliseconds
//   syscalls readdir MS   lists the folder "big", which the host has filled
//   syscalls append N     appends N bytes to a file, 256 at a time; prints the nanoseconds in all
//   syscalls list         lists "big" once; prints the nanoseconds in all, and the entries found
//
// It works in the last preopened folder and leaves nothing behind.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

static int root;
static uint8_t buffer[1 << 20];
static uint64_t window = 20000000;

static void check(__wasi_errno_t error, const char *what) {
  if (error) {
    fprintf(stderr, "syscalls: %s failed with errno %d\n", what, (int)error);
    exit(2);
  }
}

static uint64_t now(void) {
  __wasi_timestamp_t t;
  check(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &t), "clock_time_get");
  return t;
}

static void find_root(void) {
  __wasi_prestat_t p;
  for (int fd = 3; __wasi_fd_prestat_get(fd, &p) == 0; fd++) root = fd;
  if (!root) {
    fprintf(stderr, "syscalls: no folder was preopened\n");
    exit(2);
  }
}

static int open_at(const char *path, int oflags, int fdflags) {
  __wasi_fd_t fd;
  __wasi_rights_t rights = __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK |
                           __WASI_RIGHTS_FD_TELL | __WASI_RIGHTS_FD_FILESTAT_GET |
                           __WASI_RIGHTS_FD_FILESTAT_SET_SIZE;
  if (oflags & __WASI_OFLAGS_DIRECTORY) rights = __WASI_RIGHTS_FD_READDIR;
  check(__wasi_path_open(root, 0, path, oflags, rights, 0, fdflags, &fd), path);
  return fd;
}

static void write_all(int fd, uint32_t len) {
  __wasi_ciovec_t iov = {buffer, len};
  __wasi_size_t n;
  check(__wasi_fd_write(fd, &iov, 1, &n), "fd_write");
  if (n != len) check(__WASI_ERRNO_IO, "fd_write (short)");
}

static void read_all(int fd, uint32_t len) {
  __wasi_iovec_t iov = {buffer, len};
  __wasi_size_t n;
  check(__wasi_fd_read(fd, &iov, 1, &n), "fd_read");
  if (n != len) check(__WASI_ERRNO_IO, "fd_read (short)");
}

static void read_at(int fd, uint32_t len, uint64_t offset) {
  __wasi_iovec_t iov = {buffer, len};
  __wasi_size_t n;
  check(__wasi_fd_pread(fd, &iov, 1, offset, &n), "fd_pread");
  if (n != len) check(__WASI_ERRNO_IO, "fd_pread (short)");
}

static void seek_to(int fd, int64_t to) {
  __wasi_filesize_t at;
  check(__wasi_fd_seek(fd, to, __WASI_WHENCE_SET, &at), "fd_seek");
}

static void empty(int fd) {
  check(__wasi_fd_filestat_set_size(fd, 0), "fd_filestat_set_size");
  seek_to(fd, 0);
}

static int file_of(const char *path, uint32_t size) {
  int fd = open_at(path, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC, 0);
  for (uint32_t left = size; left;) {
    uint32_t n = left < sizeof buffer ? left : (uint32_t)sizeof buffer;
    write_all(fd, n);
    left -= n;
  }
  seek_to(fd, 0);
  return fd;
}

static void report(const char *row, uint64_t ns, uint64_t count) {
  printf("%s %.2f\n", row, (double)ns / (double)count);
}

// Runs BODY in batches of COUNT until the window is used up; SETUP is not timed.
#define ROW(name, count, setup, body)          \
  do {                                         \
    uint64_t spent = 0, done = 0;              \
    do {                                       \
      setup;                                   \
      uint64_t t = now();                      \
      for (uint32_t i = 0; i < (count); i++) { \
        body;                                  \
      }                                        \
      spent += now() - t;                      \
      done += (count);                         \
    } while (spent < window);                  \
    report(name, spent, done);                 \
  } while (0)

static void descriptor_rows(void) {
  int fd = file_of("data", 256 << 10);
  __wasi_filestat_t stat;
  ROW("write64", 4096, seek_to(fd, 0), write_all(fd, 64));
  ROW("read64", 4096, seek_to(fd, 0), read_all(fd, 64));
  ROW("pread4k", 1024, (void)0, read_at(fd, 4096, (i & 63) << 12));
  ROW("lseek", 4096, (void)0, seek_to(fd, i & 0xffff));
  ROW("fstat", 4096, (void)0, check(__wasi_fd_filestat_get(fd, &stat), "fd_filestat_get"));
  check(__wasi_fd_close(fd), "fd_close");
  ROW("open+close", 512, (void)0, check(__wasi_fd_close(open_at("data", 0, 0)), "fd_close"));
  ROW("stat", 512, (void)0, check(__wasi_path_filestat_get(root, 0, "data", &stat), "stat"));
  check(__wasi_path_unlink_file(root, "data"), "unlink");
}

// Files are made in the root of the tree under test, where the peers that keep one flat map of
// paths do best, and are named so that no name is the beginning of another.
static void name_rows(void) {
  enum { FILES = 128 };
  static char old_name[FILES][8], new_name[FILES][8];
  for (int i = 0; i < FILES; i++) {
    snprintf(old_name[i], 8, "c%03d", i);
    snprintf(new_name[i], 8, "r%03d", i);
  }
  uint64_t create = 0, rename = 0, unlink = 0, done = 0;
  do {
    uint64_t t0 = now();
    for (int i = 0; i < FILES; i++)
      check(__wasi_fd_close(open_at(old_name[i], __WASI_OFLAGS_CREAT, 0)), "fd_close");
    uint64_t t1 = now();
    for (int i = 0; i < FILES; i++)
      check(__wasi_path_rename(root, old_name[i], root, new_name[i]), "path_rename");
    uint64_t t2 = now();
    for (int i = 0; i < FILES; i++)
      check(__wasi_path_unlink_file(root, new_name[i]), "path_unlink_file");
    uint64_t t3 = now();
    create += t1 - t0, rename += t2 - t1, unlink += t3 - t2, done += FILES;
  } while (create + rename + unlink < 3 * window);
  report("create", create, done);
  report("rename", rename, done);
  report("unlink", unlink, done);
}

static void large_rows(void) {
  int fd = file_of("large", 4 << 20);
  ROW("write1m", 4, seek_to(fd, 0), write_all(fd, 1 << 20));
  ROW("append1m", 8, empty(fd), write_all(fd, 1 << 20));
  check(__wasi_fd_close(fd), "fd_close");
  check(__wasi_path_unlink_file(root, "large"), "unlink");
}

// Lists the folder with a buffer of 4 KiB, the size wasi-libc starts with.
static uint32_t list(int fd) {
  __wasi_dircookie_t cookie = 0;
  uint32_t entries = 0;
  for (;;) {
    __wasi_size_t used, at = 0;
    check(__wasi_fd_readdir(fd, buffer, 4096, cookie, &used), "fd_readdir");
    while (at + sizeof(__wasi_dirent_t) <= used) {
      __wasi_dirent_t entry;
      memcpy(&entry, buffer + at, sizeof entry);
      if (at + sizeof entry + entry.d_namlen > used) break;
      at += sizeof entry + entry.d_namlen;
      cookie = entry.d_next;
      entries++;
    }
    if (used < 4096) return entries;
  }
}

static void readdir_row(void) {
  int fd = open_at("big", __WASI_OFLAGS_DIRECTORY, 0);
  uint32_t entries = 0;
  ROW("readdir", 1, (void)0, entries = list(fd));
  if (entries < 2000) check(__WASI_ERRNO_IO, "readdir (entries are missing)");
  check(__wasi_fd_close(fd), "fd_close");
}

static void list_once(void) {
  int fd = open_at("big", __WASI_OFLAGS_DIRECTORY, 0);
  uint64_t t = now();
  uint32_t entries = list(fd);
  printf("list %.0f\nentries %u\n", (double)(now() - t), entries);
  check(__wasi_fd_close(fd), "fd_close");
}

static void append(uint32_t bytes) {
  int fd = open_at("log", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC, 0);
  uint64_t t = now();
  for (uint32_t done = 0; done < bytes; done += 256) write_all(fd, 256);
  printf("append %.0f\n", (double)(now() - t));
  check(__wasi_fd_close(fd), "fd_close");
  check(__wasi_path_unlink_file(root, "log"), "unlink");
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "small";
  uint32_t number = argc > 2 ? (uint32_t)strtoul(argv[2], 0, 10) : 20;
  find_root();
  memset(buffer, 'x', sizeof buffer);
  window = (uint64_t)number * 1000000;
  if (!strcmp(what, "small")) {
    descriptor_rows();
    name_rows();
    large_rows();
  } else if (!strcmp(what, "readdir")) {
    readdir_row();
  } else if (!strcmp(what, "append")) {
    append(number);
  } else if (!strcmp(what, "list")) {
    list_once();
  } else {
    fprintf(stderr, "syscalls: no row is called %s\n", what);
    return 1;
  }
  return 0;
}

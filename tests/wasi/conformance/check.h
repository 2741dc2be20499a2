/*
 * check.h: what the conformance programs share.
 *
 * Each program provokes one function of wasi_snapshot_preview1: main calls start(), makes its checks and returns
 * done(). Each check is one line, "ok" or "not ok" with what was expected and what came; the exit status is the
 * number of those that failed. The functions are imported here with their core types, an address being a
 * uint32_t, so that a check can pass anything at all.
 *
 * Arguments: the name of a preopen, and the name of a folder to make in it, in which everything happens.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

typedef uint32_t i32;
typedef uint64_t i64;

#define WASI(name, ...)                                                                                 \
  __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) i32 name(__VA_ARGS__);
WASI(args_get, i32 argv, i32 buf)
WASI(args_sizes_get, i32 argc, i32 size)
WASI(environ_get, i32 environ, i32 buf)
WASI(environ_sizes_get, i32 count, i32 size)
WASI(clock_res_get, i32 id, i32 out)
WASI(clock_time_get, i32 id, i64 precision, i32 out)
WASI(fd_advise, i32 fd, i64 offset, i64 len, i32 advice)
WASI(fd_allocate, i32 fd, i64 offset, i64 len)
WASI(fd_close, i32 fd)
WASI(fd_datasync, i32 fd)
WASI(fd_fdstat_get, i32 fd, i32 out)
WASI(fd_fdstat_set_flags, i32 fd, i32 flags)
WASI(fd_fdstat_set_rights, i32 fd, i64 base, i64 inheriting)
WASI(fd_filestat_get, i32 fd, i32 out)
WASI(fd_filestat_set_size, i32 fd, i64 size)
WASI(fd_filestat_set_times, i32 fd, i64 atim, i64 mtim, i32 flags)
WASI(fd_pread, i32 fd, i32 iovs, i32 count, i64 offset, i32 out)
WASI(fd_prestat_get, i32 fd, i32 out)
WASI(fd_prestat_dir_name, i32 fd, i32 path, i32 len)
WASI(fd_pwrite, i32 fd, i32 iovs, i32 count, i64 offset, i32 out)
WASI(fd_read, i32 fd, i32 iovs, i32 count, i32 out)
WASI(fd_readdir, i32 fd, i32 buf, i32 len, i64 cookie, i32 out)
WASI(fd_renumber, i32 fd, i32 to)
WASI(fd_seek, i32 fd, i64 offset, i32 whence, i32 out)
WASI(fd_sync, i32 fd)
WASI(fd_tell, i32 fd, i32 out)
WASI(fd_write, i32 fd, i32 iovs, i32 count, i32 out)
WASI(path_create_directory, i32 fd, i32 path, i32 len)
WASI(path_filestat_get, i32 fd, i32 lookup, i32 path, i32 len, i32 out)
WASI(path_filestat_set_times, i32 fd, i32 lookup, i32 path, i32 len, i64 atim, i64 mtim, i32 flags)
WASI(path_link, i32 fd, i32 lookup, i32 path, i32 len, i32 to_fd, i32 to, i32 to_len)
WASI(path_open, i32 fd, i32 lookup, i32 path, i32 len, i32 oflags, i64 base, i64 inheriting, i32 flags, i32 out)
WASI(path_readlink, i32 fd, i32 path, i32 len, i32 buf, i32 size, i32 out)
WASI(path_remove_directory, i32 fd, i32 path, i32 len)
WASI(path_rename, i32 fd, i32 path, i32 len, i32 to_fd, i32 to, i32 to_len)
WASI(path_symlink, i32 target, i32 target_len, i32 fd, i32 path, i32 len)
WASI(path_unlink_file, i32 fd, i32 path, i32 len)
WASI(poll_oneoff, i32 in, i32 out, i32 count, i32 events)
WASI(proc_raise, i32 signal)
WASI(sched_yield, void)
WASI(random_get, i32 buf, i32 len)
WASI(sock_accept, i32 fd, i32 flags, i32 out)
WASI(sock_recv, i32 fd, i32 iovs, i32 count, i32 flags, i32 length, i32 out_flags)
WASI(sock_send, i32 fd, i32 iovs, i32 count, i32 flags, i32 length)
WASI(sock_shutdown, i32 fd, i32 how)
#undef WASI
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"))) _Noreturn void proc_exit(i32 code);

/* The errnos, by the specification's numbers. */
enum {
  OK = 0, OK_ = 0, EACCES_ = 2, EAGAIN_ = 6, EBADF_ = 8, EBUSY_ = 10, EEXIST_ = 20, EFAULT_ = 21, EFBIG_ = 22,
  EILSEQ_ = 25, EINVAL_ = 28, EISDIR_ = 31, ELOOP_ = 32, ENAMETOOLONG_ = 37, ENOENT_ = 44, ENOSPC_ = 51,
  ENOSYS_ = 52, ENOTCONN_ = 53, ENOTDIR_ = 54, ENOTEMPTY_ = 55, ENOTSOCK_ = 57, ENOTSUP_ = 58, EPERM_ = 63,
  EROFS_ = 69, ESPIPE_ = 70, EXDEV_ = 75, ENOTCAPABLE_ = 76
};

enum { CREAT = 1, DIRECTORY = 2, EXCL = 4, TRUNC = 8 };                      /* oflags */
enum { APPEND = 1, DSYNC = 2, NONBLOCK = 4, RSYNC = 8, SYNC = 16 };          /* fdflags */
enum { FOLLOW = 1 };                                                         /* lookup flags */
enum { CHARACTER = 2, FOLDER = 3, FILE_ = 4, SOCKET = 6, LINK = 7 };         /* file types */

/* Rights by their names. */
#define RIGHT(name) ((i64)__WASI_RIGHTS_##name)
#define READING (RIGHT(FD_READ) | RIGHT(FD_SEEK) | RIGHT(FD_TELL) | RIGHT(FD_FILESTAT_GET))

#define AT(pointer) ((i32)(uintptr_t)(pointer))
#define PATH(text) AT(text), (i32)strlen(text)
/* Addresses of which nothing, or not enough, is memory. */
#define NOWHERE 0xFFFFFFF0u
static inline i32 last_byte(void) { return (i32)__builtin_wasm_memory_size(0) * 65536u - 1; }

static int failures;
/* The preopen, the folder made in it, and where calls put what nobody looks at. */
static i32 home, dir;
static i64 base, inheriting; /* rights of the preopen */
static i64 ignored[16];
#define IGNORED AT(ignored)

/* Written at once, so that a line is there even if the next call ends the program. */
static inline void say(const char *text, size_t length) {
  struct { i32 at, length; } vector = {AT(text), (i32)length};
  fd_write(1, AT(&vector), 1, IGNORED);
}

static const char *errno_text(i32 code) {
  static char number[16];
  switch (code) {
    case OK: return "success";
    case EACCES_: return "EACCES";
    case EAGAIN_: return "EAGAIN";
    case EBADF_: return "EBADF";
    case EBUSY_: return "EBUSY";
    case EEXIST_: return "EEXIST";
    case EFAULT_: return "EFAULT";
    case EFBIG_: return "EFBIG";
    case EILSEQ_: return "EILSEQ";
    case EINVAL_: return "EINVAL";
    case EISDIR_: return "EISDIR";
    case ELOOP_: return "ELOOP";
    case ENAMETOOLONG_: return "ENAMETOOLONG";
    case ENOENT_: return "ENOENT";
    case ENOSPC_: return "ENOSPC";
    case ENOSYS_: return "ENOSYS";
    case ENOTCONN_: return "ENOTCONN";
    case ENOTDIR_: return "ENOTDIR";
    case ENOTEMPTY_: return "ENOTEMPTY";
    case ENOTSOCK_: return "ENOTSOCK";
    case ENOTSUP_: return "ENOTSUP";
    case EPERM_: return "EPERM";
    case EROFS_: return "EROFS";
    case ESPIPE_: return "ESPIPE";
    case EXDEV_: return "EXDEV";
    case ENOTCAPABLE_: return "ENOTCAPABLE";
  }
  snprintf(number, sizeof number, "errno %u", (unsigned)code);
  return number;
}

static inline void verdict(bool passed, int line, const char *what, const char *expected, const char *got) {
  char text[512];
  int length = passed ? snprintf(text, sizeof text, "ok %d %.300s: %s\n", line, what, got)
                      : snprintf(text, sizeof text, "not ok %d %.300s: expected %s, got %s\n", line, what, expected, got);
  if (!passed) failures++;
  say(text, (size_t)length);
}

static inline void check_errno(i32 code, i32 one, i32 other, int line, const char *what) {
  char expected[40], got[20];
  snprintf(got, sizeof got, "%s", errno_text(code));
  int length = snprintf(expected, sizeof expected, "%s", errno_text(one));
  if (other != one) snprintf(expected + length, sizeof expected - (size_t)length, " or %s", errno_text(other));
  verdict(code == one || code == other, line, what, expected, got);
}

static inline void check_equal(long long got, long long expected, int line, const char *what) {
  char texts[2][24];
  snprintf(texts[0], sizeof texts[0], "%lld", expected);
  snprintf(texts[1], sizeof texts[1], "%lld", got);
  verdict(got == expected, line, what, texts[0], texts[1]);
}

/* The checks. EITHER is for what the specification leaves to the host. */
#define SUCCEEDS(call) check_errno(call, OK, OK, __LINE__, #call)
#define FAILS(error, call) check_errno(call, error##_, error##_, __LINE__, #call)
#define EITHER(error, other, call) check_errno(call, error##_, other##_, __LINE__, #call)
#define EQUAL(got, expected) check_equal((long long)(got), (long long)(expected), __LINE__, #got)
#define TRUE(condition) verdict(condition, __LINE__, #condition, "true", (condition) ? "true" : "false")
/* A call that cannot work leaves the sandbox: wasmtime says EPERM, the specification's own reference ENOTCAPABLE. */
#define ESCAPES(call) EITHER(EPERM, ENOTCAPABLE, call)

/* ---- what many checks need; none of these is a check unless it fails ---- */

static inline void must(i32 code, const char *what) {
  if (code != OK) verdict(false, 0, what, "success", errno_text(code));
}

static inline i32 open_with(i32 folder, const char *path, i32 oflags, i64 rights, i32 flags) {
  i32 fd = ~0u;
  must(path_open(folder, 0, PATH(path), oflags, rights, rights, flags, AT(&fd)), path);
  return fd;
}

static inline i32 open_file(const char *path, i32 oflags, i32 flags) {
  return open_with(dir, path, oflags, inheriting & ~RIGHT(FD_READDIR), flags);
}

static inline i32 open_to_read(const char *path) { return open_with(dir, path, 0, READING, 0); }

static inline i32 open_folder(const char *path) {
  i32 fd = ~0u;
  must(path_open(dir ? dir : home, 0, PATH(path), DIRECTORY, base, inheriting, 0, AT(&fd)), path);
  return fd;
}

/* The descriptor, which has given up `rights`. */
static inline i32 without(i32 fd, i64 rights) {
  __wasi_fdstat_t stat = {0};
  must(fd_fdstat_get(fd, AT(&stat)), "fd_fdstat_get");
  must(fd_fdstat_set_rights(fd, stat.fs_rights_base & ~rights, stat.fs_rights_inheriting), "fd_fdstat_set_rights");
  return fd;
}

/* A call on a descriptor without one of its rights. */
#define LACKS(fd, right, call)            \
  do {                                    \
    i32 lacking = without(fd, RIGHT(right)); \
    FAILS(ENOTCAPABLE, call);             \
    fd_close(lacking);                    \
  } while (0)

static inline i32 put(i32 fd, const char *text) {
  struct { i32 at, length; } vector = {PATH(text)};
  i32 written = 0;
  must(fd_write(fd, AT(&vector), 1, AT(&written)), "fd_write");
  return written;
}

static inline void make_file(const char *path, const char *text) {
  i32 fd = open_file(path, CREAT | TRUNC, 0);
  put(fd, text);
  fd_close(fd);
}

static inline void make_folder(const char *path) { must(path_create_directory(dir, PATH(path)), path); }
static inline void make_link(const char *target, const char *path) {
  must(path_symlink(PATH(target), dir, PATH(path)), path);
}

/* What the file `path` holds. */
static inline const char *contents(const char *path) {
  static char text[256];
  i32 fd = ~0u, length = 0;
  struct { i32 at, length; } vector = {AT(text), sizeof text - 1};
  if (path_open(dir, FOLLOW, PATH(path), 0, READING, 0, 0, AT(&fd))) return "(not there)";
  must(fd_read(fd, AT(&vector), 1, AT(&length)), "fd_read");
  fd_close(fd);
  text[length] = 0;
  return text;
}

static inline __wasi_filestat_t stat_of(const char *path) {
  __wasi_filestat_t stat = {0};
  must(path_filestat_get(dir, 0, PATH(path), AT(&stat)), path);
  return stat;
}

static inline bool exists(const char *path) { return path_filestat_get(dir, 0, PATH(path), IGNORED) == OK; }

/* A descriptor that was open and is not any more. */
static inline i32 closed(void) {
  make_file("closed", "");
  i32 fd = open_file("closed", 0, 0);
  must(fd_close(fd), "fd_close");
  return fd;
}

static char *long_path(size_t length) {
  char *path = malloc(length + 1);
  for (size_t i = 0; i < length; i++) path[i] = i % 200 == 199 ? '/' : 'a';
  path[length] = 0;
  return path;
}

/* Paths that no call can take. `call` has `path` and `length`. */
#define BAD_PATHS(call)                                                                       \
  do {                                                                                        \
    i32 path, length;                                                                         \
    path = AT("a\0b"), length = 3;                                                            \
    EITHER(EINVAL, EILSEQ, call); /* a NUL within */                                          \
    path = AT("a\xff"), length = 2;                                                           \
    EITHER(EILSEQ, EINVAL, call); /* not UTF-8 */                                             \
    path = AT("\xc0\x80"), length = 2;                                                        \
    EITHER(EILSEQ, EINVAL, call); /* overlong */                                              \
    path = AT("\xed\xa0\x80"), length = 3;                                                    \
    EITHER(EILSEQ, EINVAL, call); /* a surrogate */                                           \
    path = AT(long_path(100000)), length = 100000;                                            \
    FAILS(ENAMETOOLONG, call); /* 100 KB */                                                   \
    path = AT(memset(malloc(256), 'n', 256)), length = 256;                                   \
    FAILS(ENAMETOOLONG, call); /* one name of 256 bytes */                                    \
    path = NOWHERE, length = 64;                                                              \
    FAILS(EFAULT, call); /* not memory */                                                     \
    path = last_byte(), length = 2;                                                           \
    FAILS(EFAULT, call); /* half memory */                                                    \
    path = AT(""), length = 0;                                                                \
    EITHER(ENOENT, EINVAL, call); /* empty */                                                 \
  } while (0)

/* What calls with a folder and a path refuse whatever else they do. `fd` is the folder's. */
#define BAD_FOLDERS(call)                                 \
  do {                                                    \
    i32 fd = closed();                                    \
    FAILS(EBADF, call); /* closed */                      \
    fd = 0x7FFFFFFF;                                      \
    FAILS(EBADF, call); /* never open */                  \
    fd = open_file("closed", 0, 0);                       \
    FAILS(ENOTDIR, call); /* a file */                    \
    fd_close(fd);                                         \
  } while (0)

/* Paths that lead out of `dir`, as `path` and `length`. */
#define ESCAPES_BY_PATH(call)                         \
  do {                                                \
    const char *ways[] = {"..", "../x", "/x", "/", "./../x", "inner/../../x", "out/x"}; \
    if (!exists("inner")) make_folder("inner");       \
    if (!exists("out")) make_link("..", "out");       \
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) { \
      i32 path = AT(ways[way]), length = (i32)strlen(ways[way]);    \
      ESCAPES(call);                                  \
    }                                                 \
  } while (0)

static inline void start(int argc, char **argv) {
  if (argc < 3) abort();
  char name[64];
  for (i32 fd = 3; fd < 16 && !home; fd++) {
    __wasi_prestat_t prestat;
    if (fd_prestat_get(fd, AT(&prestat)) != OK) break;
    i32 length = prestat.u.dir.pr_name_len;
    if (length == strlen(argv[1]) && fd_prestat_dir_name(fd, AT(name), length) == OK && !memcmp(name, argv[1], length))
      home = fd;
  }
  if (!home) verdict(false, __LINE__, "a preopen of that name", argv[1], "none"), exit(1);
  __wasi_fdstat_t stat = {0};
  must(fd_fdstat_get(home, AT(&stat)), "fd_fdstat_get");
  base = stat.fs_rights_base;
  inheriting = stat.fs_rights_inheriting;
  must(path_create_directory(home, PATH(argv[2])), "path_create_directory");
  dir = open_folder(argv[2]);
}

static inline int done(void) { return failures < 255 ? failures : 255; }

#endif

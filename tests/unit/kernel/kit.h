/*
 * kit.h: what the kernel's unit tests share: a runner, and the system calls with C strings for paths.
 *
 * Every test gets a kernel of its own (tests/fuzz/guest.h) whose process has /box as its only preopen, at
 * descriptor BOX. A test's name is the sentence that it proves. A check that fails ends the program.
 */
#ifndef KERNEL_TEST_KIT_H
#define KERNEL_TEST_KIT_H

#include "guest.h"

enum { BOX = 3 };

/* Guest memory: two paths, results, then room for contents. */
enum { PATH_A = 0, PATH_B = 8192, OUT = 16384, IOVS = 16448, STATS = 24576, DATA = 32768, DATA_SIZE = 32768 };

struct test {
  const char *sentence;
  void (*prove)(struct guest *guest);
};

/* Runs all tests, or those whose sentence contains the program's argument. */
int run_tests(const struct test *tests, size_t count, int argc, char **argv);
#define RUN_TESTS(tests) \
  int main(int argc, char **argv) { return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv); }

/* The expression's errno must be this one. */
#define EXPECT(expected, expression) expect_errno(expected, expression, #expression, __FILE__, __LINE__)
#define OK(expression) EXPECT(WASI_ESUCCESS, expression)
void expect_errno(wasi_errno_t expected, wasi_errno_t got, const char *what, const char *file, int line);

struct filestat {
  uint64_t dev, ino;
  uint8_t type;
  uint64_t nlink, size, atime, mtime, ctime;
};

/* Rights for path_open. */
#define READ_RIGHTS (WASI_RIGHT_ALL & ~(WRITE_ONLY_RIGHTS))
#define WRITE_ONLY_RIGHTS                                                                       \
  (WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE)
#define ALL_RIGHTS WASI_RIGHT_ALL

enum { FOLLOW = WASI_LOOKUP_SYMLINK_FOLLOW };

wasi_errno_t do_open(struct guest *guest, uint32_t folder, const char *path, uint32_t oflags, uint64_t rights,
                     uint32_t fdflags, uint32_t *fd);
wasi_errno_t do_open_at(struct guest *guest, uint32_t folder, uint32_t lookup, const char *path, uint32_t oflags,
                        uint64_t rights, uint32_t fdflags, uint32_t *fd);
wasi_errno_t do_close(struct guest *guest, uint32_t fd);
wasi_errno_t do_mkdir(struct guest *guest, uint32_t folder, const char *path);
wasi_errno_t do_rmdir(struct guest *guest, uint32_t folder, const char *path);
wasi_errno_t do_unlink(struct guest *guest, uint32_t folder, const char *path);
wasi_errno_t do_rename(struct guest *guest, uint32_t folder, const char *from, const char *to);
wasi_errno_t do_link(struct guest *guest, uint32_t folder, uint32_t lookup, const char *from, const char *to);
wasi_errno_t do_symlink(struct guest *guest, uint32_t folder, const char *target, const char *path);
wasi_errno_t do_readlink(struct guest *guest, uint32_t folder, const char *path, char *target, uint32_t size,
                         uint32_t *length);
wasi_errno_t do_stat(struct guest *guest, uint32_t folder, uint32_t lookup, const char *path, struct filestat *stat);
wasi_errno_t do_fstat(struct guest *guest, uint32_t fd, struct filestat *stat);

/* Up to DATA_SIZE bytes; *moved is the count. */
wasi_errno_t do_write(struct guest *guest, uint32_t fd, const void *bytes, uint32_t length, uint32_t *moved);
wasi_errno_t do_read(struct guest *guest, uint32_t fd, void *bytes, uint32_t length, uint32_t *moved);
wasi_errno_t do_pwrite(struct guest *guest, uint32_t fd, const void *bytes, uint32_t length, uint64_t offset,
                       uint32_t *moved);
wasi_errno_t do_pread(struct guest *guest, uint32_t fd, void *bytes, uint32_t length, uint64_t offset,
                      uint32_t *moved);
wasi_errno_t do_seek(struct guest *guest, uint32_t fd, int64_t offset, uint32_t whence, uint64_t *position);

/* Makes a file of that text. */
void make_file(struct guest *guest, uint32_t folder, const char *path, const char *text);
/* The file's text, at most 255 bytes, in a static buffer. */
const char *text_of(struct guest *guest, uint32_t folder, const char *path);
bool exists(struct guest *guest, uint32_t folder, const char *path);

/* Names of a folder without "." and "..", sorted, each followed by a blank: "a b c ". Static buffer. */
const char *names_in(struct guest *guest, uint32_t fd);

/* A repeatable source of numbers; the seed is printed by who seeds it. */
struct random {
  uint64_t state;
};
uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t limit);
/* The seed from the environment variable SEED, or the one given. */
uint64_t random_seed(uint64_t standard);

#endif

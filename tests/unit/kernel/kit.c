#include "kit.h"

#include <pthread.h>

static const char *current = "(start)";

/* In kernel.wasm the C stack is small, so it is here: what recurses as deep as a guest wishes is found. */
enum { STACK_SIZE = 256 * 1024 };

static void *prove(void *argument) {
  const struct test *test = argument;
  struct guest guest;
  guest_start(&guest);
  guest_preopen(&guest, "/", 0);
  OK(do_mkdir(&guest, BOX, "box"));
  OK(do_close(&guest, BOX));
  guest_preopen(&guest, "/box", 0);
  test->prove(&guest);
  guest_stop(&guest);
  return NULL;
}

int run_tests(const struct test *tests, size_t count, int argc, char **argv) {
  size_t run = 0;
  setvbuf(stdout, NULL, _IOLBF, 0); /* the seed is there when a test aborts */
  for (size_t i = 0; i < count; i++) {
    if (argc > 1 && !strstr(tests[i].sentence, argv[1])) continue;
    current = tests[i].sentence;
    pthread_t thread;
    pthread_attr_t attributes;
    require(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0);
    require(pthread_create(&thread, &attributes, prove, (void *)&tests[i]) == 0);
    require(pthread_join(thread, NULL) == 0 && pthread_attr_destroy(&attributes) == 0);
    printf("ok: %s\n", current);
    run++;
  }
  if (run == 0) fprintf(stderr, "no test has that in its sentence\n");
  return run == 0;
}

void expect_errno(wasi_errno_t expected, wasi_errno_t got, const char *what, const char *file, int line) {
  if (got == expected) return;
  fprintf(stderr, "%s:%d: %s: errno %u, expected %u, in: %s\n", file, line, what, (unsigned)got, (unsigned)expected,
          current);
  abort();
}

/* ---- paths ---- */

static uint32_t put_text(struct guest *guest, uint32_t at, const char *text) {
  size_t length = strlen(text);
  require(length <= 8192);
  memcpy(guest->memory + at, text, length);
  return (uint32_t)length;
}

wasi_errno_t do_open_at(struct guest *guest, uint32_t folder, uint32_t lookup, const char *path, uint32_t oflags,
                        uint64_t rights, uint32_t fdflags, uint32_t *fd) {
  uint32_t length = put_text(guest, PATH_A, path);
  wasi_errno_t error =
      guest_call(guest, SYS_path_open, folder, lookup, PATH_A, length, oflags, rights, WASI_RIGHT_ALL, fdflags, OUT);
  if (!error) *fd = guest_u32(guest, OUT);
  return error;
}

wasi_errno_t do_open(struct guest *guest, uint32_t folder, const char *path, uint32_t oflags, uint64_t rights,
                     uint32_t fdflags, uint32_t *fd) {
  return do_open_at(guest, folder, FOLLOW, path, oflags, rights, fdflags, fd);
}

wasi_errno_t do_close(struct guest *guest, uint32_t fd) { return guest_call(guest, SYS_fd_close, fd); }

wasi_errno_t do_mkdir(struct guest *guest, uint32_t folder, const char *path) {
  return guest_call(guest, SYS_path_create_directory, folder, PATH_A, put_text(guest, PATH_A, path));
}

wasi_errno_t do_rmdir(struct guest *guest, uint32_t folder, const char *path) {
  return guest_call(guest, SYS_path_remove_directory, folder, PATH_A, put_text(guest, PATH_A, path));
}

wasi_errno_t do_unlink(struct guest *guest, uint32_t folder, const char *path) {
  return guest_call(guest, SYS_path_unlink_file, folder, PATH_A, put_text(guest, PATH_A, path));
}

wasi_errno_t do_rename(struct guest *guest, uint32_t folder, const char *from, const char *to) {
  uint32_t from_length = put_text(guest, PATH_A, from), to_length = put_text(guest, PATH_B, to);
  return guest_call(guest, SYS_path_rename, folder, PATH_A, from_length, folder, PATH_B, to_length);
}

wasi_errno_t do_link(struct guest *guest, uint32_t folder, uint32_t lookup, const char *from, const char *to) {
  uint32_t from_length = put_text(guest, PATH_A, from), to_length = put_text(guest, PATH_B, to);
  return guest_call(guest, SYS_path_link, folder, lookup, PATH_A, from_length, folder, PATH_B, to_length);
}

wasi_errno_t do_symlink(struct guest *guest, uint32_t folder, const char *target, const char *path) {
  uint32_t target_length = put_text(guest, PATH_A, target), length = put_text(guest, PATH_B, path);
  return guest_call(guest, SYS_path_symlink, PATH_A, target_length, folder, PATH_B, length);
}

wasi_errno_t do_readlink(struct guest *guest, uint32_t folder, const char *path, char *target, uint32_t size,
                         uint32_t *length) {
  uint32_t path_length = put_text(guest, PATH_A, path);
  wasi_errno_t error = guest_call(guest, SYS_path_readlink, folder, PATH_A, path_length, DATA, size, OUT);
  if (error) return error;
  *length = guest_u32(guest, OUT);
  memcpy(target, guest->memory + DATA, *length);
  return WASI_ESUCCESS;
}

static void take_stat(const struct guest *guest, struct filestat *stat) {
  *stat = (struct filestat){.dev = guest_u64(guest, STATS),
                            .ino = guest_u64(guest, STATS + 8),
                            .type = guest->memory[STATS + 16],
                            .nlink = guest_u64(guest, STATS + 24),
                            .size = guest_u64(guest, STATS + 32),
                            .atime = guest_u64(guest, STATS + 40),
                            .mtime = guest_u64(guest, STATS + 48),
                            .ctime = guest_u64(guest, STATS + 56)};
}

wasi_errno_t do_stat(struct guest *guest, uint32_t folder, uint32_t lookup, const char *path, struct filestat *stat) {
  uint32_t length = put_text(guest, PATH_A, path);
  wasi_errno_t error = guest_call(guest, SYS_path_filestat_get, folder, lookup, PATH_A, length, STATS);
  if (!error) take_stat(guest, stat);
  return error;
}

wasi_errno_t do_fstat(struct guest *guest, uint32_t fd, struct filestat *stat) {
  wasi_errno_t error = guest_call(guest, SYS_fd_filestat_get, fd, STATS);
  if (!error) take_stat(guest, stat);
  return error;
}

/* ---- contents ---- */

static void put_vector(struct guest *guest, uint32_t length) {
  require(length <= DATA_SIZE);
  guest_put_u32(guest, IOVS, DATA);
  guest_put_u32(guest, IOVS + 4, length);
}

wasi_errno_t do_write(struct guest *guest, uint32_t fd, const void *bytes, uint32_t length, uint32_t *moved) {
  put_vector(guest, length);
  if (length) memcpy(guest->memory + DATA, bytes, length);
  wasi_errno_t error = guest_call(guest, SYS_fd_write, fd, IOVS, 1, OUT);
  if (!error) *moved = guest_u32(guest, OUT);
  return error;
}

wasi_errno_t do_pwrite(struct guest *guest, uint32_t fd, const void *bytes, uint32_t length, uint64_t offset,
                       uint32_t *moved) {
  put_vector(guest, length);
  if (length) memcpy(guest->memory + DATA, bytes, length);
  wasi_errno_t error = guest_call(guest, SYS_fd_pwrite, fd, IOVS, 1, offset, OUT);
  if (!error) *moved = guest_u32(guest, OUT);
  return error;
}

static wasi_errno_t take_bytes(struct guest *guest, wasi_errno_t error, void *bytes, uint32_t *moved) {
  if (error) return error;
  *moved = guest_u32(guest, OUT);
  memcpy(bytes, guest->memory + DATA, *moved);
  return WASI_ESUCCESS;
}

wasi_errno_t do_read(struct guest *guest, uint32_t fd, void *bytes, uint32_t length, uint32_t *moved) {
  put_vector(guest, length);
  return take_bytes(guest, guest_call(guest, SYS_fd_read, fd, IOVS, 1, OUT), bytes, moved);
}

wasi_errno_t do_pread(struct guest *guest, uint32_t fd, void *bytes, uint32_t length, uint64_t offset,
                      uint32_t *moved) {
  put_vector(guest, length);
  return take_bytes(guest, guest_call(guest, SYS_fd_pread, fd, IOVS, 1, offset, OUT), bytes, moved);
}

wasi_errno_t do_seek(struct guest *guest, uint32_t fd, int64_t offset, uint32_t whence, uint64_t *position) {
  wasi_errno_t error = guest_call(guest, SYS_fd_seek, fd, (uint64_t)offset, whence, OUT);
  if (!error) *position = guest_u64(guest, OUT);
  return error;
}

void make_file(struct guest *guest, uint32_t folder, const char *path, const char *text) {
  uint32_t fd, moved;
  OK(do_open(guest, folder, path, WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC, ALL_RIGHTS, 0, &fd));
  OK(do_write(guest, fd, text, (uint32_t)strlen(text), &moved));
  require(moved == strlen(text));
  OK(do_close(guest, fd));
}

const char *text_of(struct guest *guest, uint32_t folder, const char *path) {
  static char text[256];
  uint32_t fd, moved;
  OK(do_open(guest, folder, path, 0, READ_RIGHTS, 0, &fd));
  OK(do_read(guest, fd, text, sizeof text - 1, &moved));
  text[moved] = 0;
  OK(do_close(guest, fd));
  return text;
}

bool exists(struct guest *guest, uint32_t folder, const char *path) {
  struct filestat stat;
  return do_stat(guest, folder, 0, path, &stat) == WASI_ESUCCESS;
}

static int compare_names(const void *a, const void *b) { return strcmp(a, b); }

const char *names_in(struct guest *guest, uint32_t fd) {
  static char all[65536];
  static char names[256][256];
  size_t count = 0;
  for (uint64_t cookie = 0;;) {
    OK(guest_call(guest, SYS_fd_readdir, fd, DATA, 4096, cookie, OUT));
    uint32_t used = guest_u32(guest, OUT), at = 0;
    while (used - at >= 24) {
      uint32_t length = guest_u32(guest, DATA + at + 16);
      if (length > used - at - 24) break;
      const char *name = (const char *)guest->memory + DATA + at + 24;
      cookie = guest_u64(guest, DATA + at);
      at += 24 + length;
      if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.')) continue;
      require(count < 256 && length < 256);
      memcpy(names[count], name, length);
      names[count++][length] = 0;
    }
    if (used < 4096) break;
  }
  qsort(names, count, sizeof names[0], compare_names);
  size_t end = 0;
  for (size_t i = 0; i < count; i++) end += (size_t)snprintf(all + end, sizeof all - end, "%s ", names[i]);
  all[end] = 0;
  return all;
}

/* ---- numbers ---- */

/* xorshift64* (Vigna). */
uint64_t random_next(struct random *random) {
  random->state ^= random->state >> 12;
  random->state ^= random->state << 25;
  random->state ^= random->state >> 27;
  return random->state * 2685821657736338717u;
}

uint64_t random_below(struct random *random, uint64_t limit) { return random_next(random) % limit; }

uint64_t random_seed(uint64_t standard) {
  const char *given = getenv("SEED");
  uint64_t seed = given ? strtoull(given, NULL, 0) : standard;
  return seed ? seed : 1;
}

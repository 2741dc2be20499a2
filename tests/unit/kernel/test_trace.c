/*
 * test_trace.c: the lines that describe system calls.
 */
#include "kit.h"

static char text[4096];

/* Makes the call and gives its line. */
static const char *traced(struct guest *guest, uint32_t number, const uint64_t *arguments) {
  wasi_errno_t result = guest_syscall(guest, number, arguments);
  uint32_t length = nidus_trace(guest->system, guest->pid, number, arguments, result, text, sizeof text - 1);
  require(length > 0 && length < sizeof text && text[length - 1] == '\n');
  text[length - 1] = 0;
  return text;
}
#define TRACE(guest, number, ...) traced(guest, number, (const uint64_t[]){__VA_ARGS__})

static void expect_text(const char *expected, const char *got, int line) {
  if (strcmp(expected, got) == 0) return;
  fprintf(stderr, "%s:%d: expected %s\n        got %s\n", __FILE__, line, expected, got);
  abort();
}
#define LINE(expected, got) expect_text(expected, got, __LINE__)

static uint32_t path(struct guest *guest, uint32_t at, const char *name) {
  memcpy(guest->memory + at, name, strlen(name));
  return (uint32_t)strlen(name);
}

static void vector(struct guest *guest, uint32_t i, uint32_t at, uint32_t length) {
  guest_put_u32(guest, IOVS + i * 8, at);
  guest_put_u32(guest, IOVS + i * 8 + 4, length);
}

static void paths(struct guest *guest) {
  uint32_t length = path(guest, PATH_A, "caf\xC3\xA9 \"a\"\n");
  LINE("path_open(3, FOLLOW, \"caf\xC3\xA9 \\\"a\\\"\\n\", CREAT|TRUNC, 0x42, 0x0, APPEND|SYNC) = 4",
       TRACE(guest, SYS_path_open, BOX, 1, PATH_A, length, 9, 0x42, 0, 17, OUT));
  LINE("path_open(3, 0, \"caf\xC3\xA9 \\\"a\\\"\\n\", CREAT|EXCL, 0x42, 0x0, 0) = EEXIST (file already exists)",
       TRACE(guest, SYS_path_open, BOX, 0, PATH_A, length, 5, 0x42, 0, 0, OUT));
  uint32_t other = path(guest, PATH_B, "b");
  LINE("path_rename(3, \"caf\xC3\xA9 \\\"a\\\"\\n\", 3, \"b\") = 0",
       TRACE(guest, SYS_path_rename, BOX, PATH_A, length, BOX, PATH_B, other));
  LINE("path_link(3, 0x2, \"b\", 3, \"b\") = EINVAL (invalid argument)",
       TRACE(guest, SYS_path_link, BOX, 2, PATH_B, other, BOX, PATH_B, other));
  length = path(guest, PATH_A, "target");
  LINE("path_symlink(\"target\", 3, \"b\") = EEXIST (file already exists)",
       TRACE(guest, SYS_path_symlink, PATH_A, length, BOX, PATH_B, other));
  OK(do_symlink(guest, BOX, "target", "l"));
  path(guest, PATH_A, "l");
  LINE("path_readlink(3, \"l\", 100) = 6 \"target\"", TRACE(guest, SYS_path_readlink, BOX, PATH_A, 1, DATA, 100, OUT));
  LINE("path_unlink_file(3, 0xffff0000) = EFAULT (bad address in system call argument)",
       TRACE(guest, SYS_path_unlink_file, BOX, 0xFFFF0000, 5));
}

static void bytes(struct guest *guest) {
  uint32_t fd;
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  memcpy(guest->memory + DATA, "one\0two", 7);
  vector(guest, 0, DATA, 4);
  vector(guest, 1, DATA + 4, 3);
  LINE("fd_write(4, \"one\\x00two\", 7) = 7", TRACE(guest, SYS_fd_write, fd, IOVS, 2, OUT));
  LINE("fd_seek(4, -4, END) = 3", TRACE(guest, SYS_fd_seek, fd, (uint64_t)-4, 2, OUT));
  LINE("fd_seek(4, 0, 7) = EINVAL (invalid argument)", TRACE(guest, SYS_fd_seek, fd, 0, 7, OUT));
  memset(guest->memory + DATA, '.', 100);
  vector(guest, 0, DATA, 2);
  vector(guest, 1, DATA + 10, 90);
  LINE("fd_read(4, 92) = 4 \"\\x00two\"", TRACE(guest, SYS_fd_read, fd, IOVS, 2, OUT));
  LINE("fd_read(4, 92) = 0 \"\"", TRACE(guest, SYS_fd_read, fd, IOVS, 2, OUT));
  memset(guest->memory + DATA, 'x', 100);
  vector(guest, 0, DATA, 100);
  LINE("fd_pwrite(4, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"..., 100, 5) = 100",
       TRACE(guest, SYS_fd_pwrite, fd, IOVS, 1, 5, OUT));
  LINE("fd_read(4, 0) = EFAULT (bad address in system call argument)",
       TRACE(guest, SYS_fd_read, fd, GUEST_SIZE - 4, 1, OUT));
  LINE("fd_read(99, 0) = EBADF (bad file descriptor)", TRACE(guest, SYS_fd_read, 99, IOVS, 0, OUT));
}

static void the_rest(struct guest *guest) {
  LINE("sched_yield() = 0", TRACE(guest, SYS_sched_yield, 0));
  LINE("clock_time_get(7, 0) = EINVAL (invalid argument)", TRACE(guest, SYS_clock_time_get, 7, 0, OUT));
  LINE("fd_close(3) = 0", TRACE(guest, SYS_fd_close, BOX));
  LINE("sock_shutdown(3, 0x1) = EBADF (bad file descriptor)", TRACE(guest, SYS_sock_shutdown, 3, 1));
  const char *line = TRACE(guest, SYS_clock_res_get, 1, OUT);
  require(strncmp(line, "clock_res_get(MONOTONIC) = ", 27) == 0);
  LINE("proc_exit(3)", TRACE(guest, SYS_proc_exit, 3));
}

static void narrow(struct guest *guest) {
  uint64_t arguments[] = {BOX};
  char small[8];
  memset(small, '#', sizeof small);
  require(nidus_trace(guest->system, guest->pid, SYS_fd_close, arguments, 0, small, 5) == 5);
  require(memcmp(small, "fd_c\n###", 8) == 0);
  require(nidus_trace(guest->system, guest->pid, SYS_fd_close, arguments, 0, small, 0) == 0);
  require(nidus_trace(guest->system, guest->pid, 10000, arguments, 0, small, 5) == 0);
  require(nidus_trace(guest->system, 10000, SYS_fd_close, arguments, 0, small, 5) == 0);
}

/* Whatever the arguments: no crash, one line, nothing read beyond the guest's memory. */
static void anything(struct guest *guest) {
  struct random random = {random_seed(1)};
  for (uint32_t i = 0; i < GUEST_SIZE; i += 8) {
    uint64_t value = random_next(&random);
    memcpy(guest->memory + i, &value, 8);
  }
  for (uint32_t i = 0; i < 20000; i++) {
    uint64_t arguments[9];
    for (int a = 0; a < 9; a++) arguments[a] = random_next(&random) >> random_below(&random, 64);
    uint32_t number = (uint32_t)random_below(&random, SYS_COUNT);
    wasi_errno_t result = (wasi_errno_t)random_below(&random, 90);
    uint32_t size = (uint32_t)random_below(&random, sizeof text);
    uint32_t length = nidus_trace(guest->system, guest->pid, number, arguments, result, text, size);
    require(length <= size && (size == 0 || (length > 0 && text[length - 1] == '\n')));
  }
}

static const struct test tests[] = {{"Paths are quoted, flags and errnos named", paths},
                                    {"Bytes written and read are shown, cut where they are long", bytes},
                                    {"Calls without memory, and the last one", the_rest},
                                    {"A line that does not fit is cut, and still a line", narrow},
                                    {"No arguments can harm", anything}};

RUN_TESTS(tests)

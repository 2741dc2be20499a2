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
  /* What no terminal should obey, and what is no UTF-8: a lone byte, a character that is cut, one of two controls. */
  static const char wild[] = "\x1b[1m\x80\xC2\x9B\xC3\xBC\xF0\x9F\x90\xA6\xE2\x82\x7F";
  memcpy(guest->memory + DATA, wild, sizeof wild - 1);
  vector(guest, 0, DATA, sizeof wild - 1);
  LINE("fd_write(4, \"\\x1b[1m\\x80\\xc2\\x9b\xC3\xBC\xF0\x9F\x90\xA6\\xe2\\x82\\x7f\", 16) = 16",
       TRACE(guest, SYS_fd_write, fd, IOVS, 1, OUT));
  LINE("fd_write(4, 0xfffffff0, 0) = EFAULT (bad address in system call argument)",
       TRACE(guest, SYS_fd_write, fd, 0xFFFFFFF0, 1, OUT));
  LINE("fd_read(4, 0) = EFAULT (bad address in system call argument)",
       TRACE(guest, SYS_fd_read, fd, GUEST_SIZE - 4, 1, OUT));
  LINE("fd_read(99, 0) = EBADF (bad file descriptor)", TRACE(guest, SYS_fd_read, 99, IOVS, 0, OUT));
}

static void structures(struct guest *guest) {
  uint32_t fd;
  make_file(guest, BOX, "f", "text");
  OK(do_open(guest, BOX, "f", 0, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_FILESTAT_GET, WASI_FDFLAG_NONBLOCK, &fd));
  LINE("fd_fdstat_get(4) = {REGULAR_FILE, NONBLOCK, 0x200002, 0x0}", TRACE(guest, SYS_fd_fdstat_get, fd, DATA));
  LINE("fd_filestat_get(4) = {REGULAR_FILE, size 4, links 1}", TRACE(guest, SYS_fd_filestat_get, fd, DATA));
  path(guest, PATH_A, ".");
  LINE("path_filestat_get(3, FOLLOW, \".\") = {DIRECTORY, size 1, links 2}",
       TRACE(guest, SYS_path_filestat_get, BOX, 1, PATH_A, 1, DATA));
  LINE("fd_filestat_get(4) = EFAULT (bad address in system call argument)",
       TRACE(guest, SYS_fd_filestat_get, fd, 0xFFFFFFF0));
  LINE("fd_prestat_get(3) = 4", TRACE(guest, SYS_fd_prestat_get, BOX, DATA));
  LINE("fd_prestat_dir_name(3, 100) = \"/box\"", TRACE(guest, SYS_fd_prestat_dir_name, BOX, DATA, 100));
  LINE("fd_prestat_dir_name(4, 100) = EBADF (bad file descriptor)", TRACE(guest, SYS_fd_prestat_dir_name, fd, DATA, 100));
  LINE("fd_advise(4, 0, 0, WILLNEED) = ENOTCAPABLE (outside of what the descriptor gives access to)",
       TRACE(guest, SYS_fd_advise, fd, 0, 0, 3));
  LINE("proc_raise(CHLD) = 0", TRACE(guest, SYS_proc_raise, 16));
  LINE("sock_recv(4, 0, PEEK|WAITALL) = ENOTSOCK (socket operation on non-socket)",
       TRACE(guest, SYS_sock_recv, fd, IOVS, 0, 3, OUT, OUT));
}

/* 48 bytes: the type at 8; of a clock its number at 16, the time at 24, flags at 40; else the descriptor at 16. */
static void subscribe(struct guest *guest, uint32_t i, uint8_t type, uint32_t target, uint32_t timeout) {
  uint8_t *at = guest->memory + DATA + i * 48;
  memset(at, 0, 48);
  at[8] = type;
  guest_put_u32(guest, DATA + i * 48 + 16, target);
  guest_put_u32(guest, DATA + i * 48 + 24, timeout);
}

static void polls(struct guest *guest) {
  enum { EVENTS = DATA + 2048 };
  subscribe(guest, 0, WASI_EVENTTYPE_CLOCK, 1, 0);
  subscribe(guest, 1, WASI_EVENTTYPE_FD_READ, 99, 0);
  subscribe(guest, 2, WASI_EVENTTYPE_FD_WRITE, 1, 0);
  LINE("poll_oneoff([MONOTONIC 0, READ 99, WRITE 1], 3) = 3 [CLOCK, READ EBADF, WRITE]",
       TRACE(guest, SYS_poll_oneoff, DATA, EVENTS, 3, OUT));
  LINE("poll_oneoff([], 0) = EINVAL (invalid argument)", TRACE(guest, SYS_poll_oneoff, DATA, EVENTS, 0, OUT));
  LINE("poll_oneoff(0xfffffff0, 9) = EFAULT (bad address in system call argument)",
       TRACE(guest, SYS_poll_oneoff, 0xFFFFFFF0, EVENTS, 9, OUT));
  for (uint32_t i = 0; i < 20; i++) subscribe(guest, i, WASI_EVENTTYPE_FD_WRITE, 1, 0);
  LINE("poll_oneoff([WRITE 1, WRITE 1, WRITE 1, WRITE 1, WRITE 1, WRITE 1, WRITE 1, WRITE 1, ...], 20) = 20 "
       "[WRITE, WRITE, WRITE, WRITE, WRITE, WRITE, WRITE, WRITE, ...]",
       TRACE(guest, SYS_poll_oneoff, DATA, EVENTS, 20, OUT));
}

/* However long the arguments are, a line has the result, too; one of two kilobytes has the beginnings of both paths. */
static void long_paths(struct guest *guest) {
  memset(guest->memory + DATA, 'p', 4095);
  uint64_t arguments[] = {BOX, DATA, 4095, BOX, DATA, 4095};
  const char end[] = " = ENAMETOOLONG (name too long)\n";
  uint32_t length = nidus_trace(guest->system, guest->pid, SYS_path_rename, arguments, WASI_ENAMETOOLONG, text, 2048);
  require(length > 1000 && length < 1200 && memcmp(text + length - (sizeof end - 1), end, sizeof end - 1) == 0);
  memset(guest->memory + DATA, 1, 4095);
  for (uint32_t size = 1000; size < 3000; size += 100) {
    length = nidus_trace(guest->system, guest->pid, SYS_path_rename, arguments, WASI_ENAMETOOLONG, text, size);
    require(length <= size && memcmp(text + length - (sizeof end - 1), end, sizeof end - 1) == 0);
  }
}

static void the_rest(struct guest *guest) {
  LINE("sched_yield() = 0", TRACE(guest, SYS_sched_yield, 0));
  LINE("clock_time_get(7, 0) = EINVAL (invalid argument)", TRACE(guest, SYS_clock_time_get, 7, 0, OUT));
  LINE("fd_close(3) = 0", TRACE(guest, SYS_fd_close, BOX));
  LINE("sock_shutdown(3, RD) = EBADF (bad file descriptor)", TRACE(guest, SYS_sock_shutdown, 3, 1));
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
                                    {"Structures are told by what matters of them", structures},
                                    {"Subscriptions and events are listed", polls},
                                    {"Long paths leave room for the result", long_paths},
                                    {"Calls without memory, and the last one", the_rest},
                                    {"A line that does not fit is cut, and still a line", narrow},
                                    {"No arguments can harm", anything}};

RUN_TESTS(tests)

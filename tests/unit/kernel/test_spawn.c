/*
 * test_spawn.c: processes made in one call, whole or not at all.
 */
#include "allocation.h"
#include "kit.h"
#include "spawn.h"

#define NOWHERE "\0f/dev/null"
#define BLOCK(text) text, (uint32_t)sizeof(text)

static const char *part(const struct reply *reply, uint32_t index) {
  const char *at = reply->bytes;
  for (; index > 0; index--) at += strlen(at) + 1;
  require(at < reply->bytes + reply->length);
  return at;
}

/* The call as the guest's process would make it, in its memory. */
static wasi_errno_t call_as(struct guest *guest, uint32_t pid, uint32_t number, const uint64_t *arguments) {
  uint32_t own = guest->pid;
  guest->pid = pid;
  wasi_errno_t error = guest_syscall(guest, number, arguments);
  guest->pid = own;
  return error;
}
#define CALL_AS(guest, pid, number, ...) call_as(guest, pid, number, (const uint64_t[]){__VA_ARGS__})

static uint32_t spawned(struct guest *guest, const char *strings, uint32_t length, uint32_t argc, uint32_t envc,
                        uint32_t preopens) {
  struct reply reply = {0};
  int32_t pid = spawn_process(guest->system, strings, length, argc, envc, preopens, &reply);
  if (pid < 0) fprintf(stderr, "%s, %s %s\n", part(&reply, 0), part(&reply, 1), part(&reply, 2));
  require(pid > 1 && !reply.bytes);
  require(nidus_process_memory(guest->system, (uint32_t)pid, guest_memory(guest)) == 0);
  return (uint32_t)pid;
}

static void finished(struct guest *guest, uint32_t pid) { require(nidus_process_finish(guest->system, pid) == -1); }

static void not_made(struct guest *guest, const char *strings, uint32_t length, uint32_t argc, uint32_t envc,
                    uint32_t preopens, wasi_errno_t error, const char *syscall, const char *path) {
  struct reply reply = {0};
  int32_t result = spawn_process(guest->system, strings, length, argc, envc, preopens, &reply);
  require(result == -(int32_t)error);
  require(*part(&reply, 0) == 0 && strcmp(part(&reply, 1), syscall) == 0 && strcmp(part(&reply, 2), path) == 0);
  free(reply.bytes);
}

/* The names of the preopens, each followed by a blank. */
static const char *preopens_of(struct guest *guest, uint32_t pid) {
  static char names[1024];
  names[0] = 0;
  for (uint32_t fd = 3; CALL_AS(guest, pid, SYS_fd_prestat_get, fd, OUT) == WASI_ESUCCESS; fd++) {
    uint32_t length = guest_u32(guest, OUT + 4);
    OK(CALL_AS(guest, pid, SYS_fd_prestat_dir_name, fd, DATA, length));
    strncat(names, (char *)guest->memory + DATA, length);
    strcat(names, " ");
  }
  return names;
}

static void write_as(struct guest *guest, uint32_t pid, uint32_t fd, const char *text) {
  uint32_t length = (uint32_t)strlen(text);
  memcpy(guest->memory + DATA, text, length);
  guest_put_u32(guest, IOVS, DATA);
  guest_put_u32(guest, IOVS + 4, length);
  OK(CALL_AS(guest, pid, SYS_fd_write, fd, IOVS, 1, OUT));
  require(guest_u32(guest, OUT) == length);
}

static void strings_arrive(struct guest *guest) {
  uint32_t pid = spawned(guest, BLOCK("/\0prog\0\0two words\0A=1=2\0B=" NOWHERE NOWHERE NOWHERE), 3, 2, 0);
  OK(CALL_AS(guest, pid, SYS_args_get, OUT, DATA));
  require(memcmp(guest->memory + DATA, "prog\0\0two words", 16) == 0);
  OK(CALL_AS(guest, pid, SYS_args_sizes_get, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 3 && guest_u32(guest, OUT + 4) == 16);
  OK(CALL_AS(guest, pid, SYS_environ_get, OUT, DATA));
  require(memcmp(guest->memory + DATA, "A=1=2\0B=", 9) == 0);
  OK(CALL_AS(guest, pid, SYS_environ_sizes_get, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 2 && guest_u32(guest, OUT + 4) == 9);
  require(strcmp(preopens_of(guest, pid), "") == 0);
  finished(guest, pid);
}

static void files_lie_at_descriptors(struct guest *guest) {
  make_file(guest, BOX, "in", "input");
  make_file(guest, BOX, "log", "old\n");
  make_file(guest, BOX, "out", "what was there before");
  uint32_t pid = spawned(guest, BLOCK("/box\0p\0fin\0f/box/out\0alog"), 1, 0, 0);
  guest_put_u32(guest, IOVS, DATA);
  guest_put_u32(guest, IOVS + 4, 100);
  OK(CALL_AS(guest, pid, SYS_fd_read, 0, IOVS, 1, OUT));
  require(guest_u32(guest, OUT) == 5 && memcmp(guest->memory + DATA, "input", 5) == 0);
  EXPECT(WASI_EBADF, CALL_AS(guest, pid, SYS_fd_write, 0, IOVS, 1, OUT));
  write_as(guest, pid, 1, "new");
  write_as(guest, pid, 2, "more\n");
  EXPECT(WASI_EBADF, CALL_AS(guest, pid, SYS_fd_read, 2, IOVS, 1, OUT));
  finished(guest, pid);
  require(strcmp(text_of(guest, BOX, "out"), "new") == 0);
  require(strcmp(text_of(guest, BOX, "log"), "old\nmore\n") == 0);
  pid = spawned(guest, BLOCK("/box\0p" NOWHERE "\0fmade\0amade2"), 1, 0, 0);
  OK(CALL_AS(guest, pid, SYS_fd_read, 0, IOVS, 1, OUT));
  require(guest_u32(guest, OUT) == 0);
  finished(guest, pid);
  require(exists(guest, BOX, "made") && exists(guest, BOX, "made2"));
}

static void streams_lie_at_descriptors(struct guest *guest) {
  uint32_t pid = spawned(guest, BLOCK("/\0p\0s512\0s24294967295\0s30"), 1, 0, 0);
  uint8_t types[3];
  for (uint32_t fd = 0; fd < 3; fd++) {
    OK(CALL_AS(guest, pid, SYS_fd_fdstat_get, fd, OUT));
    types[fd] = guest->memory[OUT];
  }
  require(types[0] == WASI_FILETYPE_CHARACTER_DEVICE && types[1] != types[0] && types[2] == types[1]);
  write_as(guest, pid, 1, "text");
  write_as(guest, pid, 2, "text");
  guest_put_u32(guest, IOVS + 4, 8);
  EXPECT(WASI_EBADF, CALL_AS(guest, pid, SYS_fd_read, 1, IOVS, 1, OUT));
  OK(CALL_AS(guest, pid, SYS_fd_read, 2, IOVS, 1, OUT));
  finished(guest, pid);
}

static void folders_are_given(struct guest *guest) {
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/", 0);
  OK(do_mkdir(guest, BOX, "zoo"));
  OK(do_mkdir(guest, BOX, "box/deep"));
  OK(do_symlink(guest, BOX, "box", "link"));
  OK(do_symlink(guest, BOX, "none", "dangling"));
  OK(do_symlink(guest, BOX, "file", "tofile"));
  make_file(guest, BOX, "file", "");
  uint32_t pid = spawned(guest, BLOCK("/box/deep\0p" NOWHERE NOWHERE NOWHERE), 1, 0, SPAWN_ALL_FOLDERS);
  require(strcmp(preopens_of(guest, pid), "/box /dev /link /tmp /zoo . ") == 0);
  finished(guest, pid);
  pid = spawned(guest, BLOCK("/none\0p" NOWHERE NOWHERE NOWHERE "\0here\0/zoo\0/there\0/box/deep"), 1, 0, 2);
  require(strcmp(preopens_of(guest, pid), "here /there ") == 0);
  finished(guest, pid);
}

static void further_descriptors_follow_the_folders(struct guest *guest) {
  uint32_t pid = spawned(guest, BLOCK("/\0p" NOWHERE NOWHERE NOWHERE "\0here\0/tmp\0s@5\0s;6"), 1, 0, 1);
  require(strcmp(preopens_of(guest, pid), "here ") == 0);
  const uint8_t socket = WASI_FILETYPE_SOCKET_STREAM;
  for (uint32_t fd = 4; fd < 6; fd++) {
    OK(CALL_AS(guest, pid, SYS_fd_fdstat_get, fd, OUT));
    require(guest->memory[OUT] == socket);
  }
  EXPECT(WASI_ENOTCONN, CALL_AS(guest, pid, SYS_sock_shutdown, 4, WASI_SDFLAG_WR));
  EXPECT(WASI_EINVAL, CALL_AS(guest, pid, SYS_sock_accept, 5, 0, OUT));
  EXPECT(WASI_EBADF, CALL_AS(guest, pid, SYS_fd_fdstat_get, 6, OUT));
  finished(guest, pid);
  pid = spawned(guest, BLOCK("/\0p" NOWHERE NOWHERE NOWHERE "\0s@5"), 1, 0, 0);
  OK(CALL_AS(guest, pid, SYS_fd_fdstat_get, 3, OUT));
  finished(guest, pid);
  not_made(guest, BLOCK("/\0p" NOWHERE NOWHERE NOWHERE "\0x"), 1, 0, 0, WASI_EINVAL, "spawn", "x");
}

/* Whoever inherits writes on where the other stands. */
static void descriptors_are_inherited(struct guest *guest) {
  char strings[] = "/box\0p\0i1:0\0i1:0\0i1:0";
  uint32_t first = spawned(guest, BLOCK("/box\0p" NOWHERE "\0fboth" NOWHERE), 1, 0, 0);
  require(first < 10);
  for (uint32_t at = 10; at < sizeof strings; at += 5) strings[at] = (char)('0' + first);
  write_as(guest, first, 1, "one ");
  uint32_t second = spawned(guest, strings, sizeof strings, 1, 0, 0);
  write_as(guest, second, 2, "two ");
  write_as(guest, first, 1, "one");
  EXPECT(WASI_EBADF, CALL_AS(guest, second, SYS_fd_read, 0, IOVS, 1, OUT));
  finished(guest, first);
  finished(guest, second);
  require(strcmp(text_of(guest, BOX, "both"), "one two one") == 0);
}

static void failures_leave_nothing(struct guest *guest) {
  make_file(guest, BOX, "file", "");
  not_made(guest, BLOCK("/none\0p" NOWHERE NOWHERE NOWHERE), 1, 0, SPAWN_ALL_FOLDERS, WASI_ENOENT, "stat", "/none");
  not_made(guest, BLOCK("/box/file\0p" NOWHERE NOWHERE NOWHERE), 1, 0, SPAWN_ALL_FOLDERS, WASI_ENOTDIR, "spawn",
           "/box/file");
  not_made(guest, BLOCK("/box\0p\0i0:99" NOWHERE NOWHERE), 1, 0, 0, WASI_ESRCH, "spawn", "i0:99");
  not_made(guest, BLOCK("/box\0p\0i" NOWHERE NOWHERE), 1, 0, 0, WASI_EINVAL, "spawn", "i");
  not_made(guest, BLOCK("/box\0cc"), 1, 0, 0, WASI_EINVAL, "spawn", "/box");
  not_made(guest, BLOCK("/box\0p\0fnone" NOWHERE NOWHERE), 1, 0, 0, WASI_ENOENT, "open", "/box/none");
  not_made(guest, BLOCK("/box\0p" NOWHERE "\0f/tmp" NOWHERE), 1, 0, 0, WASI_EISDIR, "open", "/tmp");
  not_made(guest, BLOCK("/box\0p" NOWHERE NOWHERE NOWHERE "\0x\0/none"), 1, 0, 1, WASI_ENOENT, "open", "/none");
  not_made(guest, BLOCK("/box\0p" NOWHERE "\0x" NOWHERE), 1, 0, 0, WASI_EINVAL, "spawn", "x");
  not_made(guest, BLOCK("/box\0p" NOWHERE "\0sP0" NOWHERE), 1, 0, 0, WASI_EINVAL, "spawn", "sP0");
  not_made(guest, BLOCK("/box\0p" NOWHERE), 1, 0, 0, WASI_EINVAL, "spawn", "/box");
  not_made(guest, BLOCK("/box\0p" NOWHERE NOWHERE NOWHERE), 1, 0, 1, WASI_EINVAL, "spawn", "/box");
  not_made(guest, BLOCK("/box\0p" NOWHERE NOWHERE NOWHERE), UINT32_MAX, UINT32_MAX, 0x7fffffff, WASI_EINVAL, "spawn",
           "/box");
  not_made(guest, "/box", 4, 1, 0, 0, WASI_EINVAL, "spawn", "");
  char path[PATH_LIMIT + 32] = "/box\0p\0f";
  memset(path + 8, 'x', PATH_LIMIT);
  memcpy(path + 8 + PATH_LIMIT, "\0f/dev/null\0f/dev/null", 23);
  not_made(guest, path, 8 + PATH_LIMIT + 23, 1, 0, 0, WASI_ENAMETOOLONG, "open", path + 8);
}

static void numbers_end(struct guest *guest) {
  require(nidus_process_finish(guest->system, 1) == -WASI_ESRCH);
  require(nidus_process_finish(guest->system, 4000) == -WASI_ESRCH);
  uint32_t pid = spawned(guest, BLOCK("/\0p" NOWHERE NOWHERE NOWHERE), 1, 0, 0);
  (void)CALL_AS(guest, pid, SYS_proc_exit, 7);
  require(nidus_process_finish(guest->system, pid) == 7);
  require(nidus_process_finish(guest->system, pid) == -WASI_ESRCH);
}

static void waiting_is_timed(struct guest *guest) {
  require(nidus_wait_time(guest->system, guest->pid) == INT32_MAX);
  /* A subscription to the monotonic clock. */
  memset(guest->memory + DATA, 0, 48);
  guest_put_u32(guest, DATA + 16, WASI_CLOCK_MONOTONIC);
  static const struct {
    uint64_t nanoseconds;
    double milliseconds;
  } cases[] = {{1000, 1}, {1000000, 1}, {2500000, 3}, {(uint64_t)INT32_MAX * 1000000 * 2, INT32_MAX},
               {UINT64_MAX, INT32_MAX}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    memcpy(guest->memory + DATA + 24, &cases[i].nanoseconds, 8);
    EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_poll_oneoff, DATA, DATA + 64, 1, OUT));
    require(nidus_wait_time(guest->system, guest->pid) == cases[i].milliseconds);
    guest->ticks += cases[i].nanoseconds;
    if (cases[i].nanoseconds < INT64_MAX) require(nidus_wait_time(guest->system, guest->pid) == 0);
    guest->ticks = 0;
    OK(guest_call(guest, SYS_fd_write, 1, IOVS, 0, OUT)); /* it goes on otherwise */
    nidus_process_end(guest->system, guest->pid, 0);
    require(nidus_process_reap(guest->system, guest->pid) == 0);
    guest->pid = spawned(guest, BLOCK("/\0p\0s30\0s30\0s30"), 1, 0, 0);
  }
}

static void memory_may_be_short(struct guest *guest) {
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/", 0);
  OK(do_symlink(guest, BOX, "box", "link"));
  make_file(guest, BOX, "file", "");
  for (long n = 0;; n++) {
    long before = blocks;
    failed = false;
    fail_after = n;
    struct reply reply = {0};
    int32_t pid = spawn_process(guest->system, BLOCK("/box\0p\0A=1\0s30\0f/file" NOWHERE), 1, 1, SPAWN_ALL_FOLDERS,
                                &reply);
    fail_after = -1;
    require(pid > 0 ? !reply.bytes && !reply.failed : pid == -WASI_ENOMEM);
    if (pid > 0) finished(guest, (uint32_t)pid);
    free(reply.bytes);
    require(blocks == before);
    if (!failed) break;
  }
}

static const struct test tests[] = {
    {"Arguments and variables arrive as they were given", strings_arrive},
    {"Descriptors may be files: read, made or emptied, or added to", files_lie_at_descriptors},
    {"Descriptors may be streams of the host, each with its access", streams_lie_at_descriptors},
    {"A process sees every folder of the root and its own, or those it is given", folders_are_given},
    {"Sockets lie at the descriptors after the folders", further_descriptors_follow_the_folders},
    {"A process inherits the descriptors of another", descriptors_are_inherited},
    {"A process that cannot be made whole is not made", failures_leave_nothing},
    {"Finishing a process answers its code, once", numbers_end},
    {"The time to wait is in milliseconds, rounded up, as a timer takes it", waiting_is_timed},
    {"A process that memory is short for leaves nothing behind", memory_may_be_short},
};
RUN_TESTS(tests)

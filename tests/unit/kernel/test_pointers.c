/*
 * test_pointers.c: addresses and lengths beyond guest memory, in every argument of every call.
 *
 * For each call there is one set of good arguments; then each argument that is an address is replaced by bad
 * ones. The answer is EFAULT, and the tree, the files and the descriptors are as they were; only calls that
 * move bytes tell their count last, when the bytes have moved.
 */
#include "kit.h"

/* How an argument is spoiled. */
enum kind {
  PLAIN,  /* not an address */
  OUTPUT, /* written or read when the call does its work: EFAULT, nothing changed */
  COUNT   /* written last by a call that moves bytes: EFAULT, they have moved */
};

struct call {
  uint32_t number;
  uint64_t arguments[9];
  uint8_t kinds[9];
  uint32_t sizes[9]; /* bytes that an OUTPUT or COUNT address needs */
};

enum { FILE_FD = 4, LINK = PATH_A + 100, NEW = PATH_B, SUBSCRIPTION = STATS + 1024, TEXT = STATS + 2048 };

static const struct call calls[] = {
    {SYS_args_get, {OUT, DATA}, {OUTPUT, OUTPUT}, {4, 5}},
    {SYS_args_sizes_get, {OUT, OUT + 4}, {OUTPUT, OUTPUT}, {4, 4}},
    {SYS_environ_get, {OUT, DATA}, {PLAIN, PLAIN}, {0}}, /* empty: nothing is written */
    {SYS_environ_sizes_get, {OUT, OUT + 4}, {OUTPUT, OUTPUT}, {4, 4}},
    {SYS_clock_res_get, {0, OUT}, {PLAIN, OUTPUT}, {0, 8}},
    {SYS_clock_time_get, {0, 0, OUT}, {PLAIN, PLAIN, OUTPUT}, {0, 0, 8}},
    {SYS_fd_advise, {FILE_FD, 0, 1, 0}, {PLAIN}, {0}},
    {SYS_fd_allocate, {FILE_FD, 0, 1}, {PLAIN}, {0}},
    {SYS_fd_datasync, {FILE_FD}, {PLAIN}, {0}},
    {SYS_fd_fdstat_get, {FILE_FD, OUT}, {PLAIN, OUTPUT}, {0, 24}},
    {SYS_fd_fdstat_set_flags, {FILE_FD, 0}, {PLAIN}, {0}},
    {SYS_fd_filestat_get, {FILE_FD, STATS}, {PLAIN, OUTPUT}, {0, 64}},
    {SYS_fd_filestat_set_size, {FILE_FD, 9}, {PLAIN}, {0}},
    {SYS_fd_filestat_set_times, {FILE_FD, 0, 0, 0}, {PLAIN}, {0}},
    {SYS_fd_pread, {FILE_FD, IOVS, 1, 0, OUT}, {PLAIN, OUTPUT, PLAIN, PLAIN, COUNT}, {0, 8, 0, 0, 4}},
    {SYS_fd_prestat_get, {BOX, OUT}, {PLAIN, OUTPUT}, {0, 8}},
    {SYS_fd_prestat_dir_name, {BOX, OUT, 4}, {PLAIN, OUTPUT}, {0, 4}},
    {SYS_fd_pwrite, {FILE_FD, IOVS, 1, 0, OUT}, {PLAIN, OUTPUT, PLAIN, PLAIN, COUNT}, {0, 8, 0, 0, 4}},
    {SYS_fd_read, {FILE_FD, IOVS, 1, OUT}, {PLAIN, OUTPUT, PLAIN, COUNT}, {0, 8, 0, 4}},
    {SYS_fd_readdir, {BOX, DATA, 500, 0, OUT}, {PLAIN, OUTPUT, PLAIN, PLAIN, OUTPUT}, {0, 60, 0, 0, 4}},
    {SYS_fd_seek, {FILE_FD, 3, 0, OUT}, {PLAIN, PLAIN, PLAIN, OUTPUT}, {0, 0, 0, 8}},
    {SYS_fd_sync, {FILE_FD}, {PLAIN}, {0}},
    {SYS_fd_tell, {FILE_FD, OUT}, {PLAIN, OUTPUT}, {0, 8}},
    {SYS_fd_write, {FILE_FD, IOVS, 1, OUT}, {PLAIN, OUTPUT, PLAIN, COUNT}, {0, 8, 0, 4}},
    {SYS_path_create_directory, {BOX, NEW, 3}, {PLAIN, OUTPUT}, {0, 3}},
    {SYS_path_filestat_get, {BOX, 0, PATH_A, 1, STATS}, {PLAIN, PLAIN, OUTPUT, PLAIN, OUTPUT}, {0, 0, 1, 0, 64}},
    {SYS_path_filestat_set_times, {BOX, 0, PATH_A, 1, 0, 0, 0}, {PLAIN, PLAIN, OUTPUT}, {0, 0, 1}},
    {SYS_path_link, {BOX, 0, PATH_A, 1, BOX, NEW, 3}, {PLAIN, PLAIN, OUTPUT, PLAIN, PLAIN, OUTPUT}, {0, 0, 1, 0, 0, 3}},
    {SYS_path_open, {BOX, 0, NEW, 3, WASI_OFLAG_CREAT, 0, 0, 0, OUT}, {PLAIN, PLAIN, OUTPUT, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, OUTPUT},
     {0, 0, 3, 0, 0, 0, 0, 0, 4}},
    {SYS_path_open, {BOX, 0, PATH_A, 1, WASI_OFLAG_TRUNC, 0, 0, 0, OUT}, {PLAIN, PLAIN, OUTPUT, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, OUTPUT},
     {0, 0, 1, 0, 0, 0, 0, 0, 4}},
    {SYS_path_readlink, {BOX, LINK, 1, DATA, 50, OUT}, {PLAIN, OUTPUT, PLAIN, OUTPUT, PLAIN, OUTPUT}, {0, 1, 0, 6, 0, 4}},
    {SYS_path_remove_directory, {BOX, LINK + 1, 1}, {PLAIN, OUTPUT}, {0, 1}},
    {SYS_path_rename, {BOX, PATH_A, 1, BOX, NEW, 3}, {PLAIN, OUTPUT, PLAIN, PLAIN, OUTPUT}, {0, 1, 0, 0, 3}},
    {SYS_path_symlink, {PATH_A, 1, BOX, NEW, 3}, {OUTPUT, PLAIN, PLAIN, OUTPUT}, {1, 0, 0, 3}},
    {SYS_path_unlink_file, {BOX, PATH_A, 1}, {PLAIN, OUTPUT}, {0, 1}},
    {SYS_poll_oneoff, {SUBSCRIPTION, DATA, 1, OUT}, {OUTPUT, OUTPUT, PLAIN, OUTPUT}, {48, 32, 0, 4}},
    {SYS_random_get, {DATA, 100}, {OUTPUT}, {100}},
    {SYS_proc_raise, {0}, {PLAIN}, {0}},
    {SYS_sched_yield, {0}, {PLAIN}, {0}},
    {SYS_fd_fdstat_set_rights, {FILE_FD, WASI_RIGHT_FD_READ, 0}, {PLAIN}, {0}},
    {SYS_fd_renumber, {FILE_FD, FILE_FD}, {PLAIN}, {0}},
    {SYS_fd_close, {FILE_FD}, {PLAIN}, {0}},
    {SYS_proc_getpid, {OUT, OUT + 4}, {OUTPUT, OUTPUT}, {4, 4}},
    {SYS_proc_getpgid, {0, OUT}, {PLAIN, OUTPUT}, {0, 4}},
    {SYS_proc_signext, {OUT}, {OUTPUT}, {4}},
    {SYS_fd_pipe, {OUT}, {OUTPUT}, {8}},
    {SYS_fd_dup, {FILE_FD, OUT}, {PLAIN, OUTPUT}, {0, 4}},
    {SYS_fd_dup2, {FILE_FD, FILE_FD}, {PLAIN}, {0}},
    {SYS_proc_sigset, {1, 1}, {PLAIN}, {0}},
    {SYS_proc_setpgid, {0, 0}, {PLAIN}, {0}},
    /* They answer otherwise in a process like this: see the tests of families. */
    {SYS_proc_spawn, {0}, {PLAIN}, {0}},
    {SYS_proc_wait, {0}, {PLAIN}, {0}},
    {SYS_proc_kill, {0}, {PLAIN}, {0}},
    {SYS_proc_chdir, {0}, {PLAIN}, {0}},
    {SYS_proc_getcwd, {0}, {PLAIN}, {0}},
    /* They answer ENOTSOCK and end the process: see the tests of streams and descriptors. */
    {SYS_sock_accept, {0}, {PLAIN}, {0}},
    {SYS_sock_recv, {0}, {PLAIN}, {0}},
    {SYS_sock_send, {0}, {PLAIN}, {0}},
    {SYS_sock_shutdown, {0}, {PLAIN}, {0}},
    {SYS_proc_exit, {0}, {PLAIN}, {0}}};

/* A world with file f ("some text", at offset 2 of descriptor 4), folder e, and link l. */
static void arrange(struct guest *guest) {
  uint32_t fd;
  uint64_t position;
  guest_start(guest);
  require(nidus_mount_mem(guest->system, "/box", 4) > 0);
  guest_preopen(guest, "/box", 0);
  make_file(guest, BOX, "f", "some text");
  OK(do_mkdir(guest, BOX, "e"));
  OK(do_symlink(guest, BOX, "target", "l"));
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  require(fd == FILE_FD);
  OK(do_seek(guest, fd, 2, WASI_WHENCE_SET, &position));
  memcpy(guest->memory + PATH_A, "f", 1);
  memcpy(guest->memory + LINK, "le", 2);
  memcpy(guest->memory + NEW, "new", 3);
  memcpy(guest->memory + TEXT, "TEXT", 4);
  guest_put_u32(guest, IOVS, TEXT);
  guest_put_u32(guest, IOVS + 4, 4);
  memset(guest->memory + SUBSCRIPTION, 0, 48);
}

/* Nothing has changed. Descriptor 5 must be the next. */
static void expect_untouched(struct guest *guest) {
  uint64_t position;
  struct filestat stat;
  uint32_t fd;
  require(strcmp(names_in(guest, BOX), "e f l ") == 0);
  require(strcmp(text_of(guest, BOX, "f"), "some text") == 0);
  OK(do_stat(guest, BOX, 0, "f", &stat));
  require(stat.nlink == 1);
  OK(do_seek(guest, FILE_FD, 0, WASI_WHENCE_CUR, &position));
  require(position == 2);
  OK(do_open(guest, BOX, "f", 0, READ_RIGHTS, 0, &fd));
  require(fd == FILE_FD + 1);
}

static void addresses_are_checked(struct guest *unused) {
  (void)unused;
  uint32_t tried = 0;
  bool seen[SYS_COUNT] = {false};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    const struct call *call = &calls[i];
    seen[call->number] = true;
    struct guest guest;
    for (size_t k = 0; k < strlen(nidus_syscall_signature(call->number)); k++) {
      if (call->kinds[k] == PLAIN) continue;
      /* One byte too far, the end, the last addresses, and far away. */
      const uint32_t bad[] = {GUEST_SIZE - call->sizes[k] + 1, GUEST_SIZE, UINT32_MAX, UINT32_MAX - call->sizes[k] + 1,
                              0x80000000u};
      for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
        uint64_t arguments[9];
        arrange(&guest);
        memcpy(arguments, call->arguments, sizeof arguments);
        arguments[k] = bad[b];
        wasi_errno_t error = guest_syscall(&guest, call->number, arguments);
        if (error != WASI_EFAULT) {
          fprintf(stderr, "%s, argument %zu = %#x: errno %u\n", nidus_syscall_name(call->number), k, bad[b], error);
        }
        EXPECT(WASI_EFAULT, error);
        if (call->kinds[k] == OUTPUT) expect_untouched(&guest);
        guest_inspect(&guest, BOX, true);
        guest_stop(&guest);
        tried++;
      }
    }
    /* The good arguments are good: it was the address. */
    arrange(&guest);
    bool answers = call->number < SYS_sock_accept && call->number != SYS_proc_exit;
    if (answers) OK(guest_syscall(&guest, call->number, call->arguments));
    guest_stop(&guest);
  }
  /* Those of Nidus's own modules are tested with what they are about. */
  for (uint32_t i = 0; i < SYS_COUNT; i++) require(seen[i] || strncmp(nidus_syscall_module(i), "nidus_", 6) == 0);
  require(tried > 150);
}

static void vectors_are_checked(struct guest *guest) {
  uint32_t fd, moved;
  make_file(guest, BOX, "f", "0123456789");
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  /* A good vector, then a bad one: a short count. */
  guest_put_u32(guest, IOVS, DATA);
  guest_put_u32(guest, IOVS + 4, 3);
  guest_put_u32(guest, IOVS + 8, GUEST_SIZE - 1);
  guest_put_u32(guest, IOVS + 12, 2);
  OK(guest_call(guest, SYS_fd_read, fd, IOVS, 2, OUT));
  require(guest_u32(guest, OUT) == 3);
  memcpy(guest->memory + DATA, "abc", 3);
  OK(guest_call(guest, SYS_fd_write, fd, IOVS, 2, OUT));
  require(guest_u32(guest, OUT) == 3 && strcmp(text_of(guest, BOX, "f"), "012abc6789") == 0);
  guest_put_u32(guest, IOVS, DATA);
  guest_put_u32(guest, IOVS + 4, 3);
  guest_put_u32(guest, IOVS + 8, GUEST_SIZE - 1);
  guest_put_u32(guest, IOVS + 12, 2);
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_fd_write, fd, IOVS + 8, 1, OUT));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_fd_read, fd, IOVS + 8, 1, OUT));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_fd_write, fd, IOVS, 1025, OUT));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_fd_read, fd, IOVS, UINT32_MAX, OUT));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_fd_write, fd, GUEST_SIZE - 8, 2, OUT));
  /* Lengths that add up to more than 32 bits. */
  for (uint32_t i = 0; i < 4; i++) {
    guest_put_u32(guest, IOVS + 8 * i, GUEST_SIZE - 100);
    guest_put_u32(guest, IOVS + 8 * i + 4, UINT32_MAX);
  }
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_fd_write, fd, IOVS, 4, OUT));
  OK(do_pread(guest, fd, guest->memory + OUT + 8, 1, 0, &moved));
  struct filestat stat;
  OK(do_fstat(guest, fd, &stat));
  require(stat.size == 10);
  /* A file in chunks keeps zeros where a faulting write was going to be. */
  guest_put_u32(guest, IOVS, GUEST_SIZE - 100);
  guest_put_u32(guest, IOVS + 4, 65536);
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_fd_pwrite, fd, IOVS, 1, 65536, OUT));
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, 200000));
  char bytes[1000];
  for (uint64_t at = 65536; at < 200000; at += 1000) {
    OK(do_pread(guest, fd, bytes, 1000, at, &moved));
    for (uint32_t i = 0; i < moved; i++) require(bytes[i] == 0);
  }
}

static void lengths_are_checked(struct guest *guest) {
  memset(guest->memory + PATH_A, 'p', 100);
  EXPECT(WASI_ENAMETOOLONG, guest_call(guest, SYS_path_create_directory, BOX, PATH_A, 4096));
  EXPECT(WASI_ENAMETOOLONG, guest_call(guest, SYS_path_create_directory, BOX, PATH_A, 100000));
  EXPECT(WASI_ENAMETOOLONG, guest_call(guest, SYS_path_create_directory, BOX, PATH_A, UINT32_MAX));
  EXPECT(WASI_ENOENT, guest_call(guest, SYS_path_create_directory, BOX, PATH_A, 0));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_random_get, 0, UINT32_MAX));
  OK(guest_call(guest, SYS_random_get, 0, 0));
  OK(guest_call(guest, SYS_random_get, UINT32_MAX, 0));
  /* A listing that would not fit the memory, but whose entries do. */
  OK(guest_call(guest, SYS_fd_readdir, BOX, DATA, UINT32_MAX, 0, OUT));
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_fd_readdir, BOX, GUEST_SIZE - 10, UINT32_MAX, 0, OUT));
  require(strcmp(names_in(guest, BOX), "") == 0);
}

static const struct test tests[] = {
    {"Every address of every call is checked, and a bad one changes nothing", addresses_are_checked},
    {"Vectors are checked one by one", vectors_are_checked},
    {"Lengths beyond all memory are refused or cut", lengths_are_checked}};
RUN_TESTS(tests)

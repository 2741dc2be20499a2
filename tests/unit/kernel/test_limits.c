/*
 * test_limits.c: what a process or a volume may use at most, and the older snapshot of WASI.
 */
#include "kit.h"

static void put_u64(struct guest *guest, uint32_t at, uint64_t value) {
  memcpy(guest->memory + at, &value, sizeof value);
}

static int32_t limit(struct guest *guest, uint32_t kind, uint64_t value) {
  return nidus_process_limit(guest->system, guest->pid, kind, value);
}

static void descriptors(struct guest *guest) {
  uint32_t fd, other;
  require(limit(guest, NIDUS_LIMIT_DESCRIPTORS, 6) == 0);
  for (uint32_t expected = 4; expected < 6; expected++) {
    OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
    require(fd == expected);
  }
  EXPECT(WASI_EMFILE, do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &other));
  EXPECT(WASI_EMFILE, do_open(guest, BOX, "not-made", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &other));
  require(!exists(guest, BOX, "not-made"));
  OK(do_close(guest, 4));
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  require(fd == 4);
  /* What was open before the limit came can still be moved over, since that opens nothing. */
  require(limit(guest, NIDUS_LIMIT_DESCRIPTORS, 2) == 0);
  OK(guest_call(guest, SYS_fd_renumber, 4, 5));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_tell, 4, OUT));
  OK(guest_call(guest, SYS_fd_tell, 5, OUT));
  EXPECT(WASI_EMFILE, do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &other));
}

static void file_size(struct guest *guest) {
  uint32_t fd, moved = 0;
  uint64_t position;
  OK(do_open(guest, BOX, "f", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  require(limit(guest, NIDUS_LIMIT_FILE_SIZE, 10) == 0);
  OK(do_write(guest, fd, "0123456", 7, &moved));
  require(moved == 7);
  OK(do_write(guest, fd, "789abc", 6, &moved));
  require(moved == 3);
  EXPECT(WASI_EFBIG, do_write(guest, fd, "a", 1, &moved));
  OK(do_write(guest, fd, "", 0, &moved));
  require(moved == 0);
  OK(do_pwrite(guest, fd, "XYZ", 3, 8, &moved));
  require(moved == 2);
  EXPECT(WASI_EFBIG, do_pwrite(guest, fd, "X", 1, 10, &moved));
  EXPECT(WASI_EFBIG, do_pwrite(guest, fd, "X", 1, (uint64_t)INT64_MAX, &moved));
  EXPECT(WASI_EFBIG, guest_call(guest, SYS_fd_filestat_set_size, fd, 11));
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, 10));
  EXPECT(WASI_EFBIG, guest_call(guest, SYS_fd_allocate, fd, 5, 6));
  OK(guest_call(guest, SYS_fd_allocate, fd, 5, 5));
  require(strcmp(text_of(guest, BOX, "f"), "01234567XY") == 0);
  OK(do_seek(guest, fd, 0, WASI_WHENCE_CUR, &position));
  require(position == 10);
  /* A file that is longer already can be read and written below the limit. */
  require(limit(guest, NIDUS_LIMIT_FILE_SIZE, 4) == 0);
  OK(do_pwrite(guest, fd, "ab", 2, 3, &moved));
  require(moved == 1);
  require(strcmp(text_of(guest, BOX, "f"), "012a4567XY") == 0);
}

/* ---- output ---- */

static char outgoing[100];
static uint32_t outgoing_length;

static int32_t write_stream(void *context, uint32_t stream, const void *bytes, uint32_t length) {
  (void)context, (void)stream;
  require(outgoing_length + length <= sizeof outgoing);
  memcpy(outgoing + outgoing_length, bytes, length);
  outgoing_length += length;
  return (int32_t)length;
}

static void output(struct guest *guest) {
  uint32_t moved = 0;
  outgoing_length = 0;
  guest->host.stream_write = write_stream;
  for (uint32_t fd = 1; fd <= 2; fd++) {
    require(nidus_fd_stream(guest->system, guest->pid, fd, fd, NIDUS_STREAM_WRITABLE) == 0);
  }
  make_file(guest, BOX, "f", "files do not count");
  require(limit(guest, NIDUS_LIMIT_OUTPUT, 8) == 0);
  OK(do_write(guest, 1, "hello", 5, &moved));
  OK(do_write(guest, 2, "world", 5, &moved));
  require(moved == 3 && outgoing_length == 8 && memcmp(outgoing, "hellowor", 8) == 0);
  OK(do_write(guest, 1, "", 0, &moved));
  require(nidus_process_limit_hit(guest->system, guest->pid) == 0);
  require(nidus_process_exit_code(guest->system, guest->pid) == -1);
  EXPECT(NIDUS_WOULD_BLOCK, do_write(guest, 1, "!", 1, &moved));
  require(nidus_process_exit_code(guest->system, guest->pid) == NIDUS_EXIT_SIGNAL + WASI_SIGNAL_XFSZ);
  require(nidus_process_limit_hit(guest->system, guest->pid) == NIDUS_LIMIT_OUTPUT);
  require(outgoing_length == 8);
}

/* ---- space ---- */

static void space(struct guest *guest) {
  enum { LIMIT = 300000 };
  uint32_t fd, moved;
  int32_t mount = nidus_mount_mem(guest->system, "/box/volume", 11);
  require(mount > 0);
  require(nidus_mount_limit(guest->system, (uint32_t)mount, LIMIT) == 0);
  OK(do_open(guest, BOX, "volume/large", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  static uint8_t bytes[DATA_SIZE];
  uint64_t written = 0;
  wasi_errno_t error;
  while (!(error = do_write(guest, fd, bytes, sizeof bytes, &moved))) written += moved;
  EXPECT(WASI_ENOSPC, error);
  require(written == 4 * 65536); /* whole chunks: a fifth does not fit */
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, LIMIT * 10)); /* a hole needs none */
  EXPECT(WASI_ENOSPC, guest_call(guest, SYS_fd_allocate, fd, 0, LIMIT));
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, written));
  /* Small files and empty ones fill it too, and removing gives all of it back. */
  uint32_t made = 0;
  char name[40];
  for (;; made++) {
    snprintf(name, sizeof name, "volume/%u", made);
    error = do_mkdir(guest, BOX, name);
    if (error) break;
  }
  EXPECT(WASI_ENOSPC, error);
  require(made > 50 && made < 300);
  while (made > 0) {
    snprintf(name, sizeof name, "volume/%u", --made);
    OK(do_rmdir(guest, BOX, name));
  }
  OK(do_close(guest, fd));
  OK(do_unlink(guest, BOX, "volume/large"));
  for (int i = 0; i < 3; i++) {
    OK(do_open(guest, BOX, "volume/again", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
    OK(do_pwrite(guest, fd, "x", 1, 4 * 65536 - 1, &moved));
    for (uint64_t at = 0; at < written; at += sizeof bytes) OK(do_pwrite(guest, fd, bytes, sizeof bytes, at, &moved));
    EXPECT(WASI_ENOSPC, do_pwrite(guest, fd, "x", 1, written, &moved));
    OK(do_close(guest, fd));
    OK(do_unlink(guest, BOX, "volume/again"));
  }
  /* Less than there is: nothing is lost, nothing can be added. */
  make_file(guest, BOX, "volume/kept", "kept");
  require(nidus_mount_limit(guest->system, (uint32_t)mount, 1) == 0);
  require(strcmp(text_of(guest, BOX, "volume/kept"), "kept") == 0);
  EXPECT(WASI_ENOSPC, do_mkdir(guest, BOX, "volume/more"));
  OK(do_unlink(guest, BOX, "volume/kept"));
  require(nidus_mount_limit(guest->system, 99, 1) == -WASI_EINVAL);
}

static void refusals(struct guest *guest) {
  require(limit(guest, 0, 1) == -WASI_EINVAL);
  require(limit(guest, 77, 1) == -WASI_EINVAL);
  require(nidus_process_limit(guest->system, 99, NIDUS_LIMIT_OUTPUT, 1) == -WASI_ESRCH);
  require(nidus_process_limit_hit(guest->system, 99) == -WASI_ESRCH);
  require(nidus_process_snapshot0(guest->system, 99, true) == -WASI_ESRCH);
}

/* ---- wasi_unstable ---- */

enum { CUR_0, END_0, SET_0 };

static void older_seek(struct guest *guest) {
  uint32_t fd;
  uint64_t position;
  make_file(guest, BOX, "f", "0123456789");
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  require(nidus_process_snapshot0(guest->system, guest->pid, true) == 0);
  OK(do_seek(guest, fd, 4, SET_0, &position));
  require(position == 4);
  OK(do_seek(guest, fd, 2, CUR_0, &position));
  require(position == 6);
  OK(do_seek(guest, fd, -1, END_0, &position));
  require(position == 9);
  EXPECT(WASI_EINVAL, do_seek(guest, fd, 0, 3, &position));
}

static void older_filestat(struct guest *guest) {
  uint32_t fd;
  make_file(guest, BOX, "f", "0123456789");
  OK(do_link(guest, BOX, 0, "f", "g"));
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  struct filestat now;
  OK(do_fstat(guest, fd, &now));
  require(nidus_process_snapshot0(guest->system, guest->pid, true) == 0);
  memset(guest->memory + OUT, 0xEE, 64);
  memcpy(guest->memory + PATH_A, "g", 1);
  for (int by_path = 0; by_path < 2; by_path++) {
    if (by_path) OK(guest_call(guest, SYS_path_filestat_get, BOX, 0, PATH_A, 1, OUT));
    else OK(guest_call(guest, SYS_fd_filestat_get, fd, OUT));
    require(guest_u64(guest, OUT) == now.dev && guest_u64(guest, OUT + 8) == now.ino);
    require(guest->memory[OUT + 16] == WASI_FILETYPE_REGULAR_FILE);
    require(guest_u32(guest, OUT + 20) == 2);
    require(guest_u64(guest, OUT + 24) == 10);
    require(guest_u64(guest, OUT + 32) == now.atime && guest_u64(guest, OUT + 40) == now.mtime);
    require(guest_u64(guest, OUT + 48) == now.ctime);
    require(guest->memory[OUT + 56] == 0xEE);
  }
}

static void older_poll(struct guest *guest) {
  make_file(guest, BOX, "f", "x");
  uint32_t fd;
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &fd));
  require(nidus_process_snapshot0(guest->system, guest->pid, true) == 0);
  memset(guest->memory + DATA, 0, 112);
  /* A clock that is past, and a file, which is always ready. */
  put_u64(guest, DATA, 11);
  put_u64(guest, DATA + 16, 999); /* the identifier */
  guest_put_u32(guest, DATA + 24, WASI_CLOCK_MONOTONIC);
  put_u64(guest, DATA + 32, 0);
  put_u64(guest, DATA + 56, 22);
  guest->memory[DATA + 56 + 8] = WASI_EVENTTYPE_FD_READ;
  guest_put_u32(guest, DATA + 56 + 16, fd);
  OK(guest_call(guest, SYS_poll_oneoff, DATA, DATA + 1024, 2, OUT));
  require(guest_u32(guest, OUT) == 2);
  require(guest_u64(guest, DATA + 1024) == 11 && guest_u64(guest, DATA + 1024 + 32) == 22);
  /* One far in the future blocks. */
  put_u64(guest, DATA + 32, 1ull << 40);
  EXPECT(NIDUS_WOULD_BLOCK, guest_call(guest, SYS_poll_oneoff, DATA, DATA + 1024, 1, OUT));
  /* The last one must lie in memory whole. */
  EXPECT(WASI_EFAULT, guest_call(guest, SYS_poll_oneoff, GUEST_SIZE - 48, DATA + 1024, 1, OUT));
}

static const struct test tests[] = {
    {"Descriptor numbers stay below their limit, and what would exceed it changes nothing", descriptors},
    {"Files do not grow beyond their limit: a write is cut short, then EFBIG", file_size},
    {"Output up to its limit is delivered; one byte more ends the process", output},
    {"A volume holds no more than its limit, and removing gives space back", space},
    {"Unknown limits and processes are refused", refusals},
    {"wasi_unstable counts CUR, END, SET", older_seek},
    {"wasi_unstable's filestat has 56 bytes", older_filestat},
    {"wasi_unstable's subscription has 56 bytes", older_poll}};

RUN_TESTS(tests)

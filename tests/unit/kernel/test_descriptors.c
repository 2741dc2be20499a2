/*
 * test_descriptors.c: descriptors and what stands behind them: numbers, rights, offsets, flags, and files
 * that lose their names while they are open.
 */
#include "kit.h"

static uint32_t opened(struct guest *guest, const char *path, uint64_t rights, uint32_t fdflags) {
  uint32_t fd;
  OK(do_open(guest, BOX, path, WASI_OFLAG_CREAT, rights, fdflags, &fd));
  return fd;
}

static void lowest_number_is_given(struct guest *guest) {
  uint32_t fd[10];
  for (uint32_t i = 0; i < 10; i++) {
    fd[i] = opened(guest, "f", ALL_RIGHTS, 0);
    require(fd[i] == 4 + i);
  }
  OK(do_close(guest, 9));
  OK(do_close(guest, 5));
  OK(do_close(guest, 0));
  require(opened(guest, "f", ALL_RIGHTS, 0) == 0);
  require(opened(guest, "f", ALL_RIGHTS, 0) == 5);
  require(opened(guest, "f", ALL_RIGHTS, 0) == 9);
  require(opened(guest, "f", ALL_RIGHTS, 0) == 14);
  EXPECT(WASI_EBADF, do_close(guest, 15));
  EXPECT(WASI_EBADF, do_close(guest, UINT32_MAX));
  /* A preopen takes a number from 3 on, and leaves lower ones to files. */
  OK(do_close(guest, 1));
  require(nidus_fd_preopen(guest->system, guest->pid, "/tmp", 4, "t", 1, 0) == 15);
  require(opened(guest, "f", ALL_RIGHTS, 0) == 1);
}

static void numbers_are_limited(struct guest *guest) {
  uint32_t fd;
  for (uint32_t i = 4; i < 65536; i++) require(opened(guest, "f", READ_RIGHTS, 0) == i);
  EXPECT(WASI_EMFILE, do_open(guest, BOX, "f", 0, READ_RIGHTS, 0, &fd));
  /* A file is not made or emptied for a descriptor that cannot be had. */
  EXPECT(WASI_EMFILE, do_open(guest, BOX, "new", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  require(!exists(guest, BOX, "new"));
  require(nidus_fd_preopen(guest->system, guest->pid, "/tmp", 4, "t", 1, 0) == -WASI_EMFILE);
  require(nidus_fd_stream(guest->system, guest->pid, 65536, 0, 1) == -WASI_EMFILE);
  OK(do_close(guest, 40000));
  require(opened(guest, "new", ALL_RIGHTS, 0) == 40000);
}

static void renumbering_moves(struct guest *guest) {
  make_file(guest, BOX, "a", "aaa");
  make_file(guest, BOX, "b", "bbb");
  uint32_t a = opened(guest, "a", ALL_RIGHTS, 0), b = opened(guest, "b", READ_RIGHTS, 0), moved;
  uint64_t position;
  char text[4] = "";
  OK(do_seek(guest, a, 1, WASI_WHENCE_SET, &position));
  OK(guest_call(guest, SYS_fd_renumber, a, b));
  EXPECT(WASI_EBADF, do_seek(guest, a, 0, WASI_WHENCE_CUR, &position));
  OK(do_seek(guest, b, 0, WASI_WHENCE_CUR, &position));
  require(position == 1);
  OK(do_write(guest, b, "x", 1, &moved));
  require(strcmp(text_of(guest, BOX, "a"), "axa") == 0 && strcmp(text_of(guest, BOX, "b"), "bbb") == 0);
  OK(guest_call(guest, SYS_fd_renumber, b, b));
  OK(do_pread(guest, b, text, 3, 0, &moved));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_renumber, b, 100));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_renumber, 100, b));
  /* The number that became free is the next one given. */
  require(opened(guest, "b", ALL_RIGHTS, 0) == a);
  /* A preopen moves with its name. */
  OK(guest_call(guest, SYS_fd_prestat_get, BOX, OUT));
  OK(guest_call(guest, SYS_fd_renumber, BOX, b));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_prestat_get, BOX, OUT));
  OK(guest_call(guest, SYS_fd_prestat_get, b, OUT));
  require(guest->memory[OUT] == 0 && guest_u32(guest, OUT + 4) == 4);
  OK(guest_call(guest, SYS_fd_prestat_dir_name, b, OUT, 4));
  require(memcmp(guest->memory + OUT, "/box", 4) == 0);
  EXPECT(WASI_ENAMETOOLONG, guest_call(guest, SYS_fd_prestat_dir_name, b, OUT, 3));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_prestat_get, a, OUT));
  EXPECT(WASI_EBADF, guest_call(guest, SYS_fd_prestat_dir_name, a, OUT, 4));
}

static void rights_only_shrink(struct guest *guest) {
  make_file(guest, BOX, "f", "text");
  uint64_t rights = WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK;
  uint32_t fd = opened(guest, "f", rights, 0), moved;
  uint64_t position;
  char text[4];
  OK(guest_call(guest, SYS_fd_fdstat_get, fd, OUT));
  require(guest_u64(guest, OUT + 8) == rights && guest_u64(guest, OUT + 16) == 0);
  require(guest->memory[OUT] == WASI_FILETYPE_REGULAR_FILE);
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_fdstat_set_rights, fd, rights | WASI_RIGHT_FD_TELL, 0));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_fdstat_set_rights, fd, rights, WASI_RIGHT_FD_READ));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_filestat_get, fd, STATS));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_filestat_set_size, fd, 0));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_allocate, fd, 0, 9));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_sync, fd));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_fdstat_set_flags, fd, 0));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_advise, fd, 0, 0, 0));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_filestat_set_times, fd, 0, 0, 0));
  OK(guest_call(guest, SYS_fd_fdstat_set_rights, fd, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE, 0));
  EXPECT(WASI_ENOTCAPABLE, do_seek(guest, fd, 0, WASI_WHENCE_SET, &position));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_fd_tell, fd, OUT));
  EXPECT(WASI_ENOTCAPABLE, do_pread(guest, fd, text, 1, 0, &moved));
  OK(guest_call(guest, SYS_fd_fdstat_set_rights, fd, WASI_RIGHT_FD_READ, 0));
  EXPECT(WASI_ENOTCAPABLE, do_write(guest, fd, "x", 1, &moved));
  OK(do_read(guest, fd, text, 4, &moved));
  OK(guest_call(guest, SYS_fd_fdstat_set_rights, fd, 0, 0));
  EXPECT(WASI_ENOTCAPABLE, do_read(guest, fd, text, 4, &moved));
  require(strcmp(text_of(guest, BOX, "f"), "text") == 0);
}

static void folder_rights_are_checked(struct guest *guest) {
  static const struct {
    uint64_t right;
    uint32_t number;
    uint64_t arguments[9];
  } calls[] = {
      {WASI_RIGHT_PATH_CREATE_DIRECTORY, SYS_path_create_directory, {BOX, PATH_A, 1}},
      {WASI_RIGHT_PATH_REMOVE_DIRECTORY, SYS_path_remove_directory, {BOX, PATH_A, 1}},
      {WASI_RIGHT_PATH_UNLINK_FILE, SYS_path_unlink_file, {BOX, PATH_A, 1}},
      {WASI_RIGHT_PATH_READLINK, SYS_path_readlink, {BOX, PATH_A, 1, DATA, 10, OUT}},
      {WASI_RIGHT_PATH_FILESTAT_GET, SYS_path_filestat_get, {BOX, 0, PATH_A, 1, STATS}},
      {WASI_RIGHT_PATH_FILESTAT_SET_TIMES, SYS_path_filestat_set_times, {BOX, 0, PATH_A, 1, 0, 0, 0}},
      {WASI_RIGHT_PATH_SYMLINK, SYS_path_symlink, {PATH_A, 1, BOX, PATH_B, 1}},
      {WASI_RIGHT_PATH_LINK_SOURCE, SYS_path_link, {BOX, 0, PATH_A, 1, BOX, PATH_B, 1}},
      {WASI_RIGHT_PATH_LINK_TARGET, SYS_path_link, {BOX, 0, PATH_A, 1, BOX, PATH_B, 1}},
      {WASI_RIGHT_PATH_RENAME_SOURCE, SYS_path_rename, {BOX, PATH_A, 1, BOX, PATH_B, 1}},
      {WASI_RIGHT_PATH_RENAME_TARGET, SYS_path_rename, {BOX, PATH_A, 1, BOX, PATH_B, 1}},
      {WASI_RIGHT_PATH_OPEN, SYS_path_open, {BOX, 0, PATH_A, 1, 0, 0, 0, 0, OUT}},
      {WASI_RIGHT_PATH_CREATE_FILE, SYS_path_open, {BOX, 0, PATH_B, 1, WASI_OFLAG_CREAT, 0, 0, 0, OUT}},
      {WASI_RIGHT_PATH_FILESTAT_SET_SIZE, SYS_path_open, {BOX, 0, PATH_A, 1, WASI_OFLAG_TRUNC, 0, 0, 0, OUT}},
      {WASI_RIGHT_FD_READDIR, SYS_fd_readdir, {BOX, DATA, 100, 0, OUT}},
      {WASI_RIGHT_FD_FILESTAT_GET, SYS_fd_filestat_get, {BOX, STATS}},
      {WASI_RIGHT_FD_FILESTAT_SET_TIMES, SYS_fd_filestat_set_times, {BOX, 0, 0, 0}}};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    OK(guest_call(guest, SYS_fd_fdstat_get, BOX, OUT));
    uint64_t base = guest_u64(guest, OUT + 8), inheriting = guest_u64(guest, OUT + 16);
    require(base & calls[i].right);
    make_file(guest, BOX, "a", "kept");
    OK(guest_call(guest, SYS_fd_fdstat_set_rights, BOX, base & ~calls[i].right, inheriting));
    guest->memory[PATH_A] = 'a';
    guest->memory[PATH_B] = 'b';
    EXPECT(WASI_ENOTCAPABLE, guest_syscall(guest, calls[i].number, calls[i].arguments));
    /* The same folder anew, with all rights. */
    OK(do_close(guest, BOX));
    guest_preopen(guest, "/box", 0);
    require(strcmp(names_in(guest, BOX), "a ") == 0 && strcmp(text_of(guest, BOX, "a"), "kept") == 0);
  }
}

static void rights_are_inherited(struct guest *guest) {
  uint32_t fd, file;
  OK(do_mkdir(guest, BOX, "d"));
  make_file(guest, BOX, "d/f", "x");
  memcpy(guest->memory + PATH_A, "d", 1);
  OK(guest_call(guest, SYS_path_open, BOX, 0, PATH_A, 1, WASI_OFLAG_DIRECTORY, WASI_RIGHT_PATH_OPEN,
                WASI_RIGHT_FD_READ, 0, OUT));
  fd = guest_u32(guest, OUT);
  memcpy(guest->memory + PATH_A, "f", 1);
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_path_open, fd, 0, PATH_A, 1, 0, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE, 0, 0, OUT));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_path_open, fd, 0, PATH_A, 1, 0, WASI_RIGHT_FD_READ, WASI_RIGHT_FD_SEEK, 0, OUT));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_path_open, fd, 0, PATH_A, 1, WASI_OFLAG_TRUNC, 0, 0, 0, OUT));
  OK(guest_call(guest, SYS_path_open, fd, 0, PATH_A, 1, 0, WASI_RIGHT_FD_READ, 0, 0, OUT));
  file = guest_u32(guest, OUT);
  uint32_t moved;
  EXPECT(WASI_EBADF, do_write(guest, file, "y", 1, &moved));
  /* A read-only preopen gives nothing that could change a file. */
  require(nidus_fd_preopen(guest->system, guest->pid, "/box", 4, "r", 1, NIDUS_PREOPEN_READ_ONLY) == (int32_t)file + 1);
  EXPECT(WASI_ENOTCAPABLE, do_mkdir(guest, file + 1, "x"));
  EXPECT(WASI_ENOTCAPABLE, do_unlink(guest, file + 1, "d/f"));
  EXPECT(WASI_ENOTCAPABLE, do_rename(guest, file + 1, "d", "e"));
  memcpy(guest->memory + PATH_A, "d/f", 3);
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_path_open, file + 1, 0, PATH_A, 3, 0, WASI_RIGHT_FD_WRITE, 0, 0, OUT));
  EXPECT(WASI_ENOTCAPABLE, guest_call(guest, SYS_path_open, file + 1, 0, PATH_A, 3, 8, WASI_RIGHT_FD_READ, 0, 0, OUT));
  OK(guest_call(guest, SYS_path_open, file + 1, 0, PATH_A, 3, 0, WASI_RIGHT_FD_READ, 0, 0, OUT));
}

static void offsets_are_right(struct guest *guest) {
  make_file(guest, BOX, "f", "0123456789");
  uint32_t fd = opened(guest, "f", ALL_RIGHTS, 0), moved;
  uint64_t position;
  char text[16];
  OK(do_seek(guest, fd, -3, WASI_WHENCE_END, &position));
  require(position == 7);
  OK(do_read(guest, fd, text, 16, &moved));
  require(moved == 3 && memcmp(text, "789", 3) == 0);
  OK(do_read(guest, fd, text, 16, &moved));
  require(moved == 0);
  OK(guest_call(guest, SYS_fd_tell, fd, OUT));
  require(guest_u64(guest, OUT) == 10);
  EXPECT(WASI_EINVAL, do_seek(guest, fd, -11, WASI_WHENCE_CUR, &position));
  EXPECT(WASI_EINVAL, do_seek(guest, fd, INT64_MIN, WASI_WHENCE_CUR, &position));
  EXPECT(WASI_EINVAL, do_seek(guest, fd, INT64_MAX, WASI_WHENCE_CUR, &position));
  EXPECT(WASI_EINVAL, do_seek(guest, fd, -1, WASI_WHENCE_SET, &position));
  EXPECT(WASI_EINVAL, do_seek(guest, fd, 0, 3, &position));
  OK(do_seek(guest, fd, INT64_MAX - 10, WASI_WHENCE_END, &position));
  require(position == INT64_MAX);
  OK(do_read(guest, fd, text, 16, &moved));
  require(moved == 0);
  EXPECT(WASI_EFBIG, do_write(guest, fd, "x", 1, &moved));
  OK(do_seek(guest, fd, 20, WASI_WHENCE_SET, &position));
  OK(do_pwrite(guest, fd, "AB", 2, 2, &moved));
  OK(do_pread(guest, fd, text, 4, 1, &moved));
  require(moved == 4 && memcmp(text, "1AB4", 4) == 0);
  OK(do_seek(guest, fd, 0, WASI_WHENCE_CUR, &position));
  require(position == 20);
  OK(do_write(guest, fd, "end", 3, &moved));
  OK(do_pread(guest, fd, text, 16, 8, &moved));
  require(moved == 15 && memcmp(text, "89\0\0\0\0\0\0\0\0\0\0end", 15) == 0);
}

static void append_goes_to_the_end(struct guest *guest) {
  make_file(guest, BOX, "f", "one");
  uint32_t a = opened(guest, "f", ALL_RIGHTS, WASI_FDFLAG_APPEND), b = opened(guest, "f", ALL_RIGHTS, 0), moved;
  uint64_t position;
  OK(do_write(guest, a, "-two", 4, &moved));
  OK(do_write(guest, b, "ONE-TWO-", 8, &moved));
  OK(do_write(guest, a, "three", 5, &moved));
  OK(do_seek(guest, a, 0, WASI_WHENCE_CUR, &position));
  require(position == 13 && strcmp(text_of(guest, BOX, "f"), "ONE-TWO-three") == 0);
  /* As the specification says, fd_pwrite has its own offset, whatever the flags. */
  OK(do_pwrite(guest, a, "T", 1, 8, &moved));
  require(strcmp(text_of(guest, BOX, "f"), "ONE-TWO-Three") == 0);
  OK(guest_call(guest, SYS_fd_fdstat_set_flags, a, 0));
  OK(do_seek(guest, a, 0, WASI_WHENCE_SET, &position));
  OK(do_write(guest, a, "o", 1, &moved));
  require(strcmp(text_of(guest, BOX, "f"), "oNE-TWO-Three") == 0);
  OK(guest_call(guest, SYS_fd_fdstat_set_flags, a, WASI_FDFLAG_APPEND | WASI_FDFLAG_NONBLOCK));
  OK(guest_call(guest, SYS_fd_fdstat_get, a, OUT));
  require(guest->memory[OUT + 2] == (WASI_FDFLAG_APPEND | WASI_FDFLAG_NONBLOCK));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_fd_fdstat_set_flags, a, 32));
  EXPECT(WASI_ENOTSUP, guest_call(guest, SYS_fd_fdstat_set_flags, a, WASI_FDFLAG_SYNC));
}

static void descriptions_are_shared(struct guest *guest) {
  make_file(guest, BOX, "f", "0123456789");
  uint32_t fd = opened(guest, "f", ALL_RIGHTS, 0), moved;
  char text[4];
  uint64_t position;
  require(nidus_fd_share(guest->system, guest->pid, 20, guest->pid, fd) == 0);
  OK(do_read(guest, fd, text, 3, &moved));
  OK(do_read(guest, 20, text, 3, &moved));
  require(memcmp(text, "345", 3) == 0);
  OK(guest_call(guest, SYS_fd_fdstat_set_flags, 20, WASI_FDFLAG_APPEND));
  OK(do_write(guest, fd, "x", 1, &moved));
  OK(do_seek(guest, 20, 0, WASI_WHENCE_CUR, &position));
  require(position == 11);
  /* Rights belong to the descriptor. */
  OK(guest_call(guest, SYS_fd_fdstat_set_rights, 20, 0, 0));
  EXPECT(WASI_ENOTCAPABLE, do_read(guest, 20, text, 1, &moved));
  OK(do_close(guest, 20));
  OK(do_seek(guest, fd, 0, WASI_WHENCE_SET, &position));
  OK(do_read(guest, fd, text, 1, &moved));
  /* Across processes, and beyond the end of one of them. */
  int32_t other = nidus_process_create(guest->system, "", 0, 0, "", 0, 0);
  require(other > 0 && nidus_fd_share(guest->system, (uint32_t)other, 0, guest->pid, fd) == 0);
  require(nidus_fd_share(guest->system, (uint32_t)other, 0, guest->pid, fd) == 0);
  OK(do_close(guest, fd));
  require(nidus_fd_share(guest->system, guest->pid, 30, (uint32_t)other, 0) == 0);
  nidus_process_end(guest->system, (uint32_t)other, 0);
  require(nidus_process_reap(guest->system, (uint32_t)other) == 0);
  OK(do_read(guest, 30, text, 1, &moved));
  require(text[0] == '1');
  require(nidus_fd_share(guest->system, guest->pid, 30, guest->pid, 30) == 0);
  OK(do_read(guest, 30, text, 1, &moved));
  require(nidus_fd_share(guest->system, guest->pid, 5, guest->pid, 99) == -WASI_EBADF);
}

static void open_files_outlive_names(struct guest *guest) {
  make_file(guest, BOX, "f", "first");
  make_file(guest, BOX, "g", "second");
  uint32_t fd = opened(guest, "f", ALL_RIGHTS, 0), moved;
  struct filestat stat;
  char text[16];
  OK(do_unlink(guest, BOX, "f"));
  OK(do_fstat(guest, fd, &stat));
  require(stat.nlink == 0 && stat.size == 5);
  make_file(guest, BOX, "f", "another");
  OK(do_pwrite(guest, fd, "F", 1, 0, &moved));
  OK(do_pread(guest, fd, text, 16, 0, &moved));
  require(moved == 5 && memcmp(text, "First", 5) == 0);
  require(strcmp(text_of(guest, BOX, "f"), "another") == 0);
  /* Replaced by a rename. */
  uint32_t other = opened(guest, "f", ALL_RIGHTS, 0);
  OK(do_rename(guest, BOX, "g", "f"));
  OK(do_pread(guest, other, text, 16, 0, &moved));
  require(moved == 7 && memcmp(text, "another", 7) == 0);
  OK(do_fstat(guest, other, &stat));
  require(stat.nlink == 0);
  require(strcmp(text_of(guest, BOX, "f"), "second") == 0);
  /* Moved, with the folder that it lies in. */
  OK(do_mkdir(guest, BOX, "d"));
  make_file(guest, BOX, "d/h", "inside");
  uint32_t folder, inside;
  OK(do_open(guest, BOX, "d", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &folder));
  OK(do_open(guest, BOX, "d/h", 0, ALL_RIGHTS, 0, &inside));
  OK(do_rename(guest, BOX, "d", "e"));
  require(strcmp(text_of(guest, folder, "h"), "inside") == 0);
  OK(do_pwrite(guest, inside, "I", 1, 0, &moved));
  require(strcmp(text_of(guest, BOX, "e/h"), "Inside") == 0);
}

static void processes_begin_and_end(struct guest *guest) {
  struct nidus_system *system = guest->system;
  require(nidus_process_create(system, "a", 1, 1, "", 0, 0) == -WASI_EINVAL);
  require(nidus_process_create(system, "a\0b\0", 4, 1, "", 0, 0) == -WASI_EINVAL);
  require(nidus_process_create(system, "a\0b\0", 4, 2, "X", 1, 0) == -WASI_EINVAL);
  require(nidus_process_reap(system, guest->pid) == -WASI_EBUSY);
  require(nidus_process_reap(system, 1) == -WASI_ESRCH && nidus_process_reap(system, 4000) == -WASI_ESRCH);
  require(nidus_process_exit_code(system, guest->pid) == -1);
  OK(guest_call(guest, SYS_proc_raise, 0));
  OK(guest_call(guest, SYS_proc_raise, 16));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_proc_raise, 31));
  EXPECT(WASI_ENOTSUP, guest_call(guest, SYS_proc_raise, 18));
  require(nidus_process_exit_code(system, guest->pid) == -1);
  (void)guest_call(guest, SYS_proc_exit, 0x1ff);
  require(nidus_process_exit_code(system, guest->pid) == 255);
  EXPECT(WASI_ESRCH, guest_call(guest, SYS_sched_yield, 0));
  nidus_process_end(system, guest->pid, 3);
  require(nidus_process_exit_code(system, guest->pid) == 255);
  require(nidus_fd_stream(system, guest->pid, 0, 0, 1) == -WASI_ESRCH);
  /* Numbers go round before one is used again. */
  int32_t pid = nidus_process_create(system, "", 0, 0, "", 0, 0), first = pid;
  for (int i = 0; i < 5000; i++) {
    nidus_process_end(system, (uint32_t)pid, 0);
    require(nidus_process_reap(system, (uint32_t)pid) == 0);
    int32_t next = nidus_process_create(system, "", 0, 0, "", 0, 0);
    require(next > 1 && next != pid);
    pid = next;
  }
  require(first > 0);
  nidus_process_end(system, (uint32_t)pid, 0);
}

static void arguments_are_given(struct guest *guest) {
  int32_t pid = nidus_process_create(guest->system, "prog\0\0last\0", 11, 3, "A=1\0B=\0", 7, 2);
  require(pid > 0);
  struct nidus_guest_memory memory = {0};
  require(nidus_process_memory(guest->system, (uint32_t)pid, memory) == 0);
  EXPECT(WASI_EFAULT, nidus_syscall(guest->system, (uint32_t)pid, SYS_args_sizes_get, (const uint64_t[]){0, 4}));
  OK(guest_call(guest, SYS_args_sizes_get, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 1 && guest_u32(guest, OUT + 4) == 5);
  OK(guest_call(guest, SYS_args_get, OUT, DATA));
  require(guest_u32(guest, OUT) == DATA && strcmp((char *)guest->memory + DATA, "fuzz") == 0);
  OK(guest_call(guest, SYS_environ_sizes_get, OUT, OUT + 4));
  require(guest_u32(guest, OUT) == 0 && guest_u32(guest, OUT + 4) == 0);
  OK(guest_call(guest, SYS_environ_get, OUT, DATA));
}

static const struct test tests[] = {
    {"A new descriptor has the lowest free number", lowest_number_is_given},
    {"The table of descriptors is limited, and a full one makes no files", numbers_are_limited},
    {"fd_renumber moves a descriptor over an open one, preopens included", renumbering_moves},
    {"Rights can be given up, never gained, and each call asks for its own", rights_only_shrink},
    {"Each call on a folder asks for its right and changes nothing without it", folder_rights_are_checked},
    {"What is opened below a folder has at most the rights that it may pass on", rights_are_inherited},
    {"Offsets move with reads, writes and seeks, not with pread and pwrite", offsets_are_right},
    {"Appends go to the end of the file at the time of the write", append_goes_to_the_end},
    {"Shared descriptors have one offset and one set of flags", descriptions_are_shared},
    {"An open file outlives its name, and its name's move", open_files_outlive_names},
    {"Processes end once, and their numbers go round", processes_begin_and_end},
    {"Arguments are given as they came", arguments_are_given}};
RUN_TESTS(tests)

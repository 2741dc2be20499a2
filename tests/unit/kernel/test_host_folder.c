/*
 * test_host_folder.c: a folder of this machine as part of the tree, through the native program's host: what
 * lies outside stays out of reach, and files behave as in a volume of the kernel's own.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_posix.h"
#include "kit.h"

struct world {
  char path[64];
  int outside; /* the temporary folder; the guest gets "inside" in it */
  struct posix_host posix;
};

static void write_at(int folder, const char *path, const char *text) {
  int fd = openat(folder, path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
  require(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

static const char *read_at(int folder, const char *path) {
  static char text[256];
  int fd = openat(folder, path, O_RDONLY);
  require(fd >= 0);
  ssize_t length = read(fd, text, sizeof text - 1);
  require(length >= 0);
  text[length] = 0;
  close(fd);
  return text;
}

static void begin(struct guest *guest, struct world *world) {
  char inside[80];
  strcpy(world->path, "/tmp/nidus-host-XXXXXX");
  require(mkdtemp(world->path));
  world->outside = open(world->path, O_RDONLY | O_DIRECTORY);
  require(world->outside >= 0 && mkdirat(world->outside, "inside", 0755) == 0);
  write_at(world->outside, "secret", "secret");
  posix_host_init(&world->posix);
  snprintf(inside, sizeof inside, "%s/inside", world->path);
  int32_t folder = posix_host_add_folder(&world->posix, inside);
  require(folder >= 0);
  guest->host = world->posix.host;
  require(nidus_mount_host(guest->system, "/host", 5, (uint32_t)folder, 0) > 0);
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/host", 0);
}

/* No descriptor of the host may be left over: the tests count them. */
static int open_descriptors(void) {
  int count = 0;
  DIR *listing = opendir("/proc/self/fd");
  if (!listing) return 0;
  while (readdir(listing)) count++;
  closedir(listing);
  return count;
}

/* The system's host must outlive it: both end here, and a new system takes the place of the old. */
static void end(struct guest *guest, struct world *world) {
  guest_stop(guest);
  posix_host_close(&world->posix);
  require(strcmp(read_at(world->outside, "secret"), "secret") == 0);
  close(world->outside);
  char command[80];
  snprintf(command, sizeof command, "rm -rf %s", world->path); /* made by mkdtemp; rm knows deep folders */
  require(system(command) == 0);
  guest_start(guest);
  guest_preopen(guest, "/tmp", 0);
}

static void links_do_not_lead_out(struct guest *guest) {
  struct world world;
  struct filestat stat;
  uint32_t fd;
  begin(guest, &world);
  int inside = openat(world.outside, "inside", O_RDONLY | O_DIRECTORY);
  require(symlinkat("../secret", inside, "relative") == 0);
  require(symlinkat("/etc", inside, "absolute") == 0);
  require(symlinkat("..", inside, "up") == 0);
  require(symlinkat(world.path, inside, "whole") == 0);
  require(mkdirat(inside, "d", 0755) == 0 && symlinkat("../../secret", inside, "d/deep") == 0);
  require(symlinkat("d/../../secret", inside, "winding") == 0);
  static const char *const paths[] = {"relative",     "absolute/passwd", "up/secret", "whole/secret", "d/deep",
                                      "winding",      "../secret",       "absolute",  "up",           "d/../../secret",
                                      "up/../../etc", "d/deep/x"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    EXPECT(WASI_EPERM, do_stat(guest, BOX, FOLLOW, paths[i], &stat));
    EXPECT(WASI_EPERM, do_open(guest, BOX, paths[i], WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC, ALL_RIGHTS, 0, &fd));
  }
  EXPECT(WASI_EPERM, do_mkdir(guest, BOX, "up/new"));
  EXPECT(WASI_EPERM, do_unlink(guest, BOX, "up/secret"));
  EXPECT(WASI_EPERM, do_rename(guest, BOX, "up/secret", "mine"));
  EXPECT(WASI_EPERM, do_rename(guest, BOX, "d", "up/d"));
  EXPECT(WASI_EPERM, do_link(guest, BOX, FOLLOW, "relative", "mine"));
  /* The links themselves can be seen and removed. */
  OK(do_stat(guest, BOX, 0, "relative", &stat));
  require(stat.type == WASI_FILETYPE_SYMBOLIC_LINK);
  OK(do_unlink(guest, BOX, "relative"));
  close(inside);
  end(guest, &world);
}

/* The kernel has looked a folder up; behind its back it becomes a link to outside. */
static void swapped_folders_do_not_lead_out(struct guest *guest) {
  struct world world;
  uint32_t folder, fd;
  struct filestat stat;
  begin(guest, &world);
  int inside = openat(world.outside, "inside", O_RDONLY | O_DIRECTORY);
  require(mkdirat(inside, "d", 0755) == 0 && mkdirat(inside, "d/e", 0755) == 0);
  OK(do_open(guest, BOX, "d/e", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &folder));
  require(renameat(inside, "d", inside, "old") == 0 && symlinkat("..", inside, "d") == 0);
  require(mkdirat(world.outside, "e", 0755) == 0);
  write_at(world.outside, "e/hidden", "secret");
  require(do_open(guest, folder, "hidden", 0, READ_RIGHTS, 0, &fd) != 0);
  require(do_open(guest, folder, "made", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd) != 0);
  require(do_mkdir(guest, folder, "made") != 0 && do_unlink(guest, folder, "hidden") != 0);
  require(do_symlink(guest, folder, "x", "made") != 0 && do_stat(guest, folder, 0, "hidden", &stat) != 0);
  require(guest_call(guest, SYS_fd_readdir, folder, DATA, 1000, 2, OUT) != 0);
  require(faccessat(world.outside, "e/made", F_OK, 0) != 0);
  require(strcmp(read_at(world.outside, "e/hidden"), "secret") == 0);
  close(inside);
  end(guest, &world);
}

static void files_work(struct guest *guest) {
  struct world world;
  struct filestat stat;
  uint32_t fd, second, moved, length;
  char text[64];
  begin(guest, &world);
  int inside = openat(world.outside, "inside", O_RDONLY | O_DIRECTORY);
  make_file(guest, BOX, "f", "text");
  require(strcmp(read_at(inside, "f"), "text") == 0);
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, WASI_FDFLAG_APPEND, &fd));
  write_at(inside, "f", "changed by the host");
  OK(do_write(guest, fd, "!", 1, &moved));
  require(strcmp(read_at(inside, "f"), "changed by the host!") == 0);
  OK(do_fstat(guest, fd, &stat));
  require(stat.size == 20 && stat.nlink == 1);
  OK(guest_call(guest, SYS_fd_filestat_set_size, fd, 7));
  OK(guest_call(guest, SYS_fd_filestat_set_times, fd, 1000000001, 2000000002, 5));
  OK(do_stat(guest, BOX, 0, "f", &stat));
  require(stat.size == 7 && stat.atime == 1000000001 && stat.mtime == 2000000002);
  OK(guest_call(guest, SYS_fd_sync, fd));
  OK(guest_call(guest, SYS_fd_datasync, fd));
  EXPECT(WASI_ENOTSUP, guest_call(guest, SYS_fd_allocate, fd, 0, 100));
  /* A size that is negative to the host is refused before it gets there. */
  EXPECT(WASI_EFBIG, guest_call(guest, SYS_fd_filestat_set_size, fd, 1ull << 63));
  EXPECT(WASI_EFBIG, guest_call(guest, SYS_fd_filestat_set_size, fd, UINT64_MAX));
  OK(do_fstat(guest, fd, &stat));
  require(stat.size == 7);
  /* Large transfers pass through the kernel's buffer in pieces. */
  static uint8_t bytes[DATA_SIZE], back[DATA_SIZE];
  for (uint32_t i = 0; i < DATA_SIZE; i++) bytes[i] = (uint8_t)(i * 7);
  for (uint64_t at = 0; at < 5; at++) OK(do_pwrite(guest, fd, bytes, DATA_SIZE, at * DATA_SIZE, &moved));
  OK(do_pread(guest, fd, back, DATA_SIZE, 2 * DATA_SIZE + 256, &moved));
  require(moved == DATA_SIZE && memcmp(back, bytes + 256, DATA_SIZE - 256) == 0);
  /* Unlinked while open, twice: each descriptor goes on, whichever is closed first. */
  OK(do_open(guest, BOX, "f", 0, ALL_RIGHTS, 0, &second));
  OK(do_unlink(guest, BOX, "f"));
  require(faccessat(inside, "f", F_OK, 0) != 0);
  OK(do_close(guest, second));
  OK(do_fstat(guest, fd, &stat));
  require(stat.nlink == 0 && stat.size == 5 * DATA_SIZE);
  OK(do_pread(guest, fd, text, 4, 8, &moved));
  require(moved == 4 && (uint8_t)text[1] == 63);
  make_file(guest, BOX, "f", "another");
  OK(do_fstat(guest, fd, &stat));
  require(stat.size == 5 * DATA_SIZE);
  OK(do_close(guest, fd));
  /* Links. */
  OK(do_link(guest, BOX, 0, "f", "h"));
  OK(do_symlink(guest, BOX, "h", "l"));
  require(strcmp(text_of(guest, BOX, "l"), "another") == 0);
  OK(do_readlink(guest, BOX, "l", text, 64, &length));
  require(length == 1 && text[0] == 'h');
  OK(do_rename(guest, BOX, "f", "h"));
  require(strcmp(names_in(guest, BOX), "f h l ") == 0);
  guest_inspect(guest, BOX, true);
  close(inside);
  end(guest, &world);
}

/* A FIFO parks its reader until there is something, and is at its end when its writers have gone. */
static void fifos_are_streams(struct guest *guest) {
  struct world world;
  uint32_t fd, moved;
  char text[8];
  begin(guest, &world);
  int inside = openat(world.outside, "inside", O_RDONLY | O_DIRECTORY);
  require(mkfifoat(inside, "fifo", 0600) == 0);
  EXPECT(WASI_ENXIO, do_open(guest, BOX, "fifo", 0, WASI_RIGHT_FD_WRITE, 0, &fd)); /* nobody would read it */
  OK(do_open(guest, BOX, "fifo", 0, WASI_RIGHT_FD_READ, 0, &fd));
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, fd, text, sizeof text, &moved));
  require(nidus_wait_kinds(guest->system, guest->pid) & NIDUS_WAIT_READABLE);
  int writer = openat(inside, "fifo", O_WRONLY | O_NONBLOCK);
  EXPECT(NIDUS_WOULD_BLOCK, do_read(guest, fd, text, sizeof text, &moved));
  require(write(writer, "hello", 5) == 5);
  OK(do_read(guest, fd, text, 3, &moved));
  require(moved == 3 && memcmp(text, "hel", 3) == 0);
  OK(do_read(guest, fd, text, sizeof text, &moved));
  require(moved == 2 && memcmp(text, "lo", 2) == 0);
  close(writer);
  OK(do_read(guest, fd, text, sizeof text, &moved));
  require(moved == 0);
  OK(do_close(guest, fd));
  int reader = openat(inside, "fifo", O_RDONLY | O_NONBLOCK);
  OK(do_open(guest, BOX, "fifo", 0, WASI_RIGHT_FD_WRITE, 0, &fd));
  OK(do_write(guest, fd, "there", 5, &moved));
  require(moved == 5 && read(reader, text, sizeof text) == 5 && memcmp(text, "there", 5) == 0);
  close(reader);
  close(inside);
  end(guest, &world);
}

static void folders_work(struct guest *guest) {
  struct world world;
  uint32_t folder, file, moved;
  char name[32], text[8];
  begin(guest, &world);
  OK(do_mkdir(guest, BOX, "d"));
  EXPECT(WASI_EEXIST, do_mkdir(guest, BOX, "d"));
  make_file(guest, BOX, "d/f", "inside");
  OK(do_open(guest, BOX, "d", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &folder));
  OK(do_open(guest, BOX, "d/f", 0, ALL_RIGHTS, 0, &file));
  OK(do_rename(guest, BOX, "d", "e"));
  require(strcmp(text_of(guest, folder, "f"), "inside") == 0);
  OK(do_pread(guest, file, text, 6, 0, &moved));
  OK(guest_call(guest, SYS_fd_filestat_set_times, file, 5, 5, 5));
  EXPECT(WASI_ENOTEMPTY, do_rmdir(guest, BOX, "e"));
  EXPECT(WASI_ENOTDIR, do_rmdir(guest, BOX, "e/f"));
  EXPECT(WASI_EISDIR, do_unlink(guest, BOX, "e"));
  EXPECT(WASI_EINVAL, do_rename(guest, BOX, "e", "e/x"));
  OK(do_unlink(guest, folder, "f"));
  OK(do_rmdir(guest, BOX, "e"));
  EXPECT(WASI_ENOENT, do_mkdir(guest, folder, "x"));
  for (int i = 0; i < 200; i++) {
    snprintf(name, sizeof name, "n%03d", i);
    make_file(guest, BOX, name, name);
  }
  /* A listing is one view of the folder, from a start at its beginning to its end. */
  OK(guest_call(guest, SYS_fd_readdir, BOX, DATA, 300, 0, OUT));
  uint64_t cookie = guest_u64(guest, DATA);
  uint32_t seen = 0;
  for (bool more = true; more;) {
    OK(guest_call(guest, SYS_fd_readdir, BOX, DATA, 300, cookie, OUT));
    uint32_t used = guest_u32(guest, OUT), at = 0;
    more = used == 300;
    while (used - at >= 24 && guest_u32(guest, DATA + at + 16) <= used - at - 24) {
      cookie = guest_u64(guest, DATA + at);
      uint32_t length = guest_u32(guest, DATA + at + 16);
      seen += length == 4 && guest->memory[DATA + at + 24] == 'n';
      at += 24 + length;
    }
    snprintf(name, sizeof name, "n%03u", seen);
    if (seen < 200) (void)do_unlink(guest, BOX, name);
  }
  require(seen == 200);
  guest_inspect(guest, BOX, true);
  end(guest, &world);
}

static void read_only_is_read_only(struct guest *guest) {
  struct world world;
  uint32_t fd;
  begin(guest, &world);
  make_file(guest, BOX, "f", "text");
  require(nidus_mount_host(guest->system, "/ro", 3, 0, NIDUS_MOUNT_READ_ONLY) > 0);
  require(nidus_mount_host(guest->system, "/none", 5, 9, 0) == -WASI_ENODEV);
  require(nidus_fd_preopen(guest->system, guest->pid, "/ro", 3, "ro", 2, 0) == 4);
  require(strcmp(text_of(guest, 4, "f"), "text") == 0);
  EXPECT(WASI_EROFS, do_mkdir(guest, 4, "x"));
  EXPECT(WASI_EROFS, do_unlink(guest, 4, "f"));
  EXPECT(WASI_EROFS, do_rename(guest, 4, "f", "g"));
  EXPECT(WASI_EROFS, do_link(guest, 4, 0, "f", "g"));
  EXPECT(WASI_EROFS, do_symlink(guest, 4, "f", "g"));
  EXPECT(WASI_EROFS, do_open(guest, 4, "f", 0, ALL_RIGHTS, 0, &fd));
  EXPECT(WASI_EROFS, do_open(guest, 4, "f", WASI_OFLAG_TRUNC, READ_RIGHTS, 0, &fd));
  EXPECT(WASI_EROFS, do_open(guest, 4, "x", WASI_OFLAG_CREAT, READ_RIGHTS, 0, &fd));
  memcpy(guest->memory + PATH_A, "f", 1);
  EXPECT(WASI_EROFS, guest_call(guest, SYS_path_filestat_set_times, 4, 0, PATH_A, 1, 1, 1, 5));
  end(guest, &world);
}

static void nothing_stays_open(struct guest *guest) {
  int before = open_descriptors();
  folders_work(guest);
  files_work(guest);
  links_do_not_lead_out(guest);
  require(open_descriptors() == before);
}

/* The chain of folders that a descriptor holds goes in a loop. */
static void deep_folders_go(struct guest *guest) {
  struct world world;
  uint32_t fd, next;
  begin(guest, &world);
  OK(do_open(guest, BOX, ".", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  wasi_errno_t error = WASI_ESUCCESS;
  int depth = 0;
  while (!error && ++depth < 5000) {
    error = do_mkdir(guest, fd, "d");
    if (!error) OK(do_open(guest, fd, "d", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &next));
    if (!error) OK(do_close(guest, fd));
    if (!error) fd = next;
  }
  EXPECT(WASI_ENAMETOOLONG, error);
  require(depth > 1500);
  OK(do_close(guest, fd));
  end(guest, &world);
}

static const struct test tests[] = {
    {"No link of the host leads out of its folder", links_do_not_lead_out},
    {"A folder that becomes a link behind the kernel's back leads nowhere", swapped_folders_do_not_lead_out},
    {"Files of the host are written, read, linked and unlinked while open", files_work},
    {"FIFOs of the host are streams", fifos_are_streams},
    {"Folders of the host are made, moved, listed and removed", folders_work},
    {"A folder mounted read-only cannot be changed", read_only_is_read_only},
    {"No descriptor of the host is left open", nothing_stays_open},
    {"Folders as deep as a path can be are let go", deep_folders_go}};
RUN_TESTS(tests)

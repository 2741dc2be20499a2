/*
 * test_paths.c: the walk from a path to a file where there is no Linux call to compare with: the borders of
 * the sandbox and of mounts, limits, and paths that are no paths.
 */
#include "kit.h"

static void escapes_are_refused(struct guest *guest) {
  static const char *const outside[] = {"..",       "../",     "../box",       "a/../..", "a/../../box/a", "/",
                                        "/box/a",   "up",      "up/box",       "a/up2",   "a/b/../../..",  "abs",
                                        "abs/file", "./../..", "a/up2/secret", "chain",         "chain/x"};
  struct filestat stat;
  uint32_t fd;
  OK(do_mkdir(guest, BOX, "a"));
  OK(do_mkdir(guest, BOX, "a/b"));
  OK(do_mkdir(guest, BOX, "..."));
  OK(do_symlink(guest, BOX, "..", "up"));
  OK(do_symlink(guest, BOX, "../..", "a/up2"));
  OK(do_symlink(guest, BOX, "a/up2", "chain"));
  EXPECT(WASI_EPERM, do_symlink(guest, BOX, "/tmp", "abs"));
  guest_call(guest, SYS_fd_close, 3);
  /* An absolute link can only be made where absolute paths mean something. */
  guest_preopen(guest, "/", NIDUS_PREOPEN_CLIMB);
  OK(do_symlink(guest, BOX, "/tmp", "/box/abs"));
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/box", 0);
  for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
    EXPECT(WASI_EPERM, do_stat(guest, BOX, FOLLOW, outside[i], &stat));
    EXPECT(WASI_EPERM, do_open(guest, BOX, outside[i], 0, READ_RIGHTS, 0, &fd));
  }
  EXPECT(WASI_EPERM, do_mkdir(guest, BOX, "../new"));
  EXPECT(WASI_EPERM, do_rename(guest, BOX, "a", "../a"));
  EXPECT(WASI_EPERM, do_rename(guest, BOX, "../tmp", "a/tmp"));
  EXPECT(WASI_EPERM, do_link(guest, BOX, 0, "../dev/null", "null"));
  EXPECT(WASI_EPERM, do_unlink(guest, BOX, "up/x"));
  EXPECT(WASI_EPERM, do_rmdir(guest, BOX, "a/up2/tmp"));
  OK(do_stat(guest, BOX, 0, "up", &stat));
  OK(do_stat(guest, BOX, FOLLOW, "a/b/../../a/./b//", &stat));
  /* A folder opened below is a sandbox of its own. */
  OK(do_open(guest, BOX, "a/b", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  EXPECT(WASI_EPERM, do_stat(guest, fd, FOLLOW, "..", &stat));
  OK(do_stat(guest, fd, FOLLOW, ".", &stat));
}

static void climbing_ends_at_the_root(struct guest *guest) {
  struct filestat stat, root;
  uint32_t fd;
  OK(do_mkdir(guest, BOX, "a"));
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/box/a", NIDUS_PREOPEN_CLIMB);
  OK(do_stat(guest, BOX, FOLLOW, "/", &root));
  static const char *const up[] = {"../..", "../../..", "../../../../..", "/..", "/../", "/.", "//", "/box/../..", "/dev/.."};
  for (size_t i = 0; i < sizeof up / sizeof up[0]; i++) {
    OK(do_stat(guest, BOX, FOLLOW, up[i], &stat));
    require(stat.ino == root.ino && stat.dev == root.dev);
  }
  OK(do_symlink(guest, BOX, "/box/../tmp", "tmp"));
  OK(do_stat(guest, BOX, FOLLOW, "tmp", &stat));
  require(stat.type == WASI_FILETYPE_DIRECTORY);
  OK(do_stat(guest, BOX, FOLLOW, "../../dev/null", &stat));
  require(stat.type == WASI_FILETYPE_CHARACTER_DEVICE);
  /* What is opened through a climbing folder climbs too. */
  OK(do_open(guest, BOX, "/tmp", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  OK(do_stat(guest, fd, FOLLOW, "../box/a", &stat));
  EXPECT(WASI_EBUSY, do_rename(guest, BOX, "/", "/x"));
  EXPECT(WASI_EINVAL, do_rmdir(guest, BOX, "/"));
  EXPECT(WASI_EISDIR, do_unlink(guest, BOX, "/"));
  EXPECT(WASI_EEXIST, do_mkdir(guest, BOX, "/"));
}

static void links_are_limited(struct guest *guest) {
  char name[16], target[16];
  struct filestat stat;
  make_file(guest, BOX, "l0", "end");
  for (int i = 1; i <= 41; i++) {
    snprintf(name, sizeof name, "l%d", i);
    snprintf(target, sizeof target, "l%d", i - 1);
    OK(do_symlink(guest, BOX, target, name));
  }
  OK(do_stat(guest, BOX, FOLLOW, "l40", &stat));
  require(stat.type == WASI_FILETYPE_REGULAR_FILE);
  EXPECT(WASI_ELOOP, do_stat(guest, BOX, FOLLOW, "l41", &stat));
  OK(do_stat(guest, BOX, 0, "l41", &stat));
  OK(do_symlink(guest, BOX, "two", "one"));
  OK(do_symlink(guest, BOX, "one", "two"));
  EXPECT(WASI_ELOOP, do_stat(guest, BOX, FOLLOW, "one", &stat));
  EXPECT(WASI_ELOOP, do_stat(guest, BOX, 0, "one/x", &stat));
  uint32_t fd;
  EXPECT(WASI_ELOOP, do_open(guest, BOX, "one", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &fd));
  OK(do_symlink(guest, BOX, "self/x", "self"));
  EXPECT(WASI_ELOOP, do_stat(guest, BOX, FOLLOW, "self", &stat));
}

static void lengths_are_limited(struct guest *guest) {
  static char name[300], path[5000], target[5000];
  struct filestat stat;
  uint32_t length;
  memset(name, 'n', 255);
  OK(do_mkdir(guest, BOX, name));
  name[255] = 'n';
  EXPECT(WASI_ENAMETOOLONG, do_mkdir(guest, BOX, name));
  EXPECT(WASI_ENAMETOOLONG, do_stat(guest, BOX, 0, name, &stat));
  name[255] = 0;
  for (int i = 0; i < 4095; i++) path[i] = i % 2 ? '/' : '.';
  OK(do_stat(guest, BOX, 0, path, &stat));
  strcat(path, "/");
  EXPECT(WASI_ENAMETOOLONG, do_stat(guest, BOX, 0, path, &stat));
  memset(path, '/', 4500);
  path[0] = '.';
  EXPECT(WASI_ENAMETOOLONG, do_stat(guest, BOX, 0, path, &stat));
  memset(target, 'x', 4095);
  OK(do_symlink(guest, BOX, target, "long"));
  OK(do_readlink(guest, BOX, "long", path, 5000, &length));
  require(length == 4095 && memcmp(path, target, 4095) == 0);
  OK(do_readlink(guest, BOX, "long", path, 10, &length));
  require(length == 10);
  EXPECT(WASI_ENAMETOOLONG, do_stat(guest, BOX, 0, "long/x", &stat));
  EXPECT(WASI_ENAMETOOLONG, do_stat(guest, BOX, FOLLOW, "long", &stat));
  target[4095] = 'x';
  EXPECT(WASI_ENAMETOOLONG, do_symlink(guest, BOX, target, "longer"));
}

/* A raw path, which may hold a NUL. */
static wasi_errno_t stat_raw(struct guest *guest, const char *path, uint32_t length) {
  memcpy(guest->memory + PATH_A, path, length);
  return guest_call(guest, SYS_path_filestat_get, BOX, 0, PATH_A, length, STATS);
}

static void bytes_are_checked(struct guest *guest) {
  static const struct {
    const char *path;
    wasi_errno_t expected;
  } cases[] = {{"\x80", WASI_EILSEQ},         {"a\xff", WASI_EILSEQ},         {"\xc0\x80", WASI_EILSEQ},
               {"\xc1\xbf", WASI_EILSEQ},     {"\xe0\x9f\xbf", WASI_EILSEQ},  {"\xed\xa0\x80", WASI_EILSEQ},
               {"\xf0\x8f\xbf\xbf", WASI_EILSEQ}, {"\xf4\x90\x80\x80", WASI_EILSEQ}, {"\xf5\x80\x80\x80", WASI_EILSEQ},
               {"\xc3", WASI_EILSEQ},         {"\xe2\x82", WASI_EILSEQ},      {"\xf0\x9f\x98", WASI_EILSEQ},
               {"\xe2\x28\xa1", WASI_EILSEQ}, {"\xc3\xa9", WASI_ENOENT},      {"\xe2\x82\xac", WASI_ENOENT},
               {"\xf0\x9f\x98\x80", WASI_ENOENT}, {"\xed\x9f\xbf", WASI_ENOENT}, {"\xf4\x8f\xbf\xbf", WASI_ENOENT},
               {"", WASI_ENOENT}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    EXPECT(cases[i].expected, stat_raw(guest, cases[i].path, (uint32_t)strlen(cases[i].path)));
  }
  EXPECT(WASI_EINVAL, stat_raw(guest, "a\0b", 3));
  EXPECT(WASI_EINVAL, stat_raw(guest, "\0", 1));
  EXPECT(WASI_EINVAL, stat_raw(guest, ".\0", 2));
  OK(do_mkdir(guest, BOX, "\xf0\x9f\x98\x80"));
  require(strcmp(names_in(guest, BOX), "\xf0\x9f\x98\x80 ") == 0);
}

static void mounts_are_crossed(struct guest *guest) {
  struct filestat stat, inner;
  uint32_t fd;
  int32_t below = nidus_mount_mem(guest->system, "/box/m/n", 8);
  require(below > 0);
  int32_t mount = nidus_mount_mem(guest->system, "/box/m", 6);
  require(mount > 0); /* covers m, and n in it */
  require(strcmp(names_in(guest, BOX), "m ") == 0);
  EXPECT(WASI_ENOENT, do_stat(guest, BOX, 0, "m/n", &stat));
  require(nidus_unmount(guest->system, (uint32_t)mount) == 0);
  OK(do_stat(guest, BOX, 0, "m/n", &inner));
  OK(do_stat(guest, BOX, 0, "m", &stat));
  require(inner.dev != stat.dev && inner.ino == 1);
  make_file(guest, BOX, "m/n/f", "inside");
  require(strcmp(text_of(guest, BOX, "m/n/../n/./f"), "inside") == 0);
  OK(do_mkdir(guest, BOX, "m/n/d"));
  OK(do_stat(guest, BOX, 0, "m/n/d/../..", &inner));
  require(inner.dev == stat.dev && inner.ino == stat.ino);
  /* The border cannot be crossed by names. */
  make_file(guest, BOX, "out", "outside");
  EXPECT(WASI_EXDEV, do_rename(guest, BOX, "m/n/f", "f"));
  EXPECT(WASI_EXDEV, do_rename(guest, BOX, "out", "m/n/out"));
  EXPECT(WASI_EXDEV, do_link(guest, BOX, 0, "out", "m/n/out"));
  EXPECT(WASI_EBUSY, do_rename(guest, BOX, "m/n", "x"));
  EXPECT(WASI_EBUSY, do_rmdir(guest, BOX, "m/n"));
  OK(do_mkdir(guest, BOX, "empty"));
  EXPECT(WASI_EBUSY, do_rename(guest, BOX, "empty", "m/n"));
  EXPECT(WASI_EISDIR, do_unlink(guest, BOX, "m/n"));
  EXPECT(WASI_ENOTEMPTY, do_rmdir(guest, BOX, "m"));
  /* The folder that holds a mount can move; the mount moves along. */
  OK(do_rename(guest, BOX, "m", "moved"));
  require(strcmp(text_of(guest, BOX, "moved/n/f"), "inside") == 0);
  EXPECT(WASI_EINVAL, do_rename(guest, BOX, "moved", "moved/x"));
  /* A link that leads out of the mounted volume. */
  OK(do_symlink(guest, BOX, "../../out", "moved/n/link"));
  require(strcmp(text_of(guest, BOX, "moved/n/link"), "outside") == 0);
  /* An open file keeps the volume. */
  OK(do_open(guest, BOX, "moved/n/f", 0, READ_RIGHTS, 0, &fd));
  require(nidus_unmount(guest->system, (uint32_t)below) == -WASI_EBUSY);
  OK(do_close(guest, fd));
  require(nidus_unmount(guest->system, (uint32_t)below) == 0);
  EXPECT(WASI_ENOENT, do_stat(guest, BOX, 0, "moved/n/f", &stat));
}

static void mounts_can_be_stacked(struct guest *guest) {
  int32_t lower = nidus_mount_mem(guest->system, "/box/m", 6);
  make_file(guest, BOX, "m/lower", "");
  int32_t upper = nidus_mount_mem(guest->system, "/box/m", 6);
  require(lower > 0 && upper > lower);
  require(!exists(guest, BOX, "m/lower"));
  struct filestat stat, box;
  OK(do_stat(guest, BOX, 0, "m/..", &stat));
  OK(do_stat(guest, BOX, 0, ".", &box));
  require(stat.ino == box.ino && stat.dev == box.dev);
  require(nidus_unmount(guest->system, (uint32_t)lower) == -WASI_EBUSY);
  require(nidus_unmount(guest->system, (uint32_t)upper) == 0);
  require(exists(guest, BOX, "m/lower"));
  require(nidus_unmount(guest->system, (uint32_t)lower) == 0);
  require(!exists(guest, BOX, "m/lower"));
  require(nidus_unmount(guest->system, (uint32_t)lower) == -WASI_EINVAL);
  require(nidus_unmount(guest->system, 0) == -WASI_EBUSY);
  require(nidus_unmount(guest->system, UINT32_MAX) == -WASI_EINVAL);
  make_file(guest, BOX, "file", "");
  require(nidus_mount_mem(guest->system, "/box/file", 9) == -WASI_ENOTDIR);
  require(nidus_mount_mem(guest->system, "/box/file/x", 11) == -WASI_ENOTDIR);
  require(nidus_mount_mem(guest->system, "box", 3) == -WASI_EINVAL);
  require(nidus_mount_mem(guest->system, "", 0) == -WASI_EINVAL);
  require(nidus_mount_mem(guest->system, "/dev/x", 6) == -WASI_EACCES);
}

static void a_mount_over_the_root(struct guest *guest) {
  require(nidus_mount_mem(guest->system, "/", 1) > 0);
  struct nidus_stat stat;
  require(nidus_stat(guest->system, "/box", 4, true, &stat) == -WASI_ENOENT);
  require(nidus_stat(guest->system, "/..", 3, true, &stat) == 0);
  /* What was open before goes on below it. */
  make_file(guest, BOX, "f", "below");
  require(strcmp(text_of(guest, BOX, "f"), "below") == 0);
}

static void devices_are_fixed(struct guest *guest) {
  uint32_t fd, moved;
  char bytes[8];
  struct filestat stat;
  OK(do_close(guest, BOX));
  guest_preopen(guest, "/", 0);
  require(strcmp(names_in(guest, BOX), "box dev tmp ") == 0);
  OK(do_open(guest, BOX, "dev", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  require(strcmp(names_in(guest, fd), "null random urandom zero ") == 0);
  EXPECT(WASI_EACCES, do_mkdir(guest, fd, "x"));
  EXPECT(WASI_EACCES, do_open(guest, fd, "x", WASI_OFLAG_CREAT, ALL_RIGHTS, 0, &moved));
  EXPECT(WASI_EACCES, do_symlink(guest, fd, "null", "x"));
  EXPECT(WASI_EACCES, do_link(guest, fd, 0, "null", "x"));
  EXPECT(WASI_EEXIST, do_mkdir(guest, fd, "null"));
  EXPECT(WASI_EACCES, do_unlink(guest, fd, "null"));
  EXPECT(WASI_EACCES, do_rename(guest, fd, "null", "x"));
  EXPECT(WASI_EACCES, do_rename(guest, fd, "null", "zero"));
  EXPECT(WASI_EACCES, do_rmdir(guest, fd, "null"));
  EXPECT(WASI_ENOTDIR, do_stat(guest, fd, 0, "null/x", &stat));
  EXPECT(WASI_EINVAL, do_readlink(guest, fd, "null", bytes, 8, &moved));
  require(nidus_fd_open(guest->system, guest->pid, 1, "/dev/x", 6, WASI_OFLAG_CREAT, 0, 2) == -WASI_EACCES);
  uint32_t null, zero, random;
  OK(do_open(guest, fd, "null", WASI_OFLAG_TRUNC, ALL_RIGHTS, 0, &null));
  OK(do_open(guest, fd, "zero", 0, ALL_RIGHTS, 0, &zero));
  OK(do_open(guest, fd, "random", 0, READ_RIGHTS, 0, &random));
  OK(do_write(guest, null, "gone", 4, &moved));
  require(moved == 4);
  OK(do_read(guest, null, bytes, 8, &moved));
  require(moved == 0);
  OK(do_read(guest, zero, bytes, 8, &moved));
  require(moved == 8 && memcmp(bytes, "\0\0\0\0\0\0\0\0", 8) == 0);
  OK(do_read(guest, random, bytes, 8, &moved));
  require(moved == 8 && bytes[0] == 0x5a);
  EXPECT(WASI_ESPIPE, do_pread(guest, zero, bytes, 8, 0, &moved));
  EXPECT(WASI_EINVAL, guest_call(guest, SYS_fd_filestat_set_size, zero, 0));
  EXPECT(WASI_EBADF, do_write(guest, random, "x", 1, &moved));
}

static const struct test tests[] = {
    {"No path leads out of a sandbox", escapes_are_refused},
    {"A climbing folder reaches all of the tree and no further", climbing_ends_at_the_root},
    {"Forty symbolic links are followed, not more", links_are_limited},
    {"Names have 255 bytes, paths fewer than 4096", lengths_are_limited},
    {"A path is UTF-8 without a NUL", bytes_are_checked},
    {"Walks cross the borders of mounts in both directions, names do not", mounts_are_crossed},
    {"Mounts can be stacked, and come off in order", mounts_can_be_stacked},
    {"A mount over the root covers it for new walks", a_mount_over_the_root},
    {"/dev holds its devices and nothing can be made or removed there", devices_are_fixed}};
RUN_TESTS(tests)

/*
 * test_fs.c: what the host does to files (fs.h): every operation, what it answers, what its errors tell, and
 * that neither hostile values nor a want of memory or space harm the tree.
 */
#include <math.h>

#include "allocation.h"
#include "fs.h"
#include "kit.h"

/* The last answer. */
static struct reply reply;

#define YES(option) (1u << (option))
#define NO(option) (2u << (option))

static int32_t perform(struct guest *guest, uint32_t operation, const char *path, uint32_t first, const char *second,
                       uint32_t second_length, uint32_t options, double x, double y) {
  char *values = __real_malloc(first + second_length + 1);
  memcpy(values, path, first);
  memcpy(values + first, second, second_length);
  free(reply.bytes);
  reply = (struct reply){0};
  int32_t kind = fs_perform(guest->system, operation, values, first, second_length, options, x, y, &reply);
  __real_free(values);
  return kind;
}

static int32_t with(struct guest *guest, uint32_t operation, const char *path, const char *second, uint32_t options,
                    double x, double y) {
  return perform(guest, operation, path, (uint32_t)strlen(path), second, (uint32_t)strlen(second), options, x, y);
}

static int32_t on(struct guest *guest, uint32_t operation, const char *path) {
  return with(guest, operation, path, "", 0, NAN, NAN);
}

static int32_t between(struct guest *guest, uint32_t operation, const char *from, const char *to) {
  return with(guest, operation, from, to, 0, NAN, NAN);
}

/* The answer as text, a '|' for each NUL. */
static const char *answer(void) {
  static char text[16384];
  require(reply.length < sizeof text);
  for (uint32_t i = 0; i < reply.length; i++) text[i] = reply.bytes[i] ? reply.bytes[i] : '|';
  text[reply.length] = 0;
  return text;
}

static void says(const char *expected) {
  if (strcmp(answer(), expected)) fprintf(stderr, "found %s\nexpected %s\n", answer(), expected);
  require(!strcmp(answer(), expected));
}

static double field(uint32_t i) {
  double value;
  uint32_t count = 1;
  require(reply.length > 16 * sizeof value && !memcmp(reply.bytes + 16 * sizeof value, "type\0dev\0ino", 12));
  for (uint32_t at = 16 * sizeof value; at < reply.length; at++) count += reply.bytes[at] == 0;
  require(count == 16);
  memcpy(&value, reply.bytes + i * sizeof value, sizeof value);
  return value;
}

static void write_file(struct guest *guest, const char *path, const char *text) {
  int32_t fd = between(guest, FS_OPEN, path, "w") - FS_NUMBER;
  require(fd >= 0 && with(guest, FS_WRITE, path, text, 0, fd, NAN) == FS_NUMBER + (int32_t)strlen(text));
  require(with(guest, FS_CLOSE, path, "", 0, fd, NAN) == 0);
}

static const char *contents(struct guest *guest, const char *path) {
  int32_t fd = between(guest, FS_OPEN, path, "r") - FS_NUMBER;
  require(fd >= 0 && with(guest, FS_READ, path, "", 0, fd, 4096) >= FS_NUMBER);
  static char text[4096 + 1];
  require(reply.length < sizeof text);
  memcpy(text, answer(), reply.length + 1);
  require(with(guest, FS_CLOSE, path, "", 0, fd, NAN) == 0);
  return text;
}

/* /box/d with a file, a folder with a file, a link to a folder outside of it. */
static void make_tree(struct guest *guest) {
  require(with(guest, FS_MKDIR, "/box/d/e", "", YES(FS_RECURSIVE), NAN, NAN) == FS_TEXT);
  require(on(guest, FS_MKDIR, "/box/kept") == 0);
  write_file(guest, "/box/kept/file", "1");
  write_file(guest, "/box/d/f", "one");
  write_file(guest, "/box/d/e/g", "two");
  require(between(guest, FS_SYMLINK, "../kept", "/box/d/link") == 0);
}

static void flags(struct guest *guest) {
  write_file(guest, "box/a", "abc");
  require(!strcmp(contents(guest, "/box/a"), "abc"));
  int32_t fd = between(guest, FS_OPEN, "/box/a", "a") - FS_NUMBER;
  require(fd >= 0 && with(guest, FS_WRITE, "", "def", 0, fd, NAN) == FS_NUMBER + 3);
  require(with(guest, FS_CLOSE, "", "", 0, fd, NAN) == 0);
  require(!strcmp(contents(guest, "/box/a"), "abcdef"));
  fd = between(guest, FS_OPEN, "/box/a", "r+") - FS_NUMBER;
  require(with(guest, FS_READ, "", "", 0, fd, 2) == FS_NUMBER + 2);
  require(with(guest, FS_WRITE, "", "X", 0, fd, NAN) == FS_NUMBER + 1);
  require(with(guest, FS_READ, "", "", 0, fd, 100) == FS_NUMBER + 3);
  says("def");
  require(with(guest, FS_READ, "", "", 0, fd, 100) == FS_NUMBER && with(guest, FS_READ, "", "", 0, fd, 0) == FS_NUMBER);
  require(with(guest, FS_CLOSE, "", "", 0, fd, NAN) == 0 && with(guest, FS_CLOSE, "", "", 0, fd, NAN) == -WASI_EBADF);
  require(!strcmp(contents(guest, "/box/a"), "abXdef"));
  require(between(guest, FS_OPEN, "/box/a", "wx") == -WASI_EEXIST);
  says("open|/box/a");
  require(between(guest, FS_OPEN, "/box/none", "r") == -WASI_ENOENT);
  static const char *const wrong[] = {"", "rx", "z", "ww", "r+b", "+"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    require(between(guest, FS_OPEN, "/box/new", wrong[i]) == -WASI_EINVAL);
  }
  require(on(guest, FS_EXISTS, "/box/new") == FS_NUMBER && on(guest, FS_EXISTS, "/box/a") == FS_NUMBER + 1);
  fd = between(guest, FS_OPEN, "/box", "r") - FS_NUMBER;
  require(with(guest, FS_READ, "/box", "", 0, fd, 9) == -WASI_EISDIR && with(guest, FS_WRITE, "/box", "x", 0, fd, NAN) < 0);
  require(with(guest, FS_CLOSE, "", "", 0, fd, NAN) == 0);
  fd = with(guest, FS_OPEN, "/box/m", "w", 0, 0640, NAN) - FS_NUMBER;
  require(with(guest, FS_READ, "/box/m", "", 0, fd, 9) == -WASI_EBADF && with(guest, FS_CLOSE, "", "", 0, fd, NAN) == 0);
  require(on(guest, FS_STAT, "/box/m") == FS_STATS && field(3) == 0100640 && field(0) == WASI_FILETYPE_REGULAR_FILE);
}

static void attributes(struct guest *guest) {
  write_file(guest, "/box/a", "abcdef");
  require(with(guest, FS_UTIMES, "/box/a", "", 0, 1500000000.123, -2.5) == 0);
  require(with(guest, FS_CHMOD, "/box/a", "", 0, 0751, NAN) == 0);
  require(on(guest, FS_LSTAT, "/box/a") == FS_STATS);
  require(field(3) == 0100751 && field(8) == 6 && field(11) == 1500000000123.0 && field(12) == -2500);
  static const double not_numbers[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 1e19};
  for (int i = 0; i < 6; i++) {
    require(with(guest, FS_UTIMES, "/box/a", "", 0, not_numbers[i], 0) == -WASI_EINVAL);
    require(with(guest, FS_CHMOD, "/box/a", "", 0, not_numbers[i], NAN) == -WASI_EINVAL);
    require(with(guest, FS_READ, "", "", 0, not_numbers[i], 1) == -WASI_EBADF);
    if (i > 0) require(with(guest, FS_TRUNCATE, "/box/a", "", 0, not_numbers[i], NAN) == -WASI_EINVAL);
  }
  require(with(guest, FS_TRUNCATE, "/box/a", "", 0, 3, NAN) == 0 && !strcmp(contents(guest, "/box/a"), "abc"));
  require(with(guest, FS_TRUNCATE, "/box", "", 0, 3, NAN) == -WASI_EISDIR);
  require(on(guest, FS_TRUNCATE, "/box/a") == 0 && !strcmp(contents(guest, "/box/a"), ""));
  require(on(guest, FS_ACCESS, "/box/a") == 0 && on(guest, FS_ACCESS, "/box/b") == -WASI_ENOENT);
  says("access|/box/b");
}

static void folders(struct guest *guest) {
  require(with(guest, FS_MKDIR, "box//x/y/", "", YES(FS_RECURSIVE), 0700, NAN) == FS_TEXT);
  says("/box/x");
  require(on(guest, FS_STAT, "/box/x/y") == FS_STATS && field(3) == 040700);
  require(with(guest, FS_MKDIR, "/box/x/./y/../y", "", YES(FS_RECURSIVE), NAN, NAN) == 0 && reply.length == 0);
  require(with(guest, FS_MKDIR, "/", "", YES(FS_RECURSIVE), NAN, NAN) == 0);
  write_file(guest, "/box/f", "");
  require(with(guest, FS_MKDIR, "/box/f", "", YES(FS_RECURSIVE), NAN, NAN) == -WASI_EEXIST);
  says("mkdir|/box/f");
  require(with(guest, FS_MKDIR, "/box/f/a/b", "", YES(FS_RECURSIVE), NAN, NAN) == -WASI_ENOTDIR);
  says("mkdir|/box/f/a/b");
  require(on(guest, FS_MKDIR, "/box/x") == -WASI_EEXIST && on(guest, FS_MKDIR, "/box/none/x") == -WASI_ENOENT);
  require(on(guest, FS_MKDTEMP, "/box/t-") == FS_TEXT && reply.length == 13 && !strncmp(reply.bytes, "/box/t-", 7));
  require(on(guest, FS_MKDTEMP, "/none/t-") == -WASI_ENOENT);
  says("mkdtemp|/none/t-");
}

static void listing(struct guest *guest) {
  make_tree(guest);
  require(on(guest, FS_READDIR, "/box/d") == FS_LIST);
  says("e|f|link|");
  require(with(guest, FS_READDIR, "/box", "", YES(FS_RECURSIVE), NAN, NAN) == FS_LIST);
  says("d|kept|d/e|d/f|d/link|kept/file|d/e/g|");
  require(with(guest, FS_READDIR, "/box/", "", YES(FS_RECURSIVE) | YES(FS_WITH_FILE_TYPES), NAN, NAN) == FS_ENTRIES);
  says("3d//box/|3kept//box/|3e//box/d|4f//box/d|7link//box/d|4file//box/kept|4g//box/d/e|");
  require(on(guest, FS_MKDIR, "/box/empty") == 0 && on(guest, FS_READDIR, "/box/empty") == FS_LIST && reply.length == 0);
  require(on(guest, FS_READDIR, "/box/d/f") == -WASI_ENOTDIR);
  says("scandir|/box/d/f");
  char name[64], before[8] = "";
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "/box/empty/%04d", i * 7919 % 1000);
    write_file(guest, name, "");
  }
  require(on(guest, FS_READDIR, "/box/empty") == FS_LIST && reply.length == 5000);
  for (uint32_t at = 0; at < reply.length; at += 5) {
    require(strcmp(before, reply.bytes + at) < 0);
    memcpy(before, reply.bytes + at, 5);
  }
}

static void removing(struct guest *guest) {
  make_tree(guest);
  require(on(guest, FS_RM, "/box/d") == -WASI_EISDIR);
  says("rm|/box/d");
  require(on(guest, FS_RM, "/box/none") == -WASI_ENOENT);
  says("lstat|/box/none");
  require(with(guest, FS_RM, "/box/none", "", YES(FS_FORCE), NAN, NAN) == 0);
  require(with(guest, FS_RM, "/box/d", "", YES(FS_RECURSIVE), NAN, NAN) == 0);
  require(with(guest, FS_READDIR, "/box", "", YES(FS_RECURSIVE), NAN, NAN) == FS_LIST);
  says("kept|kept/file|");
  require(on(guest, FS_RMDIR, "/box/kept") == -WASI_ENOTEMPTY && on(guest, FS_UNLINK, "/box/kept") == -WASI_EISDIR);
  require(on(guest, FS_UNLINK, "/box/kept/file") == 0 && on(guest, FS_RMDIR, "/box/kept") == 0);
  /* What is mounted inside cannot be removed: the error names it. */
  require(on(guest, FS_MKDIR, "/box/m") == 0 && nidus_mount_mem(guest->system, "/box/m/z", 8) > 0);
  require(with(guest, FS_RM, "/box/m", "", YES(FS_RECURSIVE), NAN, NAN) == -WASI_EBUSY);
  says("rmdir|/box/m/z");
}

static void copying(struct guest *guest) {
  make_tree(guest);
  require(with(guest, FS_CHMOD, "/box/d/f", "", 0, 0755, NAN) == 0);
  require(with(guest, FS_CP, "/box/d", "/box/d/e/x", YES(FS_RECURSIVE), NAN, NAN) == -WASI_EINVAL);
  says("cp|/box/d|/box/d/e/x");
  require(with(guest, FS_CP, "box/d/", "//box/d", YES(FS_RECURSIVE), NAN, NAN) == -WASI_EINVAL);
  require(between(guest, FS_CP, "/box/d", "/box/c") == -WASI_EISDIR);
  require(with(guest, FS_CP, "/box/d", "/box/new/c", YES(FS_RECURSIVE), NAN, NAN) == 0);
  require(with(guest, FS_READDIR, "/box/new", "", YES(FS_RECURSIVE), NAN, NAN) == FS_LIST);
  says("c|c/e|c/f|c/link|c/e/g|");
  require(!strcmp(contents(guest, "/box/new/c/e/g"), "two"));
  require(on(guest, FS_STAT, "/box/new/c/f") == FS_STATS && field(3) == 0100755);
  require(on(guest, FS_READLINK, "/box/new/c/link") == FS_TEXT);
  says("../kept");
  write_file(guest, "/box/new/c/f", "mine");
  require(with(guest, FS_CP, "/box/d", "/box/new/c", YES(FS_RECURSIVE) | YES(FS_ERROR_ON_EXIST), NAN, NAN) == -WASI_EEXIST);
  says("cp|/box/d/f|/box/new/c/f");
  require(with(guest, FS_CP, "/box/d", "/box/new/c", YES(FS_RECURSIVE) | NO(FS_FORCE), NAN, NAN) == 0);
  require(!strcmp(contents(guest, "/box/new/c/f"), "mine"));
  require(with(guest, FS_CP, "/box/d", "/box/new/c", YES(FS_RECURSIVE), NAN, NAN) == 0);
  require(!strcmp(contents(guest, "/box/new/c/f"), "one"));
  require(with(guest, FS_CP, "/box/d", "/box/kept/file", YES(FS_RECURSIVE), NAN, NAN) == -WASI_EEXIST);
  says("mkdir|/box/kept/file");
}

static void copying_files(struct guest *guest) {
  write_file(guest, "/box/a", "abc");
  require(between(guest, FS_LINK, "/box/a", "/box/b") == 0);
  require(between(guest, FS_COPY_FILE, "/box/a", "/box/b") == 0 && !strcmp(contents(guest, "/box/a"), "abc"));
  require(with(guest, FS_COPY_FILE, "/box/a", "/box/b", 0, 1, NAN) == -WASI_EEXIST);
  says("copyfile|/box/a|/box/b");
  require(between(guest, FS_COPY_FILE, "/box/none", "/box/c") == -WASI_ENOENT);
  says("copyfile|/box/none|/box/c");
  require(between(guest, FS_COPY_FILE, "/box", "/box/c") == -WASI_EISDIR);
  require(between(guest, FS_COPY_FILE, "/dev/zero", "/box/c") == 0 && !strcmp(contents(guest, "/box/c"), ""));
  require(between(guest, FS_COPY_FILE, "/box/a", "/dev/null") == 0);
  static char long_text[200001];
  memset(long_text, 'x', sizeof long_text - 1);
  write_file(guest, "/box/long", long_text);
  require(between(guest, FS_COPY_FILE, "/box/long", "/box/long2") == 0);
  require(on(guest, FS_STAT, "/box/long2") == FS_STATS && field(8) == 200000);
}

static void links(struct guest *guest) {
  make_tree(guest);
  require(on(guest, FS_REALPATH, "/box/./d//link/../kept/file") == FS_TEXT);
  says("/box/kept/file");
  require(on(guest, FS_REALPATH, "/../..") == FS_TEXT);
  says("/");
  require(between(guest, FS_SYMLINK, "/box/d/e", "/box/far") == 0 && on(guest, FS_REALPATH, "/box/far/g") == FS_TEXT);
  says("/box/d/e/g");
  require(between(guest, FS_SYMLINK, "q", "/box/p") == 0 && between(guest, FS_SYMLINK, "p", "/box/q") == 0);
  require(on(guest, FS_REALPATH, "/box/p") == -WASI_ELOOP && on(guest, FS_STAT, "/box/p") == -WASI_ELOOP);
  require(on(guest, FS_REALPATH, "/box/none/x") == -WASI_ENOENT && on(guest, FS_REALPATH, "/box/d/f/x") == -WASI_ENOTDIR);
  says("realpath|/box/d/f/x");
  require(on(guest, FS_READLINK, "/box/d/f") == -WASI_EINVAL && between(guest, FS_SYMLINK, "", "/box/l") == -WASI_ENOENT);
  require(between(guest, FS_RENAME, "/box/d", "/box/d/e/x") == -WASI_EINVAL);
  says("rename|/box/d|/box/d/e/x");
  require(between(guest, FS_RENAME, "/box/d", "/box/z") == 0 && between(guest, FS_RENAME, "/box/d", "/box/z") == -WASI_ENOENT);
  require(between(guest, FS_LINK, "/box/none", "/box/z") == -WASI_ENOENT);
}

/* Every operation with every hostile pair of paths: an errno, or a success that is none of ours to judge. */
static void hostile(struct guest *guest) {
  static char too_long[100000];
  memset(too_long, 'n', sizeof too_long);
  for (size_t i = 1; i < sizeof too_long; i += 2) too_long[i] = '/';
  const struct {
    const char *bytes;
    uint32_t length;
  } paths[] = {{"", 0},           {"/box/a\0b", 8},     {"/box/\xff", 6},       {too_long, 4096}, {too_long, 4095},
               {too_long, 100000}, {"/box/\xed\xa0\x80", 8}, {"////", 4},             {"..", 2},        {"/box/q", 6}};
  enum { PATHS = sizeof paths / sizeof *paths };
  for (uint32_t operation = 0; operation <= FS_OPERATIONS; operation++) {
    for (uint32_t i = 0; i < PATHS * PATHS; i++) {
      uint32_t first = i / PATHS, second = i % PATHS;
      int32_t kind = perform(guest, operation, paths[first].bytes, paths[first].length, paths[second].bytes,
                             paths[second].length, 0x55 & ~NO(FS_FORCE), 5000, 1e300);
      require(kind >= -WASI_ENOTCAPABLE);
      if (operation < FS_OPERATIONS && kind < 0) require(reply.length > 0 && !reply.failed);
      if (operation == FS_OPERATIONS) require(kind == -WASI_ENOSYS);
      if (first < 4 && operation < FS_OPEN && operation != FS_EXISTS && operation != FS_MKDTEMP) {
        bool forced = first == 0 && operation == FS_RM;
        require(kind < 0 || forced);
      }
    }
  }
  guest_inspect(guest, BOX, true);
}

static void descriptors_of_a_process(struct guest *guest) {
  uint32_t pid = guest->pid;
  require(nidus_fd_open(guest->system, pid, 1, "/box/out", 8, WASI_OFLAG_CREAT, 0, NIDUS_ACCESS_WRITE) == 0);
  require(with(guest, FS_WRITE, "", "theirs", pid, 1, NAN) == FS_NUMBER + 6);
  require(with(guest, FS_READ, "", "", pid, 1, 9) == -WASI_EBADF);
  require(with(guest, FS_CLOSE, "", "", pid, 1, NAN) == 0 && with(guest, FS_CLOSE, "", "", pid, 1, NAN) < 0);
  require(with(guest, FS_WRITE, "", "nobody's", 99, 1, NAN) == -WASI_EBADF);
  require(!strcmp(contents(guest, "/box/out"), "theirs"));
}

static void full(struct guest *guest) {
  int32_t mount = nidus_mount_mem(guest->system, "/vol", 4);
  require(mount > 0);
  static char text[100001];
  memset(text, 'x', sizeof text - 1);
  write_file(guest, "/vol/a", text);
  require(nidus_mount_limit(guest->system, (uint32_t)mount, 150000) == 0);
  require(between(guest, FS_COPY_FILE, "/vol/a", "/vol/b") == -WASI_ENOSPC);
  says("copyfile|/vol/a|/vol/b");
  int32_t fd = between(guest, FS_OPEN, "/vol/a", "a") - FS_NUMBER;
  int32_t taken = with(guest, FS_WRITE, "/vol/a", text, 0, fd, NAN) - FS_NUMBER;
  require(taken > 0 && taken < 50000);
  require(with(guest, FS_WRITE, "/vol/a", text, 0, fd, NAN) == -WASI_ENOSPC);
  says("write|/vol/a");
  require(with(guest, FS_CLOSE, "", "", 0, fd, NAN) == 0);
  require(on(guest, FS_UNLINK, "/vol/b") == 0 && with(guest, FS_TRUNCATE, "/vol/a", "", 0, 7, NAN) == 0);
  require(!strcmp(contents(guest, "/vol/a"), "xxxxxxx"));
}

/* ---- the n-th allocation fails ---- */

static int32_t call_open(struct guest *guest) {
  int32_t kind = with(guest, FS_OPEN, "/box/new", "wx", 0, 0600, NAN);
  if (kind >= FS_NUMBER) require(with(guest, FS_CLOSE, "", "", 0, kind - FS_NUMBER, NAN) == 0);
  return kind;
}
static int32_t call_mkdir(struct guest *guest) {
  return with(guest, FS_MKDIR, "/box/n/m/o", "", YES(FS_RECURSIVE), NAN, NAN);
}
static int32_t call_readdir(struct guest *guest) {
  return with(guest, FS_READDIR, "/box", "", YES(FS_RECURSIVE) | YES(FS_WITH_FILE_TYPES), NAN, NAN);
}
static int32_t call_rm(struct guest *guest) { return with(guest, FS_RM, "/box/d", "", YES(FS_RECURSIVE), NAN, NAN); }
static int32_t call_cp(struct guest *guest) { return with(guest, FS_CP, "/box/d", "/box/c", YES(FS_RECURSIVE), NAN, NAN); }
static int32_t call_stat(struct guest *guest) { return on(guest, FS_STAT, "/box/d/f"); }
static int32_t call_realpath(struct guest *guest) { return on(guest, FS_REALPATH, "/box/d/link/file"); }
static int32_t call_mkdtemp(struct guest *guest) { return on(guest, FS_MKDTEMP, "/box/t"); }

static void faults(struct guest *unused) {
  (void)unused;
  static int32_t (*const calls[])(struct guest *) = {call_open, call_mkdir, call_readdir,  call_rm,
                                                     call_cp,   call_stat,  call_realpath, call_mkdtemp};
  for (size_t which = 0; which < sizeof calls / sizeof *calls; which++) {
    for (long n = 0;; n++) {
      struct guest guest;
      free(reply.bytes);
      reply = (struct reply){0};
      long blocks_before = blocks;
      guest_start(&guest);
      require(on(&guest, FS_MKDIR, "/box") == 0);
      guest_preopen(&guest, "/box", 0);
      make_tree(&guest);
      free(reply.bytes);
      reply = (struct reply){0};
      failed = false;
      fail_after = n;
      int32_t kind = calls[which](&guest);
      fail_after = -1;
      require(failed || kind >= 0);
      require(kind >= 0 || kind == -WASI_ENOMEM || kind == -WASI_ENOSPC);
      guest_inspect(&guest, BOX, true);
      free(reply.bytes);
      reply = (struct reply){0};
      guest_stop(&guest);
      require(blocks == blocks_before);
      if (!failed) break;
    }
  }
}

static const struct test tests[] = {
    {"files are opened by node's flags, written, read and closed", flags},
    {"modes, times and sizes are set, and numbers that are none are refused", attributes},
    {"recursive mkdir makes what is missing and answers the first one", folders},
    {"readdir answers the names in order, all below if wanted, with their types and folders", listing},
    {"rm removes a tree, links but not what they lead to, and tells what it could not remove", removing},
    {"cp copies a tree but not into itself, and heeds what is there", copying},
    {"copyFile leaves a file alone that is its own copy, and ends at a device", copying_files},
    {"realpath, readlink, rename and link follow the links that they should", links},
    {"hostile paths are refused by every operation", hostile},
    {"reads, writes and closes descriptors of a process", descriptors_of_a_process},
    {"a full volume refuses what is too much and keeps what it has", full},
    {"a call for which memory is short fails, leaks nothing and leaves a sound tree", faults},
};

RUN_TESTS(tests)

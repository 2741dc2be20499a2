/*
 * test_linux_oracle.c: path calls against the system that runs the tests.
 *
 * The same folder is made in a mem volume and in a temporary folder of the host; one call is made in both,
 * for every combination of names below, and errno and what the folder holds afterwards must agree. Where
 * WASI asks for something else than Linux does, `expected` says so.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_posix.h"
#include "kit.h"

static const char *const names[] = {
    "f",    "f/",    "g",      "h",      "d",     "d/",     "e",      "e/",  "n",     "n/",    "n/c",      "n/s",
    "n/s/", "n/s/x", "f/x",    "x",      "x/",    "x/y",    "d/x",    "d/.", ".",     "./",    "n/../f",   "n/s/..",
    "l",    "l/",    "ld",     "ld/",    "ld/x",  "ln/c",   "dang",   "dang/", "loop", "loop/", "loop/x",  "l/x",
    "ln/s", "ln/",   "dn",     "dn/",    "n//c",  "./f",    "ln/../g", "f/.", "f/..",  "d/..",  "dang/x",  "x/.."};
enum { NAME_COUNT = sizeof names / sizeof names[0] };

static int folder = -1; /* the host's */

static void host_file(const char *path, const char *text) {
  int fd = openat(folder, path, O_CREAT | O_EXCL | O_WRONLY, 0644);
  require(fd >= 0);
  require(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

static void fill_host(void) {
  host_file("f", "f");
  host_file("g", "gg");
  require(linkat(folder, "f", folder, "h", 0) == 0);
  require(mkdirat(folder, "d", 0755) == 0 && mkdirat(folder, "e", 0755) == 0);
  require(mkdirat(folder, "n", 0755) == 0 && mkdirat(folder, "n/s", 0755) == 0);
  host_file("n/c", "child");
  require(symlinkat("f", folder, "l") == 0 && symlinkat("d", folder, "ld") == 0);
  require(symlinkat("n", folder, "ln") == 0 && symlinkat("made", folder, "dang") == 0);
  require(symlinkat("loop", folder, "loop") == 0 && symlinkat("d/", folder, "dn") == 0);
}

static void fill_guest(struct guest *guest, uint32_t fd) {
  make_file(guest, fd, "f", "f");
  make_file(guest, fd, "g", "gg");
  OK(do_link(guest, fd, 0, "f", "h"));
  OK(do_mkdir(guest, fd, "d"));
  OK(do_mkdir(guest, fd, "e"));
  OK(do_mkdir(guest, fd, "n"));
  OK(do_mkdir(guest, fd, "n/s"));
  make_file(guest, fd, "n/c", "child");
  OK(do_symlink(guest, fd, "f", "l"));
  OK(do_symlink(guest, fd, "d", "ld"));
  OK(do_symlink(guest, fd, "n", "ln"));
  OK(do_symlink(guest, fd, "made", "dang"));
  OK(do_symlink(guest, fd, "loop", "loop"));
  OK(do_symlink(guest, fd, "d/", "dn"));
}

/* Every name that the folders can hold after a call, with its type, links, size and target. */
static const char *const places[] = {"f", "g", "h", "d",   "e",     "n",     "n/c",   "n/s",  "n/s/x", "x",    "d/x",
                                     "l", "ld", "ln", "dang", "made", "loop", "dn",   "x/c",  "x/s",   "n/x",  "e/c",
                                     "d/c", "e/s", "d/s", "n/s/x/c", "d/x/c", "n/s/x/s", "d/x/s", "n/s/c", "n/s/s"};
enum { PLACE_COUNT = sizeof places / sizeof places[0], LINE = 160 };

static void describe_host(char *all, size_t size) {
  size_t end = 0;
  for (size_t i = 0; i < PLACE_COUNT; i++) {
    struct stat stat;
    char target[64] = "";
    if (fstatat(folder, places[i], &stat, AT_SYMLINK_NOFOLLOW)) continue;
    ssize_t length = readlinkat(folder, places[i], target, sizeof target - 1);
    char type = S_ISDIR(stat.st_mode) ? 'd' : S_ISLNK(stat.st_mode) ? 'l' : 'f';
    bool is_folder = type == 'd';
    end += (size_t)snprintf(all + end, size - end, "%s %c %u %u %.*s\n", places[i], type,
                            is_folder ? 0 : (unsigned)stat.st_nlink, is_folder ? 0 : (unsigned)stat.st_size,
                            (int)(length < 0 ? 0 : length), target);
  }
}

static void describe_guest(struct guest *guest, uint32_t fd, char *all, size_t size) {
  size_t end = 0;
  for (size_t i = 0; i < PLACE_COUNT; i++) {
    struct filestat stat;
    char target[64] = "";
    uint32_t length = 0;
    if (do_stat(guest, fd, 0, places[i], &stat)) continue;
    char type = stat.type == WASI_FILETYPE_DIRECTORY ? 'd' : stat.type == WASI_FILETYPE_SYMBOLIC_LINK ? 'l' : 'f';
    if (type == 'l') OK(do_readlink(guest, fd, places[i], target, sizeof target - 1, &length));
    bool is_folder = type == 'd';
    end += (size_t)snprintf(all + end, size - end, "%s %c %u %u %.*s\n", places[i], type,
                            is_folder ? 0 : (unsigned)stat.nlink, is_folder ? 0 : (unsigned)stat.size, (int)length,
                            target);
  }
}

/* ---- two worlds ---- */

/* In memory where that is to be had: thousands of folders are made. */
static const char *scratch(void) { return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; }

static void remove_below(int parent, const char *name) {
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) {
    require(unlinkat(parent, name, 0) == 0);
    return;
  }
  DIR *listing = fdopendir(fd);
  require(listing);
  for (struct dirent *entry; (entry = readdir(listing));) {
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) remove_below(fd, entry->d_name);
  }
  closedir(listing);
  require(unlinkat(parent, name, AT_REMOVEDIR) == 0);
}

static unsigned differences, calls;

typedef int (*host_call)(const char *a, const char *b, int flags);
typedef wasi_errno_t (*guest_side)(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags);

struct call {
  const char *name;
  host_call on_host;
  guest_side in_guest;
  int flags;
};

/* Makes the call in both worlds, on fresh folders. */
static void compare(struct guest *guest, const struct call *call, const char *a, const char *b) {
  static char host_after[PLACE_COUNT * LINE], guest_after[PLACE_COUNT * LINE];
  uint32_t fd;
  char temporary[] = "nidus-oracle-XXXXXX";
  int parent = open(scratch(), O_RDONLY | O_DIRECTORY);
  require(parent >= 0 && fchdir(parent) == 0 && mkdtemp(temporary));
  folder = openat(parent, temporary, O_RDONLY | O_DIRECTORY);
  require(folder >= 0);
  fill_host();
  int32_t mount = nidus_mount_mem(guest->system, "/box/world", 10);
  require(mount > 0);
  OK(do_open(guest, BOX, "world", WASI_OFLAG_DIRECTORY, READ_RIGHTS, 0, &fd));
  fill_guest(guest, fd);

  errno = 0;
  wasi_errno_t host_error = call->on_host(a, b, call->flags) < 0 ? posix_errno(errno) : WASI_ESUCCESS;
  wasi_errno_t guest_error = call->in_guest(guest, fd, a, b, call->flags);
  host_after[0] = guest_after[0] = 0;
  describe_host(host_after, sizeof host_after);
  describe_guest(guest, fd, guest_after, sizeof guest_after);
  calls++;
  if (host_error != guest_error || strcmp(host_after, guest_after)) {
    differences++;
    fprintf(stderr, "%s(\"%s\", \"%s\"): Linux says %u, the kernel %u%s\n", call->name, a, b ? b : "",
            (unsigned)host_error, (unsigned)guest_error,
            strcmp(host_after, guest_after) ? ", and the folders differ afterwards" : "");
  }
  guest_inspect(guest, fd, true);
  OK(do_close(guest, fd));
  close(folder);
  remove_below(parent, temporary);
  close(parent);
  require(nidus_unmount(guest->system, (uint32_t)mount) == 0);
}

static void for_each_name(struct guest *guest, const struct call *call) {
  for (size_t i = 0; i < NAME_COUNT; i++) compare(guest, call, names[i], NULL);
  require(differences == 0 && calls > 0);
}

static void for_each_pair(struct guest *guest, const struct call *call) {
  for (size_t i = 0; i < NAME_COUNT; i++) {
    for (size_t k = 0; k < NAME_COUNT; k++) compare(guest, call, names[i], names[k]);
  }
  require(differences == 0 && calls > 0);
}

/* ---- the calls ---- */

static int host_mkdir(const char *a, const char *b, int flags) {
  (void)b, (void)flags;
  return mkdirat(folder, a, 0755);
}
static wasi_errno_t guest_mkdir(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  (void)b, (void)flags;
  return do_mkdir(guest, fd, a);
}

static int host_rmdir(const char *a, const char *b, int flags) {
  (void)b, (void)flags;
  return unlinkat(folder, a, AT_REMOVEDIR);
}
static wasi_errno_t guest_rmdir(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  (void)b, (void)flags;
  return do_rmdir(guest, fd, a);
}

static int host_unlink(const char *a, const char *b, int flags) {
  (void)b, (void)flags;
  return unlinkat(folder, a, 0);
}
static wasi_errno_t guest_unlink(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  (void)b, (void)flags;
  return do_unlink(guest, fd, a);
}

static int host_rename(const char *a, const char *b, int flags) {
  (void)flags;
  return renameat(folder, a, folder, b);
}
static wasi_errno_t guest_rename(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  (void)flags;
  return do_rename(guest, fd, a, b);
}

static int host_link(const char *a, const char *b, int flags) {
  return linkat(folder, a, folder, b, flags ? AT_SYMLINK_FOLLOW : 0);
}
static wasi_errno_t guest_link(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  return do_link(guest, fd, flags ? FOLLOW : 0, a, b);
}

static int host_symlink(const char *a, const char *b, int flags) {
  (void)b, (void)flags;
  return symlinkat("d", folder, a);
}
static wasi_errno_t guest_symlink(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  (void)b, (void)flags;
  return do_symlink(guest, fd, "d", a);
}

static int host_readlink(const char *a, const char *b, int flags) {
  char target[64];
  (void)b, (void)flags;
  return (int)readlinkat(folder, a, target, sizeof target);
}
static wasi_errno_t guest_readlink(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  char target[64];
  uint32_t length;
  (void)b, (void)flags;
  return do_readlink(guest, fd, a, target, sizeof target, &length);
}

static int host_stat(const char *a, const char *b, int flags) {
  struct stat stat;
  (void)b;
  return fstatat(folder, a, &stat, flags ? 0 : AT_SYMLINK_NOFOLLOW);
}
static wasi_errno_t guest_stat(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  struct filestat stat;
  (void)b;
  return do_stat(guest, fd, flags ? FOLLOW : 0, a, &stat);
}

enum { WRITES = 16, FOLLOWS = 32 };

static int host_open(const char *a, const char *b, int flags) {
  (void)b;
  int host_flags = flags & WRITES ? O_RDWR : O_RDONLY;
  if (flags & WASI_OFLAG_CREAT) host_flags |= O_CREAT;
  if (flags & WASI_OFLAG_DIRECTORY) host_flags |= O_DIRECTORY;
  if (flags & WASI_OFLAG_EXCL) host_flags |= O_EXCL;
  if (flags & WASI_OFLAG_TRUNC) host_flags |= O_TRUNC;
  if (!(flags & FOLLOWS)) host_flags |= O_NOFOLLOW;
  int fd = openat(folder, a, host_flags, 0644);
  if (fd >= 0) close(fd);
  return fd;
}

static wasi_errno_t guest_open(struct guest *guest, uint32_t fd, const char *a, const char *b, int flags) {
  uint32_t opened;
  (void)b;
  wasi_errno_t error = do_open_at(guest, fd, flags & FOLLOWS ? FOLLOW : 0, a, (uint32_t)flags & 15,
                                  flags & WRITES ? WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE : WASI_RIGHT_FD_READ, 0,
                                  &opened);
  if (!error) OK(do_close(guest, opened));
  return error;
}

/* ---- the tests ---- */

#define NAMES(test, label, host, guest_function, flags)                     \
  static void test(struct guest *guest) {                                   \
    const struct call call = {label, host, guest_function, flags};          \
    for_each_name(guest, &call);                                            \
  }
#define PAIRS(test, label, host, guest_function, flags)                     \
  static void test(struct guest *guest) {                                   \
    const struct call call = {label, host, guest_function, flags};          \
    for_each_pair(guest, &call);                                            \
  }

NAMES(mkdir_agrees, "mkdir", host_mkdir, guest_mkdir, 0)
NAMES(rmdir_agrees, "rmdir", host_rmdir, guest_rmdir, 0)
NAMES(unlink_agrees, "unlink", host_unlink, guest_unlink, 0)
NAMES(symlink_agrees, "symlink", host_symlink, guest_symlink, 0)
NAMES(readlink_agrees, "readlink", host_readlink, guest_readlink, 0)
NAMES(stat_agrees, "stat", host_stat, guest_stat, 1)
NAMES(lstat_agrees, "lstat", host_stat, guest_stat, 0)
PAIRS(rename_agrees, "rename", host_rename, guest_rename, 0)
PAIRS(link_agrees, "link", host_link, guest_link, 0)
PAIRS(link_follow_agrees, "link with FOLLOW", host_link, guest_link, 1)

static void open_agrees(struct guest *guest) {
  for (int flags = 0; flags < 64; flags++) {
    bool creates = flags & WASI_OFLAG_CREAT, folder_only = flags & WASI_OFLAG_DIRECTORY;
    /* Linux before 6.4 makes a file and then fails; WASI calls the combination invalid. */
    if (creates && folder_only) continue;
    /* O_EXCL alone has no meaning. O_TRUNC without write access is unspecified. */
    if (!creates && (flags & WASI_OFLAG_EXCL)) continue;
    if (!(flags & WRITES) && (flags & WASI_OFLAG_TRUNC)) continue;
    char label[64];
    snprintf(label, sizeof label, "open with %s%s%s%s%s%s", creates ? "CREAT " : "", folder_only ? "DIRECTORY " : "",
             flags & WASI_OFLAG_EXCL ? "EXCL " : "", flags & WASI_OFLAG_TRUNC ? "TRUNC " : "",
             flags & WRITES ? "WRITE " : "", flags & FOLLOWS ? "FOLLOW" : "");
    const struct call call = {label, host_open, guest_open, flags};
    for (size_t i = 0; i < NAME_COUNT; i++) compare(guest, &call, names[i], NULL);
  }
  require(differences == 0);
}

static const struct test tests[] = {{"path_filestat_get with FOLLOW agrees with stat", stat_agrees},
                                    {"path_filestat_get agrees with lstat", lstat_agrees},
                                    {"path_readlink agrees with readlink", readlink_agrees},
                                    {"path_create_directory agrees with mkdir", mkdir_agrees},
                                    {"path_remove_directory agrees with rmdir", rmdir_agrees},
                                    {"path_unlink_file agrees with unlink", unlink_agrees},
                                    {"path_symlink agrees with symlink", symlink_agrees},
                                    {"path_open agrees with open for all flags", open_agrees},
                                    {"path_rename agrees with rename for all pairs of names", rename_agrees},
                                    {"path_link agrees with link for all pairs of names", link_agrees},
                                    {"path_link with FOLLOW agrees with linkat", link_follow_agrees}};
RUN_TESTS(tests)

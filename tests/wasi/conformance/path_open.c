/* path_open: every combination of flags on every kind of name, held against what they mean; rights and what they
 * let inherit; links, slashes, and ways out of the sandbox. */
#include "check.h"

enum { READ = 1, WRITE = 2 }; /* how a file is to be opened */

struct target {
  const char *name;
  uint8_t type;       /* 0: there is none */
  const char *behind; /* of a link: what it leads to */
};

static const struct target targets[] = {{"file", FILE_, NULL},        {"folder", FOLDER, NULL},
                                        {"none", 0, NULL},            {"to-file", LINK, "file"},
                                        {"to-folder", LINK, "folder"}, {"to-none", LINK, "none"}};
enum { TARGETS = sizeof targets / sizeof *targets };

static const struct target *named(const char *name) {
  for (int i = 0; i < TARGETS; i++) {
    if (!strcmp(targets[i].name, name)) return &targets[i];
  }
  abort();
}

/* What opening must answer; *other is allowed as well. */
static i32 expected(const struct target *target, i32 oflags, i32 lookup, i32 access, i32 *other) {
  bool creates = oflags & CREAT, exclusive = creates && (oflags & EXCL);
  *other = OK;
  if (creates && (oflags & DIRECTORY)) return EINVAL_;
  if (target->type == LINK && lookup && !exclusive) target = named(target->behind);
  if (target->type == 0) return creates ? OK : ENOENT_;
  if (exclusive) return EEXIST_;
  if (target->type == LINK) {
    *other = ELOOP_;
    return oflags & DIRECTORY ? ENOTDIR_ : ELOOP_;
  }
  if (target->type == FILE_) return oflags & DIRECTORY ? ENOTDIR_ : OK;
  *other = EINVAL_;
  return creates || (oflags & TRUNC) || (access & WRITE) ? EISDIR_ : OK;
}

static i64 rights_for(i32 access) {
  return (access & READ ? RIGHT(FD_READ) : 0) | (access & WRITE ? RIGHT(FD_WRITE) : 0) | RIGHT(FD_FILESTAT_GET);
}

static void reset(void) {
  path_unlink_file(dir, PATH("none"));
  make_file("file", "contents");
}

/* Opens, and says what is wrong with the result, or NULL. */
static const char *wrong(const struct target *target, i32 oflags, i32 lookup, i32 access, i32 fdflags) {
  static char text[160];
  i32 other, fd = ~0u, want = expected(target, oflags, lookup, access, &other);
  i32 code = path_open(dir, lookup, PATH(target->name), oflags, rights_for(access), 0, fdflags, AT(&fd));
  if (code == ENOTSUP_ && (fdflags & (DSYNC | RSYNC | SYNC))) return NULL;
  snprintf(text, sizeof text, "oflags %u, fdflags %u: %s", oflags, fdflags, errno_text(code));
  if (code != want && (want == OK || code != other)) return text;
  if (code != OK) return strcmp(contents("file"), "contents") ? "a failed call changed the file" : NULL;
  __wasi_fdstat_t stat = {0};
  must(fd_fdstat_get(fd, AT(&stat)), "fd_fdstat_get");
  must(fd_close(fd), "fd_close");
  if (target->type == LINK) target = named(target->behind);
  if (stat.fs_filetype != (target->type ? target->type : FILE_)) return "another type of file";
  if (target->type == FILE_ && stat.fs_flags != fdflags) return "other fdflags";
  if (target->type == 0 && !exists("none")) return "no file was made";
  bool empties = target->type == FILE_ && (oflags & TRUNC);
  bool empty = stat_of("file").size == 0;
  if (empty != empties) return empties ? "the file was not emptied" : "the file was emptied";
  return NULL;
}

static void combinations(void) {
  make_folder("folder");
  make_link("file", "to-file");
  make_link("folder", "to-folder");
  make_link("none", "to-none");
  for (int i = 0; i < TARGETS; i++) {
    i32 step = targets[i].type == FILE_ ? 1 : 31;
    for (i32 lookup = 0; lookup < 2; lookup++) {
      for (i32 access = READ; access <= (READ | WRITE); access++) {
        for (i32 oflags = 0; oflags < 16; oflags++) {
          const char *fault = NULL;
          reset();
          for (i32 fdflags = 0; fdflags < 32 && !fault; fdflags += step) {
            fault = wrong(&targets[i], oflags, lookup, access, fdflags);
            if (oflags & (CREAT | TRUNC)) reset();
          }
          char what[80];
          snprintf(what, sizeof what, "path_open(%s), lookup %u, access %u, oflags %u", targets[i].name, lookup, access,
                   oflags);
          verdict(!fault, __LINE__, what, "what the flags mean", fault ? fault : "it");
        }
      }
    }
  }
  reset();
}

static i32 opens(i32 folder, const char *path, i32 oflags, i64 rights, i64 inherit) {
  i32 fd = ~0u, code = path_open(folder, 0, PATH(path), oflags, rights, inherit, 0, AT(&fd));
  if (code == OK) must(fd_close(fd), "fd_close");
  return code;
}

static void rights(void) {
  __wasi_fdstat_t stat = {0};
  i32 fd = open_with(dir, "file", 0, RIGHT(FD_READ) | RIGHT(FD_SEEK), 0);
  must(fd_fdstat_get(fd, AT(&stat)), "fd_fdstat_get");
  TRUE(stat.fs_rights_base == (RIGHT(FD_READ) | RIGHT(FD_SEEK)));
  /* Rights that files of this type do not have are left out. */
  fd = open_with(dir, "file", 0, inheriting, 0);
  must(fd_fdstat_get(fd, AT(&stat)), "fd_fdstat_get");
  TRUE(!(stat.fs_rights_base & (RIGHT(FD_READDIR) | RIGHT(PATH_OPEN) | RIGHT(SOCK_SHUTDOWN))));
  SUCCEEDS(opens(dir, "file", 0, 0, 0));
  /* More than the folder lets inherit, and what no right is. */
  i32 folder = open_folder(".");
  must(fd_fdstat_set_rights(folder, base, inheriting & ~RIGHT(FD_WRITE)), "fd_fdstat_set_rights");
  SUCCEEDS(opens(folder, "file", 0, RIGHT(FD_READ), 0));
  FAILS(ENOTCAPABLE, opens(folder, "file", 0, RIGHT(FD_WRITE), 0));
  FAILS(ENOTCAPABLE, opens(folder, "folder", DIRECTORY, RIGHT(FD_READDIR), RIGHT(FD_WRITE)));
  EITHER(ENOTCAPABLE, EINVAL, opens(dir, "file", 0, 1ull << 60, 0));
  EITHER(ENOTCAPABLE, EINVAL, opens(dir, "folder", DIRECTORY, 0, 1ull << 60));
  /* Making and emptying need rights of the folder. */
  folder = without(open_folder("."), RIGHT(PATH_CREATE_FILE));
  FAILS(ENOTCAPABLE, opens(folder, "none", CREAT, RIGHT(FD_WRITE), 0));
  TRUE(!exists("none"));
  EITHER(OK, ENOTCAPABLE, opens(folder, "file", CREAT, RIGHT(FD_WRITE), 0));
  folder = without(open_folder("."), RIGHT(PATH_FILESTAT_SET_SIZE));
  FAILS(ENOTCAPABLE, opens(folder, "file", TRUNC, RIGHT(FD_WRITE), 0));
  TRUE(strcmp(contents("file"), "contents") == 0);
  SUCCEEDS(opens(folder, "file", 0, RIGHT(FD_WRITE), 0));
  folder = open_folder(".");
  LACKS(folder, PATH_OPEN, opens(folder, "file", 0, 0, 0));
  /* Rights of a folder go down with it. */
  i32 inner = ~0u, deep = ~0u;
  i64 few = RIGHT(PATH_OPEN) | RIGHT(FD_READ);
  must(path_open(dir, 0, PATH("folder"), DIRECTORY, few, few, 0, AT(&inner)), "path_open");
  SUCCEEDS(path_open(inner, 0, PATH("."), DIRECTORY, RIGHT(PATH_OPEN), RIGHT(FD_READ), 0, AT(&deep)));
  FAILS(ENOTCAPABLE, path_create_directory(inner, PATH("x")));
  FAILS(ENOTCAPABLE, opens(inner, "x", CREAT, RIGHT(FD_READ), 0));
  FAILS(ENOTCAPABLE, opens(deep, ".", DIRECTORY, RIGHT(FD_READDIR), 0));
}

static void paths(void) {
  make_link("two", "one");
  make_link("one", "two");
  make_link("../file", "folder/up");
  make_link("../..", "folder/outside");
  SUCCEEDS(opens(dir, ".", 0, 0, 0));
  SUCCEEDS(opens(dir, "folder/", DIRECTORY, 0, 0));
  SUCCEEDS(opens(dir, "folder/", 0, 0, 0));
  SUCCEEDS(opens(dir, "./folder/..//file", 0, RIGHT(FD_READ), 0));
  SUCCEEDS(opens(dir, "to-folder/", 0, 0, 0));
  SUCCEEDS(path_open(dir, FOLLOW, PATH("folder/up"), 0, RIGHT(FD_READ), 0, 0, IGNORED));
  FAILS(ENOTDIR, opens(dir, "file/", 0, RIGHT(FD_READ), 0));
  FAILS(ENOTDIR, opens(dir, "file/x", 0, RIGHT(FD_READ), 0));
  FAILS(ENOTDIR, opens(dir, "file/.", 0, RIGHT(FD_READ), 0));
  FAILS(ENOTDIR, opens(dir, "to-file/", 0, RIGHT(FD_READ), 0));
  FAILS(ENOENT, opens(dir, "none/", 0, RIGHT(FD_READ), 0));
  EITHER(EISDIR, ENOENT, opens(dir, "none/", CREAT, RIGHT(FD_WRITE), 0));
  EITHER(EISDIR, ENOTDIR, opens(dir, "file/", CREAT, RIGHT(FD_WRITE), 0));
  FAILS(ENOENT, opens(dir, "none/x", CREAT, RIGHT(FD_WRITE), 0));
  FAILS(ELOOP, path_open(dir, FOLLOW, PATH("one"), 0, RIGHT(FD_READ), 0, 0, IGNORED));
  FAILS(ELOOP, path_open(dir, FOLLOW, PATH("one"), CREAT, RIGHT(FD_WRITE), 0, 0, IGNORED));
  FAILS(ELOOP, opens(dir, "one/x", 0, RIGHT(FD_READ), 0));
  TRUE(!exists("none"));
  ESCAPES(path_open(dir, FOLLOW, PATH("folder/outside"), 0, 0, 0, 0, IGNORED));
  ESCAPES(opens(dir, "folder/outside/file", 0, RIGHT(FD_READ), 0));
  ESCAPES(opens(dir, "folder/outside/made", CREAT, RIGHT(FD_WRITE), 0));
  ESCAPES(path_open(home, 0, PATH(".."), DIRECTORY, 0, 0, 0, IGNORED));
  ESCAPES(path_open(home, 0, PATH("../x"), CREAT, 0, 0, 0, IGNORED));
  ESCAPES_BY_PATH(path_open(dir, FOLLOW, path, length, 0, 0, 0, 0, IGNORED));
  ESCAPES_BY_PATH(path_open(dir, 0, path, length, CREAT, RIGHT(FD_WRITE), 0, 0, IGNORED));
  BAD_PATHS(path_open(dir, 0, path, length, CREAT, 0, 0, 0, IGNORED));
  BAD_FOLDERS(path_open(fd, 0, PATH("file"), 0, 0, 0, 0, IGNORED));
}

int main(int argc, char **argv) {
  start(argc, argv);
  combinations();
  rights();
  paths();
  FAILS(EINVAL, path_open(dir, 2, PATH("file"), 0, 0, 0, 0, IGNORED));
  FAILS(EINVAL, path_open(dir, ~0u, PATH("file"), 0, 0, 0, 0, IGNORED));
  FAILS(EINVAL, path_open(dir, 0, PATH("file"), 16, 0, 0, 0, IGNORED));
  FAILS(EINVAL, path_open(dir, 0, PATH("file"), 0, 0, 0, 32, IGNORED));
  /* Nowhere to put the descriptor: nothing is made or emptied. */
  FAILS(EFAULT, path_open(dir, 0, PATH("none"), CREAT, RIGHT(FD_WRITE), 0, 0, NOWHERE));
  FAILS(EFAULT, path_open(dir, 0, PATH("file"), TRUNC, RIGHT(FD_WRITE), 0, 0, last_byte() - 2));
  TRUE(!exists("none"));
  TRUE(strcmp(contents("file"), "contents") == 0);
  /* In a folder that is not there any more; many at a time, each with a number of its own. */
  make_folder("gone");
  i32 gone = open_folder("gone");
  must(path_remove_directory(dir, PATH("gone")), "path_remove_directory");
  FAILS(ENOENT, path_open(gone, 0, PATH("x"), CREAT, RIGHT(FD_WRITE), 0, 0, IGNORED));
  static i32 many[200];
  int same = 0;
  for (int i = 0; i < 200; i++) many[i] = open_file("file", 0, 0);
  for (int i = 0; i < 200; i++) {
    for (int j = 0; j < i; j++) same += many[i] == many[j];
  }
  EQUAL(same, 0);
  i32 again = many[100];
  must(fd_close(again), "fd_close");
  many[100] = open_file("file", 0, 0);
  TRUE(many[100] <= again + 200);
  return done();
}

/* path_symlink: a name that stands for a path, whatever that leads to. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  make_folder("d");
  make_file("d/x", "inner");
  SUCCEEDS(path_symlink(PATH("f"), dir, PATH("link")));
  TRUE(strcmp(contents("link"), "contents") == 0);
  SUCCEEDS(path_symlink(PATH("d"), dir, PATH("to-d")));
  TRUE(strcmp(contents("to-d/x"), "inner") == 0);
  SUCCEEDS(path_symlink(PATH("d/"), dir, PATH("slash")));
  TRUE(strcmp(contents("slash/x"), "inner") == 0);
  SUCCEEDS(path_symlink(PATH("../f"), dir, PATH("d/up")));
  TRUE(strcmp(contents("d/up"), "contents") == 0);
  SUCCEEDS(path_symlink(PATH("x"), dir, PATH("to-d/beside")));
  TRUE(strcmp(contents("d/beside"), "inner") == 0);
  /* Dangling, itself, and each other. */
  SUCCEEDS(path_symlink(PATH("later"), dir, PATH("dangling")));
  TRUE(strcmp(contents("dangling"), "(not there)") == 0);
  make_file("later", "now");
  TRUE(strcmp(contents("dangling"), "now") == 0);
  SUCCEEDS(path_symlink(PATH("self"), dir, PATH("self")));
  FAILS(ELOOP, path_filestat_get(dir, FOLLOW, PATH("self"), IGNORED));
  SUCCEEDS(path_symlink(PATH("b"), dir, PATH("a")));
  SUCCEEDS(path_symlink(PATH("a"), dir, PATH("b")));
  FAILS(ELOOP, path_open(dir, FOLLOW, PATH("a"), 0, READING, 0, 0, IGNORED));
  FAILS(ENOTDIR, path_open(dir, FOLLOW, PATH("link/x"), 0, READING, 0, 0, IGNORED));
  /* Targets that lead out may be refused when they are made; they are never followed. */
  EITHER(OK, EPERM, path_symlink(PATH("../../x"), dir, PATH("out")));
  if (exists("out")) ESCAPES(path_filestat_get(dir, FOLLOW, PATH("out"), IGNORED));
  ESCAPES(path_symlink(PATH("/etc/passwd"), dir, PATH("absolute")));
  TRUE(!exists("absolute"));
  FAILS(EEXIST, path_symlink(PATH("f"), dir, PATH("f")));
  FAILS(EEXIST, path_symlink(PATH("f"), dir, PATH("d")));
  FAILS(EEXIST, path_symlink(PATH("f"), dir, PATH("link")));
  FAILS(EEXIST, path_symlink(PATH("f"), dir, PATH("self")));
  FAILS(EEXIST, path_symlink(PATH("f"), dir, PATH(".")));
  EITHER(EEXIST, ENOTDIR, path_symlink(PATH("f"), dir, PATH("d/")));
  EITHER(EEXIST, ENOTDIR, path_symlink(PATH("d"), dir, PATH("f/")));
  FAILS(ENOENT, path_symlink(PATH("f"), dir, PATH("x/")));
  FAILS(ENOENT, path_symlink(PATH("f"), dir, PATH("none/x")));
  FAILS(ENOTDIR, path_symlink(PATH("f"), dir, PATH("f/x")));
  FAILS(ELOOP, path_symlink(PATH("f"), dir, PATH("self/x")));
  ESCAPES_BY_PATH(path_symlink(PATH("f"), dir, path, length));
  BAD_PATHS(path_symlink(PATH("f"), dir, path, length));
  FAILS(EFAULT, path_symlink(NOWHERE, 64, dir, PATH("x")));
  EITHER(EINVAL, EILSEQ, path_symlink(AT("a\0b"), 3, dir, PATH("x")));
  EITHER(EINVAL, EILSEQ, path_symlink(AT("\xff"), 1, dir, PATH("x")));
  EITHER(ENOENT, EINVAL, path_symlink(AT(""), 0, dir, PATH("x")));
  FAILS(ENAMETOOLONG, path_symlink(AT(long_path(100000)), 100000, dir, PATH("x")));
  BAD_FOLDERS(path_symlink(PATH("f"), fd, PATH("x")));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_SYMLINK, path_symlink(PATH("f"), limited, PATH("x")));
  TRUE(!exists("x"));
  return done();
}

/* path_link: another name for the same file. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  make_folder("d");
  make_link("f", "link");
  make_link("nowhere", "dangling");
  make_link("loop", "loop");
  SUCCEEDS(path_link(dir, 0, PATH("f"), dir, PATH("g")));
  EQUAL(stat_of("g").ino, stat_of("f").ino);
  EQUAL(stat_of("g").nlink, 2);
  i32 sub = open_folder("d");
  SUCCEEDS(path_link(dir, 0, PATH("f"), sub, PATH("h")));
  EQUAL(stat_of("f").nlink, 3);
  SUCCEEDS(path_link(sub, 0, PATH("h"), dir, PATH("d/i")));
  EQUAL(stat_of("f").nlink, 4);
  /* Each name is as good as the first. */
  i32 fd = open_file("d/i", 0, 0);
  put(fd, "CON");
  TRUE(strcmp(contents("f"), "CONtents") == 0);
  must(path_unlink_file(dir, PATH("f")), "path_unlink_file");
  TRUE(strcmp(contents("g"), "CONtents") == 0);
  EQUAL(stat_of("g").nlink, 3);
  /* A link itself gets another name. */
  SUCCEEDS(path_link(dir, 0, PATH("dangling"), dir, PATH("dangling2")));
  EQUAL(stat_of("dangling2").filetype, LINK);
  EQUAL(stat_of("dangling2").ino, stat_of("dangling").ino);
  /* Following: wasmtime refuses that. */
  make_file("f", "again");
  i32 code = path_link(dir, FOLLOW, PATH("link"), dir, PATH("followed"));
  EITHER(OK, EINVAL, code);
  if (code == OK) EQUAL(stat_of("followed").ino, stat_of("f").ino);
  EITHER(ENOENT, EINVAL, path_link(dir, FOLLOW, PATH("dangling"), dir, PATH("x")));
  EITHER(ELOOP, EINVAL, path_link(dir, FOLLOW, PATH("loop"), dir, PATH("x")));
  FAILS(EEXIST, path_link(dir, 0, PATH("f"), dir, PATH("g")));
  FAILS(EEXIST, path_link(dir, 0, PATH("f"), dir, PATH("f")));
  FAILS(EEXIST, path_link(dir, 0, PATH("f"), dir, PATH("d")));
  FAILS(EEXIST, path_link(dir, 0, PATH("f"), dir, PATH("dangling")));
  FAILS(EEXIST, path_link(dir, 0, PATH("f"), dir, PATH(".")));
  FAILS(ENOENT, path_link(dir, 0, PATH("none"), dir, PATH("x")));
  FAILS(ENOENT, path_link(dir, 0, PATH("f"), dir, PATH("none/x")));
  FAILS(ENOENT, path_link(dir, 0, PATH("f"), dir, PATH("x/")));
  FAILS(ENOTDIR, path_link(dir, 0, PATH("f/"), dir, PATH("x")));
  FAILS(ENOTDIR, path_link(dir, 0, PATH("f/x"), dir, PATH("x")));
  FAILS(ENOTDIR, path_link(dir, 0, PATH("f"), dir, PATH("f/x")));
  EITHER(EPERM, EACCES, path_link(dir, 0, PATH("d"), dir, PATH("x")));
  EITHER(EPERM, EACCES, path_link(dir, 0, PATH("."), dir, PATH("x")));
  FAILS(EINVAL, path_link(dir, 2, PATH("f"), dir, PATH("x")));
  TRUE(!exists("x"));
  ESCAPES_BY_PATH(path_link(dir, 0, path, length, dir, PATH("x")));
  ESCAPES_BY_PATH(path_link(dir, 0, PATH("f"), dir, path, length));
  BAD_PATHS(path_link(dir, 0, path, length, dir, PATH("x")));
  BAD_PATHS(path_link(dir, 0, PATH("f"), dir, path, length));
  BAD_FOLDERS(path_link(fd, 0, PATH("f"), dir, PATH("x")));
  BAD_FOLDERS(path_link(dir, 0, PATH("f"), fd, PATH("x")));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_LINK_SOURCE, path_link(limited, 0, PATH("f"), dir, PATH("x")));
  limited = open_folder(".");
  LACKS(limited, PATH_LINK_TARGET, path_link(dir, 0, PATH("f"), limited, PATH("x")));
  TRUE(!exists("x"));
  return done();
}

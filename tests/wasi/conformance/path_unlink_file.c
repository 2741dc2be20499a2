/* path_unlink_file: the name goes at once, what it named with its last name and descriptor. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_file("f", "contents");
  SUCCEEDS(path_unlink_file(dir, PATH("f")));
  TRUE(!exists("f"));
  FAILS(ENOENT, path_unlink_file(dir, PATH("f")));
  /* While it is open, it is read and written as before; the name is free. */
  make_file("f", "contents");
  i32 fd = open_file("f", 0, 0);
  SUCCEEDS(path_unlink_file(dir, PATH("./f")));
  TRUE(!exists("f"));
  make_file("f", "another");
  EQUAL(put(fd, "CON"), 3);
  char bytes[9] = "";
  struct { i32 at, length; } vector = {AT(bytes), 8};
  i32 length = 0;
  SUCCEEDS(fd_pread(fd, AT(&vector), 1, 0, AT(&length)));
  TRUE(length == 8 && strcmp(bytes, "CONtents") == 0);
  TRUE(strcmp(contents("f"), "another") == 0);
  SUCCEEDS(fd_close(fd));
  /* Other names of the file stay. */
  must(path_link(dir, 0, PATH("f"), dir, PATH("g")), "path_link");
  SUCCEEDS(path_unlink_file(dir, PATH("f")));
  EQUAL(stat_of("g").nlink, 1);
  TRUE(strcmp(contents("g"), "another") == 0);
  /* A link goes, not what it leads to. */
  make_folder("d");
  make_link("g", "link");
  make_link("d", "to-d");
  make_link("nowhere", "dangling");
  make_link("loop", "loop");
  SUCCEEDS(path_unlink_file(dir, PATH("link")));
  SUCCEEDS(path_unlink_file(dir, PATH("dangling")));
  SUCCEEDS(path_unlink_file(dir, PATH("loop")));
  TRUE(!exists("link") && !exists("dangling") && !exists("loop") && exists("g"));
  make_file("d/x", "");
  SUCCEEDS(path_unlink_file(dir, PATH("to-d/x")));
  TRUE(!exists("d/x"));
  EITHER(EISDIR, EPERM, path_unlink_file(dir, PATH("d")));
  EITHER(EISDIR, EPERM, path_unlink_file(dir, PATH("d/")));
  EITHER(EISDIR, EPERM, path_unlink_file(dir, PATH(".")));
  EITHER(EISDIR, EPERM, path_unlink_file(dir, PATH("d/..")));
  FAILS(ENOTDIR, path_unlink_file(dir, PATH("g/")));
  FAILS(ENOTDIR, path_unlink_file(dir, PATH("g/x")));
  EITHER(ENOTDIR, EISDIR, path_unlink_file(dir, PATH("to-d/")));
  FAILS(ENOENT, path_unlink_file(dir, PATH("none/x")));
  TRUE(exists("g") && exists("d") && exists("to-d"));
  SUCCEEDS(path_unlink_file(dir, PATH("to-d")));
  TRUE(exists("d"));
  ESCAPES_BY_PATH(path_unlink_file(dir, path, length));
  BAD_PATHS(path_unlink_file(dir, path, length));
  BAD_FOLDERS(path_unlink_file(fd, PATH("g")));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_UNLINK_FILE, path_unlink_file(limited, PATH("g")));
  TRUE(exists("g"));
  return done();
}

/* path_remove_directory: removes an empty folder. */
#include "check.h"

int main(int argc, char **argv) {
  start(argc, argv);
  make_folder("d");
  SUCCEEDS(path_remove_directory(dir, PATH("d")));
  TRUE(!exists("d"));
  make_folder("d");
  SUCCEEDS(path_remove_directory(dir, PATH("d/")));
  make_folder("d");
  SUCCEEDS(path_remove_directory(dir, PATH("./d///")));
  TRUE(!exists("d"));
  make_folder("d");
  make_folder("d/e");
  make_file("d/x", "");
  make_file("f", "");
  FAILS(ENOTEMPTY, path_remove_directory(dir, PATH("d")));
  SUCCEEDS(path_remove_directory(dir, PATH("d/e")));
  FAILS(ENOTEMPTY, path_remove_directory(dir, PATH("d/")));
  must(path_unlink_file(dir, PATH("d/x")), "path_unlink_file");
  FAILS(EINVAL, path_remove_directory(dir, PATH("d/.")));
  FAILS(EINVAL, path_remove_directory(dir, PATH(".")));
  make_folder("d/e");
  FAILS(ENOTEMPTY, path_remove_directory(dir, PATH("d/e/..")));
  SUCCEEDS(path_remove_directory(dir, PATH("d/e")));
  /* While it is open: it is gone all the same. */
  i32 open = open_folder("d");
  SUCCEEDS(path_remove_directory(dir, PATH("d")));
  TRUE(!exists("d"));
  FAILS(ENOENT, path_open(open, 0, PATH("x"), CREAT, READING, 0, 0, IGNORED));
  FAILS(ENOENT, path_create_directory(open, PATH("x")));
  SUCCEEDS(fd_close(open));
  make_folder("d");
  FAILS(ENOENT, path_remove_directory(dir, PATH("none")));
  FAILS(ENOENT, path_remove_directory(dir, PATH("none/x")));
  FAILS(ENOTDIR, path_remove_directory(dir, PATH("f")));
  FAILS(ENOTDIR, path_remove_directory(dir, PATH("f/")));
  FAILS(ENOTDIR, path_remove_directory(dir, PATH("f/x")));
  make_link("d", "link");
  make_link("nowhere", "dangling");
  make_link("loop", "loop");
  FAILS(ENOTDIR, path_remove_directory(dir, PATH("link")));
  FAILS(ENOTDIR, path_remove_directory(dir, PATH("link/")));
  FAILS(ENOTDIR, path_remove_directory(dir, PATH("dangling")));
  FAILS(ENOTDIR, path_remove_directory(dir, PATH("loop")));
  FAILS(ELOOP, path_remove_directory(dir, PATH("loop/x")));
  make_folder("d/e");
  SUCCEEDS(path_remove_directory(dir, PATH("link/e")));
  TRUE(exists("d") && exists("link") && exists("f"));
  ESCAPES_BY_PATH(path_remove_directory(dir, path, length));
  BAD_PATHS(path_remove_directory(dir, path, length));
  BAD_FOLDERS(path_remove_directory(fd, PATH("d")));
  i32 limited = open_folder(".");
  LACKS(limited, PATH_REMOVE_DIRECTORY, path_remove_directory(limited, PATH("d")));
  TRUE(exists("d"));
  return done();
}
